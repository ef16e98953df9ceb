//! The paper exchange: an actor that answers orders as a venue would, against the live book.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_actor::{Actor, Context, Digest, TimerId};
use mesh_codec::registry::TlvBody;
use mesh_codec::{Message, TailedView};
use mesh_types::execution::{
    Fill, OrderAccepted, OrderCancel, OrderCancelled, OrderRejected, OrderRequest, OrderStatus, OrderStatusRequest,
};
use mesh_types::market::{BookDelta, BookSnapshot, InstrumentInfo, Trade};
use mesh_types::system::Gap;
use mesh_types::{
    CancelReason, ClientOrderId, Decimal64, Domain, InstrumentId, InstrumentStatus, OrderState, OrderType,
    RejectReason, Rounding, Side, TimeInForce,
};

use crate::market::{Market, Take};
use crate::order::{End, PaperOrder, Part, Terms};
use crate::settings::Settings;

const EXECUTE: TimerId = TimerId(1);
const FORGET: TimerId = TimerId(2);
/// After a restart, what the run before took of the book is held to be gone for so long.
const HOLD_NS: u64 = 60_000_000_000;
/// Finished orders that are remembered, so that a late repeat gets the same answer.
const FINISHED_KEPT: usize = 10_000;

/// The types that its ledger keeps: what was asked, and what was answered.
pub const LEDGER_TYPES: [u8; 5] =
    [OrderRequest::NUMBER, OrderAccepted::NUMBER, OrderRejected::NUMBER, Fill::NUMBER, OrderCancelled::NUMBER];

/// The paper exchange.
#[derive(Debug)]
pub struct PaperExchange {
    settings: Settings,
    started: bool,
    markets: BTreeMap<InstrumentId, Market>,
    orders: BTreeMap<ClientOrderId, PaperOrder>,
    /// Accepted, and due for execution.
    queue: BTreeSet<(u64, u64, ClientOrderId)>,
    /// In the book, in order of arrival.
    resting: BTreeMap<(InstrumentId, u64), ClientOrderId>,
    finished: VecDeque<ClientOrderId>,
    arrivals: u64,
}

