//! The schedule: the same sweep whoever runs it, with early stopping, in chunks of any size, after any interruption.

#![allow(clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

use std::collections::BTreeMap;
use std::convert::Infallible;

use mesh_optimize::prune::Verdict;
use mesh_optimize::{Outcome, Point, Rng};
use mesh_study::schedule::{Ended, Schedule};
use mesh_study::spec::Spec;
use proptest::prelude::*;

fn spec(sampler: &str, pruning: &str) -> Spec {
    let text = format!(
        "strategy = 'momentum'\nseed = 3\nbudget = 90\n[data]\nbars = ['x.csv']\n[space]\n\
         ema_fast = {{ low = 3, high = 20 }}\nstop_atr = {{ low = 0.5, high = 8, log = true }}\ntarget_atr = [0, 2, 4]\n\
         partial_fraction = {{ grid = [0.25, 0.5], when = {{ target_atr = [2, 4] }} }}\n\
         [objective]\nmaximise = 'sharpe'\n[sampler]\n{sampler}\n{pruning}\n"
    );
    Spec::parse("test", &text).unwrap()
}

fn specs() -> Vec<Spec> {
    let median = "[pruning]\nkind = 'median'\nstartup = 5\nwarmup = 1\nsteps = 6";
    let halving = "[pruning]\nkind = 'successive_halving'\nsteps = 6";
    vec![
        spec("kind = 'grid'\nlevels = 3", ""),
        spec("kind = 'sobol'", median),
        spec("kind = 'random'", halving),
        spec("kind = 'tpe'\nround = 7", median),
        spec("kind = 'nsga2'\npopulation = 12", ""),
    ]
}

/// A trial's value after each step, by nothing but its point.
fn value(point: &Point, step: u64) -> f64 {
    let codes = point.codes();
    let x = codes[0].unwrap() * 0.1 - codes[1].unwrap() + codes[2].unwrap() - codes[3].unwrap_or(0.3);
    x + (x * 13.0 * step as f64).sin() / step as f64
}

/// A worker at its chunk: where each trial of it is.
struct Worker {
    trials: Vec<(u64, Point, Vec<f64>)>,
    step: u64,
}

type Kept = BTreeMap<u64, Ended>;

/// Runs a sweep by workers that take turns by chance, with chunks of any size, from what is kept; stops after `most` turns.
fn run(spec: &Spec, kept: &mut Kept, workers: usize, chaos: u64, most: usize) -> bool {
    let known: Vec<Result<Ended, Infallible>> = kept.values().cloned().map(Ok).collect();
    let mut schedule = Schedule::new(spec, known.into_iter()).unwrap();
    let steps = spec.pruning.map_or(1, |pruning| u64::from(pruning.steps));
    let mut rng = Rng::seeded(chaos);
    let mut busy: Vec<Worker> = Vec::new();
    for _ in 0..most {
        if busy.len() < workers {
            let wanted = 1 + rng.index(9);
            schedule.fill(wanted).unwrap();
            let most = if rng.below(3) == 0 { 1 } else { wanted };
            let taken = schedule.take(most);
            if !taken.is_empty() {
                let trials = taken.into_iter().map(|(number, point)| (number, point, Vec::new())).collect();
                busy.push(Worker { trials, step: 0 });
                continue;
            }
        }
        if busy.is_empty() {
            assert!(schedule.is_done());
            return true;
        }
        let at = rng.index(busy.len());
        advance(&mut schedule, &mut busy[at], steps, kept);
        if busy[at].trials.is_empty() {
            busy.swap_remove(at);
        }
    }
    false
}

fn advance<K: Iterator<Item = Result<Ended, Infallible>>>(
    schedule: &mut Schedule<K>,
    worker: &mut Worker,
    steps: u64,
    kept: &mut Kept,
) {
    let step = worker.step + 1;
    let mut end = |schedule: &mut Schedule<K>, number, point: &Point, outcome: Outcome, reports: &[f64]| {
        schedule.finish(number, outcome.clone()).unwrap();
        let ended = Ended { number, point: point.clone(), outcome, reports: reports.to_vec() };
        assert!(kept.insert(number, ended).is_none(), "trial {number} ran twice");
    };
    if step == steps {
        for (number, point, reports) in worker.trials.drain(..) {
            end(schedule, number, &point, Outcome::value(value(&point, steps)), &reports);
        }
        return;
    }
    for (number, point, reports) in &mut worker.trials {
        if reports.len() < step as usize {
            reports.push(value(point, step));
            schedule.report(*number, step, value(point, step)).unwrap();
        }
    }
    // Each is judged once; a trial that must wait holds up its chunk.
    let mut waits = false;
    worker.trials.retain(|(number, point, reports)| match schedule.verdict(*number, step).unwrap() {
        Verdict::Continue => true,
        Verdict::Stop => {
            let outcome = Outcome::Pruned { steps: step, value: value(point, step) };
            end(schedule, *number, point, outcome, reports);
            false
        }
        Verdict::Wait { .. } => {
            waits = true;
            true
        }
    });
    if !waits {
        worker.step = step;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_sweep_is_the_same_whoever_runs_it(chaos: u64, workers in 1usize..6, cut in 1usize..400) {
        for spec in specs() {
            let mut alone = Kept::new();
            prop_assert!(run(&spec, &mut alone, 1, 1, 100_000));
            let mut kept = Kept::new();
            let mut again = chaos;
            while !run(&spec, &mut kept, workers, again, cut.max(60)) {
                again = again.wrapping_add(1);
            }
            prop_assert_eq!(&kept, &alone);
        }
    }
}

#[test]
fn early_stopping_stops() {
    for spec in specs().into_iter().filter(|spec| spec.pruning.is_some()) {
        let mut kept = Kept::new();
        assert!(run(&spec, &mut kept, 3, 9, 100_000));
        let pruned = kept.values().filter(|ended| matches!(ended.outcome, Outcome::Pruned { .. })).count();
        assert!((10..kept.len()).contains(&pruned), "{pruned} of {}", kept.len());
    }
}

#[test]
fn what_is_kept_must_fit() {
    let spec = &specs()[2];
    let mut kept = Kept::new();
    run(spec, &mut kept, 1, 1, 40);
    let mut list: Vec<Ended> = kept.into_values().collect();
    list[1].point = list[0].point.clone();
    let known = list.into_iter().map(Ok::<_, Infallible>);
    let fault = Schedule::new(spec, known).unwrap().fill(1000).unwrap_err().to_string();
    assert!(fault.contains("trial 1 as it is kept is not what this study tries there"), "{fault}");
}
