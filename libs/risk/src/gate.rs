//! The checks, in their order.
//!
//! For every order: (1) the intent can be read, (2) kill switches, (3) the instrument is known and trades. For entries then:
//! (4) nothing of an earlier run is unresolved, (5) the signal is fresh, (6) the book is live and fresh, (7) spot is not sold
//! short, (8) no order of the same owner is working, (9) cooldown. For exits instead: (4) there is something to close. For
//! every order: lot, tick and least sizes. For entries: the price band. For every order: rates, where exits have room of
//! their own. For entries: order, position and total notional, with open and unknown orders at their worst case.
//!
//! The first that fails is the answer. Exits skip what only concerns new risk. A number that can't be computed vetoes.

use std::collections::BTreeMap;

use mesh_oms::PositionKey;
use mesh_types::execution::Intent;
use mesh_types::market::InstrumentInfo;
use mesh_types::signal::StrategyName;
use mesh_types::system::KillSwitch;
use mesh_types::{
    Decimal64, DecimalError, InstrumentId, InstrumentKind, InstrumentStatus, KillLevel, OrderType, RejectReason,
    Rounding, Side, SignalAction,
};

use crate::approved::RiskApproved;
use crate::kill::KillSwitches;
use crate::limits::{RiskLimits, ns};
use crate::rate::RateWindow;
use crate::view::{BookTop, RiskView, Veto};

/// Limits and what has been used of them.
#[derive(Clone, Debug)]
pub struct RiskGate {
    limits: RiskLimits,
    kill: KillSwitches,
    halted: Option<&'static str>,
    orders: RateWindow,
    entries: RateWindow,
    entries_by_instrument: BTreeMap<InstrumentId, RateWindow>,
    last_entry_ns: BTreeMap<PositionKey, u64>,
}

/// An intent whose codes are known.
struct Order<'a> {
    intent: &'a Intent,
    action: SignalAction,
    side: Side,
    quantity: Decimal64,
    /// The worst price that it can be filled at; 0 where it has no bound.
    price: Decimal64,
}

fn whole(value: u64) -> Decimal64 {
    Decimal64::new(i64::try_from(value).unwrap_or(i64::MAX), 0)
}

/// A number that can't be computed vetoes.
fn computed<T>(reason: RejectReason, result: Result<T, DecimalError>) -> Result<T, Veto> {
    result.map_err(|_| Veto::plain(reason, "a number does not fit"))
}

impl RiskGate {
    /// A gate with these limits; nothing is used of them yet.
    pub fn new(limits: RiskLimits) -> Self {
        Self {
            limits,
            kill: KillSwitches::default(),
            halted: None,
            orders: RateWindow::default(),
            entries: RateWindow::default(),
            entries_by_instrument: BTreeMap::new(),
            last_entry_ns: BTreeMap::new(),
        }
    }

    /// The limits.
    pub const fn limits(&self) -> &RiskLimits {
        &self.limits
    }

    /// The kill switches.
    pub const fn kill_switches(&self) -> &KillSwitches {
        &self.kill
    }

    /// A kill switch was set or reset.
    pub fn on_kill_switch(&mut self, switch: &KillSwitch) {
        self.kill.apply(switch);
    }

    /// Something happened that can't be explained: no entries until a restart.
    pub fn halt_entries(&mut self, reason: &'static str) {
        self.halted.get_or_insert(reason);
    }

