//! The limits, as they stand in a configuration: of the whole mesh, of a venue, of a strategy, of an instrument.
//!
//! Every limit can be stated in each scope. Of the scopes that an order is in, the tightest limit holds; where two are as
//! tight, the more specific one is named. So a scope can only tighten what a wider one allows. Limits on sums (all notional,
//! rates, losses) are measured over the scope that states them.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use mesh_types::signal::StrategyName;
use mesh_types::{Decimal64, InstrumentId, Scope, Venue};
use serde::Deserialize;

/// A limit, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<T> {
    /// The scope that states it.
    pub scope: Scope,
    /// It.
    pub value: T,
}

macro_rules! scope_limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $ty:ty = $default:expr;)+) => {
        /// The limits of one scope; what is not stated limits nothing there.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct ScopeLimits {
            $($(#[doc = $doc])+ pub $name: Option<$ty>,)+
        }

        impl ScopeLimits {
            /// What holds for the whole mesh where nothing else is stated.
            fn of_mesh() -> Self {
                Self { $($name: $default,)+ }
            }

            /// These, and where they state nothing the others.
            fn or(self, other: Self) -> Self {
                Self { $($name: self.$name.or(other.$name),)+ }
            }
        }
    };
}

scope_limits! {
    /// Largest notional of one entry, in the quote currency.
    order_notional: Decimal64 = Some(Decimal64::new(1_000, 0));
    /// Largest notional of one instrument, with all open orders at their worst, in the quote currency. The strategies'
    /// positions are added, not netted: one's exit must not open the other's risk. In a strategy's scope, of its position alone.
    position_notional: Decimal64 = Some(Decimal64::new(2_000, 0));
    /// Largest notional of all instruments of one quote currency within the scope, with all open orders at their worst.
    total_notional: Decimal64 = Some(Decimal64::new(10_000, 0));
    /// Largest notional within the scope, in multiples of the equity.
    leverage: Decimal64 = None;
    /// Largest notional of one instrument, in percent of the equity.
    concentration_percent: Decimal64 = None;
    /// Largest share of what the book offers up to the order's worst price, in percent.
    liquidity_percent: Decimal64 = None;
    /// How far from the best price an entry may be filled, in basis points.
    price_band_bps: u32 = Some(50);
    /// A book whose last message is older is not traded on.
    book_max_age_ms: u64 = Some(5_000);
    /// A signal that is older opens nothing.
    signal_max_age_ms: u64 = Some(10_000);
    /// How far the venue's times may lie from ours.
    clock_offset_ms: u64 = None;
    /// How far the middle of the book may lie from the venue's index, in basis points.
    oracle_gap_bps: u32 = None;
    /// How far the price that the book promises for the whole order may lie from the best, in basis points.
    slippage_bps: u32 = None;
    /// What an entry may pay of funding in 8 hours, in basis points of its notional.
    funding_bps_8h: u32 = None;
    /// Gas price that an entry on a chain may cost, in gwei.
    gas_gwei: Decimal64 = None;
    /// How far all prices must be able to go against all positions together before the equity is used up, in basis points.
    liquidation_distance_bps: u32 = None;
    /// Pause between two entries of one strategy in one instrument.
    cooldown_ms: u64 = None;
    /// Entries within the window, of the scope.
    entries_per_window: u64 = Some(40);
    /// Exits within the window, of the scope.
    exits_per_window: u64 = Some(60);
    /// Cancels within the window, of the scope.
    cancels_per_window: u64 = Some(60);
    /// Entries within the window, of one instrument.
    entries_per_symbol: u64 = Some(10);
    /// Exits within the window, of one instrument.
    exits_per_symbol: u64 = Some(60);
    /// Cancels within the window, of one instrument.
    cancels_per_symbol: u64 = Some(30);
    /// Largest loss since the day began (UTC), in the quote currency; no entries until the next day.
    daily_loss: Decimal64 = None;
    /// Largest loss since the greatest realised profit, in the quote currency; no entries until it is reset.
    drawdown: Decimal64 = None;
    /// Positions that may be closed with a loss one after the other.
    loss_streak: u32 = None;
    /// How long there are no entries after more.
    loss_streak_pause_ms: u64 = Some(3_600_000);
    /// Positions that may be closed with a loss within `stop_guard_window_ms`, with profits between them or not.
    stop_guard_losses: u32 = None;
    /// That window.
    stop_guard_window_ms: u64 = Some(86_400_000);
    /// How long there are no entries after more.
    stop_guard_pause_ms: u64 = Some(3_600_000);
}

