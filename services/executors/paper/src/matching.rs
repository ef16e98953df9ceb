//! Orders meet the market: when they are due, when the book moves, when others trade. What they get is decided by the
//! backtester's matching (`mesh_ticks::matching`).

use mesh_actor::Context;
use mesh_ticks::{Order, OrderKind, Outcome, Part as Matched};
use mesh_types::market::Trade;
use mesh_types::{
    CancelReason, ClientOrderId, Decimal64, DecimalError, InstrumentId, OrderType, RejectReason, Side, TimeInForce,
};

use crate::exchange::{EXECUTE, PaperExchange, RETRY_NS};
use crate::order::{PaperOrder, Part, Terms};
use crate::units::Units;

impl PaperExchange {
    pub(crate) fn execute_due(&mut self, context: &mut Context<'_>) {
        while let Some((due_ns, arrival, id)) = self.queue.first().copied() {
            if due_ns > context.now_ns() {
                context.set_timer(EXECUTE, due_ns);
                return;
            }
            self.queue.remove(&(due_ns, arrival, id));
            self.execute(id, context);
        }
    }

    /// Meets an order with the book.
    fn execute(&mut self, id: ClientOrderId, context: &mut Context<'_>) {
        if self.orders.get(&id).is_none_or(PaperOrder::is_final) || !self.admit(id, context) {
            return;
        }
        let Some(order) = self.orders.get(&id).filter(|order| !order.is_final()) else { return };
        let Some(terms) = order.terms else { return };
        let (instrument, now_ns) = (order.request.instrument, context.now_ns());
        let market = &*self.markets.entry(instrument).or_default();
        let fillable = order.fillable(market.position);
        if !fillable.is_positive() {
            return self.cancel(id, CancelReason::Venue, context);
        }
        let live = market.mirror.is_live(now_ns, self.settings.book_max_age_ns());
        // An immediate order is one for what it may fill; a resting one is held to it with each fill.
        let wanted = if terms.rests() { order.rest() } else { fillable };
        let matched = market.units.and_then(|units| matched_as(order.arrival, &terms, wanted, &units));
        let matched_later = !live || market.units.is_none();
        let Some(incoming) = matched.filter(|_| live) else {
            return match terms.rests() {
                true => self.add_resting(id),
                // Its moment is the next one in which there is a market.
                false if order.is_triggered() && matched_later => self.enqueue(id, RETRY_NS, context),
                false => self.cancel(id, CancelReason::Venue, context),
            };
        };
        self.end_older(&incoming, &instrument, context);
        let Some(market) = self.markets.get_mut(&instrument) else { return };
        if order_reduces(&self.orders, &id) {
            market.reducing.insert(incoming.id);
        }
        match market.submit(&incoming) {
            Err(reason) => self.refuse(id, reason, context),
            Ok((outcome, parts)) => {
                self.settle(&instrument, &parts, context);
                self.after(id, outcome, context);
            }
        }
    }

    /// Orders of one owner don't trade with each other: the older one is ended.
    fn end_older(&mut self, incoming: &Order, instrument: &InstrumentId, context: &mut Context<'_>) {
        while let Some(market) = self.markets.get_mut(instrument)
            && let Some(older) = market.matching.met_first(incoming, &market.depth)
        {
            market.matching.remove(older);
            if let Some(older) = self.working.get(&older).copied() {
                self.cancel(older, CancelReason::Venue, context);
            }
        }
    }

    fn refuse(&mut self, id: ClientOrderId, reason: mesh_ticks::RejectReason, context: &mut Context<'_>) {
        let (reason, text) = match reason {
            mesh_ticks::RejectReason::WouldTake => (RejectReason::WouldTake, "it would have taken"),
            mesh_ticks::RejectReason::TooMany => (RejectReason::RateLimit, "as many orders rest as may"),
            mesh_ticks::RejectReason::ReduceOnly => (RejectReason::Malformed, "there is no position to reduce"),
            mesh_ticks::RejectReason::Invalid | mesh_ticks::RejectReason::RepeatedId => {
                (RejectReason::Malformed, "its price or quantity is none that an order can have")
            }
        };
        self.reject(id, reason, text, context);
    }

    fn after(&mut self, id: ClientOrderId, outcome: Outcome, context: &mut Context<'_>) {
        let Some(order) = self.orders.get_mut(&id).filter(|order| !order.is_final()) else { return };
        match outcome {
            Outcome::Rests => {
                order.resting = true;
                // It may be that nothing is left to reduce.
                let instrument = order.request.instrument;
                self.end_reducing(&instrument, context);
            }
            Outcome::Filled | Outcome::Ended { .. } => self.cancel(id, CancelReason::Unfilled, context),
        }
    }

    /// Says what was filled, and ends what may reduce nothing any more.
    fn settle(&mut self, instrument: &InstrumentId, parts: &[Matched], context: &mut Context<'_>) {
        for part in parts {
            self.fill(instrument, part, context);
        }
        if !parts.is_empty() {
            self.end_reducing(instrument, context);
        }
    }

