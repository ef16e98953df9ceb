#![doc = include_str!("../README.md")]

pub mod actor;
pub mod clock;
pub mod latency;
pub mod lock;
pub mod logging;
pub mod process;
pub mod shutdown;
pub mod status;
mod status_server;

pub use process::{About, BoxError, Process, Settings, run};
pub use shutdown::Shutdown;
pub use status::{Metrics, Status};
