//! One order at the paper exchange, with everything that was ever said about it: a repeat is answered with the same.

use mesh_actor::Digest;
use mesh_codec::Message;
use mesh_oms::Exact;
use mesh_types::execution::{
    Fill, OrderAccepted, OrderCancelled, OrderRejected, OrderReplace, OrderRequest, OrderStatus, OrderTerms,
    OrderTrigger,
};
use mesh_types::{
    CancelReason, ClientOrderId, Decimal64, DecimalError, FixedStr, MessageId, OrderState, OrderType, RejectReason,
    Rounding, Side, TimeInForce, TriggerKind,
};
use zerocopy::IntoBytes;

/// Digits of a fee.
const FEE_EXPONENT: i8 = -8;

/// How an order ended; `None` in [`PaperOrder::end`] while it works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// Refused.
    Rejected(OrderRejected),
    /// Ended before it was filled.
    Cancelled(OrderCancelled),
}

/// What an order asks for, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) side: Side,
    pub(crate) order_type: OrderType,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) quantity: Decimal64,
    /// The worst price that it accepts; `None` for any.
    pub(crate) limit: Option<Decimal64>,
    /// The price that it waits for.
    pub(crate) wait: Option<Wait>,
    /// It is ended after; 0 for never.
    pub(crate) good_till_ns: u64,
    /// Once one of both has begun, the other is ended.
    pub(crate) linked: Option<ClientOrderId>,
}

/// What an order waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) kind: TriggerKind,
    /// 0 where a trailing stop starts from the market.
    pub(crate) price: Decimal64,
    pub(crate) trail: Decimal64,
}

impl Wait {
    /// What an order waits for, if it does; an error where the fields contradict each other.
    fn read(more: &OrderTerms) -> Result<Option<Self>, RejectReason> {
        let malformed = RejectReason::Malformed;
        let kind = more.trigger.get().ok_or(malformed)?;
        let (price, trail) = (more.trigger_price.get(), more.trail.get());
        let fits = match kind {
            TriggerKind::None => price.is_zero() && trail.is_zero(),
            TriggerKind::Stop | TriggerKind::TakeProfit => price.is_positive() && trail.is_zero(),
            TriggerKind::TrailingStop => !price.is_negative() && trail.is_positive(),
        };
        if !fits {
            return Err(malformed);
        }
        Ok((kind != TriggerKind::None).then_some(Self { kind, price, trail }))
    }
}

/// An order as it came: the request, and what stands behind it in the same message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) request: OrderRequest,
    pub(crate) more: Option<OrderTerms>,
    pub(crate) replaces: Option<OrderReplace>,
}

impl Asked {
    /// The order that a message asks for.
    pub(crate) fn of(message: &Message<'_>) -> Option<Self> {
        let request = *message.get::<OrderRequest>()?;
        let (more, replaces) = (message.get::<OrderTerms>().copied(), message.get::<OrderReplace>().copied());
        Some(Self { request, more, replaces })
    }
}

impl Terms {
    /// Reads what was asked for.
    pub(crate) fn read(asked: &Asked) -> Result<Self, RejectReason> {
        let request = &asked.request;
        let malformed = RejectReason::Malformed;
        let order_type = request.order_type.get().ok_or(malformed)?;
        let time_in_force = request.time_in_force.get().ok_or(malformed)?;
        let price = if order_type == OrderType::Market { request.worst_price } else { request.price }.get();
        let limit = (!price.is_zero()).then_some(price);
        let priced = order_type == OrderType::Market || limit.is_some();
        if !priced || price.is_negative() || !request.quantity.get().is_positive() {
            return Err(malformed);
        }
        if order_type == OrderType::PostOnly && time_in_force != TimeInForce::Gtc {
            // It may only rest, and may not rest.
            return Err(malformed);
        }
        let side = request.side.get().ok_or(malformed)?;
        let plain = OrderTerms { trigger: TriggerKind::None.into(), ..OrderTerms::default() };
        let more = asked.more.unwrap_or(plain);
        let about_it =
            |id: ClientOrderId, instrument| id == request.client_order_id && instrument == request.instrument;
        let fits = asked.more.is_none_or(|more| about_it(more.client_order_id, more.instrument))
            && asked.replaces.is_none_or(|replaces| about_it(replaces.new_client_order_id, replaces.instrument));
        let (wait, good_till_ns) = (Wait::read(&more)?, more.good_till_ns.get());
        let linked = (more.linked_order_id != ClientOrderId::default()).then_some(more.linked_order_id);
        let quantity = request.quantity.get();
        let terms = Self { side, order_type, time_in_force, quantity, limit, wait, good_till_ns, linked };
        // An immediate order has no time that could be over, unless it waits.
        let timed = good_till_ns == 0 || terms.rests() || wait.is_some();
        let itself = [linked, asked.replaces.map(|replaces| replaces.client_order_id)];
        if !fits || !timed || itself.contains(&Some(request.client_order_id)) {
            return Err(malformed);
        }
        Ok(terms)
    }

