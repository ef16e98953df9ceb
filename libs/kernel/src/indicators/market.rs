//! Features of one moment: functions without memory, over a bar, a book's top or a perpetual's prices.

use crate::bar::Bar;
use crate::math::ratio;

/// Body of a bar over the average true range, positive where it rose; 0 where the range is 0.
#[must_use]
#[inline]
pub fn body_over_atr(bar: &Bar, atr: f64) -> f64 {
    ratio(bar.close - bar.open, atr, 0.0)
}

/// Imbalance of a book, -1 (asks only) to 1 (bids only), from the quantities of as many levels as one likes; 0 for
/// an empty book.
#[must_use]
pub fn book_imbalance(bid_quantities: &[f64], ask_quantities: &[f64]) -> f64 {
    let bids = bid_quantities.iter().fold(0.0, |total, q| total + q);
    let asks = ask_quantities.iter().fold(0.0, |total, q| total + q);
    ratio(bids - asks, bids + asks, 0.0)
}

/// Premium of the mark price over the index price, in per cent; 0 where there is no index.
#[must_use]
#[inline]
pub fn premium_pct(mark_price: f64, index_price: f64) -> f64 {
    ratio(mark_price - index_price, index_price, 0.0) * 100.0
}

/// Spread between best bid and best ask over their middle, in basis points; 0 where there is no book.
#[must_use]
#[inline]
pub fn spread_bp(bid: f64, ask: f64) -> f64 {
    ratio(ask - bid, (ask + bid) * 0.5, 0.0) * 1e4
}

/// A funding rate brought to 8 hours, in basis points: venues that settle each hour or each 4 hours compare.
#[must_use]
#[inline]
pub fn funding_bp_8h(rate: f64, interval_hours: f64) -> f64 {
    ratio(rate * 8.0, interval_hours, 0.0) * 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_a_moment() {
        let bar = Bar { open: 100.0, high: 103.0, low: 99.0, close: 102.0, volume: 1.0 };
        assert_eq!(body_over_atr(&bar, 4.0), 0.5);
        assert_eq!(body_over_atr(&bar, 0.0), 0.0);
        assert_eq!(book_imbalance(&[1.0, 2.0], &[1.0]), 0.5);
        assert_eq!(book_imbalance(&[], &[]), 0.0);
        assert_eq!(premium_pct(101.0, 100.0), 1.0);
        assert_eq!(spread_bp(99.0, 101.0), 200.0);
        assert_eq!(funding_bp_8h(0.0001, 1.0), 8.0);
    }
}
