//! Studies: the same whatever the workers, and after every interruption.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking

use std::collections::BTreeMap;

use mesh_optimize::study::State;
use mesh_optimize::{
    Ask, Direction, Domain, Nsga2, Outcome, Parameter, Point, Rng, Sampler, Space, Spec, Study, Tpe, Value,
};
use proptest::prelude::*;

fn space() -> Space {
    Space::new(vec![
        Parameter::new("fast", Domain::int(2, 30)),
        Parameter::new("risk", Domain::log(1e-4, 1e-1)),
        Parameter::new("exit", Domain::choice(["stop", "time"])),
        Parameter::new("atr", Domain::Grid(vec![1.0, 1.5, 2.0, 3.0])).when("exit", [Value::Text("stop".into())]),
        Parameter::new("bars", Domain::float(1.0, 9.0)).when("exit", [Value::Text("time".into())]),
    ])
    .unwrap()
}

fn samplers() -> Vec<Sampler> {
    vec![
        Sampler::Grid { levels: Some(3) },
        Sampler::Random,
        Sampler::Sobol,
        Sampler::Tpe(Tpe { round: 5, ..Tpe::default() }),
        Sampler::Nsga2(Nsga2 { population: 8, ..Nsga2::default() }),
    ]
}

fn spec(sampler: Sampler, seed: u64) -> Spec {
    let directions = match sampler {
        Sampler::Nsga2(_) => vec![Direction::Maximise, Direction::Minimise],
        _ => vec![Direction::Maximise],
    };
    Spec { space: space(), directions, sampler, budget: 70, seed }
}

/// What came of a point: every kind of outcome, by nothing but the point.
fn outcome(point: &Point, objectives: usize) -> Outcome {
    let codes = point.codes();
    let x = codes[0].unwrap() * 0.1 - codes[1].unwrap().ln().abs() + codes[3].unwrap_or(0.5);
    match codes[0].unwrap() as u64 % 7 {
        3 => Outcome::Failed,
        4 => Outcome::Pruned { steps: codes[0].unwrap() as u64, value: x },
        5 => Outcome::Complete { values: vec![x; objectives], violation: 1.5 },
        _ => Outcome::Complete { values: [x, x * x].into_iter().take(objectives).collect(), violation: 0.0 },
    }
}

