//! Cross-validation for labels that overlap in time: Lopez de Prado, 'Advances in Financial Machine Learning' (2018), chapter
//! 7 (purging and embargo), chapter 12 (combinatorial purged cross-validation).
//!
//! Observation i is known at i and its outcome, its label, at `ends[i]` >= i (a trade's exit). Training observations whose
//! label overlaps a test are purged; so are some right after it, the embargo.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Undefined;
use super::overfitting::combinations;

/// One way to divide the observations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// The groups that are tested, counted from 0.
    pub groups: Vec<usize>,
    /// The observations to judge on: ranges in rising order, neighbours joined.
    pub test: Vec<Range<usize>>,
    /// The observations to choose on.
    pub train: Vec<Range<usize>>,
}

/// Most combinations: beyond that nobody waits for them.
const MAX_GROUPS: usize = 24;

/// Purged k-fold: each of `folds` contiguous groups is tested once. The embargo is a share of all observations.
pub fn k_fold(ends: &[usize], folds: usize, embargo: f64) -> Result<Vec<Fold>, Undefined> {
    let plan = Plan::new(ends, folds, embargo)?;
    Ok((0..folds).map(|group| plan.fold(vec![group])).collect())
}

/// Combinatorial purged cross-validation: every choice of `tested` among `groups` contiguous groups, in lexicographic order.
pub fn combinatorial(ends: &[usize], groups: usize, tested: usize, embargo: f64) -> Result<Vec<Fold>, Undefined> {
    let plan = Plan::new(ends, groups, embargo)?;
    if tested == 0 || tested >= groups {
        return Err(Undefined::argument("tested groups", &format!("1..{groups}"), tested));
    }
    if groups > MAX_GROUPS {
        return Err(Undefined::argument("groups", &format!("at most {MAX_GROUPS}"), groups));
    }
    let chosen = combinations(groups, tested).into_iter();
    Ok(chosen.map(|bits| plan.fold((0..groups).filter(|group| bits >> group & 1 == 1).collect())).collect())
}

/// How many whole paths the combinations make: each group is tested that often.
pub fn paths(groups: usize, tested: usize) -> usize {
    if tested == 0 || tested > groups || groups > MAX_GROUPS {
        return 0;
    }
    // C(groups - 1, tested - 1).
    (1..tested).fold(1, |paths, at| paths * (groups - at) / at)
}

/// The labels and the groups.
struct Plan<'a> {
    ends: &'a [usize],
    /// Group i is `cuts[i]..cuts[i + 1]`.
    cuts: Vec<usize>,
    embargo: usize,
}

impl<'a> Plan<'a> {
    fn new(ends: &'a [usize], groups: usize, embargo: f64) -> Result<Self, Undefined> {
        let count = ends.len();
        if groups < 2 {
            return Err(Undefined::argument("groups", "at least 2", groups));
        }
        if count < groups {
            return Err(Undefined::too_few("observations", groups, count));
        }
        if !(0.0..1.0).contains(&embargo) {
            return Err(Undefined::argument("embargo", "a share, 0..1", embargo));
        }
        if let Some(at) = (0..count).find(|&at| ends[at] < at) {
            return Err(Undefined::argument(&format!("the end of label {at}"), &format!("at least {at}"), ends[at]));
        }
        // The first groups are one longer where it does not divide.
        let cuts = (0..=groups).map(|group| group * (count / groups) + group.min(count % groups)).collect();
        Ok(Self { ends, cuts, embargo: (count as f64 * embargo) as usize })
    }

    fn fold(&self, groups: Vec<usize>) -> Fold {
        let test = joined(groups.iter().map(|&group| self.cuts[group]..self.cuts[group + 1]));
        let barred = |test: &Range<usize>| {
            let last = self.ends[test.clone()].iter().copied().max().unwrap_or(test.end);
            (test.start, last.saturating_add(self.embargo))
        };
        let barred: Vec<(usize, usize)> = test.iter().map(barred).collect();
        let kept = |at: usize| barred.iter().all(|&(from, to)| if at < from { self.ends[at] < from } else { at > to });
        let train = joined((0..self.ends.len()).filter(|&at| kept(at)).map(|at| at..at + 1));
        Fold { groups, test, train }
    }
}

/// Ranges in rising order, those that touch made one.
fn joined(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    ranges.fold(Vec::new(), |mut all: Vec<Range<usize>>, range| {
        match all.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => all.push(range),
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_overlap_it_is_plain_k_fold() {
        let ends: Vec<usize> = (0..7).collect();
        let folds = k_fold(&ends, 3, 0.0).unwrap();
        let tests: Vec<_> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
        assert_eq!(tests, [0..3, 3..5, 5..7]);
        assert_eq!(folds[1].train, [0..3, 5..7]);
    }

    #[test]
    fn labels_that_overlap_are_purged_and_an_embargo_follows() {
        let ends: Vec<usize> = (0..10).map(|at: usize| (at + 1).min(9)).collect();
        let folds = k_fold(&ends, 5, 0.1).unwrap();
        // Test 4..6: label 3 reaches 4; labels of the test reach 6; one more is under embargo.
        assert_eq!(folds[2].test[0], 4..6);
        assert_eq!(folds[2].train, [0..3, 8..10]);
        assert!(k_fold(&[3, 0], 2, 0.0).unwrap_err().to_string().contains("the end of label 1 must be at least 1"));
        assert!(k_fold(&ends, 11, 0.0).is_err() && k_fold(&ends, 2, 1.0).is_err());
    }

    #[test]
    fn combinations_make_paths() {
        let ends: Vec<usize> = (0..60).collect();
        assert_eq!(combinatorial(&ends, 6, 2, 0.0).unwrap().len(), 15);
        assert_eq!((paths(6, 2), paths(10, 2), paths(6, 1), paths(6, 0)), (5, 9, 1, 0));
        assert!(combinatorial(&ends, 6, 6, 0.0).is_err() && combinatorial(&ends, 30, 2, 0.0).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_is_chosen_on_overlaps_what_is_judged(
            spans in prop::collection::vec(0usize..12, 12..80), groups in 2usize..7, tested in 1usize..3, embargo in 0.0f64..0.1,
        ) {
            prop_assume!(tested < groups);
            let ends: Vec<usize> = spans.iter().enumerate().map(|(at, span)| at + span).collect();
            for fold in combinatorial(&ends, groups, tested, embargo).unwrap() {
                for train in fold.train.iter().cloned().flatten() {
                    for test in fold.test.iter().cloned().flatten() {
                        prop_assert!(ends[train] < test || ends[test] < train, "{} and {}", train, test);
                    }
                }
            }
        }
    }
}
