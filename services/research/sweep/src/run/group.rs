//! A worker at its chunk of trials: how many fit into memory, running them, judging them on the way.

use std::sync::atomic::Ordering;
use std::time::Instant;

use mesh_kernel::digest::Digest;
use mesh_kernel::run::Summary;
use mesh_kernel::strategy::StrategyParams;
use mesh_optimize::{Point, Rng};
use mesh_study::spec::Pruning;
use mesh_study::strategies::Threaded;
use mesh_study::{Measures, Spec};
use mesh_sweep::{Figures, History, Lane, Shared};

use super::Counters;
use super::hub::{Hub, Next};
use crate::backend::Backend;
use crate::clock;
use crate::data::{Prepared, mb, too_little};
use crate::failure::Failure;
use crate::store::{ChunkInfo, Row, State};

/// What a configuration in flight takes beside the series: its lane, its row, its place in lists.
const CONFIGURATION_BYTES: u64 = 2 << 10;

/// Random configurations that are looked at before work begins, for how much one alone needs.
const PROBED: u64 = 32;

/// How the memory of a study is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Threads that have enough of it.
    pub workers: usize,
    /// Most that is held at once, as the specification says.
    pub bound_bytes: u64,
    /// Most that is held while files are read.
    pub reading_bytes: u64,
    /// Bars and what is known beside them, all symbols.
    pub history_bytes: u64,
    /// One configuration alone, with its indicators.
    pub configuration_bytes: u64,
    /// What each worker may use.
    pub worker_bytes: u64,
}

impl Needs {
    /// Shares out the bound of the specification; fewer workers where it is too small for all.
    pub(super) fn of<S: Threaded>(spec: &Spec, prepared: &Prepared, workers: usize) -> Result<Self, Failure> {
        let history_bytes = prepared.bytes();
        let mut one = 0;
        for number in 0..PROBED {
            let mut rng = Rng::stream(spec.study.seed, number);
            let point = spec.space().point_by(|_, domain| domain.at(rng.uniform()));
            let params: Vec<S::Params> = params::<S>(spec, &point).into_iter().collect();
            one = needed::<S>(spec, prepared, &params).max(one);
        }
        let bound_bytes = spec.limits.memory_bytes;
        let left = bound_bytes.saturating_sub(history_bytes);
        let enough_for = usize::try_from(left / one.max(1)).unwrap_or(usize::MAX);
        if enough_for == 0 {
            let what = format!("the bars take {} MB and one configuration up to {} MB", mb(history_bytes), mb(one));
            return Err(too_little(spec, &what, history_bytes + one));
        }
        let workers = workers.min(enough_for).max(1);
        let (reading_bytes, worker_bytes) = (prepared.reading_bytes, left / workers as u64);
        Ok(Self { workers, bound_bytes, reading_bytes, history_bytes, configuration_bytes: one, worker_bytes })
    }

    /// The least bound with which the study runs.
    #[must_use]
    pub fn least_bytes(&self) -> u64 {
        self.reading_bytes.max(self.history_bytes + self.configuration_bytes)
    }

    /// A line for people.
    #[must_use]
    pub fn told(&self) -> String {
        let mb = |bytes: u64| bytes as f64 / (1u64 << 20) as f64;
        format!(
            "memory: at most {} MB; bars {:.1} MB, {} workers with at most {:.1} MB each",
            self.bound_bytes >> 20,
            mb(self.history_bytes),
            self.workers,
            mb(self.worker_bytes)
        )
    }

    /// How many of these points, the first ones, a worker can run at once; at least one.
    fn fitting<S: Threaded>(&self, spec: &Spec, prepared: &Prepared, points: &[&Point]) -> Result<usize, Failure> {
        let params: Vec<Option<S::Params>> = points.iter().map(|point| params::<S>(spec, point)).collect();
        let mut count = points.len();
        loop {
            let some: Vec<S::Params> = params.iter().take(count).flatten().copied().collect();
            let needed = needed::<S>(spec, prepared, &some);
            if needed <= self.worker_bytes {
                return Ok(count);
            }
            if count <= 1 {
                return Err(Failure::usage(format!(
                    "[limits] memory_mb: a configuration needs {} MB, a worker has {}: give more, or fewer --workers",
                    needed.div_ceil(1 << 20),
                    self.worker_bytes >> 20
                )));
            }
            count = count.div_ceil(2);
        }
    }
}

