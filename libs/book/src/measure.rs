//! Measures of a book: how deep it is near its middle, which side is heavier, what a quantity would cost. Exact, in integers at
//! the book's exponents, and without allocation.
//!
//! They say nothing of whether the book can be trusted: ask its health first.

use mesh_types::Side;

use crate::book::Book;
use crate::level::Level;

/// Basis points of one.
const BASIS_POINTS: i128 = 10_000;
/// Parts of one that an imbalance is counted in.
const PARTS: i128 = 1_000_000;

/// The levels of one side near the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// How many.
    pub levels: usize,
    /// Their quantity, at the book's exponent of quantities.
    pub quantity: i128,
    /// Their notional, at the sum of the book's exponents.
    pub notional: i128,
}

impl Depth {
    fn add(mut self, level: Level) -> Self {
        self.levels += 1;
        self.quantity += i128::from(level.quantity);
        self.notional += i128::from(level.price) * i128::from(level.quantity);
        self
    }
}

/// What taking a quantity from a book would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The quantity; less than was asked for where the book holds no more.
    pub quantity: i64,
    /// What it costs, at the sum of the book's exponents.
    pub notional: i128,
    /// The worst price that is met.
    pub worst: i64,
}

impl Taken {
    /// The volume-weighted price at the book's exponent of prices, rounded against the taker: up for who buys, down for who
    /// sells.
    pub fn price(&self, taker: Side) -> i64 {
        let quantity = i128::from(self.quantity.max(1));
        let floor = self.notional.div_euclid(quantity);
        let up = taker == Side::Buy && self.notional.rem_euclid(quantity) != 0;
        // It lies between the best and the worst price, which fit.
        i64::try_from(floor + i128::from(up)).unwrap_or(self.worst)
    }
}

impl Book {
    /// The levels of a side whose price is at most so many basis points from the middle of the best two. `None` where a side is
    /// empty.
    pub fn depth_within(&self, side: Side, basis_points: u32) -> Option<Depth> {
        let twice_middle = i128::from(self.best_bid()?.price) + i128::from(self.best_ask()?.price);
        let basis_points = i128::from(basis_points);
        let depth = match side {
            Side::Buy => {
                let bound = twice_middle * (BASIS_POINTS - basis_points);
                let near = |level: &Level| i128::from(level.price) * 2 * BASIS_POINTS >= bound;
                self.bids().take_while(near).fold(Depth::default(), Depth::add)
            }
            Side::Sell => {
                let bound = twice_middle * (BASIS_POINTS + basis_points);
                let near = |level: &Level| i128::from(level.price) * 2 * BASIS_POINTS <= bound;
                self.asks().take_while(near).fold(Depth::default(), Depth::add)
            }
        };
        Some(depth)
    }

    /// How much heavier the bids are among the best `levels` of each side: `(bids - asks) / (bids + asks)` of their quantities,
    /// in millionths, rounded towards 0. From -1,000,000 (only asks) to 1,000,000 (only bids); `None` for an empty book.
    pub fn imbalance_ppm(&self, levels: usize) -> Option<i64> {
        let sum = |sum: i128, level: Level| sum + i128::from(level.quantity);
        let bids = self.bids().take(levels).fold(0, sum);
        let asks = self.asks().take(levels).fold(0, sum);
        let parts = ((bids - asks) * PARTS).checked_div(bids + asks)?;
        i64::try_from(parts).ok()
    }

    /// What a taker gets who wants a quantity at once. `None` where there is nothing to take, or nothing is wanted.
    pub fn take(&self, taker: Side, quantity: i64) -> Option<Taken> {
        let step = |taken: &mut Taken, level: Level| {
            let part = level.quantity.min(quantity - taken.quantity);
            if part > 0 {
                taken.quantity += part;
                taken.notional += i128::from(part) * i128::from(level.price);
                taken.worst = level.price;
            }
            (taken.quantity < quantity).then_some(())
        };
        let mut taken = Taken { quantity: 0, notional: 0, worst: 0 };
        let _ = match taker {
            Side::Buy => self.asks().try_for_each(|level| step(&mut taken, level)),
            Side::Sell => self.bids().try_for_each(|level| step(&mut taken, level)),
        };
        (taken.quantity > 0).then_some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Exponents;
    use proptest::prelude::*;

    fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Book {
        let mut book = Book::new(Exponents::new(-2, -3));
        for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
            levels.iter().for_each(|(price, quantity)| book.set(side, Level::new(*price, *quantity)));
        }
        book
    }

