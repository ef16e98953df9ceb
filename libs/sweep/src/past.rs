//! A history as configurations read it: plain slices, so that the threads of a GPU, which have no heap, read it in the
//! same code.

use core::ops::Range;

use mesh_kernel::account::Scale;
use mesh_kernel::run::Settlement;
use mesh_kernel::strategy::StrategyParams;
use mesh_kernel::{Bar, Context};

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
    /// Last bars of periods, rising.
    pub period_ends: &'a [u32],
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

    /// What falls due from a bar on.
    #[must_use]
    pub fn calendar(&self, from: usize) -> Calendar<'a> {
        let due = self.due.partition_point(|due| due.bar < from as u64);
        let end = self.period_ends.partition_point(|end| (*end as usize) < from);
        Calendar { due: self.due.get(due..).unwrap_or(&[]), ends: self.period_ends.get(end..).unwrap_or(&[]) }
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

/// What falls due with bars that pass in their order: each question is about a bar that is not before the last one's.
#[derive(Clone, Copy, Debug)]
pub struct Calendar<'a> {
    due: &'a [Due],
    ends: &'a [u32],
}

impl<'a> Calendar<'a> {
    /// Funding that settles at the start of a bar.
    #[inline]
    pub fn settlement(&mut self, bar: usize) -> Option<&'a Settlement> {
        if self.next_settlement(bar) > bar {
            return None;
        }
        let (first, later) = self.due.split_first()?;
        self.due = later;
        Some(&first.settlement)
    }

    /// The first bar from `bar` on with a settlement; beyond the end where there is none.
    #[inline]
    pub fn next_settlement(&mut self, bar: usize) -> usize {
        while let Some((first, later)) = self.due.split_first() {
            if first.bar >= bar as u64 {
                return first.bar as usize;
            }
            self.due = later;
        }
        usize::MAX
    }

    /// True where a period ends with a bar.
    #[inline]
    pub fn ends_period(&mut self, bar: usize) -> bool {
        !self.ends_before(bar + 1).is_empty()
    }

    /// The last bars of periods before `bar` that were not told yet.
    #[inline]
    pub fn ends_before(&mut self, bar: usize) -> &'a [u32] {
        let count = self.ends.iter().take_while(|end| (**end as usize) < bar).count();
        let (before, later) = self.ends.split_at_checked(count).unwrap_or((self.ends, &[]));
        self.ends = later;
        before
    }
}