/// Instruments that move together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The instruments.
    pub instruments: BTreeSet<InstrumentId>,
    /// Largest notional of all of them, with all open orders at their worst, in the quote currency.
    pub notional: Decimal64,
}

/// What may be risked. Notionals of different quote currencies are never added.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Asked")]
pub struct RiskLimits {
    /// Limits of everything.
    pub mesh: ScopeLimits,
    /// Limits of a venue.
    pub venue: BTreeMap<Venue, ScopeLimits>,
    /// Limits of a strategy, by the name that its signals have.
    pub strategy: BTreeMap<StrategyName, ScopeLimits>,
    /// Limits of an instrument.
    pub symbol: BTreeMap<InstrumentId, ScopeLimits>,
    /// Groups of instruments that move together, by a name for people.
    pub group: BTreeMap<String, Group>,
    /// What was put in, by quote currency. With the profit so far it is the equity.
    pub capital: BTreeMap<String, Decimal64>,
    /// Length of the window that rates are counted in.
    pub rate_window_ms: u64,
}

/// As a file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    mesh: ScopeLimits,
    venue: BTreeMap<Venue, ScopeLimits>,
    strategy: BTreeMap<StrategyName, ScopeLimits>,
    symbol: BTreeMap<InstrumentId, ScopeLimits>,
    group: BTreeMap<String, Group>,
    capital: BTreeMap<String, Decimal64>,
    rate_window_ms: u64,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            mesh: ScopeLimits::default(),
            venue: BTreeMap::new(),
            strategy: BTreeMap::new(),
            symbol: BTreeMap::new(),
            group: BTreeMap::new(),
            capital: BTreeMap::new(),
            rate_window_ms: 60_000,
        }
    }
}

impl From<Asked> for RiskLimits {
    fn from(asked: Asked) -> Self {
        let Asked { mesh, venue, strategy, symbol, group, capital, rate_window_ms } = asked;
        let mesh = mesh.or(ScopeLimits::of_mesh());
        Self { mesh, venue, strategy, symbol, group, capital, rate_window_ms }
    }
}

impl Default for RiskLimits {
    fn default() -> Self {
        Asked::default().into()
    }
}

/// The scopes that an order is in, the most specific first.
#[derive(Clone, Copy, Debug)]
pub struct Scoped<'a> {
    scopes: [Option<(Scope, &'a ScopeLimits)>; 4],
}

impl ScopeLimits {
    pub(crate) const fn limits_loss(&self) -> bool {
        self.daily_loss.is_some()
            || self.drawdown.is_some()
            || self.loss_streak.is_some()
            || self.stop_guard_losses.is_some()
    }
}

impl<'a> Scoped<'a> {
    pub(crate) fn each_scope(&self) -> impl Iterator<Item = (Scope, &'a ScopeLimits)> + use<'a> {
        self.scopes.into_iter().flatten()
    }

    /// Every scope that states a limit.
    pub fn each<T>(&self, limit: fn(&ScopeLimits) -> Option<T>) -> impl Iterator<Item = Limit<T>> + use<'a, T> {
        let scopes = self.scopes.into_iter().flatten();
        scopes.filter_map(move |(scope, limits)| limit(limits).map(|value| Limit { scope, value }))
    }

    /// The tightest of those limits that are the tighter the smaller they are.
    pub fn least<T: Ord>(&self, limit: fn(&ScopeLimits) -> Option<T>) -> Option<Limit<T>> {
        self.each(limit).min_by(|a, b| a.value.cmp(&b.value))
    }

    /// The tightest of those limits that are the tighter the greater they are.
    pub fn greatest<T: Ord>(&self, limit: fn(&ScopeLimits) -> Option<T>) -> Option<Limit<T>> {
        self.each(limit).min_by(|a, b| b.value.cmp(&a.value))
    }
}

/// Limits that contradict themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLimit {
    /// What must hold, and what was found.
    pub reason: String,
}

