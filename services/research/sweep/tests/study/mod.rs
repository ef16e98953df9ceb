//! Random studies, and their launches by hand.

#[path = "../../../../../libs/sweep/tests/random/mod.rs"]
#[allow(dead_code)]
mod random;

use std::ops::Range;

use mesh_kernel::run::{RunRules, Summary};
use mesh_kernel::strategy::e3::{self, E3};
use mesh_kernel::strategy::{Strategy, StrategyParams};
use mesh_sweep::{History, Shared, Swept};
pub(crate) use random::Random;
use sweep_ptx::{Job, Outcome, Row, Rules, STATE_BYTES};

fn range<T>(slice: &[T]) -> Range<u64> {
    let range = slice.as_ptr_range();
    range.start as u64..range.end as u64
}

pub(crate) struct Study<S: Strategy> {
    pub(crate) history: History,
    pub(crate) rules: RunRules,
    pub(crate) params: Vec<S::Params>,
}

impl<S: Swept> Study<S> {
    pub(crate) fn random(seed: u64, configurations: usize) -> Self {
        let mut random = Random(seed);
        let (scale, price) = random.scale();
        let (history, rules) = (random.history(scale, price), random.rules(scale, price));
        let base = base::<S>();
        let params = (0..configurations).map(|_| random.params(&base)).collect();
        Self { history, rules, params }
    }
}

/// Values to start from: with its defaults E3 hardly trades.
fn base<S: Swept>() -> Vec<f64> {
    let mut base = Vec::new();
    match S::NAME {
        E3::NAME => StrategyParams::for_each_value(&e3::Params::high_trade(), |value| base.push(value)),
        _ => S::Params::default().for_each_value(|value| base.push(value)),
    }
    base
}

/// What threads make of a study whose history goes in slices of up to so many bars: by hand, with no driver. `thread` gets
/// a launch, the memory that it is about, and its configuration.
pub(crate) fn sliced<S: Swept>(
    study: &Study<S>,
    bars_max: u64,
    random: &mut Random,
    mut thread: impl FnMut(&Job, &[Range<u64>], u32),
) -> Vec<Summary> {
    let shared = Shared::<S>::new(&study.history, &study.params);
    let (history, count, width) = (&study.history, study.params.len(), shared.series().len());
    let row = |at| {
        let bar = &history.bars()[at];
        Row::new(bar, &history.context(at), history.settlement(at), history.ends_period(at))
    };
    let mut params = Vec::new();
    let mut values = Vec::new();
    study.params.iter().for_each(|params| params.for_each_value(|value| values.push(value)));
    let parameters = values.len() / count;
    (0..parameters).for_each(|p| params.extend((0..count).map(|i| values[i * parameters + p])));
    let columns: Vec<u32> = (0..S::SLOTS)
        .flat_map(|slot| (0..count).map(move |i| (slot, i)))
        .map(|(slot, i)| shared.slots(i)[slot])
        .collect();
    let rules = Rules::of(&study.rules);
    let mut states = vec![u128::MAX; count * STATE_BYTES / 16];
    let mut outcomes = vec![Outcome::default(); count];
    let mut first = 0;
    while first < history.len() {
        let bars = (1 + random.below(bars_max) as usize).min(history.len() - first);
        let base = first.saturating_sub(1);
        let rows: Vec<Row> = (base..first + bars).map(row).collect();
        let all: Vec<&[f64]> = shared.series().map(|(_, values)| values).collect();
        let series: Vec<f64> = (base..first + bars).flat_map(|at| all.iter().map(move |values| values[at])).collect();
        let job = Job {
            rows: rows.as_ptr(),
            series: series.as_ptr(),
            params: params.as_ptr(),
            columns: columns.as_ptr(),
            rules: &raw const rules,
            states: states.as_mut_ptr().cast(),
            outcomes: outcomes.as_mut_ptr(),
            width: width as u32,
            first: first as u32,
            count: bars as u32,
            configurations: count as u32,
        };
        let memory = [
            range(&rows),
            range(&series),
            range(&params),
            range(&columns),
            range(core::slice::from_ref(&rules)),
            range(&states),
            range(&outcomes),
        ];
        (0..count as u32).for_each(|number| thread(&job, &memory, number));
        first += bars;
    }
    outcomes.iter().map(Outcome::summary).collect()
}
