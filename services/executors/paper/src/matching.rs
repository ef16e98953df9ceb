//! Orders meet the market: when they are due, when the book moves, when a trade goes through them.

use mesh_actor::Context;
use mesh_types::market::Trade;
use mesh_types::{
    CancelReason, ClientOrderId, Decimal64, DecimalError, InstrumentId, OrderType, RejectReason, Rounding, Side,
    TimeInForce,
};

use crate::exchange::{EXECUTE, PaperExchange};
use crate::market::{Market, Take};
use crate::order::{PaperOrder, Part};
use crate::settings::Settings;

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
        let Some(order) = self.orders.get_mut(&id).filter(|order| !order.is_final()) else { return };
        let Some(terms) = order.terms else { return };
        let now_ns = context.now_ns();
        let Some(market) = self.markets.get_mut(&order.request.instrument) else { return };
        if !market.mirror.is_live(now_ns, self.settings.book_max_age_ns()) {
            return if terms.rests() { self.add_resting(id) } else { self.cancel(id, CancelReason::Venue, context) };
        }
        let wanted = order.fillable(market.position);
        if !wanted.is_positive() {
            return self.cancel(id, CancelReason::Venue, context);
        }
        let takes = market.available(terms.side, terms.limit, wanted).unwrap_or_default();
        if terms.order_type == OrderType::PostOnly && !takes.is_empty() {
            let rejected = order.reject(RejectReason::WouldTake, "it would have taken", now_ns);
            context.emit_because(&[order.cause], &rejected);
            return self.finish(id);
        }
        let found = takes.iter().try_fold(Decimal64::ZERO, |sum, take| sum.checked_add(take.quantity));
        if terms.time_in_force == TimeInForce::Fok && found.is_ok_and(|found| found < wanted) {
            return self.cancel(id, CancelReason::Unfilled, context);
        }
        Self::fill(&self.settings, market, order, terms.side, &takes, None, context);
        if self.orders.get(&id).is_some_and(PaperOrder::is_final) {
            self.finish(id);
        } else if terms.rests() {
            self.add_resting(id);
        } else {
            self.cancel(id, CancelReason::Unfilled, context);
        }
    }

    /// Fills an order with what it takes; a resting one at its own price.
    fn fill(
        settings: &Settings,
        market: &mut Market,
        order: &mut PaperOrder,
        side: Side,
        takes: &[Take],
        own_price: Option<Decimal64>,
        context: &mut Context<'_>,
    ) {
        if market.take(side, takes).is_err() {
            return context.count("fills_that_do_not_fit", 1);
        }
        let maker = own_price.is_some();
        for take in takes {
            let Ok(position) = moved(market.position, side, take.quantity) else {
                context.count("fills_that_do_not_fit", 1);
                continue;
            };
            let part = Part {
                price: own_price.unwrap_or(take.price),
                quantity: take.quantity,
                maker,
                fee_bps: if maker { settings.maker_fee_bps } else { settings.taker_fee_bps },
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
        }
    }

    pub(crate) fn add_resting(&mut self, id: ClientOrderId) {
        if let Some(order) = self.orders.get(&id) {
            self.arrivals += 1;
            self.resting.insert((order.request.instrument, self.arrivals), id);
        }
    }

    /// Resting orders of an instrument, those with the better price first, then in order of arrival.
    fn resting_of(&self, instrument: &InstrumentId) -> Vec<(ClientOrderId, Side, Decimal64)> {
        let range = self.resting.range((*instrument, 0)..=(*instrument, u64::MAX));
        let mut orders: Vec<_> = range
            .filter_map(|(_, id)| {
                let terms = self.orders.get(id)?.terms?;
                Some((*id, terms.side, terms.limit?))
            })
            .collect();
        orders.sort_by(|(_, side, a), (_, other, b)| match (side, other) {
            (Side::Buy, Side::Buy) => b.cmp(a),
            (Side::Sell, Side::Sell) => a.cmp(b),
            _ => side.cmp(other),
        });
        orders
    }

    /// The book has moved: an order at whose price the other side stands now is filled at its own price.
    pub(crate) fn match_resting(&mut self, instrument: &InstrumentId, context: &mut Context<'_>) {
        for (id, side, price) in self.resting_of(instrument) {
            let Some(market) = self.markets.get_mut(instrument) else { return };
            let Some(order) = self.orders.get_mut(&id) else { continue };
            if !market.mirror.is_live(context.now_ns(), self.settings.book_max_age_ns()) {
                return;
            }
            let wanted = order.fillable(market.position);
            if !wanted.is_positive() {
                self.cancel(id, CancelReason::Venue, context);
                continue;
            }
            let takes = market.available(side, Some(price), wanted).unwrap_or_default();
            Self::fill(&self.settings, market, order, side, &takes, Some(price), context);
            self.finish_if_final(id);
        }
    }

    /// A trade beyond the price of a resting order: whoever came so far met this order before.
    pub(crate) fn match_trade(&mut self, trade: &Trade, context: &mut Context<'_>) {
        let (Some(taker), mut left) = (trade.side.get(), trade.quantity.get()) else { return };
        for (id, side, price) in self.resting_of(&trade.instrument) {
            let through = if side == Side::Buy { trade.price.get() < price } else { trade.price.get() > price };
            let Some(market) = self.markets.get_mut(&trade.instrument) else { return };
            let Some(order) = self.orders.get_mut(&id) else { continue };
            let live = market.mirror.is_live(context.now_ns(), self.settings.book_max_age_ns());
            if side == taker || !through || !live || !left.is_positive() {
                continue;
            }
            let quantity = order.fillable(market.position).min(left);
            // A trade of more digits than the lot can't be split exactly; what does not fit is left out.
            let lot = market.info.map(|info| info.lot.get()).unwrap_or_default();
            let Ok(quantity) = quantity.round_to_step(lot, Rounding::Floor) else { continue };
            if !quantity.is_positive() {
                continue;
            }
            left = left.checked_sub(quantity).unwrap_or_default();
            let take = Take { price: trade.price.get(), quantity };
            Self::fill(&self.settings, market, order, side, &[take], Some(price), context);
            self.finish_if_final(id);
        }
    }

    fn finish_if_final(&mut self, id: ClientOrderId) {
        if self.orders.get(&id).is_some_and(PaperOrder::is_final) {
            self.finish(id);
        }
    }
}

/// A position after a fill of this side.
pub(crate) fn moved(position: Decimal64, side: Side, quantity: Decimal64) -> Result<Decimal64, DecimalError> {
    if side == Side::Buy { position.checked_add(quantity) } else { position.checked_sub(quantity) }
}
