//! What an order gets: where inside a bar, with what slippage and fee.
//!
//! A decision is made on a closed bar. Its market part (entries, exits by signal or time) is filled at the open of
//! the next bar, or at that close; its levels (stop, target, partial) inside the bar that touched them. Where a bar
//! touches several, the order is that of [`crate::exits`]: the stop first.
//!
//! Latency on bars is the next open; finer latency belongs to backtests on ticks, not here.

use crate::bar::Bar;
use crate::decision::Side;
use crate::exits::ExitReason;
use crate::math::{max, min, ratio};

/// Where an order at the market is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Market {
    /// At the open of the bar after the decision: what a bot that acts at once can get.
    #[default]
    NextOpen = 0,
    /// At the close that the decision was made on: optimistic by one moment.
    Close = 1,
}

/// Where a touched level (stop, target, partial) is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Levels {
    /// At its price, inside the bar that touched it: the order rests at the venue.
    #[default]
    Inside = 0,
    /// As an order at the market, after the bar that touched it: the strategy watches closed bars alone.
    AtMarket = 1,
}

/// What a level is filled at where the bar opens beyond it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Gap {
    /// At the open: worse than a stop, better than a target.
    #[default]
    Open = 0,
    /// At the level itself: optimistic for stops, pessimistic for targets.
    Level = 1,
}

/// From where stop and target are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Anchor {
    /// From the close of the entry's signal: known when the order is sent.
    #[default]
    SignalClose = 0,
    /// From the price that the entry got.
    Fill = 1,
}

/// Conventions of fills on bars. The default: market orders at the next open, levels inside the bar, gaps through a
/// stop at the open, targets never better than their level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FillRules {
    /// Orders at the market.
    pub market: Market,
    /// Touched levels.
    pub levels: Levels,
    /// Stops that the bar's open has passed.
    pub stop_gap: Gap,
    /// Targets and partials that the bar's open has passed.
    pub target_gap: Gap,
    /// From where levels are measured.
    pub anchor: Anchor,
}

impl Default for FillRules {
    fn default() -> Self {
        Self {
            market: Market::NextOpen,
            levels: Levels::Inside,
            stop_gap: Gap::Open,
            target_gap: Gap::Level,
            anchor: Anchor::SignalClose,
        }
    }
}

/// Fees and slippage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// Fee of orders that take, 1e-8ths of the notional.
    pub taker_fee_rate: i64,
    /// Fee of orders that rest (targets and partials, where they rest at the venue), 1e-8ths; negative is a rebate.
    pub maker_fee_rate: i64,
    /// Targets and partials rest at the venue: they pay the maker's fee and don't slip.
    pub targets_rest: bool,
    /// Slippage of every taking fill, bp.
    pub slippage_bp: f64,
    /// Slippage on top for an order as large as the depth, in proportion below and above, bp.
    pub impact_bp: f64,
    /// Depth that the order is measured by, in the quote currency; 0 for no impact.
    pub depth_notional: f64,
}

/// How a fill takes part in the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Liquidity {
    /// It rested.
    Maker = 0,
    /// It took.
    Taker = 1,
}

impl Costs {
    /// How an exit takes part.
    #[must_use]
    pub const fn liquidity(&self, exit: ExitReason) -> Liquidity {
        match exit {
            ExitReason::Target | ExitReason::Partial if self.targets_rest => Liquidity::Maker,
            _ => Liquidity::Taker,
        }
    }

    /// Fee rate, 1e-8ths.
    #[must_use]
    pub const fn fee_rate(&self, liquidity: Liquidity) -> i64 {
        match liquidity {
            Liquidity::Maker => self.maker_fee_rate,
            Liquidity::Taker => self.taker_fee_rate,
        }
    }

    /// The price that a fill gets, slippage included: higher for a buyer, lower for a seller, never below zero.
    #[must_use]
    #[inline]
    pub fn slipped(&self, price: f64, is_buy: bool, notional: f64, liquidity: Liquidity) -> f64 {
        if liquidity == Liquidity::Maker {
            return price;
        }
        // Quotients take long, and mostly there is no impact.
        let has_impact = self.impact_bp != 0.0;
        let impact_bp = if has_impact { self.impact_bp * ratio(notional, self.depth_notional, 0.0) } else { 0.0 };
        let slip = (self.slippage_bp + impact_bp) / 1e4;
        max(price * if is_buy { 1.0 + slip } else { 1.0 - slip }, 0.0)
    }
}

impl FillRules {
    /// The price, before slippage, of an exit by a level that the bar touched.
    #[must_use]
    pub fn level_price(&self, held: Side, reason: ExitReason, level: f64, bar: &Bar) -> f64 {
        let open = bar.open;
        let is_stop = reason == ExitReason::Stop;
        if (if is_stop { self.stop_gap } else { self.target_gap }) == Gap::Level {
            return level;
        }
        // A stop of a long position and a target of a short one are reached from above.
        if (held == Side::Long) == is_stop { min(level, open) } else { max(level, open) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps() {
        let bar = Bar { open: 95.0, high: 106.0, low: 94.0, close: 100.0, volume: 1.0 };
        let at_open = FillRules { target_gap: Gap::Open, ..FillRules::default() };
        let price = |rules: FillRules, side, reason, level| rules.level_price(side, reason, level, &bar);
        assert_eq!(price(at_open, Side::Long, ExitReason::Stop, 97.0), 95.0);
        assert_eq!(price(at_open, Side::Long, ExitReason::Stop, 94.5), 94.5);
        assert_eq!(price(at_open, Side::Short, ExitReason::Stop, 105.0), 105.0);
        assert_eq!(price(at_open, Side::Short, ExitReason::Target, 97.0), 95.0);
        assert_eq!(price(at_open, Side::Long, ExitReason::Target, 105.0), 105.0);
        assert_eq!(price(FillRules::default(), Side::Short, ExitReason::Target, 97.0), 97.0);
        let at_level = FillRules { stop_gap: Gap::Level, ..at_open };
        assert_eq!(price(at_level, Side::Long, ExitReason::Stop, 97.0), 97.0);
    }

    #[test]
    fn slippage_is_always_against_us() {
        let costs = Costs { slippage_bp: 10.0, impact_bp: 20.0, depth_notional: 1000.0, ..Costs::default() };
        assert!((costs.slipped(100.0, true, 500.0, Liquidity::Taker) - 100.2).abs() < 1e-12);
        assert!((costs.slipped(100.0, false, 500.0, Liquidity::Taker) - 99.8).abs() < 1e-12);
        assert_eq!(costs.slipped(100.0, true, 500.0, Liquidity::Maker), 100.0);
        assert_eq!(costs.slipped(100.0, false, 1e9, Liquidity::Taker), 0.0);
    }
}
