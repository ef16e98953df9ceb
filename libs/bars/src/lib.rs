#![doc = include_str!("../README.md")]

mod candles;
mod inputs;
mod keep;
mod parquet;
mod series;
pub mod text;

pub use series::{ReadError, Source, Wanted, bars, files, series};
pub use text::Fault;
