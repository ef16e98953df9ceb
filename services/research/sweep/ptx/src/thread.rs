//! What one thread does.

use core::mem::{align_of, size_of};

use mesh_kernel::run::Run;
use mesh_kernel::strategy::StrategyParams;
use mesh_kernel::strategy::e3::E3;
use mesh_kernel::strategy::funding_fade::FundingFade;
use mesh_kernel::strategy::momentum::Momentum;
use mesh_sweep::Swept;
use mesh_sweep::past::Past;
use mesh_sweep::pyramid::Pyramid;
use mesh_sweep::skip::Skip;
use mesh_sweep::swept::{MAX_SLOTS, View};

use crate::layout::{Job, Outcome, Rules};

/// Bytes kept for a configuration between two launches.
pub const STATE_BYTES: usize = 768;

/// Bars before the first that a launch takes which are looked back to: a word of bits.
pub const LOOK_BACK: usize = 64;

const fn fits<S: Swept>() -> bool {
    size_of::<Run<S>>() <= STATE_BYTES && STATE_BYTES.is_multiple_of(align_of::<Run<S>>()) && S::SLOTS <= MAX_SLOTS
}

const _: () = assert!(fits::<Momentum>() && fits::<E3>() && fits::<FundingFade>());

/// What stands at an address.
///
/// # Safety
/// It is 0, or `count` values stand there that nobody writes meanwhile.
unsafe fn slice<'a, T>(address: u64, count: u64) -> &'a [T] {
    if address == 0 || count == 0 {
        return &[];
    }
    // SAFETY: as promised by the caller.
    unsafe { core::slice::from_raw_parts(address as *const T, count as usize) }
}

impl Job {
    /// # Safety
    /// What the job names stands there.
    unsafe fn past(&self, rules: &mesh_kernel::run::RunRules) -> Past<'_> {
        // SAFETY: as promised by the caller.
        unsafe {
            Past {
                before: self.before as usize,
                bars: slice(self.bars, self.count),
                inputs: self.inputs.map(|column| slice(column, self.count)),
                due: slice(self.due, self.due_count),
                period_ends: slice(self.period_ends, self.period_count),
                pyramid: Pyramid {
                    short: slice(self.short, self.short_count),
                    long: slice(self.long, self.long_count),
                },
                fits: self.fits != 0,
                scale: rules.scale,
            }
        }
    }

    /// Which column a configuration reads in a slot.
    ///
    /// # Safety
    /// The same, for a configuration below `configurations`, a slot of its strategy or the one after.
    unsafe fn column(&self, slot: usize, number: u64) -> u64 {
        // SAFETY: as promised by the caller.
        unsafe { u64::from(*(self.columns as *const u32).add(slot * self.configurations as usize + number as usize)) }
    }
}

/// Takes a configuration on by the bars of a launch.
///
/// # Safety
/// `number` is below `configurations`, no other thread has it, and what the job names stands there, as [`Job`] says;
/// states of an earlier launch come from this function, compiled the same, for the same strategy, rules and parameters.
pub unsafe fn run_configuration<S: Swept>(job: &Job, number: u32) {
    let (number, at, words) = (u64::from(number), number as usize, job.count.div_ceil(64));
    // SAFETY: as promised by the caller.
    let (rules, params) = unsafe {
        let param = |param: usize| *(job.params as *const f64).add(param * job.configurations as usize + at);
        ((*(job.rules as *const Rules)).run_rules(), S::Params::from_checked(param))
    };
    // Rules that came from a scale make one again; else the outcome stays empty, which the host sees.
    let Some(rules) = rules else { return };
    // SAFETY: the same.
    let past = unsafe { job.past(&rules) };
    let mut view = View { past: &past, columns: [&[]; MAX_SLOTS], order: &[] };
    // SAFETY: the same; series and orders stand one after the other.
    unsafe {
        for (slot, column) in view.columns.iter_mut().take(S::SLOTS).enumerate() {
            *column = slice(job.series + job.column(slot, number) * job.count * 8, job.count);
        }
        if S::ORDER.is_some() {
            let order = job.orders + job.column(S::SLOTS, number) * words * 16;
            view.order = slice(order, words);
        }
    }
    // SAFETY: the same; the state is large enough and aligned, see `fits`.
    let state = unsafe { (job.states as *mut u8).add(at * STATE_BYTES) }.cast::<Run<S>>();
    let mut run = if job.before + job.first == 0 { Run::<S>::new(&rules) } else { unsafe { *state } };
    let skip = Skip::new(view, &params, &rules);
    skip.advance(&mut run, job.first as usize..job.count as usize, &mut |_| ());
    // SAFETY: the same.
    unsafe {
        *state = run;
        *(job.outcomes as *mut Outcome).add(at) = Outcome::of(&run.summary());
    }
}
