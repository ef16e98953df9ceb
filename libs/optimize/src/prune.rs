//! Stopping trials early that will not be among the best.
//!
//! A trial reports its value after some of its steps, and is told to go on, to stop, or that it is not known yet. It is
//! compared with trials of smaller numbers only, and with all of the [`WINDOW`] before it: so what is decided depends on values
//! and numbers, never on who was faster, and a study of millions costs no more a trial than one of thousands. Where an earlier trial has not come as far, the answer is [`Verdict::Wait`]; the trial may go on
//! meanwhile, and what it has done past a stop is dropped. The earliest running trial never waits, so all end.
//!
//! Median rule: Golovin et al., 'Google Vizier' (2017). Successive halving: Jamieson and Talwalkar (2016); asynchronous, as
//! in Li et al., 'A system for massively parallel hyperparameter tuning' (2020), with trials arriving in the order of their
//! numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::stats::{quantile, sorted};
use crate::study::Direction;

/// Who is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pruner {
    /// Whose best value so far is worse than the median of the earlier trials' values at the same step.
    Median {
        /// Trials that are never stopped; the comparison begins with as many values.
        startup: u32,
        /// Steps below which none is stopped.
        warmup: u64,
    },
    /// Whose value at a rung is not in the best 1 / `factor` of the earlier trials that came there. The rungs are at `first`
    /// steps, and at each `factor` times the one before.
    SuccessiveHalving {
        /// Steps of the first rung.
        first: u64,
        /// How many times more steps, and fewer trials, from rung to rung.
        factor: u64,
    },
}

/// What a trial is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// End as pruned.
    Stop,
    /// Depends on this earlier trial: ask again when it has reported this step or ended.
    Wait {
        /// The trial.
        number: u64,
    },
}

/// What is wrong with a pruner or a report.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum PruneError {
    /// A setting out of its range.
    #[error("{setting} must be at least {least}, got {got}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Its smallest value.
        least: u64,
        /// What came.
        got: u64,
    },
    /// A report that can't be.
    #[error("trial {number}, step {step}: expected a finite value of a later step of a trial under way")]
    Report {
        /// The trial.
        number: u64,
        /// Its step.
        step: u64,
    },
    /// A trial nobody told of.
    #[error("trial {number} has not reported step {step}")]
    Unknown {
        /// The trial.
        number: u64,
        /// The step.
        step: u64,
    },
}

/// A trial's reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Course {
    /// Cost by step: smaller is better.
    costs: BTreeMap<u64, Cost>,
    /// No more reports will come.
    has_ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Cost(#[serde(with = "crate::exact")] f64);

/// How many trials before it one is compared with.
pub const WINDOW: u64 = 512;

/// The reports of the trials that still matter. Memory is a number for each report of those: let trials report at some ten
/// steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reports {
    pruner: Pruner,
    direction: Direction,
    courses: BTreeMap<u64, Course>,
    /// All trials below have ended.
    settled: u64,
}

impl Reports {
    /// No reports yet.
    pub fn new(pruner: Pruner, direction: Direction) -> Result<Self, PruneError> {
        let setting =
            |setting, least, got| if got < least { Err(PruneError::Setting { setting, least, got }) } else { Ok(()) };
        match pruner {
            Pruner::Median { startup, .. } => setting("median.startup", 1, u64::from(startup))?,
            Pruner::SuccessiveHalving { first, factor } => {
                setting("successive_halving.first", 1, first)?;
                setting("successive_halving.factor", 2, factor)?;
            }
        }
        Ok(Self { pruner, direction, courses: BTreeMap::new(), settled: 0 })
    }

    /// Trial `number`, counted from 0, has this value after `step` steps.
    pub fn report(&mut self, number: u64, step: u64, value: f64) -> Result<(), PruneError> {
        if number < self.settled {
            return Err(PruneError::Report { number, step });
        }
        let course = self.courses.entry(number).or_default();
        let is_later = course.costs.last_key_value().is_none_or(|(last, _)| step > *last);
        if course.has_ended || !is_later || !value.is_finite() {
            return Err(PruneError::Report { number, step });
        }
        course.costs.insert(step, Cost(self.direction.cost(value)));
        Ok(())
    }

    /// Trial `number` has ended, for whatever reason. What it reported past the step at which it was stopped is forgotten.
    pub fn end(&mut self, number: u64, stopped_at: Option<u64>) {
        if number < self.settled {
            return;
        }
        let course = self.courses.entry(number).or_default();
        course.has_ended = true;
        if let Some(step) = stopped_at {
            course.costs.retain(|reported, _| *reported <= step);
        }
        while self.courses.get(&self.settled).is_some_and(|course| course.has_ended) {
            self.settled += 1;
        }
        // The next trial to be judged is not before `settled`.
        let forgotten = self.settled.saturating_sub(WINDOW);
        while self.courses.first_key_value().is_some_and(|(oldest, _)| *oldest < forgotten) {
            self.courses.pop_first();
        }
    }

