//! `run`, `resume`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sweep::Failure;
use sweep::backend::{Backend, Choice};
use sweep::progress::{Console, Silent, Watcher};
use sweep::run::{Ended, Resources, run as run_study};
use sweep::store::{Home, Store};
use sweep::study::Study;

use super::check::check;
use super::{look, say, say_json};
use crate::cli::{ResumeOptions, RunOptions, Where};

pub(crate) fn run(home: &Home, options: &RunOptions) -> Result<(), Failure> {
    if options.check {
        return check(&options.spec, options.where_to.workers, options.where_to.json);
    }
    go(home, &Study::from_file(&options.spec)?, &options.where_to)
}

pub(crate) fn resume(home: &Home, options: &ResumeOptions) -> Result<(), Failure> {
    go(home, &Study::resumed(home, &options.id)?, &options.where_to)
}

fn go(home: &Home, study: &Study, where_to: &Where) -> Result<(), Failure> {
    let choice = match (where_to.cpu, where_to.gpu) {
        (true, _) => Choice::Cpu,
        (false, true) => Choice::Gpu,
        (false, false) => Choice::Best,
    };
    let tell = |line: &str| {
        if !where_to.json {
            let _ = writeln!(io::stderr(), "{line}");
        }
    };
    let backend = Backend::choose(choice, study.spec.limits.memory_bytes, tell)?;
    let mut store = study.store(home)?;
    let ended = store.ended()?;
    let id = &study.about.id;
    let trials = study.about.trials;
    match ended {
        0 => tell(&format!("study {id}: {trials} trials over {} bars", study.about.bars)),
        _ => tell(&format!("study {id}: goes on after {ended} of {trials} trials")),
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second one ends it at once: nothing that is kept is lost.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let goal = study.spec.objective.goals.first().map_or("", |goal| goal.metric.name());
    let mut watcher: Box<dyn Watcher> =
        if where_to.json { Box::new(Silent) } else { Box::new(Console::new(goal.to_owned())) };
    let resources = Resources { backend: &backend, workers: where_to.workers, stop: &stop };
    let came = run_study(&study.spec, &study.prepared, &mut store, &resources, watcher.as_mut())?;
    drop(watcher);
    report(study, &store, &came, where_to.json)
}

fn report(study: &Study, store: &Store, came: &Ended, as_json: bool) -> Result<(), Failure> {
    let id = &study.about.id;
    match came {
        Ended::Stopped => Err(Failure::bad(format!(
            "{id}: stopped after {} of {} trials; `sweep resume {id}` goes on",
            store.ended()?,
            study.about.trials
        ))),
        Ended::Done(_) if as_json => say_json(&look::described(&study.spec, store)?),
        Ended::Done(finished) => {
            say(&look::page(&study.spec, store)?)?;
            say(&format!("\nthe best agree with the scalar path to the last bit; digest {}", finished.digest))
        }
    }
}
