#![doc = include_str!("../README.md")]

pub mod backfill;
mod bar;
mod builder;
pub mod interval;
mod series;

pub use builder::{Builder, Refusal};
pub use series::{Built, Hole, Position};
