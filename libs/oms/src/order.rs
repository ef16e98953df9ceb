//! One order's life. Reports may come twice, late and in any order; the order only moves forward.
//!
//! ```text
//!  intended -> sent -> accepted -> partially_filled -> filled | cancelled | rejected
//!                \________\________________\______ unknown (the executor must be asked)
//! ```
//!
//! A final state is left only on proof: a fill of a rejected order makes it unknown and raises an alarm; fills that arrive
//! after a cancel are counted, and complete it to filled. What reports claim to be filled counts as worst case until the
//! fills themselves are here.

use core::fmt;
use std::collections::BTreeSet;

use mesh_codec::Message;
use mesh_types::execution::{Fill, Intent, OrderAccepted, OrderCancelled, OrderRejected, OrderRequest, OrderStatus};
use mesh_types::{ClientOrderId, Decimal64, DecimalError, FixedStr, OrderState, Side, SignalAction};

/// A field of an intent that no order can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadIntent {
    /// The field.
    pub field: &'static str,
}

impl fmt::Display for BadIntent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the intent's {} is not usable: it was written by another version, or is corrupt", self.field)
    }
}

impl core::error::Error for BadIntent {}

/// What an executor says of an order.
#[derive(Clone, Copy, Debug)]
pub enum Report<'a> {
    /// The venue took it.
    Accepted(&'a OrderAccepted),
    /// It was refused.
    Rejected(&'a OrderRejected),
    /// A part of it was filled.
    Fill(&'a Fill),
    /// It ended.
    Cancelled(&'a OrderCancelled),
    /// The answer to a question.
    Status(&'a OrderStatus),
}

impl<'a> Report<'a> {
    /// Reads a report, where the message is one.
    pub fn read(message: &Message<'a>) -> Option<Self> {
        None.or_else(|| message.get::<Fill>().map(Self::Fill))
            .or_else(|| message.get::<OrderAccepted>().map(Self::Accepted))
            .or_else(|| message.get::<OrderRejected>().map(Self::Rejected))
            .or_else(|| message.get::<OrderCancelled>().map(Self::Cancelled))
            .or_else(|| message.get::<OrderStatus>().map(Self::Status))
    }
}

impl Report<'_> {
    /// The order that it is about.
    pub const fn client_order_id(&self) -> ClientOrderId {
        match self {
            Self::Accepted(report) => report.client_order_id,
            Self::Rejected(report) => report.client_order_id,
            Self::Fill(report) => report.client_order_id,
            Self::Cancelled(report) => report.client_order_id,
            Self::Status(report) => report.client_order_id,
        }
    }
}

/// Something that must not happen, and did. The report is counted as far as it can be; a person should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// More was filled than ordered.
    Overfill,
    /// The order was rejected although something of it is filled.
    RejectedAfterFill,
    /// Something was filled of an order that was rejected.
    FilledAfterReject,
    /// The executor never had an order that it reported on before.
    Forgotten,
    /// The report contradicts the order, or holds values that none can have; it was not counted.
    Malformed,
    /// The fee is in another asset than the fees before; the fill was counted without it.
    ForeignFee,
}

impl Alarm {
    /// A word for counters and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overfill => "overfill",
            Self::RejectedAfterFill => "rejected_after_fill",
            Self::FilledAfterReject => "filled_after_reject",
            Self::Forgotten => "forgotten",
            Self::Malformed => "malformed_report",
            Self::ForeignFee => "foreign_fee",
        }
    }
}

/// What a report did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The order's state or filled quantity changed; false for a repeat.
    pub changed: bool,
    /// The report is a fill that was not known.
    pub filled: bool,
    /// The executor never had the order: sending it again is safe.
    pub never_had: bool,
    /// What must not happen.
    pub alarm: Option<Alarm>,
}

impl Effect {
    const fn alarm(alarm: Alarm) -> Self {
        Self { changed: false, filled: false, never_had: false, alarm: Some(alarm) }
    }
}

/// One order.
#[derive(Clone, Debug)]
pub struct Order {
    intent: Intent,
    side: Side,
    action: SignalAction,
    state: OrderState,
    filled: Decimal64,
    claimed: Decimal64,
    seen: bool,
    trades: BTreeSet<FixedStr<40>>,
    heard_ns: u64,
}

