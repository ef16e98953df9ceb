//! One instrument's market as the paper exchange sees it: its book, what has been taken of it, and the position in it.
//!
//! A displayed quantity is taken once. What was taken of a level is remembered until the level shows another quantity: only
//! then has somebody else acted on it. A level that goes and comes back the same counts as the same: fewer fills than real,
//! never more.

use std::collections::BTreeMap;

use mesh_actor::Digest;
use mesh_book::{Level, MirrorBook};
use mesh_types::market::InstrumentInfo;
use mesh_types::{Decimal64, DecimalError, Side};

/// How much of a level is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    /// What the level showed; `None` where an earlier run took it.
    displayed: Option<Decimal64>,
    quantity: Decimal64,
}

/// A part of an order and the level's price that it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Take {
    pub(crate) price: Decimal64,
    pub(crate) quantity: Decimal64,
}

/// A book and what has been taken of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Market {
    pub(crate) mirror: MirrorBook,
    pub(crate) info: Option<InstrumentInfo>,
    /// What all fills ever left: negative is short.
    pub(crate) position: Decimal64,
    /// By side of the level (true for bids) and price.
    taken: BTreeMap<(bool, Decimal64), Taken>,
}

impl Market {
    /// The best price that an order of this side meets.
    pub(crate) fn best_opposite(&self, side: Side) -> Option<Decimal64> {
        let book = self.mirror.book();
        let level = if side == Side::Buy { book.best_ask() } else { book.best_bid() };
        level.map(|level| book.exponents().price(level))
    }

    /// What is left of the levels that an order of this side meets at `limit` or better, best first, up to `quantity`.
    pub(crate) fn available(
        &self,
        side: Side,
        limit: Option<Decimal64>,
        quantity: Decimal64,
    ) -> Result<Vec<Take>, DecimalError> {
        let book = self.mirror.book();
        let levels: Box<dyn Iterator<Item = Level> + '_> =
            if side == Side::Buy { Box::new(book.asks()) } else { Box::new(book.bids()) };
        let (mut takes, mut rest) = (Vec::new(), quantity);
        for level in levels {
            let (price, displayed) = (book.exponents().price(level), book.exponents().quantity(level));
            let beyond = limit.is_some_and(|limit| if side == Side::Buy { price > limit } else { price < limit });
            if beyond || !rest.is_positive() {
                break;
            }
            let free = displayed.checked_sub(self.taken_of(side, price, displayed))?;
            let quantity = free.min(rest);
            if quantity.is_positive() {
                takes.push(Take { price, quantity });
                rest = rest.checked_sub(quantity)?;
            }
        }
        Ok(takes)
    }

    fn taken_of(&self, side: Side, price: Decimal64, displayed: Decimal64) -> Decimal64 {
        match self.taken.get(&(side == Side::Sell, price)) {
            Some(taken) if taken.displayed.is_none_or(|shown| shown == displayed) => taken.quantity,
            _ => Decimal64::ZERO,
        }
    }

    /// Remembers what an order of this side took.
    pub(crate) fn take(&mut self, side: Side, takes: &[Take]) -> Result<(), DecimalError> {
        let book = self.mirror.book();
        let mut shown: BTreeMap<Decimal64, Decimal64> = BTreeMap::new();
        let levels: Vec<Level> = if side == Side::Buy { book.asks().collect() } else { book.bids().collect() };
        for level in levels {
            shown.insert(book.exponents().price(level), book.exponents().quantity(level));
        }
        let bids = side == Side::Sell;
        // Levels that are gone need no memory.
        self.taken.retain(|(of_bids, price), _| *of_bids != bids || shown.contains_key(price));
        for take in takes {
            let displayed = shown.get(&take.price).copied();
            let before = self.taken_of(side, take.price, displayed.unwrap_or_default());
            let quantity = before.checked_add(take.quantity)?;
            self.taken.insert((bids, take.price), Taken { displayed, quantity });
        }
        Ok(())
    }

