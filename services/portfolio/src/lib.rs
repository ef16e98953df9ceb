#![doc = include_str!("../README.md")]

mod entries;
mod exits;
mod market;
pub mod portfolio;
mod reports;
pub mod settings;
mod verdicts;

pub use portfolio::{LEDGER_TYPES, Portfolio};
pub use settings::Settings;
