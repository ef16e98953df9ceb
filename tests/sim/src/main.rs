//! `./manage.sh sim`: seeds of the simulator, on all cores.
#![allow(clippy::print_stdout, reason = "what it ran is its output")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use serde_json::json;
use test_sim::Violation;
use test_sim::planted::Planted;
use test_sim::run::{Storm, run, seconds, shrink};

/// Runs the trading path under everything that can go wrong, seed by seed.
///
/// Exit code 1 says that an invariant was broken.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    seeds: u64,
    /// The first of them; alone, the only one. Without it they are fresh
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// End after so many minutes, however many seeds are left
    #[arg(long, value_name = "M")]
    minutes: Option<f64>,
    /// Plant a fault, which must be found
    #[arg(long, value_enum)]
    planted: Option<Planted>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What all seeds came to.
#[derive(Default)]
struct Sums {
    seeds: u64,
    steps: u64,
    simulated_ns: u64,
    fills: usize,
    violations: Vec<(u64, Violation)>,
}

/// More would only be more of the same.
const MAX_VIOLATIONS: usize = 5;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let begun = Instant::now();
    let (first, count) = span(&arguments);
    let sums = run_seeds(&arguments, first, count);
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    if arguments.json {
        println!("{}", as_json(&sums, arguments.planted));
    } else {
        tell(&sums, first, minutes, arguments.planted);
    }
    if sums.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// First seed and number of seeds. A seed alone is repeated alone.
fn span(arguments: &Arguments) -> (u64, u64) {
    let given = std::env::args().any(|word| word == "--seeds" || word.starts_with("--seeds="));
    match arguments.seed {
        Some(seed) if !given => (seed, 1),
        Some(seed) => (seed, arguments.seeds),
        None => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            (now.as_secs() << 20, arguments.seeds)
        }
    }
}

fn run_seeds(arguments: &Arguments, first: u64, count: u64) -> Sums {
    let limit = arguments.minutes.map(|minutes| Duration::from_secs_f64((minutes * 60.0).max(0.0)));
    let (begun, next, sums) = (Instant::now(), AtomicU64::new(0), Mutex::new(Sums::default()));
    let worker = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || limit.is_some_and(|limit| begun.elapsed() > limit) {
                return;
            }
            let seed = first.wrapping_add(index);
            let outcome = run(seed, &Storm::default(), arguments.planted);
            let Ok(mut sums) = sums.lock() else { return };
            sums.seeds += 1;
            sums.steps += outcome.steps;
            sums.simulated_ns += outcome.simulated_ns;
            sums.fills += outcome.fills;
            sums.violations.extend(outcome.violation.map(|violation| (seed, violation)));
            if sums.violations.len() >= MAX_VIOLATIONS {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(worker)));
    });
    let mut sums = sums.into_inner().unwrap_or_default();
    sums.violations.sort_by_key(|(seed, _)| *seed);
    sums
}

fn repeat(seed: u64, planted: Option<Planted>) -> String {
    let planted = planted.and_then(|planted| clap::ValueEnum::to_possible_value(&planted));
    let planted = planted.map(|value| format!(" --planted {}", value.get_name())).unwrap_or_default();
    format!("./manage.sh sim --seed {seed}{planted}")
}

fn as_json(sums: &Sums, planted: Option<Planted>) -> serde_json::Value {
    let violation = |(seed, violation): &(u64, Violation)| {
        json!({
            "seed": seed, "invariant": violation.invariant, "step": violation.step, "found": violation.found,
            "repeat": repeat(*seed, planted),
        })
    };
    json!({
        "seeds": sums.seeds, "steps": sums.steps, "simulated_s": seconds(sums.simulated_ns), "fills": sums.fills,
        "violations": sums.violations.iter().map(violation).collect::<Vec<_>>(),
    })
}

fn tell(sums: &Sums, first: u64, minutes: f64, planted: Option<Planted>) {
    let hours = seconds(sums.simulated_ns) as f64 / 3_600.0;
    println!(
        "{} seeds from {first}: {} steps, {} fills, {hours:.1} simulated hours in {minutes:.2} minutes ({:.0} hours a minute)",
        sums.seeds,
        sums.steps,
        sums.fills,
        hours / minutes.max(1e-9)
    );
    for (seed, violation) in &sums.violations {
        println!("\nseed {seed}, step {}: broken: {}\n  {}", violation.step, violation.invariant, violation.found);
        println!("  smallest storm: {:?}", shrink(*seed, Storm::default(), planted, violation.invariant));
        println!("  repeat it: {}", repeat(*seed, planted));
    }
    if sums.violations.is_empty() {
        println!("every invariant held");
    }
}
