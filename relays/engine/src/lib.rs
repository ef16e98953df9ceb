#![doc = include_str!("../README.md")]

mod backlog;
mod connection;
mod counters;
mod engine;
mod filter;
mod gaps;
mod handshake;
mod holes;
mod last_values;
mod members;
mod process;
mod retained;
mod settings;
mod state_key;
mod wishes;

pub use counters::{Counters, Totals};
pub use engine::{Relay, RelayConfig};
pub use process::{RelayKind, run};
pub use settings::{RelaySettings, SlowPolicy};
