//! How far a statistic of a series might have come out otherwise: the percentile interval of the bootstrap (Efron, 1979; Efron
//! and Tibshirani, 'An introduction to the bootstrap', 1993). Returns that hang on each other want blocks: the stationary
//! bootstrap (Politis and Romano, 1994).

use serde::{Deserialize, Serialize};

use super::monte_carlo::Resampling;
use super::{Stat, Undefined, check, moments, quantile, sorted};

/// What resampling says of a statistic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The statistic of the series itself.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Standard deviation over the resamples: the standard error.
    pub error: f64,
    /// Share of the resamples in which it is not above 0.
    pub share_not_above_zero: f64,
    /// Resamples in which it is defined; the others are left out.
    pub resamples: u64,
}

/// The interval that holds a share `confidence` of the statistic over `resamples` resampled series. A shuffle is no resampling
/// here: it changes the order alone.
pub fn interval(
    values: &[f64],
    resampling: Resampling,
    resamples: u64,
    seed: u64,
    confidence: f64,
    statistic: impl Fn(&[f64]) -> Stat,
) -> Result<Interval, Undefined> {
    check(values, "values", 2)?;
    resampling.check()?;
    if resampling == Resampling::Shuffle {
        return Err(Undefined::argument("the resampling", "with replacement", "a shuffle"));
    }
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(Undefined::argument("confidence", "between 0 and 1", confidence));
    }
    let estimate = statistic(values)?;
    let resampled = |number: u64| {
        let drawn: Vec<f64> =
            resampling.indices(values.len(), seed, number).into_iter().map(|index| values[index]).collect();
        statistic(&drawn).ok()
    };
    let found: Vec<f64> = (0..resamples).filter_map(resampled).collect();
    check(&found, "resamples", 2)?;
    let in_order = sorted(&found);
    let tail = (1.0 - confidence) / 2.0;
    Ok(Interval {
        estimate,
        low: quantile(&in_order, tail)?,
        high: quantile(&in_order, 1.0 - tail)?,
        error: moments::deviation(&found)?,
        share_not_above_zero: in_order.partition_point(|value| *value <= 0.0) as f64 / found.len() as f64,
        resamples: found.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::stats::performance;

    fn noise(count: usize, drift: f64, seed: u64) -> Vec<f64> {
        let mut rng = Rng::seeded(seed);
        (0..count).map(|_| rng.uniform() - 0.5 + drift).collect()
    }

    #[test]
    fn the_error_of_a_mean_is_the_one_of_theory() {
        let values = noise(400, 0.0, 3);
        let of = interval(&values, Resampling::Bootstrap, 4_000, 1, 0.95, moments::mean).unwrap();
        let theory = moments::deviation(&values).unwrap() / 20.0;
        assert!((of.error / theory - 1.0).abs() < 0.05, "{} and {theory}", of.error);
        assert!(((of.high - of.low) / (2.0 * 1.96 * theory) - 1.0).abs() < 0.07);
        assert_eq!(of, interval(&values, Resampling::Bootstrap, 4_000, 1, 0.95, moments::mean).unwrap());
    }

    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        let holds = |seed: u64| {
            let values = noise(120, 0.05, 1_000 + seed);
            let of = interval(&values, Resampling::StationaryBootstrap(2.0), 300, seed, 0.9, moments::mean).unwrap();
            (of.low..=of.high).contains(&0.05)
        };
        let count = (0..200).filter(|seed| holds(*seed)).count();
        assert!((165..=193).contains(&count), "{count} of 200, expected about 180");
    }

    #[test]
    fn what_is_not_defined_says_why() {
        let of = |values: &[f64], resampling, confidence| {
            interval(values, resampling, 50, 1, confidence, performance::sharpe).unwrap_err().to_string()
        };
        assert!(of(&[0.1; 9], Resampling::Bootstrap, 0.9).contains("variance"));
        assert!(of(&[0.1, 0.2], Resampling::Shuffle, 0.9).contains("with replacement"));
        assert!(of(&[0.1, 0.2], Resampling::Bootstrap, 1.0).contains("confidence"));
        // Draws of one value alone have no ratio: they are left out.
        let few = interval(&[0.1, -0.1], Resampling::Bootstrap, 400, 1, 0.9, performance::sharpe).unwrap();
        assert!((150..250).contains(&few.resamples), "{}", few.resamples);
    }
}
