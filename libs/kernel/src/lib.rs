#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(target_arch = "nvptx64", feature(core_float_math))]

// On a host only the square root comes from std (an instruction there); see `math::sqrt`.
#[cfg(not(target_arch = "nvptx64"))]
extern crate std;

pub mod account;
pub mod bar;
pub mod breadth;
pub mod context;
pub mod decision;
pub mod digest;
pub mod exits;
pub mod fills;
pub mod indicators;
pub mod math;
pub mod params;
pub mod rank;
pub mod regime;
pub mod returns;
pub mod run;
pub mod sizing;
pub mod strategy;
pub mod stretch;
pub mod trader;
mod wide;

pub use bar::Bar;
pub use context::Context;
pub use decision::{Action, Decision, Gate, Side, Tier};
pub use digest::Digest;
pub use exits::ExitReason;
pub use params::{ParamError, ParamKind, ParamSpec};
