//! When a position ends: stop, target, partial take-profit, trailing stop, break-even, time.
//!
//! **Order inside a bar**, pessimistic: the stop as it stood before the bar; then the partial take-profit; then the
//! target. At most one of them a bar. What remains open then gets its trailing and break-even stop from this bar's
//! best price, in force from the next bar on; last comes the time stop, at the close.
//!
//! Distances are in average true ranges of the entry's bar, kept with the position, or in bp of the entry price.

use crate::bar::Bar;
use crate::decision::Side;
use crate::digest::Digest;
use crate::math::max;

/// The rules; 0 turns a rule off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExitRules {
    /// Distance of the stop from the entry, ATR.
    pub stop_atr: f64,
    /// Distance of the target from the entry, ATR.
    pub target_atr: f64,
    /// Distance of the trailing stop from the best price since entry, ATR.
    pub trail_atr: f64,
    /// Distance of the trailing stop from the best price since entry, bp of that price.
    pub trail_bp: f64,
    /// Gain from which the trailing stop follows, ATR; 0 from the entry on.
    pub trail_start_atr: f64,
    /// Gain from which the stop stands at the entry price or better, ATR.
    pub break_even_atr: f64,
    /// Bars after which the position is closed.
    pub time_stop_bars: u32,
    /// Gain at which part of the position is closed, once, ATR.
    pub partial_atr: f64,
    /// The part, 0 to 1.
    pub partial_fraction: f64,
}

/// Why a position, or part of it, ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitReason {
    /// It does not.
    #[default]
    None = 0,
    /// The stop was touched: the first one, or where trailing or break-even had moved it.
    Stop = 1,
    /// The target was touched.
    Target = 2,
    /// The partial take-profit was touched.
    Partial = 3,
    /// It was held as long as allowed.
    Time = 4,
    /// The strategy's signal turned.
    Signal = 5,
    /// The venue closed it by force: its margin was gone. No strategy decides this.
    Liquidation = 6,
}

/// An end, whole or in part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exit {
    /// Why.
    pub reason: ExitReason,
    /// The level that was touched; 0 for an exit at the market.
    pub price: f64,
    /// Part of the position, 0 to 1.
    pub fraction: f64,
}

/// An open position, or none, as its strategy sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// Which way; everything else is 0 where flat.
    pub side: Side,
    /// Price of the first entry.
    pub entry_price: f64,
    /// Price of the last entry: additions are measured from it.
    pub last_entry_price: f64,
    /// Average true range at the first entry.
    pub atr: f64,
    /// Where it is given up; 0 for nowhere.
    pub stop_price: f64,
    /// Where it is closed with a gain; 0 for nowhere.
    pub target_price: f64,
    /// Most favourable price since the entry.
    pub best_price: f64,
    /// Bars since the entry's.
    pub bars: u32,
    /// Additions so far.
    pub adds: u32,
    /// The partial take-profit was taken.
    pub partial_taken: bool,
}

/// A level that a price can reach; 0 where it can't.
fn reachable(level: f64) -> f64 {
    if level > 0.0 { level } else { 0.0 }
}

impl Position {
    /// Opened at a price, with stop and target measured from it.
    #[must_use]
    pub fn open(rules: &ExitRules, side: Side, price: f64, atr: f64) -> Self {
        let sign = side.sign();
        let level = |distance_atr: f64| {
            if distance_atr > 0.0 { reachable(price + sign * distance_atr * atr) } else { 0.0 }
        };
        let mut position = Self {
            side,
            entry_price: price,
            last_entry_price: price,
            atr,
            stop_price: if rules.stop_atr > 0.0 { reachable(price - sign * rules.stop_atr * atr) } else { 0.0 },
            target_price: level(rules.target_atr),
            best_price: price,
            ..Self::default()
        };
        position.raise_stop(rules);
        position
    }

    /// Levels measured again from the price of the fill, for a position that was opened on an expectation.
    pub fn anchor(&mut self, rules: &ExitRules, price: f64) {
        if self.side != Side::Flat {
            *self = Self::open(rules, self.side, price, self.atr);
        }
    }

