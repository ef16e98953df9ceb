//! Orders and fills, as the exchange keeps them.

use mesh_types::Side;

use crate::core::instrument::Filter;

/// How an order is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// At its price or better, while its time in force lasts.
    Limit,
    /// At its price, resting only.
    LimitMaker,
    /// At the best there is.
    Market,
}

/// How long an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeInForce {
    /// Until it is cancelled.
    Gtc,
    /// What can be filled at once.
    Ioc,
    /// All at once, or nothing.
    Fok,
}

/// How much is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// This quantity of the base.
    Base(i64),
    /// As much as this amount of the quote asset pays; market orders only.
    Quote(i128),
}

/// An order that is to be placed; numbers are of 10^-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Index of its instrument.
    pub instrument: usize,
    /// The client's id; unique among the account's open orders.
    pub client_order_id: String,
    /// Side.
    pub side: Side,
    /// How it is priced.
    pub kind: Kind,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// How much.
    pub amount: Amount,
    /// Price; 0 for a market order.
    pub price: i64,
}

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Resting, nothing filled.
    New,
    /// Resting, in part filled.
    PartiallyFilled,
    /// Filled.
    Filled,
    /// Taken back by its owner.
    Canceled,
    /// Ended by its own terms.
    Expired,
}

impl Status {
    /// True while it rests.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }
}

/// An order; numbers are of 10^-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The exchange's id.
    pub id: u64,
    /// Index of its account.
    pub account: usize,
    /// Index of its instrument.
    pub instrument: usize,
    /// The client's id.
    pub client_order_id: String,
    /// Side.
    pub side: Side,
    /// How it is priced.
    pub kind: Kind,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// Price; 0 for a market order.
    pub price: i64,
    /// Quantity; what was filled, for one that named an amount of the quote asset.
    pub quantity: i64,
    /// Filled quantity.
    pub executed: i64,
    /// Filled amount of the quote asset.
    pub executed_quote: i128,
    /// Where it is.
    pub status: Status,
    /// When it was placed, ns since the Unix epoch.
    pub placed_ns: u64,
    /// When it last changed, ns since the Unix epoch.
    pub updated_ns: u64,
    /// What is still locked for it.
    pub(crate) locked: i128,
    /// Quantity that others have at its price, and that is filled before it.
    pub(crate) ahead: i64,
}

impl Order {
    /// What is not filled.
    pub const fn remaining(&self) -> i64 {
        self.quantity - self.executed
    }
}

/// A fill of an order; numbers are of 10^-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The exchange's id of the trade.
    pub trade_id: u64,
    /// The order.
    pub order_id: u64,
    /// Index of the instrument.
    pub instrument: usize,
    /// The order's side.
    pub side: Side,
    /// Price.
    pub price: i64,
    /// Quantity.
    pub quantity: i64,
    /// Fee, of what was received.
    pub fee: i128,
    /// What the fee is paid in.
    pub fee_asset: String,
    /// The order was resting.
    pub maker: bool,
    /// When, ns since the Unix epoch.
    pub time_ns: u64,
}

/// What happened to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was taken.
    New,
    /// A part of it was filled.
    Trade(Fill),
    /// Its owner took it back.
    Canceled,
    /// It ended by its own terms.
    Expired,
}

/// What the owner of an order is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The order, as it was then.
    pub order: Order,
    /// What happened.
    pub what: What,
}

/// Why an order, or its cancel, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// It did not pass a filter.
    Filter(Filter),
    /// The account has too little.
    InsufficientBalance,
    /// An open order has the same client id.
    Duplicate,
    /// It must not take, and would.
    WouldTake,
    /// There is no such open order.
    UnknownOrder,
    /// The account has too many orders open.
    TooManyOpen,
}

impl From<Filter> for Reject {
    fn from(filter: Filter) -> Self {
        Self::Filter(filter)
    }
}
