//! A few lines for the terminal.

use std::io::{self, Write};

use serde_json::Value;

use super::{Report, short, shown};

/// Figures, then the breakdown.
pub(crate) fn summary(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{} · fills {} · digest {:016x}", report.strategy, report.fills, report.outcome.digest)?;
    if let Ok(Value::Object(metrics)) = serde_json::to_value(&report.metrics) {
        for (name, value) in &metrics {
            writeln!(out, "  {name:<20} {:>16}", shown(value))?;
        }
    }
    if let Some(Ok(Value::Object(ticks))) = report.ticks.map(serde_json::to_value) {
        writeln!(out, "\nticks")?;
        for (name, value) in &ticks {
            writeln!(out, "  {name:<20} {:>16}", value.as_str().map_or_else(|| shown(value), str::to_owned))?;
        }
    }
    for (title, shares) in [("symbol", &report.symbols), ("regime", &report.regimes)] {
        writeln!(out, "\n{title:<12} {:>8} {:>8} {:>16} {:>10} {:>10}", "bars", "trades", "pnl", "win rate", "factor")?;
        for share in shares.iter().filter(|share| share.bars > 0) {
            let ratio = |x: Option<f64>| x.map_or_else(|| "–".to_owned(), short);
            let (rate, factor) = (ratio(share.win_rate), ratio(share.profit_factor));
            let (name, bars, trades, pnl) = (&share.name, share.bars, share.trades, short(share.pnl));
            writeln!(out, "{name:<12} {bars:>8} {trades:>8} {pnl:>16} {rate:>10} {factor:>10}")?;
        }
    }
    why_not(report, out)
}

/// What stopped entries.
fn why_not(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    let gates = report.why_not();
    if gates.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:<16} {:>10} {:>8}  nearest miss", "why not", "decisions", "share")?;
    for row in gates {
        let nearest = row.told(report, 1).pop().unwrap_or_else(|| "–".to_owned());
        writeln!(out, "{:<16} {:>10} {:>6.2} %  {nearest}", row.gate, row.bars, report.share(row.bars) * 100.0)?;
    }
    Ok(())
}
