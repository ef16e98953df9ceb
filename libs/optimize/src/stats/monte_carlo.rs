//! What else might have happened: the same trades in another order, or drawn again.
//!
//! Shuffling keeps the total and asks how deep the fall might have been. The bootstrap (Efron, 1979) draws trades with
//! replacement and asks for both. The stationary bootstrap (Politis and Romano, 1994) draws blocks of geometric length, so
//! that what follows each other stays together. Path n has its own randomness, from (seed, n): paths may be computed in any
//! order, by anyone.

use serde::{Deserialize, Serialize};

use super::{Stat, Undefined, check, drawdown, finite, quantile, sorted};
use crate::rng::Rng;

/// How a path is made of the observed values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// All of them, in a random order.
    Shuffle,
    /// As many, drawn with replacement.
    Bootstrap,
    /// As many, in blocks that start anywhere, wrap around, and have a geometric length of this mean (at least 1).
    StationaryBootstrap(f64),
}

impl Resampling {
    /// Which observations make path `number`.
    pub fn indices(self, count: usize, seed: u64, number: u64) -> Vec<usize> {
        let mut rng = Rng::stream(seed, number);
        match self {
            Self::Shuffle => {
                let mut indices: Vec<usize> = (0..count).collect();
                rng.shuffle(&mut indices);
                indices
            }
            Self::Bootstrap => (0..count).map(|_| rng.index(count)).collect(),
            Self::StationaryBootstrap(mean_block) => {
                let mut at = 0;
                let mut left = 0;
                let indices = (0..count).map(|_| {
                    if left == 0 {
                        at = rng.index(count);
                        left = block_length(mean_block, &mut rng);
                    } else {
                        at = (at + 1) % count;
                    }
                    left -= 1;
                    at
                });
                indices.collect()
            }
        }
    }

    pub(super) fn check(self) -> Result<(), Undefined> {
        match self {
            Self::StationaryBootstrap(mean) if !(mean.is_finite() && mean >= 1.0) => {
                Err(Undefined::argument("the mean block length", "at least 1", mean))
            }
            _ => Ok(()),
        }
    }
}

/// A geometric number of this mean, at least 1, by inversion.
fn block_length(mean: f64, rng: &mut Rng) -> u64 {
    if mean <= 1.0 {
        return 1;
    }
    // 1 - u is above 0, so its logarithm is finite.
    let length = (1.0 - rng.uniform()).ln() / (1.0 - 1.0 / mean).ln();
    1 + length as u64
}

/// One path of equity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Path {
    /// Equity at its end.
    pub last: f64,
    /// Its lowest, the start included.
    pub lowest: f64,
    /// Largest fall from a peak, in money.
    pub drawdown: f64,
    /// Largest fall as a share of its peak.
    pub drawdown_share: f64,
}

/// The path from `initial` along the profits at `indices`.
pub fn path(initial: f64, profits: &[f64], indices: &[usize]) -> Result<Path, Undefined> {
    check(profits, "profits", 1)?;
    let mut equity = Vec::with_capacity(indices.len() + 1);
    equity.push(initial);
    let mut last = initial;
    for &index in indices {
        let out = || Undefined::argument("an index", &format!("below {}", profits.len()), index);
        last += profits.get(index).ok_or_else(out)?;
        equity.push(last);
    }
    let falls = drawdown::of_equity(&equity)?;
    let lowest = equity.iter().copied().fold(initial, f64::min);
    Ok(Path { last: finite(last)?, lowest, drawdown: falls.deepest, drawdown_share: falls.deepest_share })
}

/// `paths` paths from `initial`, above 0, of resampled profits.
pub fn simulate(
    initial: f64,
    profits: &[f64],
    resampling: Resampling,
    paths: u64,
    seed: u64,
) -> Result<Vec<Path>, Undefined> {
    check(profits, "profits", 1)?;
    resampling.check()?;
    (0..paths).map(|number| path(initial, profits, &resampling.indices(profits.len(), seed, number))).collect()
}

/// What many paths say together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many paths.
    pub paths: usize,
    /// Equity at the end: 1st, 5th, 25th, 50th, 75th, 95th and 99th percentile.
    pub last: [f64; 7],
    /// Largest fall as a share of its peak, the same percentiles.
    pub drawdown_share: [f64; 7],
    /// Share of the paths that end below their start.
    pub probability_of_loss: f64,
}

/// The percentiles of [`Summary`].
pub const PERCENTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// Summary of paths from `initial`.
pub fn summarise(initial: f64, paths: &[Path]) -> Result<Summary, Undefined> {
    let percentiles = |of: fn(&Path) -> f64| -> Result<[f64; 7], Undefined> {
        let values = sorted(&paths.iter().map(of).collect::<Vec<f64>>());
        let mut found = [0.0; 7];
        for (found, p) in found.iter_mut().zip(PERCENTILES) {
            *found = quantile(&values, p)?;
        }
        Ok(found)
    };
    Ok(Summary {
        paths: paths.len(),
        last: percentiles(|path| path.last)?,
        drawdown_share: percentiles(|path| path.drawdown_share)?,
        probability_of_loss: probability(paths, |path| path.last < initial)?,
    })
}

/// Share of the paths for which it is so.
pub fn probability(paths: &[Path], so: impl Fn(&Path) -> bool) -> Stat {
    if paths.is_empty() {
        return Err(Undefined::too_few("paths", 1, 0));
    }
    Ok(paths.iter().filter(|path| so(path)).count() as f64 / paths.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_by_hand() {
        let of = path(100.0, &[10.0, -30.0, 5.0], &[0, 1, 1, 2]).unwrap();
        assert_eq!(of, Path { last: 55.0, lowest: 50.0, drawdown: 60.0, drawdown_share: 60.0 / 110.0 });
        assert!(path(100.0, &[1.0], &[1]).is_err() && path(0.0, &[1.0], &[0]).is_err());
    }

    #[test]
    fn a_shuffle_keeps_the_total_and_a_seed_the_paths() {
        let profits: Vec<f64> = (0..50).map(|n| f64::from(n % 7) - 2.5).collect();
        let paths = simulate(1000.0, &profits, Resampling::Shuffle, 200, 9).unwrap();
        let total: f64 = profits.iter().sum();
        assert!(paths.iter().all(|path| (path.last - 1000.0 - total).abs() < 1e-9));
        assert_eq!(paths, simulate(1000.0, &profits, Resampling::Shuffle, 200, 9).unwrap());
        assert_eq!(paths[..50], simulate(1000.0, &profits, Resampling::Shuffle, 50, 9).unwrap());
        assert_ne!(paths, simulate(1000.0, &profits, Resampling::Shuffle, 200, 10).unwrap());
        let summary = summarise(1000.0, &paths).unwrap();
        assert!(summary.drawdown_share.is_sorted() && summary.probability_of_loss == 0.0);
    }

    #[test]
    fn blocks_have_their_mean_length() {
        let count = 200_000;
        let indices = Resampling::StationaryBootstrap(8.0).indices(count, 1, 1);
        let starts = indices.windows(2).filter(|pair| pair[1] != (pair[0] + 1) % count).count();
        let mean = count as f64 / starts as f64;
        assert!((7.8..8.2).contains(&mean), "{mean}");
        assert!(simulate(1.0, &[1.0], Resampling::StationaryBootstrap(0.5), 1, 1).is_err());
    }
}
