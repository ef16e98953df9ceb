//! Probability of backtest overfitting by combinatorially symmetric cross-validation: Bailey, Borwein, Lopez de Prado, Zhu,
//! 'The probability of backtest overfitting' (2015; Journal of Computational Finance, 2017).
//!
//! The periods are cut into an even number of blocks. For every way to take half of them, the trial that is best in that half
//! is ranked among all trials in the other half: overfitting is when the best is below the middle there.

use serde::{Deserialize, Serialize};

use super::moments::Moments;
use super::{Undefined, check, finite, quantile, sorted};

/// Most blocks: 24 make 2.7 million combinations.
pub const MAX_BLOCKS: usize = 24;

/// What cross-validation says of a set of trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overfitting {
    /// Share of the combinations in which the best trial's rank out of sample is not above the middle.
    pub probability: f64,
    /// Number of combinations.
    pub combinations: usize,
    /// ln(w / (1 - w)) of the best trial's relative rank w out of sample, for each combination in lexicographic order.
    pub logits: Vec<f64>,
    /// Mean of the logits.
    pub mean_logit: f64,
    /// Their median.
    pub median_logit: f64,
    /// Slope of the regression of the best trial's performance out of sample on that in sample; none where the latter is
    /// always the same.
    pub degradation_slope: Option<f64>,
    /// Its intercept.
    pub degradation_intercept: Option<f64>,
    /// Share of the combinations in which the best trial loses out of sample.
    pub probability_of_loss: f64,
}

/// Cross-validates trials: one series of returns each, all over the same periods, cut into `blocks` (even, at least 2).
///
/// Performance is the Sharpe ratio per period (divisor n - 1); a trial whose returns do not vary has 0. Equal ranks out of
/// sample count as their mean; of equals in sample the first is the best.
pub fn cross_validate(trials: &[&[f64]], blocks: usize) -> Result<Overfitting, Undefined> {
    let blocks_of = validate(trials, blocks)?;
    let halves = combinations(blocks, blocks / 2);
    let mut logits = Vec::with_capacity(halves.len());
    let mut performances = Vec::with_capacity(halves.len());
    for half in &halves {
        let inside = |block: usize| half >> block & 1 == 1;
        let sharpes = |wanted: bool| -> Vec<f64> {
            let sharpe = |moments: &Vec<Moments>| {
                let taken = moments.iter().enumerate().filter(|(block, _)| inside(*block) == wanted);
                sharpe(taken.fold(Moments::default(), |sum, (_, moments)| sum.merge(*moments)))
            };
            blocks_of.iter().map(sharpe).collect()
        };
        let (in_sample, out_of_sample) = (sharpes(true), sharpes(false));
        let best = first_largest(&in_sample);
        let w = rank(&out_of_sample, best) / (trials.len() + 1) as f64;
        logits.push(finite((w / (1.0 - w)).ln())?);
        performances.push((finite(in_sample[best])?, finite(out_of_sample[best])?));
    }
    summarise(logits, &performances)
}

fn summarise(logits: Vec<f64>, performances: &[(f64, f64)]) -> Result<Overfitting, Undefined> {
    let combinations = logits.len();
    let share = |count: usize| count as f64 / combinations as f64;
    let line = regression(performances);
    Ok(Overfitting {
        probability: share(logits.iter().filter(|logit| **logit <= 0.0).count()),
        combinations,
        mean_logit: finite(logits.iter().sum::<f64>() / combinations as f64)?,
        median_logit: quantile(&sorted(&logits), 0.5)?,
        degradation_slope: line.map(|(slope, _)| slope),
        degradation_intercept: line.map(|(_, intercept)| intercept),
        probability_of_loss: share(performances.iter().filter(|(_, out)| *out < 0.0).count()),
        logits,
    })
}

/// The moments of each trial's blocks. Block i holds the periods from floor(i T / S) on.
fn validate(trials: &[&[f64]], blocks: usize) -> Result<Vec<Vec<Moments>>, Undefined> {
    if !(2..=MAX_BLOCKS).contains(&blocks) || blocks % 2 == 1 {
        return Err(Undefined::argument("blocks", &format!("even, 2..={MAX_BLOCKS}"), blocks));
    }
    if trials.len() < 2 {
        return Err(Undefined::too_few("trials", 2, trials.len()));
    }
    let periods = trials[0].len();
    if let Some(other) = trials.iter().find(|trial| trial.len() != periods) {
        return Err(Undefined::argument("the periods of each trial", &periods.to_string(), other.len()));
    }
    let cut = |block: usize| block * periods / blocks;
    let moments = |trial: &&[f64]| -> Result<Vec<Moments>, Undefined> {
        // Each half needs two periods for a deviation.
        check(trial, "periods", (2 * blocks).max(4))?;
        Ok((0..blocks).map(|block| Moments::of(&trial[cut(block)..cut(block + 1)])).collect())
    };
    trials.iter().map(moments).collect()
}