    #[test]
    fn known_measures() {
        // 100.00 in the middle.
        let book = book(&[(9_990, 5), (9_900, 7), (9_000, 9)], &[(10_010, 2), (10_100, 3)]);
        assert_eq!(book.depth_within(Side::Buy, 9).map(|depth| depth.levels), Some(0));
        assert_eq!(
            book.depth_within(Side::Buy, 100),
            Some(Depth { levels: 2, quantity: 12, notional: 5 * 9_990 + 7 * 9_900 })
        );
        assert_eq!(book.depth_within(Side::Sell, 10).map(|depth| (depth.levels, depth.quantity)), Some((1, 2)));
        assert_eq!(book.imbalance_ppm(1), Some(428_571));
        assert_eq!(book.imbalance_ppm(0), None);
        let bought = book.take(Side::Buy, 4).expect("asks");
        assert_eq!(bought, Taken { quantity: 4, notional: 2 * 10_010 + 2 * 10_100, worst: 10_100 });
        assert_eq!(bought.price(Side::Buy), 10_055);
        assert_eq!(book.take(Side::Sell, 100).map(|taken| taken.quantity), Some(21), "there is no more");
        assert_eq!(book.take(Side::Sell, 0), None);
        let empty = super::tests::book(&[(1, 1)], &[]);
        assert_eq!((empty.depth_within(Side::Buy, 1), empty.take(Side::Buy, 1)), (None, None));
        assert_eq!(empty.imbalance_ppm(5), Some(1_000_000));
    }

    proptest! {
        #[test]
        fn measures_are_those_of_the_naive_way(
            bids in proptest::collection::btree_map(1i64..1_000, 1i64..i64::MAX / 4_000, 1..60),
            asks in proptest::collection::btree_map(1_001i64..2_000, 1i64..i64::MAX / 4_000, 1..60),
            basis_points in 0u32..20_000, levels in 1usize..70, wanted in 1i64..i64::MAX / 2,
        ) {
            let pairs = |side: &std::collections::BTreeMap<i64, i64>| side.iter().map(|(p, q)| (*p, *q)).collect::<Vec<_>>();
            let (bids, asks) = (pairs(&bids), pairs(&asks));
            let book = book(&bids, &asks);
            let (best_bid, best_ask) = (bids[bids.len() - 1].0, asks[0].0);
            // |price - middle| / middle <= basis points, without division.
            let near = |price: i64| {
                let twice = i128::from(best_bid + best_ask);
                (i128::from(2 * price) - twice).abs() * 10_000 <= twice * i128::from(basis_points)
            };
            for (side, all) in [(Side::Buy, &bids), (Side::Sell, &asks)] {
                let quantity: i128 = all.iter().filter(|(price, _)| near(*price)).map(|(_, q)| i128::from(*q)).sum();
                prop_assert_eq!(book.depth_within(side, basis_points).map(|depth| depth.quantity), Some(quantity));
            }
            let parts = book.imbalance_ppm(levels).expect("levels");
            prop_assert!((-1_000_000..=1_000_000).contains(&parts));
            let mut left = i128::from(wanted);
            let mut cost = 0i128;
            for (price, quantity) in &asks {
                let part = left.min(i128::from(*quantity));
                cost += part * i128::from(*price);
                left -= part;
            }
            let taken = book.take(Side::Buy, wanted).expect("asks");
            prop_assert_eq!((i128::from(taken.quantity), taken.notional), (i128::from(wanted) - left, cost));
            let price = i128::from(taken.price(Side::Buy));
            prop_assert!(price * i128::from(taken.quantity) >= cost && (price - 1) * i128::from(taken.quantity) < cost);
            prop_assert!((i128::from(best_ask)..=i128::from(taken.worst)).contains(&price));
        }
    }
}
