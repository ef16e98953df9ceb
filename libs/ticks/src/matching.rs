//! What orders of ours get of a market that goes on as if they were not there: one code for backtests ([`crate::Exchange`])
//! and for the paper exchange. Only the book differs: recorded in one, live in the other ([`Depth`]).
//!
//! - **Taking** walks the book from its best level, each at its own price, and takes what is there once.
//! - **Resting** orders stand in a queue ([`crate::queue`]). A trade at their price fills what it leaves beyond the quantity
//!   ahead; a trade beyond their price fills them first, never more than it traded. Among our own the better price is first,
//!   then the earlier one.
//! - Where the book reaches a resting order from the other side, it is filled at its own price, worse for us than the
//!   book's, up to what the book holds there, which is taken.
//! - Our orders don't trade with each other: what would is cancelled, the older one stays.
//!
//! A price of which the book does not tell (below the levels it shows, or while it is lost) has an unknown queue: the order
//! stands behind whatever will be shown there, and only a price that goes through fills it before.
//!
//! Prices are ticks, quantities lots. Inside, prices are ranks: the price for bids, its negation for asks.

use mesh_book::Level;
use mesh_types::Side;

pub use crate::ladder::NONE;
use crate::order::{CancelReason, Order, OrderKind, RejectReason};
use crate::queue::{QueueModel, QueuePosition};

/// Orders of ours that may rest on a side.
pub const MAX_RESTING: usize = 1_024;

/// Rank of a price: the better, the higher. The price of a rank is found the same way, and the rank that meets it on the other
/// side is its negation.
#[must_use]
#[inline]
pub const fn rank(side: Side, price: i64) -> i64 {
    match side {
        Side::Buy => price,
        Side::Sell => price.wrapping_neg(),
    }
}

/// A book that orders meet.
pub trait Depth {
    /// Rank of a side's best level that has something left, [`NONE`] where there is none.
    fn best(&self, side: Side) -> i64;
    /// What a level shows.
    fn shown(&self, side: Side, rank: i64) -> i64;
    /// What is left of it to take.
    fn free(&self, side: Side, rank: i64) -> i64;
    /// Takes so much of a level.
    fn take(&mut self, side: Side, rank: i64, quantity: i64);
    /// What is left of a side's levels down to a rank; it may stop once it is `enough`.
    fn reach(&self, side: Side, floor: i64, enough: i64) -> i64;
    /// True where the book would show what rests at a rank.
    fn is_seen(&self, side: Side, rank: i64) -> bool;
}

/// A part of an order that is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The order's id.
    pub id: u64,
    /// Its side.
    pub side: Side,
    /// Ticks.
    pub price: i64,
    /// Lots.
    pub quantity: i64,
    /// Lots of the order still to be filled.
    pub left: i64,
    /// It rested.
    pub is_maker: bool,
}

/// Takes what is filled.
pub trait Sink {
    /// How much of `quantity` an order may have now; less where a position that it may only reduce is smaller.
    #[inline]
    fn allowed(&self, id: u64, side: Side, quantity: i64) -> i64 {
        let _ = (id, side);
        quantity
    }

    /// A part was filled.
    fn fill(&mut self, part: Part);
}

/// A resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// The sender's id.
    pub id: u64,
    rank: i64,
    /// Lots still to be filled.
    pub left: i64,
    /// Its place in the queue.
    pub queue: QueuePosition,
}

impl Resting {
    /// What it is, as numbers: equal ones, equal futures.
    #[must_use]
    pub const fn fingerprint(&self) -> [i64; 5] {
        let [ahead, traded] = self.queue.fingerprint();
        [self.id.cast_signed(), self.rank, self.left, ahead, traded]
    }

    /// Fills up to `quantity` of it at its own price; how much that was.
    #[inline]
    fn fill(&mut self, side: Side, quantity: i64, sink: &mut impl Sink) -> i64 {
        let quantity = sink.allowed(self.id, side, self.left.min(quantity));
        if quantity <= 0 {
            return 0;
        }
        self.left -= quantity;
        let (id, price, left) = (self.id, rank(side, self.rank), self.left);
        sink.fill(Part { id, side, price, quantity, left, is_maker: true });
        quantity
    }
}

/// Own orders of a side: best price first, then the earlier one.
#[derive(Clone, Debug)]
struct Own {
    side: Side,
    orders: Vec<Resting>,
    /// Best and worst rank; an empty range where nothing rests.
    best: i64,
    worst: i64,
}

impl Own {
    const fn new(side: Side) -> Self {
        Self { side, orders: Vec::new(), best: i64::MIN, worst: i64::MAX }
    }

    fn bound(&mut self) {
        self.best = self.orders.first().map_or(i64::MIN, |order| order.rank);
        self.worst = self.orders.last().map_or(i64::MAX, |order| order.rank);
    }

    fn add(&mut self, order: Resting) {
        let at = self.orders.partition_point(|other| other.rank >= order.rank);
        self.orders.insert(at, order);
        self.bound();
    }

