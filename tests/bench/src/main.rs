#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout, reason = "figures are its output")]

mod bus;
mod child;
mod figure;
mod oms;
mod path;
mod start;
mod sweep;
mod venues;
mod wire;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Measures the mesh against limits and peers.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Codec, relays and peers.
    Bus(bus::Options),
    /// The ledger's commits.
    Oms(oms::Options),
    /// From a venue's packet to an order's bytes, through every process.
    Path(path::Options),
    /// Venues' raw bytes to TLVs.
    Venues(venues::Options),
    /// Configurations over bars; the sampler; peers.
    Sweep(sweep::Options),
    /// From `up` to ready; memory of each process.
    Start(start::Options),
    /// All of these, one after another.
    All(Output),
    /// One process of a measurement.
    #[command(hide = true)]
    Child {
        /// What it is to do, as JSON.
        task: String,
    },
    /// One hop of a measured way.
    #[command(hide = true)]
    Hop {
        /// What it is to do, as JSON.
        task: String,
    },
}

/// How figures are printed.
#[derive(Args, Clone, Debug)]
struct Output {
    /// One JSON object per figure
    #[arg(long)]
    json: bool,
    /// Runs of each figure; the median is printed
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

fn main() -> ExitCode {
    let program = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if let Some(code) = program.file_name().and_then(|name| path::run_as(name.to_str()?)) {
        return code;
    }
    match measure(Arguments::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("alphamesh-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(what: What) -> Result<(), Box<dyn Error>> {
    match what {
        What::Bus(options) => bus::run(&options),
        What::Oms(options) => oms::run(&options),
        What::Path(options) => path::run(&options),
        What::Venues(options) => venues::run(&options),
        What::Sweep(options) => sweep::run(&options),
        What::Start(options) => start::run(&options),
        What::All(output) => all(&output),
        What::Child { task } => bus::run_child(&task),
        What::Hop { task } => path::run_hop(&task),
    }
}

/// Every measurement as it is by default. One that fails is told, and the others go on.
fn all(output: &Output) -> Result<(), Box<dyn Error>> {
    let runs = output.runs.to_string();
    let mut failed = Vec::new();
    for name in ["bus", "oms", "path", "start", "sweep", "venues"] {
        let words = ["alphamesh-bench", name, "--runs", &runs];
        let parsed = Arguments::try_parse_from(words.into_iter().chain(output.json.then_some("--json")))?;
        if let Err(error) = measure(parsed.what) {
            failed.push(format!("{name}: {error}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ").into()) }
}
