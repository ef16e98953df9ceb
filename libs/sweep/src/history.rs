//! What every configuration of a sweep shares: the bars of one symbol, when funding settles, what is known beside
//! them, when periods end.
//!
//! Bars that can't be used are left out once, here: bar numbers count the rest. Funding that falls due on one of those,
//! or between two bars, is settled with the next usable bar, at its open, as `mesh_backtest` does.

use core::fmt;

use mesh_backtest::fills::rate_of_bp;
use mesh_backtest::{Funding, TimedBar};
use mesh_kernel::account::Scale;
use mesh_kernel::indicators::market::funding_bp_8h;
use mesh_kernel::run::{MAX_TICKS as MAX_MARKED_TICKS, Settlement};
use mesh_kernel::{Bar, Context};

use crate::past::{Due, Past};
use crate::pyramid::Stretches;

const HOUR_NS: f64 = 3_600e9;
/// Ticks are 64 bits; what is measured from a price (stops, slippage) needs room above it.
const MAX_TICKS: i64 = i64::MAX / 64;

/// Inputs beside the bars, a value a bar; empty where there is none, NaN where a bar has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Trend of the leading market.
    pub btc_trend: Vec<f64>,
    /// Share of the watch-list that rises, per cent.
    pub breadth_pct: Vec<f64>,
    /// Imbalance of the book, -1 to 1.
    pub book_imbalance: Vec<f64>,
    /// Premium of mark over index, per cent.
    pub premium_pct: Vec<f64>,
    /// Spread, bp.
    pub spread_bp: Vec<f64>,
    /// Funding for 8 hours, bp. Empty: that of the last settlement, where there is funding.
    pub funding_bp_8h: Vec<f64>,
}

/// A history that can't be swept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryError {
    /// No bar that can be used.
    Empty,
    /// More than 2^32 - 2 bars.
    TooLong,
    /// A time that is not after the one before it.
    NotRising {
        /// `bar` or `funding`.
        what: &'static str,
        /// Index of the later one.
        index: usize,
    },
    /// An input with another length than the bars.
    Length {
        /// Which.
        input: &'static str,
        /// Bars.
        expected: usize,
        /// Values that came.
        found: usize,
    },
    /// A price beyond the ticks' range.
    Price {
        /// Index of the bar.
        bar: usize,
    },
    /// Periods of no length.
    Period,
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("expected at least one usable bar, found none"),
            Self::TooLong => write!(f, "expected at most {} bars: cut the history", u32::MAX - 1),
            Self::NotRising { what, index } => {
                write!(f, "the time of {what} {index} is not after the one before; sort the data, drop repeats")
            }
            Self::Length { input, expected, found } => {
                write!(f, "{input}: expected a value for each of {expected} bars, found {found}")
            }
            Self::Price { bar } => {
                write!(f, "the prices of bar {bar} are too large for ticks so fine: use fewer decimals for prices")
            }
            Self::Period => f.write_str("expected a period longer than 0 ns"),
        }
    }
}

impl core::error::Error for HistoryError {}

/// One symbol's bars and what goes with them.
#[derive(Clone, Debug)]
pub struct History {
    bars: Vec<Bar>,
    /// By bar, rising.
    due: Vec<Due>,
    inputs: Inputs,
    /// Last bars of periods, rising.
    period_ends: Vec<u32>,
    stretches: Stretches,
    fits: bool,
    scale: Scale,
    period_ns: u64,
    span_ns: u64,
    left_out: usize,
}

