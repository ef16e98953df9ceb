#![doc = include_str!("../README.md")]

pub mod error;
pub mod process;

pub use error::ConfigError;
pub use process::{MeshSection, ProcessConfig, ProcessSection, RelaySockets};
