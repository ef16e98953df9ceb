//! What the portfolio knows of one instrument's market: what may be ordered, and the top of its book with its health.

use mesh_actor::Digest;
use mesh_book::MirrorBook;
use mesh_risk::{BookTop, Conditions};
use mesh_types::market::{InstrumentInfo, Mark};
use mesh_types::{BookHealth, Decimal64, DecimalError, Rounding, Side};
use zerocopy::IntoBytes;

/// A mark, with index and funding, that is older is not known.
const MARK_MAX_AGE_NS: u64 = 60_000_000_000;

/// One instrument's market.
#[derive(Clone, Debug, Default)]
pub(crate) struct Market {
    pub(crate) info: Option<InstrumentInfo>,
    pub(crate) mirror: MirrorBook,
    pub(crate) mark: Option<Mark>,
}

impl Market {
    /// The best of the book; `None` before the first snapshot.
    pub(crate) fn top(&self) -> Option<BookTop> {
        let book = self.mirror.book();
        let (bid, ask) = (book.best_bid(), book.best_ask());
        let price = |level: Option<_>| level.map_or(Decimal64::ZERO, |level| book.exponents().price(level));
        (bid.is_some() || ask.is_some()).then(|| BookTop {
            bid: price(bid),
            ask: price(ask),
            live: self.mirror.health() == BookHealth::Live,
            received_ns: self.mirror.received_ns(),
        })
    }

    /// The worst price that an order accepts: `bps` beyond the best, on the tick, never further. `None` without a live book.
    pub(crate) fn worst_price(&self, side: Side, bps: u32) -> Option<Decimal64> {
        let (info, top) = (self.info.as_ref()?, self.top().filter(|top| top.live)?);
        let (best, rounding, share) = match side {
            Side::Buy => (top.ask, Rounding::Floor, 10_000 + i64::from(bps)),
            Side::Sell => (top.bid, Rounding::Ceiling, 10_000 - i64::from(bps.min(9_999))),
        };
        let beyond = best.checked_mul(Decimal64::new(share, -4)).ok()?;
        let price = beyond.round_to_step(info.tick.get(), rounding).ok()?;
        // Within one tick of the best the rounding could pass it.
        let price = if side == Side::Buy { price.max(best) } else { price.min(best) };
        price.is_positive().then_some(price)
    }

    /// What the book offers to who takes up to a price, in base quantity.
    pub(crate) fn offered(&self, taker: Side, worst_price: Decimal64) -> Option<Decimal64> {
        let book = self.mirror.book();
        let exponents = book.exponents();
        let reached = |level: &mesh_book::Level| match taker {
            Side::Buy => exponents.price(*level) <= worst_price,
            Side::Sell => exponents.price(*level) >= worst_price,
        };
        let sum = |levels: &mut dyn Iterator<Item = mesh_book::Level>| {
            levels.take_while(|level| reached(level)).try_fold(0i64, |sum, level| sum.checked_add(level.quantity))
        };
        let mantissa = match taker {
            Side::Buy => sum(&mut book.asks()),
            Side::Sell => sum(&mut book.bids()),
        };
        Some(Decimal64::new(mantissa?, exponents.quantity))
    }

    /// Average price that a taker of so much would get, rounded against it; `None` where the book holds less.
    fn expected_price(&self, taker: Side, quantity: Decimal64) -> Option<Decimal64> {
        let book = self.mirror.book();
        let exponents = book.exponents();
        let quantity = quantity.mantissa_at(exponents.quantity).ok()?;
        let taken = book.take(taker, quantity).filter(|taken| taken.quantity == quantity)?;
        Some(Decimal64::new(taken.price(taker), exponents.price))
    }

    /// What else risk asks about.
    pub(crate) fn conditions(&self, taker: Side, quantity: Decimal64, now_ns: u64) -> Conditions {
        let mark = self.mark.filter(|mark| now_ns.saturating_sub(mark.received_ns.get()) <= MARK_MAX_AGE_NS);
        let (venue_ns, received_ns) = (self.mirror.venue_ns(), self.mirror.received_ns());
        let positive = |price: Decimal64| Some(price).filter(|price| price.is_positive());
        Conditions {
            clock_offset_ms: (venue_ns != 0).then(|| received_ns.abs_diff(venue_ns) / 1_000_000),
            index: mark.and_then(|mark| positive(mark.index_price.get()).or(positive(mark.mark_price.get()))),
            funding: mark.map(|mark| (mark.funding_rate.get(), mark.funding_interval_ns.get())),
            expected_price: self.expected_price(taker, quantity),
            gas_gwei: None,
        }
    }

