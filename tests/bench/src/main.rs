#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout, reason = "figures are its output")]

mod bus;
mod figure;
mod oms;
mod start;
mod sweep;

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
    /// Configurations over bars; the sampler; peers.
    Sweep(sweep::Options),
    /// From `up` to ready; memory of each process.
    Start(start::Options),
    /// One process of a measurement.
    #[command(hide = true)]
    Child {
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
    let outcome = match Arguments::parse().what {
        What::Bus(options) => bus::run(&options),
        What::Oms(options) => oms::run(&options),
        What::Sweep(options) => sweep::run(&options),
        What::Start(options) => start::run(&options),
        What::Child { task } => bus::run_child(&task),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("alphamesh-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
