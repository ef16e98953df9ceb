//! Orders that wait for a price: stop, take-profit, trailing stop. Pure; prices are ticks.
//!
//! A price is one at which others traded, or the touch where it leaves no doubt: a stop that sells needs the whole market at or
//! below its level, so the best ask; a take-profit that sells needs somebody who pays that much, so the best bid.

use mesh_types::Side;

/// What an order waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// The market against the position: a sell for a price at or below the level, a buy at or above.
    Stop,
    /// The market in favour: a sell for a price at or above the level, a buy at or below.
    TakeProfit,
    /// As a stop, whose level follows the best price so far at this distance.
    Trailing {
        /// Ticks.
        distance: i64,
    },
}

/// What a price did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Waits,
    /// The level followed.
    Moved,
    /// The order is to be executed.
    Triggered,
}

/// A waiting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    side: Side,
    waits: Waits,
    level: Option<i64>,
}

impl Trigger {
    /// Of an order of this side; `None` for a level only where it trails: it starts from the first price.
    #[must_use]
    pub const fn new(side: Side, waits: Waits, level: Option<i64>) -> Self {
        Self { side, waits, level }
    }

    /// The level in ticks.
    #[must_use]
    pub const fn level(&self) -> Option<i64> {
        self.level
    }

    /// Others traded at this price.
    pub fn on_trade(&mut self, price: i64) -> Step {
        self.step(price, price)
    }

    /// The best bid and the best ask are these.
    pub fn on_touch(&mut self, bid: i64, ask: i64) -> Step {
        // What a seller gets for certain, and what a buyer pays for certain.
        match self.side {
            Side::Sell => self.step(ask, bid),
            Side::Buy => self.step(bid, ask),
        }
    }

    /// `against`: the price that a stop is held to; `favour`: the one that a take-profit is held to, and a level follows.
    fn step(&mut self, against: i64, favour: i64) -> Step {
        // As if it sold: a buy's prices with the other sign.
        let sign = if self.side == Side::Sell { 1 } else { -1 };
        let (against, favour) = (against.saturating_mul(sign), favour.saturating_mul(sign));
        let level = self.level.map(|level| level.saturating_mul(sign));
        let is_met = level.is_some_and(|level| match self.waits {
            Waits::Stop | Waits::Trailing { .. } => against <= level,
            Waits::TakeProfit => favour >= level,
        });
        if is_met {
            return Step::Triggered;
        }
        let Waits::Trailing { distance } = self.waits else { return Step::Waits };
        let follows = favour.saturating_sub(distance);
        if level.is_some_and(|level| follows <= level) {
            return Step::Waits;
        }
        self.level = Some(follows.saturating_mul(sign));
        Step::Moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stop_waits_for_the_market_against_it_and_a_take_profit_for_it() {
        let mut stop = Trigger::new(Side::Sell, Waits::Stop, Some(95));
        assert_eq!(
            [stop.on_trade(96), stop.on_touch(94, 96), stop.on_trade(95)],
            [Step::Waits, Step::Waits, Step::Triggered]
        );
        assert_eq!(stop.on_touch(93, 95), Step::Triggered);
        let mut stop = Trigger::new(Side::Buy, Waits::Stop, Some(105));
        assert_eq!([stop.on_touch(104, 106), stop.on_touch(105, 107)], [Step::Waits, Step::Triggered]);
        let mut profit = Trigger::new(Side::Sell, Waits::TakeProfit, Some(105));
        assert_eq!([profit.on_touch(104, 106), profit.on_trade(105)], [Step::Waits, Step::Triggered]);
        let mut profit = Trigger::new(Side::Buy, Waits::TakeProfit, Some(95));
        assert_eq!([profit.on_trade(96), profit.on_touch(94, 95)], [Step::Waits, Step::Triggered]);
    }

    #[test]
    fn a_trailing_stop_follows_the_best_price() {
        let mut sell = Trigger::new(Side::Sell, Waits::Trailing { distance: 5 }, None);
        assert_eq!((sell.on_trade(100), sell.level()), (Step::Moved, Some(95)));
        assert_eq!((sell.on_trade(98), sell.on_trade(103), sell.level()), (Step::Waits, Step::Moved, Some(98)));
        assert_eq!(sell.on_trade(98), Step::Triggered);
        let mut buy = Trigger::new(Side::Buy, Waits::Trailing { distance: 5 }, Some(110));
        assert_eq!(
            (buy.on_touch(99, 100), buy.level(), buy.on_touch(105, 106)),
            (Step::Moved, Some(105), Step::Triggered)
        );
    }

    proptest! {
        /// A trailing level is the best price so far less the distance, and it triggers at the first trade at or beyond it.
        #[test]
        fn a_trailing_stop_is_the_best_so_far_less_its_distance(
            buys in any::<bool>(), distance in 1i64..20, prices in prop::collection::vec(50i64..150, 1..60))
        {
            let side = if buys { Side::Buy } else { Side::Sell };
            let mut trigger = Trigger::new(side, Waits::Trailing { distance }, None);
            let mut best: Option<i64> = None;
            for price in prices {
                let level = best.map(|best| if buys { best + distance } else { best - distance });
                let expected = level.is_some_and(|level| if buys { price >= level } else { price <= level });
                prop_assert_eq!(trigger.on_trade(price) == Step::Triggered, expected);
                if expected {
                    return Ok(());
                }
                best = Some(best.map_or(price, |best| if buys { best.min(price) } else { best.max(price) }));
                prop_assert_eq!(trigger.level(), best.map(|best| if buys { best + distance } else { best - distance }));
            }
        }

        #[test]
        fn the_ends_of_the_range_are_survived(level in any::<i64>(), distance in any::<i64>(), a in any::<i64>(), b in any::<i64>()) {
            for side in [Side::Buy, Side::Sell] {
                for waits in [Waits::Stop, Waits::TakeProfit, Waits::Trailing { distance }] {
                    let mut trigger = Trigger::new(side, waits, Some(level));
                    let _ = (trigger.on_trade(a), trigger.on_touch(a, b));
                }
            }
        }
    }
}
