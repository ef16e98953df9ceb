//! What a strategy on ticks sees, and how it acts.

use mesh_kernel::account::Account;
use mesh_kernel::digest::Digest;
use mesh_kernel::{ExitReason, Side};
use mesh_ticks::{Head, Order, OrderKind, Report, ReportKind, Request, TickBook};
use mesh_types::Side as OrderSide;

use crate::data::TimedBar;
use crate::gates::Gates;

/// The market as it is known here and now.
#[derive(Clone, Copy, Debug)]
pub struct Market<'a> {
    /// Time here, ns.
    pub now_ns: u64,
    /// The book as far as its messages were received.
    pub book: &'a TickBook,
    /// Funding for 8 hours, bp, once some was settled.
    pub funding_bp_8h: Option<f64>,
}

/// Decides on ticks. Each method may send orders.
pub trait TickStrategy {
    /// Something was received; the book has it already.
    fn on_message(&mut self, _message: &Head, _market: &Market<'_>, _desk: &mut Desk) {}

    /// A bar closed. The answer is a digest of what was decided since the bar before.
    fn on_bar(&mut self, bar: &TimedBar, market: &Market<'_>, desk: &mut Desk) -> u64;

    /// The venue reported on an order; the desk's account has it already.
    fn on_report(&mut self, _report: &Report, _desk: &mut Desk) {}

    /// Where it gives up what it holds; 0 for nowhere.
    fn stop_price(&mut self) -> f64 {
        0.0
    }

    /// A position is held from before.
    fn on_initial(&mut self, _side: Side, _entry_price: f64, _stop_price: f64) {}
}

/// Sends orders, and knows what its reports said.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The books as reported so far.
    pub account: Account,
    /// What stopped entries.
    pub(crate) gates: Gates,
    requests: Vec<Request>,
    /// Why each order is sent, by id; ids count from 0.
    reasons: Vec<ExitReason>,
    sent: Digest,
}

impl Desk {
    pub(crate) fn new(account: Account) -> Self {
        Self { account, gates: Gates::default(), requests: Vec::new(), reasons: Vec::new(), sent: Digest::new() }
    }

    /// Sends an order; its id. `reason` is what the trade that it closes will say.
    pub fn submit(&mut self, side: OrderSide, kind: OrderKind, price: i64, quantity: i64, reason: ExitReason) -> u64 {
        self.send(Order { id: 0, side, kind, price, quantity, reduce_only: false }, reason)
    }

    /// Sends an order that may only reduce the position; its id.
    pub fn reduce(&mut self, side: OrderSide, kind: OrderKind, price: i64, quantity: i64, reason: ExitReason) -> u64 {
        self.send(Order { id: 0, side, kind, price, quantity, reduce_only: true }, reason)
    }

    fn send(&mut self, order: Order, reason: ExitReason) -> u64 {
        let id = self.reasons.len() as u64;
        let Order { side, kind, price, quantity, reduce_only, .. } = order;
        self.reasons.push(reason);
        self.requests.push(Request::Submit(Order { id, ..order }));
        let manner = side as u64 | (kind as u64) << 8 | u64::from(reduce_only) << 16;
        self.sent = self.sent.u64(manner).u64(price as u64).u64(quantity as u64);
        id
    }

    /// Asks for an order's end.
    pub fn cancel(&mut self, id: u64) {
        self.requests.push(Request::Cancel(id));
        self.sent = self.sent.u64(u64::MAX).u64(id);
    }

    /// Digest of all that was sent.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.sent.finish()
    }

    /// Orders sent so far.
    #[must_use]
    pub const fn orders(&self) -> usize {
        self.reasons.len()
    }

    pub(crate) fn requests(&mut self) -> std::vec::Drain<'_, Request> {
        self.requests.drain(..)
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }

    pub(crate) fn reason(&self, id: u64) -> ExitReason {
        usize::try_from(id).ok().and_then(|id| self.reasons.get(id)).copied().unwrap_or_default()
    }
}

/// Lots and price of a report's fill; lots are negative where sold.
#[must_use]
pub fn fill_of(report: &Report) -> Option<(i64, i64, bool)> {
    match report.kind {
        ReportKind::Filled { price, quantity, is_maker, .. } => {
            Some((if report.side == OrderSide::Buy { quantity } else { -quantity }, price, is_maker))
        }
        _ => None,
    }
}
