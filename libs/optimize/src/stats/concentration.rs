//! How much of a profit hangs on few trades or few symbols: one lucky day is no edge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Stat, Undefined, check, finite, ratio};

/// Where a profit comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concentration {
    /// Share of the gains (profits above 0) that the best `top` bring.
    pub share_of_gains: Stat,
    /// The same as a share of the net profit; above 1 where the rest loses. Undefined where there is no net profit.
    pub share_of_profit: Stat,
    /// Net profit without the best `top`.
    pub profit_without: f64,
    /// How many of the best must go until no profit is left; 0 where there is none.
    pub to_nothing: usize,
    /// Number of equal contributors that would be as concentrated: one over the sum of squared shares of the gains
    /// (Herfindahl and Hirschman).
    pub effective: Stat,
}

/// Concentration of profits, of trades or of symbols, on the best `top` of them.
pub fn of_profits(profits: &[f64], top: usize) -> Result<Concentration, Undefined> {
    check(profits, "profits", 1)?;
    let total = finite(profits.iter().sum())?;
    let mut best = super::sorted(profits);
    best.reverse();
    let gains: f64 = finite(best.iter().filter(|profit| **profit > 0.0).sum())?;
    let top_gains: f64 = best.iter().take(top).filter(|profit| **profit > 0.0).sum();
    let share_of_profit = if total > 0.0 {
        ratio(top_gains, total, "the profit")
    } else {
        Err(Undefined::argument("the net profit", "above 0", total))
    };
    let left = best.iter().scan(total, |left, profit| {
        *left -= profit;
        Some(*left)
    });
    // Shares first: squares of the profits themselves could overflow.
    let squares: f64 = best.iter().filter(|profit| **profit > 0.0).map(|profit| (profit / gains).powi(2)).sum();
    Ok(Concentration {
        share_of_gains: ratio(top_gains, gains, "the sum of gains"),
        share_of_profit,
        profit_without: finite(total - best.iter().take(top).sum::<f64>())?,
        to_nothing: if total > 0.0 { 1 + left.take_while(|left| *left > 0.0).count() } else { 0 },
        effective: ratio(1.0, squares, "the sum of gains"),
    })
}

/// Net profit of each symbol, from pairs of symbol and profit; sum it up with [`of_profits`].
pub fn by_symbol<'a>(trades: &[(&'a str, f64)]) -> BTreeMap<&'a str, f64> {
    trades.iter().fold(BTreeMap::new(), |mut sums, (symbol, profit)| {
        *sums.entry(*symbol).or_insert(0.0) += profit;
        sums
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let of = of_profits(&[60.0, -20.0, 20.0, 20.0, -30.0], 1).unwrap();
        assert_eq!((of.share_of_gains, of.share_of_profit), (Ok(0.6), Ok(1.2)));
        assert_eq!((of.profit_without, of.to_nothing), (-10.0, 1));
        assert!((of.effective.unwrap() - 1.0 / 0.44).abs() < 1e-12);
        let even = of_profits(&[1.0; 10], 3).unwrap();
        assert_eq!((even.share_of_gains, even.to_nothing), (Ok(0.3), 10));
        let losing = of_profits(&[-1.0, -2.0], 1).unwrap();
        assert_eq!((losing.to_nothing, losing.profit_without), (0, -2.0));
        assert!(losing.share_of_gains.is_err() && losing.share_of_profit.is_err() && losing.effective.is_err());
    }

    #[test]
    fn symbols_are_summed() {
        let sums = by_symbol(&[("BTC", 3.0), ("ETH", -1.0), ("BTC", 2.0)]);
        assert_eq!(sums.into_iter().collect::<Vec<_>>(), [("BTC", 5.0), ("ETH", -1.0)]);
    }
}
