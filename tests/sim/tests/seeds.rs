//! Two thousand seeds of storm and calm, on as many tests as there may be cores. A failing seed is repeated, and made
//! smaller, by `./manage.sh sim --seed S`.

use test_sim::run::{Storm, run};

#[allow(clippy::print_stdout, reason = "seeds are told")]
fn hold(seeds: std::ops::Range<u64>) {
    let count = seeds.end - seeds.start;
    println!("seeds {seeds:?}");
    let mut fills = 0;
    for seed in seeds {
        let outcome = run(seed, &Storm::default(), None);
        assert_eq!(outcome.violation, None, "./manage.sh sim --seed {seed}");
        fills += outcome.fills as u64;
    }
    assert!(fills > 20 * count, "the scenario trades: {fills} fills");
}

#[test]
fn nothing_is_lost_and_nothing_doubled_whatever_fails_1() {
    hold(0..500);
}

#[test]
fn nothing_is_lost_and_nothing_doubled_whatever_fails_2() {
    hold(500..1_000);
}

#[test]
fn nothing_is_lost_and_nothing_doubled_whatever_fails_3() {
    hold(1_000..1_500);
}

#[test]
fn nothing_is_lost_and_nothing_doubled_whatever_fails_4() {
    hold(1_500..2_000);
}

#[test]
fn a_seed_repeats_its_run() {
    let of = |seed| {
        let outcome = run(seed, &Storm::default(), None);
        (outcome.steps, outcome.fills, outcome.simulated_ns)
    };
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
}
