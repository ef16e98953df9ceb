//! The price levels of one instrument.
//!
//! Each side is one sorted vector with its best level at the end: most changes are near the best, so they move few
//! elements. Levels never have quantity 0 and no price twice.

use mesh_types::Side;

use crate::level::{Exponents, Level};

/// One side, sorted by rank with the best last. The rank of a bid is its price, the rank of an ask its negated price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ladder {
    levels: Vec<Level>,
}

impl Ladder {
    /// Sets the level in which `price` holds the rank.
    #[inline]
    fn set(&mut self, level: Level) {
        let at = self.place(level.price);
        match self.levels.get_mut(at) {
            Some(found) if found.price == level.price => {
                if level.quantity == 0 {
                    self.levels.remove(at);
                } else {
                    found.quantity = level.quantity;
                }
            }
            _ if level.quantity != 0 => self.levels.insert(at, level),
            // A level that is not there is removed: normal, it lay beyond the snapshot.
            _ => {}
        }
    }

    /// Index of the first level that ranks at least `rank`: searched in steps that double from the best.
    #[inline]
    fn place(&self, rank: i64) -> usize {
        let mut end = self.levels.len();
        let mut step = 1;
        while let Some(probe) = end.checked_sub(step) {
            match self.levels.get(probe) {
                Some(level) if level.price >= rank => end = probe,
                _ => {
                    let window = self.levels.get(probe..end).unwrap_or_default();
                    return probe + window.partition_point(|level| level.price < rank);
                }
            }
            step *= 2;
        }
        self.levels.get(..end).unwrap_or_default().partition_point(|level| level.price < rank)
    }

    fn best(&self) -> Option<Level> {
        self.levels.last().copied()
    }
}

const fn ask_rank(level: Level) -> Level {
    Level::new(level.price.wrapping_neg(), level.quantity)
}

/// The price levels of one instrument, both sides, at fixed exponents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    exponents: Exponents,
    bids: Ladder,
    asks: Ladder,
}

impl Book {
    /// An empty book.
    pub fn new(exponents: Exponents) -> Self {
        Self { exponents, ..Self::default() }
    }

    /// The exponents of all its levels.
    pub const fn exponents(&self) -> Exponents {
        self.exponents
    }

    /// Sets a level; quantity 0 removes it, and removing one that is not there is normal.
    #[inline]
    pub fn set(&mut self, side: Side, level: Level) {
        match side {
            Side::Buy => self.bids.set(level),
            Side::Sell => self.asks.set(ask_rank(level)),
        }
    }

    /// Sets levels of both sides, in order.
    pub fn set_all(&mut self, bids: &[Level], asks: &[Level]) {
        bids.iter().for_each(|level| self.bids.set(*level));
        asks.iter().for_each(|level| self.asks.set(ask_rank(*level)));
    }

    /// Replaces all levels. They may come in any order; cheapest best first, as venues send them.
    pub fn replace(&mut self, bids: &[Level], asks: &[Level]) {
        self.clear();
        bids.iter().rev().for_each(|level| self.bids.set(*level));
        asks.iter().rev().for_each(|level| self.asks.set(ask_rank(*level)));
    }

    /// Removes all levels.
    pub fn clear(&mut self) {
        self.bids.levels.clear();
        self.asks.levels.clear();
    }

