//! What a taker gets of a book.
//!
//! The market's own book is not changed by the accounts' orders, since a recorded one can't be; what they took of a level
//! is remembered instead, until the market sets that level again. So nothing that is shown is sold twice
//! (`tests::no_level_gives_more_than_it_shows`).

use std::collections::BTreeMap;

use mesh_book::{Book, Level};
use mesh_types::{Rounding, Side};

use crate::core::instrument::Instrument;
use crate::core::orders::Amount;

/// What the accounts have taken of one book's levels.
#[derive(Clone, Debug, Default)]
pub struct Consumed([BTreeMap<i64, i64>; 2]);

impl Consumed {
    fn of(&self, side: Side) -> &BTreeMap<i64, i64> {
        let [bids, asks] = &self.0;
        if side == Side::Buy { bids } else { asks }
    }

    fn of_mut(&mut self, side: Side) -> &mut BTreeMap<i64, i64> {
        let [bids, asks] = &mut self.0;
        if side == Side::Buy { bids } else { asks }
    }

    /// The market has set a level: what it shows is there.
    pub fn level_set(&mut self, side: Side, price: i64) {
        self.of_mut(side).remove(&price);
    }

    /// The market has set all levels.
    pub fn clear(&mut self) {
        self.0 = Default::default();
    }

    /// What is left of a level.
    fn left(&self, side: Side, level: Level) -> i64 {
        (level.quantity - self.of(side).get(&level.price).copied().unwrap_or(0)).max(0)
    }

    /// Takes fills out of the makers' side.
    pub fn take(&mut self, makers: Side, fills: &[Level]) {
        let consumed = self.of_mut(makers);
        for fill in fills {
            *consumed.entry(fill.price).or_default() += fill.quantity;
        }
    }
}

/// What a taker on `side` would get, best price first, at `limit` or better.
pub fn plan(
    instrument: &Instrument,
    book: &Book,
    consumed: &Consumed,
    side: Side,
    limit: Option<i64>,
    amount: Amount,
) -> Vec<Level> {
    let makers = side.opposite();
    let mut fills = Vec::new();
    let (mut base, mut quote) = match amount {
        Amount::Base(quantity) => (quantity, i128::MAX),
        Amount::Quote(amount) => (i64::MAX, amount),
    };
    let mut visit = |level: Level| {
        let reached = limit.is_none_or(|limit| match side {
            Side::Buy => level.price <= limit,
            Side::Sell => level.price >= limit,
        });
        let wanted = if quote == i128::MAX { base } else { base.min(instrument.affordable(quote, level.price)) };
        if !reached || wanted <= 0 {
            return false;
        }
        let quantity = wanted.min(consumed.left(makers, level));
        if quantity > 0 {
            base -= quantity;
            if quote != i128::MAX {
                quote -= instrument.notional(level.price, quantity, Rounding::Ceiling);
            }
            fills.push(Level::new(level.price, quantity));
        }
        true
    };
    match makers {
        Side::Buy => book.bids().all(&mut visit),
        Side::Sell => book.asks().all(&mut visit),
    };
    fills
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::instrument::tests::btcusdt;
    use crate::core::units::{EXPONENT, ONE};
    use mesh_book::Exponents;
    use proptest::prelude::*;

    fn book(asks: &[(i64, i64)]) -> Book {
        let mut book = Book::new(Exponents::new(EXPONENT, EXPONENT));
        asks.iter().for_each(|(price, quantity)| book.set(Side::Sell, Level::new(price * ONE, quantity * 1_000)));
        book
    }

    #[test]
    fn an_amount_of_the_quote_asset_buys_whole_lots() {
        let book = book(&[(100, 2_000), (200, 100_000)]);
        let fills = plan(&btcusdt(), &book, &Consumed::default(), Side::Buy, None, Amount::Quote(3 * i128::from(ONE)));
        // 2 at 100 are 2.00000 in lots of 0.00001: 0.02 BTC for 2; the last 1 buys 0.005.
        assert_eq!(fills, [Level::new(100 * ONE, 2_000_000), Level::new(200 * ONE, 500_000)]);
    }

    proptest! {
        #[test]
        fn no_level_gives_more_than_it_shows(
            levels in proptest::collection::btree_map(1i64..50, 1i64..100, 1..20),
            takers in proptest::collection::vec((1i64..200, 1i64..60), 1..30),
        ) {
            let levels: Vec<(i64, i64)> = levels.into_iter().collect();
            let book = book(&levels);
            let (btc, mut consumed) = (btcusdt(), Consumed::default());
            let mut taken: BTreeMap<i64, i64> = BTreeMap::new();
            for (quantity, limit) in takers {
                let wanted = Amount::Base(quantity * 1_000);
                let fills = plan(&btc, &book, &consumed, Side::Buy, Some(limit * ONE), wanted);
                let got: i64 = fills.iter().map(|fill| fill.quantity).sum();
                prop_assert!(got <= quantity * 1_000);
                prop_assert!(fills.iter().all(|fill| fill.price <= limit * ONE && fill.quantity > 0));
                prop_assert!(fills.windows(2).all(|pair| pair[0].price < pair[1].price), "best first");
                let there: i64 = levels.iter().filter(|(p, _)| *p <= limit)
                    .map(|(p, q)| q * 1_000 - taken.get(&(p * ONE)).copied().unwrap_or(0)).sum();
                prop_assert_eq!(got, there.min(quantity * 1_000), "all that is there, and no more");
                consumed.take(Side::Sell, &fills);
                fills.iter().for_each(|fill| *taken.entry(fill.price).or_default() += fill.quantity);
            }
            for (price, quantity) in levels {
                prop_assert!(taken.get(&(price * ONE)).copied().unwrap_or(0) <= quantity * 1_000);
            }
        }
    }
}
