//! Checksums of books, as two venues define them over their best levels.
//!
//! - **Kraken** (WebSocket v2): the ten best asks, then the ten best bids, each as price and quantity at the instrument's
//!   own number of decimals, without the point and without leading zeros; CRC-32 (IEEE). A mantissa at the book's exponents
//!   is that very text, so the exponents must be the venue's, neither coarser nor finer.
//! - **OKX**: bids and asks in turn, 25 a side, `price:quantity` as they were printed, joined by `:`; where one side is
//!   shorter the other goes on alone; CRC-32 as a signed number. OKX prints the shortest form; what was printed otherwise
//!   is told by the caller.
//!
//! Sources: docs.kraken.com "Book checksum (v2)"; OKX v5 documentation, "Checksum".

use core::fmt::Write;

use crc32fast::Hasher;
use mesh_types::{Decimal64, Side};

use crate::book::Book;
use crate::level::Level;

/// Levels a side that Kraken's covers.
pub const KRAKEN_LEVELS: usize = 10;
/// Levels a side that OKX's covers.
pub const OKX_LEVELS: usize = 25;

/// Text goes straight into the checksum.
struct Sink(Hasher);

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// Kraken's checksum of a book that stands at the venue's own precision.
pub fn kraken(book: &Book) -> u32 {
    let mut sink = Sink(Hasher::new());
    for level in book.asks().take(KRAKEN_LEVELS).chain(book.bids().take(KRAKEN_LEVELS)) {
        // A checksum can't fail to be written to.
        let _ = write!(sink, "{}{}", level.price, level.quantity);
    }
    sink.0.finalize()
}

/// OKX's checksum of a book. `printed` gives price and quantity of a level as they were sent, where that was not the shortest
/// form.
pub fn okx(book: &Book, printed: impl Fn(Side, Level) -> Option<(Decimal64, Decimal64)>) -> i32 {
    let mut sink = Sink(Hasher::new());
    let (mut bids, mut asks) = (book.bids(), book.asks());
    let mut first = true;
    for _ in 0..OKX_LEVELS {
        for (side, level) in [(Side::Buy, bids.next()), (Side::Sell, asks.next())] {
            let Some(level) = level else { continue };
            let (price, quantity) = printed(side, level).unwrap_or_else(|| {
                let exponents = book.exponents();
                (shortest(exponents.price(level)), shortest(exponents.quantity(level)))
            });
            let colon = if first { "" } else { ":" };
            let _ = write!(sink, "{colon}{price}:{quantity}");
            first = false;
        }
    }
    sink.0.finalize().cast_signed()
}

/// The value in its shortest plain form: no zeros after the point, no power of ten.
pub fn shortest(value: Decimal64) -> Decimal64 {
    let short = value.normalized();
    if short.exponent <= 0 {
        return short;
    }
    short.rescale(0, mesh_types::Rounding::Floor).unwrap_or(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Exponents;

    fn book(bids: &[(&str, &str)], asks: &[(&str, &str)], exponents: Exponents) -> Book {
        let levels = |side: &[(&str, &str)]| {
            let level = |(p, q): &(&str, &str)| exponents.parse_level(p.as_bytes(), q.as_bytes()).expect("a level");
            side.iter().map(level).collect::<Vec<_>>()
        };
        let mut book = Book::new(exponents);
        book.replace(&levels(bids), &levels(asks));
        book
    }

    #[test]
    fn kraken_s_published_examples() {
        let asks = [
            ("45285.2", "0.00100000"),
            ("45286.4", "1.54571953"),
            ("45286.6", "1.54571109"),
            ("45289.6", "1.54560911"),
            ("45290.2", "0.15890660"),
            ("45291.8", "1.54553491"),
            ("45294.7", "0.04454749"),
            ("45296.1", "0.35380000"),
            ("45297.5", "0.09945542"),
            ("45299.5", "0.18772827"),
            ("45300.0", "7.00000000"),
        ];
        let bids = [
            ("45283.5", "0.10000000"),
            ("45283.4", "1.54582015"),
            ("45282.1", "0.10000000"),
            ("45281.0", "0.10000000"),
            ("45280.3", "1.54592586"),
            ("45279.0", "0.07990000"),
            ("45277.6", "0.03310103"),
            ("45277.5", "0.30000000"),
            ("45277.3", "1.54602737"),
            ("45276.6", "0.15445238"),
        ];
        assert_eq!(kraken(&book(&bids, &asks, Exponents::new(-1, -8))), 3_310_070_434);
        assert_ne!(kraken(&book(&bids, &asks, Exponents::new(-2, -8))), 3_310_070_434, "not the venue's precision");
        let price = |tick: i64| Decimal64::new(tick, -5).to_string();
        let side = |first: i64, step: i64| (0..10).map(|i| price(first + i * step)).collect::<Vec<_>>();
        let (asks, bids) = (side(5005, 5), ["0.05000", "0.04995", "0.04990", "0.04980", "0.04975", "0.04970"]);
        let bids = bids.into_iter().chain(["0.04965", "0.04960", "0.04955", "0.04950"]);
        let asks: Vec<(&str, &str)> = asks.iter().map(|p| (p.as_str(), "0.00000500")).collect();
        let bids: Vec<(&str, &str)> = bids.map(|p| (p, "0.00000500")).collect();
        assert_eq!(kraken(&book(&bids, &asks, Exponents::new(-5, -8))), 974_947_235);
    }

    #[test]
    fn okx_s_published_examples() {
        let sum =
            |bids: &[(&str, &str)], asks: &[(&str, &str)]| okx(&book(bids, asks, Exponents::new(-2, -4)), |_, _| None);
        let bids = [("3366.1", "7"), ("3366", "6")];
        let asks = [("3366.8", "9"), ("3368", "8")];
        assert_eq!(sum(&bids, &asks), -1_881_014_294);
        assert_eq!(sum(&bids[..1], &asks), -1_471_518_219);
        let bids = [("100", "1"), ("99.5", "2"), ("99", "3")];
        let asks = [("101", "1"), ("101.5", "2"), ("102", "3")];
        assert_eq!(sum(&bids, &asks), 97_597_700);
        let odd = okx(&book(&bids, &asks, Exponents::new(-2, -4)), |side, level| {
            (side == Side::Buy && level.price == 10_000).then(|| (Decimal64::new(1000, -1), Decimal64::ONE))
        });
        assert_ne!(odd, 97_597_700, "100.0 was printed");
    }
}
