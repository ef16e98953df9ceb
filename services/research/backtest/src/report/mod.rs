//! What a run made, written down: JSON, CSV, HTML, and a few lines for the terminal.

pub(crate) mod csv;
pub(crate) mod html;
pub(crate) mod json;
mod svg;
pub(crate) mod terminal;

use mesh_backtest::metrics::{Share, by_regime, by_symbol};
use mesh_backtest::{Metrics, Outcome, Series, Trade, metrics};
use mesh_kernel::{ExitReason, Side};

use crate::ticks::About;

/// Everything that a report is made of.
pub(crate) struct Report<'a> {
    pub(crate) strategy: &'a str,
    pub(crate) fills: &'a str,
    pub(crate) params: &'a [(&'static str, f64)],
    pub(crate) series: &'a [Series],
    pub(crate) outcome: &'a Outcome,
    pub(crate) metrics: Metrics,
    pub(crate) symbols: Vec<Share>,
    pub(crate) regimes: Vec<Share>,
    /// Of a run on ticks: what it was made of.
    pub(crate) ticks: Option<&'a About>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        strategy: &'a str,
        fills: &'a str,
        params: &'a [(&'static str, f64)],
        series: &'a [Series],
        outcome: &'a Outcome,
    ) -> Self {
        let (symbols, regimes) = (by_symbol(outcome, series), by_regime(outcome));
        Self { strategy, fills, params, series, outcome, metrics: metrics(outcome), symbols, regimes, ticks: None }
    }

    fn symbol(&self, trade: &Trade) -> &str {
        self.series.get(trade.symbol).map_or("", |series| series.symbol.as_str())
    }
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Flat => "flat",
        Side::Long => "long",
        Side::Short => "short",
    }
}

const fn reason_name(reason: ExitReason) -> &'static str {
    match reason {
        // Closed by an order that was not sent to close, as a quote's.
        ExitReason::None => "none",
        ExitReason::Stop => "stop",
        ExitReason::Target => "target",
        ExitReason::Partial => "partial",
        ExitReason::Time => "time",
        ExitReason::Signal => "signal",
        ExitReason::Liquidation => "liquidation",
    }
}

/// A metric by name, as reports show it; empty where it has no value.
fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "–".to_owned(),
        serde_json::Value::Number(number) => match number.as_f64() {
            Some(x) if number.is_f64() => short(x),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// Enough digits for people.
fn short(x: f64) -> String {
    if x.abs() >= 1_000.0 { format!("{x:.2}") } else { format!("{x:.4}") }
}
