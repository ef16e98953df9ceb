#![doc = include_str!("../README.md")]

mod bits;
pub mod figures;
pub mod history;
mod momentum;
mod on_context;
mod pyramid;
pub mod shared;
mod skip;
pub mod streaming;
pub mod swept;

pub use figures::Figures;
pub use history::{History, HistoryError, Inputs};
pub use shared::{Lane, Shared};
pub use streaming::{streaming, streaming_with};
pub use swept::Swept;
