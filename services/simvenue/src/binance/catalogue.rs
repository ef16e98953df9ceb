//! Symbols that are known without being told, and what can be concluded of others from their digits.

use crate::core::instrument::Instrument;
use crate::core::units::ONE;

/// One known symbol: base, quote, tick, lot, least notional, a price to start from; numbers of 10^-8.
type Known = (&'static str, &'static str, i64, i64, i64, i64);

const KNOWN: [Known; 6] = [
    ("BTC", "USDT", ONE / 100, ONE / 100_000, 5 * ONE, 60_000 * ONE),
    ("ETH", "USDT", ONE / 100, ONE / 10_000, 5 * ONE, 3_000 * ONE),
    ("BNB", "USDT", ONE / 100, ONE / 1_000, 5 * ONE, 600 * ONE),
    ("SOL", "USDT", ONE / 100, ONE / 1_000, 5 * ONE, 150 * ONE),
    ("XRP", "USDT", ONE / 10_000, ONE / 10, 5 * ONE, 2 * ONE),
    ("ETH", "BTC", ONE / 100_000, ONE / 10_000, ONE / 10_000, ONE / 20),
];

/// Assets that symbols end with, longer ones first where one ends with another.
const QUOTES: [&str; 14] =
    ["FDUSD", "USDT", "USDC", "BUSD", "TUSD", "EUR", "GBP", "TRY", "BRL", "JPY", "USD", "BTC", "ETH", "BNB"];

/// A known symbol and a price that it can start from.
pub fn known(symbol: &str) -> Option<(Instrument, i64)> {
    let found = KNOWN.iter().find(|(base, quote, ..)| symbol.strip_suffix(quote).is_some_and(|rest| rest == *base));
    found.map(|(base, quote, tick, lot, min_notional, price)| {
        (instrument(symbol, base, quote, *tick, *lot, *min_notional), *price)
    })
}

/// The names of all known symbols.
pub fn names() -> impl Iterator<Item = String> {
    KNOWN.iter().map(|(base, quote, ..)| format!("{base}{quote}"))
}

fn instrument(symbol: &str, base: &str, quote: &str, tick: i64, lot: i64, min_notional: i64) -> Instrument {
    Instrument {
        symbol: symbol.to_owned(),
        base: base.to_owned(),
        quote: quote.to_owned(),
        tick,
        lot,
        min_quantity: lot,
        max_quantity: lot.saturating_mul(900_000_000),
        min_notional,
    }
}

/// The steps that numbers of 10^-8 are multiples of: the largest power of ten up to 1.
#[derive(Clone, Copy, Debug)]
pub struct Step(i64);

impl Default for Step {
    fn default() -> Self {
        Self(ONE)
    }
}

impl Step {
    /// Makes the step as fine as `value` needs.
    pub const fn include(&mut self, value: i64) {
        while self.0 > 1 && value % self.0 != 0 {
            self.0 /= 10;
        }
    }
}

/// What can be concluded of a symbol that is not known from the digits of its prices and quantities.
pub fn concluded(symbol: &str, prices: Step, quantities: Step) -> Instrument {
    let split = QUOTES
        .iter()
        .find_map(|quote| symbol.strip_suffix(quote).filter(|base| !base.is_empty()).map(|base| (base, *quote)));
    let (base, quote) = split.unwrap_or((symbol, "QUOTE"));
    let min_notional = if matches!(quote, "BTC" | "ETH" | "BNB") { ONE / 10_000 } else { 5 * ONE };
    instrument(symbol, base, quote, prices.0, quantities.0, min_notional)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_known_or_concluded() {
        let (btc, price) = known("BTCUSDT").expect("known");
        assert_eq!((btc.base.as_str(), btc.tick, price), ("BTC", 1_000_000, 60_000 * ONE));
        assert_eq!(known("NOPE"), None);
        let (mut prices, mut quantities) = (Step::default(), Step::default());
        [6_421, 654_200].into_iter().for_each(|price| prices.include(price));
        quantities.include(100 * ONE);
        let blz = concluded("BLZETH", prices, quantities);
        assert_eq!((blz.base.as_str(), blz.quote.as_str(), blz.tick, blz.lot), ("BLZ", "ETH", 1, ONE));
        assert!(names().any(|name| name == "ETHBTC"));
    }
}