    fn fill(&mut self, instrument: &InstrumentId, matched: &Matched, context: &mut Context<'_>) {
        let (Some(market), Some(id)) = (self.markets.get_mut(instrument), self.working.get(&matched.id).copied())
        else {
            return context.count("fills_that_do_not_fit", 1);
        };
        let Some(order) = self.orders.get_mut(&id) else { return };
        let units = market.units;
        let sizes = units.and_then(|units| units.price(matched.price).zip(units.quantity(matched.quantity)));
        let sizes = sizes.and_then(|(price, quantity)| {
            Some((price, quantity, moved(market.position, matched.side, quantity).ok()?))
        });
        let Some((price, quantity, position)) = sizes else { return context.count("fills_that_do_not_fit", 1) };
        let part = Part {
            price,
            quantity,
            maker: matched.is_maker,
            fee_bps: if matched.is_maker { self.settings.maker_fee_bps } else { self.settings.taker_fee_bps },
            fee_asset: market.info.map(|info| info.quote).unwrap_or_default(),
            book_sequence: market.mirror.sequence(),
        };
        match order.fill(&part, context.now_ns()) {
            Ok(fill) => {
                market.position = position;
                context.emit_because(&[order.cause], &fill);
                context.count("fills", 1);
            }
            Err(_) => context.count("fills_that_do_not_fit", 1),
        }
        let (is_final, is_first) = (order.is_final(), order.fills.len() == 1);
        if is_first {
            self.has_begun(id, context);
        }
        if is_final {
            self.finish(id);
        } else if matched.left == 0 && matched.is_maker {
            // What is left of it is less than a lot.
            self.cancel(id, CancelReason::Venue, context);
        }
    }

    /// Ends resting orders that may only reduce, where nothing is left to reduce.
    fn end_reducing(&mut self, instrument: &InstrumentId, context: &mut Context<'_>) {
        let Some(market) = self.markets.get(instrument) else { return };
        let ended: Vec<ClientOrderId> = market
            .reducing
            .iter()
            .filter_map(|arrival| self.working.get(arrival))
            .filter(|id| {
                let order = self.orders.get(id).filter(|order| order.resting || order.waiting);
                order.is_some_and(|order| !order.fillable(market.position).is_positive())
            })
            .copied()
            .collect();
        ended.into_iter().for_each(|id| self.cancel(id, CancelReason::Venue, context));
    }

    /// Lets an order rest without meeting the book.
    pub(crate) fn add_resting(&mut self, id: ClientOrderId) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        order.resting = true;
        let arrival = order.arrival;
        let market = self.markets.entry(order.request.instrument).or_default();
        if order.request.reduce_only != 0 {
            market.reducing.insert(arrival);
        }
        let resting =
            order.terms.zip(market.units).and_then(|(terms, units)| matched_as(arrival, &terms, order.rest(), &units));
        if let Some(Order { id, side, price, quantity, .. }) = resting {
            market.matching.rest(id, side, price, quantity, &market.depth);
        }
    }

    /// Ticks or lots are others: all orders of an instrument that rest or wait take their places anew.
    pub(crate) fn place_again(&mut self, instrument: &InstrumentId, context: &mut Context<'_>) {
        let of_it: Vec<(ClientOrderId, bool)> = self
            .working
            .values()
            .filter_map(|id| Some((*id, self.orders.get(id)?)))
            .filter(|(_, order)| (order.resting || order.waiting) && order.request.instrument == *instrument)
            .map(|(id, order)| (id, order.resting))
            .collect();
        for (id, rests) in of_it {
            if rests { self.add_resting(id) } else { self.wait(id, context) }
        }
    }

    /// The book has moved.
    pub(crate) fn on_book(&mut self, instrument: &InstrumentId, whole: bool, context: &mut Context<'_>) {
        let Some(market) = self.markets.get_mut(instrument) else { return };
        let fresh = market.mirror.is_live(context.now_ns(), self.settings.book_max_age_ns());
        let parts = market.on_book(whole, fresh);
        self.settle(instrument, &parts, context);
        self.on_touch(instrument, context);
    }

    /// Others traded.
    pub(crate) fn on_trade(&mut self, trade: &Trade, context: &mut Context<'_>) {
        let (Some(taker), Some(market)) = (trade.side.get(), self.markets.get_mut(&trade.instrument)) else { return };
        if market.mirror.is_live(context.now_ns(), self.settings.book_max_age_ns()) {
            let parts = market.on_trade(trade.price.get(), trade.quantity.get(), taker);
            self.settle(&trade.instrument, &parts, context);
            self.on_price(&trade.instrument, trade.price.get(), context);
        }
    }
}

fn order_reduces(orders: &std::collections::BTreeMap<ClientOrderId, PaperOrder>, id: &ClientOrderId) -> bool {
    orders.get(id).is_some_and(|order| order.request.reduce_only != 0)
}

/// An order as matching takes it; `None` where it is less than a lot, or does not fit.
fn matched_as(arrival: u64, terms: &Terms, wanted: Decimal64, units: &Units) -> Option<Order> {
    let kind = match (terms.order_type, terms.time_in_force) {
        (OrderType::PostOnly, _) => OrderKind::PostOnly,
        (_, TimeInForce::Fok) => OrderKind::FillOrKill,
        (OrderType::Market, _) if terms.limit.is_none() => OrderKind::Market,
        (OrderType::Market, _) | (_, TimeInForce::Ioc) => OrderKind::ImmediateOrCancel,
        (OrderType::Limit, TimeInForce::Gtc) => OrderKind::Limit,
    };
    let price = match terms.limit {
        Some(limit) => units.ticks(terms.side, limit)?,
        // Fill or kill at any price.
        None if kind == OrderKind::FillOrKill && terms.side == Side::Buy => i64::MAX,
        None => 1,
    };
    let quantity = units.lots(wanted).filter(|lots| *lots > 0)?;
    Some(Order { id: arrival, side: terms.side, kind, price, quantity, reduce_only: false })
}

/// A position after a fill of this side.
pub(crate) fn moved(position: Decimal64, side: Side, quantity: Decimal64) -> Result<Decimal64, DecimalError> {
    if side == Side::Buy { position.checked_add(quantity) } else { position.checked_sub(quantity) }
}