/// Runs a study with so many workers that end in a random order; after each step it may be written down and read again.
fn run(spec: &Spec, workers: usize, chaos: u64, interrupt: bool) -> (BTreeMap<u64, Point>, State) {
    let mut rng = Rng::seeded(chaos);
    let mut study = Study::new(spec.clone()).unwrap();
    let mut trials = BTreeMap::new();
    let mut running: Vec<(u64, Point)> = Vec::new();
    loop {
        while running.len() < workers {
            match study.ask() {
                Ask::Trial { number, point } => {
                    assert!(trials.insert(number, point.clone()).is_none());
                    running.push((number, point));
                }
                Ask::Wait { number } => {
                    assert!(running.iter().any(|(open, _)| *open == number), "waits for one that nobody runs");
                    break;
                }
                Ask::Done => break,
            }
        }
        if running.is_empty() {
            return (trials, study.state().clone());
        }
        let (number, point) = running.swap_remove(rng.index(running.len()));
        study.tell(number, outcome(&point, spec.directions.len())).unwrap();
        assert!(study.tell(number, Outcome::Failed).is_err(), "told twice");
        if interrupt && rng.below(5) == 0 {
            let text = serde_json::to_string(study.state()).unwrap();
            study = Study::resume(spec.clone(), serde_json::from_str(&text).unwrap()).unwrap();
            running = study.open().map(|(number, point)| (number, point.clone())).collect();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_same_study_for_any_workers_and_interruptions(seed: u64, chaos: u64, workers in 1usize..9) {
        for sampler in samplers() {
            let spec = spec(sampler, seed);
            let alone = run(&spec, 1, 0, false);
            prop_assert_eq!(alone.0.len() as u64, Study::new(spec.clone()).unwrap().trials());
            prop_assert_eq!(&run(&spec, workers, chaos, false), &alone);
            prop_assert_eq!(&run(&spec, workers, chaos, true), &alone);
        }
    }
}

#[test]
fn another_seed_is_another_study() {
    for sampler in samplers().into_iter().skip(1) {
        assert_ne!(run(&spec(sampler.clone(), 1), 1, 0, false).0, run(&spec(sampler, 2), 1, 0, false).0);
    }
}

#[test]
fn the_best_is_the_best_and_feasible() {
    let spec = spec(Sampler::Random, 3);
    let (trials, state) = run(&spec, 3, 1, false);
    let study = Study::resume(spec, state).unwrap();
    let feasible = trials.iter().filter_map(|(number, point)| match outcome(point, 1) {
        Outcome::Complete { values, violation: 0.0 } => Some((values[0], *number)),
        _ => None,
    });
    let (value, number) = feasible.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    let best = study.best().unwrap();
    assert_eq!((best.number, &best.outcome), (number, &Outcome::value(value)));
    assert_eq!(study.front().count(), 1);
}

#[test]
fn a_wrong_specification_says_what_to_do() {
    let error = |change: fn(&mut Spec)| {
        let mut spec = spec(Sampler::Random, 1);
        change(&mut spec);
        Study::new(spec).unwrap_err().to_string()
    };
    assert_eq!(error(|spec| spec.budget = 0), "the budget is 0 trials: give at least 1");
    assert_eq!(error(|spec| spec.directions.clear()), "a study needs at least one objective");
    let tpe = error(|spec| {
        spec.sampler = Sampler::Tpe(Tpe::default());
        spec.directions.push(Direction::Minimise);
    });
    assert_eq!(tpe, "tpe takes one objective, got 2: use nsga2");
    assert!(error(|spec| spec.sampler = Sampler::Grid { levels: None }).contains("`risk`"));
    let zero = error(|spec| spec.sampler = Sampler::Tpe(Tpe { round: 0, ..Tpe::default() }));
    assert_eq!(zero, "tpe.round must be at least 1, got 0");
}

#[test]
fn results_and_states_that_do_not_fit_are_refused() {
    let mut study = Study::new(spec(Sampler::Random, 1)).unwrap();
    let Ask::Trial { number, .. } = study.ask() else { panic!("no trial") };
    assert!(study.tell(9, Outcome::Failed).unwrap_err().to_string().contains("trial 9 is not under way"));
    for wrong in [Outcome::value(f64::NAN), Outcome::Complete { values: vec![], violation: 0.0 }] {
        assert!(study.tell(number, wrong).unwrap_err().to_string().contains("expected 1 finite values"));
    }
    let state = study.state().clone();
    let lost = State { asked: 7, ..state };
    let adaptive = spec(Sampler::Tpe(Tpe::default()), 1);
    let error = Study::resume(adaptive, lost).unwrap_err().to_string();
    assert!(error.contains("7 trials were asked for, 1 are there"), "{error}");
}

/// ZDT1 (Zitzler, Deb, Thiele, 2000): the front is f2 = 1 - sqrt(f1), where all parameters but the first are 0.
#[test]
fn nsga2_comes_near_the_front_of_zdt1() {
    let parameters: Vec<Parameter> =
        (0..10).map(|at| Parameter::new(format!("x{at}"), Domain::float(0.0, 1.0))).collect();
    let distance = |sampler: Sampler| {
        let space = Space::new(parameters.clone()).unwrap();
        let directions = vec![Direction::Minimise; 2];
        let mut study = Study::new(Spec { space, directions, sampler, budget: 4800, seed: 1 }).unwrap();
        while let Ask::Trial { number, point } = study.ask() {
            let x: Vec<f64> = point.codes().iter().map(|code| code.unwrap()).collect();
            let g = 1.0 + x[1..].iter().sum::<f64>();
            study
                .tell(number, Outcome::Complete { values: vec![x[0], g * (1.0 - (x[0] / g).sqrt())], violation: 0.0 })
                .unwrap();
        }
        let off = |values: &[f64]| values[1] - (1.0 - values[0].sqrt());
        let offs: Vec<f64> = study
            .front()
            .map(|trial| match &trial.outcome {
                Outcome::Complete { values, .. } => off(values),
                other => panic!("{other:?} in the front"),
            })
            .collect();
        (offs.iter().sum::<f64>() / offs.len() as f64, offs.len())
    };
    let (random, _) = distance(Sampler::Random);
    let (nsga2, points) = distance(Sampler::Nsga2(Nsga2::default()));
    println!("mean distance to the front: random {random:.3}, nsga2 {nsga2:.4} with {points} points");
    assert!(nsga2 < 0.02 && nsga2 < random / 20.0 && points >= 48);
}