    /// What becomes of trial `number` after a step that it has reported.
    pub fn verdict(&self, number: u64, step: u64) -> Result<Verdict, PruneError> {
        let course = self.courses.get(&number).filter(|course| course.costs.contains_key(&step));
        let course = course.ok_or(PruneError::Unknown { number, step })?;
        match self.pruner {
            Pruner::Median { startup, warmup } => Ok(self.by_median(number, course, step, startup, warmup)),
            Pruner::SuccessiveHalving { first, factor } => Ok(self.by_halving(number, course, step, first, factor)),
        }
    }

    /// The costs of the trials before at a step, of those that came there; or the first of which it is not known.
    fn earlier(&self, number: u64, at: impl Fn(&Course) -> Option<f64>) -> Result<Vec<f64>, u64> {
        let mut costs = Vec::new();
        for earlier in number.saturating_sub(WINDOW)..number {
            match self.courses.get(&earlier) {
                Some(course) => match at(course) {
                    Some(cost) => costs.push(cost),
                    None if course.has_ended => {}
                    None => return Err(earlier),
                },
                None => return Err(earlier),
            }
        }
        Ok(costs)
    }

    fn by_median(&self, number: u64, course: &Course, step: u64, startup: u32, warmup: u64) -> Verdict {
        if step < warmup || number < u64::from(startup) {
            return Verdict::Continue;
        }
        let costs = match self.earlier(number, |course| course.costs.get(&step).map(|cost| cost.0)) {
            Ok(costs) => costs,
            Err(number) => return Verdict::Wait { number },
        };
        if costs.len() < startup as usize {
            return Verdict::Continue;
        }
        let best = course.costs.range(..=step).map(|(_, cost)| cost.0).fold(f64::INFINITY, f64::min);
        match quantile(&sorted(&costs), 0.5) {
            Ok(median) if best > median => Verdict::Stop,
            _ => Verdict::Continue,
        }
    }

