#![doc = include_str!("../README.md")]

pub mod audit;
pub mod exact;
pub mod id;
pub mod oms;
pub mod order;
pub mod position;

pub use audit::{Account, Auditor, Finding};
pub use exact::Exact;
pub use id::OrderKey;
pub use oms::{Exposure, Oms, PositionKey, UnknownOrder};
pub use order::{Alarm, BadIntent, Effect, Order, Report};
pub use position::Position;
