//! A venue's matching over recorded events: pure, time is an argument. The rules are those of [`crate::matching`]; the book is
//! the recorded one, less what was taken from it: a level that was taken from has less until the record shows it anew.

use mesh_types::Side;

use crate::book::TickBook;
use crate::ladder::NONE;
use crate::matching::{Depth, Matching, Outcome, Part, Resting, Sink};
use crate::order::{CancelReason, Order, Report, ReportKind};
use crate::queue::QueueModel;
use crate::tape::{Head, Kind, Tape};

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

/// Writes down what is filled.
struct Log<'a> {
    reports: &'a mut Vec<Report>,
    venue_ns: u64,
}

impl Sink for Log<'_> {
    #[inline]
    fn fill(&mut self, part: Part) {
        let Part { id, side, price, quantity, left, is_maker } = part;
        let kind = ReportKind::Filled { price, quantity, left, is_maker };
        self.reports.push(Report { id, side, venue_ns: self.venue_ns, kind });
    }
}

/// The matching of one instrument.
#[derive(Clone, Debug)]
pub struct Exchange {
    depth: Recorded,
    matching: Matching,
    reports: Vec<Report>,
}

impl Exchange {
    /// A venue without orders, over a tape's window and view.
    #[must_use]
    pub fn new(model: QueueModel, window: usize, view: u32) -> Self {
        let depth = Recorded { book: TickBook::new(window), view };
        Self { depth, matching: Matching::new(model, view > 0), reports: Vec::new() }
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
        let Self { depth, matching, reports } = self;
        let mut log = Log { reports, venue_ns: head.venue_ns };
        match head.kind {
            _ if matching.is_empty() => depth.book.apply(tape, head),
            Kind::Trade => {
                if let Some(trade) = tape.levels(head).1.first() {
                    matching.on_trade(*trade, head.taker_buys, &mut log);
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
    }

    /// Takes an order that arrives now.
    pub fn submit(&mut self, order: &Order, venue_ns: u64) {
        if let Err(reason) = self.matching.check(order, &self.depth) {
            return self.report(order.id, order.side, venue_ns, ReportKind::Rejected(reason));
        }
        self.report(order.id, order.side, venue_ns, ReportKind::Accepted);
        let Self { depth, matching, reports } = self;
        if let Outcome::Ended { left, reason } = matching.submit(order, depth, &mut Log { reports, venue_ns }) {
            self.report(order.id, order.side, venue_ns, ReportKind::Cancelled { left, reason });
        }
    }

    /// Takes a request to cancel that arrives now.
    pub fn cancel(&mut self, id: u64, venue_ns: u64) {
        let (side, kind) = match self.matching.remove(id) {
            Some((side, left)) => (side, ReportKind::Cancelled { left, reason: CancelReason::Asked }),
            None => (Side::Buy, ReportKind::CancelRejected),
        };
        self.report(id, side, venue_ns, kind);
    }

    fn report(&mut self, id: u64, side: Side, venue_ns: u64, kind: ReportKind) {
        self.reports.push(Report { id, side, venue_ns, kind });
    }
}
