//! What one thread does.

use core::mem::{align_of, size_of};

use mesh_kernel::run::Run;
use mesh_kernel::strategy::e3::E3;
use mesh_kernel::strategy::funding_fade::FundingFade;
use mesh_kernel::strategy::momentum::Momentum;
use mesh_kernel::strategy::series::FromSeries;
use mesh_kernel::strategy::{Input, StrategyParams};

use crate::layout::{Outcome, Row, Rules};

/// Bytes kept for a configuration between two launches.
pub const STATE_BYTES: usize = 768;

/// Rows before the first that a launch takes which its features may look back to.
pub const LOOK_BACK: usize = 1;

/// Most series that a configuration reads.
pub const MAX_COLUMNS: usize = 8;

const fn fits<S: FromSeries>() -> bool {
    size_of::<Run<S>>() <= STATE_BYTES && STATE_BYTES.is_multiple_of(align_of::<Run<S>>()) && S::SLOTS <= MAX_COLUMNS
}

const _: () = assert!(fits::<Momentum>() && fits::<E3>() && fits::<FundingFade>());

/// One launch: some configurations over some bars in a row.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// `count` rows, before which stands one more unless `first` is 0: the bar before.
    pub rows: *const Row,
    /// Series, `width` values a row, for the same rows and the one before.
    pub series: *const f64,
    /// `params[parameter * configurations + configuration]`, in the order of the strategy's `SPEC`.
    pub params: *const f64,
    /// `columns[slot * configurations + configuration]`: which series each slot reads, below `width`.
    pub columns: *const u32,
    /// One.
    pub rules: *const Rules,
    /// `STATE_BYTES` a configuration, aligned to 16: as the launch before left them. Not read where `first` is 0.
    pub states: *mut u8,
    /// One a configuration: what came of it so far.
    pub outcomes: *mut Outcome,
    /// Series.
    pub width: u32,
    /// Number of the first bar.
    pub first: u32,
    /// Bars.
    pub count: u32,
    /// Configurations.
    pub configurations: u32,
}

/// Takes a configuration on by the bars of a launch.
///
/// # Safety
/// `number` is below `configurations`, no other thread has it, and the arrays are as [`Job`] says; states, where
/// `first` is not 0, come from this function, compiled the same, for the same strategy, rules and parameters.
pub unsafe fn run_configuration<S: FromSeries>(job: &Job, number: u32) {
    let (at, configurations, width) = (number as usize, job.configurations as usize, job.width as usize);
    // SAFETY: as promised by the caller.
    let (rules, params) = unsafe {
        let params = S::Params::from_checked(|parameter| *job.params.add(parameter * configurations + at));
        ((*job.rules).run_rules(), params)
    };
    // Rules that came from a scale make one again; else the outcome stays empty, which the host sees.
    let Some(rules) = rules else { return };
    let mut columns = [0usize; MAX_COLUMNS];
    for (slot, column) in columns.iter_mut().take(S::SLOTS).enumerate() {
        // SAFETY: the same.
        *column = unsafe { *job.columns.add(slot * configurations + at) } as usize;
    }
    // SAFETY: the same; the state is large enough and aligned, see `fits`.
    let state = unsafe { job.states.add(at * STATE_BYTES) }.cast::<Run<S>>();
    let mut run = if job.first == 0 { Run::<S>::new(&rules) } else { unsafe { *state } };
    // Number of the bar that stands first in `rows` and `series`.
    let base = (job.first as usize).saturating_sub(LOOK_BACK);
    let first = job.first as usize;
    for bar in first..first + job.count as usize {
        // SAFETY: the same.
        let row = unsafe { &*job.rows.add(bar - base) };
        let value = |slot: usize, bar: usize| {
            debug_assert!(bar >= base && slot < S::SLOTS, "a feature looks further back than `LOOK_BACK`");
            // SAFETY: features read slots below `SLOTS`, at the bar or the one before.
            unsafe { *job.series.add((bar - base) * width + columns[slot & (MAX_COLUMNS - 1)]) }
        };
        let (kernel_bar, context, settlement) = (row.bar(), row.context(), row.settlement());
        let features = S::features(&kernel_bar, bar, value);
        let input = Input { bar: &kernel_bar, features: &features, context: &context };
        run.step(&params, &rules, &input, settlement.as_ref(), row.ends_period(), &mut |_| ());
    }
    // SAFETY: the same.
    unsafe {
        *state = run;
        *job.outcomes.add(at) = Outcome::of(&run.summary());
    }
}
