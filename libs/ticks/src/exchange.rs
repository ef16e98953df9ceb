//! A venue's matching over recorded events: pure, time is an argument. The rules are those of [`crate::matching`]; the book is
//! the recorded one, less what was taken from it: a level that was taken from has less until the record shows it anew.
//!
//! Stops wait apart from the book. A trade that reaches one after its arrival starts it: it takes what the book shows then, after
//! the resting orders that the trade fills. An order that may only reduce ends where nothing is left to reduce.

use mesh_types::Side;

use crate::book::TickBook;
use crate::ladder::NONE;
use crate::matching::{Depth, MAX_RESTING, Matching, Outcome, Part, Resting, Sink};
use crate::order::{CancelReason, Order, OrderKind, RejectReason, Report, ReportKind};
use crate::queue::QueueModel;
use crate::tape::{Head, Kind, Tape};
use crate::trigger::{Step, Trigger, Waits};

/// The recorded book as orders meet it.
#[derive(Clone, Debug)]
struct Recorded {
    book: TickBook,
    /// Levels a side that it shows, 0 for all.
    view: u32,
}

impl Depth for Recorded {
    #[inline]
    fn best(&self, side: Side) -> i64 {
        self.book.side(side).best()
    }

    #[inline]
    fn shown(&self, side: Side, rank: i64) -> i64 {
        self.book.side(side).get(rank)
    }

    #[inline]
    fn free(&self, side: Side, rank: i64) -> i64 {
        self.book.side(side).get(rank)
    }

    #[inline]
    fn take(&mut self, side: Side, rank: i64, quantity: i64) {
        let ladder = self.book.side_mut(side);
        let there = ladder.get(rank);
        ladder.set(rank, there - quantity);
    }

    fn reach(&self, side: Side, floor: i64, enough: i64) -> i64 {
        let mut there = 0i64;
        for level in self.book.side(side).iter().take_while(|level| level.price >= floor) {
            there = there.saturating_add(level.quantity);
            if there >= enough {
                break;
            }
        }
        there
    }

    fn is_seen(&self, side: Side, rank: i64) -> bool {
        let ladder = self.book.side(side);
        let best = ladder.best();
        self.book.is_known() && (best == NONE || rank >= best || (self.view == 0 && rank > ladder.worst()))
    }
}

/// What is held, and the orders that may only reduce it.
#[derive(Clone, Debug, Default)]
struct Held {
    lots: i64,
    /// Ids and sides.
    reducing: Vec<(u64, Side)>,
}

impl Held {
    /// Lots that an order of a side can reduce.
    const fn reducible(&self, side: Side) -> i64 {
        let lots = match side {
            Side::Buy => self.lots.saturating_neg(),
            Side::Sell => self.lots,
        };
        if lots > 0 { lots } else { 0 }
    }

    fn may_only_reduce(&self, id: u64) -> bool {
        self.reducing.iter().any(|(reducing, _)| *reducing == id)
    }
}

/// Writes down what is filled.
struct Log<'a> {
    reports: &'a mut Vec<Report>,
    held: &'a mut Held,
    venue_ns: u64,
}

impl Sink for Log<'_> {
    #[inline]
    fn allowed(&self, id: u64, side: Side, quantity: i64) -> i64 {
        if self.held.may_only_reduce(id) { quantity.min(self.held.reducible(side)) } else { quantity }
    }

    #[inline]
    fn fill(&mut self, part: Part) {
        let Part { id, side, price, quantity, left, is_maker } = part;
        let lots = if side == Side::Buy { quantity } else { -quantity };
        self.held.lots = self.held.lots.saturating_add(lots);
        let kind = ReportKind::Filled { price, quantity, left, is_maker };
        self.reports.push(Report { id, side, venue_ns: self.venue_ns, kind });
    }
}

/// The matching of one instrument.
#[derive(Clone, Debug)]
pub struct Exchange {
    depth: Recorded,
    matching: Matching,
    /// Stops that no trade has reached, in the order of arrival.
    stops: Vec<Order>,
    held: Held,
    reports: Vec<Report>,
}

impl Exchange {
    /// A venue without orders, over a tape's window and view.
    #[must_use]
    pub fn new(model: QueueModel, window: usize, view: u32) -> Self {
        let depth = Recorded { book: TickBook::new(window), view };
        let matching = Matching::new(model, view > 0);
        Self { depth, matching, stops: Vec::new(), held: Held::default(), reports: Vec::new() }
    }

    /// Lots that are held from before.
    pub const fn set_position(&mut self, lots: i64) {
        self.held.lots = lots;
    }

    /// The recorded book, less what was taken from it since it was shown.
    #[must_use]
    pub const fn book(&self) -> &TickBook {
        &self.depth.book
    }

    /// Resting orders of a side, best first.
    #[must_use]
    pub fn resting(&self, side: Side) -> &[Resting] {
        self.matching.resting(side)
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
        let Self { depth, matching, held, reports, .. } = self;
        let mut log = Log { reports, held, venue_ns: head.venue_ns };
        match head.kind {
            _ if matching.is_empty() && self.stops.is_empty() => depth.book.apply(tape, head),
            Kind::Trade => {
                if let Some(trade) = tape.levels(head).1.first() {
                    matching.on_trade(*trade, head.taker_buys, &mut log);
                    self.start_stops(trade.price, head.venue_ns);
                }
            }
            Kind::Delta => {
                depth.book.apply_with(tape, head, |side, rank, before, after| {
                    matching.on_level(side, rank, before, after);
                });
                matching.on_moved(depth, &mut log);
            }
            Kind::Snapshot | Kind::Quote => {
                depth.book.apply(tape, head);
                matching.on_shown(depth, &mut log);
            }
            Kind::Unknown => depth.book.apply(tape, head),
        }
        if self.has_reports() {
            self.end_reducing(head.venue_ns);
        }
    }

