//! Limits on loss: what a scope has lost since the day began, since its best, in a row, within a window; and what trips.
//!
//! ```text
//!  armed --a limit is passed--> tripped --its time is over, or a person resets it--> armed
//! ```
//!
//! There is an account for each scope that states a limit on loss, and one for the mesh, of each quote currency. Profits are
//! realised ones, fees taken off; a loss counts open positions as well, at the price that they could be closed at. Peak and
//! start of the day are of realised profits alone, so that what is written down with each closed position is all there is:
//! an account is the same after a restart.
//!
//! A trip stops entries of its scope; positions can be closed. A daily loss ends with the day (UTC), a streak and the guard
//! after their pause, a drawdown when a person resets it. A reset begins anew: the losses before it are forgotten.

use std::collections::BTreeMap;

use mesh_oms::PositionKey;
use mesh_types::limits::MAX_LOSSES;
use mesh_types::risk::{RiskAccount, RiskLoss};
use mesh_types::signal::StrategyName;
use mesh_types::{Decimal64, FixedStr, Gate, InstrumentId, Scope, Unit, Venue};

use crate::kill::names;
use crate::limits::{RiskLimits, ScopeLimits, ns};

const DAY_NS: u64 = 86_400_000_000_000;

/// A currency's name.
pub type Asset = FixedStr<12>;

/// Whose account; what does not belong to the scope is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountKey {
    /// The scope.
    pub scope: Scope,
    /// The venue, of that scope.
    pub venue: Option<Venue>,
    /// The strategy, of that scope.
    pub strategy: StrategyName,
    /// The instrument, of that scope.
    pub instrument: InstrumentId,
    /// The quote currency.
    pub quote: Asset,
}

impl AccountKey {
    fn new(scope: Scope, owner: &PositionKey, quote: Asset) -> Self {
        let none =
            Self { scope, venue: None, strategy: StrategyName::default(), instrument: InstrumentId::default(), quote };
        match scope {
            Scope::Mesh => none,
            Scope::Venue => Self { venue: owner.0.venue(), ..none },
            Scope::Strategy => Self { strategy: owner.1, ..none },
            Scope::Symbol => Self { instrument: owner.0, ..none },
        }
    }

    fn contains(&self, owner: &PositionKey, quote: Asset) -> bool {
        *self == Self::new(self.scope, owner, quote)
    }

    /// Whether a reset of this name is one of this account.
    fn is_named(&self, name: &StrategyName) -> bool {
        match self.scope {
            _ if *name == StrategyName::default() => true,
            Scope::Mesh => false,
            Scope::Venue => self.venue.is_some_and(|venue| name.as_str() == Some(venue.name())),
            Scope::Strategy => self.strategy == *name,
            Scope::Symbol => names(name, &self.instrument),
        }
    }
}

/// How an owner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub owner: PositionKey,
    /// The instrument's quote currency.
    pub quote: Asset,
    /// Realised profit, fees taken off.
    pub profit: Decimal64,
    /// Whether something is held.
    pub open: bool,
    /// Profit of what is held, at the price that it could be closed at; `None` where there is no price.
    pub unrealized: Option<Decimal64>,
}

/// A limit that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// Which.
    pub gate: Gate,
    /// What its numbers are in.
    pub unit: Unit,
    /// When, ns since the Unix epoch.
    pub at_ns: u64,
    /// When it ends by itself, ns since the Unix epoch; 0 where only a reset ends it.
    pub until_ns: u64,
    /// What it saw.
    pub actual: Decimal64,
    /// What it allows.
    pub limit: Decimal64,
}

impl Trip {
    /// Longer trips outlast shorter ones; that which only a reset ends is the longest.
    const fn lasts_until(&self) -> u64 {
        if self.until_ns == 0 { u64::MAX } else { self.until_ns }
    }
}

/// What one scope has earned and lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    day_ns: u64,
    day_start: Decimal64,
    peak: Decimal64,
    profit: Decimal64,
    unrealized: Option<Decimal64>,
    streak: u32,
    losses: Vec<(u64, Decimal64)>,
    trip: Option<Trip>,
    reset_ns: u64,
    updated_ns: u64,
    /// Day and peak begin at the next profit that is seen.
    anew: bool,
    /// A profit was seen in this run.
    seen: bool,
}

impl Account {
    /// Of a scope in which nothing has happened.
    pub(crate) fn priced() -> Self {
        Self { unrealized: Some(Decimal64::ZERO), ..Self::default() }
    }

    /// What has tripped.
    pub const fn trip(&self) -> Option<&Trip> {
        self.trip.as_ref()
    }

