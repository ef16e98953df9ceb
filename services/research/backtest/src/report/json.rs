//! The outcome as JSON. Money, prices and quantities are text: exact decimals.

use mesh_backtest::gates::Miss;
use serde_json::{Map, Value, json};

use super::{Report, reason_name, side_name};

/// The whole report.
pub(crate) fn report(report: &Report<'_>) -> Value {
    let outcome = report.outcome;
    let decimals = &outcome.decimals;
    let params: Map<String, Value> = report.params.iter().map(|(name, x)| ((*name).to_owned(), json!(x))).collect();
    let trades = outcome.trades.iter().map(|trade| {
        json!({
            "symbol": report.symbol(trade),
            "entry_ns": trade.entry_ns,
            "exit_ns": trade.exit_ns,
            "entry_bar": trade.entry_bar,
            "exit_bar": trade.exit_bar,
            "side": side_name(trade.side),
            "entry_price": decimals.price_text(trade.entry_price),
            "exit_price": decimals.price_text(trade.exit_price),
            "quantity": decimals.quantity_text(trade.quantity),
            "pnl": decimals.money_text(trade.pnl),
            "fees": decimals.money_text(trade.fees),
            "funding": decimals.money_text(trade.funding),
            "exit_reason": reason_name(trade.reason),
            "regime": trade.regime.name(),
        })
    });
    let open = outcome.open.iter().map(|open| {
        json!({
            "symbol": report.series.get(open.symbol).map(|series| &series.symbol),
            "entry_ns": open.entry_ns,
            "entry_bar": open.entry_bar,
            "side": side_name(open.side),
            "entry_price": decimals.price_text(open.entry_price),
            "quantity": decimals.quantity_text(open.quantity),
            "unrealised": decimals.money_text(open.unrealised),
            "fees": decimals.money_text(open.fees),
            "funding": decimals.money_text(open.funding),
            "stop_price": open.stop_price,
        })
    });
    let equity = outcome.equity.iter().map(|point| json!([point.time_ns, decimals.money_text(point.equity)]));
    let why_not = report.why_not().into_iter().map(|row| {
        let miss = |miss: &Miss| {
            let (symbol, time_ns) = (report.symbol_at(miss.symbol), miss.time_ns);
            json!({"symbol": symbol, "time_ns": time_ns, "value": miss.value, "threshold": miss.threshold})
        };
        let nearest: Vec<Value> = row.nearest.iter().map(miss).collect();
        let share = report.share(row.bars);
        json!({"gate": row.gate, "bars": row.bars, "share": share, "nearest": nearest, "missing": row.missing})
    });
    let mut whole = json!({
        "strategy": report.strategy,
        "fills": report.fills,
        "params": params,
        "metrics": report.metrics,
        "symbols": report.symbols,
        "regimes": report.regimes,
        "why_not": why_not.collect::<Vec<_>>(),
        "trades": trades.collect::<Vec<_>>(),
        "open": open.collect::<Vec<_>>(),
        "equity": equity.collect::<Vec<_>>(),
        "digest": format!("{:016x}", outcome.digest),
    });
    if let (Some(ticks), Value::Object(fields)) = (report.ticks, &mut whole) {
        fields.insert("ticks".to_owned(), json!(ticks));
    }
    whole
}
