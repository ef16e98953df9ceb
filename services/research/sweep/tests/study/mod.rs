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
use sweep_ptx::pack::{self, Part};
use sweep_ptx::{Job, Outcome, Rules, STATE_BYTES};

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

/// What threads make of a study whose history goes in parts of up to so many words of 64 bars: by hand, with no driver.
/// `thread` gets a launch, the memory that it is about, and its configuration.
pub(crate) fn in_parts<S: Swept>(
    study: &Study<S>,
    words_max: u64,
    random: &mut Random,
    mut thread: impl FnMut(&Job, &[Range<u64>], u32),
) -> Vec<Summary> {
    let shared = Shared::<S>::new(&study.history, &study.params);
    let count = study.params.len();
    let order: Vec<usize> = (0..count).collect();
    let (params, columns) = (pack::params(&shared, &order), pack::columns(&shared, &order));
    let rules = Rules::of(&study.rules);
    let mut states = vec![u128::MAX; count * STATE_BYTES / 16];
    let mut outcomes = vec![Outcome::default(); count];
    let mut part = Part::default();
    let mut first = 0;
    while first < study.history.len() {
        let end = (first + 64 * (1 + random.below(words_max) as usize)).min(study.history.len());
        let job = part.pack(&shared, first..end);
        let bytes = Part::bytes(shared.series().len(), shared.orders().len());
        let most = job.count.div_ceil(64) * bytes.a_word + bytes.always;
        assert!(size_of_val(part.words()) as u64 <= most);
        let job = Job {
            params: params.as_ptr() as u64,
            columns: columns.as_ptr() as u64,
            rules: &raw const rules as u64,
            states: states.as_mut_ptr() as u64,
            outcomes: outcomes.as_mut_ptr() as u64,
            configurations: count as u64,
            ..job.based(part.words().as_ptr() as u64)
        };
        let memory = [
            range(core::slice::from_ref(&job)),
            range(part.words()),
            range(&params),
            range(&columns),
            range(core::slice::from_ref(&rules)),
            range(&states),
            range(&outcomes),
        ];
        (0..count as u32).for_each(|number| thread(&job, &memory, number));
        first = end;
    }
    outcomes.iter().map(Outcome::summary).collect()
}
