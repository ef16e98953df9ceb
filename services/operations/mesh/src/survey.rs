//! How a mesh is: from its supervisor, or, where that is dead, from the processes themselves.

use std::time::Duration;

use mesh_topology::{Layout, ProcessSpec};

use crate::control::{self, Request};
use crate::failure::Outcome;
use crate::home::{self, Chosen};
use crate::probe::{self, Said};
use crate::procfs;
use crate::report::{MeshReport, ProcessReport, State};
use crate::state::{self, Saved, SavedProcess};
use crate::switches::{self, Switched};

/// Between the two samples that rates come from.
const BETWEEN_SAMPLES: Duration = Duration::from_millis(500);

/// How everything is.
pub(crate) async fn report(layout: &Layout) -> Outcome<MeshReport> {
    let mut report = match control::ask(&layout.control_socket(), &Request::Status).await? {
        Some(report) => report,
        None => without_supervisor(layout).await?,
    };
    // A ledger that can't be read keeps its portfolio from running, which the report shows.
    report.kill_switches = switches::read(layout).unwrap_or_default();
    report.kill_switches.retain(Switched::is_on);
    Ok(report)
}

async fn without_supervisor(layout: &Layout) -> Outcome<MeshReport> {
    let identity = home::identity(layout)?;
    let chosen = Chosen::active(layout)?;
    let saved = Saved::read(layout).unwrap_or_default();
    let mut processes = Vec::new();
    for process in chosen.iter().flat_map(|chosen| &chosen.topology.processes) {
        processes.push(look(layout, process, saved.process(&process.name)).await);
    }
    if processes.iter().any(|process| process.pid.is_some()) {
        tokio::time::sleep(BETWEEN_SAMPLES).await;
        for process in &mut processes {
            add_rates(layout, process).await;
        }
    }
    Ok(MeshReport {
        id: identity.map(|identity| identity.id),
        mode: identity.map(|identity| identity.mode.name().to_owned()),
        profile: chosen.map(|chosen| chosen.topology.profile),
        supervisor: None,
        processes,
        kill_switches: Vec::new(),
    })
}

async fn look(layout: &Layout, process: &ProcessSpec, saved: Option<&SavedProcess>) -> ProcessReport {
    let found = state::find(layout, &process.name, saved);
    let said = match &found {
        Some(_) => probe::ask(&layout.status_socket(&process.name)).await,
        None => None,
    };
    let wanted = saved.is_some_and(|saved| saved.wanted);
    ProcessReport {
        name: process.name.clone(),
        kind: process.kind.to_string(),
        state: match (&found, &said) {
            (Some(_), Some(said)) if said.is_ready() => State::Ready,
            (Some(_), _) => State::Starting,
            (None, _) if wanted => State::Failed,
            (None, _) => State::Stopped,
        },
        wanted,
        pid: found.as_ref().and_then(|found| u32::try_from(found.pid.as_raw_nonzero().get()).ok()),
        uptime_s: found.as_ref().map_or(0, |found| procfs::uptime_s(found.start_ticks)),
        restarts: saved.map_or(0, |saved| saved.restarts),
        rss_bytes: found.as_ref().map_or(0, |found| procfs::resident_bytes(found.pid)),
        said: said.unwrap_or_default(),
        rate_in: 0.0,
        rate_out: 0.0,
        reason: (found.is_none() && wanted).then(|| "it should run, and nobody supervises it".to_owned()),
    }
}

async fn add_rates(layout: &Layout, process: &mut ProcessReport) {
    let Some(now) = probe::ask(&layout.status_socket(&process.name)).await else { return };
    let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / BETWEEN_SAMPLES.as_secs_f64();
    let Said { messages_in, messages_out, .. } = process.said;
    process.rate_in = rate(now.messages_in, messages_in);
    process.rate_out = rate(now.messages_out, messages_out);
}
