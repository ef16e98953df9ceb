//! How much to enter with: a method, the tier's share of it, then limits. The notional is an `f64`; drivers round it
//! down to the instrument's lot.

use crate::account::{Account, Scale};
use crate::bar::Bar;
use crate::decision::{Side, Tier};
use crate::math::{clamp, max, min, ratio};

/// How the size follows from equity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SizingMethod {
    /// A fraction of equity.
    FixedFraction {
        /// Notional over equity.
        fraction: f64,
    },
    /// What loses a fraction of equity where the stop is hit at its price: large in calm markets, small in wild ones.
    Volatility {
        /// Loss at the stop over equity.
        risk_fraction: f64,
    },
    /// A part of what Kelly's rule would stake: `win_rate - (1 - win_rate) / payoff`, held within 0 and the cap.
    FractionalKelly {
        /// Share of trades won, 0 to 1.
        win_rate: f64,
        /// Mean gain over mean loss.
        payoff: f64,
        /// Part of the full stake, 0 to 1: half Kelly is 0.5.
        part: f64,
        /// Most of equity that it may ask for, after `part`.
        cap: f64,
    },
}

/// A method with its limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizingRules {
    /// The method.
    pub method: SizingMethod,
    /// Factor of the low, medium and high tier.
    pub tier_factors: [f64; 3],
    /// Most notional of all positions over equity.
    pub leverage_max: f64,
    /// Most notional of one position, in the quote currency; 0 for no limit.
    pub notional_max: f64,
    /// Least notional of one entry: below it nothing is entered.
    pub notional_min: f64,
}

/// What a size is made of, in the quote currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizingInput {
    /// Equity now.
    pub equity: f64,
    /// Notional of everything held.
    pub open_notional: f64,
    /// Notional held in this instrument.
    pub position_notional: f64,
    /// Price of the entry.
    pub price: f64,
    /// Price of the stop; 0 for none.
    pub stop_price: f64,
    /// Tier of the entry.
    pub tier: Tier,
}

/// What decided a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SizeLimit {
    /// The method itself.
    Method = 0,
    /// The leverage that is left.
    Leverage = 1,
    /// The largest notional of a position.
    NotionalMax = 2,
    /// What remained was below the least notional: nothing is entered.
    NotionalMin = 3,
    /// No price, no equity, no tier, or no stop where the method needs one: nothing is entered.
    Unsizable = 4,
}

/// A size and why it is not larger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Notional to enter, in the quote currency; 0 for nothing. Always finite.
    pub notional: f64,
    /// What decided it.
    pub limit: SizeLimit,
}

impl SizingRules {
    /// The size of an entry.
    #[must_use]
    pub fn size(&self, input: &SizingInput) -> Size {
        let nothing = |limit| Size { notional: 0.0, limit };
        let factor = match input.tier {
            Tier::None => return nothing(SizeLimit::Unsizable),
            Tier::Low => self.tier_factors[0],
            Tier::Medium => self.tier_factors[1],
            Tier::High => self.tier_factors[2],
        };
        let asked = self.method.notional(input) * factor;
        // A NaN fails this comparison too.
        if !(asked > 0.0 && asked < f64::INFINITY && input.price > 0.0 && input.equity > 0.0) {
            return nothing(SizeLimit::Unsizable);
        }
        let mut size = Size { notional: asked, limit: SizeLimit::Method };
        let mut limit_to = |most: f64, limit| {
            if size.notional > most {
                size = Size { notional: max(most, 0.0), limit };
            }
        };
        limit_to(input.equity * self.leverage_max - input.open_notional, SizeLimit::Leverage);
        if self.notional_max > 0.0 {
            limit_to(self.notional_max - input.position_notional, SizeLimit::NotionalMax);
        }
        if size.notional > 0.0 && size.notional < self.notional_min {
            return nothing(SizeLimit::NotionalMin);
        }
        size
    }
}

