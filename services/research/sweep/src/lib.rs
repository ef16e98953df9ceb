#![doc = include_str!("../README.md")]

pub mod backend;
mod clock;
pub mod data;
pub mod export;
mod failure;
mod fingerprint;
pub mod gpu;
pub mod progress;
pub mod returns;
pub mod run;
pub mod serve;
pub mod store;
pub mod study;

pub use failure::Failure;
