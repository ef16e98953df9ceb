//! Finds strategies that know the future: decisions over a history that was cut must be those over the whole one.

use core::fmt;

use crate::data::{Series, check};
use crate::engine::{RunError, Settings, run_of};
use crate::strategy::Decider;

/// A decision that changed when later bars were taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookAhead {
    /// The series.
    pub symbol: String,
    /// Index of the bar that was decided on otherwise.
    pub bar: usize,
    /// Bars that the cut history had.
    pub cut: usize,
}

impl fmt::Display for LookAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the decision on bar {} changes when the history ends after {} bars: the strategy looks ahead",
            self.symbol, self.bar, self.cut
        )
    }
}

/// Runs over the whole and over `cuts` evenly spaced beginnings of it; the first decision that differs, if any.
///
/// # Errors
/// Where the data can't be run over.
pub fn find<D: Decider>(
    series: &[Series],
    settings: &Settings,
    cuts: usize,
    make: impl Fn(&Series) -> D,
) -> Result<Option<LookAhead>, RunError> {
    let interval_ns = check(series)?;
    let whole = run_of(series, settings, interval_ns, &make)?;
    let Some(first) = series.iter().max_by_key(|one| one.bars.len()) else { return Ok(None) };
    let bars = first.bars.len();
    for cut in (1..=cuts).map(|i| bars * i / (cuts + 1)).filter(|cut| *cut > 0) {
        // All symbols are cut at one time, so that rankings see the same rivals.
        let Some(end) = first.bars.get(cut) else { continue };
        let shorter: Vec<Series> =
            series.iter().map(|one| one.truncated(one.bars.partition_point(|bar| bar.open_ns < end.open_ns))).collect();
        // A series that begins later has no bars yet; it can't have decided.
        let present: Vec<Series> = shorter.iter().filter(|one| !one.bars.is_empty()).cloned().collect();
        check(&present)?;
        let part = run_of(&present, settings, interval_ns, &make)?;
        let indices = shorter.iter().enumerate().filter(|(_, one)| !one.bars.is_empty()).map(|(i, _)| i);
        for (decisions, index) in part.decisions.iter().zip(indices) {
            let Some(expected) = whole.decisions.get(index) else { continue };
            if let Some(bar) = decisions.iter().zip(expected).position(|(a, b)| a != b) {
                return Ok(Some(LookAhead { symbol: series[index].symbol.clone(), bar, cut: decisions.len() }));
            }
        }
    }
    Ok(None)
}
