//! Tree-structured Parzen estimator: Bergstra, Bardenet, Bengio, Kegl, 'Algorithms for hyper-parameter optimization' (2011);
//! Bergstra, Yamins, Cox (2013); the components and their defaults as Watanabe studied them, 'Tree-structured Parzen
//! estimator: understanding its algorithm components' (2023), and as Optuna has them.
//!
//! The finished trials are split into the best few and the rest; a density is fitted to each over all parameters at once;
//! of some candidates drawn from the density of the best, the one whose share of that density is largest is tried.
//! Trials that are under way count among the rest (constant liar), so that those of one round do not all try the same.
//!
//! Two things are ours, both measured on the functions of `tests/tpe.rs`, where they halve what is left to the optimum of
//! Rastrigin and spoil nothing elsewhere:
//! - how narrow the kernels of the best may be is drawn anew for each trial, from wide (exploring) to a 200th of the range
//!   (refining): a fixed bound can only do one of them;
//! - one trial in five is chosen parameter by parameter, each from the densities of that parameter alone: it brings together
//!   what is good in different trials, which the joint density never does.

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

/// Most trials that count as the rest, the newest: older ones weigh little, and a trial must not cost more and more.
const MAX_REST: usize = 1500;

/// Parts of the range: the narrowest kernels of the best are between one of (their number + 2) and one of this many.
const FINEST: f64 = 200.0;

/// Parts of the range: the narrowest kernels of the rest are one of their number + 2, at most this many.
const COARSEST: f64 = 100.0;

/// Share of the trials that are chosen parameter by parameter.
const SEPARATE: f64 = 0.2;

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
        let widest = best.len() as f64 + 2.0;
        let parts = widest * (FINEST / widest).powf(rng.uniform());
        let good = Parzen::fit(&axes, space, &best, 1.0 / parts);
        let bad = Parzen::fit(&axes, space, &rest, 1.0 / (rest.len() as f64 + 2.0).min(COARSEST));
        // A point that was tried teaches nothing new; where there are only levels it would come again and again.
        let is_discrete = space.parameters().iter().all(|parameter| parameter.domain.levels().is_some());
        let fresh = |point: &Point| {
            !is_discrete || !(seen.iter().any(|(tried, _)| *tried == point) || pending.contains(&point))
        };
        if rng.uniform() < SEPARATE {
            let point = self.by_parameter(space, &good, &bad, rng);
            if fresh(&point) {
                return point;
            }
        }
        let drawn: Vec<Point> = (0..self.candidates).map(|_| good.sample(space, rng)).collect();
        let mut candidates: Vec<Point> = drawn.iter().filter(|&point| fresh(point)).cloned().collect();
        if candidates.is_empty() {
            let anywhere = (0..self.candidates).map(|_| space.point_by(|_, domain| domain.at(rng.uniform())));
            candidates = anywhere.filter(|point| fresh(point)).collect();
        }
        if candidates.is_empty() {
            candidates = drawn;
        }
        largest(&candidates, |point| good.ln_density(space, point) - bad.ln_density(space, point))
    }

    /// A point each of whose parameters is the best by itself.
    fn by_parameter(&self, space: &Space, good: &Parzen, bad: &Parzen, rng: &mut Rng) -> Point {
        space.point_by(|at, domain| {
            let candidates: Vec<f64> = (0..self.candidates).map(|_| good.sample_of(at, domain, rng)).collect();
            largest(&candidates, |&code| good.ln_density_of(at, domain, code) - bad.ln_density_of(at, domain, code))
        })
    }
}

/// The candidate with the largest gain, the first of equals. There is at least one.
fn largest<T: Clone>(candidates: &[T], gain: impl Fn(&T) -> f64) -> T {
    let gains = candidates.iter().map(gain).enumerate();
    let best = gains.fold((0, f64::NEG_INFINITY), |best, (at, gain)| if gain > best.1 { (at, gain) } else { best });
    candidates[best.0].clone()
}

