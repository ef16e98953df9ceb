//! Orders on their way to a venue, and its reports on their way back.
//!
//! One connection: nothing overtakes what was sent before it, however its latency is measured.

use std::collections::VecDeque;

use crate::exchange::Exchange;
use crate::latency::Latency;
use crate::order::{Order, Report};
use crate::tape::{Head, Tape};

/// What is sent to a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A new order.
    Submit(Order),
    /// The end of one, by its id.
    Cancel(u64),
}

/// A way on which nothing overtakes.
#[derive(Clone, Debug)]
struct Way<T> {
    waiting: VecDeque<(u64, T)>,
    last_ns: u64,
}

impl<T> Way<T> {
    const fn new() -> Self {
        Self { waiting: VecDeque::new(), last_ns: 0 }
    }

    fn send(&mut self, arrives_ns: u64, what: T) {
        self.last_ns = self.last_ns.max(arrives_ns);
        self.waiting.push_back((self.last_ns, what));
    }

    #[inline]
    fn next_ns(&self) -> u64 {
        self.waiting.front().map_or(u64::MAX, |(at_ns, _)| *at_ns)
    }
}

/// A venue at the other end of a wire.
#[derive(Clone, Debug)]
pub struct Session {
    exchange: Exchange,
    latency: Latency,
    requests: Way<Request>,
    reports: Way<Report>,
}

impl Session {
    /// Nothing on its way.
    #[must_use]
    pub const fn new(exchange: Exchange, latency: Latency) -> Self {
        Self { exchange, latency, requests: Way::new(), reports: Way::new() }
    }

    /// The venue.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Lots that are held from before.
    pub const fn set_position(&mut self, lots: i64) {
        self.exchange.set_position(lots);
    }

    /// Sends a request now.
    pub fn send(&mut self, request: Request, now_ns: u64) {
        let arrives_ns = now_ns.saturating_add(self.latency.entry_ns(now_ns));
        self.requests.send(arrives_ns, request);
    }

    /// When the next request arrives at the venue; `u64::MAX` where none is on its way.
    #[must_use]
    #[inline]
    pub fn next_request_ns(&self) -> u64 {
        self.requests.next_ns()
    }

    /// When the next report arrives here; `u64::MAX` where none is on its way.
    #[must_use]
    #[inline]
    pub fn next_report_ns(&self) -> u64 {
        self.reports.next_ns()
    }

    /// The venue takes a message of the record; `on_report` is told at once what it did.
    #[inline]
    pub fn apply(&mut self, tape: &Tape, head: &Head, on_report: impl FnMut(&Report)) {
        self.exchange.apply(tape, head);
        if self.exchange.has_reports() {
            self.answer(on_report);
        }
    }

    /// The venue takes the next request; `on_report` is told at once what it did.
    pub fn deliver(&mut self, on_report: impl FnMut(&Report)) {
        if let Some((at_ns, request)) = self.requests.waiting.pop_front() {
            match request {
                Request::Submit(order) => self.exchange.submit(&order, at_ns),
                Request::Cancel(id) => self.exchange.cancel(id, at_ns),
            }
            self.answer(on_report);
        }
    }

    /// The venue closes the position by force; `on_report` is told at once what it did.
    pub fn liquidate(&mut self, venue_ns: u64, on_report: impl FnMut(&Report)) {
        self.exchange.liquidate(venue_ns);
        self.answer(on_report);
    }

    /// The next report that arrives here, and when.
    pub fn next_report(&mut self) -> Option<(u64, Report)> {
        self.reports.waiting.pop_front()
    }

    fn answer(&mut self, mut on_report: impl FnMut(&Report)) {
        for report in self.exchange.take_reports() {
            on_report(&report);
            let arrives_ns = report.venue_ns.saturating_add(self.latency.response_ns(report.venue_ns));
            self.reports.send(arrives_ns, report);
        }
    }
}
