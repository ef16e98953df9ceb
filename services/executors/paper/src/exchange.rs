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
    CancelReason, ClientOrderId, Decimal64, Domain, InstrumentId, InstrumentStatus, OrderState, RejectReason, Rounding,
};

use crate::market::Market;
use crate::order::{End, PaperOrder, Terms};
use crate::settings::Settings;

pub(crate) const EXECUTE: TimerId = TimerId(1);
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
    pub(crate) settings: Settings,
    started: bool,
    pub(crate) markets: BTreeMap<InstrumentId, Market>,
    pub(crate) orders: BTreeMap<ClientOrderId, PaperOrder>,
    /// Accepted, and due for execution.
    pub(crate) queue: BTreeSet<(u64, u64, ClientOrderId)>,
    /// In the book, in order of arrival.
    pub(crate) resting: BTreeMap<(InstrumentId, u64), ClientOrderId>,
    finished: VecDeque<ClientOrderId>,
    pub(crate) arrivals: u64,
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
        if !order.fillable(market.position).is_positive() {
            return Err((RejectReason::NoPosition, "it may only reduce, and there is nothing to reduce"));
        }
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

    /// Nothing more happens to an order; it is remembered for repeats.
    pub(crate) fn finish(&mut self, id: ClientOrderId) {
        self.resting.retain(|_, resting| *resting != id);
        self.finished.push_back(id);
        if self.finished.len() > FINISHED_KEPT
            && let Some(oldest) = self.finished.pop_front()
        {
            self.orders.remove(&oldest);
        }
    }

    pub(crate) fn cancel(&mut self, id: ClientOrderId, reason: CancelReason, context: &mut Context<'_>) {
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