impl Order {
    /// The order of an intent.
    ///
    /// # Errors
    /// When a field holds what no order can have.
    pub fn new(intent: &Intent) -> Result<Self, BadIntent> {
        let bad = |field| BadIntent { field };
        let side = intent.side.get().ok_or(bad("side"))?;
        let action = intent.action.get().ok_or(bad("action"))?;
        intent.order_type.get().ok_or(bad("order_type"))?;
        intent.time_in_force.get().ok_or(bad("time_in_force"))?;
        if !intent.quantity.get().is_positive() {
            return Err(bad("quantity"));
        }
        Ok(Self {
            intent: *intent,
            side,
            action,
            state: OrderState::Intended,
            filled: Decimal64::ZERO,
            claimed: Decimal64::ZERO,
            seen: false,
            trades: BTreeSet::new(),
            heard_ns: intent.decided_ns.get(),
        })
    }

    /// What was written down before it was sent.
    pub const fn intent(&self) -> &Intent {
        &self.intent
    }

    /// Its side.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// What the signal behind it proposed.
    pub const fn action(&self) -> SignalAction {
        self.action
    }

    /// Ordered quantity.
    pub fn quantity(&self) -> Decimal64 {
        self.intent.quantity.get()
    }

    /// Where it is.
    pub const fn state(&self) -> OrderState {
        self.state
    }

    /// The sum of its fills.
    pub const fn filled(&self) -> Decimal64 {
        self.filled
    }

    /// True where every fill that a report claims is here.
    pub fn is_told(&self) -> bool {
        self.filled >= self.claimed
    }

    /// When it was last sent, asked about or reported on, ns since the Unix epoch.
    pub const fn heard_ns(&self) -> u64 {
        self.heard_ns
    }

    /// True where nothing more can come: final, and every fill that a report claims is here.
    pub fn is_settled(&self) -> bool {
        self.state.is_final() && self.is_told()
    }

    /// What may still be filled, or is and has not been told: the worst case.
    ///
    /// # Errors
    /// When the difference does not fit.
    pub fn open_quantity(&self) -> Result<Decimal64, DecimalError> {
        let most = if self.state.is_final() { self.claimed } else { self.quantity() };
        Ok(most.checked_sub(self.filled)?.max(Decimal64::ZERO))
    }

    /// What can change of it, as numbers: equal ones, equal futures.
    pub fn fingerprint(&self) -> [u64; 7] {
        let (filled, claimed) = (self.filled, self.claimed);
        let exponents = (i64::from(filled.exponent) << 8 | i64::from(claimed.exponent)).cast_unsigned();
        [
            self.state as u64,
            filled.mantissa.cast_unsigned(),
            claimed.mantissa.cast_unsigned(),
            exponents,
            u64::from(self.seen),
            self.trades.len() as u64,
            self.heard_ns,
        ]
    }

    /// The request for the executor; the same one each time.
    pub fn request(&self) -> OrderRequest {
        let intent = &self.intent;
        OrderRequest {
            client_order_id: intent.client_order_id,
            instrument: intent.instrument,
            side: intent.side,
            order_type: intent.order_type,
            time_in_force: intent.time_in_force,
            reduce_only: intent.reduce_only,
            quantity: intent.quantity,
            price: intent.price,
            worst_price: intent.worst_price,
            decided_ns: intent.decided_ns,
            expires_ns: intent.expires_ns,
            ..OrderRequest::default()
        }
    }

    /// It was handed to the executor.
    pub fn on_sent(&mut self, now_ns: u64) {
        if self.state == OrderState::Intended {
            self.state = OrderState::Sent;
        }
        self.heard_ns = self.heard_ns.max(now_ns);
    }

    /// The executor was asked about it. Without an answer so far it is unknown; no network trouble does more than that.
    pub fn on_asked(&mut self, now_ns: u64) {
        if matches!(self.state, OrderState::Intended | OrderState::Sent) {
            self.state = OrderState::Unknown;
        }
        self.heard_ns = self.heard_ns.max(now_ns);
    }