    /// An earlier run took this.
    pub(crate) fn restore_taken(&mut self, side: Side, price: Decimal64, quantity: Decimal64) {
        let taken = self
            .taken
            .entry((side == Side::Sell, price))
            .or_insert(Taken { displayed: None, quantity: Decimal64::ZERO });
        taken.quantity = taken.quantity.checked_add(quantity).unwrap_or(quantity);
    }

    /// Forgets what earlier runs took.
    pub(crate) fn forget_restored(&mut self) {
        self.taken.retain(|_, taken| taken.displayed.is_some());
    }

    pub(crate) fn digest_into(&self, digest: Digest) -> Digest {
        let decimal = |digest: Digest, value: Decimal64| digest.i64(value.mantissa).i64(value.exponent.into());
        let mut digest = decimal(digest_book(&self.mirror, digest), self.position);
        if let Some(info) = &self.info {
            digest = digest.bytes(zerocopy::IntoBytes::as_bytes(info));
        }
        for ((bids, price), taken) in &self.taken {
            digest = decimal(decimal(digest.u64(u64::from(*bids)), *price), taken.quantity);
            digest = decimal(digest, taken.displayed.unwrap_or(Decimal64::new(-1, 0)));
        }
        digest
    }
}

fn digest_book(mirror: &MirrorBook, digest: Digest) -> Digest {
    let book = mirror.book();
    let (price, quantity) = (book.exponents().price.into(), book.exponents().quantity.into());
    let head = digest.u64(mirror.sequence()).u64(mirror.received_ns()).u64(mirror.health() as u64);
    let levels = book.bids().chain(book.asks());
    levels.fold(head.i64(price).i64(quantity), |digest, level| digest.i64(level.price).i64(level.quantity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_types::BookHealth;
    use mesh_types::market::{BookLevel, BookSnapshot};

    fn d(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    fn show(market: &mut Market, ask_quantities: [i64; 2]) {
        let levels: Vec<BookLevel> = [(99, 5), (100, ask_quantities[0]), (101, ask_quantities[1])]
            .iter()
            .map(|(price, quantity)| Level::new(*price, *quantity).into())
            .collect();
        let head = BookSnapshot {
            health: BookHealth::Live.into(),
            depth: 5,
            bid_count: 1.into(),
            ask_count: 2.into(),
            ..BookSnapshot::default()
        };
        market.mirror.on_snapshot(&head, &levels).expect("a snapshot");
    }

    fn buy(market: &mut Market, limit: &str, quantity: &str) -> Vec<(i64, i64)> {
        let takes = market.available(Side::Buy, Some(d(limit)), d(quantity)).expect("fits");
        market.take(Side::Buy, &takes).expect("fits");
        takes.iter().map(|take| (take.price.mantissa, take.quantity.mantissa)).collect()
    }

    #[test]
    fn a_displayed_quantity_is_taken_once_until_the_level_changes() {
        let mut market = Market::default();
        show(&mut market, [3, 4]);
        assert_eq!(buy(&mut market, "101", "5"), [(100, 3), (101, 2)]);
        assert_eq!(buy(&mut market, "101", "5"), [(101, 2)]);
        show(&mut market, [3, 4]);
        assert_eq!(buy(&mut market, "101", "5"), []);
        show(&mut market, [2, 4]);
        assert_eq!(buy(&mut market, "100", "5"), [(100, 2)]);
        assert_eq!(buy(&mut market, "99.5", "5"), []);
    }

    #[test]
    fn what_an_earlier_run_took_is_gone_too() {
        let mut market = Market::default();
        market.restore_taken(Side::Buy, d("100"), d("2"));
        show(&mut market, [3, 4]);
        assert_eq!(buy(&mut market, "100", "5"), [(100, 1)]);
        assert_eq!(buy(&mut market, "100", "5"), []);
    }
}
