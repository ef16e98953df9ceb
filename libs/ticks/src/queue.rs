//! Where a resting order stands in the queue of its price.
//!
//! A book by price tells how much rests at a level, not in which order. An order joins behind what the level shows. Trades
//! at the level take the front first: what they take beyond the quantity ahead is for the order. When the level shows less,
//! trades since it was shown last explain part of it; what they do not was cancelled, ahead or behind:
//!
//! | model | cancelled quantity |
//! |---|---|
//! | [`QueueModel::Conservative`] | all of it behind, as long as the level still has room for what is ahead |
//! | [`QueueModel::Proportional`] | ahead and behind in proportion to what stood there, ahead rounded down |
//!
//! More at the level joined behind. These are hftbacktest's `RiskAdverseQueueModel` and its `ProbQueueModel` with
//! `PowerProbQueueFunc(1)`, in whole lots (github.com/nkaz001/hftbacktest, `backtest/models/queue.rs`); the idea is
//! from rigtorp.se/2013/06/08/estimating-order-queue-position.html.

/// Where cancelled quantity stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueModel {
    /// Behind.
    #[default]
    Conservative,
    /// Anywhere.
    Proportional,
}

impl QueueModel {
    /// The models by name.
    pub const NAMES: [&'static str; 2] = ["conservative", "proportional"];

    /// The model of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "conservative" => Some(Self::Conservative),
            "proportional" => Some(Self::Proportional),
            _ => None,
        }
    }
}

/// An order's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePosition {
    /// Lots ahead of it.
    ahead: i64,
    /// Lots traded at the level since it was shown last.
    traded: i64,
}

impl QueuePosition {
    /// Behind so many lots.
    #[must_use]
    pub const fn behind(ahead: i64) -> Self {
        Self { ahead, traded: 0 }
    }

    /// At a price of which the book does not tell: behind whatever it will show.
    pub const UNKNOWN: Self = Self::behind(i64::MAX);

    /// Lots ahead; `i64::MAX` where that is not known yet.
    #[must_use]
    pub const fn ahead(&self) -> i64 {
        self.ahead
    }

    /// Lots ahead, and lots traded since the level was shown.
    #[must_use]
    pub const fn fingerprint(&self) -> [i64; 2] {
        [self.ahead, self.traded]
    }

    /// Takes a trade at the price; what is left of it for the order.
    #[inline]
    pub fn on_trade(&mut self, quantity: i64) -> i64 {
        let taken = quantity.min(self.ahead);
        self.traded = self.traded.saturating_add(quantity);
        if self.ahead != i64::MAX {
            self.ahead -= taken;
        }
        quantity - taken
    }

    /// All that was ahead is gone: the price traded through, or nothing rests there any more.
    #[inline]
    pub const fn to_front(&mut self) {
        self.ahead = 0;
    }

    /// The level is shown with another quantity.
    #[inline]
    pub fn on_level(&mut self, model: QueueModel, before: i64, after: i64) {
        let traded = core::mem::take(&mut self.traded);
        let stood = before.saturating_sub(traded);
        let cancelled = stood.saturating_sub(after);
        if model == QueueModel::Proportional && cancelled > 0 && self.ahead != i64::MAX {
            let (cancelled, all) = (i128::from(cancelled), i128::from(stood.max(self.ahead)));
            let ahead = cancelled * i128::from(self.ahead) / all;
            self.ahead -= i64::try_from(ahead).unwrap_or(0);
        }
        self.ahead = self.ahead.min(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn trades_take_the_front_first() {
        let mut queue = QueuePosition::behind(10);
        assert_eq!((queue.on_trade(4), queue.ahead()), (0, 6));
        assert_eq!((queue.on_trade(9), queue.ahead()), (3, 0));
        assert_eq!((queue.on_trade(2), queue.ahead()), (2, 0));
    }

    #[test]
    fn what_trades_explain_is_not_taken_twice() {
        for model in [QueueModel::Conservative, QueueModel::Proportional] {
            let mut queue = QueuePosition::behind(10);
            queue.on_trade(4);
            queue.on_level(model, 10, 6);
            assert_eq!(queue.ahead(), 6, "{model:?}");
        }
    }

    #[test]
    fn cancelled_quantity_is_placed_by_the_model() {
        // 10 ahead, 20 behind; 9 are cancelled, then 4 trade and 6 of the rest are cancelled.
        let mut careful = QueuePosition::behind(10);
        let mut even = careful;
        careful.on_level(QueueModel::Conservative, 30, 21);
        even.on_level(QueueModel::Proportional, 30, 21);
        assert_eq!((careful.ahead(), even.ahead()), (10, 7));
        careful.on_trade(4);
        even.on_trade(4);
        careful.on_level(QueueModel::Conservative, 21, 11);
        even.on_level(QueueModel::Proportional, 21, 11);
        // 17 stood there before the cancellations; 6 * 3 / 17 rounded down is 1.
        assert_eq!((careful.ahead(), even.ahead()), (6, 2));
        careful.on_level(QueueModel::Conservative, 11, 5);
        assert_eq!(careful.ahead(), 5, "no more can be ahead than rests there");
        careful.on_level(QueueModel::Conservative, 5, 50);
        assert_eq!(careful.ahead(), 5, "what comes joins behind");
    }

    #[test]
    fn an_unknown_queue_is_behind_what_is_shown() {
        let mut queue = QueuePosition::UNKNOWN;
        assert_eq!(queue.on_trade(5), 0);
        queue.on_level(QueueModel::Proportional, 0, 30);
        assert_eq!(queue.ahead(), 30);
    }

    proptest! {
        /// The queue only ever gets shorter, never below nothing, and conservative is never ahead of proportional.
        #[test]
        fn a_queue_only_gets_shorter(shown in 0i64..100, steps in prop::collection::vec((any::<bool>(), 0i64..60), 0..60)) {
            let (mut careful, mut even) = (QueuePosition::behind(shown), QueuePosition::behind(shown));
            let mut before = shown;
            for (is_trade, quantity) in steps {
                let (a, b) = (careful.ahead(), even.ahead());
                if is_trade {
                    prop_assert!(careful.on_trade(quantity) <= even.on_trade(quantity));
                } else {
                    careful.on_level(QueueModel::Conservative, before, quantity);
                    even.on_level(QueueModel::Proportional, before, quantity);
                    before = quantity;
                    prop_assert!(careful.ahead() <= quantity);
                }
                prop_assert!((0..=a).contains(&careful.ahead()) && (0..=b).contains(&even.ahead()));
                prop_assert!(even.ahead() <= careful.ahead());
            }
        }
    }
}
