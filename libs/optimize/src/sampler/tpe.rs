//! Tree-structured Parzen estimator: Bergstra, Bardenet, Bengio, Kegl, 'Algorithms for hyper-parameter optimization' (2011);
//! Bergstra, Yamins, Cox (2013); the components and their defaults as Watanabe studied them, 'Tree-structured Parzen
//! estimator: understanding its algorithm components' (2023), and as Optuna has them.
//!
//! The finished trials are split into the best few and the rest; a density is fitted to each over all parameters at once;
//! of some candidates drawn from the density of the best, the one whose share of that density is largest is tried.
//! Trials that are under way count among the rest (constant liar), so that those of one round do not all try the same.

use serde::{Deserialize, Serialize};

use super::parzen::{Axes, Parzen};
use crate::rng::Rng;
use crate::space::{Point, Space};

/// The settings of the estimator. The defaults reach the figures in the tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tpe {
    /// Random trials before the first that learns.
    pub startup: u32,
    /// Candidates drawn for a trial.
    pub candidates: u32,
    /// Trials of a round: they are chosen without each other's results, so that many can run at once. The study depends on
    /// it, never on how many do run.
    pub round: u32,
}

impl Default for Tpe {
    fn default() -> Self {
        Self { startup: 10, candidates: 24, round: 8 }
    }
}

/// Most trials that count as the best.
const MAX_BEST: usize = 25;

/// What is known of a finished trial, for ordering: smaller is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// It ended with this value, to be minimised.
    Complete(f64),
    /// It was stopped after so many steps with this value.
    Pruned {
        /// Steps it had done.
        steps: u64,
        /// Its last value, to be minimised.
        value: f64,
    },
    /// It broke constraints by this much.
    Infeasible(f64),
    /// It has no result.
    Failed,
}

impl Standing {
    /// Complete before pruned before infeasible before failed; within, the better first.
    fn key(self) -> (u8, std::cmp::Reverse<u64>, f64) {
        let none = std::cmp::Reverse(0);
        match self {
            Self::Complete(value) => (0, none, value),
            Self::Pruned { steps, value } => (1, std::cmp::Reverse(steps), value),
            Self::Infeasible(violation) => (2, none, violation),
            Self::Failed => (3, none, 0.0),
        }
    }
}

impl Tpe {
    /// How many of `finished` trials count as the best: a tenth, at most 25.
    fn best_of(finished: usize) -> usize {
        finished.div_ceil(10).min(MAX_BEST)
    }

    /// The next point, given the finished trials in the order of their numbers, and those under way.
    pub fn propose(&self, space: &Space, seen: &[(&Point, Standing)], pending: &[&Point], rng: &mut Rng) -> Point {
        let learned = seen.iter().filter(|(_, standing)| *standing != Standing::Failed).count();
        if learned < self.startup.max(1) as usize {
            return space.point_by(|_, domain| domain.at(rng.uniform()));
        }
        let (best, rest) = split(seen);
        let rest: Vec<&Point> = rest.into_iter().chain(pending.iter().copied()).collect();
        let axes = Axes::new(space);
        let good = Parzen::fit(&axes, space, &best);
        let bad = Parzen::fit(&axes, space, &rest);
        let candidates: Vec<Point> = (0..self.candidates.max(1)).map(|_| good.sample(space, rng)).collect();
        let gains = candidates.iter().map(|point| good.ln_density(space, point) - bad.ln_density(space, point));
        let best = gains.enumerate().fold((0, f64::NEG_INFINITY), |best, (index, gain)| {
            if gain > best.1 { (index, gain) } else { best }
        });
        candidates[best.0].clone()
    }
}

/// The best trials and the rest, both in the order of their numbers; failed ones are left out.
fn split<'a>(seen: &[(&'a Point, Standing)]) -> (Vec<&'a Point>, Vec<&'a Point>) {
    let mut order: Vec<usize> = (0..seen.len()).filter(|&at| seen[at].1 != Standing::Failed).collect();
    let count = Tpe::best_of(order.len());
    let by_standing = |&a: &usize, &b: &usize| {
        let (a_key, b_key) = (seen[a].1.key(), seen[b].1.key());
        (a_key.0, a_key.1).cmp(&(b_key.0, b_key.1)).then(a_key.2.total_cmp(&b_key.2)).then(a.cmp(&b))
    };
    order.sort_unstable_by(by_standing);
    let (best, rest) = order.split_at_mut(count);
    best.sort_unstable();
    rest.sort_unstable();
    let points = |order: &[usize]| order.iter().map(|&at| seen[at].0).collect();
    (points(best), points(rest))
}