fn sharpe(moments: Moments) -> f64 {
    let deviation = moments.deviation();
    if deviation == 0.0 { 0.0 } else { moments.mean / deviation }
}

fn first_largest(values: &[f64]) -> usize {
    values.iter().enumerate().fold(0, |best, (at, value)| if *value > values[best] { at } else { best })
}

/// Rank of the value at `at`, 1 for the smallest; the mean rank of those equal to it.
fn rank(values: &[f64], at: usize) -> f64 {
    let below = values.iter().filter(|value| **value < values[at]).count();
    let equal = values.iter().filter(|value| **value == values[at]).count().max(1);
    below as f64 + (equal + 1) as f64 / 2.0
}

/// Slope and intercept of the least squares line; none where all x are the same.
fn regression(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let (x_mean, y_mean) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (xx, xy) = points
        .iter()
        .fold((0.0, 0.0), |(xx, xy), (x, y)| (xx + (x - x_mean) * (x - x_mean), xy + (x - x_mean) * (y - y_mean)));
    let slope = xy / xx;
    let intercept = y_mean - slope * x_mean;
    (xx > 0.0 && slope.is_finite() && intercept.is_finite()).then_some((slope, intercept))
}

/// All ways to take `k` of `n`, lexicographic, each as bits: bit i for item i.
pub(super) fn combinations(n: usize, k: usize) -> Vec<u32> {
    let mut all = Vec::new();
    let mut chosen: Vec<usize> = (0..k).collect();
    loop {
        all.push(chosen.iter().fold(0, |bits, item| bits | 1 << item));
        // The last item that can move up, and those behind it right after.
        let Some(at) = (0..k).rev().find(|&at| chosen[at] < n - k + at) else { return all };
        chosen[at] += 1;
        for next in at + 1..k {
            chosen[next] = chosen[next - 1] + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn noise(trials: usize, periods: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut rng = Rng::seeded(seed);
        (0..trials).map(|_| (0..periods).map(|_| rng.uniform() - 0.5).collect()).collect()
    }

    fn validated(trials: &[Vec<f64>], blocks: usize) -> Result<Overfitting, Undefined> {
        cross_validate(&trials.iter().map(Vec::as_slice).collect::<Vec<_>>(), blocks)
    }

    #[test]
    fn combinations_are_lexicographic() {
        assert_eq!(combinations(4, 2), [0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100]);
        assert_eq!(combinations(16, 8).len(), 12_870);
    }

    #[test]
    fn noise_is_overfitted_and_skill_is_not() {
        let mean = (0..20).map(|seed| validated(&noise(30, 400, seed), 8).unwrap().probability).sum::<f64>() / 20.0;
        assert!((0.35..0.75).contains(&mean), "{mean}");
        let mut trials = noise(30, 400, 1);
        trials[17].iter_mut().for_each(|value| *value += 0.3);
        let skilled = validated(&trials, 8).unwrap();
        assert_eq!((skilled.probability, skilled.probability_of_loss), (0.0, 0.0));
    }

    #[test]
    fn ties_share_their_rank() {
        assert_eq!(rank(&[1.0, 2.0, 2.0, 3.0], 1), 2.5);
        assert_eq!(rank(&[5.0], 0), 1.0);
        // All the same: the middle, which counts as overfitted.
        let same = validated(&vec![noise(1, 40, 3)[0].clone(); 5], 4).unwrap();
        assert_eq!((same.probability, same.mean_logit), (1.0, 0.0));
    }

    #[test]
    fn what_can_not_be_validated_says_why() {
        assert!(validated(&noise(5, 40, 1), 7).unwrap_err().to_string().contains("blocks must be even"));
        assert!(validated(&noise(1, 40, 1), 4).is_err());
        assert!(validated(&noise(3, 7, 1), 4).is_err());
        assert!(cross_validate(&[&[0.0; 9], &[0.0; 8]], 2).is_err());
        // Trials that never trade: no variance, no line, no NaN.
        let idle = validated(&vec![vec![0.0; 40]; 3], 4).unwrap();
        assert_eq!((idle.degradation_slope, idle.probability_of_loss), (None, 0.0));
    }
}
