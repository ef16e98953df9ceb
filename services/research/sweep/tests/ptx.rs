//! The committed PTX, run by an interpreter, against the CPU: what a GPU is told to do is what the kernel does, to the last
//! bit, with no access outside of what a launch is given.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test says what broke by panicking

mod interpreter;
#[path = "../../../../tests/bench/src/sweep/load.rs"]
#[allow(dead_code)]
mod load;
mod study;

use interpreter::{Module, Standing};
use mesh_kernel::sizing::SizingMethod;
use mesh_kernel::strategy::e3::E3;
use mesh_kernel::strategy::funding_fade::FundingFade;
use mesh_kernel::strategy::momentum::Momentum;
use mesh_sweep::{History, Inputs, Swept, streaming};
use study::{Random, Study, in_parts};

/// What the module makes of random studies, against streaming: the configurations that differ.
fn differences<S: Swept>(module: &Module, seeds: core::ops::Range<u64>) -> Vec<String> {
    let (mut steps, mut bars, mut trades, mut differ) = (0, 0, 0, Vec::new());
    for seed in seeds {
        let study = Study::<S>::random(seed, 3);
        let found = in_parts(&study, 8, &mut Random(seed ^ 1), |job, memory, number| {
            // Blocks of two threads: the last one has a thread too many, which must touch nothing.
            let standing = |number| Standing { block: number / 2, threads: 2, thread: number % 2 };
            let argument = [core::ptr::from_ref(job) as u64];
            steps += module.run(S::NAME, &argument, memory, standing(number));
            if number == 2 {
                module.run(S::NAME, &argument, &memory[..1], standing(3));
            }
            bars += job.count - job.first;
        });
        for (params, found) in study.params.iter().zip(found) {
            let expected = streaming::<S>(&study.history, params, &study.rules);
            trades += expected.trades;
            if found != expected {
                differ.push(format!("{} {seed} {params:?} {:?}: {found:?}, not {expected:?}", S::NAME, study.rules));
            }
        }
    }
    let a_bar = steps as f64 / bars as f64;
    eprintln!("{}: {bars} configuration-bars, {trades} trades, {a_bar:.0} instructions a configuration-bar", S::NAME);
    assert!(trades > 5, "too few to compare");
    differ
}

const PTX: &str = include_str!("../ptx/sweep.ptx");

#[test]
fn the_committed_ptx_is_streaming() {
    let module = interpreter::parse(PTX);
    assert_eq!(differences::<Momentum>(&module, 0..40), [""; 0]);
    assert_eq!(differences::<E3>(&module, 0..20), [""; 0]);
    assert_eq!(differences::<FundingFade>(&module, 0..20), [""; 0]);
}

#[test]
fn another_ptx_is_not() {
    for (operation, other) in [("setp.ge.f64", "setp.gt.f64"), ("div.rn.f64", "mul.rn.f64"), ("addc.cc", "add.cc")] {
        assert!(PTX.contains(operation), "{operation}");
        let module = interpreter::parse(&PTX.replace(operation, other));
        assert!(
            !differences::<Momentum>(&module, 0..8).is_empty(),
            "{other} instead of {operation} makes no difference"
        );
    }
}

/// Instructions a configuration-bar, over the benchmark's bars and parameters of the full kernel: what bounds a GPU's rate.
#[test]
fn a_usual_study_costs_few_instructions() {
    let module = interpreter::parse(PTX);
    let scale = load::scale().unwrap();
    let history = History::new(&load::bars(10_000), &[], Inputs::default(), scale, load::DAY_NS).unwrap();
    let rules = load::rules(scale, SizingMethod::Volatility { risk_fraction: 0.01 });
    let study = Study::<Momentum> { history, rules, params: load::full(16) };
    let (mut steps, mut bars) = (0, 0);
    let found = in_parts(&study, 1 << 20, &mut Random(1), |job, memory, number| {
        let standing = Standing { block: 0, threads: 16, thread: number };
        steps += module.run("momentum", &[core::ptr::from_ref(job) as u64], memory, standing);
        bars += job.count - job.first;
    });
    for (params, found) in study.params.iter().zip(&found) {
        assert_eq!(*found, streaming::<Momentum>(&study.history, params, &study.rules));
    }
    let (a_bar, trades) = (steps as f64 / bars as f64, found.iter().map(|summary| summary.trades).sum::<u32>());
    eprintln!("{a_bar:.1} instructions a configuration-bar, {trades} trades in {bars}");
    assert!(a_bar < 120.0, "{a_bar}");
}
