#![doc = include_str!("../README.md")]

pub mod error;
pub mod process;

pub use error::ConfigError;
pub use process::{JournalMode, LowLatency, MeshSection, ProcessConfig, ProcessSection, RelaySockets, RuntimeSection};
