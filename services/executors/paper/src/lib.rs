#![doc = include_str!("../README.md")]

mod conditions;
mod depth;
pub mod exchange;
mod market;
mod matching;
mod order;
mod recovery;
pub mod settings;
mod units;

pub use exchange::{LEDGER_TYPES, PaperExchange};
pub use settings::Settings;