    /// Counts a report.
    pub fn apply(&mut self, report: &Report<'_>, now_ns: u64) -> Effect {
        let before = (self.state, self.filled, self.claimed);
        let mut effect = match report {
            Report::Accepted(_) => self.advance(OrderState::Accepted),
            Report::Rejected(_) => self.reject(),
            Report::Fill(fill) => self.fill(fill),
            Report::Cancelled(report) => self.end(OrderState::Cancelled, report.filled_quantity.get()),
            Report::Status(status) => self.status(status),
        };
        if effect.alarm != Some(Alarm::Malformed) && !effect.never_had {
            self.seen = true;
        }
        self.heard_ns = self.heard_ns.max(now_ns);
        effect.changed = effect.filled || before != (self.state, self.filled, self.claimed);
        effect
    }

    /// Goes on to a working state; a later one than that stays.
    fn advance(&mut self, state: OrderState) -> Effect {
        if matches!(self.state, OrderState::Intended | OrderState::Sent | OrderState::Unknown) {
            self.state = if self.filled.is_zero() { state } else { OrderState::PartiallyFilled };
        }
        Effect::default()
    }

    fn reject(&mut self) -> Effect {
        if self.state.is_final() {
            return Effect::default();
        }
        if self.filled.is_zero() && self.claimed.is_zero() {
            self.state = OrderState::Rejected;
            return Effect::default();
        }
        self.state = OrderState::Unknown;
        Effect::alarm(Alarm::RejectedAfterFill)
    }

    fn claim(&mut self, filled: Decimal64) -> Result<(), Effect> {
        if filled.is_negative() || filled > self.quantity() {
            return Err(Effect::alarm(Alarm::Malformed));
        }
        self.claimed = self.claimed.max(filled);
        Ok(())
    }

    /// Ends as `state`, with so much filled.
    fn end(&mut self, state: OrderState, filled: Decimal64) -> Effect {
        if let Err(effect) = self.claim(filled) {
            return effect;
        }
        if !self.state.is_final() {
            self.state = state;
        }
        Effect::default()
    }

    fn fill(&mut self, fill: &Fill) -> Effect {
        let (price, quantity) = (fill.price.get(), fill.quantity.get());
        let fits = fill.instrument == self.intent.instrument && fill.side == self.intent.side;
        let Some(filled) = self.filled.checked_add(quantity).ok().filter(|_| fits) else {
            return Effect::alarm(Alarm::Malformed);
        };
        if !price.is_positive() || !quantity.is_positive() {
            return Effect::alarm(Alarm::Malformed);
        }
        if !self.trades.insert(fill.trade_id) {
            return Effect::default();
        }
        self.filled = filled;
        let alarm = match self.state {
            _ if filled > self.quantity() => Some(Alarm::Overfill),
            OrderState::Rejected => Some(Alarm::FilledAfterReject),
            _ => None,
        };
        // What was filled before this fill, and is not here yet.
        let cumulative = fill.cumulative_quantity.get().min(self.quantity());
        self.claimed = self.claimed.max(cumulative).max(filled);
        self.state = match self.state {
            _ if filled >= self.quantity() => OrderState::Filled,
            OrderState::Rejected => OrderState::Unknown,
            OrderState::Cancelled | OrderState::Filled => self.state,
            _ => OrderState::PartiallyFilled,
        };
        Effect { filled: true, alarm, ..Effect::default() }
    }

    fn status(&mut self, status: &OrderStatus) -> Effect {
        let filled = status.filled_quantity.get();
        match status.state.get() {
            None => Effect::alarm(Alarm::Malformed),
            Some(OrderState::Unknown) => self.never_had(),
            Some(OrderState::Rejected) => self.reject(),
            Some(OrderState::Filled) => self.end(OrderState::Filled, self.quantity()),
            Some(OrderState::Cancelled) => self.end(OrderState::Cancelled, filled),
            Some(OrderState::Intended | OrderState::Sent) => Effect::default(),
            Some(state @ (OrderState::Accepted | OrderState::PartiallyFilled)) => match self.claim(filled) {
                Ok(()) => self.advance(state),
                Err(effect) => effect,
            },
        }
    }

    fn never_had(&mut self) -> Effect {
        if self.state.is_final() {
            return Effect::default();
        }
        self.state = OrderState::Unknown;
        if self.seen {
            return Effect::alarm(Alarm::Forgotten);
        }
        Effect { never_had: true, ..Effect::default() }
    }
}
