//! The selector's rule: of the entries of one bar the best score ([`crate::decision::score`]) comes first, ties by
//! symbol. The portfolio and the backtest both go by it.

use core::cmp::Ordering;

/// Compares two entries by (score, symbol): the one to take first is the lesser. A score that is no number ranks last.
#[must_use]
pub fn compare(a: (f64, &str), b: (f64, &str)) -> Ordering {
    let number = |score: f64| if score.is_nan() { f64::NEG_INFINITY } else { score };
    number(b.0).total_cmp(&number(a.0)).then_with(|| a.1.cmp(b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_score_is_first_and_ties_go_by_symbol() {
        let mut entries = [(f64::NAN, "BTC"), (120.0, "ETH"), (120.0, "ADA"), (310.5, "XRP")];
        entries.sort_by(|a, b| compare(*a, *b));
        assert_eq!(entries.map(|e| e.1), ["XRP", "ADA", "ETH", "BTC"]);
    }
}
