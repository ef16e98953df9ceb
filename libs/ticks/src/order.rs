//! Orders, and what a venue says of them.

use mesh_types::Side;

/// How an order may trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Takes what there is at any price; the rest is cancelled.
    Market,
    /// Takes up to its price, then rests there.
    Limit,
    /// Rests at its price, or is rejected where it would take.
    PostOnly,
    /// Takes up to its price; the rest is cancelled.
    ImmediateOrCancel,
    /// Takes all of its quantity up to its price, or nothing.
    FillOrKill,
    /// Waits at the venue, unseen, for a trade at its price or worse for its owner; then takes as [`Self::Market`].
    Stop,
}

impl OrderKind {
    /// True where what is not filled at once rests.
    #[must_use]
    pub const fn rests(self) -> bool {
        matches!(self, Self::Limit | Self::PostOnly)
    }
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The sender's id.
    pub id: u64,
    /// Buy or sell.
    pub side: Side,
    /// How it may trade.
    pub kind: OrderKind,
    /// Limit in ticks, or where a stop begins; not read of market orders.
    pub price: i64,
    /// Lots.
    pub quantity: i64,
    /// It may bring the position nearer to none, never beyond.
    pub reduce_only: bool,
}

/// Why an order is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// Its quantity, or its price where it has one, is not positive.
    Invalid,
    /// An order with this id rests already.
    RepeatedId,
    /// It may only rest, and would take.
    WouldTake,
    /// As many orders rest as may.
    TooMany,
    /// It may only reduce, and there is no position to reduce.
    ReduceOnly,
}

/// Why an order ends before it is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// Its owner asked.
    Asked,
    /// It may not rest, and the book had no more up to its price.
    NoLiquidity,
    /// It met an order of its own owner.
    SelfTrade,
    /// It may only reduce, and the position is gone.
    ReduceOnly,
    /// The venue closes the position by force.
    Liquidated,
}

/// What a venue says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// The order is taken.
    Accepted,
    /// It is not, and never was in the book.
    Rejected(RejectReason),
    /// Part of it, or all, is filled.
    Filled {
        /// Ticks.
        price: i64,
        /// Lots of this fill.
        quantity: i64,
        /// Lots that are still to be filled.
        left: i64,
        /// It rested.
        is_maker: bool,
    },
    /// It ends with so many lots unfilled.
    Cancelled {
        /// Lots.
        left: i64,
        /// Why.
        reason: CancelReason,
    },
    /// No order with this id rests: it ended before the request came.
    CancelRejected,
}

/// A report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Of which order.
    pub id: u64,
    /// Its side.
    pub side: Side,
    /// When it happened at the venue, ns.
    pub venue_ns: u64,
    /// What happened.
    pub kind: ReportKind,
}

impl Report {
    /// Id of the order with which a venue closes a position by force: nobody sent it.
    pub const FORCED_ID: u64 = u64::MAX;

    /// True where nothing follows for this order.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self.kind {
            ReportKind::Accepted | ReportKind::CancelRejected => false,
            ReportKind::Rejected(_) | ReportKind::Cancelled { .. } => true,
            ReportKind::Filled { left, .. } => left == 0,
        }
    }
}
