#![doc = include_str!("../README.md")]

mod candles;
mod series;
pub mod text;

pub use series::{Source, csv, files, series};
pub use text::Fault;
