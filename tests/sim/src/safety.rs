//! What must hold after every step, whatever has happened.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mesh_codec::{Frames, Message};
use mesh_oms::Auditor;
use mesh_types::execution::{
    Fill, Intent, OrderAccepted, OrderCancelled, OrderRejected, OrderRequest, Position, RiskVerdict,
};
use mesh_types::risk::{RiskAccount, RiskMargins};
use mesh_types::signal::{Signal, StrategyName};
use mesh_types::system::Cause;
use mesh_types::{ClientOrderId, Decimal64, Gate, InstrumentId, MessageId, Side, SignalAction};

use crate::world::{PAPER, PORTFOLIO};
use crate::{plus, signed};

/// An invariant's name, and what was found instead.
pub type Broken = (&'static str, String);

/// Strategy, instrument, action and bar of a signal.
type Proposal = (StrategyName, InstrumentId, u8, u64);

/// An order, as both disks have it.
#[derive(Debug, Default)]
struct Order {
    intent: Intent,
    venue_order_id: Option<String>,
    filled: Decimal64,
    ended: bool,
}

/// All that was seen so far.
#[derive(Debug, Default)]
pub struct Safety {
    /// Signals by their id.
    signals: HashMap<MessageId, Signal>,
    /// Causes by the id of the message that names them.
    causes: HashMap<MessageId, MessageId>,
    orders: BTreeMap<ClientOrderId, Order>,
    proposals: BTreeSet<Proposal>,
    trades: BTreeMap<String, Fill>,
    net: Decimal64,
    /// What each verdict of risk allows.
    allowed: HashMap<MessageId, Decimal64>,
    /// What has tripped, as the portfolio wrote it down last.
    tripped: Option<Gate>,
    /// A second, simpler count of what the portfolio has made durable.
    auditor: Auditor,
    /// Greatest notional, with the way that prices go between check and fill.
    exposure_limit: Decimal64,
    price_scale: Decimal64,
}

impl Safety {
    /// Nothing was seen. `exposure_limit` is in the quote currency, for positions at `price_scale`.
    pub fn new(exposure_limit: Decimal64, price_scale: Decimal64) -> Self {
        Self { exposure_limit, price_scale, ..Self::default() }
    }

    /// Intents by their order.
    pub fn intents(&self) -> impl Iterator<Item = &Intent> {
        self.orders.values().map(|order| &order.intent)
    }

    /// The exchange's fills, by trade.
    pub const fn fills(&self) -> &BTreeMap<String, Fill> {
        &self.trades
    }

    /// What the portfolio's fills come to, counted a second time.
    pub const fn auditor(&self) -> &Auditor {
        &self.auditor
    }

    /// Takes note of what was said, by the nodes and by the world around them, before the disks are looked at.
    pub fn heard(&mut self, frames: Frames<'_>) {
        for (_, message) in frames {
            let Ok(message) = message else { continue };
            if let Some(cause) = message.get::<Cause>() {
                self.causes.insert(message.id(), cause.message);
            }
            if let Some(signal) = message.get::<Signal>() {
                self.signals.insert(message.id(), *signal);
            }
        }
    }

    /// What the portfolio asks for, after the disks were looked at.
    ///
    /// # Errors
    /// What is broken.
    pub fn asked(&self, frames: Frames<'_>) -> Result<(), Broken> {
        for (_, message) in frames {
            let message = message.map_err(|error| ("every message is whole", error.to_string()))?;
            match message.get::<OrderRequest>() {
                Some(request) if message.source() == PORTFOLIO => self.requested(request)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// What the portfolio has made durable.
    ///
    /// # Errors
    /// What is broken.
    pub fn portfolio_wrote(&mut self, frames: Frames<'_>) -> Result<(), Broken> {
        // A batch may tell a position after each of its fills: the last word counts.
        let mut positions: BTreeMap<(InstrumentId, StrategyName), Position> = BTreeMap::new();
        for (_, message) in frames {
            let Ok(message) = message else { continue };
            if let Some(cause) = message.get::<Cause>() {
                self.causes.insert(message.id(), cause.message);
            }
            if message.source() == PORTFOLIO {
                self.judged(&message)?;
            }
            if let (Some(intent), PORTFOLIO) = (message.get::<Intent>(), message.source()) {
                self.intended(intent, &message)?;
                self.auditor.on_intent(intent).map_err(|finding| (finding.rule, finding.found))?;
            }
            if let Some(fill) = message.get::<Fill>() {
                self.auditor.on_fill(fill).map_err(|finding| (finding.rule, finding.found))?;
            }
            if let (Some(position), PORTFOLIO) = (message.get::<Position>(), message.source()) {
                positions.insert((position.instrument, position.strategy), *position);
            }
            self.ended(&message);
        }
        for position in positions.values() {
            self.auditor.check(position).map_err(|finding| (finding.rule, finding.found))?;
        }
        Ok(())
    }

    /// What the exchange has made durable.
    ///
    /// # Errors
    /// What is broken.
    pub fn exchange_wrote(&mut self, frames: Frames<'_>) -> Result<(), Broken> {
        for (_, message) in frames {
            let Ok(message) = message else { continue };
            if message.source() != PAPER {
                continue;
            }
            if let Some(accepted) = message.get::<OrderAccepted>() {
                self.accepted(accepted)?;
            }
            if let Some(fill) = message.get::<Fill>() {
                self.filled(fill)?;
            }
            self.ended(&message);
        }
        Ok(())
    }

    /// The exchange ends orders; the portfolio ends those that never reached it.
    fn ended(&mut self, message: &Message<'_>) {
        let cancelled = message.get::<OrderCancelled>().map(|body| body.client_order_id);
        let ended = cancelled.or_else(|| message.get::<OrderRejected>().map(|body| body.client_order_id));
        if let Some(order) = ended.and_then(|id| self.orders.get_mut(&id)) {
            order.ended = true;
        }
    }

    /// What risk says and remembers.
    fn judged(&mut self, message: &Message<'_>) -> Result<(), Broken> {
        if let Some(verdict) = message.get::<RiskVerdict>() {
            let (asked, allowed) = (verdict.requested_quantity.get(), verdict.allowed_quantity.get());
            if allowed > asked || allowed.is_positive() != (verdict.allowed == 1) {
                return Err(("risk only reduces a size", format!("{allowed} of {asked}")));
            }
            if message.get_tailed::<RiskMargins>().is_none_or(|margins| margins.items.is_empty()) {
                return Err(("every verdict lists its gates", message.id().to_string()));
            }
            self.allowed.insert(message.id(), allowed);
        }
        if let Some(account) = message.get::<RiskAccount>() {
            self.tripped = account.trip.get().filter(|gate| *gate != Gate::None);
        }
        Ok(())
    }

    fn intended(&mut self, intent: &Intent, message: &Message<'_>) -> Result<(), Broken> {
        if self.orders.contains_key(&intent.client_order_id) {
            return Ok(());
        }
        let allowed = self.causes.get(&message.id()).and_then(|verdict| self.allowed.get(verdict));
        if allowed != Some(&intent.quantity.get()) {
            return Err(("an intent is what risk allowed", format!("{} and {allowed:?}", intent.quantity.get())));
        }
        if let Some(gate) = self.tripped.filter(|_| is_entry(intent)) {
            return Err(("nothing is entered while a limit on loss has tripped", format!("{gate}")));
        }
        let signal = self.signal_behind(message.id())?;
        let proposal = (signal.strategy, signal.instrument, signal.action.raw(), signal.bar_ns.get());
        if is_entry(intent) && !self.proposals.insert(proposal) {
            return Err(("one proposal makes one order", format!("{} is a second", intent.client_order_id)));
        }
        self.orders.insert(intent.client_order_id, Order { intent: *intent, ..Order::default() });
        self.within_limits(intent.client_order_id)
    }

    /// Were all that may still be filled filled on one side, would the limit hold? Asked of every new entry: an exit takes
    /// what is there.
    fn within_limits(&self, newest: ClientOrderId) -> Result<(), Broken> {
        let Some(order) = self.orders.get(&newest).filter(|order| is_entry(&order.intent)) else { return Ok(()) };
        let side = order.intent.side;
        let open = self.orders.values().filter(|order| !order.ended && order.intent.side == side);
        let rest = |order: &Order| plus(order.intent.quantity.get(), order.filled.negated().expect("small numbers"));
        let open = open.map(rest).fold(Decimal64::ZERO, plus);
        let net = if side.get() == Some(Side::Buy) { self.net } else { self.net.negated().expect("small numbers") };
        let worst = plus(net, open).checked_mul(self.price_scale).expect("small numbers");
        if worst > self.exposure_limit {
            return Err(("exposure stays within its limit at the worst", format!("{worst} with order {newest}")));
        }
        Ok(())
    }

    fn requested(&self, request: &OrderRequest) -> Result<(), Broken> {
        let intent = self.orders.get(&request.client_order_id).map(|order| &order.intent);
        let same = |i: &Intent| i.quantity == request.quantity && i.side == request.side;
        if intent.is_some_and(same) {
            return Ok(());
        }
        Err(("an intent is on the disk before its order is asked for", format!("{}", request.client_order_id)))
    }

    /// Back from cause to cause until a signal.
    fn signal_behind(&self, id: MessageId) -> Result<Signal, Broken> {
        let mut at = id;
        for _ in 0..16 {
            if let Some(signal) = self.signals.get(&at) {
                return Ok(*signal);
            }
            match self.causes.get(&at) {
                Some(cause) => at = *cause,
                None => break,
            }
        }
        Err(("every intent leads back to a signal", format!("{id} ends at {at}")))
    }

    fn accepted(&mut self, accepted: &OrderAccepted) -> Result<(), Broken> {
        let Some(order) = self.orders.get_mut(&accepted.client_order_id) else {
            return Err(("the exchange has no order without an intent", accepted.client_order_id.to_string()));
        };
        let name = accepted.venue_order_id.to_string();
        match &order.venue_order_id {
            Some(first) if *first != name => {
                Err(("one intent is one order at the exchange", format!("{first} and {name}")))
            }
            _ => {
                order.venue_order_id = Some(name);
                Ok(())
            }
        }
    }

    fn filled(&mut self, fill: &Fill) -> Result<(), Broken> {
        if self.trades.insert(fill.trade_id.to_string(), *fill).is_some() {
            return Ok(());
        }
        let Some(order) = self.orders.get_mut(&fill.client_order_id) else {
            return Err(("the exchange has no order without an intent", fill.client_order_id.to_string()));
        };
        order.filled = plus(order.filled, fill.quantity.get());
        if order.filled > order.intent.quantity.get() {
            return Err(("no fill goes beyond its order", format!("{} of {}", order.filled, fill.client_order_id)));
        }
        order.ended |= order.filled == order.intent.quantity.get();
        self.net = plus(self.net, signed(fill.side.get(), fill.quantity.get()));
        let notional = self.net.magnitude().and_then(|net| net.checked_mul(self.price_scale)).expect("small numbers");
        if notional > self.exposure_limit {
            return Err(("exposure stays within its limit", format!("{notional} after trade {}", fill.trade_id)));
        }
        Ok(())
    }
}

fn is_entry(intent: &Intent) -> bool {
    intent.action.get().is_some_and(SignalAction::is_entry)
}
