//! The checks, in their order.
//!
//! For every order: (1) the intent can be read, (2) kill switches, (3) the instrument is known and trades. For entries then:
//! (4) limits on loss, (5) nothing of an earlier run is unresolved, (6) the signal is fresh, (7) the book is live, not crossed
//! and fresh, (8) spot is not sold short, (9) no order of the same owner is working, (10) cooldown, (11) the price band, (12) what `market` asks where it is configured. For
//! exits instead: (4) there is something to close. For every order: rates, each kind with room of its own. For entries: the
//! size, with open and unknown orders at their worst case. For every order: lot, tick and least sizes.
//!
//! The first that refuses is the answer; every gate up to there is written down with what it saw. Exits skip what only concerns
//! new risk. A number that can't be computed refuses.

use std::collections::BTreeMap;

use mesh_oms::PositionKey;
use mesh_types::execution::Intent;
use mesh_types::market::InstrumentInfo;
use mesh_types::risk::RiskMargin;
use mesh_types::system::KillSwitch;
use mesh_types::{
    Decimal64, Gate, InstrumentKind, InstrumentStatus, KillLevel, OrderType, Outcome, RejectReason, Rounding, Scope,
    Side, SignalAction, Unit,
};

use crate::approved::RiskApproved;
use crate::kill::{KillSource, KillSwitches};
use crate::limits::{Limit, RiskLimits, Scoped, ns};
use crate::loss::{AccountKey, Accounts, Asset, Standing};
use crate::market;
use crate::rate::{Counted, Rates};
use crate::size::{Entry, Sized, size};
use crate::trail::{Trail, Veto};
use crate::view::{BookTop, RiskView};

/// Limits and what has been used of them.
#[derive(Clone, Debug)]
pub struct RiskGate {
    limits: RiskLimits,
    kill: KillSwitches,
    halted: Option<&'static str>,
    rates: Rates,
    accounts: Accounts,
    last_entry_ns: BTreeMap<PositionKey, u64>,
}

/// What risk says of an intent.
#[derive(Debug)]
pub struct Decision {
    /// The intent with the quantity that is allowed, or the gate that refused it.
    pub answer: Result<RiskApproved<Intent>, Veto>,
    /// The limit that cut the quantity most, where one did.
    pub cut_by: Option<Veto>,
    /// Every gate that was come to, in order.
    pub margins: Vec<RiskMargin>,
}

impl Decision {
    /// In one word.
    pub fn outcome(&self) -> Outcome {
        match (&self.answer, self.cut_by) {
            (Ok(_), None) => Outcome::Allow,
            (Ok(_), Some(_)) => Outcome::Reduce,
            (Err(veto), _) if veto.reason == RejectReason::Tripped => Outcome::Trip,
            (Err(_), _) => Outcome::Deny,
        }
    }
}

/// An intent whose codes are known.
struct Order<'a> {
    intent: &'a Intent,
    owner: PositionKey,
    action: SignalAction,
    side: Side,
    quantity: Decimal64,
    /// The worst price that it can be filled at; 0 where it has no bound.
    price: Decimal64,
}

pub(crate) fn whole(value: u64) -> Decimal64 {
    Decimal64::new(i64::try_from(value).unwrap_or(i64::MAX), 0)
}

/// A limit in whole numbers.
fn count(limit: Limit<u64>) -> Limit<Decimal64> {
    Limit { scope: limit.scope, value: whole(limit.value) }
}

/// A limit that the rules themselves set.
const fn fixed(value: Decimal64) -> Limit<Decimal64> {
    Limit { scope: Scope::Mesh, value }
}