impl PaperExchange {
    /// An exchange without orders.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            started: false,
            markets: BTreeMap::new(),
            orders: BTreeMap::new(),
            queue: BTreeSet::new(),
            resting: BTreeMap::new(),
            finished: VecDeque::new(),
            arrivals: 0,
        }
    }

    fn on_start(&mut self, context: &mut Context<'_>) {
        self.started = true;
        if self.orders.is_empty() {
            return;
        }
        context.set_timer(FORGET, context.now_ns().saturating_add(HOLD_NS));
        let working: Vec<ClientOrderId> =
            self.orders.iter().filter(|(_, order)| !order.is_final()).map(|(id, _)| *id).collect();
        for id in working {
            match self.orders.get(&id).and_then(|order| order.terms) {
                Some(terms) if terms.rests() => self.add_resting(id),
                // The moment that an immediate order was meant for has passed.
                _ => self.cancel(id, CancelReason::Venue, context),
            }
        }
    }

    fn on_request(&mut self, request: &OrderRequest, context: &mut Context<'_>) {
        let id = request.client_order_id;
        if let Some(known) = self.orders.get(&id) {
            if known.request == *request {
                context.count("orders_repeated", 1);
                self.answer(&id, context);
            } else {
                // To refuse it would be read as a refusal of the order that has this id.
                context.count("orders_conflicting", 1);
                self.status(&id, context);
            }
            return;
        }
        let now_ns = context.now_ns();
        let mut order = PaperOrder::new(request, context.cause());
        let verdict = self.check(&order, now_ns);
        match verdict {
            Ok(()) => {
                let accepted = order.accept(now_ns);
                context.emit(&accepted);
                self.orders.insert(id, order);
                self.arrivals += 1;
                self.queue.insert((now_ns.saturating_add(self.settings.latency_ns()), self.arrivals, id));
                self.execute_due(context);
            }
            Err((reason, text)) => {
                let rejected = order.reject(reason, text, now_ns);
                context.emit(&rejected);
                context.count("orders_rejected", 1);
                self.orders.insert(id, order);
                self.finish(id);
            }
        }
    }

    /// What a venue checks before it takes an order.
    fn check(&self, order: &PaperOrder, now_ns: u64) -> Result<(), (RejectReason, &'static str)> {
        let request = &order.request;
        let terms = order.terms.ok_or((RejectReason::Malformed, "a field holds what no order can have"))?;
        let expires_ns = request.expires_ns.get();
        if expires_ns != 0 && now_ns > expires_ns {
            return Err((RejectReason::Stale, "it came after it expired"));
        }
        let unknown = (RejectReason::UnknownInstrument, "no instrument information has come");
        let market = self.markets.get(&request.instrument).ok_or(unknown)?;
        let info = market.info.as_ref().ok_or(unknown)?;
        Self::check_filters(&terms, request, info)?;
        if !self.is_live(market, now_ns) {
            return Err((RejectReason::BookNotLive, "the book is not live"));
        }
        let best =
            market.best_opposite(terms.side).ok_or((RejectReason::BookNotLive, "nobody is on the other side"))?;
        let price = terms.limit.unwrap_or(best).min(best);
        match terms.quantity.mul_rounded(price, -8, Rounding::Floor) {
            Ok(notional) if notional >= info.min_notional.get() => Ok(()),
            _ => Err((RejectReason::Filter, "the notional is below the least, or does not fit")),
        }
    }

    fn check_filters(
        terms: &Terms,
        request: &OrderRequest,
        info: &InstrumentInfo,
    ) -> Result<(), (RejectReason, &'static str)> {
        let filter = |holds: bool, text| if holds { Ok(()) } else { Err((RejectReason::Filter, text)) };
        let (quantity, most) = (terms.quantity, info.max_quantity.get());
        filter(info.status.get() == Some(InstrumentStatus::Trading), "the instrument is not trading")?;
        filter(quantity.is_multiple_of(info.lot.get()), "the quantity is no multiple of the lot")?;
        filter(quantity >= info.min_quantity.get(), "the quantity is below the least")?;
        filter(!most.is_positive() || quantity <= most, "the quantity is above the most")?;
        let on_tick = |price: Decimal64| price.is_zero() || price.is_multiple_of(info.tick.get());
        filter(on_tick(request.price.get()) && on_tick(request.worst_price.get()), "a price is no multiple of the tick")
    }

    fn is_live(&self, market: &Market, now_ns: u64) -> bool {
        market.mirror.is_live(now_ns, self.settings.book_max_age_ns())
    }

    fn execute_due(&mut self, context: &mut Context<'_>) {
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
        let takes = market.available(terms.side, terms.limit, order.rest()).unwrap_or_default();
        if terms.order_type == OrderType::PostOnly && !takes.is_empty() {
            let rejected = order.reject(RejectReason::WouldTake, "it would have taken", now_ns);
            context.emit_because(&[order.cause], &rejected);
            return self.finish(id);
        }
        let found = takes.iter().try_fold(Decimal64::ZERO, |sum, take| sum.checked_add(take.quantity));
        if terms.time_in_force == TimeInForce::Fok && found.is_ok_and(|found| found < terms.quantity) {
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
                    context.emit_because(&[order.cause], &fill);
                    context.count("fills", 1);
                }
                Err(_) => context.count("fills_that_do_not_fit", 1),
            }
        }
    }

    fn add_resting(&mut self, id: ClientOrderId) {
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
    fn match_resting(&mut self, instrument: &InstrumentId, context: &mut Context<'_>) {
        for (id, side, price) in self.resting_of(instrument) {
            let Some(market) = self.markets.get_mut(instrument) else { return };
            let Some(order) = self.orders.get_mut(&id) else { continue };
            if !market.mirror.is_live(context.now_ns(), self.settings.book_max_age_ns()) {
                return;
            }
            let takes = market.available(side, Some(price), order.rest()).unwrap_or_default();
            Self::fill(&self.settings, market, order, side, &takes, Some(price), context);
            self.finish_if_final(id);
        }
    }

    /// A trade beyond the price of a resting order: whoever came so far met this order before.
    fn match_trade(&mut self, trade: &Trade, context: &mut Context<'_>) {
        let (Some(taker), mut left) = (trade.side.get(), trade.quantity.get()) else { return };
        for (id, side, price) in self.resting_of(&trade.instrument) {
            let through = if side == Side::Buy { trade.price.get() < price } else { trade.price.get() > price };
            let Some(market) = self.markets.get_mut(&trade.instrument) else { return };
            let Some(order) = self.orders.get_mut(&id) else { continue };
            let live = market.mirror.is_live(context.now_ns(), self.settings.book_max_age_ns());
            if side == taker || !through || !live || !left.is_positive() {
                continue;
            }
            let quantity = order.rest().min(left);
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

    /// Nothing more happens to an order; it is remembered for repeats.
    fn finish(&mut self, id: ClientOrderId) {
        self.resting.retain(|_, resting| *resting != id);
        self.finished.push_back(id);
        if self.finished.len() > FINISHED_KEPT
            && let Some(oldest) = self.finished.pop_front()
        {
            self.orders.remove(&oldest);
        }
    }

    fn cancel(&mut self, id: ClientOrderId, reason: CancelReason, context: &mut Context<'_>) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        let cancelled = order.cancel(reason, context.now_ns());
        context.emit_because(&[order.cause], &cancelled);
        self.finish(id);
    }

    fn on_cancel(&mut self, id: ClientOrderId, context: &mut Context<'_>) {
        match self.orders.get(&id) {
            Some(order) if !order.is_final() => self.cancel(id, CancelReason::Requested, context),
            Some(_) => self.answer(&id, context),
            None => self.status(&id, context),
        }
    }

    fn on_status_request(&mut self, id: ClientOrderId, context: &mut Context<'_>) {
        if id == ClientOrderId::default() {
            let working: Vec<ClientOrderId> =
                self.orders.iter().filter(|(_, order)| !order.is_final()).map(|(id, _)| *id).collect();
            working.iter().for_each(|id| self.answer(id, context));
        } else {
            self.answer(&id, context);
        }
    }

    /// Says again everything that was said of an order, then where it is.
    fn answer(&self, id: &ClientOrderId, context: &mut Context<'_>) {
        if let Some(order) = self.orders.get(id) {
            let causes = [order.cause];
            if let Some(body) = &order.accepted {
                context.emit_because(&causes, body);
            }
            for body in &order.fills {
                context.emit_because(&causes, body);
            }
            match &order.end {
                Some(End::Rejected(body)) => context.emit_because(&causes, body),
                Some(End::Cancelled(body)) => context.emit_because(&causes, body),
                None => None,
            };
        }
        self.status(id, context);
    }

    fn status(&self, id: &ClientOrderId, context: &mut Context<'_>) {
        let status = self.orders.get(id).map_or_else(
            || OrderStatus { client_order_id: *id, state: OrderState::Unknown.into(), ..OrderStatus::default() },
            PaperOrder::status,
        );
        context.emit(&status);
    }

    /// A row of an earlier run.
    fn restore(&mut self, message: &Message<'_>) {
        if let Some(request) = message.get::<OrderRequest>() {
            let order = PaperOrder::new(request, message.id());
            self.orders.entry(request.client_order_id).or_insert(order);
        } else if let Some(accepted) = message.get::<OrderAccepted>() {
            self.restored(&accepted.client_order_id, |order| order.accepted = Some(*accepted));
        } else if let Some(rejected) = message.get::<OrderRejected>() {
            self.restored(&rejected.client_order_id, |order| order.end = Some(End::Rejected(*rejected)));
        } else if let Some(cancelled) = message.get::<OrderCancelled>() {
            self.restored(&cancelled.client_order_id, |order| order.end = Some(End::Cancelled(*cancelled)));
        } else if let Some(fill) = message.get::<Fill>() {
            let mut new = false;
            self.restored(&fill.client_order_id, |order| new = order.restore_fill(fill));
            if let (true, Some(side)) = (new, fill.side.get()) {
                let market = self.markets.entry(fill.instrument).or_default();
                market.restore_taken(side, fill.price.get(), fill.quantity.get());
            }
        }
    }

    fn restored(&mut self, id: &ClientOrderId, change: impl FnOnce(&mut PaperOrder)) {
        let Some(order) = self.orders.get_mut(id) else { return };
        let before = order.is_final();
        change(order);
        if order.is_final() && !before {
            self.finish(*id);
        }
    }

    fn on_market(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        let moved = if let Some(view) = message.get_tailed::<BookSnapshot>() {
            let market = self.markets.entry(view.head.instrument).or_default();
            Some((view.head.instrument, market.mirror.on_snapshot(view.head, view.items)))
        } else if let Some(view) = message.get_tailed::<BookDelta>() {
            let market = self.markets.entry(view.head.instrument).or_default();
            Some((view.head.instrument, market.mirror.on_delta(view.head, view.items)))
        } else {
            None
        };
        if let Some((instrument, result)) = moved {
            result.map_or_else(|_| context.count("bad_book_messages", 1), |()| {});
            self.match_resting(&instrument, context);
        } else if let Some(trade) = message.get::<Trade>() {
            self.match_trade(trade, context);
        } else if let Some(info) = message.get::<InstrumentInfo>() {
            self.markets.entry(info.instrument).or_default().info = Some(*info);
        } else if message.get_tailed::<Gap>().is_some_and(|gap| concerns_market(&gap)) {
            context.count("gaps", 1);
            self.markets.values_mut().for_each(|market| market.mirror.on_gap(0, 0));
        }
    }
}

/// True where messages of the market may be among those that were missed.
fn concerns_market(gap: &TailedView<'_, Gap>) -> bool {
    gap.items.is_empty() || gap.items.iter().any(|range| range.domain.get() == Some(Domain::Market))
}

impl Actor for PaperExchange {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        if !self.started {
            self.restore(message);
        } else if let Some(request) = message.get::<OrderRequest>() {
            self.on_request(request, context);
        } else if let Some(cancel) = message.get::<OrderCancel>() {
            self.on_cancel(cancel.client_order_id, context);
        } else if let Some(request) = message.get::<OrderStatusRequest>() {
            self.on_status_request(request.client_order_id, context);
        } else {
            self.on_market(message, context);
        }
    }

    fn on_timer(&mut self, timer: TimerId, context: &mut Context<'_>) {
        match timer {
            TimerId::START => self.on_start(context),
            EXECUTE => self.execute_due(context),
            _ => self.markets.values_mut().for_each(Market::forget_restored),
        }
    }

    fn state_digest(&self) -> u64 {
        let digest = Digest::default().u64(u64::from(self.started)).u64(self.arrivals);
        let digest = self.markets.iter().fold(digest, |digest, (instrument, market)| {
            market.digest_into(digest.bytes(zerocopy::IntoBytes::as_bytes(instrument)))
        });
        let digest = self.orders.values().fold(digest, |digest, order| order.digest_into(digest));
        let digest = self
            .queue
            .iter()
            .fold(digest, |digest, (due, arrival, id)| digest.u64(*due).u64(*arrival).bytes(id.as_bytes()));
        let ids = self.resting.values().chain(&self.finished);
        ids.fold(digest, |digest, id| digest.bytes(id.as_bytes())).value()
    }
}