    fn sweep(&mut self) {
        self.orders.retain(|order| order.left > 0);
        self.bound();
    }
}

/// What became of an order that was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is filled.
    Filled,
    /// The rest of it rests.
    Rests,
    /// It ended with so many lots unfilled.
    Ended {
        /// Lots.
        left: i64,
        /// Why.
        reason: CancelReason,
    },
}

/// Our resting orders of one instrument, and the rules by which they and new ones are filled.
#[derive(Clone, Debug)]
pub struct Matching {
    model: QueueModel,
    /// The book shows its best levels only.
    partial: bool,
    bids: Own,
    asks: Own,
}

impl Matching {
    /// Without orders. In a `partial` view of the best levels an empty one may only have left the view.
    #[must_use]
    pub const fn new(model: QueueModel, partial: bool) -> Self {
        Self { model, partial, bids: Own::new(Side::Buy), asks: Own::new(Side::Sell) }
    }

    /// True where nothing rests.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bids.orders.is_empty() && self.asks.orders.is_empty()
    }

    /// Resting orders of a side, best first.
    #[must_use]
    pub fn resting(&self, side: Side) -> &[Resting] {
        match side {
            Side::Buy => &self.bids.orders,
            Side::Sell => &self.asks.orders,
        }
    }

    const fn own(&self, side: Side) -> &Own {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn own_mut(&mut self, side: Side) -> &mut Own {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// A level is shown with another quantity.
    #[inline]
    pub fn on_level(&mut self, side: Side, rank: i64, before: i64, after: i64) {
        if self.partial && after == 0 {
            return;
        }
        let model = self.model;
        let own = self.own_mut(side);
        if rank <= own.best && rank >= own.worst {
            let at = own.orders.iter_mut().filter(|order| order.rank == rank);
            at.for_each(|order| order.queue.on_level(model, before, after));
        }
    }

    /// The book has moved, and each change was told.
    #[inline]
    pub fn on_moved(&mut self, depth: &mut impl Depth, sink: &mut impl Sink) {
        if self.partial {
            self.at_the_front(depth);
        }
        self.match_crossed(depth, sink);
    }

    /// The book is shown whole, and not each change was told: at most what is shown stands ahead of an order, and nothing
    /// where its level is seen to be empty.
    pub fn on_shown(&mut self, depth: &mut impl Depth, sink: &mut impl Sink) {
        for own in [&mut self.bids, &mut self.asks] {
            for order in &mut own.orders {
                let shown = depth.shown(own.side, order.rank);
                if shown > 0 {
                    order.queue.on_level(QueueModel::Conservative, shown, shown);
                }
            }
        }
        self.at_the_front(depth);
        self.match_crossed(depth, sink);
    }

    /// Nothing stands ahead of orders that are better than all that is shown.
    fn at_the_front(&mut self, depth: &impl Depth) {
        for own in [&mut self.bids, &mut self.asks] {
            let best = depth.best(own.side);
            own.orders.iter_mut().take_while(|order| order.rank > best).for_each(|order| order.queue.to_front());
        }
    }

    /// Others traded.
    pub fn on_trade(&mut self, trade: Level, taker_buys: bool, sink: &mut impl Sink) {
        let mut budget = trade.quantity;
        for own in [&mut self.bids, &mut self.asks] {
            let at = rank(own.side, trade.price);
            if own.best < at || budget == 0 {
                continue;
            }
            let is_hit = taker_buys == (own.side == Side::Sell);
            let mut filled_any = false;
            for order in own.orders.iter_mut().take_while(|order| order.rank > at) {
                // The price went through: those ahead of it had theirs.
                order.queue.to_front();
                let filled = order.fill(own.side, budget, sink);
                budget -= filled;
                filled_any |= filled > 0;
            }
            // What was left for this price, and what of it orders of our own had already.
            let (here, mut had) = (budget, 0);
            for order in own.orders.iter_mut().filter(|order| is_hit && order.rank == at) {
                let for_it = (order.queue.on_trade(here) - had).max(0);
                let filled = order.fill(own.side, for_it, sink);
                had += filled;
                filled_any |= filled > 0;
            }
            budget -= had;
            if filled_any {
                own.sweep();
            }
        }
    }

    /// Resting orders that the book has reached from the other side.
    fn match_crossed(&mut self, depth: &mut impl Depth, sink: &mut impl Sink) {
        for (own, other) in [(&mut self.bids, Side::Sell), (&mut self.asks, Side::Buy)] {
            let best = depth.best(other);
            // The other side's rank of our best price is its negation.
            if own.orders.is_empty() || best == NONE || best < own.best.wrapping_neg() {
                continue;
            }
            for order in &mut own.orders {
                while order.left > 0 {
                    let best = depth.best(other);
                    if best == NONE || best < order.rank.wrapping_neg() {
                        break;
                    }
                    order.queue.to_front();
                    let filled = order.fill(own.side, depth.free(other, best), sink);
                    if filled == 0 {
                        break;
                    }
                    depth.take(other, best, filled);
                }
            }
            own.sweep();
        }
    }

    /// Whether an order can be taken.
    ///
    /// # Errors
    /// Why it can't.
    pub fn check(&self, order: &Order, depth: &impl Depth) -> Result<(), RejectReason> {
        let priced = order.kind != OrderKind::Market;
        if order.quantity <= 0 || (priced && order.price <= 0) {
            return Err(RejectReason::Invalid);
        }
        let own = self.resting(order.side);
        if own.iter().chain(self.resting(order.side.opposite())).any(|resting| resting.id == order.id) {
            return Err(RejectReason::RepeatedId);
        }
        if order.kind.rests() && own.len() >= MAX_RESTING {
            return Err(RejectReason::TooMany);
        }
        let (other, meets) = (order.side.opposite(), rank(order.side, order.price).wrapping_neg());
        let best = depth.best(other);
        let crosses_book = best != NONE && best >= meets;
        let crosses_own = !self.resting(other).is_empty() && self.own(other).best >= meets;
        if order.kind == OrderKind::PostOnly && (crosses_book || crosses_own) {
            return Err(RejectReason::WouldTake);
        }
        Ok(())
    }

    /// Takes an order that was checked and arrives now.
    pub fn submit(&mut self, order: &Order, depth: &mut impl Depth, sink: &mut impl Sink) -> Outcome {
        let (left, stopped) = self.take(order, depth, sink);
        if left == 0 {
            Outcome::Filled
        } else if order.kind.rests() && !stopped {
            self.rest(order.id, order.side, order.price, left, depth);
            Outcome::Rests
        } else {
            let reason = if stopped { CancelReason::SelfTrade } else { CancelReason::NoLiquidity };
            Outcome::Ended { left, reason }
        }
    }

    /// Lets an order rest without meeting the book: it did before, or the book is lost.
    pub fn rest(&mut self, id: u64, side: Side, price: i64, left: i64, depth: &impl Depth) {
        let rank = rank(side, price);
        let queue = self.place(side, rank, depth);
        self.own_mut(side).add(Resting { id, rank, left, queue });
    }

    /// Takes from the book what the order may; what is left of it, and whether an order of our own stopped it.
    fn take(&self, order: &Order, depth: &mut impl Depth, sink: &mut impl Sink) -> (i64, bool) {
        let other = order.side.opposite();
        // Lowest rank of the other side that the order may reach.
        let limit =
            if order.kind == OrderKind::Market { -i64::MAX } else { rank(order.side, order.price).wrapping_neg() };
        let own = self.own(other).best;
        let meets_own = !self.resting(other).is_empty() && own >= limit;
        // Levels as good as our own order's, or worse, come after it.
        let floor = if meets_own { own.saturating_add(1) } else { limit };
        if order.kind == OrderKind::FillOrKill && depth.reach(other, floor, order.quantity) < order.quantity {
            return (order.quantity, meets_own);
        }
        let mut left = order.quantity;
        while left > 0 {
            let best = depth.best(other);
            if best == NONE || best < floor {
                break;
            }
            let quantity = sink.allowed(order.id, order.side, left.min(depth.free(other, best)));
            if quantity <= 0 {
                break;
            }
            depth.take(other, best, quantity);
            left -= quantity;
            let (id, side, price) = (order.id, order.side, rank(other, best));
            sink.fill(Part { id, side, price, quantity, left, is_maker: false });
        }
        (left, left > 0 && meets_own)
    }

    /// Where a new order stands.
    fn place(&self, side: Side, rank: i64, depth: &impl Depth) -> QueuePosition {
        match depth.shown(side, rank) {
            shown if shown > 0 => QueuePosition::behind(shown),
            _ if depth.is_seen(side, rank) => QueuePosition::behind(0),
            _ => QueuePosition::UNKNOWN,
        }
    }

    /// Takes an order out; its side and how much of it was left.
    pub fn remove(&mut self, id: u64) -> Option<(Side, i64)> {
        for own in [&mut self.bids, &mut self.asks] {
            if let Some(at) = own.orders.iter().position(|order| order.id == id) {
                let left = own.orders.remove(at).left;
                own.bound();
                return Some((own.side, left));
            }
        }
        None
    }

    /// Our resting order that an order would meet first, where what is better than it does not fill it: a venue that ends
    /// the older of two orders of one owner takes that one out.
    pub fn met_first(&self, order: &Order, depth: &impl Depth) -> Option<u64> {
        let other = order.side.opposite();
        let own = self.resting(other).first()?;
        let market = order.kind == OrderKind::Market;
        let limit = if market { -i64::MAX } else { rank(order.side, order.price).wrapping_neg() };
        let reach = |floor| depth.reach(other, floor, order.quantity);
        let meets = own.rank >= limit && order.kind != OrderKind::PostOnly;
        let fills = order.kind != OrderKind::FillOrKill || reach(limit) >= order.quantity;
        (meets && fills && reach(own.rank.saturating_add(1)) < order.quantity).then_some(own.id)
    }
}
