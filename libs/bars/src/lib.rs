#![doc = include_str!("../README.md")]

mod candles;
mod parquet;
mod series;
pub mod text;

pub use series::{Source, bars, files, series};
pub use text::Fault;
