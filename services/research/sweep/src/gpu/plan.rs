//! How work is cut so that it fits: configurations into chunks, time into slices.

use sweep_ptx::pack::Part;
use sweep_ptx::{Job, LOOK_BACK, Outcome, Rules, STATE_BYTES};

use super::GpuError;

/// Most configuration-bars of one launch. Most bars pass many at once: far below a second on cards made for this, about one
/// where `f64` is slow, so that a desktop's watchdog never ends it.
const MAX_LAUNCH: u64 = 1 << 32;
/// Parts begin and end at multiples of so many bars, but for the end.
const WORD: u64 = 64;
/// Most bars of a part, and fewest, unless the history is shorter: states are loaded and stored with each.
const MAX_BARS: u64 = 1 << 17;
const MIN_BARS: u64 = 512;
/// Fewest configurations of a chunk, unless there are fewer.
const MIN_CONFIGURATIONS: u64 = 1024;

/// How work is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Configurations of a chunk.
    pub(super) configurations: usize,
    /// Bars of a part.
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
    /// Distinct orders of pairs of series.
    pub(super) orders: usize,
    /// Parameters of a configuration.
    pub(super) parameters: usize,
    /// Series that a configuration reads.
    pub(super) slots: usize,
}

impl Work {
    fn a_configuration(&self) -> u64 {
        let (parameters, columns) = (self.parameters * size_of::<f64>(), (self.slots + 1) * size_of::<u32>());
        (STATE_BYTES + size_of::<Outcome>() + parameters + columns) as u64
    }

    /// Memory of a part, what is looked back to included.
    pub(super) fn part_bytes(&self, bars: usize) -> u64 {
        let bytes = Part::bytes(self.series, self.orders);
        ((bars + LOOK_BACK) as u64).div_ceil(WORD) * bytes.a_word + bytes.always
    }

    /// Memory of a plan.
    pub(super) fn bytes(&self, plan: Plan) -> u64 {
        self.part_bytes(plan.bars)
            + plan.configurations as u64 * self.a_configuration()
            + (size_of::<Rules>() + size_of::<Job>()) as u64
    }

    /// The plan within a budget: as many configurations as fit beside half of it for the bars, for they fill the card;
    /// then as many bars as fit.
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
        let fixed = self.bytes(Plan { configurations: 0, ..least });
        let room = (budget_bytes - fixed.max(budget_bytes / 2)) / self.a_configuration();
        let most = room.clamp(least.configurations as u64, (MAX_LAUNCH / MIN_BARS).min(all).max(1));
        // Chunks of one size: the last is not a rest that leaves the card idle.
        let configurations = all.div_ceil(all.div_ceil(most));
        let a_word = Part::bytes(self.series, self.orders).a_word;
        let plan = |words: u64| Plan {
            configurations: configurations as usize,
            bars: (words * WORD).clamp(MIN_BARS, MAX_BARS).min(bars) as usize,
        };
        let rest = budget_bytes - self.bytes(plan(0));
        let fit = MIN_BARS / WORD + rest / a_word;
        Ok(plan(fit.min(MAX_LAUNCH / configurations / WORD)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_large_study_fills_the_card_in_short_launches() {
        let work =
            Work { configurations: 1_000_000, bars: 500_000, series: 251, orders: 400, parameters: 52, slots: 7 };
        let plan = work.plan(64 << 30).unwrap();
        assert_eq!(plan, Plan { configurations: 1_000_000, bars: 4288 });
        let small = work.plan(200 << 20).unwrap();
        assert!(small.configurations > 60_000 && small.bars > 30_000, "{small:?}");
    }

    proptest! {
        #[test]
        fn plans_fit(
            configurations in 1usize..3_000_000,
            bars in 1usize..3_000_000,
            series in 1usize..5_000,
            orders in 0usize..5_000,
            parameters in 1usize..64,
            slots in 1usize..8,
            budget_bytes in 1u64..1 << 38,
        ) {
            let work = Work { configurations, bars, series, orders, parameters, slots };
            match work.plan(budget_bytes) {
                Ok(plan) => {
                    prop_assert!(work.bytes(plan) <= budget_bytes, "{plan:?}");
                    prop_assert!(plan.configurations >= 1 && plan.configurations <= configurations);
                    prop_assert!(plan.bars >= 1 && plan.bars <= bars);
                    prop_assert!(plan.bars == bars || plan.bars.is_multiple_of(64), "{plan:?}");
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
