//! The bus: codec, relay, peers.

mod codec;
mod plan;
mod publisher;
mod scene;
mod servers;
mod subscriber;
mod wires;

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::Output;
use wires::System;

/// Any error ends the measurement.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) output: Output,
    /// Only these parts
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Leave the peers out
    #[arg(long)]
    no_peers: bool,
    /// Length of one throughput or latency run
    #[arg(long, default_value_t = 1_000)]
    run_ms: u64,
    /// How long a subscriber is stopped
    #[arg(long, default_value_t = 5)]
    stopped_s: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Codec,
    Throughput,
    Latency,
    Stopped,
}

/// What a process of a measurement does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Carries messages.
    Server { system: System, address: PathBuf, subscribers: usize },
    /// Sends them, once `subscribers` acknowledgers have come.
    Publisher { system: System, address: PathBuf, acks: PathBuf, subscribers: usize, load: Load },
    /// Receives them.
    Subscriber { system: System, address: PathBuf, acks: PathBuf, source: u16, load: Load },
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Load {
    /// As much as the subscribers take.
    Full { run_ms: u64 },
    /// So many messages a second.
    Paced { rate: u64, messages: u64 },
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    if wanted(Part::Codec) {
        codec::run(options);
    }
    let plan = plan::Plan::new(options)?;
    if wanted(Part::Throughput) {
        plan.throughput()?;
    }
    if wanted(Part::Latency) {
        plan.latency()?;
    }
    if wanted(Part::Stopped) {
        plan.stopped()?;
    }
    Ok(())
}

/// Does what a measurement started this process for.
pub(crate) fn run_child(task: &str) -> Outcome<()> {
    match serde_json::from_str(task)? {
        Task::Server { system: System::Relay, address, .. } => servers::relay(address),
        Task::Server { address, subscribers, .. } => servers::forwarder(&address, subscribers),
        Task::Publisher { system, address, acks, subscribers, load } => {
            publisher::run(system, &address, &acks, subscribers, load)
        }
        Task::Subscriber { system, address, acks, source, load } => {
            subscriber::run(system, &address, &acks, source, load)
        }
    }
}