    /// True where what is not filled at once stays in the book.
    pub(crate) fn rests(&self) -> bool {
        self.order_type != OrderType::Market && self.time_in_force == TimeInForce::Gtc
    }
}

/// One order.
#[derive(Clone, Debug)]
pub(crate) struct PaperOrder {
    pub(crate) request: OrderRequest,
    pub(crate) more: Option<OrderTerms>,
    pub(crate) replaces: Option<OrderReplace>,
    /// `None` where the request can't be read; it is rejected then.
    pub(crate) terms: Option<Terms>,
    /// The message that asked for it.
    pub(crate) cause: MessageId,
    /// Its place among all that came.
    pub(crate) arrival: u64,
    /// It is in the book.
    pub(crate) resting: bool,
    /// Its price has not come.
    pub(crate) waiting: bool,
    /// What was said last of its trigger.
    pub(crate) trigger: Option<OrderTrigger>,
    pub(crate) accepted: Option<OrderAccepted>,
    pub(crate) fills: Vec<Fill>,
    pub(crate) filled: Decimal64,
    pub(crate) end: Option<End>,
}

impl PaperOrder {
    pub(crate) fn new(asked: &Asked, cause: MessageId, arrival: u64) -> Self {
        Self {
            request: asked.request,
            more: asked.more,
            replaces: asked.replaces,
            terms: Terms::read(asked).ok(),
            cause,
            arrival,
            resting: false,
            waiting: false,
            trigger: None,
            accepted: None,
            fills: Vec::new(),
            filled: Decimal64::ZERO,
            end: None,
        }
    }

    /// As it came.
    pub(crate) const fn asked(&self) -> Asked {
        Asked { request: self.request, more: self.more, replaces: self.replaces }
    }

    /// Why it was ended.
    pub(crate) fn cancel_reason(&self) -> Option<CancelReason> {
        match &self.end {
            Some(End::Cancelled(cancelled)) => cancelled.reason.get(),
            _ => None,
        }
    }

    /// Where its trigger stands.
    pub(crate) fn say_trigger(&mut self, price: Decimal64, triggered: bool, now_ns: u64) -> OrderTrigger {
        let trigger = OrderTrigger {
            client_order_id: self.request.client_order_id,
            instrument: self.request.instrument,
            triggered: u8::from(triggered),
            trigger_price: price.into(),
            venue_ns: now_ns.into(),
            ..OrderTrigger::default()
        };
        *self.trigger.insert(trigger)
    }

    pub(crate) fn rest(&self) -> Decimal64 {
        self.request.quantity.get().checked_sub(self.filled).unwrap_or(Decimal64::ZERO)
    }

    /// What may be filled of it where the net position is `position`: a reduce-only order no more than closes it.
    pub(crate) fn fillable(&self, position: Decimal64) -> Decimal64 {
        if self.request.reduce_only == 0 {
            return self.rest();
        }
        let reduces = match self.request.side.get() {
            Some(Side::Buy) => position.is_negative(),
            Some(Side::Sell) => position.is_positive(),
            None => false,
        };
        // A position whose size can't be told is not touched.
        let held = if reduces { position.magnitude().unwrap_or_default() } else { Decimal64::ZERO };
        self.rest().min(held)
    }

    pub(crate) fn is_final(&self) -> bool {
        self.end.is_some() || !self.rest().is_positive()
    }

    pub(crate) fn accept(&mut self, now_ns: u64) -> OrderAccepted {
        let accepted = OrderAccepted {
            client_order_id: self.request.client_order_id,
            instrument: self.request.instrument,
            venue_order_id: FixedStr::truncated(&self.request.client_order_id.to_string()),
            venue_ns: now_ns.into(),
        };
        *self.accepted.insert(accepted)
    }

    pub(crate) fn reject(&mut self, reason: RejectReason, text: &str, now_ns: u64) -> OrderRejected {
        let rejected = OrderRejected {
            client_order_id: self.request.client_order_id,
            instrument: self.request.instrument,
            reason: reason.into(),
            text: FixedStr::truncated(text),
            venue_ns: now_ns.into(),
            ..OrderRejected::default()
        };
        self.end = Some(End::Rejected(rejected));
        rejected
    }

    pub(crate) fn cancel(&mut self, reason: CancelReason, now_ns: u64) -> OrderCancelled {
        let cancelled = OrderCancelled {
            client_order_id: self.request.client_order_id,
            instrument: self.request.instrument,
            reason: reason.into(),
            filled_quantity: self.filled.into(),
            venue_ns: now_ns.into(),
            ..OrderCancelled::default()
        };
        self.end = Some(End::Cancelled(cancelled));
        cancelled
    }

