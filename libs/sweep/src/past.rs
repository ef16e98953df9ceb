//! A history as configurations read it: plain slices, so that the threads of a GPU, which have no heap, read it in the
//! same code.

use core::ops::Range;

use mesh_kernel::account::Scale;
use mesh_kernel::run::Settlement;
use mesh_kernel::strategy::StrategyParams;
use mesh_kernel::{Bar, Context};

use crate::bits;
use crate::pyramid::{Extremes, Pyramid};

/// Funding that falls due with a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Due {
    /// The bar's number.
    pub bar: u64,
    /// What settles at its start.
    pub settlement: Settlement,
}

/// What a history holds, or a part of it whose bars are numbered from its own first one.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// Bars of the history before these.
    pub before: usize,
    /// The bars, those left out that can't be used.
    pub bars: &'a [Bar],
    /// Inputs beside them, in the order of `Context`'s fields; empty where there is none, NaN where a bar has none.
    pub inputs: [&'a [f64]; 6],
    /// Funding, by bar, rising.
    pub due: &'a [Due],
    /// Bars with funding, a bit each.
    pub settles: &'a [u64],
    /// Last bars of periods, rising.
    pub period_ends: &'a [u32],
    /// The same, a bit each.
    pub ends_period: &'a [u64],
    /// Extremes of stretches of the bars.
    pub pyramid: Pyramid<'a>,
    /// Closes are within what stretches can be marked at.
    pub fits: bool,
    /// Ticks and lots.
    pub scale: Scale,
}

/// Which of the inputs funding is.
const FUNDING: usize = 5;

impl<'a> Past<'a> {
    /// The first bar that a configuration may decide on.
    #[must_use]
    pub fn warm(&self, params: &impl StrategyParams) -> usize {
        (params.warm_up().saturating_sub(1) as usize).saturating_sub(self.before)
    }

    /// Funding that settles at the start of a bar.
    #[must_use]
    pub fn settlement(&self, bar: usize) -> Option<&'a Settlement> {
        if !bits::get(self.settles, bar) {
            return None;
        }
        let at = self.due.binary_search_by_key(&(bar as u64), |due| due.bar).ok()?;
        self.due.get(at).map(|due| &due.settlement)
    }

    /// The first bar from `bar` on with a settlement; beyond the end where there is none.
    #[inline]
    pub(crate) fn next_settlement(&self, bar: usize) -> usize {
        if self.due.is_empty() {
            return usize::MAX;
        }
        let at = self.due.partition_point(|due| due.bar < bar as u64);
        self.due.get(at).map_or(usize::MAX, |due| due.bar as usize)
    }

    /// What is known beside a bar.
    #[must_use]
    pub fn context(&self, bar: usize) -> Context {
        if self.inputs.iter().all(|column| column.is_empty()) {
            return Context::default();
        }
        let [btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp, funding_bp_8h] =
            self.inputs.map(|column| column.get(bar).copied().filter(|x| x.is_finite()));
        Context { btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp, funding_bp_8h }
    }

    /// Funding for 8 hours, a value a bar.
    #[inline]
    pub(crate) const fn funding_bp_8h(&self) -> &'a [f64] {
        self.inputs[FUNDING]
    }

    /// True where a period ends with a bar.
    #[must_use]
    #[inline]
    pub fn ends_period(&self, bar: usize) -> bool {
        bits::get(self.ends_period, bar)
    }

    /// The last bars of periods within some bars.
    #[inline]
    pub(crate) fn period_ends_in(&self, bars: Range<usize>) -> &'a [u32] {
        // Few bars end a period: most ranges hold none, which their words of bits tell.
        let words = bars.start / 64..bars.end.div_ceil(64);
        if words.len() <= 8 && words.into_iter().all(|word| bits::word(self.ends_period, word) == 0) {
            return &[];
        }
        let at = |bar: usize| self.period_ends.partition_point(|end| (*end as usize) < bar);
        self.period_ends.get(at(bars.start)..at(bars.end)).unwrap_or(&[])
    }

    /// Extremes of some bars.
    pub(crate) fn extremes(&self, bars: Range<usize>) -> Extremes {
        self.pyramid.extremes(self.bars, bars)
    }

    /// The close of a bar, in ticks.
    #[inline]
    pub(crate) fn close(&self, bar: usize) -> i64 {
        self.bars.get(bar).map_or(0, |bar| self.scale.ticks(bar.close))
    }
}
