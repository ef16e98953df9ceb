//! Stretches of bars in which nothing happens, taken at once: exactly what bar by bar would have come to.
//!
//! A stretch is known by extremes that many configurations share: its highest high and lowest low ([`Watch`]), and its
//! highest and lowest close ([`Run::mark_stretch`](crate::run::Run::mark_stretch)). Levels follow from extremes exactly, because each is a rounded sum
//! or product that rises with the best price. Where a stretch may hold an event, `pass` says so and changes nothing:
//! it errs on that side alone, and the caller takes a shorter one, in the end a single bar.

use crate::decision::Side;
use crate::exits::Position;
use crate::math::{max, min};
use crate::trader::{TradeRules, Trader};

/// An open position as it watches for its next event. Prices of shorts are mirrored (negated), so that every position
/// gains upwards; rounding is symmetric, so the bits stay the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watch {
    is_short: bool,
    entry: f64,
    /// Least stop that was reached so far; minus infinity for a short without one.
    stop: f64,
    /// Where it is closed by force.
    floor: f64,
    best: f64,
    /// Price at which something ends: target or partial take-profit.
    cap: f64,
    /// Gain from which the stop trails.
    trail_gain: f64,
    trail_distance: f64,
    trail_factor: f64,
    /// Gain from which it stands at the entry.
    even_gain: f64,
    last_entry: f64,
    /// Gain since the last entry at which an addition may come.
    add_gain: f64,
    /// Bars that may pass before the time stop.
    bars_left: u32,
    /// The stop moves with the price.
    follows: bool,
}

impl Watch {
    /// Of a position that is open, closed by force at a price (0 for nowhere); `None` where it can't be watched: it has no range to measure its levels by yet.
    #[must_use]
    pub fn new(position: &Position, rules: &TradeRules, liquidation_price: f64) -> Option<Self> {
        if position.side == Side::Flat || position.atr <= 0.0 {
            return None;
        }
        let exits = &rules.exits;
        let is_short = position.side == Side::Short;
        let sign = position.side.sign();
        let mirrored = |price: f64| if is_short { -price } else { price };
        let level = |price: f64| if price > 0.0 { mirrored(price) } else { f64::INFINITY };
        let none = if is_short { f64::NEG_INFINITY } else { 0.0 };
        let bars_left = match exits.time_stop_bars {
            0 => u32::MAX,
            most => most.saturating_sub(position.bars).saturating_sub(1),
        };
        Some(Self {
            is_short,
            entry: mirrored(position.entry_price),
            stop: if position.stop_price > 0.0 { mirrored(position.stop_price) } else { none },
            floor: if liquidation_price > 0.0 { mirrored(liquidation_price) } else { f64::NEG_INFINITY },
            best: mirrored(position.best_price),
            cap: min(level(position.target_price), level(position.partial_price(exits))),
            trail_gain: exits.trail_start_atr * position.atr,
            trail_distance: if exits.trail_atr > 0.0 { exits.trail_atr * position.atr } else { f64::INFINITY },
            // Of a mirrored price, which is negative for shorts: nothing, or below every stop.
            trail_factor: if exits.trail_bp > 0.0 {
                1.0 - sign * (exits.trail_bp / 1e4)
            } else {
                sign * f64::NEG_INFINITY
            },
            even_gain: if exits.break_even_atr > 0.0 { exits.break_even_atr * position.atr } else { f64::INFINITY },
            last_entry: mirrored(position.last_entry_price),
            add_gain: if position.adds < rules.pyramid_max {
                rules.pyramid_step_atr * position.atr
            } else {
                f64::INFINITY
            },
            bars_left,
            follows: exits.trail_atr > 0.0 || exits.trail_bp > 0.0 || exits.break_even_atr > 0.0,
        })
    }

    /// True for a short.
    #[must_use]
    pub const fn is_short(&self) -> bool {
        self.is_short
    }

    /// Bars that may still pass before the time stop.
    #[must_use]
    pub const fn bars_left(&self) -> u32 {
        self.bars_left
    }

    /// True where the stop may move before the position ends.
    #[must_use]
    pub const fn follows(&self) -> bool {
        self.follows
    }