    /// Adds a fill. Its trade id is the order's id and its place among the order's fills: the same in every life.
    pub(crate) fn fill(&mut self, part: &Part, now_ns: u64) -> Result<Fill, DecimalError> {
        let filled = self.filled.checked_add(part.quantity)?;
        let id = self.request.client_order_id;
        let fill = Fill {
            client_order_id: id,
            instrument: self.request.instrument,
            side: self.request.side,
            maker: u8::from(part.maker),
            price: part.price.into(),
            quantity: part.quantity.into(),
            cumulative_quantity: filled.into(),
            fee: part.fee()?.into(),
            fee_asset: part.fee_asset,
            trade_id: FixedStr::truncated(&format!("{id}-{}", self.fills.len())),
            venue_ns: now_ns.into(),
            book_sequence: part.book_sequence.into(),
            ..Fill::default()
        };
        self.filled = filled;
        self.fills.push(fill);
        Ok(fill)
    }

    /// Takes back a fill of an earlier life.
    pub(crate) fn restore_fill(&mut self, fill: &Fill) -> bool {
        let known = self.fills.iter().any(|own| own.trade_id == fill.trade_id);
        match self.filled.checked_add(fill.quantity.get()) {
            Ok(filled) if !known => {
                self.filled = filled;
                self.fills.push(*fill);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn status(&self) -> OrderStatus {
        let state = match self.end {
            _ if !self.rest().is_positive() => OrderState::Filled,
            Some(End::Rejected(_)) => OrderState::Rejected,
            Some(End::Cancelled(_)) => OrderState::Cancelled,
            None if self.filled.is_positive() => OrderState::PartiallyFilled,
            None => OrderState::Accepted,
        };
        OrderStatus {
            client_order_id: self.request.client_order_id,
            instrument: self.request.instrument,
            state: state.into(),
            filled_quantity: self.filled.into(),
            venue_order_id: self.accepted.map(|a| a.venue_order_id).unwrap_or_default(),
            venue_ns: self.accepted.map(|a| a.venue_ns).unwrap_or_default(),
            ..OrderStatus::default()
        }
    }

    pub(crate) fn digest_into(&self, digest: Digest) -> Digest {
        let digest = digest.bytes(self.request.as_bytes()).bytes(self.cause.as_bytes()).u64(self.arrival);
        let digest = digest.u64(u64::from(self.resting)).u64(u64::from(self.waiting));
        let digest = self.more.iter().fold(digest, |digest, body| digest.bytes(body.as_bytes()));
        let digest = self.replaces.iter().fold(digest, |digest, body| digest.bytes(body.as_bytes()));
        let digest = self.trigger.iter().fold(digest, |digest, body| digest.bytes(body.as_bytes()));
        let digest = self.fills.iter().fold(digest, |digest, fill| digest.bytes(fill.as_bytes()));
        let digest = self.accepted.iter().fold(digest, |digest, body| digest.bytes(body.as_bytes()));
        match &self.end {
            None => digest.u64(0),
            Some(End::Rejected(body)) => digest.bytes(body.as_bytes()),
            Some(End::Cancelled(body)) => digest.bytes(body.as_bytes()),
        }
    }
}

/// A part of an order that is filled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) price: Decimal64,
    pub(crate) quantity: Decimal64,
    pub(crate) maker: bool,
    pub(crate) fee_bps: Decimal64,
    pub(crate) fee_asset: FixedStr<12>,
    pub(crate) book_sequence: u64,
}

impl Part {
    /// price * quantity * basis points / 10000, rounded once, against us.
    fn fee(&self) -> Result<Decimal64, DecimalError> {
        let ten_thousand = Decimal64::new(10_000, 0);
        Exact::product(self.price, self.quantity).checked_mul(self.fee_bps)?.div_rounded(
            ten_thousand,
            FEE_EXPONENT,
            Rounding::Ceiling,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fee(price: &str, quantity: &str, bps: &str) -> String {
        let part = Part {
            price: price.parse().expect("a number"),
            quantity: quantity.parse().expect("a number"),
            maker: false,
            fee_bps: bps.parse().expect("a number"),
            fee_asset: FixedStr::default(),
            book_sequence: 0,
        };
        part.fee().expect("fits").to_string()
    }

    #[test]
    fn fees_round_against_us() {
        assert_eq!(fee("61837.63", "0.00001", "7.5"), "0.00046379");
        assert_eq!(fee("61837.63", "0.00001", "-7.5"), "-0.00046378");
        assert_eq!(fee("100", "1", "10"), "0.10000000");
        assert_eq!(fee("100", "1", "0"), "0.00000000");
    }
}
