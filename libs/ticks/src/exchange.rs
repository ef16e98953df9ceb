//! A venue's matching over recorded events: pure, time is an argument.
//!
//! History is not changed by our orders; what they may have of it is held below it:
//!
//! - **Taking** walks the recorded book from its best level, each at its own price, and takes what is there once: a level
//!   that was taken from has less until the record shows it anew.
//! - **Resting** orders stand in a queue ([`crate::queue`]). A trade at their price fills what it leaves beyond the quantity
//!   ahead; a trade beyond their price fills them first, never more than it traded. Among our own the better price is first,
//!   then the earlier one.
//! - Where the recorded book reaches a resting order from the other side, it is filled at its own price, worse for us than the
//!   book's, up to what the book holds there, which is taken.
//! - Our orders don't trade with each other: what would is cancelled, the older one stays.
//!
//! A price of which the book does not tell (below the levels it shows, or while it is lost) has an unknown queue: the order
//! stands behind whatever will be shown there, and only a price that goes through fills it before.

use mesh_book::Level;
use mesh_types::Side;

use crate::book::{TickBook, rank};
use crate::ladder::NONE;
use crate::order::{CancelReason, Order, OrderKind, RejectReason, Report, ReportKind};
use crate::queue::{QueueModel, QueuePosition};
use crate::tape::{Head, Kind, Tape};

/// Orders of ours that may rest on a side.
pub const MAX_RESTING: usize = 1_024;

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

    #[inline]
    fn on_level(&mut self, model: QueueModel, rank: i64, before: i64, after: i64) {
        if rank <= self.best && rank >= self.worst {
            let at = self.orders.iter_mut().filter(|order| order.rank == rank);
            at.for_each(|order| order.queue.on_level(model, before, after));
        }
    }
}

/// The matching of one instrument.
#[derive(Clone, Debug)]
pub struct Exchange {
    book: TickBook,
    model: QueueModel,
    /// Levels a side that the recorded book shows, 0 for all.
    view: u32,
    bids: Own,
    asks: Own,
    reports: Vec<Report>,
}

impl Exchange {
    /// A venue without orders, over a tape's window and view.
    #[must_use]
    pub fn new(model: QueueModel, window: usize, view: u32) -> Self {
        Self {
            book: TickBook::new(window),
            model,
            view,
            bids: Own::new(Side::Buy),
            asks: Own::new(Side::Sell),
            reports: Vec::new(),
        }
    }

    /// The recorded book, less what was taken from it since it was shown.
    #[must_use]
    pub const fn book(&self) -> &TickBook {
        &self.book
    }

    /// Resting orders of a side, best first.
    #[must_use]
    pub fn resting(&self, side: Side) -> &[Resting] {
        match side {
            Side::Buy => &self.bids.orders,
            Side::Sell => &self.asks.orders,
        }
    }

