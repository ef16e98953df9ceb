//! How work is cut so that it fits: configurations into chunks, time into slices.

use super::GpuError;
use sweep_ptx::{Outcome, Row, Rules, STATE_BYTES};

/// Most configuration-bars of one launch: far below a second on cards made for it, about one where `f64` is slow, so
/// that a desktop's watchdog never ends it.
const MAX_LAUNCH: u64 = 1 << 30;
/// Most bars of a slice: what goes up at once.
const MAX_BARS: u64 = 1 << 16;
/// Fewest bars of a slice, unless the history is shorter: states are loaded and stored once each.
const MIN_BARS: u64 = 256;
/// Fewest configurations of a chunk, unless there are fewer.
const MIN_CONFIGURATIONS: u64 = 1024;
/// Part of the budget that slices may take.
const SLICE_PART: u64 = 2;

/// How work is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Configurations of a chunk.
    pub(super) configurations: usize,
    /// Bars of a slice.
    pub(super) bars: usize,
}

/// What there is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// Configurations in all.
    pub(super) configurations: usize,
    /// Bars in all.
    pub(super) bars: usize,
    /// Distinct series.
    pub(super) series: usize,
    /// Parameters of a configuration.
    pub(super) parameters: usize,
    /// Series that a configuration reads.
    pub(super) slots: usize,
}

impl Work {
    fn a_bar(&self) -> u64 {
        (size_of::<Row>() + self.series * size_of::<f64>()) as u64
    }

    fn a_configuration(&self) -> u64 {
        (STATE_BYTES + size_of::<Outcome>() + self.parameters * size_of::<f64>() + self.slots * size_of::<u32>()) as u64
    }

    /// Memory of a plan. A slice has one bar more, that before it.
    pub(super) fn bytes(&self, plan: Plan) -> u64 {
        (plan.bars as u64 + 1) * self.a_bar()
            + plan.configurations as u64 * self.a_configuration()
            + size_of::<Rules>() as u64
    }

    /// The plan within a budget: as many configurations as fit, for they fill the card; then as many bars.
    ///
    /// # Errors
    /// Where the smallest one does not fit.
    pub(super) fn plan(&self, budget_bytes: u64) -> Result<Plan, GpuError> {
        let (all, bars) = (self.configurations as u64, self.bars as u64);
        let least = Plan { configurations: MIN_CONFIGURATIONS.min(all) as usize, bars: MIN_BARS.min(bars) as usize };
        let needed_bytes = self.bytes(least);
        if needed_bytes > budget_bytes {
            return Err(GpuError::Memory { needed_bytes, budget_bytes });
        }
        let of_slices = (budget_bytes / SLICE_PART).max((least.bars as u64 + 1) * self.a_bar());
        let room = (budget_bytes - size_of::<Rules>() as u64).saturating_sub(of_slices) / self.a_configuration();
        let most = room.clamp(least.configurations as u64, (MAX_LAUNCH / MIN_BARS).max(1)).min(all);
        // Chunks of one size: the last is not a rest that leaves the card idle.
        let configurations = all.div_ceil(all.div_ceil(most.max(1)).max(1)).max(1);
        let rest = budget_bytes - size_of::<Rules>() as u64 - configurations * self.a_configuration();
        let fit = (rest / self.a_bar()).saturating_sub(1).max(least.bars as u64);
        let short = (MAX_LAUNCH / configurations).clamp(MIN_BARS, MAX_BARS);
        let plan = Plan { configurations: configurations as usize, bars: fit.min(short).min(bars) as usize };
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_large_study_fills_the_card_in_short_launches() {
        let work = Work { configurations: 1_000_000, bars: 500_000, series: 251, parameters: 52, slots: 7 };
        let plan = work.plan(64 << 30).unwrap();
        assert_eq!(plan, Plan { configurations: 1_000_000, bars: 1073 });
        let small = work.plan(200 << 20).unwrap();
        assert!(small.configurations > 60_000 && small.bars > 8_000, "{small:?}");
    }

    proptest! {
        #[test]
        fn plans_fit(
            configurations in 1usize..3_000_000,
            bars in 1usize..3_000_000,
            series in 1usize..5_000,
            parameters in 1usize..64,
            slots in 1usize..8,
            budget_bytes in 1u64..1 << 38,
        ) {
            let work = Work { configurations, bars, series, parameters, slots };
            match work.plan(budget_bytes) {
                Ok(plan) => {
                    prop_assert!(work.bytes(plan) <= budget_bytes, "{plan:?}");
                    prop_assert!(plan.configurations >= 1 && plan.configurations <= configurations);
                    prop_assert!(plan.bars >= 1 && plan.bars <= bars);
                    let launch = plan.configurations as u64 * plan.bars as u64;
                    prop_assert!(launch <= MAX_LAUNCH, "{plan:?}");
                }
                Err(error) => {
                    let GpuError::Memory { needed_bytes, .. } = error else { panic!("{error}") };
                    prop_assert!(needed_bytes > budget_bytes);
                    prop_assert!(work.plan(needed_bytes).is_ok());
                }
            }
        }
    }
}