    /// How much `notional` buys at `price`, in whole lots, never more.
    pub(crate) fn quantity(&self, notional: Decimal64, price: Decimal64) -> Result<Decimal64, DecimalError> {
        let lot = self.info.as_ref().map(|info| info.lot.get()).unwrap_or_default();
        let exponent = lot.exponent.saturating_sub(2).max(mesh_types::decimal::MIN_EXPONENT);
        notional.div_rounded(price, exponent, Rounding::Floor)?.round_to_step(lot, Rounding::Floor)
    }

    /// A quantity in whole lots, never more.
    pub(crate) fn in_lots(&self, quantity: Decimal64) -> Decimal64 {
        let lot = self.info.as_ref().map(|info| info.lot.get()).unwrap_or_default();
        quantity.round_to_step(lot, Rounding::Floor).unwrap_or(quantity)
    }

    pub(crate) fn digest_into(&self, digest: Digest) -> Digest {
        let (mirror, book) = (&self.mirror, self.mirror.book());
        let digest = self.info.iter().fold(digest, |digest, info| digest.bytes(info.as_bytes()));
        let digest = self.mark.iter().fold(digest, |digest, mark| digest.bytes(mark.as_bytes()));
        let digest = digest.u64(mirror.sequence()).u64(mirror.received_ns()).u64(mirror.health() as u64);
        let levels = book.bids().chain(book.asks());
        let exponents = book.exponents();
        let digest = digest.i64(exponents.price.into()).i64(exponents.quantity.into());
        levels.fold(digest, |digest, level| digest.i64(level.price).i64(level.quantity))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use mesh_book::Level;
    use mesh_types::market::{BookLevel, BookSnapshot};

    fn d(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    pub(crate) fn market(bid: i64, ask: i64, tick: &str) -> Market {
        let info = InstrumentInfo { tick: d(tick).into(), lot: d("0.001").into(), ..InstrumentInfo::default() };
        let mut market = Market { info: Some(info), ..Market::default() };
        let head = BookSnapshot {
            health: BookHealth::Live.into(),
            price_exponent: -2,
            depth: 5,
            bid_count: 1.into(),
            ask_count: 1.into(),
            ..BookSnapshot::default()
        };
        let levels: [BookLevel; 2] = [Level::new(bid, 1).into(), Level::new(ask, 1).into()];
        market.mirror.on_snapshot(&head, &levels).expect("a snapshot");
        market
    }

    #[test]
    fn the_worst_price_lies_on_the_tick_and_never_beyond_the_bound() {
        let wide = market(9_990, 10_000, "0.01");
        assert_eq!(wide.worst_price(Side::Buy, 7), Some(d("100.07")));
        assert_eq!(wide.worst_price(Side::Sell, 7), Some(d("99.84")));
        let coarse = market(9_950, 10_000, "0.5");
        assert_eq!(coarse.worst_price(Side::Buy, 7), Some(d("100")));
        assert_eq!(coarse.worst_price(Side::Sell, 7), Some(d("99.5")));
        assert_eq!(Market::default().worst_price(Side::Buy, 7), None);
    }

    #[test]
    fn what_is_not_known_of_the_market_is_none() {
        let mut market = market(9_990, 10_000, "0.01");
        let known = market.conditions(Side::Buy, Decimal64::ONE, 0);
        assert_eq!(known, Conditions { expected_price: Some(d("100")), ..Conditions::default() });
        assert_eq!(market.conditions(Side::Sell, d("2"), 0).expected_price, None, "the book holds 1");
        let mark = Mark { index_price: d("99").into(), funding_rate: d("0.0001").into(), ..Mark::default() };
        market.mark = Some(mark);
        let known = market.conditions(Side::Buy, Decimal64::ONE, MARK_MAX_AGE_NS);
        assert_eq!((known.index, known.funding), (Some(d("99")), Some((d("0.0001"), 0))));
        assert_eq!(market.conditions(Side::Buy, Decimal64::ONE, MARK_MAX_AGE_NS + 1).index, None, "too old");
    }

    #[test]
    fn sizes_are_whole_lots_and_never_more_than_the_notional() {
        let market = market(9_990, 10_000, "0.01");
        assert_eq!(market.quantity(d("500"), d("99.99")), Ok(d("5.000")));
        assert_eq!(market.quantity(d("0.09"), d("100")), Ok(d("0")));
        assert_eq!(market.in_lots(d("1.00099")), d("1.000"));
        assert!(market.quantity(d("500"), d("0")).is_err());
    }
}
