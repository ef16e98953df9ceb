//! What the workers of a study share: its schedule and its file, one lock around both.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh_optimize::prune::Verdict;
use mesh_optimize::{Outcome, Point, Trial};
use mesh_study::{Schedule, Spec};

use crate::failure::Failure;
use crate::progress::At;
use crate::store::{ChunkInfo, Known, Row, Store};

/// How long a worker sleeps before it looks again whether it is to stop: it is woken for everything else.
const LOOK: Duration = Duration::from_millis(100);

/// The meeting place of the workers.
pub(super) struct Hub<'a> {
    spec: &'a Spec,
    state: Mutex<State<'a>>,
    changed: Condvar,
    stop: &'a AtomicBool,
}

struct State<'a> {
    schedule: Schedule<Known<'a>>,
    store: &'a mut Store,
    /// The first thing that went wrong: all end.
    failed: Option<Failure>,
    /// Workers at work, and whether there has been one.
    working: usize,
    began: bool,
    known: u64,
}

/// A worker at work.
pub(super) struct Working<'h, 'a>(&'h Hub<'a>);

impl Drop for Working<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().working -= 1;
        self.0.changed.notify_all();
    }
}

/// What a worker is to do.
pub(super) enum Next {
    /// Run these.
    Run(Vec<(u64, Point)>),
    /// End.
    End,
}

impl<'a> Hub<'a> {
    pub(super) fn new(
        spec: &'a Spec,
        store: &'a mut Store,
        known: Known<'a>,
        stop: &'a AtomicBool,
    ) -> Result<Self, Failure> {
        let schedule = Schedule::new(spec, known).map_err(|error| Failure::bad(error.to_string()))?;
        let known = store.ended()?;
        let state = State { schedule, store, failed: None, working: 0, began: false, known };
        Ok(Self { spec, state: Mutex::new(state), changed: Condvar::new(), stop })
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep<'g>(&self, state: MutexGuard<'g, State<'a>>) -> MutexGuard<'g, State<'a>> {
        self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0
    }

    fn is_over(&self, state: &State<'_>) -> bool {
        state.failed.is_some() || self.stop.load(Ordering::Relaxed)
    }

    /// A worker begins; it ends when what this gives is dropped, however that comes.
    pub(super) fn enter(&self) -> Working<'_, 'a> {
        let mut state = self.lock();
        state.working += 1;
        state.began = true;
        Working(self)
    }

    /// Something went wrong: all end.
    pub(super) fn fail(&self, failure: Failure) {
        self.lock().failed.get_or_insert(failure);
        self.changed.notify_all();
    }

    /// The next trials for a worker, `wanted` at most, of which `fitting` says how many fit.
    pub(super) fn next(
        &self,
        workers: usize,
        wanted: usize,
        fitting: impl Fn(&[&Point]) -> Result<usize, Failure>,
    ) -> Result<Next, Failure> {
        let mut state = self.lock();
        loop {
            if self.is_over(&state) {
                return Ok(Next::End);
            }
            let there = state.schedule.fill(wanted.saturating_mul(workers));
            let there = there.map_err(|error| Failure::bad(error.to_string()))?;
            if there > 0 {
                // A study that learns hands out few at once: all workers get some of them.
                let share = there.div_ceil(workers).min(wanted);
                let points: Vec<&Point> = state.schedule.waiting().take(share).collect();
                let fits = fitting(&points)?;
                return Ok(Next::Run(state.schedule.take(fits)));
            }
            if state.schedule.is_done() {
                self.changed.notify_all();
                return Ok(Next::End);
            }
            state = self.sleep(state);
        }
    }

    /// Reports the values of trials after a step and says which of them go on; `None` where all is to end. Waits where that
    /// depends on earlier trials.
    pub(super) fn judge(&self, step: u64, trials: &[(u64, f64)]) -> Result<Option<Vec<bool>>, Failure> {
        let wrong = |error: mesh_study::schedule::ScheduleError| Failure::bad(error.to_string());
        let mut state = self.lock();
        for (number, value) in trials {
            state.schedule.report(*number, step, *value).map_err(wrong)?;
        }
        self.changed.notify_all();
        let mut goes_on = Vec::with_capacity(trials.len());
        while let Some((number, _)) = trials.get(goes_on.len()) {
            match state.schedule.verdict(*number, step).map_err(wrong)? {
                Verdict::Continue => goes_on.push(true),
                Verdict::Stop => {
                    state.schedule.stopped(*number, step);
                    self.changed.notify_all();
                    goes_on.push(false);
                }
                Verdict::Wait { .. } if self.is_over(&state) => return Ok(None),
                Verdict::Wait { .. } => state = self.sleep(state),
            }
        }
        Ok(Some(goes_on))
    }

    /// A trial will not run.
    pub(super) fn ends(&self, number: u64) {
        self.lock().schedule.stopped(number, 0);
        self.changed.notify_all();
    }

    /// Keeps a chunk, then tells its study.
    pub(super) fn keep(&self, info: ChunkInfo, rows: &[Row]) -> Result<(), Failure> {
        let mut state = self.lock();
        state.store.keep(self.spec, info, rows)?;
        for row in rows {
            let outcome: Outcome = row.outcome(self.spec);
            state.schedule.finish(row.number, outcome).map_err(|error| Failure::bad(error.to_string()))?;
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Whether the study's work is to be given up.
    pub(super) fn gives_up(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits until all workers have ended, at most so long; whether they have.
    pub(super) fn wait(&self, most: Duration) -> bool {
        let state = self.lock();
        let is_busy = |state: &mut State<'_>| !state.began || state.working > 0;
        let waited = self.changed.wait_timeout_while(state, most, is_busy);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !is_busy(&mut state)
    }

    /// Where the study is.
    pub(super) fn at(&self) -> At {
        let state = self.lock();
        let goal = self.spec.objective.goals.first();
        let cost = |trial: &&Trial| match (&trial.outcome, goal) {
            (Outcome::Complete { values, .. }, Some(goal)) => values.first().map(|value| goal.direction.cost(*value)),
            _ => None,
        };
        let costs = state.schedule.front().filter_map(|trial| Some((cost(&trial)?, trial)));
        let best: Option<Trial> = costs.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, trial)| trial.clone());
        let ended = state.schedule.ended();
        At { ended, trials: state.schedule.trials(), known: state.known, best }
    }

    /// Whether all trials have ended.
    pub(super) fn end(self) -> Result<bool, Failure> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.failed {
            Some(failure) => Err(failure),
            None => Ok(state.schedule.is_done()),
        }
    }
}