    fn by_halving(&self, number: u64, course: &Course, step: u64, first: u64, factor: u64) -> Verdict {
        // A rung is passed with the first report at or past its step.
        let at_rung = |course: &Course, rung: u64| course.costs.range(rung..).next().map(|(at, cost)| (*at, cost.0));
        let rungs = std::iter::successors(Some(first), |rung| rung.checked_mul(factor));
        for rung in rungs.take_while(|rung| *rung <= step) {
            let Some((_, cost)) = at_rung(course, rung).filter(|(at, _)| *at == step) else { continue };
            let mut costs = match self.earlier(number, |course| at_rung(course, rung).map(|(_, cost)| cost)) {
                Ok(costs) => costs,
                Err(number) => return Verdict::Wait { number },
            };
            costs.push(cost);
            costs.sort_unstable_by(f64::total_cmp);
            let promoted = (costs.len() as u64 / factor).max(1) as usize;
            if cost > costs[promoted - 1] {
                return Verdict::Stop;
            }
        }
        Verdict::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::prelude::*;

    const MEDIAN: Pruner = Pruner::Median { startup: 3, warmup: 2 };
    const HALVING: Pruner = Pruner::SuccessiveHalving { first: 1, factor: 2 };

    fn reports(pruner: Pruner) -> Reports {
        Reports::new(pruner, Direction::Maximise).unwrap()
    }

    #[test]
    fn worse_than_the_median_stops() {
        let mut reports = reports(MEDIAN);
        for (number, value) in [1.0, 2.0, 3.0].into_iter().enumerate() {
            reports.report(number as u64, 2, value).unwrap();
            assert_eq!(reports.verdict(number as u64, 2), Ok(Verdict::Continue));
        }
        reports.report(3, 1, 0.0).unwrap();
        assert_eq!(reports.verdict(3, 1), Ok(Verdict::Continue), "warm-up");
        reports.report(3, 2, 1.5).unwrap();
        assert_eq!(reports.verdict(3, 2), Ok(Verdict::Stop));
        reports.end(3, Some(2));
        reports.report(4, 1, 2.5).unwrap();
        reports.report(4, 2, 0.0).unwrap();
        assert_eq!(reports.verdict(4, 2), Ok(Verdict::Continue), "its best counts");
    }

    #[test]
    fn what_is_not_known_is_waited_for() {
        let mut reports = reports(MEDIAN);
        (0..3).for_each(|number| reports.report(number, 2, 1.0).unwrap());
        reports.report(5, 2, 0.0).unwrap();
        assert_eq!(reports.verdict(5, 2), Ok(Verdict::Wait { number: 3 }));
        reports.end(3, None);
        reports.report(4, 1, 9.0).unwrap();
        assert_eq!(reports.verdict(5, 2), Ok(Verdict::Wait { number: 4 }));
        reports.end(4, None);
        assert_eq!(reports.verdict(5, 2), Ok(Verdict::Stop));
        assert!(reports.verdict(5, 3).is_err());
    }

    #[test]
    fn a_half_goes_on_from_each_rung() {
        let mut reports = reports(HALVING);
        let mut alive = [0u32; 3];
        let mut rng = Rng::seeded(1);
        for number in 0..400 {
            let value = rng.uniform();
            for (rung, step) in [1, 2, 4].into_iter().enumerate() {
                alive[rung] += 1;
                reports.report(number, step, value).unwrap();
                if reports.verdict(number, step).unwrap() == Verdict::Stop {
                    reports.end(number, Some(step));
                    break;
                }
            }
        }
        // Later trials are compared with better ones at higher rungs, so somewhat fewer pass than on average.
        assert_eq!(alive[0], 400);
        assert!((180..=220).contains(&alive[1]) && (80..=120).contains(&alive[2]), "{alive:?}");
    }

    #[test]
    fn a_long_study_needs_no_more_memory() {
        let mut reports = reports(MEDIAN);
        for number in 0..3 * WINDOW {
            reports.report(number, 2, number as f64).unwrap();
            assert_eq!(reports.verdict(number, 2), Ok(Verdict::Continue));
            reports.end(number, None);
        }
        assert_eq!(reports.courses.len() as u64, WINDOW);
        assert!(reports.report(0, 3, 1.0).is_err());
    }

    #[test]
    fn wrong_settings_and_reports_are_refused() {
        let error = |pruner| Reports::new(pruner, Direction::Minimise).unwrap_err().to_string();
        let flat = Pruner::SuccessiveHalving { first: 1, factor: 1 };
        assert_eq!(error(flat), "successive_halving.factor must be at least 2, got 1");
        let mut reports = reports(MEDIAN);
        reports.report(0, 2, 1.0).unwrap();
        assert!(reports.report(0, 2, 1.0).is_err() && reports.report(0, 3, f64::NAN).is_err());
        reports.end(0, None);
        assert!(reports.report(0, 3, 1.0).is_err());
    }

    /// Runs trials that all report steps 1, 2, 4, 8; each turn a random one of those under way does something.
    fn stops(pruner: Pruner, workers: usize, chaos: u64) -> Vec<Option<u64>> {
        const TRIALS: u64 = 40;
        let mut rng = Rng::seeded(chaos);
        let mut reports = reports(pruner);
        let mut stopped = vec![None; TRIALS as usize];
        let mut next = 0;
        // Trial and its step.
        let mut running: Vec<(u64, u64)> = Vec::new();
        while next < TRIALS || !running.is_empty() {
            while running.len() < workers && next < TRIALS {
                running.push((next, 0));
                next += 1;
            }
            let at = rng.index(running.len());
            let (number, step) = running[at];
            let reported = step > 0;
            let verdict = if reported { reports.verdict(number, step).unwrap() } else { Verdict::Continue };
            match verdict {
                Verdict::Wait { number: earlier } => assert!(running.iter().any(|(open, _)| *open == earlier)),
                Verdict::Stop => {
                    stopped[number as usize] = Some(step);
                    reports.end(number, Some(step));
                    running.swap_remove(at);
                }
                Verdict::Continue if step == 8 => {
                    reports.end(number, None);
                    running.swap_remove(at);
                }
                Verdict::Continue => {
                    let step = (step * 2).max(1);
                    reports.report(number, step, Rng::stream(step, number).uniform()).unwrap();
                    running[at].1 = step;
                }
            }
        }
        let again: Reports = serde_json::from_str(&serde_json::to_string(&reports).unwrap()).unwrap();
        assert_eq!(again, reports);
        stopped
    }

    proptest! {
        #[test]
        fn who_is_stopped_does_not_depend_on_who_is_fast(workers in 1usize..9, chaos: u64) {
            for pruner in [MEDIAN, HALVING] {
                let alone = stops(pruner, 1, 0);
                prop_assert!(alone.iter().any(Option::is_some));
                prop_assert_eq!(&stops(pruner, workers, chaos), &alone);
            }
        }
    }
}
