//! What a run made, written down: JSON, CSV, HTML, and a few lines for the terminal.

pub(crate) mod csv;
pub(crate) mod decisions;
pub(crate) mod html;
pub(crate) mod json;
mod svg;
pub(crate) mod terminal;

use mesh_backtest::gates::Miss;
use mesh_backtest::metrics::{Share, by_regime, by_symbol};
use mesh_backtest::monthly::date;
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
        self.symbol_at(trade.symbol)
    }

    fn symbol_at(&self, index: usize) -> &str {
        self.series.get(index).map_or("", |series| series.symbol.as_str())
    }

    /// What stopped entries, the most frequent gates first.
    fn why_not(&self) -> Vec<WhyNot<'a>> {
        let gates = &self.outcome.gates;
        let of_strategy = gates.by_frequency().into_iter().map(|(gate, stopped)| WhyNot {
            gate: gate.name(),
            bars: stopped.bars,
            nearest: &stopped.nearest,
            missing: stopped.missing().collect(),
        });
        let refused = [("no_position_free", gates.no_position_free), ("no_size", gates.no_size)];
        let refused = refused.into_iter().filter(|(_, bars)| *bars > 0);
        let refused = refused.map(|(gate, bars)| WhyNot { gate, bars, nearest: &[], missing: Vec::new() });
        of_strategy.chain(refused).collect()
    }

    /// Part of all decisions.
    fn share(&self, bars: usize) -> f64 {
        bars as f64 / self.outcome.bars.max(1) as f64
    }

    /// A near miss in words.
    fn missed(&self, miss: &Miss) -> String {
        let (value, threshold) = (short(miss.value), short(miss.threshold));
        format!("{value} against {threshold} ({} {})", self.symbol_at(miss.symbol), moment(miss.time_ns))
    }
}

/// What one gate stopped.
struct WhyNot<'a> {
    gate: &'static str,
    /// Decisions.
    bars: usize,
    nearest: &'a [Miss],
    /// Inputs that were missing.
    missing: Vec<&'static str>,
}

impl WhyNot<'_> {
    /// How near it was, at most so many times, or what it lacked; a line each.
    fn told(&self, report: &Report<'_>, most: usize) -> Vec<String> {
        match self.missing.as_slice() {
            [] => self.nearest.iter().take(most).map(|miss| report.missed(miss)).collect(),
            names => vec![format!("not known: {}", names.join(", "))],
        }
    }
}

/// A time as people read it, UTC.
fn moment(time_ns: u64) -> String {
    let (year, month, day) = date(time_ns);
    let seconds = time_ns / 1_000_000_000 % 86_400;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let seconds = if second > 0 { format!(":{second:02}") } else { String::new() };
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}{seconds}")
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
