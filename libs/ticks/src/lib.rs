#![doc = include_str!("../README.md")]

pub mod binance;
pub mod book;
pub mod exchange;
mod ladder;
pub mod latency;
pub mod matching;
pub mod messages;
pub mod order;
pub mod queue;
pub mod recordings;
pub mod session;
pub mod synthetic;
pub mod tape;
pub mod trigger;

pub use book::TickBook;
pub use exchange::Exchange;
pub use latency::{Curve, CurveError, Latency};
pub use matching::{Depth, Matching, Outcome, Part, Resting, Sink};
pub use mesh_book::Level;
pub use order::{CancelReason, Order, OrderKind, RejectReason, Report, ReportKind};
pub use queue::{QueueModel, QueuePosition};
pub use session::{Request, Session};
pub use tape::{Head, Kind, Tape, TapeBuilder, TapeError};
