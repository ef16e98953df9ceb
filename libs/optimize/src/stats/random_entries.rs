//! Whether a rule's entries are better than chance: its trades are compared with as many that are entered at random, with the
//! same sides and the same holding times, never overlapping, over the same periods (Aronson, 'Evidence-Based Technical
//! Analysis', 2006; Masters, 'Monte-Carlo evaluation of trading systems', 2006).
//!
//! What the market did and how long the rule was in it are the same for both: only the moments differ. For the best of many
//! rules the p-value is too kind; the deflated Sharpe ratio and cross-validation count the trials.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Undefined, check, finite, moments};
use crate::rng::Rng;

/// A trade: the periods whose return it takes, and which way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Whether it gains when the market rises.
    pub is_long: bool,
    /// The periods.
    pub periods: Range<usize>,
}

/// A rule against chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Significance {
    /// The rule's total return, summed over its periods.
    pub observed: f64,
    /// Mean of the totals by chance.
    pub mean_by_chance: f64,
    /// Their standard deviation.
    pub deviation_by_chance: f64,
    /// Probability that chance does at least as well: (1 + number of those) / (1 + resamples), never 0 (Phipson and Smyth,
    /// 2010).
    pub p_value: f64,
    /// How many were drawn.
    pub resamples: u64,
}

/// Compares `holdings`, in rising order and apart, with `resamples` random placements. `returns` are the market's, one for
/// each period; logarithmic ones make the sums exact.
pub fn significance(
    returns: &[f64],
    holdings: &[Holding],
    resamples: u64,
    seed: u64,
) -> Result<Significance, Undefined> {
    check(returns, "returns", 1)?;
    check_holdings(holdings, returns.len())?;
    if resamples == 0 {
        return Err(Undefined::argument("resamples", "at least 1", 0));
    }
    // Sum of the first n returns, so that a holding's is one difference.
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(returns.iter().scan(0.0, |sum, value| {
            *sum += value;
            Some(*sum)
        }))
        .collect();
    check(&sums, "sums of returns", 1)?;
    let total = |holdings: &[Holding]| -> f64 {
        let gain = |holding: &Holding| {
            let gain = sums[holding.periods.end] - sums[holding.periods.start];
            if holding.is_long { gain } else { -gain }
        };
        holdings.iter().map(gain).sum()
    };
    let observed = finite(total(holdings))?;
    let by_chance: Vec<f64> =
        (0..resamples).map(|number| total(&placed(holdings, returns.len(), &mut Rng::stream(seed, number)))).collect();
    // A total that differs by rounding alone is the same total.
    let tolerance = 1e-12 * sums.iter().fold(0.0f64, |largest, sum| largest.max(sum.abs()));
    let as_good = by_chance.iter().filter(|total| **total >= observed - tolerance).count();
    Ok(Significance {
        observed,
        mean_by_chance: moments::mean(&by_chance)?,
        deviation_by_chance: finite(moments::Moments::of(&by_chance).deviation())?,
        p_value: (1 + as_good) as f64 / (1 + resamples) as f64,
        resamples,
    })
}

fn check_holdings(holdings: &[Holding], periods: usize) -> Result<(), Undefined> {
    if holdings.is_empty() {
        return Err(Undefined::too_few("holdings", 1, 0));
    }
    let mut free_from = 0;
    for (index, Holding { periods: held, .. }) in holdings.iter().enumerate() {
        if held.start < free_from || held.is_empty() || held.end > periods {
            let expected = format!("of at least one period, inside {free_from}..{periods}");
            return Err(Undefined::argument(&format!("holding {index}"), &expected, format!("{held:?}")));
        }
        free_from = held.end;
    }
    Ok(())
}