    /// Gives a position that came from elsewhere, with no range of its own, the levels that are missing.
    pub fn adopt(&mut self, rules: &ExitRules, atr: f64) {
        if self.side == Side::Flat || self.atr > 0.0 {
            return;
        }
        let fresh = Self::open(rules, self.side, self.entry_price, atr);
        self.atr = atr;
        self.target_price = fresh.target_price;
        if self.stop_price <= 0.0 {
            self.stop_price = fresh.stop_price;
        }
    }

    /// Takes a bar after the entry's (or the entry's own, where it was filled at the open): what ends, and the stop
    /// of the next bar. The caller closes the position where the whole of it ends.
    #[inline]
    pub fn on_bar(&mut self, rules: &ExitRules, bar: &Bar) -> Exit {
        if self.side == Side::Flat {
            return Exit::default();
        }
        self.bars = self.bars.saturating_add(1);
        if self.stop_touched(bar) {
            return Exit { reason: ExitReason::Stop, price: self.stop_price, fraction: 1.0 };
        }
        let partial = self.partial_price(rules);
        let touched = if partial > 0.0 && self.gained(bar, partial) {
            self.partial_taken = true;
            Exit { reason: ExitReason::Partial, price: partial, fraction: rules.partial_fraction }
        } else if self.target_price > 0.0 && self.gained(bar, self.target_price) {
            return Exit { reason: ExitReason::Target, price: self.target_price, fraction: 1.0 };
        } else {
            Exit::default()
        };
        self.best_price = match self.side {
            Side::Long => max(self.best_price, bar.high),
            _ => -max(-self.best_price, -bar.low),
        };
        self.raise_stop(rules);
        if touched.reason == ExitReason::None && rules.time_stop_bars > 0 && self.bars >= rules.time_stop_bars {
            return Exit { reason: ExitReason::Time, price: 0.0, fraction: 1.0 };
        }
        touched
    }

    /// True where the bar reaches the stop.
    #[must_use]
    pub fn stop_touched(&self, bar: &Bar) -> bool {
        match self.side {
            _ if self.stop_price <= 0.0 => false,
            Side::Flat => false,
            Side::Long => bar.low <= self.stop_price,
            Side::Short => bar.high >= self.stop_price,
        }
    }

    fn gained(&self, bar: &Bar, level: f64) -> bool {
        match self.side {
            Side::Flat => false,
            Side::Long => bar.high >= level,
            Side::Short => bar.low <= level,
        }
    }

    /// Where the partial take-profit is; 0 for nowhere, or once it was taken.
    #[must_use]
    pub fn partial_price(&self, rules: &ExitRules) -> f64 {
        let on = rules.partial_atr > 0.0 && rules.partial_fraction > 0.0 && !self.partial_taken;
        if on { reachable(self.entry_price + self.side.sign() * rules.partial_atr * self.atr) } else { 0.0 }
    }

    /// Moves the stop towards the price, never away, by the trailing and break-even rules.
    fn raise_stop(&mut self, rules: &ExitRules) {
        let sign = self.side.sign();
        let gain = (self.best_price - self.entry_price) * sign;
        if gain >= rules.trail_start_atr * self.atr {
            if rules.trail_atr > 0.0 {
                self.tighten(self.best_price - sign * rules.trail_atr * self.atr);
            }
            if rules.trail_bp > 0.0 {
                self.tighten(self.best_price * (1.0 - sign * (rules.trail_bp / 1e4)));
            }
        }
        if rules.break_even_atr > 0.0 && gain >= rules.break_even_atr * self.atr {
            self.tighten(self.entry_price);
        }
    }

