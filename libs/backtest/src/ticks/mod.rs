//! Backtests on ticks and books: orders on their way, in the queue, filled in parts.
//!
//! Two clocks run over one tape (`mesh_ticks::Tape`). The venue goes through it in the order of its own time: its book, its
//! matching, orders as they arrive. The strategy goes through it in the order of receiving: it sees each message when it came,
//! acts, and what it sends arrives a latency later; so do the reports. It never sees more than it would have.
//!
//! A position whose margin is gone, at the middle of the venue's book, is closed by the venue: all orders end, and what is held
//! takes from the book, at once and without a latency; what the book lacks follows with its next messages.
//!
//! Money is booked where fills happen, in the kernel's exact account; what the strategy knows of it follows its reports.
//!
//! | module | what |
//! |---|---|
//! | [`engine`] | the run |
//! | [`desk`] | what a strategy sees and may do |
//! | [`bars`] | bars from trades, for strategies that decide on bars and for the report |
//! | [`kernel`] | the kernel's strategies: decisions at the close of bars, orders at the market |
//! | `levels` | their stops and targets as orders that rest at the venue |
//! | [`quotes`] | two resting orders around the middle |

pub mod bars;
pub mod desk;
pub mod engine;
pub mod kernel;
mod levels;
pub mod quotes;

pub use desk::{Desk, Market, TickStrategy};
pub use engine::{Activity, TickOutcome, TickSettings, looks_ahead, run};
pub use kernel::KernelTrader;
pub use quotes::{Quotes, QuotesParams};
