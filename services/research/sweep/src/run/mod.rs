//! Running a study: worker threads take trials in order, run them, and keep them chunk by chunk; then the best are run again
//! on the scalar path.
//!
//! What is tried and what comes of it is decided by [`mesh_study::Schedule`] alone; here are threads, memory and the disk. A
//! chunk is told to its study only once it is kept.

mod best;
mod group;
mod hub;

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use mesh_study::Spec;
use mesh_study::strategies::{self, Threaded, Visit};

use crate::backend::Backend;
use crate::clock;
use crate::data::Prepared;
use crate::export;
use crate::failure::Failure;
use crate::progress::{Progress, Watcher};
use crate::store::{Finished, Known, Store};

use hub::Hub;

pub(crate) use group::params;

pub use best::{Judged, judged};
pub use group::Needs;

/// How a study ended for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it is there.
    Done(Finished),
    /// It was asked to stop; what is kept is kept.
    Stopped,
}

/// What a run needs beside its study.
#[derive(Debug)]
pub struct Resources<'a> {
    /// Where configurations are computed.
    pub backend: &'a Backend,
    /// Threads; 0 for as many as the machine has.
    pub workers: usize,
    /// Set to end early.
    pub stop: &'a AtomicBool,
}

/// Counts that workers share.
#[derive(Debug, Default)]
struct Counters {
    configuration_bars: AtomicU64,
}

/// Runs what is left of a study.
///
/// # Errors
/// Where memory does not suffice, the disk fails, or two paths differ in a bit.
pub fn run(
    spec: &Spec,
    prepared: &Prepared,
    store: &mut Store,
    resources: &Resources<'_>,
    watcher: &mut dyn Watcher,
) -> Result<Ended, Failure> {
    if let Some(finished) = store.finished()? {
        return Ok(Ended::Done(finished));
    }
    strategies::with(&spec.strategy, Runner { spec, prepared, store, resources, watcher })
        .unwrap_or_else(|| Err(unknown(spec)))
}

/// What memory a study needs, and how it would be shared out among so many threads; 0 for as many as the machine has.
///
/// # Errors
/// Where its bound is too small.
pub fn needs(spec: &Spec, prepared: &Prepared, threads: usize) -> Result<Needs, Failure> {
    let threads = workers(threads);
    strategies::with(&spec.strategy, Asker { spec, prepared, threads }).unwrap_or_else(|| Err(unknown(spec)))
}

fn unknown(spec: &Spec) -> Failure {
    Failure::usage(format!("no strategy is called {}", spec.strategy))
}

struct Asker<'a> {
    spec: &'a Spec,
    prepared: &'a Prepared,
    threads: usize,
}

impl Visit for Asker<'_> {
    type Output = Result<Needs, Failure>;

    fn visit<S: Threaded>(self) -> Self::Output {
        Needs::of::<S>(self.spec, self.prepared, self.threads)
    }
}

struct Runner<'a> {
    spec: &'a Spec,
    prepared: &'a Prepared,
    store: &'a mut Store,
    resources: &'a Resources<'a>,
    watcher: &'a mut dyn Watcher,
}

impl Visit for Runner<'_> {
    type Output = Result<Ended, Failure>;

    fn visit<S: Threaded>(self) -> Self::Output {
        let Self { spec, prepared, store, resources, watcher } = self;
        if spec.pruning.is_some() && !resources.backend.has_steps() {
            return Err(Failure::usage(
                "[pruning] looks at trials on their way, which a GPU does not: drop it, or use --cpu",
            ));
        }
        let needs = Needs::of::<S>(spec, prepared, resources.backend.workers(workers(resources.workers)))?;
        watcher.begins(&needs.told());
        let known = Known::of(store, spec)?;
        let counters = Counters::default();
        let hub = Hub::new(spec, store, known, resources.stop)?;
        let begun = Instant::now();
        let progress = || Progress {
            at: hub.at(),
            configuration_bars: counters.configuration_bars.load(Ordering::Relaxed),
            elapsed_ns: clock::since_ns(begun),
        };
        thread::scope(|scope| {
            let work = || group::work::<S>(spec, prepared, resources.backend, &hub, &needs, &counters);
            let workers: Vec<_> = (0..needs.workers).map(|_| scope.spawn(work)).collect();
            while !hub.wait(watcher.interval()) {
                watcher.passes(&progress());
            }
            // Gone, and not only done: what they had is free.
            workers.into_iter().for_each(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        });
        watcher.passes(&progress());
        let is_done = hub.end()?;
        if !is_done {
            return Ok(Ended::Stopped);
        }
        let judged = judged(spec, store, spec.limits.best as usize)?;
        let verify = || best::verify::<S>(spec, prepared, &judged, resources.backend);
        // On a thread of its own: the allocator keeps for threads what the workers had.
        let best = thread::scope(|scope| scope.spawn(verify).join()).unwrap_or_else(|panic| resume_unwind(panic))?;
        let finished = Finished { ended_ns: clock::now_ns(), digest: export::digest(spec, store)? };
        store.finish(&best, &finished)?;
        Ok(Ended::Done(finished))
    }
}

fn workers(asked: usize) -> usize {
    if asked > 0 { asked } else { thread::available_parallelism().map_or(1, usize::from) }
}