    /// Takes bars with these extremes; false, and nothing changes, where something may happen among them. `SHORT` and
    /// `FOLLOWS` are what `is_short` and `follows` say. The time stop is the caller's to count.
    #[must_use]
    #[inline]
    pub fn pass<const SHORT: bool, const FOLLOWS: bool>(&mut self, high: f64, low: f64) -> bool {
        let (high, low) = if SHORT { (-low, -high) } else { (high, low) };
        let best = max(self.best, high);
        let mut stop = self.stop;
        if FOLLOWS {
            let gain = best - self.entry;
            if gain >= self.trail_gain {
                stop = max(max(stop, best - self.trail_distance), best * self.trail_factor);
            }
            if gain >= self.even_gain {
                stop = max(stop, self.entry);
            }
        }
        if low <= max(stop, self.floor) || high >= self.cap || high - self.last_entry >= self.add_gain {
            return false;
        }
        (self.stop, self.best) = (stop, best);
        true
    }

    /// Brings a position on to where the watch stands, so many bars later.
    pub fn apply(&self, position: &mut Position, bars: u32) {
        let mirrored = |price: f64| if self.is_short { -price } else { price };
        position.best_price = mirrored(self.best);
        position.stop_price = if self.stop == f64::NEG_INFINITY { 0.0 } else { mirrored(self.stop) };
        position.bars = position.bars.saturating_add(bars);
    }
}

impl Trader {
    /// Bars without a position pass.
    pub const fn rest(&mut self, bars: u32) {
        self.cooldown = self.cooldown.saturating_sub(bars);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::bar::Bar;
    use crate::exits::{ExitReason, ExitRules};
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        /// Where a stretch passes, the position is to the last bit what bar by bar makes of it, and nothing ended.
        #[test]
        fn a_stretch_that_passes_is_its_bars(
            moves in prop::collection::vec((-0.02..0.02f64, 0.0..0.01f64, 0.0..0.01f64), 1..12),
            is_short: bool,
            levels in prop::array::uniform7(prop::option::of(0.0..6.0f64)),
            time_stop_bars in 0u32..12,
        ) {
            let [stop, target, trail, trail_bp, start, even, partial] = levels.map(|level| level.unwrap_or(0.0));
            let exits = ExitRules {
                stop_atr: stop,
                target_atr: target,
                trail_atr: trail,
                trail_bp: trail_bp * 50.0,
                trail_start_atr: start,
                break_even_atr: even,
                time_stop_bars,
                partial_atr: partial,
                partial_fraction: 0.5,
            };
            let rules = TradeRules { exits, ..TradeRules::default() };
            let side = if is_short { Side::Short } else { Side::Long };
            let mut position = Position::open(&exits, side, 100.0, 1.0);
            let mut watch = Watch::new(&position, &rules, 0.0).unwrap();
            let mut price = 100.0;
            let bar = |(step, up, down): (f64, f64, f64)| {
                let open = price;
                price *= 1.0 + step;
                let (high, low) = (f64::max(open, price) * (1.0 + up), f64::min(open, price) * (1.0 - down));
                Bar { open, high, low, close: price, volume: 1.0 }
            };
            let bars: Vec<Bar> = moves.into_iter().map(bar).collect();
            let high = bars.iter().map(|bar| bar.high).fold(f64::MIN, f64::max);
            let low = bars.iter().map(|bar| bar.low).fold(f64::MAX, f64::min);
            let count = bars.len() as u32;
            let before = watch;
            let passes = match (is_short, watch.follows()) {
                (false, false) => watch.pass::<false, false>(high, low),
                (false, true) => watch.pass::<false, true>(high, low),
                (true, false) => watch.pass::<true, false>(high, low),
                (true, true) => watch.pass::<true, true>(high, low),
            };
            if passes && count <= watch.bars_left() {
                let mut passed = position;
                watch.apply(&mut passed, count);
                for bar in &bars {
                    prop_assert_eq!(position.on_bar(&exits, bar).reason, ExitReason::None);
                }
                prop_assert_eq!(passed, position);
            } else if !passes {
                prop_assert_eq!(watch, before);
            }
        }
    }
}