    /// Profit with open positions; `None` where one has no price.
    pub fn equity_profit(&self) -> Option<Decimal64> {
        self.profit.checked_add(self.unrealized?).ok()
    }

    /// Loss since the day began, at least 0.
    pub fn lost_today(&self) -> Option<Decimal64> {
        self.lost_since(self.day_start)
    }

    /// Loss since the greatest profit, at least 0.
    pub fn drawdown(&self) -> Option<Decimal64> {
        self.lost_since(self.peak)
    }

    fn lost_since(&self, start: Decimal64) -> Option<Decimal64> {
        start.checked_sub(self.equity_profit()?).ok().map(|lost| lost.max(Decimal64::ZERO))
    }

    /// Positions closed with a loss, one after the other.
    pub const fn streak(&self) -> u32 {
        self.streak
    }

    /// Positions closed with a loss since then.
    pub fn losses_since(&self, since_ns: u64) -> u64 {
        self.losses.iter().filter(|(at_ns, _)| *at_ns >= since_ns).count() as u64
    }

    fn close(&mut self, result: Decimal64, now_ns: u64) {
        if result.is_positive() {
            self.streak = 0;
        }
        if let (true, Ok(lost)) = (result.is_negative(), result.magnitude()) {
            self.streak = self.streak.saturating_add(1);
            if self.losses.len() >= MAX_LOSSES {
                self.losses.remove(0);
            }
            self.losses.push((now_ns, lost));
        }
    }

    /// Takes the profit of now, and turns the day.
    fn see(&mut self, profit: Decimal64, unrealized: Option<Decimal64>, now_ns: u64) {
        let day_ns = now_ns - now_ns % DAY_NS;
        if day_ns > self.day_ns {
            // What was earned before the day began; after a restart that is what was found.
            self.day_start = if self.seen { self.profit } else { profit };
            self.day_ns = day_ns;
        }
        (self.profit, self.unrealized, self.seen) = (profit, unrealized, true);
        if core::mem::take(&mut self.anew) {
            (self.day_start, self.peak) = (profit, profit);
        }
        self.peak = self.peak.max(profit);
    }

    /// A trip whose time is over ends, and what led to it is forgotten.
    fn expire(&mut self, now_ns: u64) {
        let Some(trip) = self.trip.filter(|trip| trip.until_ns != 0 && now_ns >= trip.until_ns) else { return };
        match trip.gate {
            Gate::LossStreak => self.streak = 0,
            Gate::StopGuard => self.losses.clear(),
            _ => {}
        }
        self.trip = None;
    }

    fn judge(&mut self, limits: &ScopeLimits, now_ns: u64) {
        let pause = |pause_ms: Option<u64>| now_ns.saturating_add(ns(pause_ms.unwrap_or(0)).max(1));
        let count = |count: u64| Decimal64::new(i64::try_from(count).unwrap_or(i64::MAX), 0);
        let guard_since_ns = now_ns.saturating_sub(ns(limits.stop_guard_window_ms.unwrap_or(u64::MAX)));
        let quote = |limit: Option<Decimal64>, lost: Option<Decimal64>| Some((limit?, lost?));
        let trips = [
            (Gate::DailyLoss, Unit::Quote, quote(limits.daily_loss, self.lost_today()), self.day_ns + DAY_NS),
            (Gate::Drawdown, Unit::Quote, quote(limits.drawdown, self.drawdown()), 0),
            (
                Gate::LossStreak,
                Unit::Count,
                limits.loss_streak.map(|limit| (count(limit.into()), count(self.streak.into()))),
                pause(limits.loss_streak_pause_ms),
            ),
            (
                Gate::StopGuard,
                Unit::Count,
                limits.stop_guard_losses.map(|limit| (count(limit.into()), count(self.losses_since(guard_since_ns)))),
                pause(limits.stop_guard_pause_ms),
            ),
        ];
        for (gate, unit, measured, until_ns) in trips {
            let Some((limit, actual)) = measured.filter(|(limit, actual)| actual > limit) else { continue };
            let trip = Trip { gate, unit, at_ns: now_ns, until_ns, actual, limit };
            let same = self.trip.is_some_and(|known| known.gate == gate);
            if !same && self.trip.is_none_or(|known| known.lasts_until() < trip.lasts_until()) {
                self.trip = Some(trip);
            }
        }
    }