/// Memory of configurations that run together: all symbols at once where they are judged on the way, else one after another.
fn needed<S: Threaded>(spec: &Spec, prepared: &Prepared, params: &[S::Params]) -> u64 {
    let bytes = prepared.train.iter().map(|part| Shared::<S>::bytes_needed(&part.history, params));
    let series: u64 = if spec.pruning.is_some() { bytes.sum() } else { bytes.max().unwrap_or(0) };
    let symbols = if spec.pruning.is_some() { prepared.train.len() as u64 } else { 1 };
    series + params.len() as u64 * CONFIGURATION_BYTES * symbols
}

/// The parameters at a point; none where they contradict each other.
pub(crate) fn params<S: Threaded>(spec: &Spec, point: &Point) -> Option<S::Params> {
    S::Params::from_values(&spec.values(point)).ok()
}

/// A worker: chunk after chunk until there are no more.
pub(super) fn work<S: Threaded>(
    spec: &Spec,
    prepared: &Prepared,
    backend: &Backend,
    hub: &Hub<'_>,
    needs: &Needs,
    counters: &Counters,
) {
    let _working = hub.enter();
    let wanted = spec.limits.chunk.unwrap_or(backend.chunk()) as usize;
    let chunk = || -> Result<bool, Failure> {
        let next = hub.next(needs.workers, wanted, |points| needs.fitting::<S>(spec, prepared, points))?;
        let Next::Run(trials) = next else { return Ok(false) };
        let begun = Instant::now();
        let mut group = Group { spec, prepared, hub, counters, bars: 0, rows: Vec::new() };
        if !group.run::<S>(backend, trials)? {
            return Ok(false);
        }
        let Group { bars, mut rows, .. } = group;
        rows.sort_by_key(|row| row.number);
        let info = ChunkInfo { backend: backend.name(), took_ns: clock::since_ns(begun), configuration_bars: bars };
        hub.keep(info, &rows)?;
        Ok(true)
    };
    loop {
        match chunk() {
            Ok(true) => {}
            Ok(false) => return,
            Err(failure) => return hub.fail(failure),
        }
    }
}

/// Trials that run together.
struct Group<'a, 'h> {
    spec: &'a Spec,
    prepared: &'a Prepared,
    hub: &'a Hub<'h>,
    counters: &'a Counters,
    bars: u64,
    rows: Vec<Row>,
}

/// A trial that runs.
struct Running<P> {
    number: u64,
    point: Point,
    params: P,
    reports: Vec<f64>,
}

impl Group<'_, '_> {
    /// Runs the trials into rows; false where the work was given up.
    fn run<S: Threaded>(&mut self, backend: &Backend, trials: Vec<(u64, Point)>) -> Result<bool, Failure> {
        let mut running = Vec::with_capacity(trials.len());
        let mut invalid = Vec::new();
        for (number, point) in trials {
            match params::<S>(self.spec, &point) {
                Some(params) => running.push(Running { number, point, params, reports: Vec::new() }),
                None => invalid.push((number, point)),
            }
        }
        for (number, point) in invalid {
            // Trials after it need not wait for its reports.
            self.hub.ends(number);
            self.push(number, point, State::Invalid, None, Vec::new());
        }
        match self.spec.pruning {
            None => self.in_one_go::<S>(backend, running),
            Some(pruning) => self.in_steps::<S>(pruning, running),
        }
    }

    fn push(&mut self, number: u64, point: Point, state: State, came: Option<(Measures, u64)>, reports: Vec<f64>) {
        let (measures, digest) = came.unwrap_or_default();
        self.rows.push(Row { number, point, state, measures, digest, reports });
    }

    /// Counts work; whether it is to go on.
    fn passed(&mut self, bars: u64) -> bool {
        self.bars += bars;
        self.counters.configuration_bars.fetch_add(bars, Ordering::Relaxed);
        !self.hub.gives_up()
    }