impl History {
    /// From bars (and funding) in the order of time. Returns are taken over periods of `period_ns`, counted from the
    /// Unix epoch (a UTC day: 86,400e9); the last one may be cut short.
    ///
    /// # Errors
    /// Where nothing is usable, times don't rise, an input has another length than the bars, or a price is beyond the
    /// ticks' range.
    pub fn new(
        bars: &[TimedBar],
        funding: &[Funding],
        inputs: Inputs,
        scale: Scale,
        period_ns: u64,
    ) -> Result<Self, HistoryError> {
        if period_ns == 0 {
            return Err(HistoryError::Period);
        }
        check_rising("bar", bars.iter().map(|timed| timed.open_ns))?;
        check_rising("funding", funding.iter().map(|due| due.time_ns))?;
        let used: Vec<usize> = (0..bars.len()).filter(|i| bars[*i].bar.is_valid()).collect();
        let inputs = inputs.of(&used, bars.len())?;
        let times: Vec<u64> = used.iter().map(|i| bars[*i].open_ns).collect();
        if let Some(bar) = used.iter().find(|i| scale.ticks(bars[**i].bar.high) > MAX_TICKS) {
            return Err(HistoryError::Price { bar: *bar });
        }
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return Err(HistoryError::Empty) };
        if u32::try_from(bars.len()).is_ok_and(|count| count < u32::MAX) {
            let interval = times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(period_ns);
            let bars_used: Vec<Bar> = used.iter().map(|i| bars[*i].bar).collect();
            let fits = bars_used.iter().all(|bar| scale.ticks(bar.close) <= MAX_MARKED_TICKS);
            let mut history = Self {
                stretches: Stretches::new(&bars_used),
                fits,
                bars: bars_used,
                due: Vec::new(),
                inputs,
                period_ends: Vec::new(),
                scale,
                period_ns,
                span_ns: (last - first).saturating_add(interval),
                left_out: bars.len() - used.len(),
            };
            history.settle(funding, &times);
            history.end_periods(&times);
            return Ok(history);
        }
        Err(HistoryError::TooLong)
    }

    /// Gives each bar the funding that falls due with it. Several rates on one price are paid as their sum.
    fn settle(&mut self, funding: &[Funding], times: &[u64]) {
        let mut next = 0;
        let mut known = f64::NAN;
        let derived = self.inputs.funding_bp_8h.is_empty() && !funding.is_empty();
        for (i, (time, bar)) in times.iter().zip(&self.bars).enumerate() {
            let mut rate: Option<i64> = None;
            while let Some(due) = funding.get(next).filter(|due| due.time_ns <= *time) {
                let before = next.checked_sub(1).and_then(|before| funding.get(before));
                let hours = before.map_or(8.0, |before| (due.time_ns - before.time_ns) as f64 / HOUR_NS);
                known = funding_bp_8h(due.rate, hours);
                rate = Some(rate.unwrap_or(0).saturating_add(rate_of_bp(due.rate * 1e4)));
                next += 1;
            }
            if let Some(rate) = rate {
                self.due.push(Due { bar: i as u64, settlement: Settlement { rate, mark_price: bar.open } });
            }
            if derived {
                self.inputs.funding_bp_8h.push(known);
            }
        }
    }

    fn end_periods(&mut self, times: &[u64]) {
        for (i, time) in times.iter().enumerate() {
            let period = time / self.period_ns;
            if times.get(i + 1).is_none_or(|next| next / self.period_ns != period) {
                self.period_ends.push(i as u32);
            }
        }
    }

    /// The bars, those left out that can't be used.
    #[must_use]
    pub fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// How many bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bars.len()
    }

    /// Never true: a history has bars.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bars.is_empty()
    }

    /// Bars that could not be used.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// Memory that it holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let inputs: usize = self.inputs.columns().iter().map(|column| size_of_val(column.as_slice())).sum();
        let lists = size_of_val(self.due.as_slice()) + size_of_val(self.period_ends.as_slice());
        (size_of_val(self.bars.as_slice()) + inputs + lists + self.stretches.bytes()) as u64
    }

    /// What configurations read.
    #[must_use]
    pub fn past(&self) -> Past<'_> {
        Past {
            before: 0,
            bars: &self.bars,
            inputs: self.inputs.columns().map(Vec::as_slice),
            due: &self.due,
            period_ends: &self.period_ends,
            pyramid: self.stretches.pyramid(),
            fits: self.fits,
            scale: self.scale,
        }
    }

    /// All settlements, by bar.
    #[must_use]
    pub fn settlements(&self) -> &[Due] {
        &self.due
    }

    /// What is known beside a bar.
    #[must_use]
    pub fn context(&self, bar: usize) -> Context {
        self.past().context(bar)
    }

    /// The inputs beside the bars, a value a bar.
    #[must_use]
    pub const fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Last bars of periods, rising.
    #[must_use]
    pub fn period_ends(&self) -> &[u32] {
        &self.period_ends
    }

    /// Length of a period.
    #[must_use]
    pub const fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// From the open of the first bar to the close of the last.
    #[must_use]
    pub const fn span_ns(&self) -> u64 {
        self.span_ns
    }

    /// Ticks and lots.
    #[must_use]
    pub const fn scale(&self) -> &Scale {
        &self.scale
    }
}