    fn reset(&mut self, at_ns: u64) {
        *self = Self {
            profit: self.profit,
            unrealized: self.unrealized,
            day_ns: self.day_ns,
            day_start: self.day_start,
            peak: self.peak,
            reset_ns: at_ns,
            updated_ns: at_ns.max(self.updated_ns),
            anew: true,
            seen: self.seen,
            ..Self::default()
        };
    }

    /// What is written down when it changes.
    fn remembered(&self) -> impl PartialEq + use<> {
        (self.day_ns, self.day_start, self.streak, self.losses.clone(), self.trip, self.reset_ns)
    }
}

/// All accounts.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    accounts: BTreeMap<AccountKey, Account>,
    /// Each owner's profit when it last held nothing.
    left_with: BTreeMap<PositionKey, Decimal64>,
}

impl Accounts {
    /// Takes an account as an earlier run left it.
    pub fn restore(&mut self, head: &RiskAccount, losses: &[RiskLoss]) {
        let Some(scope) = head.scope.get() else { return };
        let key = AccountKey {
            scope,
            venue: head.venue.get(),
            strategy: head.strategy,
            instrument: head.instrument,
            quote: head.quote,
        };
        let tripped = head.trip.get().filter(|gate| *gate != Gate::None);
        let trip = tripped.map(|gate| Trip {
            gate,
            unit: head.trip_unit.get().unwrap_or(Unit::None),
            at_ns: head.tripped_ns.get(),
            until_ns: head.until_ns.get(),
            actual: head.actual.get(),
            limit: head.limit.get(),
        });
        let account = Account {
            day_ns: head.day_ns.get(),
            day_start: head.day_start.get(),
            peak: head.peak.get(),
            profit: head.profit.get(),
            streak: head.loss_streak.get(),
            losses: losses.iter().map(|loss| (loss.at_ns.get(), loss.amount.get())).collect(),
            trip,
            reset_ns: head.reset_ns.get(),
            updated_ns: head.updated_ns.get(),
            ..Account::default()
        };
        self.accounts.insert(key, account);
    }

    /// An owner holds nothing and has earned so much, and the accounts have it already.
    pub fn restore_flat(&mut self, owner: PositionKey, profit: Decimal64) {
        self.left_with.insert(owner, profit);
    }

    /// How the owners stand can't be told: limits on loss deny until it can.
    pub fn lose_sight(&mut self) {
        self.accounts.values_mut().for_each(|account| account.unrealized = None);
    }

    /// A person has reset what has this name; the empty name is everything. A row of an earlier run (`restored`) that an account
    /// has already seen changes nothing.
    pub fn reset(&mut self, name: &StrategyName, at_ns: u64, restored: bool) {
        for (key, account) in &mut self.accounts {
            let seen = account.reset_ns >= at_ns || (restored && account.updated_ns >= at_ns);
            if key.is_named(name) && !seen {
                account.reset(at_ns);
            }
        }
    }

    /// Looks at how every owner stands, and trips what has passed its limit. Answers with the accounts that have changed: they
    /// are to be written down.
    pub fn observe(&mut self, limits: &RiskLimits, standings: &[Standing], now_ns: u64) -> Vec<AccountKey> {
        let mut closed = Vec::new();
        for standing in standings.iter().filter(|standing| !standing.open) {
            let before = self.left_with.insert(standing.owner, standing.profit).unwrap_or_default();
            if let Ok(result) = standing.profit.checked_sub(before)
                && !result.is_zero()
            {
                closed.push((standing.owner, standing.quote, result));
            }
        }
        for standing in standings {
            for (scope, _) in scopes(limits, &standing.owner) {
                self.accounts.entry(AccountKey::new(scope, &standing.owner, standing.quote)).or_default();
            }
        }
        let mut changed = Vec::new();
        for (key, account) in &mut self.accounts {
            let (before, anew) = (account.remembered(), account.anew);
            let within = || standings.iter().filter(|standing| key.contains(&standing.owner, standing.quote));
            let sum = |of: fn(&Standing) -> Option<Decimal64>| {
                within().try_fold(Decimal64::ZERO, |sum, standing| sum.checked_add(of(standing)?).ok())
            };
            // A sum that fits no number has no price either: limits on loss deny.
            let profit = sum(|standing| Some(standing.profit));
            let unrealized = sum(|standing| if standing.open { standing.unrealized } else { Some(Decimal64::ZERO) });
            account.see(profit.unwrap_or(account.profit), unrealized.filter(|_| profit.is_some()), now_ns);
            let mut closes = false;
            for (_, _, result) in closed.iter().filter(|(owner, quote, _)| key.contains(owner, *quote)) {
                account.close(*result, now_ns);
                closes = true;
            }
            account.expire(now_ns);
            if let Some(limits) = limits_of(limits, key) {
                account.judge(limits, now_ns);
            }
            if anew || closes || account.remembered() != before {
                account.updated_ns = now_ns;
                changed.push(*key);
            }
        }
        changed
    }

