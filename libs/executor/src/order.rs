//! One order at a venue, as far as is known.

use std::collections::BTreeSet;

use mesh_actor::Digest;
use mesh_types::execution::{Fill, OrderAccepted, OrderCancelled, OrderRejected, OrderRequest, OrderStatus};
use mesh_types::{CancelReason, ClientOrderId, Decimal64, FixedStr, MessageId, OrderState, RejectReason};
use mesh_venues::private::{OrderTold, TradeTold};
use zerocopy::IntoBytes;

/// Never.
pub(crate) const NEVER: u64 = u64::MAX;

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    Rejected(OrderRejected),
    Cancelled(OrderCancelled),
}

/// An order.
#[derive(Clone, Debug)]
pub struct Live {
    pub(crate) request: OrderRequest,
    /// The message that asked for it.
    pub(crate) cause: MessageId,
    /// Place among all orders.
    pub(crate) arrival: u64,
    /// When it was about to be sent, ns since the Unix epoch; 0 for not yet.
    pub(crate) sent_ns: u64,
    /// Its answer is awaited.
    pub(crate) placing: bool,
    pub(crate) accepted: Option<OrderAccepted>,
    pub(crate) fills: Vec<Fill>,
    trades: BTreeSet<FixedStr<40>>,
    filled: Decimal64,
    /// What the venue says to be filled.
    claimed: Decimal64,
    pub(crate) end: Option<End>,
    /// Somebody wants it back.
    pub(crate) cancel: bool,
    /// When the venue is asked to take it back next, ns since the Unix epoch.
    pub(crate) cancel_ns: u64,
    pub(crate) cancelling: bool,
    /// When the venue is asked about it next, ns since the Unix epoch.
    pub(crate) ask_ns: u64,
    pub(crate) asking: bool,
    /// When its fills are asked for next.
    pub(crate) fetch_ns: u64,
    pub(crate) fetching: bool,
    /// How often the venue did not know it.
    pub(crate) not_found: u32,
    /// It is among the finished ones.
    pub(crate) done: bool,
}

impl Live {
    pub(crate) fn new(request: &OrderRequest, cause: MessageId, arrival: u64) -> Self {
        Self {
            request: *request,
            cause,
            arrival,
            sent_ns: 0,
            placing: false,
            accepted: None,
            fills: Vec::new(),
            trades: BTreeSet::new(),
            filled: Decimal64::ZERO,
            claimed: Decimal64::ZERO,
            end: None,
            cancel: false,
            cancel_ns: NEVER,
            cancelling: false,
            ask_ns: NEVER,
            asking: false,
            fetch_ns: NEVER,
            fetching: false,
            not_found: 0,
            done: false,
        }
    }

    /// Its name.
    pub const fn id(&self) -> ClientOrderId {
        self.request.client_order_id
    }

    /// What was ordered.
    pub fn quantity(&self) -> Decimal64 {
        self.request.quantity.get()
    }

    /// The venue's own id; empty where it has not told one.
    pub(crate) fn venue_order_id(&self) -> &str {
        self.accepted.as_ref().map_or("", |accepted| accepted.venue_order_id.lossy())
    }

    /// The venue has said something about it.
    pub(crate) const fn is_known(&self) -> bool {
        self.accepted.is_some() || !self.fills.is_empty() || self.end.is_some()
    }

    /// Fills are claimed that are not here.
    pub(crate) fn owes_fills(&self) -> bool {
        self.claimed > self.filled
    }

    /// Nothing more can come of it.
    pub fn is_final(&self) -> bool {
        (self.end.is_some() || self.filled >= self.quantity()) && !self.owes_fills()
    }

    /// When something about it is due, ns since the Unix epoch.
    pub(crate) fn due_ns(&self) -> u64 {
        let unless = |busy: bool, at_ns: u64| if busy { NEVER } else { at_ns };
        let cancel_ns = unless(self.cancelling || self.placing || self.end.is_some(), self.cancel_ns);
        let ask_ns = unless(self.asking || self.placing, self.ask_ns);
        cancel_ns.min(ask_ns).min(unless(self.fetching, self.fetch_ns))
    }

    /// The venue has it, under this id.
    pub(crate) fn accept(&mut self, venue_order_id: &str, venue_ns: u64) -> Option<OrderAccepted> {
        if self.accepted.is_some() {
            return None;
        }
        let accepted = OrderAccepted {
            client_order_id: self.id(),
            instrument: self.request.instrument,
            venue_order_id: FixedStr::truncated(venue_order_id),
            venue_ns: venue_ns.into(),
        };
        self.accepted = Some(accepted);
        Some(accepted)
    }

    pub(crate) fn reject(&mut self, reason: RejectReason, text: &str, now_ns: u64) -> OrderRejected {
        let rejected = OrderRejected {
            client_order_id: self.id(),
            instrument: self.request.instrument,
            reason: reason.into(),
            text: FixedStr::truncated(text),
            venue_ns: now_ns.into(),
            ..OrderRejected::default()
        };
        self.end = Some(End::Rejected(rejected));
        rejected
    }