impl Inputs {
    /// All columns, in the order of `Context`'s fields.
    #[must_use]
    pub const fn columns(&self) -> [&Vec<f64>; 6] {
        let Self { btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp, funding_bp_8h } = self;
        [btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp, funding_bp_8h]
    }

    /// Those of some of the bars.
    fn of(&self, used: &[usize], bars: usize) -> Result<Self, HistoryError> {
        let names = ["btc_trend", "breadth_pct", "book_imbalance", "premium_pct", "spread_bp", "funding_bp_8h"];
        for (input, column) in names.into_iter().zip(self.columns()) {
            if !column.is_empty() && column.len() != bars {
                return Err(HistoryError::Length { input, expected: bars, found: column.len() });
            }
        }
        let [btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp, funding_bp_8h] =
            self.columns().map(|column| used.iter().filter_map(|i| column.get(*i).copied()).collect());
        Ok(Self { btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp, funding_bp_8h })
    }
}

fn check_rising(what: &'static str, times: impl Iterator<Item = u64>) -> Result<(), HistoryError> {
    let mut last = None;
    for (index, time) in times.enumerate() {
        if last.is_some_and(|last| last >= time) {
            return Err(HistoryError::NotRising { what, index });
        }
        last = Some(time);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    fn bars(count: u64) -> Vec<TimedBar> {
        let bar = |i| {
            let open = 100.0 + i as f64;
            TimedBar { open_ns: i * HOUR, bar: Bar { open, high: open, low: open, close: open, volume: 1.0 } }
        };
        (0..count).map(bar).collect()
    }

    fn scale() -> Scale {
        Scale::new(2, 3).unwrap()
    }

    #[test]
    fn periods_end_with_their_last_usable_bar() {
        let mut given = bars(50);
        given[23].bar.close = f64::NAN;
        let history = History::new(&given, &[], Inputs::default(), scale(), 24 * HOUR).unwrap();
        assert_eq!((history.len(), history.left_out()), (49, 1));
        assert_eq!(history.period_ends(), [22, 46, 48]);
        assert_eq!(history.span_ns(), 50 * HOUR);
    }

    #[test]
    fn funding_settles_with_the_next_usable_bar() {
        let mut given = bars(30);
        given[16].bar.open = 0.0;
        let funding: Vec<_> = (1..4).map(|i| Funding { time_ns: i * 8 * HOUR, rate: 0.0001 * i as f64 }).collect();
        let history = History::new(&given, &funding, Inputs::default(), scale(), 24 * HOUR).unwrap();
        let settled: Vec<_> =
            history.settlements().iter().map(|due| (due.bar, due.settlement.rate, due.settlement.mark_price)).collect();
        assert_eq!(settled, [(8, 10_000, 108.0), (16, 20_000, 117.0), (23, 30_000, 124.0)]);
        assert_eq!((history.context(7).funding_bp_8h, history.context(8).funding_bp_8h), (None, Some(1.0)));
    }

    #[test]
    fn a_missing_input_stays_missing() {
        let mut given = bars(4);
        given[1].bar.low = f64::NAN;
        let inputs = Inputs { spread_bp: vec![1.0, 2.0, f64::NAN, 4.0], ..Inputs::default() };
        let history = History::new(&given, &[], inputs, scale(), HOUR).unwrap();
        let spreads: Vec<_> = (0..3).map(|bar| history.context(bar).spread_bp).collect();
        assert_eq!(spreads, [Some(1.0), None, Some(4.0)]);
    }

    #[test]
    fn what_cannot_be_swept_is_named() {
        let error = |given: &[TimedBar], inputs, period| History::new(given, &[], inputs, scale(), period).unwrap_err();
        assert_eq!(error(&[], Inputs::default(), 1), HistoryError::Empty);
        assert_eq!(error(&bars(2), Inputs::default(), 0), HistoryError::Period);
        let repeated = [bars(1), bars(1)].concat();
        assert_eq!(error(&repeated, Inputs::default(), 1), HistoryError::NotRising { what: "bar", index: 1 });
        let short = Inputs { btc_trend: vec![1.0], ..Inputs::default() };
        let length = HistoryError::Length { input: "btc_trend", expected: 2, found: 1 };
        assert_eq!(error(&bars(2), short, 1), length);
        let mut dear = bars(2);
        dear[1].bar.high = 1e15;
        let fine = Scale::new(12, 0).unwrap();
        let error = History::new(&dear, &[], Inputs::default(), fine, 1).unwrap_err();
        assert_eq!(error, HistoryError::Price { bar: 1 });
    }
}
