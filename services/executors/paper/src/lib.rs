#![doc = include_str!("../README.md")]

pub mod exchange;
mod market;
mod matching;
mod order;
mod recovery;
pub mod settings;

pub use exchange::{LEDGER_TYPES, PaperExchange};
pub use settings::Settings;
