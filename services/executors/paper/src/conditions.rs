//! What stands before an order is worked: one that it replaces, a price that it waits for; and what ends it beside being
//! asked: its time, an order that it is linked to.

use mesh_actor::Context;
use mesh_ticks::trigger::{Step, Trigger, Waits};
use mesh_types::execution::OrderReplace;
use mesh_types::{CancelReason, ClientOrderId, Decimal64, InstrumentId, OrderState, RejectReason, TriggerKind};

use crate::exchange::{EXPIRE, PaperExchange};
use crate::order::{PaperOrder, Terms, Wait};
use crate::units::Units;

/// Why an order is refused.
pub(crate) type Refusal = (RejectReason, &'static str);

impl PaperExchange {
    /// True where an order may be worked now; else it waits, or was refused.
    pub(crate) fn admit(&mut self, id: ClientOrderId, context: &mut Context<'_>) -> bool {
        let Some(order) = self.orders.get(&id) else { return false };
        if let Some(replaces) = order.replaces
            && !self.is_replaced(&replaces.client_order_id)
        {
            if let Err((reason, text)) = self.check_replaced(order, &replaces) {
                self.reject(id, reason, text, context);
                return false;
            }
            self.cancel(replaces.client_order_id, CancelReason::Replaced, context);
        }
        let waits = self.orders.get(&id).is_some_and(PaperOrder::waits);
        if waits {
            self.wait(id, context);
        }
        !waits
    }

    /// What a venue checks of an order's conditions before it takes it.
    pub(crate) fn check_conditions(&self, order: &PaperOrder, terms: &Terms, now_ns: u64) -> Result<(), Refusal> {
        if terms.good_till_ns != 0 && now_ns > terms.good_till_ns {
            return Err((RejectReason::Stale, "its time is over"));
        }
        if let Some(linked) = terms.linked.and_then(|linked| self.orders.get(&linked)) {
            let same = linked.request.instrument == order.request.instrument;
            if !same || linked.has_begun() {
                return Err((
                    RejectReason::Conflict,
                    "the order that it is linked to has begun, or is of another market",
                ));
            }
        }
        order.replaces.map_or(Ok(()), |replaces| self.check_replaced(order, &replaces))
    }

    fn check_replaced(&self, order: &PaperOrder, replaces: &OrderReplace) -> Result<(), Refusal> {
        let conflict = |text| Err((RejectReason::Conflict, text));
        let (old, request) = (self.orders.get(&replaces.client_order_id), &order.request);
        let Some(old) = old.filter(|old| !old.is_final()) else {
            return conflict("what it replaces does not work");
        };
        if old.request.instrument != request.instrument || old.request.side != request.side {
            return conflict("what it replaces has another market or side");
        }
        match old.filled.checked_add(request.quantity.get()) {
            Ok(both) if both <= replaces.quantity.get() => Ok(()),
            _ => conflict("more is filled of what it replaces"),
        }
    }

    /// True where an order was ended for one that took its place.
    pub(crate) fn is_replaced(&self, id: &ClientOrderId) -> bool {
        self.orders.get(id).is_some_and(|order| order.cancel_reason() == Some(CancelReason::Replaced))
    }

    /// Lets an order wait for its price.
    pub(crate) fn wait(&mut self, id: ClientOrderId, context: &mut Context<'_>) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        order.waiting = true;
        let (instrument, arrival) = (order.request.instrument, order.arrival);
        let reduces = order.request.reduce_only != 0;
        let said = order.trigger.map(|trigger| trigger.trigger_price.get());
        let wait = order.terms.and_then(|terms| Some((terms, terms.wait?)));
        let market = self.markets.entry(instrument).or_default();
        if reduces {
            market.reducing.insert(arrival);
        }
        let trigger = wait.zip(market.units).and_then(|((terms, wait), units)| trigger_of(&terms, &wait, said, &units));
        if let Some(trigger) = trigger {
            market.triggers.insert(arrival, trigger);
        }
        self.on_touch(&instrument, context);
    }

    /// Waiting orders meet the best bid and ask.
    pub(crate) fn on_touch(&mut self, instrument: &InstrumentId, context: &mut Context<'_>) {
        let Some(market) = self.markets.get_mut(instrument) else { return };
        if market.triggers.is_empty() || !market.mirror.is_live(context.now_ns(), self.settings.book_max_age_ns()) {
            return;
        }
        let Some((bid, ask)) = market.depth.touch() else { return };
        let steps = market.step(|trigger| trigger.on_touch(bid, ask));
        self.follow(instrument, &steps, context);
    }

    /// Waiting orders meet a price at which others traded.
    pub(crate) fn on_price(&mut self, instrument: &InstrumentId, price: Decimal64, context: &mut Context<'_>) {
        let Some(market) = self.markets.get_mut(instrument) else { return };
        let Some(units) = market.units.filter(|_| !market.triggers.is_empty()) else { return };
        let Some((low, high)) =
            units.ticks(mesh_types::Side::Buy, price).zip(units.ticks(mesh_types::Side::Sell, price))
        else {
            return;
        };
        // Between two ticks it is at none of them.
        let steps = market.step(|trigger| trigger.on_touch(low, high));
        self.follow(instrument, &steps, context);
    }

    fn follow(&mut self, instrument: &InstrumentId, steps: &[(u64, Step, i64)], context: &mut Context<'_>) {
        for (arrival, step, level) in steps {
            let (Some(id), Some(units)) =
                (self.working.get(arrival).copied(), self.markets.get(instrument).and_then(|market| market.units))
            else {
                continue;
            };
            let (Some(order), Some(price)) = (self.orders.get_mut(&id), units.price(*level)) else { continue };
            let triggered = *step == Step::Triggered;
            let said = order.say_trigger(price, triggered, context.now_ns());
            context.emit_because(&[order.cause], &said);
            if triggered {
                order.waiting = false;
                if let Some(market) = self.markets.get_mut(instrument) {
                    market.triggers.remove(arrival);
                }
                context.count("orders_triggered", 1);
                self.has_begun(id, context);
                // The book that it meets is the one that its price led to.
                self.enqueue(id, self.settings.latency().entry_ns(context.now_ns()), context);
            }
        }
        if !steps.is_empty() {
            self.execute_due(context);
        }
    }

    /// An order is triggered or filled in part: the one that it is linked to is ended, whichever of them named the other.
    pub(crate) fn has_begun(&mut self, id: ClientOrderId, context: &mut Context<'_>) {
        let named = self.orders.get(&id).and_then(|order| order.terms?.linked);
        let others: Vec<ClientOrderId> = self
            .working
            .values()
            .filter(|other| {
                let names_it = || self.orders.get(other).and_then(|order| order.terms?.linked) == Some(id);
                **other != id && (Some(**other) == named || names_it())
            })
            .copied()
            .collect();
        others.into_iter().for_each(|other| self.cancel(other, CancelReason::Linked, context));
    }

    /// Remembers when an order's time is over.
    pub(crate) fn set_deadline(&mut self, id: ClientOrderId, context: &mut Context<'_>) {
        let good_till_ns = self.orders.get(&id).and_then(|order| order.terms).map_or(0, |terms| terms.good_till_ns);
        if good_till_ns != 0 {
            self.deadlines.insert((good_till_ns, id));
        }
        if let Some((first_ns, _)) = self.deadlines.first() {
            context.set_timer(EXPIRE, *first_ns);
        }
    }

    /// Ends the orders whose time is over.
    pub(crate) fn expire_due(&mut self, context: &mut Context<'_>) {
        while let Some((at_ns, id)) = self.deadlines.first().copied() {
            if at_ns > context.now_ns() {
                return context.set_timer(EXPIRE, at_ns);
            }
            self.deadlines.remove(&(at_ns, id));
            if self.orders.get(&id).is_some_and(|order| !order.is_final()) {
                self.cancel(id, CancelReason::Expired, context);
            }
        }
    }
}

fn trigger_of(terms: &Terms, wait: &Wait, said: Option<Decimal64>, units: &Units) -> Option<Trigger> {
    let ticks = |price: Decimal64| units.ticks(terms.side, price);
    let start = said.or((!wait.price.is_zero()).then_some(wait.price));
    let level = start.and_then(ticks);
    let waits = match wait.kind {
        TriggerKind::TrailingStop => Waits::Trailing { distance: ticks(wait.trail)? },
        TriggerKind::TakeProfit => Waits::TakeProfit,
        TriggerKind::Stop | TriggerKind::None => Waits::Stop,
    };
    (level.is_some() || wait.kind == TriggerKind::TrailingStop).then(|| Trigger::new(terms.side, waits, level))
}

impl PaperOrder {
    /// True where its price has not come.
    pub(crate) fn waits(&self) -> bool {
        self.terms.is_some_and(|terms| terms.wait.is_some()) && !self.is_triggered()
    }

    /// True where its price has come.
    pub(crate) fn is_triggered(&self) -> bool {
        self.trigger.is_some_and(|trigger| trigger.triggered != 0)
    }

    /// True where it is triggered, or filled in part.
    fn has_begun(&self) -> bool {
        self.is_triggered() || self.filled.is_positive() || self.status().state.get() == Some(OrderState::Filled)
    }
}
