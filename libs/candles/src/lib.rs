#![doc = include_str!("../README.md")]

mod bar;
mod builder;
pub mod interval;
mod series;

pub use builder::{Builder, Refusal};
pub use series::{Built, Hole, Position};
