//! Every path makes the same run: streaming, and lanes over shared series in any steps, have the same fills and the
//! same summary, to the last bit, over random parameters, bars, funding, inputs and rules.
#![allow(clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

mod random;

use mesh_kernel::strategy::e3::{self, E3};
use mesh_kernel::strategy::funding_fade::{self, FundingFade};
use mesh_kernel::strategy::momentum::{self, Momentum};
use mesh_sweep::{Lane, Shared, Swept, streaming_with};
use proptest::prelude::*;
use random::Random;

/// Configurations that share one history, in each case.
const CONFIGURATIONS: usize = 4;

fn same<S: Swept>(seed: u64, base: &[f64]) -> Result<u32, TestCaseError> {
    let mut random = Random(seed);
    let (scale, prices) = random.scale();
    let history = random.history(scale, prices);
    let rules = random.rules(scale, prices);
    let params: Vec<S::Params> = (0..CONFIGURATIONS).map(|_| random.params(base)).collect();
    let shared = Shared::<S>::new(&history, &params);
    prop_assert_eq!(shared.bytes(), Shared::<S>::bytes_needed(&history, &params));
    let mut lanes = shared.begin(&rules, 0..CONFIGURATIONS);
    let mut fills = vec![Vec::new(); CONFIGURATIONS];
    while lanes.iter().map(Lane::bars).min() < Some(history.len()) {
        let most = if random.one_in(3) { 20 } else { 400 };
        let step = random.below(most) as usize + 1;
        let to = lanes[0].bars() + step;
        shared.advance_with(&mut lanes, &rules, to, |number, fill| fills[number as usize].push(*fill));
    }
    let mut trades = 0;
    for (i, lane) in lanes.iter().enumerate() {
        let mut expected = Vec::new();
        let summary = streaming_with::<S>(&history, &params[i], &rules, |fill| expected.push(*fill));
        prop_assert_eq!(&fills[i], &expected, "fills, seed {}, {:?} {:?}", seed, &params[i], &rules);
        prop_assert_eq!(lane.summary(), summary, "summary, seed {}, {:?} {:?}", seed, &params[i], &rules);
        trades += summary.trades;
    }
    Ok(trades)
}

fn momentum(seed: u64) -> Result<u32, TestCaseError> {
    same::<Momentum>(seed, &momentum::Params::default().values())
}

fn e3(seed: u64) -> Result<u32, TestCaseError> {
    // With its defaults it hardly trades.
    let base = if seed.is_multiple_of(3) { e3::Params::default() } else { e3::Params::high_trade() };
    same::<E3>(seed, &base.values())
}

fn funding_fade(seed: u64) -> Result<u32, TestCaseError> {
    same::<FundingFade>(seed, &funding_fade::Params::default().values())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn momentum_is_the_same_on_every_path(seed: u64) {
        momentum(seed)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn e3_is_the_same_on_every_path(seed: u64) {
        e3(seed)?;
    }

    #[test]
    fn funding_fade_is_the_same_on_every_path(seed: u64) {
        funding_fade(seed)?;
    }
}

/// The random cases trade: identity of runs that do nothing would show nothing.
#[test]
fn the_cases_trade() {
    let trades: [u32; 3] = (0..200).fold([0; 3], |[a, b, c], seed| {
        [a + momentum(seed).unwrap(), b + e3(seed).unwrap(), c + funding_fade(seed).unwrap()]
    });
    assert!(trades.iter().all(|trades| *trades > 1_500), "{trades:?}");
}