    /// It ended; said once.
    pub(crate) fn end(&mut self, reason: CancelReason, venue_ns: u64) -> Option<OrderCancelled> {
        if self.end.is_some() {
            return None;
        }
        let cancelled = OrderCancelled {
            client_order_id: self.id(),
            instrument: self.request.instrument,
            reason: reason.into(),
            filled_quantity: self.claimed.into(),
            venue_ns: venue_ns.into(),
            ..OrderCancelled::default()
        };
        self.end = Some(End::Cancelled(cancelled));
        Some(cancelled)
    }

    /// The venue says that so much of it is filled.
    pub(crate) fn claim(&mut self, told: &OrderTold<'_>) {
        let filled = if told.state == OrderState::Filled { Some(self.quantity()) } else { told.filled };
        self.claimed = self.claimed.max(filled.unwrap_or_default().min(self.quantity()));
    }

    /// Takes a trade; `None` where it is here already, or can't be added.
    pub(crate) fn fill(&mut self, told: &TradeTold<'_>, now_ns: u64) -> Option<Fill> {
        let trade_id = FixedStr::truncated(&told.trade_id);
        let sum = self.filled.checked_add(told.quantity).ok()?;
        if self.trades.contains(&trade_id) || !told.quantity.is_positive() || !told.price.is_positive() {
            return None;
        }
        let fill = Fill {
            client_order_id: self.id(),
            instrument: self.request.instrument,
            side: self.request.side,
            maker: u8::from(told.maker),
            price: told.price.into(),
            quantity: told.quantity.into(),
            cumulative_quantity: sum.into(),
            fee: told.fee.into(),
            fee_asset: FixedStr::truncated(&told.fee_asset),
            trade_id,
            venue_ns: if told.venue_ns == 0 { now_ns } else { told.venue_ns }.into(),
            ..Fill::default()
        };
        self.restore_fill(&fill);
        Some(fill)
    }

    /// Takes back a fill of an earlier life.
    pub(crate) fn restore_fill(&mut self, fill: &Fill) {
        if let Ok(sum) = self.filled.checked_add(fill.quantity.get())
            && self.trades.insert(fill.trade_id)
        {
            self.filled = sum;
            self.claimed = self.claimed.max(sum);
            self.fills.push(*fill);
        }
    }

    /// Takes back what an earlier life had heard of its end.
    pub(crate) fn restore_end(&mut self, end: End) {
        if let End::Cancelled(cancelled) = &end {
            self.claimed = self.claimed.max(cancelled.filled_quantity.get().min(self.quantity()));
        }
        self.end = Some(end);
    }

    /// Where it is, as far as the venue has said; `None` where it has not and may still.
    pub(crate) fn status(&self) -> Option<OrderStatus> {
        let state = match self.end {
            _ if self.filled >= self.quantity() => OrderState::Filled,
            Some(End::Rejected(_)) => OrderState::Rejected,
            Some(End::Cancelled(_)) => OrderState::Cancelled,
            None if self.claimed.is_positive() => OrderState::PartiallyFilled,
            None if self.accepted.is_some() => OrderState::Accepted,
            None => return None,
        };
        Some(OrderStatus {
            client_order_id: self.id(),
            instrument: self.request.instrument,
            state: state.into(),
            filled_quantity: self.claimed.into(),
            venue_order_id: self.accepted.map(|accepted| accepted.venue_order_id).unwrap_or_default(),
            venue_ns: self.accepted.map(|accepted| accepted.venue_ns).unwrap_or_default(),
            ..OrderStatus::default()
        })
    }

    /// That it is about to be sent.
    pub(crate) fn about_to_send(&mut self, now_ns: u64) -> OrderStatus {
        self.sent_ns = now_ns;
        self.placing = true;
        OrderStatus {
            client_order_id: self.id(),
            instrument: self.request.instrument,
            state: OrderState::Sent.into(),
            venue_ns: now_ns.into(),
            ..OrderStatus::default()
        }
    }

    pub(crate) fn digest_into(&self, digest: Digest) -> Digest {
        let digest =
            digest.bytes(self.request.as_bytes()).bytes(self.cause.as_bytes()).u64(self.arrival).u64(self.sent_ns);
        let flags = [self.placing, self.cancel, self.cancelling, self.asking, self.fetching];
        let digest = flags.into_iter().fold(digest, |digest, flag| digest.u64(u64::from(flag)));
        let digest = digest.u64(self.ask_ns).u64(self.fetch_ns).u64(self.cancel_ns).u64(self.not_found.into());
        let digest = digest.i64(self.claimed.mantissa).i64(self.claimed.exponent.into());
        let digest = self.accepted.iter().fold(digest, |digest, body| digest.bytes(body.as_bytes()));
        let digest = self.fills.iter().fold(digest, |digest, body| digest.bytes(body.as_bytes()));
        match &self.end {
            None => digest.u64(0),
            Some(End::Rejected(body)) => digest.bytes(body.as_bytes()),
            Some(End::Cancelled(body)) => digest.bytes(body.as_bytes()),
        }
    }
}
