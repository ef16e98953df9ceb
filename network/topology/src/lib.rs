#![doc = include_str!("../README.md")]

pub mod confirm;
pub mod export;
pub mod layout;
pub mod model;
pub mod order;
mod parse;
pub mod problems;
pub mod profiles;
pub mod render;
pub mod suggest;

pub use layout::Layout;
pub use model::{Kind, Limits, Policy, ProcessSpec, Restart, Topology};
pub use problems::Problems;
pub use suggest::closest;