    /// What happened since it was asked last, in order.
    pub fn take_reports(&mut self) -> std::vec::Drain<'_, Report> {
        self.reports.drain(..)
    }

    /// True where there are reports to be taken.
    #[must_use]
    #[inline]
    pub fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Takes a message of the record.
    #[inline]
    pub fn apply(&mut self, tape: &Tape, head: &Head) {
        let alone = self.bids.orders.is_empty() && self.asks.orders.is_empty();
        match head.kind {
            _ if alone => self.book.apply(tape, head),
            Kind::Trade => {
                if let Some(trade) = tape.levels(head).1.first() {
                    self.on_trade(*trade, head.taker_buys, head.venue_ns);
                }
            }
            Kind::Delta => {
                let (model, partial) = (self.model, self.view > 0);
                let Self { book, bids, asks, .. } = self;
                book.apply_with(tape, head, |side, rank, before, after| match side {
                    // In a view of the best levels an empty one may only have left the view.
                    _ if partial && after == 0 => {}
                    Side::Buy => bids.on_level(model, rank, before, after),
                    Side::Sell => asks.on_level(model, rank, before, after),
                });
                if partial {
                    self.at_the_front();
                }
                self.match_crossed(head.venue_ns);
            }
            Kind::Snapshot | Kind::Quote => {
                self.book.apply(tape, head);
                self.look_again();
                self.match_crossed(head.venue_ns);
            }
            Kind::Unknown => self.book.apply(tape, head),
        }
    }

    /// Places every order anew in a book of which not each change was told: at most what is shown stands ahead of it, and
    /// nothing where its level is seen to be empty.
    fn look_again(&mut self) {
        for own in [&mut self.bids, &mut self.asks] {
            let ladder = self.book.side(own.side);
            for order in &mut own.orders {
                let shown = ladder.get(order.rank);
                if shown > 0 {
                    order.queue.on_level(QueueModel::Conservative, shown, shown);
                }
            }
        }
        self.at_the_front();
    }

    /// Nothing stands ahead of orders that are better than all that is shown.
    fn at_the_front(&mut self) {
        for own in [&mut self.bids, &mut self.asks] {
            let best = self.book.side(own.side).best();
            own.orders.iter_mut().take_while(|order| order.rank > best).for_each(|order| order.queue.to_front());
        }
    }

    fn on_trade(&mut self, trade: Level, taker_buys: bool, venue_ns: u64) {
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
                let filled = order.left.min(budget);
                budget -= filled;
                filled_any |= fill(order, own.side, filled, venue_ns, &mut self.reports);
            }
            // What was left for this price, and what of it orders of our own had already.
            let (here, mut had) = (budget, 0);
            for order in own.orders.iter_mut().filter(|order| is_hit && order.rank == at) {
                let filled = order.left.min((order.queue.on_trade(here) - had).max(0));
                had += filled;
                filled_any |= fill(order, own.side, filled, venue_ns, &mut self.reports);
            }
            budget -= had;
            if filled_any {
                own.sweep();
            }
        }
    }

    /// Resting orders that the recorded book has reached from the other side.
    fn match_crossed(&mut self, venue_ns: u64) {
        for (own, other) in [(&mut self.bids, Side::Sell), (&mut self.asks, Side::Buy)] {
            let ladder = self.book.side_mut(other);
            // The other side's rank of our best price is its negation.
            if own.orders.is_empty() || ladder.best() == NONE || ladder.best() < own.best.wrapping_neg() {
                continue;
            }
            for order in &mut own.orders {
                while order.left > 0 && ladder.best() != NONE && ladder.best() >= order.rank.wrapping_neg() {
                    let (best, there) = (ladder.best(), ladder.get(ladder.best()));
                    let filled = order.left.min(there);
                    ladder.set(best, there - filled);
                    order.queue.to_front();
                    fill(order, own.side, filled, venue_ns, &mut self.reports);
                }
            }
            own.sweep();
        }
    }

    /// Takes an order that arrives now.
    pub fn submit(&mut self, order: &Order, venue_ns: u64) {
        if let Err(reason) = self.check(order) {
            return self.report(order, venue_ns, ReportKind::Rejected(reason));
        }
        self.report(order, venue_ns, ReportKind::Accepted);
        let (left, stopped) = self.take(order, venue_ns);
        if left == 0 {
            return;
        }
        let rests = matches!(order.kind, OrderKind::Limit | OrderKind::PostOnly) && !stopped;
        if rests {
            let rank = rank(order.side, order.price);
            let resting = Resting { id: order.id, rank, left, queue: self.place(order.side, rank) };
            self.own_mut(order.side).add(resting);
        } else {
            let reason = if stopped { CancelReason::SelfTrade } else { CancelReason::NoLiquidity };
            self.report(order, venue_ns, ReportKind::Cancelled { left, reason });
        }
    }

    fn check(&self, order: &Order) -> Result<(), RejectReason> {
        let priced = order.kind != OrderKind::Market;
        if order.quantity <= 0 || (priced && order.price <= 0) {
            return Err(RejectReason::Invalid);
        }
        let rests = matches!(order.kind, OrderKind::Limit | OrderKind::PostOnly);
        let own = self.resting(order.side);
        if own.iter().chain(self.resting(order.side.opposite())).any(|resting| resting.id == order.id) {
            return Err(RejectReason::RepeatedId);
        }
        if rests && own.len() >= MAX_RESTING {
            return Err(RejectReason::TooMany);
        }
        let best = self.book.side(order.side.opposite()).best();
        let crosses_book = best != NONE && best >= rank(order.side, order.price).wrapping_neg();
        let crosses_own = self.own_best(order.side.opposite()) >= rank(order.side, order.price).wrapping_neg();
        if order.kind == OrderKind::PostOnly
            && (crosses_book || (crosses_own && !self.resting(order.side.opposite()).is_empty()))
        {
            return Err(RejectReason::WouldTake);
        }
        Ok(())
    }

    const fn own_best(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.bids.best,
            Side::Sell => self.asks.best,
        }
    }

    const fn own_mut(&mut self, side: Side) -> &mut Own {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Takes from the book what the order may; what is left of it, and whether an order of our own stopped it.
    fn take(&mut self, order: &Order, venue_ns: u64) -> (i64, bool) {
        let other = order.side.opposite();
        // Lowest rank of the other side that the order may reach.
        let limit =
            if order.kind == OrderKind::Market { -i64::MAX } else { rank(order.side, order.price).wrapping_neg() };
        let own = self.own_best(other);
        let meets_own = !self.resting(other).is_empty() && own >= limit;
        // Levels as good as our own order's, or worse, come after it.
        let floor = if meets_own { own.saturating_add(1) } else { limit };
        if order.kind == OrderKind::FillOrKill {
            let reach = self.book.side(other).iter().take_while(|level| level.price >= floor);
            let mut there = 0i64;
            for level in reach {
                there = there.saturating_add(level.quantity);
                if there >= order.quantity {
                    break;
                }
            }
            if there < order.quantity {
                return (order.quantity, meets_own);
            }
        }
        let mut left = order.quantity;
        while left > 0 {
            let ladder = self.book.side_mut(other);
            let best = ladder.best();
            if best == NONE || best < floor {
                break;
            }
            let there = ladder.get(best);
            let quantity = left.min(there);
            ladder.set(best, there - quantity);
            left -= quantity;
            let price = rank(other, best);
            self.report(order, venue_ns, ReportKind::Filled { price, quantity, left, is_maker: false });
        }
        (left, left > 0 && meets_own)
    }

    /// Where a new order stands.
    fn place(&self, side: Side, rank: i64) -> QueuePosition {
        let ladder = self.book.side(side);
        let shown = ladder.get(rank);
        if shown > 0 {
            return QueuePosition::behind(shown);
        }
        let seen = rank >= ladder.best() || (self.view == 0 && rank > ladder.worst());
        if self.book.is_known() && seen { QueuePosition::behind(0) } else { QueuePosition::UNKNOWN }
    }

    /// Takes a request to cancel that arrives now.
    pub fn cancel(&mut self, id: u64, venue_ns: u64) {
        for own in [&mut self.bids, &mut self.asks] {
            if let Some(at) = own.orders.iter().position(|order| order.id == id) {
                let left = own.orders.remove(at).left;
                own.bound();
                let kind = ReportKind::Cancelled { left, reason: CancelReason::Asked };
                self.reports.push(Report { id, side: own.side, venue_ns, kind });
                return;
            }
        }
        self.reports.push(Report { id, side: Side::Buy, venue_ns, kind: ReportKind::CancelRejected });
    }

    fn report(&mut self, order: &Order, venue_ns: u64, kind: ReportKind) {
        self.reports.push(Report { id: order.id, side: order.side, venue_ns, kind });
    }
}

/// Fills a resting order at its own price; true where something was filled.
fn fill(order: &mut Resting, side: Side, quantity: i64, venue_ns: u64, reports: &mut Vec<Report>) -> bool {
    if quantity <= 0 {
        return false;
    }
    order.left -= quantity;
    let kind = ReportKind::Filled { price: rank(side, order.rank), quantity, left: order.left, is_maker: true };
    reports.push(Report { id: order.id, side, venue_ns, kind });
    true
}
