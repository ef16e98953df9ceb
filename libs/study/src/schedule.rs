//! Which trials are to be run now, and what their study learns: asking, early stopping and what is known already, without
//! I/O.
//!
//! Trials are handed out in the order of their numbers, and each is judged by those before it alone ([`mesh_optimize::Study`],
//! [`mesh_optimize::prune`]): so who runs them, how many at once, and in which order they end changes nothing. Trials of
//! which the outcome is known from an earlier run are told instead of handed out: that is all there is to going on after an
//! interruption.

use core::iter::{Fuse, Peekable};
use std::collections::VecDeque;

use mesh_optimize::prune::{PruneError, Reports, Verdict};
use mesh_optimize::study::{SpecError, TellError};
use mesh_optimize::{Ask, Outcome, Point, Study, Trial};
use thiserror::Error;

use crate::spec::Spec;

/// A trial with its outcome, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Its number.
    pub number: u64,
    /// What was tried.
    pub point: Point,
    /// What came of it.
    pub outcome: Outcome,
    /// Its values at the steps that it reported, from step 1.
    pub reports: Vec<f64>,
}

/// What can't be gone on with.
#[derive(Clone, Debug, Error)]
pub enum ScheduleError {
    /// The specification is none.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// An outcome that does not belong to a trial under way.
    #[error(transparent)]
    Tell(#[from] TellError),
    /// A report that does not belong to one.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// What is kept is not what this study would try.
    #[error("trial {number} as it is kept is not what this study tries there: it was made by another program or study")]
    OtherPoint {
        /// The trial.
        number: u64,
    },
}

/// The trials of a sweep under way.
pub struct Schedule<K: Iterator> {
    study: Study,
    reports: Option<Reports>,
    queue: VecDeque<(u64, Point)>,
    /// Outcomes from earlier runs, by rising number.
    known: Peekable<Fuse<K>>,
    ended: u64,
    all_asked: bool,
}

impl<E, K: Iterator<Item = Result<Ended, E>>> Schedule<K> {
    /// From the beginning, or from what is known already, in the order of the trials' numbers.
    ///
    /// # Errors
    /// Where the specification is none.
    pub fn new(spec: &Spec, known: K) -> Result<Self, ScheduleError> {
        let first = spec.study.directions.first().copied();
        let reports = match (spec.pruning, first) {
            (Some(pruning), Some(direction)) => Some(Reports::new(pruning.pruner, direction)?),
            _ => None,
        };
        let study = Study::new(spec.study.clone())?;
        let known = known.fuse().peekable();
        Ok(Self { study, reports, queue: VecDeque::new(), known, ended: 0, all_asked: false })
    }

    /// The study, for its best.
    pub const fn study(&self) -> &Study {
        &self.study
    }

    /// Trials with an outcome.
    pub const fn ended(&self) -> u64 {
        self.ended
    }

    /// Trials there will be.
    pub fn trials(&self) -> u64 {
        self.study.trials()
    }

    /// Whether every trial has its outcome.
    pub fn is_done(&self) -> bool {
        self.all_asked && self.ended == self.trials()
    }

    /// Trials that wait to be taken, after looking for more until there are `wanted`, or the next one depends on some that
    /// have not ended. `learned` is shown each outcome that was known.
    ///
    /// # Errors
    /// Where a known outcome is not this study's, or can't be read.
    pub fn fill(&mut self, wanted: usize) -> Result<usize, Fill<E>> {
        while self.queue.len() < wanted && !self.all_asked {
            match self.study.ask() {
                Ask::Done => self.all_asked = true,
                Ask::Wait { .. } => break,
                Ask::Trial { number, point } => match self.known_of(number).map_err(Fill::Known)? {
                    Some(ended) => self.take_known(&point, ended)?,
                    None => self.queue.push_back((number, point)),
                },
            }
        }
        Ok(self.queue.len())
    }

    fn known_of(&mut self, number: u64) -> Result<Option<Ended>, E> {
        let is_this = |next: &Result<Ended, E>| next.as_ref().map_or(true, |ended| ended.number == number);
        self.known.next_if(is_this).transpose()
    }

    fn take_known(&mut self, point: &Point, ended: Ended) -> Result<(), ScheduleError> {
        if ended.point != *point {
            return Err(ScheduleError::OtherPoint { number: ended.number });
        }
        if self.reports.is_some() {
            for (value, step) in ended.reports.iter().zip(1..) {
                self.report(ended.number, step, *value)?;
            }
        }
        self.finish(ended.number, ended.outcome)
    }

    /// The trials that wait, in order.
    pub fn waiting(&self) -> impl Iterator<Item = &Point> {
        self.queue.iter().map(|(_, point)| point)
    }

    /// The next trials, at most `most`, in the order of their numbers.
    pub fn take(&mut self, most: usize) -> Vec<(u64, Point)> {
        self.queue.drain(..most.min(self.queue.len())).collect()
    }

    /// A trial has this value after a step, counted from 1.
    ///
    /// # Errors
    /// Where it is not under way.
    pub fn report(&mut self, number: u64, step: u64, value: f64) -> Result<(), ScheduleError> {
        match &mut self.reports {
            Some(reports) => Ok(reports.report(number, step, value)?),
            None => Ok(()),
        }
    }

    /// What becomes of a trial after a step that it has reported.
    ///
    /// # Errors
    /// Where it has not.
    pub fn verdict(&self, number: u64, step: u64) -> Result<Verdict, ScheduleError> {
        match &self.reports {
            Some(reports) => Ok(reports.verdict(number, step)?),
            None => Ok(Verdict::Continue),
        }
    }

    /// A trial will report no more, and has no outcome yet: those after it need not wait for it. `step` is the one at which
    /// it was stopped; 0 where it never ran.
    pub fn stopped(&mut self, number: u64, step: u64) {
        if let Some(reports) = &mut self.reports {
            reports.end(number, Some(step));
        }
    }

    /// A trial has its outcome.
    ///
    /// # Errors
    /// Where it is not under way, or the outcome is none of this study.
    pub fn finish(&mut self, number: u64, outcome: Outcome) -> Result<(), ScheduleError> {
        if let Some(reports) = &mut self.reports {
            let stopped_at = match &outcome {
                Outcome::Pruned { steps, .. } => Some(*steps),
                Outcome::Complete { .. } | Outcome::Failed => None,
            };
            reports.end(number, stopped_at);
        }
        self.study.tell(number, outcome)?;
        self.ended += 1;
        Ok(())
    }

    /// The best trials: one, or all that no other dominates.
    pub fn front(&self) -> impl Iterator<Item = &Trial> {
        self.study.front()
    }
}

/// Why no more trials could be found.
#[derive(Debug, Error)]
pub enum Fill<E> {
    /// A known outcome could not be read.
    #[error("{0}")]
    Known(E),
    /// It does not fit.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}