/// The holdings in a random order at random places: all placements without overlap are equally likely.
fn placed(holdings: &[Holding], periods: usize, rng: &mut Rng) -> Vec<Holding> {
    let mut order: Vec<(bool, usize)> = holdings.iter().map(|held| (held.is_long, held.periods.len())).collect();
    rng.shuffle(&mut order);
    let idle = periods - order.iter().map(|(_, length)| length).sum::<usize>();
    // Each way to put k holdings among the idle periods is a choice of k of idle + k slots.
    let slots = chosen(idle + order.len(), order.len(), rng);
    let mut held_before = 0;
    let placed = order.into_iter().zip(slots).enumerate().map(|(rank, ((is_long, length), slot))| {
        let start = slot - rank + held_before;
        held_before += length;
        Holding { is_long, periods: start..start + length }
    });
    placed.collect()
}

/// `k` of 0..n, in rising order, each set equally likely (Floyd; Bentley, 'Programming pearls', 1987).
fn chosen(n: usize, k: usize, rng: &mut Rng) -> std::collections::BTreeSet<usize> {
    let mut chosen = std::collections::BTreeSet::new();
    for last in n - k..n {
        let candidate = rng.index(last + 1);
        if !chosen.insert(candidate) {
            chosen.insert(last);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(is_long: bool, periods: Range<usize>) -> Holding {
        Holding { is_long, periods }
    }

    #[test]
    fn placements_keep_lengths_and_do_not_overlap() {
        let holdings = [hold(true, 0..3), hold(false, 3..4), hold(true, 8..10)];
        let mut rng = Rng::seeded(1);
        let mut starts = [0u32; 10];
        for _ in 0..20_000 {
            let placed = placed(&holdings, 10, &mut rng);
            check_holdings(&placed, 10).unwrap();
            let mut lengths: Vec<usize> = placed.iter().map(|held| held.periods.len()).collect();
            lengths.sort_unstable();
            assert_eq!(lengths, [1, 2, 3]);
            assert_eq!(placed.iter().filter(|held| !held.is_long).count(), 1);
            starts[placed[0].periods.start] += 1;
        }
        // Of the C(7, 3) = 35 ways, C(6 - n, 2) start at n.
        let expected = [15, 10, 6, 3, 1].map(|ways| f64::from(ways) / 35.0 * 20_000.0);
        for (count, expected) in starts.iter().zip(expected) {
            assert!((f64::from(*count) - expected).abs() < 5.0 * expected.sqrt(), "{starts:?}");
        }
    }

    #[test]
    fn foresight_is_significant_and_chance_is_not() {
        let mut rng = Rng::seeded(2);
        let returns: Vec<f64> = (0..500).map(|_| rng.uniform() - 0.5).collect();
        let rising: Vec<Holding> = (0..500)
            .step_by(5)
            .filter(|&at| returns[at..at + 5].iter().sum::<f64>() > 0.4)
            .map(|at| hold(true, at..at + 5))
            .collect();
        let foresight = significance(&returns, &rising, 999, 1).unwrap();
        assert_eq!(foresight.p_value, 0.001);
        let mut below_a_tenth = 0;
        for seed in 0..100 {
            let random = placed(&rising, 500, &mut Rng::stream(77, seed));
            let p = significance(&returns, &random, 99, seed).unwrap().p_value;
            below_a_tenth += u32::from(p <= 0.1);
        }
        assert!((2..=22).contains(&below_a_tenth), "{below_a_tenth} of 100 random rules have p <= 0.1");
    }

    #[test]
    fn always_in_the_market_is_no_skill() {
        let of = significance(&[0.1, -0.2, 0.3], &[hold(true, 0..3)], 10, 1).unwrap();
        assert_eq!((of.p_value, of.deviation_by_chance), (1.0, 0.0));
        let overlapping = [hold(true, 0..2), hold(true, 1..3)];
        let error = significance(&[0.0; 4], &overlapping, 10, 1).unwrap_err().to_string();
        assert_eq!(error, "holding 1 must be of at least one period, inside 2..4, got 1..3");
    }
}
