//! The path from a venue's packet to an order's bytes: the processes of the mesh, against the same hops over bare sockets.
//!
//! A venue of our own sends trades at a steady rate; a strategy makes a signal of each n-th, and the order that comes of
//! it returns to the venue. Every hop says when it had what it passes on.

mod chain;
mod executor;
mod mesh;
mod sample;
mod strategy;
mod venue;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::Output;
use crate::figure::{Figure, Sense};
use crate::wire::now_ns;
use sample::{HOPS, Sample};

pub(crate) use chain::run_hop;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Market messages a second, and of how many one makes an order.
const LOADS: [Load; 2] = [Load { rate: 1_000, every: 10 }, Load { rate: 50_000, every: 500 }];
/// From the venue's packet to the signal where the machine is kept awake (source document 003), in microseconds.
const SIGNAL_WITHIN_US: f64 = 35.0;

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    output: Output,
    /// Length of one run
    #[arg(long, default_value_t = 8_000)]
    run_ms: u64,
    /// Where a ledger is made whose commits wait for the disk
    #[arg(long, default_value = ".")]
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    rate: u64,
    every: u64,
}

/// How the mesh is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setup {
    /// The ledger lies in memory.
    Plain,
    /// So it does, and every process keeps the cores awake and looks for work a while before it sleeps.
    LowLatency,
    /// The ledger lies on the disk.
    Durable,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    for load in LOADS {
        let (mut chain, mut plain) = (Vec::new(), Vec::new());
        let (mut low, mut durable) = (Vec::new(), Vec::new());
        for _ in 0..options.output.runs {
            chain.push(chain::measure(load, options.run_ms)?);
            plain.push(mesh::measure(load, options, Setup::Plain)?);
            low.push(mesh::measure(load, options, Setup::LowLatency)?);
            durable.push(mesh::measure(load, options, Setup::Durable)?);
        }
        let name = |kind: &str| format!("path.{}_per_s.{kind}", load.rate);
        let print = |name: String, (share, of): (f64, usize), target: Option<f64>, ours: &[Vec<Sample>]| {
            let (ours, bare) = (shares(ours, share, of), shares(&chain, share, of));
            Figure::new(name, ("us", Sense::Less), &ours, "bare socket chain", &bare, target).print(&options.output);
        };
        for (word, share, target) in [("p50", 0.5, Some(1.3)), ("p99", 0.99, Some(1.5)), ("p99.9", 0.999, None)] {
            print(name(word), (share, HOPS.len()), target, &plain);
            print(name(&format!("low_latency.{word}")), (share, HOPS.len()), None, &low);
            print(name(&format!("durable.{word}")), (share, HOPS.len()), None, &durable);
        }
        for (of, hop) in HOPS.iter().enumerate() {
            for (word, share) in [("p50", 0.5), ("p99", 0.99)] {
                print(name(&format!("{hop}.{word}")), (share, of), None, &plain);
            }
        }
        let signals: Vec<f64> = low.iter().map(|run| sample::share_us(run, 0.5, Sample::until_signal_ns)).collect();
        let limit = [SIGNAL_WITHIN_US];
        Figure::new(name("low_latency.signal.p50"), ("us", Sense::Less), &signals, "limit", &limit, Some(1.0))
            .print(&options.output);
    }
    Ok(())
}

/// For each run: this share of its samples took at most so many microseconds, of one hop or (past the last hop) of all.
fn shares(runs: &[Vec<Sample>], share: f64, hop: usize) -> Vec<f64> {
    runs.iter().map(|run| sample::share_us(run, share, |of| of.hop_ns(hop))).collect()
}

/// Runs this program as a part of the measured mesh, where it was started by the name of one.
pub(crate) fn run_as(program: &str) -> Option<ExitCode> {
    match program {
        strategy::PROGRAM => Some(strategy::run()),
        executor::PROGRAM => Some(executor::run()),
        _ => None,
    }
}

/// Calls `send` with each range of messages as they become due.
fn pace(load: Load, run_ms: u64, mut send: impl FnMut(core::ops::Range<u64>, u64) -> Outcome<()>) -> Outcome<()> {
    let begun = std::time::Instant::now();
    let (mut next, end) = (0, load.messages(run_ms));
    while next < end {
        let due = (begun.elapsed().as_nanos() as u64).saturating_mul(load.rate) / 1_000_000_000;
        let until = due.min(end);
        if until > next {
            send(next..until, now_ns())?;
            next = until;
        }
        let at = Duration::from_nanos((next + 1) * 1_000_000_000 / load.rate);
        std::thread::sleep(at.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

impl Load {
    const fn messages(self, run_ms: u64) -> u64 {
        self.rate * run_ms / 1_000
    }

    const fn orders(self, run_ms: u64) -> u64 {
        self.messages(run_ms) / self.every
    }
}
