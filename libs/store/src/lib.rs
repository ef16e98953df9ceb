#![doc = include_str!("../README.md")]

pub mod audit;
mod backup;
pub mod error;
mod fence;
pub mod history;
pub mod ledger;
mod net;
pub mod read;
mod recover;
mod rows;
pub mod schema;
pub mod story;

pub use audit::{Audit, audit};
pub use backup::backup;
pub use error::StoreError;
pub use ledger::SqliteLedger;
pub use read::{Books, KeptOrder, LedgerReader, kill_switches};
