//! What a backtest runs over.

use core::fmt;

use mesh_kernel::Bar;

use crate::inputs::{TimedValue, Values};

const DAY_NS: u64 = 86_400_000_000_000;

/// A bar and the time at which it opens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimedBar {
    /// Open time, ns since the Unix epoch.
    pub open_ns: u64,
    /// Its prices and volume.
    pub bar: Bar,
}

/// Funding at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Funding {
    /// When it is settled, ns since the Unix epoch.
    pub time_ns: u64,
    /// The rate of this settlement, a fraction of the notional; positive where longs pay.
    pub rate: f64,
}

/// One symbol's history, in the order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The symbol, as reports show it; ties between entries go by it.
    pub symbol: String,
    /// Bars, times rising.
    pub bars: Vec<TimedBar>,
    /// Funding, times rising; empty for a market without.
    pub funding: Vec<Funding>,
    /// Values of inputs beside the bars, times rising.
    pub inputs: Values,
}

/// Data that can't be run over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataError {
    /// No series at all, or one without bars.
    Empty {
        /// The symbol, where there is one.
        symbol: String,
    },
    /// A time that is not after the one before it.
    NotRising {
        /// Which series.
        symbol: String,
        /// Index of the later bar, funding or value.
        index: usize,
    },
    /// Two series under one symbol.
    Repeated {
        /// The symbol.
        symbol: String,
    },
    /// Two series of different intervals.
    MixedIntervals {
        /// The series that differs from the first one.
        symbol: String,
        /// Its interval, ns.
        interval_ns: u64,
        /// The first one's.
        expected_ns: u64,
    },
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { symbol } if symbol.is_empty() => f.write_str("expected at least one series of bars"),
            Self::Empty { symbol } => write!(f, "{symbol}: expected at least one bar, found none"),
            Self::NotRising { symbol, index } => {
                write!(
                    f,
                    "{symbol}: the time of entry {index} is not after the one before; sort the data, drop repeats"
                )
            }
            Self::Repeated { symbol } => write!(f, "{symbol}: given twice; each series needs a symbol of its own"),
            Self::MixedIntervals { symbol, interval_ns, expected_ns } => write!(
                f,
                "{symbol}: bars of {} s, but the first series has {} s; resample one of them",
                interval_ns / 1_000_000_000,
                expected_ns / 1_000_000_000
            ),
        }
    }
}

impl core::error::Error for DataError {}

impl Series {
    /// The interval of its bars: the smallest step between two; none for a single bar.
    #[must_use]
    pub fn interval_ns(&self) -> Option<u64> {
        self.bars.iter().zip(self.bars.iter().skip(1)).map(|(a, b)| b.open_ns.saturating_sub(a.open_ns)).min()
    }

    /// The same without what comes after its first `count` bars, funding and inputs of later times included.
    #[must_use]
    pub fn truncated(&self, count: usize) -> Self {
        let end_ns = self.bars.get(count).map_or(u64::MAX, |next| next.open_ns);
        let last = count.checked_sub(1).and_then(|last| self.bars.get(last));
        let close_ns = last.map_or(0, |last| last.open_ns.saturating_add(self.interval_ns().unwrap_or(DAY_NS)));
        Self {
            symbol: self.symbol.clone(),
            bars: self.bars.iter().take(count).copied().collect(),
            funding: self.funding.iter().filter(|f| f.time_ns < end_ns).copied().collect(),
            inputs: self.inputs.each_ref().map(|values| {
                values.get(..values.partition_point(|value| value.time_ns <= close_ns)).unwrap_or(&[]).to_vec()
            }),
        }
    }

    fn check(&self) -> Result<(), DataError> {
        if self.bars.is_empty() {
            return Err(DataError::Empty { symbol: self.symbol.clone() });
        }
        let bars = self.bars.iter().zip(self.bars.iter().skip(1)).position(|(a, b)| a.open_ns >= b.open_ns);
        let mut fundings = self.funding.iter().zip(self.funding.iter().skip(1));
        let values = || {
            let not_rising =
                |values: &Vec<_>| values.array_windows().position(|[a, b]: &[TimedValue; 2]| a.time_ns >= b.time_ns);
            self.inputs.iter().find_map(not_rising)
        };
        match bars.or_else(|| fundings.position(|(a, b)| a.time_ns >= b.time_ns)).or_else(values) {
            Some(index) => Err(DataError::NotRising { symbol: self.symbol.clone(), index: index + 1 }),
            None => Ok(()),
        }
    }
}

/// Checks all series together; their interval, one day where no series has two bars.
///
/// # Errors
/// The first rule that does not hold, see [`DataError`].
pub fn check(series: &[Series]) -> Result<u64, DataError> {
    if series.is_empty() {
        return Err(DataError::Empty { symbol: String::new() });
    }
    let mut interval_ns = None;
    for (index, one) in series.iter().enumerate() {
        one.check()?;
        if series.iter().take(index).any(|other| other.symbol == one.symbol) {
            return Err(DataError::Repeated { symbol: one.symbol.clone() });
        }
        match (interval_ns, one.interval_ns()) {
            (Some(expected_ns), Some(found)) if found != expected_ns => {
                let symbol = one.symbol.clone();
                return Err(DataError::MixedIntervals { symbol, interval_ns: found, expected_ns });
            }
            (None, found) => interval_ns = found,
            _ => {}
        }
    }
    Ok(interval_ns.unwrap_or(DAY_NS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(symbol: &str, times: &[u64]) -> Series {
        let bars = times.iter().map(|t| TimedBar { open_ns: *t, ..TimedBar::default() }).collect();
        Series { symbol: symbol.into(), bars, ..Series::default() }
    }

    #[test]
    fn data_is_checked() {
        assert_eq!(check(&[series("A", &[10, 20, 40]), series("B", &[20, 30])]), Ok(10));
        assert!(matches!(check(&[]), Err(DataError::Empty { .. })));
        assert!(matches!(check(&[series("A", &[10, 10])]), Err(DataError::NotRising { index: 1, .. })));
        assert!(matches!(check(&[series("A", &[1, 2]), series("A", &[1, 2])]), Err(DataError::Repeated { .. })));
        let mixed = check(&[series("A", &[10, 20]), series("B", &[10, 15])]);
        assert_eq!(mixed, Err(DataError::MixedIntervals { symbol: "B".into(), interval_ns: 5, expected_ns: 10 }));
    }

    #[test]
    fn truncation_cuts_funding_and_inputs_too() {
        let funding = [5, 15, 25].map(|time_ns| Funding { time_ns, rate: 0.1 }).to_vec();
        let mut inputs = Values::default();
        inputs[4] = [5, 15, 20, 21].map(|time_ns| TimedValue { time_ns, value: 0.1 }).to_vec();
        let cut = Series { funding, inputs, ..series("A", &[10, 20, 30]) }.truncated(1);
        assert_eq!((cut.bars.len(), cut.funding.len(), cut.inputs[4].len()), (1, 2, 3), "values up to the close");
    }
}