impl RiskGate {
    /// A gate with these limits; nothing is used of them yet.
    pub fn new(limits: RiskLimits) -> Self {
        Self {
            limits,
            kill: KillSwitches::default(),
            halted: None,
            rates: Rates::default(),
            accounts: Accounts::default(),
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

    /// What was earned and lost.
    pub const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// What was earned and lost, to take what an earlier run left.
    pub const fn accounts_mut(&mut self) -> &mut Accounts {
        &mut self.accounts
    }

    /// A kill switch was set or reset; `restored` where an earlier run had it. A reset ends trips of the same name as well.
    pub fn on_kill_switch(&mut self, switch: &KillSwitch, restored: bool) {
        self.kill.apply(switch);
        if switch.level.get() == Some(KillLevel::None) {
            self.accounts.reset(&switch.scope, switch.set_ns.get(), restored);
        }
    }

    /// What the environment or a file says of a kill switch.
    pub fn on_kill_source(&mut self, source: KillSource, level: KillLevel) {
        self.kill.set_source(source, level);
    }

    /// Looks at how every owner stands, and trips what has passed its limit. Answers with the accounts to write down.
    pub fn observe(&mut self, standings: &[Standing], now_ns: u64) -> Vec<AccountKey> {
        self.accounts.observe(&self.limits, standings, now_ns)
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
        let switches = self.kill.iter().flat_map(|(_, set_ns, level)| [set_ns, level as u64]);
        let switches = switches.chain(self.kill.sources().flat_map(|(source, level)| [source as u64, level as u64]));
        let times = self.rates.times().chain(self.last_entry_ns.values().copied());
        times.chain(switches).chain(self.accounts.fingerprint()).chain([u64::from(self.halted.is_some())])
    }

    /// Counts an order, also one of an earlier run.
    pub fn record(&mut self, intent: &Intent) {
        let (at_ns, window_ns) = (intent.decided_ns.get(), self.limits.rate_window_ns());
        let owner = (intent.instrument, intent.strategy);
        if intent.action.get().is_none_or(SignalAction::is_entry) {
            self.rates.record(Counted::Entry, at_ns, window_ns, owner);
            let last = self.last_entry_ns.entry(owner).or_default();
            *last = at_ns.max(*last);
        } else {
            self.rates.record(Counted::Exit, at_ns, window_ns, owner);
        }
    }

    /// Approves an order, reduced to what the limits have room for, and counts it; or says which gate refused it first.
    pub fn check(&mut self, intent: &Intent, view: &RiskView<'_>) -> Decision {
        let mut trail = Trail::default();
        let (answer, cut_by) = match self.judge(intent, view, &mut trail) {
            Ok(sized) => {
                let allowed = Intent { quantity: sized.quantity.into(), ..*intent };
                self.record(&allowed);
                (Ok(RiskApproved::new(allowed)), sized.cut_by)
            }
            Err(veto) => (Err(veto), None),
        };
        Decision { answer, cut_by, margins: trail.into_margins() }
    }

    fn judge(&self, intent: &Intent, view: &RiskView<'_>, trail: &mut Trail) -> Result<Sized, Veto> {
        let order = Self::read(intent, trail)?;
        let scoped = self.limits.of(&intent.instrument, &intent.strategy);
        self.check_kill(&order, trail)?;
        let info = Self::check_instrument(view.info, trail)?;
        let sized = if order.action.is_entry() {
            self.check_losses(&order, info.quote, view.now_ns, trail)?;
            let book = self.check_entry(&order, &scoped, view, trail)?;
            Self::check_band(&order, &scoped, book, trail)?;
            market::check((order.side, &intent.instrument), &scoped, view, book, trail)?;
            self.check_rates(&order, &scoped, view.now_ns, trail)?;
            let entry = Entry {
                owner: order.owner,
                side: order.side,
                quantity: order.quantity,
                price: order.price.max(book.ask),
                info,
                equity: self.equity(info.quote),
            };
            size(&entry, &self.limits, &scoped, view, trail)?
        } else {
            Self::check_exit(&order, view.position, trail)?;
            self.check_rates(&order, &scoped, view.now_ns, trail)?;
            Sized { quantity: order.quantity, cut_by: None }
        };
        Self::check_filters(&Order { quantity: sized.quantity, ..order }, info, view.book, trail)?;
        Ok(sized)
    }

    /// What was put in and earned of a quote currency.
    fn equity(&self, quote: Asset) -> Option<Decimal64> {
        let capital = self.limits.capital.get(quote.as_str()?)?;
        capital.checked_add(self.accounts.profit(quote)?).ok()
    }

    fn read<'i>(intent: &'i Intent, trail: &mut Trail) -> Result<Order<'i>, Veto> {
        let text = "the intent can't be read";
        let codes = intent.action.get().zip(intent.side.get()).zip(intent.order_type.get());
        let ((action, side), order_type) = trail.known(Gate::Intent, codes, text)?;
        let price = match order_type {
            OrderType::Market => intent.worst_price.get(),
            OrderType::Limit | OrderType::PostOnly => intent.price.get(),
        };
        trail.holds(Gate::Intent, side == action.side(), "side and action contradict each other")?;
        let owner = (intent.instrument, intent.strategy);
        Ok(Order { intent, owner, action, side, quantity: intent.quantity.get(), price })
    }