    /// An account.
    pub fn get(&self, key: &AccountKey) -> Option<&Account> {
        self.accounts.get(key)
    }

    /// The accounts that an order of an owner is in, with their limits, the most specific first.
    pub fn of<'a>(
        &'a self,
        limits: &'a RiskLimits,
        owner: &'a PositionKey,
        quote: Asset,
    ) -> impl Iterator<Item = (Scope, &'a ScopeLimits, Option<&'a Account>)> + 'a {
        scopes(limits, owner)
            .map(move |(scope, limits)| (scope, limits, self.accounts.get(&AccountKey::new(scope, owner, quote))))
    }

    /// Realised and open profit of everything in a quote currency.
    pub fn profit(&self, quote: Asset) -> Option<Decimal64> {
        let key = AccountKey::new(Scope::Mesh, &PositionKey::default(), quote);
        self.accounts.get(&key).map_or(Some(Decimal64::ZERO), Account::equity_profit)
    }

    /// The message about an account.
    pub fn message(&self, key: &AccountKey) -> Option<(RiskAccount, Vec<RiskLoss>)> {
        let account = self.accounts.get(key)?;
        let losses: Vec<RiskLoss> = account
            .losses
            .iter()
            .map(|(at_ns, amount)| RiskLoss { at_ns: (*at_ns).into(), amount: (*amount).into() })
            .collect();
        let trip = account.trip;
        let head = RiskAccount {
            scope: key.scope.into(),
            venue: key.venue.map_or(RiskAccount::default().venue, Into::into),
            strategy: key.strategy,
            instrument: key.instrument,
            quote: key.quote,
            day_ns: account.day_ns.into(),
            day_start: account.day_start.into(),
            peak: account.peak.into(),
            profit: account.profit.into(),
            loss_streak: account.streak.into(),
            trip: trip.map_or(Gate::None, |trip| trip.gate).into(),
            trip_unit: trip.map_or(Unit::None, |trip| trip.unit).into(),
            tripped_ns: trip.map_or(0, |trip| trip.at_ns).into(),
            until_ns: trip.map_or(0, |trip| trip.until_ns).into(),
            actual: trip.map_or(Decimal64::ZERO, |trip| trip.actual).into(),
            limit: trip.map_or(Decimal64::ZERO, |trip| trip.limit).into(),
            reset_ns: account.reset_ns.into(),
            updated_ns: account.updated_ns.into(),
            loss_count: u16::try_from(losses.len()).unwrap_or(u16::MAX).into(),
            ..RiskAccount::default()
        };
        Some((head, losses))
    }

    /// What is remembered, as numbers: equal ones, equal answers.
    pub fn fingerprint(&self) -> impl Iterator<Item = u64> + '_ {
        let decimal = |value: Decimal64| [value.mantissa.cast_unsigned(), i64::from(value.exponent).cast_unsigned()];
        self.accounts.values().flat_map(move |account| {
            let amounts = [account.day_start, account.peak, account.profit, account.unrealized.unwrap_or_default()];
            let trip = account.trip.map_or([0; 3], |trip| [trip.gate as u64, trip.at_ns, trip.until_ns]);
            let losses: Vec<u64> = account.losses.iter().map(|(at_ns, _)| *at_ns).collect();
            amounts.into_iter().flat_map(decimal).chain(trip).chain(losses).chain([
                account.day_ns,
                u64::from(account.streak),
                account.reset_ns,
                u64::from(account.anew),
            ])
        })
    }
}

/// The scopes that an owner has an account in: the mesh, and those that state a limit on loss.
fn scopes<'a>(limits: &'a RiskLimits, owner: &'a PositionKey) -> impl Iterator<Item = (Scope, &'a ScopeLimits)> + 'a {
    limits.of(&owner.0, &owner.1).each_scope().filter(|(scope, limits)| *scope == Scope::Mesh || limits.limits_loss())
}

fn limits_of<'a>(limits: &'a RiskLimits, key: &AccountKey) -> Option<&'a ScopeLimits> {
    match key.scope {
        Scope::Mesh => Some(&limits.mesh),
        Scope::Venue => limits.venue.get(&key.venue?),
        Scope::Strategy => limits.strategy.get(&key.strategy),
        Scope::Symbol => limits.symbol.get(&key.instrument),
    }
}
