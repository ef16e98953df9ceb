#![doc = include_str!("../README.md")]

pub mod backend;
mod clock;
pub mod data;
pub mod export;
mod failure;
mod fingerprint;
pub mod gpu;
pub mod progress;
pub mod run;
pub mod store;
pub mod study;

pub use failure::Failure;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