    fn in_one_go<S: Threaded>(&mut self, backend: &Backend, running: Vec<Running<S::Params>>) -> Result<bool, Failure> {
        let params: Vec<S::Params> = running.iter().map(|one| one.params).collect();
        let prepared = self.prepared;
        let mut summaries: Vec<Vec<Summary>> = Vec::with_capacity(prepared.train.len());
        for part in &prepared.train {
            let came = backend.run::<S>(&part.history, &params, &prepared.rules, &mut |bars| self.passed(bars))?;
            let Some(came) = came else { return Ok(false) };
            summaries.push(came);
        }
        for (at, one) in running.into_iter().enumerate() {
            let of: Vec<Summary> = summaries.iter().filter_map(|symbol| symbol.get(at)).copied().collect();
            let came = measures(self.spec, prepared, &of);
            self.push(one.number, one.point, State::Complete, Some(came), one.reports);
        }
        Ok(true)
    }

    fn in_steps<S: Threaded>(
        &mut self,
        pruning: Pruning,
        mut running: Vec<Running<S::Params>>,
    ) -> Result<bool, Failure> {
        let prepared = self.prepared;
        let params: Vec<S::Params> = running.iter().map(|one| one.params).collect();
        let shared: Vec<Shared<'_, S>> =
            prepared.train.iter().map(|part| Shared::new(&part.history, &params)).collect();
        let mut lanes: Vec<Vec<Lane<S>>> =
            shared.iter().map(|shared| shared.begin(&prepared.rules, 0..params.len())).collect();
        for step in 1..=pruning.steps {
            for (shared, lanes) in shared.iter().zip(&mut lanes) {
                let end = |step: u32| bound(shared.history(), step, pruning.steps);
                shared.advance(lanes, &prepared.rules, end(step));
                if !self.passed((end(step) - end(step - 1)) as u64 * lanes.len() as u64) {
                    return Ok(false);
                }
            }
            let came: Vec<(Measures, u64)> = (0..running.len())
                .map(|at| {
                    let of: Vec<Summary> =
                        lanes.iter().filter_map(|symbol| symbol.get(at)).map(Lane::summary).collect();
                    measures(self.spec, prepared, &of)
                })
                .collect();
            if step == pruning.steps {
                for (one, came) in running.drain(..).zip(came) {
                    self.push(one.number, one.point, State::Complete, Some(came), one.reports);
                }
                continue;
            }
            let values = running.iter_mut().zip(&came).map(|(one, (measures, _))| {
                let value = self.spec.objective.on_the_way(measures);
                one.reports.push(value);
                (one.number, value)
            });
            let values: Vec<(u64, f64)> = values.collect();
            let Some(goes_on) = self.hub.judge(u64::from(step), &values)? else { return Ok(false) };
            for symbol in &mut lanes {
                let mut goes_on = goes_on.iter();
                symbol.retain(|_| goes_on.next().copied().unwrap_or(true));
            }
            let (stay, stopped): (Vec<_>, Vec<_>) = running.into_iter().zip(goes_on).partition(|(_, goes_on)| *goes_on);
            running = stay.into_iter().map(|(one, _)| one).collect();
            for (one, _) in stopped {
                self.push(one.number, one.point, State::Pruned { steps: u64::from(step) }, None, one.reports);
            }
        }
        Ok(true)
    }
}

/// The bar at which a step ends.
fn bound(history: &History, step: u32, steps: u32) -> usize {
    (history.len() as u64 * u64::from(step) / u64::from(steps.max(1))) as usize
}

/// The figures of a trial over all symbols, and the digest of all its fills.
pub(super) fn measures(spec: &Spec, prepared: &Prepared, summaries: &[Summary]) -> (Measures, u64) {
    let of = |(part, summary): (&crate::data::Part, &Summary)| {
        Measures::of(&Figures::of(summary, &part.history, &prepared.rules))
    };
    let each: Vec<Measures> = prepared.train.iter().zip(summaries).map(of).collect();
    let digest = summaries.iter().fold(Digest::new(), |digest, summary| digest.u64(summary.digest));
    (spec.objective.combine(&each), digest.finish())
}