    fn tighten(&mut self, level: f64) {
        let better = self.stop_price <= 0.0 || (level - self.stop_price) * self.side.sign() > 0.0;
        if level > 0.0 && better {
            self.stop_price = level;
        }
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let counts = u64::from(self.bars) << 32 | u64::from(self.adds);
        let flags = self.side as u64 | u64::from(self.partial_taken) << 8;
        let digest = digest.u64(counts).u64(flags).f64(self.entry_price).f64(self.last_entry_price).f64(self.atr);
        digest.f64(self.stop_price).f64(self.target_price).f64(self.best_price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: ExitRules = ExitRules {
        stop_atr: 2.0,
        target_atr: 4.0,
        trail_atr: 0.0,
        trail_bp: 0.0,
        trail_start_atr: 0.0,
        break_even_atr: 0.0,
        time_stop_bars: 0,
        partial_atr: 0.0,
        partial_fraction: 0.0,
    };

    fn bar(low: f64, high: f64) -> Bar {
        let middle = (low + high) / 2.0;
        Bar { open: middle, high, low, close: middle, volume: 1.0 }
    }

    #[test]
    fn stop_comes_before_target() {
        let mut long = Position::open(&RULES, Side::Long, 100.0, 1.0);
        assert_eq!((long.stop_price, long.target_price), (98.0, 104.0));
        assert_eq!(long.on_bar(&RULES, &bar(98.5, 103.0)), Exit::default());
        let exit = long.on_bar(&RULES, &bar(97.0, 105.0));
        assert_eq!((exit.reason, exit.price), (ExitReason::Stop, 98.0));
        let mut short = Position::open(&RULES, Side::Short, 100.0, 1.0);
        assert_eq!((short.stop_price, short.target_price), (102.0, 96.0));
        assert_eq!(short.on_bar(&RULES, &bar(95.0, 101.0)).reason, ExitReason::Target);
    }

    #[test]
    fn trailing_follows_the_best_price_from_the_next_bar() {
        let rules = ExitRules { trail_atr: 1.0, trail_start_atr: 1.0, target_atr: 0.0, ..RULES };
        let mut long = Position::open(&rules, Side::Long, 100.0, 1.0);
        assert_eq!(long.stop_price, 98.0);
        assert_eq!(long.on_bar(&rules, &bar(99.0, 100.5)).reason, ExitReason::None);
        assert_eq!(long.stop_price, 98.0);
        assert_eq!(long.on_bar(&rules, &bar(99.0, 103.0)).reason, ExitReason::None);
        assert_eq!(long.stop_price, 102.0);
        assert_eq!(long.on_bar(&rules, &bar(101.9, 102.5)).price, 102.0);
    }

    #[test]
    fn break_even_partial_and_time() {
        let rules =
            ExitRules { break_even_atr: 1.0, partial_atr: 2.0, partial_fraction: 0.5, time_stop_bars: 3, ..RULES };
        let mut short = Position::open(&rules, Side::Short, 100.0, 1.0);
        assert_eq!(short.on_bar(&rules, &bar(98.9, 101.0)).reason, ExitReason::None);
        assert_eq!(short.stop_price, 100.0);
        let partial = short.on_bar(&rules, &bar(97.0, 99.0));
        assert_eq!((partial.reason, partial.price, partial.fraction), (ExitReason::Partial, 98.0, 0.5));
        assert_eq!(short.on_bar(&rules, &bar(97.0, 99.0)).reason, ExitReason::Time);
    }

    proptest! {
        #[test]
        fn a_stop_never_moves_away(moves in prop::collection::vec((-0.03..0.03f64, 0.0..0.01f64), 1..60), long: bool, trail in 0.0..3.0f64, bp in 0.0..200.0f64) {
            let rules = ExitRules { trail_atr: trail, trail_bp: bp, break_even_atr: 1.0, ..RULES };
            let side = if long { Side::Long } else { Side::Short };
            let mut position = Position::open(&rules, side, 100.0, 1.0);
            let mut price = 100.0;
            for (step, range) in moves {
                price *= 1.0 + step;
                let before = position.stop_price;
                let exit = position.on_bar(&rules, &bar(price * (1.0 - range), price * (1.0 + range)));
                prop_assert!((position.stop_price - before) * side.sign() >= 0.0);
                if exit.reason != ExitReason::None {
                    break;
                }
            }
        }
    }
}