impl fmt::Display for BadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl core::error::Error for BadLimit {}

fn expect(holds: bool, name: impl fmt::Display, expected: &str, found: impl fmt::Display) -> Result<(), BadLimit> {
    if holds { Ok(()) } else { Err(BadLimit { reason: format!("{name}: expected {expected}, found {found}") }) }
}

impl RiskLimits {
    /// Of everything that concerns a strategy in an instrument.
    pub fn of(&self, instrument: &InstrumentId, strategy: &StrategyName) -> Scoped<'_> {
        let venue = instrument.venue().and_then(|venue| self.venue.get(&venue));
        Scoped {
            scopes: [
                self.symbol.get(instrument).map(|limits| (Scope::Symbol, limits)),
                self.strategy.get(strategy).map(|limits| (Scope::Strategy, limits)),
                venue.map(|limits| (Scope::Venue, limits)),
                Some((Scope::Mesh, &self.mesh)),
            ],
        }
    }

    /// Whether they make sense together.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn validate(&self) -> Result<(), BadLimit> {
        let scopes = [("mesh".to_owned(), &self.mesh)].into_iter();
        let scopes = scopes.chain(self.venue.iter().map(|(venue, limits)| (format!("venue.{venue}"), limits)));
        let scopes = scopes.chain(self.strategy.iter().map(|(name, limits)| (format!("strategy.{name}"), limits)));
        let scopes = scopes.chain(self.symbol.iter().map(|(symbol, limits)| (format!("symbol.{symbol}"), limits)));
        for (name, limits) in scopes {
            self.validate_scope(&name, limits)?;
        }
        for (name, group) in &self.group {
            expect(group.notional.is_positive(), format!("group.{name}.notional"), "more than 0", group.notional)?;
            expect(!group.instruments.is_empty(), format!("group.{name}.instruments"), "at least one", "none")?;
        }
        for (quote, capital) in &self.capital {
            expect(capital.is_positive(), format!("capital.{quote}"), "more than 0", capital)?;
        }
        expect(self.rate_window_ms > 0, "rate_window_ms", "at least 1", 0)
    }

    fn validate_scope(&self, scope: &str, limits: &ScopeLimits) -> Result<(), BadLimit> {
        let amounts = [
            ("order_notional", limits.order_notional),
            ("position_notional", limits.position_notional),
            ("total_notional", limits.total_notional),
            ("leverage", limits.leverage),
            ("concentration_percent", limits.concentration_percent),
            ("liquidity_percent", limits.liquidity_percent),
            ("gas_gwei", limits.gas_gwei),
            ("daily_loss", limits.daily_loss),
            ("drawdown", limits.drawdown),
        ];
        for (name, value) in amounts {
            let Some(value) = value else { continue };
            expect(value.is_positive(), format!("{scope}.{name}"), "more than 0", value)?;
        }
        let of_equity = [
            ("leverage", limits.leverage.is_some()),
            ("concentration_percent", limits.concentration_percent.is_some()),
            ("liquidation_distance_bps", limits.liquidation_distance_bps.is_some()),
        ];
        for (name, stated) in of_equity {
            let known = !stated || !self.capital.is_empty();
            expect(known, format!("{scope}.{name}"), "capital.QUOTE beside it, what the equity starts from", "none")?;
        }
        let distance = limits.liquidation_distance_bps;
        expect(distance != Some(0), format!("{scope}.liquidation_distance_bps"), "at least 1", 0)?;
        let counts = [
            ("loss_streak", limits.loss_streak.map(u64::from)),
            ("stop_guard_losses", limits.stop_guard_losses.map(u64::from)),
        ];
        let most = mesh_types::limits::MAX_LOSSES as u64 - 1;
        for (name, value) in counts {
            let Some(value) = value else { continue };
            expect((1..=most).contains(&value), format!("{scope}.{name}"), &format!("1 to {most}"), value)?;
        }
        Ok(())
    }

    /// Whether any scope states a limit on loss.
    pub fn limit_losses(&self) -> bool {
        let scopes = self.venue.values().chain(self.strategy.values()).chain(self.symbol.values());
        scopes.chain([&self.mesh]).any(ScopeLimits::limits_loss)
    }

    pub(crate) const fn rate_window_ns(&self) -> u64 {
        ns(self.rate_window_ms)
    }
}

