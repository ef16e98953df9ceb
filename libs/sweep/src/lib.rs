#![doc = include_str!("../README.md")]

mod bits;
pub mod figures;
pub mod history;
pub mod shared;
pub mod streaming;

pub use figures::Figures;
pub use history::{History, HistoryError, Inputs};
pub use shared::{Lane, Shared, Swept};
pub use streaming::{streaming, streaming_with};
