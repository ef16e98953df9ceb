#![doc = include_str!("../README.md")]

mod candles;
mod inputs;
mod meter;
mod parquet;
mod series;
pub mod text;

pub use series::{Source, Wanted, bars, files, series};
pub use text::Fault;