/// The best trials and the newest of the rest, both in the order of their numbers; failed ones are left out.
fn split<'a>(seen: &[(&'a Point, Standing)]) -> (Vec<&'a Point>, Vec<&'a Point>) {
    let mut order: Vec<usize> = (0..seen.len()).filter(|&at| seen[at].1 != Standing::Failed).collect();
    let count = Tpe::best_of(order.len());
    let by_standing = |&a: &usize, &b: &usize| {
        let (a_key, b_key) = (seen[a].1.key(), seen[b].1.key());
        (a_key.0, a_key.1).cmp(&(b_key.0, b_key.1)).then(a_key.2.total_cmp(&b_key.2)).then(a.cmp(&b))
    };
    let total = order.len();
    if count < total {
        order.select_nth_unstable_by(count, by_standing);
    }
    let mut is_best = vec![false; seen.len()];
    order.iter().take(count).for_each(|&at| is_best[at] = true);
    let oldest = total.saturating_sub(count).saturating_sub(MAX_REST);
    let points = |best: bool| {
        let learned = seen.iter().zip(&is_best).filter(|((_, standing), _)| *standing != Standing::Failed);
        learned.filter(move |(_, is_best)| **is_best == best).map(|((point, _), _)| *point)
    };
    (points(true).collect(), points(false).skip(oldest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Domain, Parameter, Value};

    fn space() -> Space {
        let words = ["a", "b", "c"];
        Space::new(vec![
            Parameter::new("mode", Domain::choice(words)),
            Parameter::new("n", Domain::int(0, 2)),
            Parameter::new("x", Domain::Int { low: 1, high: 1000, step: 1, log: true })
                .when("mode", [Value::Text("a".into())]),
        ])
        .unwrap()
    }

    #[test]
    fn best_first_then_pruned_then_infeasible() {
        let points: Vec<Point> = (0..30).map(|n| Point(vec![Some(f64::from(n))])).collect();
        let standing = |n: usize| match n {
            0..10 => Standing::Complete((n as f64 - 5.0).abs()),
            10..20 => Standing::Pruned { steps: n as u64, value: 0.0 },
            20..28 => Standing::Infeasible(1.0),
            _ => Standing::Failed,
        };
        let seen: Vec<(&Point, Standing)> = points.iter().enumerate().map(|(n, p)| (p, standing(n))).collect();
        let (best, rest) = split(&seen);
        // 28 count, a tenth of them rounded up is 3: the values 0, 1 and, of the two 1s, both.
        assert_eq!(best, [&points[4], &points[5], &points[6]]);
        assert_eq!(rest.len(), 25);
        let pruned: Vec<(&Point, Standing)> = seen[12..28].to_vec();
        assert_eq!(split(&pruned).0, [&points[18], &points[19]]);
    }

    #[test]
    fn only_the_newest_of_the_rest_count() {
        let points: Vec<Point> = (0..3000).map(|n| Point(vec![Some(f64::from(n))])).collect();
        let seen: Vec<(&Point, Standing)> = points.iter().map(|p| (p, Standing::Complete(p.0[0].unwrap()))).collect();
        let (best, rest) = split(&seen);
        assert_eq!((best.len(), best[24]), (MAX_BEST, &points[24]));
        assert_eq!((rest.len(), rest[0], rest[1499]), (MAX_REST, &points[1500], &points[2999]));
    }

    #[test]
    fn no_point_comes_twice_while_others_are_left() {
        let tpe = Tpe { startup: 1, ..Tpe::default() };
        let small = Space::new(vec![
            Parameter::new("a", Domain::int(0, 3)),
            Parameter::new("b", Domain::choice(["x", "y", "z"])),
        ])
        .unwrap();
        let mut tried: Vec<Point> = Vec::new();
        for number in 0..10 {
            let seen: Vec<(&Point, Standing)> =
                tried.iter().map(|p| (p, Standing::Complete(p.codes()[0].unwrap()))).collect();
            let point = tpe.propose(&small, &seen, &[], &mut Rng::stream(1, number));
            assert!(!tried.contains(&point), "{point:?}");
            tried.push(point);
        }
    }

    #[test]
    fn it_learns_which_branch_is_good() {
        let space = space();
        let mut tried: Vec<(Point, Standing)> = Vec::new();
        for number in 0..120 {
            let seen: Vec<(&Point, Standing)> = tried.iter().map(|(point, standing)| (point, *standing)).collect();
            let point = Tpe::default().propose(&space, &seen, &[], &mut Rng::stream(5, number));
            assert_eq!(point.codes()[2].is_some(), point.codes()[0] == Some(0.0));
            // Best: mode a, x near 100.
            let cost = point.codes()[2].map_or(9.0, |x| (x.ln() - 100f64.ln()).abs());
            tried.push((point, Standing::Complete(cost)));
        }
        let good = tried[60..].iter().filter(|(point, _)| point.codes()[0] == Some(0.0)).count();
        assert!(good > 50, "{good} of 60 in the good branch");
        let best = tried.iter().filter_map(|(point, _)| point.codes()[2]).map(|x| (x - 100.0).abs());
        assert!(best.fold(f64::INFINITY, f64::min) <= 2.0);
    }
}
