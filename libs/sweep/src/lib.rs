#![doc = include_str!("../README.md")]
#![cfg_attr(target_arch = "nvptx64", no_std)]

mod momentum;
mod on_context;
pub mod past;
pub mod pyramid;
pub mod skip;
pub mod swept;
mod vectors;

// What prepares and sums up has a heap; what runs a configuration has none, and is a GPU's too.
#[cfg(not(target_arch = "nvptx64"))]
pub mod figures;
#[cfg(not(target_arch = "nvptx64"))]
pub mod history;
#[cfg(not(target_arch = "nvptx64"))]
pub mod shared;
#[cfg(not(target_arch = "nvptx64"))]
pub mod streaming;

#[cfg(not(target_arch = "nvptx64"))]
pub use figures::Figures;
#[cfg(not(target_arch = "nvptx64"))]
pub use history::{History, HistoryError, Inputs};
pub use past::Past;
#[cfg(not(target_arch = "nvptx64"))]
pub use shared::{Lane, Shared};
#[cfg(not(target_arch = "nvptx64"))]
pub use streaming::{streaming, streaming_with};
pub use swept::Swept;
