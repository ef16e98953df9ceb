//! The exchange itself, pure: no protocol, socket, file or clock. Time comes as an argument, randomness from a seed.
//!
//! Prices and quantities are integers of 10^-8 ([`units`]), as Binance prints them; amounts of money too.

pub mod accounts;
pub mod candles;
pub mod diff;
pub mod exchange;
pub mod faults;
pub mod generator;
pub mod instrument;
pub mod limits;
pub mod matching;
pub mod orders;
pub mod recording;
pub mod units;

use mesh_book::Level;

/// A public trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The venue's trade id.
    pub id: u64,
    /// Price.
    pub price: i64,
    /// Quantity.
    pub quantity: i64,
    /// True where the buyer was resting, so the taker sold.
    pub buyer_is_maker: bool,
    /// When, ns since the Unix epoch.
    pub time_ns: u64,
}

/// Best bid and ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    /// Update id of the book.
    pub update_id: u64,
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}
