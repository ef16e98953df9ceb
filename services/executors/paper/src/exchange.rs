//! The paper exchange: an actor that answers orders as a venue would, against the live book.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_actor::{Actor, Context, Digest, TimerId};
use mesh_codec::registry::TlvBody;
use mesh_codec::{Message, TailedView};
use mesh_types::execution::{
    Fill, OrderAccepted, OrderCancel, OrderCancelled, OrderRejected, OrderReplace, OrderRequest, OrderStatus,
    OrderStatusRequest, OrderTrigger,
};
use mesh_types::market::{BookDelta, BookSnapshot, InstrumentInfo, Trade};
use mesh_types::system::Gap;
use mesh_types::{
    CancelReason, ClientOrderId, Decimal64, Domain, FixedStr, InstrumentId, InstrumentStatus, OrderState, RejectReason,
    Rounding,
};

use crate::market::Market;
use crate::order::{Asked, End, PaperOrder, Terms};
use crate::settings::Settings;

pub(crate) const EXECUTE: TimerId = TimerId(1);
const FORGET: TimerId = TimerId(2);
pub(crate) const EXPIRE: TimerId = TimerId(3);
/// After a restart, what the run before took of the book is held to be gone for so long.
const HOLD_NS: u64 = 60_000_000_000;
/// An order that was triggered waits for a live book; so often it looks.
pub(crate) const RETRY_NS: u64 = 100_000_000;
/// Finished orders that are remembered, so that a late repeat gets the same answer.
const FINISHED_KEPT: usize = 10_000;

/// The types that its ledger keeps: what was asked, and what was answered.
pub const LEDGER_TYPES: [u8; 6] = [
    OrderRequest::NUMBER,
    OrderAccepted::NUMBER,
    OrderRejected::NUMBER,
    Fill::NUMBER,
    OrderCancelled::NUMBER,
    OrderTrigger::NUMBER,
];