    fn check_kill(&self, order: &Order<'_>, trail: &mut Trail) -> Result<(), Veto> {
        let level = self.kill.level(&order.intent.strategy, &order.intent.instrument);
        let allowed = if order.action.is_entry() { KillLevel::None } else { KillLevel::CloseOnly };
        let (actual, limit) = (whole(level as u64), fixed(whole(allowed as u64)));
        trail.at_most(Gate::KillSwitch, Unit::Level, limit, actual, "level of the kill switch")?;
        match self.halted {
            Some(reason) if order.action.is_entry() => trail.holds(Gate::Halt, false, reason),
            _ => Ok(()),
        }
    }

    fn check_instrument<'v>(info: Option<&'v InstrumentInfo>, trail: &mut Trail) -> Result<&'v InstrumentInfo, Veto> {
        let unknown = |veto| Veto { reason: RejectReason::UnknownInstrument, ..veto };
        let info = trail.known(Gate::Instrument, info, "no instrument information").map_err(unknown)?;
        let trades = info.status.get() == Some(InstrumentStatus::Trading);
        trail.holds(Gate::Instrument, trades, "the instrument is not trading")?;
        Ok(info)
    }

    fn check_losses(&self, order: &Order<'_>, quote: Asset, now_ns: u64, trail: &mut Trail) -> Result<(), Veto> {
        for (scope, limits, account) in self.accounts.of(&self.limits, &order.owner, quote) {
            if let Some(trip) = account.and_then(|account| account.trip()) {
                let margin = trip.limit.checked_sub(trip.actual).unwrap_or_default();
                trail.note(trip.gate, trip.unit, (scope, Outcome::Trip), [trip.actual, trip.limit, margin]);
                let (text, actual, limit) = (tripped(trip.gate), trip.actual, trip.limit);
                return Err(Veto { gate: trip.gate, reason: RejectReason::Tripped, text, actual, limit });
            }
            let new = crate::loss::Account::priced();
            let account = account.unwrap_or(&new);
            let amounts = [
                (Gate::DailyLoss, limits.daily_loss, account.lost_today()),
                (Gate::Drawdown, limits.drawdown, account.drawdown()),
            ];
            for (gate, limit, lost) in amounts {
                let Some(value) = limit else { continue };
                let lost = trail.known(gate, lost, "an open position has no price")?;
                trail.at_most(gate, Unit::Quote, Limit { scope, value }, lost, tripped(gate))?;
            }
            let since_ns = now_ns.saturating_sub(ns(limits.stop_guard_window_ms.unwrap_or(u64::MAX)));
            let counts = [
                (Gate::LossStreak, limits.loss_streak, u64::from(account.streak())),
                (Gate::StopGuard, limits.stop_guard_losses, account.losses_since(since_ns)),
            ];
            for (gate, limit, losses) in counts {
                let Some(limit) = limit else { continue };
                let limit = Limit { scope, value: whole(limit.into()) };
                trail.at_most(gate, Unit::Count, limit, whole(losses), tripped(gate))?;
            }
        }
        Ok(())
    }

    fn check_entry(
        &self,
        order: &Order<'_>,
        scoped: &Scoped<'_>,
        view: &RiskView<'_>,
        trail: &mut Trail,
    ) -> Result<BookTop, Veto> {
        let text = "orders of an earlier run are unresolved";
        trail.at_most(Gate::Unresolved, Unit::Count, fixed(Decimal64::ZERO), whole(view.unresolved), text)?;
        if let Some(limit) = scoped.least(|limits| limits.signal_max_age_ms) {
            let age = age_ms(view.now_ns, view.signal_ns);
            trail.at_most(Gate::SignalAge, Unit::Milliseconds, count(limit), age, "age of the signal, ms")?;
        }
        let book = Self::check_book(scoped, view, trail)?;
        if order.action == SignalAction::EnterShort {
            let spot = order.intent.instrument.kind() == Some(InstrumentKind::Spot);
            trail.holds(Gate::SpotShort, !spot, "spot can't be sold short")?;
        }
        trail.holds(Gate::Working, !view.working, "an order is working")?;
        let cooldown = scoped.greatest(|limits| limits.cooldown_ms);
        if let (Some(limit), Some(last_ns)) = (cooldown, self.last_entry_ns.get(&order.owner)) {
            let (since, text) = (age_ms(view.now_ns, *last_ns), "pause since the last entry, ms");
            trail.at_least(Gate::Cooldown, Unit::Milliseconds, count(limit), since, text)?;
        }
        Ok(book)
    }

    fn check_book(scoped: &Scoped<'_>, view: &RiskView<'_>, trail: &mut Trail) -> Result<BookTop, Veto> {
        let book = trail.known(Gate::BookHealth, view.book, "no book")?;
        trail.holds(Gate::BookHealth, book.live, "the book is not live")?;
        let whole_book = book.bid.is_positive() && book.ask.is_positive();
        trail.holds(Gate::BookHealth, whole_book, "the book has an empty side")?;
        trail.holds(Gate::BookCrossed, book.bid < book.ask, "the book is crossed")?;
        if let Some(limit) = scoped.least(|limits| limits.book_max_age_ms) {
            let age = age_ms(view.now_ns, book.received_ns);
            trail.at_most(Gate::BookAge, Unit::Milliseconds, count(limit), age, "age of the book, ms")?;
        }
        Ok(book)
    }

    fn check_exit(order: &Order<'_>, position: Decimal64, trail: &mut Trail) -> Result<(), Veto> {
        let long = order.action == SignalAction::ExitLong;
        let held = match position.magnitude() {
            Ok(held) if position.is_positive() == long => held,
            _ => Decimal64::ZERO,
        };
        trail.holds(Gate::Holding, !held.is_zero(), "there is nothing to close")?;
        trail.at_most(Gate::Holding, Unit::Base, fixed(held), order.quantity, "quantity to close")
    }

    fn check_filters(
        order: &Order<'_>,
        info: &InstrumentInfo,
        book: Option<BookTop>,
        trail: &mut Trail,
    ) -> Result<(), Veto> {
        let (lot, tick, quantity) = (info.lot.get(), info.tick.get(), order.quantity);
        let (least, most) = (info.min_quantity.get(), info.max_quantity.get());
        trail.holds(Gate::LeastQuantity, quantity.is_positive(), "there is no quantity")?;
        trail.at_least(Gate::LeastQuantity, Unit::Base, fixed(least), quantity, "least quantity")?;
        trail.holds(Gate::Lot, quantity.is_multiple_of(lot), "quantity is no multiple of the lot")?;
        if most.is_positive() {
            trail.at_most(Gate::GreatestQuantity, Unit::Base, fixed(most), quantity, "largest quantity")?;
        }
        for price in [order.intent.price.get(), order.intent.worst_price.get()] {
            let on_tick = price.is_zero() || (price.is_positive() && price.is_multiple_of(tick));
            trail.holds(Gate::Tick, on_tick, "price is no multiple of the tick")?;
        }
        let Some(price) = book.map(|book| book.bid).filter(|bid| bid.is_positive()) else { return Ok(()) };
        let notional = quantity.mul_rounded(price, -8, Rounding::Floor).ok();
        let notional = trail.known(Gate::LeastNotional, notional, "a number does not fit")?;
        let limit = fixed(info.min_notional.get());
        trail.at_least(Gate::LeastNotional, Unit::Quote, limit, notional, "least notional")
    }

    fn check_band(order: &Order<'_>, scoped: &Scoped<'_>, book: BookTop, trail: &mut Trail) -> Result<(), Veto> {
        let gate = Gate::PriceBand;
        trail.holds(gate, order.price.is_positive(), "an entry without a price bound")?;
        let Some(limit) = scoped.least(|limits| limits.price_band_bps) else { return Ok(()) };
        let (worse_by, best) = match order.side {
            Side::Buy => (order.price.checked_sub(book.ask), book.ask),
            Side::Sell => (book.bid.checked_sub(order.price), book.bid),
        };
        let bps = worse_by.and_then(|worse| basis_points(worse, best)).ok();
        let bps = trail.known(gate, bps, "a number does not fit")?;
        let limit = Limit { scope: limit.scope, value: whole(limit.value.into()) };
        trail.at_most(gate, Unit::BasisPoints, limit, bps, "price band, basis points")
    }

    fn check_rates(&self, order: &Order<'_>, scoped: &Scoped<'_>, now_ns: u64, trail: &mut Trail) -> Result<(), Veto> {
        if order.action.is_entry() {
            let texts = ["entries in the window", "entries for the instrument in the window"];
            let limits =
                [scoped.each(|l| l.entries_per_window).collect(), scoped.each(|l| l.entries_per_symbol).collect()];
            self.check_rate((Counted::Entry, Gate::EntryRate, texts), &order.owner, limits, now_ns, trail)
        } else {
            let texts = ["exits in the window", "exits for the instrument in the window"];
            let limits = [scoped.each(|l| l.exits_per_window).collect(), scoped.each(|l| l.exits_per_symbol).collect()];
            self.check_rate((Counted::Exit, Gate::ExitRate, texts), &order.owner, limits, now_ns, trail)
        }
    }

    /// Whether one more order of an owner may be taken back, and counts it.
    ///
    /// # Errors
    /// When so many were taken back within the window.
    pub fn check_cancel(&mut self, owner: &PositionKey, now_ns: u64) -> Result<(), Veto> {
        let scoped = self.limits.of(&owner.0, &owner.1);
        let texts = ["cancels in the window", "cancels for the instrument in the window"];
        let limits = [scoped.each(|l| l.cancels_per_window).collect(), scoped.each(|l| l.cancels_per_symbol).collect()];
        let kind = (Counted::Cancel, Gate::CancelRate, texts);
        self.check_rate(kind, owner, limits, now_ns, &mut Trail::default())?;
        self.rates.record(Counted::Cancel, now_ns, self.limits.rate_window_ns(), *owner);
        Ok(())
    }

    /// `limits` are those of scopes, then those of the instrument.
    fn check_rate(
        &self,
        (counted, gate, texts): (Counted, Gate, [&'static str; 2]),
        owner: &PositionKey,
        limits: [Vec<Limit<u64>>; 2],
        now_ns: u64,
        trail: &mut Trail,
    ) -> Result<(), Veto> {
        let window_ns = self.limits.rate_window_ns();
        let [of_scopes, of_symbol] = limits;
        let scopes = of_scopes.into_iter().map(|limit| (limit, limit.scope, texts[0]));
        let symbol = of_symbol.into_iter().map(|limit| (limit, Scope::Symbol, texts[1]));
        for (limit, scope, text) in scopes.chain(symbol) {
            let used = self.rates.count(counted, now_ns, window_ns, scope, owner);
            trail.at_most(gate, Unit::Count, count(limit), whole(used.saturating_add(1)), text)?;
        }
        Ok(())
    }
}

fn age_ms(now_ns: u64, then_ns: u64) -> Decimal64 {
    whole(now_ns.saturating_sub(then_ns) / 1_000_000)
}

/// `part` of `whole` in basis points, rounded up.
pub(crate) fn basis_points(part: Decimal64, whole: Decimal64) -> Result<Decimal64, mesh_types::DecimalError> {
    part.div_rounded(whole, -8, Rounding::Ceiling)?.checked_mul(Decimal64::new(10_000, 0))
}

const fn tripped(gate: Gate) -> &'static str {
    match gate {
        Gate::DailyLoss => "loss of the day",
        Gate::Drawdown => "loss since the best",
        Gate::LossStreak => "losses in a row",
        _ => "losses within the window",
    }
}
