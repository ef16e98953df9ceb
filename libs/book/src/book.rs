//! The price levels of one instrument.
//!
//! Each side has two tiers: its best levels in one sorted vector with the best at the end, where nearly all changes are and
//! where reading is; the others in a tree, so that a change far from the best moves nothing. Levels never have quantity 0
//! and no price twice; every level of the vector ranks above every one of the tree; the vector holds at least
//! [`MAX_ORDER_LEVELS`] levels, or all there are.

use std::collections::BTreeMap;

use mesh_types::Side;
use mesh_types::limits::MAX_ORDER_LEVELS;

use crate::level::{Exponents, Level};

/// Levels that the vector keeps at least, taken from the tree when it would have fewer.
const LEAST: usize = MAX_ORDER_LEVELS;
/// Levels that the vector keeps at most; then the worst ones go to the tree.
const MOST: usize = 2 * LEAST;

/// One side, sorted by rank. The rank of a bid is its price, the rank of an ask its negated price.
#[derive(Clone, Debug, Default)]
struct Ladder {
    /// The best levels, best last; ranks in place of prices.
    levels: Vec<Level>,
    /// Quantity by rank, of all the others.
    deep: BTreeMap<i64, i64>,
}

impl Ladder {
    /// Sets the level in which `price` holds the rank.
    #[inline]
    fn set(&mut self, level: Level) {
        let beyond = self.levels.first().is_some_and(|worst| level.price < worst.price);
        if beyond && self.levels.len() >= LEAST {
            return self.set_deep(level);
        }
        let at = self.place(level.price);
        match self.levels.get_mut(at) {
            Some(found) if found.price == level.price => {
                if level.quantity == 0 {
                    self.levels.remove(at);
                    self.refill();
                } else {
                    found.quantity = level.quantity;
                }
            }
            _ if level.quantity != 0 => {
                self.levels.insert(at, level);
                self.spill();
            }
            // A level that is not there is removed: normal, it lay beyond the snapshot.
            _ => {}
        }
    }

    fn set_deep(&mut self, level: Level) {
        if level.quantity == 0 {
            self.deep.remove(&level.price);
        } else {
            self.deep.insert(level.price, level.quantity);
        }
    }

    /// Takes levels from the tree when the vector has become short.
    fn refill(&mut self) {
        if self.levels.len() >= LEAST || self.deep.is_empty() {
            return;
        }
        let have = self.levels.len();
        while self.levels.len() < have + LEAST
            && let Some((price, quantity)) = self.deep.pop_last()
        {
            self.levels.push(Level::new(price, quantity));
        }
        // They come best first, and belong before the others, worst first.
        self.levels.rotate_left(have);
        let taken = self.levels.len() - have;
        self.levels.get_mut(..taken).unwrap_or_default().reverse();
    }

    /// Gives levels to the tree when the vector has become long.
    fn spill(&mut self) {
        if self.levels.len() > MOST {
            let worst = self.levels.drain(..MOST / 4);
            self.deep.extend(worst.map(|level| (level.price, level.quantity)));
        }
    }

    fn clear(&mut self) {
        self.levels.clear();
        self.deep.clear();
    }

    /// All levels, best first.
    fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        let deep = self.deep.iter().rev().map(|(price, quantity)| Level::new(*price, *quantity));
        self.levels.iter().rev().copied().chain(deep)
    }

    fn len(&self) -> usize {
        self.levels.len() + self.deep.len()
    }

    /// Drops the worst levels, so that at most `depth` are left.
    fn truncate(&mut self, depth: usize) {
        while self.len() > depth && self.deep.pop_first().is_some() {}
        let beyond = self.levels.len().saturating_sub(depth);
        self.levels.drain(..beyond);
    }

    /// The same levels with prices and quantities multiplied.
    fn scaled(&self, price: i64, quantity: i64) -> Option<Self> {
        let scale =
            |level: Level| Some(Level::new(level.price.checked_mul(price)?, level.quantity.checked_mul(quantity)?));
        let levels = self.levels.iter().map(|level| scale(*level)).collect::<Option<_>>()?;
        let deep = self.deep.iter().map(|(p, q)| scale(Level::new(*p, *q)).map(|l| (l.price, l.quantity)));
        Some(Self { levels, deep: deep.collect::<Option<_>>()? })
    }

    /// Index of the first level that ranks at least `rank`.
    #[inline]
    fn place(&self, rank: i64) -> usize {
        self.levels.partition_point(|level| level.price < rank)
    }

    fn best(&self) -> Option<Level> {
        self.levels.last().copied()
    }
}

const fn ask_rank(level: Level) -> Level {
    Level::new(level.price.wrapping_neg(), level.quantity)
}

/// What mantissas at exponent `from` are multiplied by at the finer exponent `to`.
fn power(from: i8, to: i8) -> Option<i64> {
    let shift = i16::from(from) - i16::from(to);
    10i64.checked_pow(u32::try_from(shift).ok()?)
}

