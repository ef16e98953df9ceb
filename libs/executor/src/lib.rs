#![doc = include_str!("../README.md")]

pub mod engine;
pub mod order;
mod said;
mod tick;

pub use engine::{Effect, Executor, Report, Settings};
pub use order::Live;
