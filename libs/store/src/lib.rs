#![doc = include_str!("../README.md")]

pub mod error;
pub mod ledger;
mod recover;
mod rows;
pub mod schema;

pub use error::StoreError;
pub use ledger::SqliteLedger;