/// The price levels of one instrument, both sides, at fixed exponents.
#[derive(Clone, Debug, Default)]
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

    /// Keeps the best `depth` levels of each side.
    pub fn truncate(&mut self, depth: usize) {
        self.bids.truncate(depth);
        self.asks.truncate(depth);
    }

    /// The same book at finer exponents. `None` where one of them is coarser than now, or a level does not fit them.
    #[must_use]
    pub fn refined(&self, exponents: Exponents) -> Option<Self> {
        let price = power(self.exponents.price, exponents.price)?;
        let quantity = power(self.exponents.quantity, exponents.quantity)?;
        let (bids, asks) = (self.bids.scaled(price, quantity)?, self.asks.scaled(price, quantity)?);
        Some(Self { exponents, bids, asks })
    }

    /// Begins again at these exponents, without levels; keeps its memory.
    pub(crate) fn begin(&mut self, exponents: Exponents) {
        self.clear();
        self.exponents = exponents;
    }

    /// Removes all levels.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
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
    pub fn bids(&self) -> impl Iterator<Item = Level> + '_ {
        self.bids.iter()
    }

    /// Asks, best first.
    pub fn asks(&self) -> impl Iterator<Item = Level> + '_ {
        self.asks.iter().map(ask_rank)
    }

    /// Number of bid levels.
    pub fn bid_count(&self) -> usize {
        self.bids.len()
    }

    /// Number of ask levels.
    pub fn ask_count(&self) -> usize {
        self.asks.len()
    }

    /// True where it is not crossed: the best bid is below the best ask, or a side is empty.
    #[inline]
    pub fn is_coherent(&self) -> bool {
        match (self.best_bid(), self.best_ask()) {
            (Some(bid), Some(ask)) => bid.price < ask.price,
            _ => true,
        }
    }

    /// The best `depth` levels of a side, at most [`MAX_ORDER_LEVELS`], as they are stored: best last, ranks in place of
    /// prices.
    #[inline]
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
        fn it_is_a_sorted_map_across_its_tiers(
            start in 0i64..3_000,
            changes in proptest::collection::vec((any::<bool>(), 1i64..3_000, 0i64..3), 0..3_000),
            walk in any::<bool>(),
        ) {
            let (mut book, mut plain) = (Book::new(Exponents::default()), Plain::default());
            let first = (1..=start).map(|price| (Side::Buy, Level::new(price, 1)));
            let walked = changes.iter().enumerate().map(|(index, (buy, price, quantity))| {
                // Either anywhere, or eating from the best down.
                let price = if walk { (start - i64::try_from(index).expect("small")).max(1) } else { *price };
                let side = if *buy || walk { Side::Buy } else { Side::Sell };
                (side, Level::new(price, if walk { quantity / 2 } else { *quantity }))
            });
            for (index, (side, level)) in first.chain(walked).enumerate() {
                book.set(side, level);
                plain.set(side, level);
                if index % 64 == 0 {
                    prop_assert_eq!(book.bids().collect::<Vec<_>>(), plain.bids());
                    prop_assert_eq!(book.asks().collect::<Vec<_>>(), plain.asks());
                }
                prop_assert!(book.bids.levels.len() >= LEAST.min(book.bid_count()) && book.bids.levels.len() <= MOST);
            }
            prop_assert_eq!(book.bids().collect::<Vec<_>>(), plain.bids());
            prop_assert_eq!((book.bid_count(), book.ask_count()), (plain.bids.len(), plain.asks.len()));
        }

        #[test]
        fn truncated_and_refined_it_has_the_same_best_levels(
            changes in proptest::collection::vec(any_change(), 0..700),
            depth in 0usize..600,
            finer in 0i8..4,
        ) {
            let mut book = Book::new(Exponents::new(-1, 0));
            changes.iter().for_each(|(side, level)| book.set(*side, *level));
            let refined = book.refined(Exponents::new(-1 - finer, -finer)).expect("small numbers");
            prop_assert!(book.refined(Exponents::new(0, 0)).is_none(), "coarser would drop digits");
            let decimals = |book: &Book, levels: &mut dyn Iterator<Item = Level>| {
                let exponents = book.exponents();
                levels.map(|l| (exponents.price(l), exponents.quantity(l))).collect::<Vec<_>>()
            };
            prop_assert_eq!(decimals(&book, &mut book.bids()), decimals(&refined, &mut refined.bids()));
            prop_assert_eq!(decimals(&book, &mut book.asks()), decimals(&refined, &mut refined.asks()));
            let mut short = book.clone();
            short.truncate(depth);
            prop_assert!(short.bids().eq(book.bids().take(depth)) && short.asks().eq(book.asks().take(depth)));
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
