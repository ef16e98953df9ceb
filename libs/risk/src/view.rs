//! What risk is told. What is missing is `None`, and denies.

use mesh_oms::{Exposure, PositionKey};
use mesh_types::Decimal64;
use mesh_types::market::InstrumentInfo;

use crate::market::Conditions;

/// The best of a book, and whether it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookTop {
    /// Best bid.
    pub bid: Decimal64,
    /// Best ask.
    pub ask: Decimal64,
    /// Live by sequence and by the publisher's word.
    pub live: bool,
    /// When the packet behind its last message was received, ns since the Unix epoch.
    pub received_ns: u64,
}

/// What another owner holds of the same quote currency, with its open orders at their worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whose.
    pub owner: PositionKey,
    /// Base quantity, without its sign.
    pub quantity: Decimal64,
    /// Its notional; `None` where it has no price.
    pub notional: Option<Decimal64>,
}

/// The world at the moment of a check.
#[derive(Clone, Copy, Debug)]
pub struct RiskView<'a> {
    /// The time, ns since the Unix epoch.
    pub now_ns: u64,
    /// When the signal was made, ns since the Unix epoch.
    pub signal_ns: u64,
    /// What may be ordered of the instrument.
    pub info: Option<&'a InstrumentInfo>,
    /// Its book.
    pub book: Option<BookTop>,
    /// What the book offers up to the order's worst price, in base quantity.
    pub offered: Option<Decimal64>,
    /// What else is known of its market.
    pub conditions: Conditions,
    /// Position of the strategy in the instrument: what an exit may close.
    pub position: Decimal64,
    /// Worst-case bounds of the strategy in the instrument.
    pub exposure: Option<Exposure>,
    /// What all others hold, in this instrument and in all others of the same quote currency.
    pub others: Option<&'a [Held]>,
    /// The strategy has an order in the instrument of which something may still come.
    pub working: bool,
    /// Orders of an earlier run whose fate is still asked for.
    pub unresolved: u64,
}