/// Nanoseconds of so many milliseconds.
pub(crate) const fn ns(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    #[test]
    fn the_defaults_hold_and_contradictions_are_named() {
        assert_eq!(RiskLimits::default().validate(), Ok(()));
        let bad = |change: fn(&mut RiskLimits)| {
            let mut limits = RiskLimits::default();
            change(&mut limits);
            limits.validate().expect_err("a contradiction").reason
        };
        let zero = bad(|limits| limits.mesh.total_notional = Some(Decimal64::ZERO));
        assert_eq!(zero, "mesh.total_notional: expected more than 0, found 0");
        let venue = bad(|limits| {
            let binance = ScopeLimits { loss_streak: Some(0), ..ScopeLimits::default() };
            limits.venue.insert(Venue::Binance, binance);
        });
        assert_eq!(venue, "venue.binance.loss_streak: expected 1 to 63, found 0");
        let leverage = bad(|limits| limits.mesh.leverage = Some(Decimal64::ONE));
        assert!(leverage.starts_with("mesh.leverage: expected capital.QUOTE"), "{leverage}");
        assert!(bad(|limits| limits.rate_window_ms = 0).starts_with("rate_window_ms"));
    }

    #[test]
    fn the_tightest_holds_and_the_more_specific_of_two_is_named() {
        let instrument: InstrumentId = "binance:spot:BTCUSDT".parse().expect("an id");
        let other: InstrumentId = "okx:spot:BTC-USDT".parse().expect("an id");
        let strategy = StrategyName::truncated("momentum");
        let notional = |value| ScopeLimits { order_notional: Some(value), ..ScopeLimits::default() };
        let mut limits = RiskLimits::default();
        limits.venue.insert(Venue::Binance, notional(d("500")));
        limits.strategy.insert(strategy, ScopeLimits { cooldown_ms: Some(7), ..notional(d("2000")) });
        limits.symbol.insert(instrument, ScopeLimits { cooldown_ms: Some(5), ..notional(d("500")) });
        let order = |instrument| limits.of(instrument, &strategy).least(|limits| limits.order_notional);
        assert_eq!(order(&instrument), Some(Limit { scope: Scope::Symbol, value: d("500") }));
        // A scope tightens what a wider one allows, and loosens nothing.
        assert_eq!(order(&other), Some(Limit { scope: Scope::Mesh, value: d("1000") }));
        let cooldown = limits.of(&instrument, &strategy).greatest(|limits| limits.cooldown_ms);
        assert_eq!(cooldown, Some(Limit { scope: Scope::Strategy, value: 7 }));
        let all: Vec<Scope> =
            limits.of(&instrument, &strategy).each(|limits| limits.order_notional).map(|limit| limit.scope).collect();
        assert_eq!(all, [Scope::Symbol, Scope::Strategy, Scope::Venue, Scope::Mesh]);
    }
}
