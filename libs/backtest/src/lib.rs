#![doc = include_str!("../README.md")]

pub mod data;
pub mod decimals;
pub mod engine;
pub mod fills;
pub mod gates;
pub mod inputs;
mod lane;
mod ledger;
pub mod lookahead;
pub mod metrics;
pub mod monthly;
pub mod outcome;
pub mod strategy;
pub mod ticks;
pub mod watch;

pub use data::{DataError, Funding, Series, TimedBar};
pub use decimals::Decimals;
pub use engine::{InitialPosition, RunError, Settings, Sizing, run};
pub use fills::{Fills, Turn};
pub use gates::Gates;
pub use inputs::{InputRules, TimedValue};
pub use ledger::Trade;
pub use metrics::{Metrics, metrics};
pub use outcome::{EquityPoint, OpenPosition, Outcome};
pub use strategy::{Decider, Kernel};