impl SizingMethod {
    fn notional(&self, input: &SizingInput) -> f64 {
        match *self {
            Self::FixedFraction { fraction } => input.equity * fraction,
            Self::Volatility { risk_fraction } => {
                let distance = if input.price > input.stop_price {
                    input.price - input.stop_price
                } else {
                    input.stop_price - input.price
                };
                if input.stop_price <= 0.0 {
                    return 0.0;
                }
                ratio(input.equity * risk_fraction * input.price, distance, 0.0)
            }
            Self::FractionalKelly { win_rate, payoff, part, cap } => {
                input.equity * clamp(kelly(win_rate, payoff) * part, 0.0, cap)
            }
        }
    }
}

/// Kelly's fraction of the stake for bets won at `win_rate`, gaining `payoff` for each unit lost; negative where
/// there is no edge, 0 where nothing is known.
#[must_use]
pub fn kelly(win_rate: f64, payoff: f64) -> f64 {
    let fraction = win_rate - (1.0 - win_rate) / payoff;
    if payoff > 0.0 && fraction.is_finite() { min(fraction, 1.0) } else { 0.0 }
}

/// Mark price at which an isolated linear position is liquidated: its margin, `entry / leverage` a unit, has fallen
/// to the maintenance margin, `maintenance_rate` of the notional at that price. Fees and funding come on top. 0 where
/// the price can't get there.
#[must_use]
pub fn liquidation_price(side: Side, entry_price: f64, leverage: f64, maintenance_rate: f64) -> f64 {
    let margin = ratio(1.0, leverage, 0.0);
    let price = match side {
        Side::Flat => 0.0,
        Side::Long => ratio(entry_price * (1.0 - margin), 1.0 - maintenance_rate, 0.0),
        Side::Short => ratio(entry_price * (1.0 + margin), 1.0 + maintenance_rate, 0.0),
    };
    max(price, 0.0)
}

/// When the venue closes a position by force.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Margin {
    /// Leverage: a position's margin is its cost over this. 0: nothing is ever closed by force.
    pub leverage: f64,
    /// Margin that must remain, of the notional.
    pub maintenance_rate: f64,
    /// Fee for it on top of the taker's, 1e-8ths.
    pub fee_rate: i64,
}

impl Margin {
    /// Where a position is closed by force; 0 for nowhere.
    #[must_use]
    pub fn liquidation_price(&self, side: Side, entry_price: f64) -> f64 {
        if self.leverage > 0.0 {
            liquidation_price(side, entry_price, self.leverage, self.maintenance_rate)
        } else {
            0.0
        }
    }

    /// Where the position of an account is closed by force; 0 for nowhere.
    #[must_use]
    pub fn level_of(&self, account: &Account, scale: &Scale) -> f64 {
        let side = match account.position {
            0 => return 0.0,
            lots if lots > 0 => Side::Long,
            _ => Side::Short,
        };
        self.liquidation_price(side, scale.money(account.cost) / scale.quantity(account.position))
    }
}