/// The paper exchange.
#[derive(Debug)]
pub struct PaperExchange {
    pub(crate) settings: Settings,
    started: bool,
    pub(crate) markets: BTreeMap<InstrumentId, Market>,
    pub(crate) orders: BTreeMap<ClientOrderId, PaperOrder>,
    /// Accepted, and due for execution.
    pub(crate) queue: BTreeSet<(u64, u64, ClientOrderId)>,
    /// Not final, in order of arrival.
    pub(crate) working: BTreeMap<u64, ClientOrderId>,
    /// When the time of an order is over.
    pub(crate) deadlines: BTreeSet<(u64, ClientOrderId)>,
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
            working: BTreeMap::new(),
            deadlines: BTreeSet::new(),
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
        let working: Vec<ClientOrderId> = self.working.values().copied().collect();
        for id in working {
            self.set_deadline(id, context);
            self.go_on(id, context);
        }
    }

    /// What becomes of an order of an earlier run.
    fn go_on(&mut self, id: ClientOrderId, context: &mut Context<'_>) {
        let Some(order) = self.orders.get(&id) else { return };
        let rests = order.terms.is_some_and(|terms| terms.rests());
        if order.replaces.is_some_and(|replaces| !self.is_replaced(&replaces.client_order_id)) {
            // It has not taken its place.
            self.enqueue(id, self.settings.latency().entry_ns(context.now_ns()), context);
        } else if order.waits() {
            self.wait(id, context);
        } else if rests {
            self.add_resting(id);
        } else if order.is_triggered() {
            self.enqueue(id, RETRY_NS, context);
        } else {
            // The moment that an immediate order was meant for has passed.
            self.cancel(id, CancelReason::Venue, context);
        }
    }

    /// Executes an order in so long.
    pub(crate) fn enqueue(&mut self, id: ClientOrderId, after_ns: u64, context: &mut Context<'_>) {
        let Some(order) = self.orders.get(&id) else { return };
        self.queue.insert((context.now_ns().saturating_add(after_ns), order.arrival, id));
        if let Some((first_ns, ..)) = self.queue.first() {
            context.set_timer(EXECUTE, *first_ns);
        }
    }

    fn on_request(&mut self, asked: &Asked, context: &mut Context<'_>) {
        let id = asked.request.client_order_id;
        if let Some(known) = self.orders.get(&id) {
            if known.asked() == *asked {
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
        self.arrivals += 1;
        let mut order = PaperOrder::new(asked, context.cause(), self.arrivals);
        let verdict = self.check(&order, now_ns);
        match verdict {
            Ok(()) => {
                let accepted = order.accept(now_ns);
                context.emit(&accepted);
                self.orders.insert(id, order);
                self.working.insert(self.arrivals, id);
                self.set_deadline(id, context);
                self.enqueue(id, self.settings.latency().entry_ns(now_ns), context);
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
        self.check_conditions(order, &terms, now_ns)?;
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
        let trigger = terms.wait.is_none_or(|wait| on_tick(wait.price) && on_tick(wait.trail));
        let prices = on_tick(request.price.get()) && on_tick(request.worst_price.get());
        filter(prices && trigger, "a price is no multiple of the tick")
    }

    fn is_live(&self, market: &Market, now_ns: u64) -> bool {
        market.mirror.is_live(now_ns, self.settings.book_max_age_ns())
    }

    /// Nothing more happens to an order; it is remembered for repeats.
    pub(crate) fn finish(&mut self, id: ClientOrderId) {
        if let Some(order) = self.orders.get(&id) {
            let good_till_ns = order.terms.map_or(0, |terms| terms.good_till_ns);
            self.deadlines.remove(&(good_till_ns, id));
            self.working.remove(&order.arrival);
            if let Some(market) = self.markets.get_mut(&order.request.instrument) {
                market.matching.remove(order.arrival);
                market.reducing.remove(&order.arrival);
                market.triggers.remove(&order.arrival);
            }
        }
        self.finished.push_back(id);
        if self.finished.len() > FINISHED_KEPT
            && let Some(oldest) = self.finished.pop_front()
        {
            self.orders.remove(&oldest);
        }
    }

    pub(crate) fn reject(&mut self, id: ClientOrderId, reason: RejectReason, text: &str, context: &mut Context<'_>) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        let rejected = order.reject(reason, text, context.now_ns());
        context.emit_because(&[order.cause], &rejected);
        context.count("orders_rejected", 1);
        self.finish(id);
    }

    pub(crate) fn cancel(&mut self, id: ClientOrderId, reason: CancelReason, context: &mut Context<'_>) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        let cancelled = order.cancel(reason, context.now_ns());
        context.emit_because(&[order.cause], &cancelled);
        self.finish(id);
    }

    fn on_cancel(&mut self, cancel: &OrderCancel, context: &mut Context<'_>) {
        let (id, instrument) = (cancel.client_order_id, cancel.instrument);
        if id == ClientOrderId::default() {
            let all = instrument == InstrumentId::default();
            let of_it = |order: &PaperOrder| all || order.request.instrument == instrument;
            let working = self.working.values().filter(|id| self.orders.get(id).is_some_and(of_it));
            let working: Vec<ClientOrderId> = working.copied().collect();
            return working.into_iter().for_each(|id| self.cancel(id, CancelReason::Requested, context));
        }
        match self.orders.get(&id) {
            Some(order) if !order.is_final() => self.cancel(id, CancelReason::Requested, context),
            Some(_) => self.answer(&id, context),
            None => self.status(&id, context),
        }
    }

    fn on_status_request(&mut self, id: ClientOrderId, context: &mut Context<'_>) {
        if id == ClientOrderId::default() {
            let working: Vec<ClientOrderId> = self.working.values().copied().collect();
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
            if let Some(body) = &order.trigger {
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
            || OrderStatus {
                client_order_id: *id,
                state: OrderState::Unknown.into(),
                venue_ns: context.now_ns().into(),
                ..OrderStatus::default()
            },
            PaperOrder::status,
        );
        context.emit(&status);
    }

    fn on_market(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        let moved = if let Some(view) = message.get_tailed::<BookSnapshot>() {
            let market = self.markets.entry(view.head.instrument).or_default();
            Some((view.head.instrument, true, market.mirror.on_snapshot(view.head, view.items)))
        } else if let Some(view) = message.get_tailed::<BookDelta>() {
            let market = self.markets.entry(view.head.instrument).or_default();
            Some((view.head.instrument, false, market.mirror.on_delta(view.head, view.items)))
        } else {
            None
        };
        if let Some((instrument, whole, result)) = moved {
            result.map_or_else(|_| context.count("bad_book_messages", 1), |()| {});
            self.on_book(&instrument, whole, context);
        } else if let Some(trade) = message.get::<Trade>() {
            self.on_trade(trade, context);
        } else if let Some(info) = message.get::<InstrumentInfo>() {
            if self.markets.entry(info.instrument).or_default().on_info(info) {
                self.place_again(&info.instrument, context);
            }
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

/// A replacement without the order that takes the place can't be kept, and so not be made.
fn refuse_lone(replace: &OrderReplace, context: &mut Context<'_>) {
    context.emit(&OrderRejected {
        client_order_id: replace.new_client_order_id,
        instrument: replace.instrument,
        reason: RejectReason::Malformed.into(),
        text: FixedStr::truncated("its request must stand in the same message"),
        venue_ns: context.now_ns().into(),
        ..OrderRejected::default()
    });
}

impl Actor for PaperExchange {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        if !self.started {
            self.restore(message);
        } else if let Some(asked) = Asked::of(message) {
            self.on_request(&asked, context);
        } else if let Some(replace) = message.get::<OrderReplace>() {
            refuse_lone(replace, context);
        } else if let Some(cancel) = message.get::<OrderCancel>() {
            self.on_cancel(cancel, context);
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
            EXPIRE => self.expire_due(context),
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
        let digest = self.deadlines.iter().fold(digest, |digest, (at, id)| digest.u64(*at).bytes(id.as_bytes()));
        let ids = self.working.values().chain(&self.finished);
        ids.fold(digest, |digest, id| digest.bytes(id.as_bytes())).value()
    }
}