    /// Stops that a trade has reached take.
    fn start_stops(&mut self, price: i64, venue_ns: u64) {
        let is_reached = |stop: &mut Order| {
            Trigger::new(stop.side, Waits::Stop, Some(stop.price)).on_trade(price) == Step::Triggered
        };
        let reached: Vec<Order> = self.stops.extract_if(.., is_reached).collect();
        for stop in reached {
            self.execute(&Order { kind: OrderKind::Market, ..stop }, venue_ns);
        }
    }

    /// Orders end that have nothing left to reduce; those that ended otherwise are forgotten.
    fn end_reducing(&mut self, venue_ns: u64) {
        if self.held.reducing.is_empty() {
            return;
        }
        for (id, side) in core::mem::take(&mut self.held.reducing) {
            let waits = self.stops.iter().any(|stop| stop.id == id);
            if !waits && self.matching.resting(side).iter().all(|resting| resting.id != id) {
                continue;
            }
            if self.held.reducible(side) > 0 {
                self.held.reducing.push((id, side));
            } else if let Some((side, left)) = self.remove(id) {
                let reason = CancelReason::ReduceOnly;
                self.report(id, side, venue_ns, ReportKind::Cancelled { left, reason });
            }
        }
    }

    /// Takes an order that arrives now.
    pub fn submit(&mut self, order: &Order, venue_ns: u64) {
        if let Err(reason) = self.check(order) {
            return self.report(order.id, order.side, venue_ns, ReportKind::Rejected(reason));
        }
        self.report(order.id, order.side, venue_ns, ReportKind::Accepted);
        if order.reduce_only {
            self.held.reducing.push((order.id, order.side));
        }
        if order.kind == OrderKind::Stop {
            self.stops.push(*order);
        } else {
            self.execute(order, venue_ns);
        }
        self.end_reducing(venue_ns);
    }

    fn check(&self, order: &Order) -> Result<(), RejectReason> {
        self.matching.check(order, &self.depth)?;
        if self.stops.iter().any(|stop| stop.id == order.id) {
            Err(RejectReason::RepeatedId)
        } else if order.kind == OrderKind::Stop && self.stops.len() >= MAX_RESTING {
            Err(RejectReason::TooMany)
        } else if order.reduce_only && self.held.reducible(order.side) == 0 {
            Err(RejectReason::ReduceOnly)
        } else {
            Ok(())
        }
    }

    fn execute(&mut self, order: &Order, venue_ns: u64) {
        let Self { depth, matching, held, reports, .. } = self;
        if let Outcome::Ended { left, reason } = matching.submit(order, depth, &mut Log { reports, held, venue_ns }) {
            let is_gone = order.reduce_only && self.held.reducible(order.side) == 0;
            let reason = if is_gone { CancelReason::ReduceOnly } else { reason };
            self.report(order.id, order.side, venue_ns, ReportKind::Cancelled { left, reason });
        }
    }

    /// Takes a request to cancel that arrives now.
    pub fn cancel(&mut self, id: u64, venue_ns: u64) {
        let (side, kind) = match self.remove(id) {
            Some((side, left)) => (side, ReportKind::Cancelled { left, reason: CancelReason::Asked }),
            None => (Side::Buy, ReportKind::CancelRejected),
        };
        self.report(id, side, venue_ns, kind);
    }

    /// Closes the position by force: all orders end, and what is held takes from the book, as much as there is. Its reports have
    /// [`Report::FORCED_ID`].
    pub fn liquidate(&mut self, venue_ns: u64) {
        let resting = [Side::Buy, Side::Sell].map(|side| self.matching.resting(side).iter().map(|resting| resting.id));
        let waiting: Vec<u64> = resting.into_iter().flatten().chain(self.stops.iter().map(|stop| stop.id)).collect();
        for id in waiting {
            if let Some((side, left)) = self.remove(id) {
                let reason = CancelReason::Liquidated;
                self.report(id, side, venue_ns, ReportKind::Cancelled { left, reason });
            }
        }
        let side = if self.held.lots > 0 { Side::Sell } else { Side::Buy };
        let quantity = self.held.lots.saturating_abs();
        if quantity > 0 {
            let (id, kind) = (Report::FORCED_ID, OrderKind::Market);
            self.execute(&Order { id, side, kind, price: 0, quantity, reduce_only: true }, venue_ns);
        }
        self.end_reducing(venue_ns);
    }

    /// Takes an order out; its side and how much of it was left.
    fn remove(&mut self, id: u64) -> Option<(Side, i64)> {
        let stop = self.stops.iter().position(|stop| stop.id == id).map(|at| self.stops.remove(at));
        stop.map(|stop| (stop.side, stop.quantity)).or_else(|| self.matching.remove(id))
    }

    fn report(&mut self, id: u64, side: Side, venue_ns: u64, kind: ReportKind) {
        self.reports.push(Report { id, side, venue_ns, kind });
    }
}