    /// The best bid.
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.best()
    }

    /// The best ask.
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.best().map(ask_rank)
    }

    /// Bids, best first.
    pub fn bids(&self) -> impl DoubleEndedIterator<Item = Level> + ExactSizeIterator + '_ {
        self.bids.levels.iter().rev().copied()
    }

    /// Asks, best first.
    pub fn asks(&self) -> impl DoubleEndedIterator<Item = Level> + ExactSizeIterator + '_ {
        self.asks.levels.iter().rev().copied().map(ask_rank)
    }

    /// Number of bid levels.
    pub fn bid_count(&self) -> usize {
        self.bids.levels.len()
    }

    /// Number of ask levels.
    pub fn ask_count(&self) -> usize {
        self.asks.levels.len()
    }

    /// True where it is not crossed: the best bid is below the best ask, or a side is empty.
    #[inline]
    pub fn is_coherent(&self) -> bool {
        match (self.best_bid(), self.best_ask()) {
            (Some(bid), Some(ask)) => bid.price < ask.price,
            _ => true,
        }
    }

    /// The best `depth` levels of a side as they are stored, best last; ranks in place of prices.
    pub(crate) fn top(&self, side: Side, depth: usize) -> &[Level] {
        let levels = match side {
            Side::Buy => &self.bids.levels,
            Side::Sell => &self.asks.levels,
        };
        levels.get(levels.len().saturating_sub(depth)..).unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    /// The same book, slow and obvious.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Plain {
        pub(crate) bids: BTreeMap<i64, i64>,
        pub(crate) asks: BTreeMap<i64, i64>,
    }

    impl Plain {
        pub(crate) fn set(&mut self, side: Side, level: Level) {
            let levels = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
            if level.quantity == 0 {
                levels.remove(&level.price);
            } else {
                levels.insert(level.price, level.quantity);
            }
        }

        pub(crate) fn bids(&self) -> Vec<Level> {
            self.bids.iter().rev().map(|(p, q)| Level::new(*p, *q)).collect()
        }

        pub(crate) fn asks(&self) -> Vec<Level> {
            self.asks.iter().map(|(p, q)| Level::new(*p, *q)).collect()
        }
    }

    pub(crate) fn any_change() -> impl Strategy<Value = (Side, Level)> {
        (any::<bool>(), 1i64..40, 0i64..4)
            .prop_map(|(buy, price, quantity)| (if buy { Side::Buy } else { Side::Sell }, Level::new(price, quantity)))
    }

    #[test]
    fn the_best_is_the_best_and_removing_the_unknown_is_normal() {
        let mut book = Book::new(Exponents::new(-2, -3));
        book.replace(
            &[Level::new(100, 5), Level::new(99, 1), Level::new(98, 2)],
            &[Level::new(101, 4), Level::new(103, 1)],
        );
        assert_eq!((book.best_bid(), book.best_ask()), (Some(Level::new(100, 5)), Some(Level::new(101, 4))));
        book.set(Side::Buy, Level::new(50, 0));
        book.set(Side::Buy, Level::new(100, 0));
        book.set(Side::Sell, Level::new(101, 9));
        assert_eq!(book.bids().collect::<Vec<_>>(), [Level::new(99, 1), Level::new(98, 2)]);
        assert_eq!(book.asks().collect::<Vec<_>>(), [Level::new(101, 9), Level::new(103, 1)]);
        assert!(book.is_coherent());
        book.set(Side::Buy, Level::new(101, 1));
        assert!(!book.is_coherent());
        book.clear();
        assert!(book.is_coherent() && book.best_bid().is_none() && book.best_ask().is_none());
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_map(changes in proptest::collection::vec(any_change(), 0..300)) {
            let (mut book, mut plain) = (Book::new(Exponents::default()), Plain::default());
            for (side, level) in changes {
                book.set(side, level);
                plain.set(side, level);
                prop_assert_eq!(book.bids().collect::<Vec<_>>(), plain.bids());
                prop_assert_eq!(book.asks().collect::<Vec<_>>(), plain.asks());
            }
        }

        #[test]
        fn a_replacement_may_come_in_any_order(bids in proptest::collection::vec((1i64..50, 1i64..9), 0..40)) {
            let levels: Vec<Level> = bids.iter().map(|(p, q)| Level::new(*p, *q)).collect();
            let mut book = Book::new(Exponents::default());
            book.set(Side::Buy, Level::new(77, 1));
            book.replace(&levels, &levels);
            let prices: Vec<i64> = book.bids().map(|l| l.price).collect();
            let mut expected: Vec<i64> = bids.iter().map(|(p, _)| *p).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(book.asks().map(|l| l.price).collect::<Vec<_>>(), expected.clone());
            expected.reverse();
            prop_assert_eq!(prices, expected);
        }
    }
}