    /// Why there are no entries, where it was asked for.
    pub const fn halted(&self) -> Option<&'static str> {
        self.halted
    }

    /// What has been used of the limits, as numbers: equal ones, equal answers.
    pub fn usage(&self) -> impl Iterator<Item = u64> + '_ {
        let windows = [&self.orders, &self.entries].into_iter().chain(self.entries_by_instrument.values());
        let switches = self.kill.iter().flat_map(|(_, set_ns, level)| [set_ns, level as u64]);
        let times = windows.flat_map(RateWindow::times).chain(self.last_entry_ns.values().copied());
        times.chain(switches).chain([u64::from(self.halted.is_some())])
    }

    /// Counts an order, also one of an earlier run.
    pub fn record(&mut self, intent: &Intent) {
        let (at_ns, window_ns) = (intent.decided_ns.get(), self.limits.rate_window_ns());
        self.orders.record(at_ns, window_ns);
        if intent.action.get().is_none_or(SignalAction::is_entry) {
            self.entries.record(at_ns, window_ns);
            self.entries_by_instrument.entry(intent.instrument).or_default().record(at_ns, window_ns);
            let last = self.last_entry_ns.entry((intent.instrument, intent.strategy)).or_default();
            *last = at_ns.max(*last);
        }
    }

    /// Approves an order and counts it, or says which check failed first.
    ///
    /// # Errors
    /// The veto.
    pub fn check(&mut self, intent: &Intent, view: &RiskView<'_>) -> Result<RiskApproved<Intent>, Veto> {
        let order = Self::read(intent)?;
        self.check_kill(&order.intent.strategy, order.action)?;
        let info = Self::check_instrument(view.info)?;
        if order.action.is_entry() {
            let book = self.check_entry(&order, view)?;
            Self::check_filters(&order, info, Some(book))?;
            self.check_band(&order, book)?;
            self.check_rates(&order, view.now_ns)?;
            self.check_notional(&order, view, book)?;
        } else {
            Self::check_exit(&order, view.position)?;
            Self::check_filters(&order, info, view.book)?;
            self.check_rates(&order, view.now_ns)?;
        }
        self.record(intent);
        Ok(RiskApproved::new(*intent))
    }

    fn read(intent: &Intent) -> Result<Order<'_>, Veto> {
        let malformed = Veto::plain(RejectReason::Malformed, "the intent can't be read");
        let (action, side) = (intent.action.get().ok_or(malformed)?, intent.side.get().ok_or(malformed)?);
        let price = match intent.order_type.get().ok_or(malformed)? {
            OrderType::Market => intent.worst_price.get(),
            OrderType::Limit | OrderType::PostOnly => intent.price.get(),
        };
        if side != action.side() {
            return Err(Veto::plain(RejectReason::Malformed, "side and action contradict each other"));
        }
        Ok(Order { intent, action, side, quantity: intent.quantity.get(), price })
    }

    fn check_kill(&self, strategy: &StrategyName, action: SignalAction) -> Result<(), Veto> {
        let level = self.kill.level(strategy);
        let allowed = if action.is_entry() { KillLevel::None } else { KillLevel::CloseOnly };
        if level > allowed {
            let text = "level of the kill switch";
            return Err(Veto::new(RejectReason::KillSwitch, text, whole(level as u64), whole(allowed as u64)));
        }
        match self.halted {
            Some(reason) if action.is_entry() => Err(Veto::plain(RejectReason::KillSwitch, reason)),
            _ => Ok(()),
        }
    }

    fn check_instrument(info: Option<&InstrumentInfo>) -> Result<&InstrumentInfo, Veto> {
        let info = info.ok_or(Veto::plain(RejectReason::UnknownInstrument, "no instrument information"))?;
        match info.status.get() {
            Some(InstrumentStatus::Trading) => Ok(info),
            _ => Err(Veto::plain(RejectReason::Filter, "the instrument is not trading")),
        }
    }

    fn check_entry(&self, order: &Order<'_>, view: &RiskView<'_>) -> Result<BookTop, Veto> {
        let (now_ns, limits) = (view.now_ns, &self.limits);
        if view.unresolved > 0 {
            let text = "orders of an earlier run are unresolved";
            return Err(Veto::new(RejectReason::OrderPending, text, whole(view.unresolved), Decimal64::ZERO));
        }
        let age_ns = now_ns.saturating_sub(view.signal_ns);
        if age_ns > ns(limits.signal_max_age_ms) {
            let (age, limit) = (whole(age_ns / 1_000_000), whole(limits.signal_max_age_ms));
            return Err(Veto::new(RejectReason::Stale, "age of the signal, ms", age, limit));
        }
        let book = self.check_book(view)?;
        if order.action == SignalAction::EnterShort && order.intent.instrument.kind() == Some(InstrumentKind::Spot) {
            return Err(Veto::plain(RejectReason::InsufficientFunds, "spot can't be sold short"));
        }
        if view.working {
            return Err(Veto::plain(RejectReason::OrderPending, "an order is working"));
        }
        let owner = (order.intent.instrument, order.intent.strategy);
        if let Some(last_ns) = self.last_entry_ns.get(&owner) {
            let since_ms = now_ns.saturating_sub(*last_ns) / 1_000_000;
            if since_ms < limits.cooldown_ms {
                let text = "pause since the last entry, ms";
                return Err(Veto::new(RejectReason::Cooldown, text, whole(since_ms), whole(limits.cooldown_ms)));
            }
        }
        Ok(book)
    }

    fn check_book(&self, view: &RiskView<'_>) -> Result<BookTop, Veto> {
        let not_live = |text| Veto::plain(RejectReason::BookNotLive, text);
        let book = view.book.ok_or(not_live("no book"))?;
        if !book.live {
            return Err(not_live("the book is not live"));
        }
        if !book.bid.is_positive() || !book.ask.is_positive() {
            return Err(not_live("the book has an empty side"));
        }
        let age_ms = view.now_ns.saturating_sub(book.received_ns) / 1_000_000;
        if age_ms > self.limits.book_max_age_ms {
            let limit = whole(self.limits.book_max_age_ms);
            return Err(Veto::new(RejectReason::BookNotLive, "age of the book, ms", whole(age_ms), limit));
        }
        Ok(book)
    }

    fn check_exit(order: &Order<'_>, position: Decimal64) -> Result<(), Veto> {
        let long = order.action == SignalAction::ExitLong;
        let held = match position.magnitude() {
            Ok(held) if position.is_positive() == long => held,
            _ => Decimal64::ZERO,
        };
        if held.is_zero() || order.quantity > held {
            return Err(Veto::new(RejectReason::NoPosition, "quantity to close", order.quantity, held));
        }
        Ok(())
    }

    fn check_filters(order: &Order<'_>, info: &InstrumentInfo, book: Option<BookTop>) -> Result<(), Veto> {
        let filter = |text, actual, limit| Err(Veto::new(RejectReason::Filter, text, actual, limit));
        let (lot, tick, quantity) = (info.lot.get(), info.tick.get(), order.quantity);
        let (least, most) = (info.min_quantity.get(), info.max_quantity.get());
        if !quantity.is_positive() || quantity < least {
            return filter("least quantity", quantity, least);
        }
        if !quantity.is_multiple_of(lot) {
            return filter("quantity is no multiple of the lot", quantity, lot);
        }
        if most.is_positive() && quantity > most {
            return filter("largest quantity", quantity, most);
        }
        for price in [order.intent.price.get(), order.intent.worst_price.get()] {
            if price.is_negative() || (!price.is_zero() && !price.is_multiple_of(tick)) {
                return filter("price is no multiple of the tick", price, tick);
            }
        }
        let Some(price) = book.map(|book| book.bid).filter(|bid| bid.is_positive()) else { return Ok(()) };
        let notional = computed(RejectReason::Filter, quantity.mul_rounded(price, -8, Rounding::Floor))?;
        let least = info.min_notional.get();
        if notional < least { filter("least notional", notional, least) } else { Ok(()) }
    }

    fn check_band(&self, order: &Order<'_>, book: BookTop) -> Result<(), Veto> {
        let limit = Decimal64::new(i64::from(self.limits.price_band_bps), 0);
        if !order.price.is_positive() {
            return Err(Veto::new(RejectReason::Filter, "an entry without a price bound", order.price, limit));
        }
        let (worse_by, best) = match order.side {
            Side::Buy => (order.price.checked_sub(book.ask), book.ask),
            Side::Sell => (book.bid.checked_sub(order.price), book.bid),
        };
        let part = computed(RejectReason::Filter, worse_by)?.div_rounded(best, -8, Rounding::Ceiling);
        let bps = computed(RejectReason::Filter, part.and_then(|p| p.checked_mul(Decimal64::new(10_000, 0))))?;
        if bps > limit {
            return Err(Veto::new(RejectReason::Filter, "price band, basis points", bps, limit));
        }
        Ok(())
    }

    fn check_rates(&self, order: &Order<'_>, now_ns: u64) -> Result<(), Veto> {
        let (limits, window_ns) = (&self.limits, self.limits.rate_window_ns());
        let check = |text, used: u64, allowed: u64| {
            if used < allowed {
                return Ok(());
            }
            Err(Veto::new(RejectReason::RateLimit, text, whole(used.saturating_add(1)), whole(allowed)))
        };
        check("orders in the window", self.orders.count(now_ns, window_ns), limits.orders_per_window)?;
        if order.action.is_entry() {
            let room = limits.orders_per_window.saturating_sub(limits.reserved_for_exits);
            check("entries in the window", self.entries.count(now_ns, window_ns), room)?;
            let here = self.entries_by_instrument.get(&order.intent.instrument);
            let used = here.map_or(0, |window| window.count(now_ns, window_ns));
            check("entries for the instrument in the window", used, limits.entries_per_instrument)?;
        }
        Ok(())
    }

    fn check_notional(&self, order: &Order<'_>, view: &RiskView<'_>, book: BookTop) -> Result<(), Veto> {
        let (limits, price) = (&self.limits, order.price.max(book.ask));
        let notional =
            |reason, quantity: Decimal64| computed(reason, quantity.mul_rounded(price, -8, Rounding::Ceiling));
        let reason = RejectReason::OrderNotional;
        let of_order = notional(reason, order.quantity)?;
        if of_order > limits.order_notional {
            return Err(Veto::new(reason, "notional of the order", of_order, limits.order_notional));
        }
        let reason = RejectReason::PositionNotional;
        let missing = Veto::plain(reason, "the exposure can't be computed");
        let (exposure, others) = (view.exposure.ok_or(missing)?, view.others_quantity.ok_or(missing)?);
        let after =
            exposure.with_order(order.side, order.quantity).and_then(|after| after.worst()?.checked_add(others));
        let of_position = notional(reason, computed(reason, after)?)?;
        if of_position > limits.position_notional {
            return Err(Veto::new(reason, "notional of the position", of_position, limits.position_notional));
        }
        let others = view.others_notional.ok_or(Veto::plain(reason, "a position has no price"))?;
        let total = computed(reason, of_position.checked_add(others))?;
        if total > limits.total_notional {
            return Err(Veto::new(reason, "notional of all positions", total, limits.total_notional));
        }
        Ok(())
    }
}
