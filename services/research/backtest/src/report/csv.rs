//! The trades as CSV.

use std::io::{self, Write};

use super::{Report, reason_name, side_name};

/// Header and one row a trade.
pub(crate) fn trades(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    let decimals = &report.outcome.decimals;
    writeln!(
        out,
        "symbol,side,entry_ns,exit_ns,entry_bar,exit_bar,entry_price,exit_price,quantity,pnl,fees,funding,exit_reason,regime"
    )?;
    for trade in &report.outcome.trades {
        writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            report.symbol(trade),
            side_name(trade.side),
            trade.entry_ns,
            trade.exit_ns,
            trade.entry_bar,
            trade.exit_bar,
            decimals.price_text(trade.entry_price),
            decimals.price_text(trade.exit_price),
            decimals.quantity_text(trade.quantity),
            decimals.money_text(trade.pnl),
            decimals.money_text(trade.fees),
            decimals.money_text(trade.funding),
            reason_name(trade.reason),
            trade.regime.name(),
        )?;
    }
    Ok(())
}