/// What a position that is closed by force at a level gets in a bar: the level, or the open beyond it. `None` where the
/// bar does not touch it, or a stop that rests (0 for none) is nearer.
#[must_use]
pub fn forced_price(side: Side, level: f64, resting_stop: f64, bar: &Bar) -> Option<f64> {
    let (touched, stop_is_nearer, price) = match side {
        Side::Flat => return None,
        Side::Long => (bar.low <= level, resting_stop >= level, min(level, bar.open)),
        Side::Short => (bar.high >= level, resting_stop <= level, max(level, bar.open)),
    };
    let is_forced = level > 0.0 && touched && !(resting_stop > 0.0 && stop_is_nearer);
    is_forced.then_some(price)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INPUT: SizingInput = SizingInput {
        equity: 10_000.0,
        open_notional: 0.0,
        position_notional: 0.0,
        price: 100.0,
        stop_price: 98.0,
        tier: Tier::High,
    };

    fn rules(method: SizingMethod) -> SizingRules {
        let tier_factors = [0.25, 0.5, 1.0];
        SizingRules { method, tier_factors, leverage_max: 3.0, notional_max: 20_000.0, notional_min: 10.0 }
    }

    #[test]
    fn methods() {
        let fixed = rules(SizingMethod::FixedFraction { fraction: 0.1 });
        assert_eq!(fixed.size(&INPUT), Size { notional: 1000.0, limit: SizeLimit::Method });
        assert_eq!(fixed.size(&SizingInput { tier: Tier::Low, ..INPUT }).notional, 250.0);
        let volatility = rules(SizingMethod::Volatility { risk_fraction: 0.01 });
        // 1 % of 10,000 lost over a distance of 2: 50 units of 100.
        assert_eq!(volatility.size(&INPUT).notional, 5000.0);
        assert_eq!(volatility.size(&SizingInput { stop_price: 0.0, ..INPUT }).limit, SizeLimit::Unsizable);
        let half = SizingMethod::FractionalKelly { win_rate: 0.6, payoff: 1.0, part: 0.5, cap: 0.25 };
        assert!((rules(half).size(&INPUT).notional - 1000.0).abs() < 1e-9);
        let capped = SizingMethod::FractionalKelly { win_rate: 0.9, payoff: 3.0, part: 1.0, cap: 0.25 };
        assert_eq!(rules(capped).size(&INPUT).notional, 2500.0);
        let hopeless = SizingMethod::FractionalKelly { win_rate: 0.4, payoff: 1.0, part: 1.0, cap: 0.25 };
        assert_eq!(rules(hopeless).size(&INPUT).limit, SizeLimit::Unsizable);
    }

    #[test]
    fn limits() {
        let all = rules(SizingMethod::FixedFraction { fraction: 10.0 });
        assert_eq!(all.size(&INPUT), Size { notional: 20_000.0, limit: SizeLimit::NotionalMax });
        let busy = SizingInput { open_notional: 29_000.0, ..INPUT };
        assert_eq!(all.size(&busy), Size { notional: 1000.0, limit: SizeLimit::Leverage });
        let full = SizingInput { open_notional: 31_000.0, ..INPUT };
        assert_eq!(all.size(&full), Size { notional: 0.0, limit: SizeLimit::Leverage });
        let little = SizingInput { open_notional: 29_995.0, ..INPUT };
        assert_eq!(all.size(&little).limit, SizeLimit::NotionalMin);
    }

    #[test]
    fn liquidation() {
        // 10 times, 0.5 % maintenance: margin of 10 lost but for 0.5 % of the price.
        let long = liquidation_price(Side::Long, 100.0, 10.0, 0.005);
        assert!((10.0 + (long - 100.0) - 0.005 * long).abs() < 1e-9);
        let short = liquidation_price(Side::Short, 100.0, 10.0, 0.005);
        assert!((10.0 + (100.0 - short) - 0.005 * short).abs() < 1e-9);
        assert_eq!(liquidation_price(Side::Long, 100.0, 1.0, 0.005), 0.0);
    }

    proptest! {
        #[test]
        fn no_limit_is_ever_passed(equity in -1e6..1e9f64, open in 0.0..1e9f64, price in 0.0..1e6f64, stop in 0.0..1e6f64, a in 0.0..1.0f64, b in 0.0..5.0f64, kind in 0..3) {
            let method = match kind {
                0 => SizingMethod::FixedFraction { fraction: b },
                1 => SizingMethod::Volatility { risk_fraction: a },
                _ => SizingMethod::FractionalKelly { win_rate: a, payoff: b, part: 1.0, cap: 0.5 },
            };
            let input = SizingInput { equity, open_notional: open, price, stop_price: stop, ..INPUT };
            let size = rules(method).size(&input);
            prop_assert!(size.notional >= 0.0 && size.notional <= 20_000.0);
            prop_assert!(size.notional == 0.0 || size.notional + open <= equity * 3.0 * (1.0 + 1e-12));
            prop_assert!(size.notional == 0.0 || size.notional >= 10.0);
        }
    }
}
