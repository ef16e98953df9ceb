#![doc = include_str!("../README.md")]

pub mod metric;
pub mod objective;
pub mod queue;
pub mod schedule;
pub mod spec;
pub mod strategies;

pub use metric::{Measures, Metric};
pub use objective::Objective;
pub use schedule::{Ended, Schedule};
pub use spec::Spec;
