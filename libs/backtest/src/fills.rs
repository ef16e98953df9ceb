//! Assumptions about fills by name. Bars say nothing about the order of prices inside them, so every choice is an
//! assumption; the kernel's [`FillRules`] holds most, two more are needed to repeat what other programs assume.
//!
//! | preset | decisions at the market | stops and targets |
//! |---|---|---|
//! | `next_open` | open of the next bar | the same: the strategy sees the touch at the close and leaves at the next open |
//! | `same_close` | close of their own bar | the same |
//! | `intrabar` | open of the next bar | rest at the venue: their level inside the bar, stop before target, a gap beyond the stop fills at the open |
//!
//! The peers' presets (`backtesting_py`, `raptorbt`, `vectorbt`, `nautilus`) make trades comparable one by one.

use mesh_kernel::fills::{Anchor, Costs, FillRules, Gap, Levels, Market};

/// What comes first in a bar at whose open a turn waits to be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The turn, at the open.
    MarketFirst,
    /// The old position's stop and target; where they are touched the waiting entry is dropped.
    LevelsFirst,
}

/// A full set of assumptions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fills {
    /// The kernel's.
    pub rules: FillRules,
    /// A turn that waits.
    pub turn: Turn,
    /// Levels are watched in the very bar at whose open the position was entered.
    pub entry_bar_levels: bool,
}

const INTRABAR_RULES: FillRules = FillRules {
    market: Market::NextOpen,
    levels: Levels::Inside,
    stop_gap: Gap::Open,
    target_gap: Gap::Level,
    anchor: Anchor::SignalClose,
};

impl Fills {
    /// The kernel's rules and nothing else.
    #[must_use]
    pub const fn of(rules: FillRules) -> Self {
        Self { rules, turn: Turn::MarketFirst, entry_bar_levels: true }
    }

    /// Market orders at the next open, levels inside the bar.
    pub const INTRABAR: Self = Self::of(INTRABAR_RULES);
    /// Everything at the next open.
    pub const NEXT_OPEN: Self = Self::of(FillRules { levels: Levels::AtMarket, ..INTRABAR_RULES });
    /// Everything at the close of its own bar.
    pub const SAME_CLOSE: Self =
        Self::of(FillRules { levels: Levels::AtMarket, market: Market::Close, ..INTRABAR_RULES });
    /// As backtesting.py does.
    pub const BACKTESTING_PY: Self = Self::of(FillRules { target_gap: Gap::Open, ..INTRABAR_RULES });
    /// As raptorbt does (its average true range is seeded by another rule, too).
    pub const RAPTORBT: Self = Self::of(FillRules { anchor: Anchor::Fill, ..INTRABAR_RULES });
    /// As vectorbt does with stops given in `from_signals`.
    pub const VECTORBT: Self = Self {
        rules: FillRules { anchor: Anchor::Fill, target_gap: Gap::Open, ..INTRABAR_RULES },
        turn: Turn::LevelsFirst,
        entry_bar_levels: false,
    };
    /// As NautilusTrader does with bars: orders at the same close, stops at their trigger whatever the gap.
    pub const NAUTILUS: Self =
        Self::of(FillRules { market: Market::Close, stop_gap: Gap::Level, anchor: Anchor::Fill, ..INTRABAR_RULES });

    /// All presets by name.
    pub const PRESETS: &'static [(&'static str, Self)] = &[
        ("next_open", Self::NEXT_OPEN),
        ("same_close", Self::SAME_CLOSE),
        ("intrabar", Self::INTRABAR),
        ("backtesting_py", Self::BACKTESTING_PY),
        ("raptorbt", Self::RAPTORBT),
        ("vectorbt", Self::VECTORBT),
        ("nautilus", Self::NAUTILUS),
    ];

    /// The preset of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, fills)| *fills)
    }
}

/// A rate in 1e-8ths, as the kernel's fees and funding are given: from basis points.
#[must_use]
pub fn rate_of_bp(bp: f64) -> i64 {
    (bp * 1e4).round() as i64
}

/// The same fee on every fill, nothing else.
#[must_use]
pub fn flat_fee(bp: f64) -> Costs {
    Costs { taker_fee_rate: rate_of_bp(bp), maker_fee_rate: rate_of_bp(bp), ..Costs::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_names() {
        assert_eq!(Fills::named("intrabar"), Some(Fills::of(FillRules::default())));
        assert_eq!(Fills::named("nope"), None);
        assert_eq!(flat_fee(5.0).taker_fee_rate, 50_000);
    }
}
