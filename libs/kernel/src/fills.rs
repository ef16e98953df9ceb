//! What an order gets: where inside a bar, with what slippage and fee.
//!
//! A decision is made on a closed bar. Its market part (entries, exits by signal or time) is filled at the open of a
//! later bar, or at that close; its levels (stop, target, partial) are filled inside the bar that touched them. Where
//! a bar touches several, the order is that of [`crate::exits`]: the stop first.

use crate::bar::Bar;
use crate::decision::Side;
use crate::exits::{Exit, ExitReason};
use crate::math::{max, min, ratio};

/// Where market orders are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum FillAt {
    /// At the open of the bar after the decision: what a bot that acts at once can get.
    #[default]
    NextOpen = 0,
    /// At the close that the decision was made on: optimistic by one tick of time.
    Close = 1,
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

/// What happens where a market order waits for an open and the bar touches the stop of the position it would end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum StopBar {
    /// The market order is filled first, at the open, as time has it.
    #[default]
    MarketFirst = 0,
    /// The stop ends the position and the market order is dropped (vectorbt).
    StopFirst = 1,
}

/// From where stop and target are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Anchor {
    /// From the price that the entry got.
    #[default]
    Fill = 0,
    /// From the close of the entry's signal.
    SignalClose = 1,
}

/// Conventions of fills on bars.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FillRules {
    /// Where market orders are filled.
    pub at: FillAt,
    /// From where levels are measured.
    pub anchor: Anchor,
    /// What stops get where the bar opens beyond them.
    pub stop_gap: Gap,
    /// What targets get where the bar opens beyond them.
    pub target_gap: Gap,
    /// Market order and stop in the same bar.
    pub stop_bar: StopBar,
    /// Levels are not watched in the bar whose open filled the entry.
    pub skip_entry_bar: bool,
    /// What trading costs.
    pub costs: Costs,
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
    pub fn slipped(&self, price: f64, is_buy: bool, notional: f64, liquidity: Liquidity) -> f64 {
        if liquidity == Liquidity::Maker {
            return price;
        }
        let slip = (self.slippage_bp + self.impact_bp * ratio(notional, self.depth_notional, 0.0)) / 1e4;
        max(price * if is_buy { 1.0 + slip } else { 1.0 - slip }, 0.0)
    }
}

impl FillRules {
    /// The price, before slippage, of an exit by a level that the bar touched.
    #[must_use]
    pub fn level_price(&self, held: Side, exit: &Exit, bar: &Bar) -> f64 {
        let (level, open) = (exit.price, bar.open);
        let is_stop = exit.reason == ExitReason::Stop;
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

    fn exit(reason: ExitReason, price: f64) -> Exit {
        Exit { reason, price, fraction: 1.0 }
    }

    #[test]
    fn gaps() {
        let bar = Bar { open: 95.0, high: 106.0, low: 94.0, close: 100.0, volume: 1.0 };
        let rules = FillRules::default();
        let stop = exit(ExitReason::Stop, 97.0);
        assert_eq!(rules.level_price(Side::Long, &stop, &bar), 95.0);
        assert_eq!(rules.level_price(Side::Long, &exit(ExitReason::Stop, 94.5), &bar), 94.5);
        assert_eq!(rules.level_price(Side::Short, &exit(ExitReason::Stop, 105.0), &bar), 105.0);
        assert_eq!(rules.level_price(Side::Short, &exit(ExitReason::Target, 97.0), &bar), 95.0);
        assert_eq!(rules.level_price(Side::Long, &exit(ExitReason::Target, 105.0), &bar), 105.0);
        let level = FillRules { stop_gap: Gap::Level, ..rules };
        assert_eq!(level.level_price(Side::Long, &stop, &bar), 97.0);
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
