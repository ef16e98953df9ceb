//! Walk-forward splits: parameters are chosen on one stretch of the past and judged on the stretch after it (Pardo, 'The
//! evaluation and optimization of trading strategies', 2008).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::moments::Moments;
use super::{Stat, Undefined, check, ratio};

/// How to walk, in periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkForward {
    /// Length of the first stretch for choosing.
    pub train: usize,
    /// Length of a stretch for judging.
    pub test: usize,
    /// From one split to the next; less than `test` makes the tests overlap.
    pub step: usize,
    /// Left out between the two stretches, so that no trade spans both.
    #[serde(default)]
    pub gap: usize,
    /// Whether every choice sees the data from the beginning on, rather than a stretch that rolls along.
    #[serde(default)]
    pub anchored: bool,
}

/// Where to choose and where to judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The periods to choose on.
    pub train: Range<usize>,
    /// The periods to judge on, all after those.
    pub test: Range<usize>,
}

impl WalkForward {
    /// The splits of `periods`; at least one, or the reason why there is none.
    pub fn splits(&self, periods: usize) -> Result<Vec<Split>, Undefined> {
        for (what, length) in [("train", self.train), ("test", self.test), ("step", self.step)] {
            if length == 0 {
                return Err(Undefined::argument(what, "at least 1", 0));
            }
        }
        let at = |start: usize| -> Option<Split> {
            let chosen = start.checked_add(self.train)?;
            let from = chosen.checked_add(self.gap)?;
            let to = from.checked_add(self.test).filter(|to| *to <= periods)?;
            Some(Split { train: if self.anchored { 0 } else { start }..chosen, test: from..to })
        };
        let starts = std::iter::successors(Some(0usize), |start| start.checked_add(self.step));
        let splits: Vec<Split> = starts.map_while(at).collect();
        if splits.is_empty() {
            let needed = self.train.saturating_add(self.gap).saturating_add(self.test);
            return Err(Undefined::too_few("periods", needed, periods));
        }
        Ok(splits)
    }
}

/// A stretch of the walk: the trial that was the best before it, and what it then did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Where it was chosen and judged.
    pub split: Split,
    /// The trial, counted from 0; the first of equals.
    pub chosen: usize,
    /// Its Sharpe ratio per period where it was chosen.
    pub in_sample: f64,
    /// The same where it was judged.
    pub out_of_sample: f64,
}

/// A walk over trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Walked {
    /// Its stretches.
    pub steps: Vec<Step>,
    /// The returns of the chosen trials where they were judged, one stretch after another.
    pub returns: Vec<f64>,
    /// Their Sharpe ratio per period: what one would have had.
    pub sharpe: Stat,
    /// Their mean over that of the same trials where they were chosen.
    pub efficiency: Stat,
}

impl WalkForward {
    /// Walks over trials, one series of returns each over the same periods: on each stretch the one with the best Sharpe ratio
    /// is chosen and then judged. A ratio counts as 0 where the returns do not vary.
    pub fn walk(&self, trials: &[&[f64]]) -> Result<Walked, Undefined> {
        let periods = trials.first().ok_or_else(|| Undefined::too_few("trials", 1, 0))?.len();
        if let Some(other) = trials.iter().find(|trial| trial.len() != periods) {
            return Err(Undefined::argument("the periods of each trial", &periods.to_string(), other.len()));
        }
        trials.iter().try_for_each(|trial| check(trial, "periods", 2))?;
        let sharpe = |trial: usize, range: &Range<usize>| {
            let moments = Moments::of(&trials[trial][range.clone()]);
            let deviation = moments.deviation();
            if deviation == 0.0 { 0.0 } else { moments.mean / deviation }
        };
        let mut steps = Vec::new();
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for split in self.splits(periods)? {
            let best = (0..trials.len()).map(|trial| (trial, sharpe(trial, &split.train)));
            let (chosen, in_sample) =
                best.fold((0, f64::NEG_INFINITY), |best, of| if of.1 > best.1 { of } else { best });
            inside.extend_from_slice(&trials[chosen][split.train.clone()]);
            outside.extend_from_slice(&trials[chosen][split.test.clone()]);
            steps.push(Step { chosen, in_sample, out_of_sample: sharpe(chosen, &split.test), split });
        }
        let efficiency = efficiency(&inside, &outside);
        Ok(Walked { steps, sharpe: super::performance::sharpe(&outside), efficiency, returns: outside })
    }
}

/// Walk-forward efficiency: mean return of a period out of sample over that in sample. Only defined where there was a gain to
/// keep.
pub fn efficiency(in_sample: &[f64], out_of_sample: &[f64]) -> Stat {
    let inside = super::moments::mean(in_sample)?;
    if inside < 0.0 {
        return Err(Undefined::argument("the mean return in sample", "above 0", inside));
    }
    ratio(super::moments::mean(out_of_sample)?, inside, "the mean return in sample")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let walk = WalkForward { train: 4, test: 2, step: 2, gap: 1, anchored: false };
        let splits = walk.splits(11).unwrap();
        let expected = [(0..4, 5..7), (2..6, 7..9), (4..8, 9..11)];
        assert_eq!(splits, expected.map(|(train, test)| Split { train, test }));
        let anchored = WalkForward { anchored: true, ..walk }.splits(11).unwrap();
        assert!(anchored.iter().all(|split| split.train.start == 0));
        assert_eq!(walk.splits(6), Err(Undefined::too_few("periods", 7, 6)));
        assert!(WalkForward { step: 0, ..walk }.splits(99).is_err());
        assert_eq!(efficiency(&[0.02, 0.0], &[0.005]), Ok(0.5));
        assert!(efficiency(&[-0.02], &[0.005]).is_err());
    }

    #[test]
    fn a_walk_by_hand() {
        // The first trial is the best on periods 0..4, the second on 2..6.
        let first = [0.2, 0.1, 0.2, 0.1, -0.1, -0.2, 0.0, 0.1];
        let second = [0.0, -0.1, 0.1, 0.2, 0.2, 0.1, 0.3, 0.2];
        let walk = WalkForward { train: 4, test: 2, step: 2, gap: 0, anchored: false };
        let walked = walk.walk(&[&first, &second]).unwrap();
        assert_eq!(walked.steps.iter().map(|step| step.chosen).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(walked.returns, [-0.1, -0.2, 0.3, 0.2]);
        assert!((walked.efficiency.unwrap() - 0.05 / 0.15).abs() < 1e-12);
        assert!(walked.steps[0].out_of_sample < 0.0 && walked.steps[1].out_of_sample > 0.0);
        assert!(walk.walk(&[]).is_err() && walk.walk(&[&first, &second[1..]]).is_err());
    }

    proptest! {
        #[test]
        fn no_test_is_seen_before(train in 1usize..50, test in 1usize..50, step in 1usize..50, gap in 0usize..9, anchored: bool, n in 0usize..500) {
            let walk = WalkForward { train, test, step, gap, anchored };
            for split in walk.splits(n).unwrap_or_default() {
                prop_assert_eq!(split.train.end + gap, split.test.start);
                prop_assert!(split.test.end <= n && split.test.len() == test && split.train.len() >= train);
            }
        }
    }
}
