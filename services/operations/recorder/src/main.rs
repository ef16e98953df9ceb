#![doc = include_str!("../README.md")]

mod settings;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mesh_capture::recording::{Recording, last_positions};
use mesh_capture::{RunInfo, RunStatus};
use mesh_runtime::{About, BoxError, Process, clock};
use mesh_transport::{Backoff, Client, ClientConfig, ClientEvent, Identity, Poller, Subscription, TypeSet};
use mesh_types::{Domain, FixedStr, MessageId, Role, SourceId};
use sha2::{Digest, Sha256};

use settings::RecorderSettings;

const ABOUT: About = About {
    name: "recorder",
    kind: "operations",
    about: "Records everything that the relays carry into a capture log",
};

/// The longest sleep: rotation by age, durability and readiness are looked at this often.
const IDLE: Duration = Duration::from_millis(200);
const SHUTDOWN: u64 = 100;

type RecorderProcess = Process<RecorderSettings>;

fn main() -> ExitCode {
    mesh_runtime::run::<RecorderSettings>(&ABOUT, record)
}

struct Connection {
    domain: Domain,
    client: Client,
}

fn record(process: RecorderProcess) -> Result<(), BoxError> {
    let root = process.config.mesh.capture_dir();
    let source = SourceId::new(process.config.process.source.get());
    // Relays of signals and orders have kept what came while nobody recorded.
    let positions = last_positions(&root)?;
    let (mut recording, recovered) = Recording::start(&root, run_info(&process)?, source, process.settings.limits())?;
    for run in recovered {
        let quarantined = run.manifest.status == RunStatus::Quarantined;
        tracing::warn!(run = %run.dir.display(), quarantined, "an earlier recording was not ended in order; it is kept");
    }
    let dropped = process.metrics.counter("alphamesh_recorder_dropped", "Messages that could not be recorded");
    let run_bytes = process.metrics.gauge("alphamesh_recorder_run_bytes", "Bytes of the run being written");

    let mut connections = connections(&process, &positions);
    let mut poller = Poller::new()?;
    poller.add(process.shutdown.fd(), SHUTDOWN, false)?;
    while !process.shutdown.is_requested() {
        wait(&mut poller, &mut connections)?;
        let now_ns = clock::now_ns();
        for connection in &mut connections {
            read(connection, &mut recording, &process, now_ns);
        }
        let was_stalled = recording.is_stalled();
        match recording.flush(now_ns) {
            Err(error) if !was_stalled => {
                tracing::error!(%error, "nothing can be recorded at present; the mesh goes on, and so does recording once it can");
            }
            Err(_) => {}
            Ok(()) if was_stalled && !recording.is_stalled() => {
                tracing::info!(dropped = recording.dropped(), "recording goes on");
            }
            Ok(()) => {}
        }
        let connected = connections.iter().all(|connection| connection.client.is_up());
        process.status.set_ready(connected && !recording.is_stalled());
        let new_dropped = recording.dropped() - dropped.get();
        dropped.inc_by(new_dropped);
        process.status.dropped.fetch_add(new_dropped, Ordering::Relaxed);
        process.status.messages_out.store(recording.recorded(), Ordering::Relaxed);
        run_bytes.set(i64::try_from(recording.run_bytes()).unwrap_or(i64::MAX));
    }
    recording.finish(clock::now_ns())?;
    tracing::info!(messages = recording.recorded(), dropped = recording.dropped(), "the capture is sealed");
    Ok(())
}

/// Takes what a relay has sent.
fn read(connection: &mut Connection, recording: &mut Recording, process: &RecorderProcess, now_ns: u64) {
    let domain = connection.domain;
    connection.client.poll(Instant::now(), &mut |event| match event {
        ClientEvent::Frames(frames) => {
            recording.frames(now_ns, frames);
            process.status.messages_in.fetch_add(frames.len() as u64, Ordering::Relaxed);
        }
        ClientEvent::Gap(gap) => {
            process.status.dropped.fetch_add(gap.dropped(), Ordering::Relaxed);
            tracing::warn!(%domain, missing = gap.dropped(), "messages were missed; the log says which");
            recording.frames(now_ns, gap.frames());
        }
        // The link's own messages say nothing about the mesh.
        ClientEvent::Control(_) => {}
        ClientEvent::Up { relay } => tracing::info!(%domain, relay = %relay, "connected"),
        ClientEvent::Down { reason } => tracing::warn!(%domain, %reason, "not connected"),
    });
}

fn connections(process: &RecorderProcess, positions: &[MessageId]) -> Vec<Connection> {
    let relayed = [Domain::Market, Domain::Signal, Domain::Execution];
    let connect = |domain| {
        let config = ClientConfig {
            path: process.config.relays.of(domain)?.clone(),
            identity: identity(process),
            domain,
            subscription: Some(Subscription { types: TypeSet::all(), instruments: Vec::new(), last_values: true }),
            send_queue_bytes: 64 << 10,
            resend_bytes: 0,
            backoff: Backoff::default(),
        };
        let seed = process.status.started_ns() ^ u64::from(process.config.process.source.get());
        let mut client = Client::new(config, seed);
        let of_domain: Vec<MessageId> = positions.iter().filter(|id| id.domain() == Some(domain)).copied().collect();
        client.resume_from(&of_domain);
        Some(Connection { domain, client })
    };
    relayed.into_iter().filter_map(connect).collect()
}

fn identity(process: &RecorderProcess) -> Identity {
    Identity {
        name: FixedStr::truncated(&process.config.process.name),
        source: SourceId::new(process.config.process.source.get()),
        role: Role::Subscriber,
        mode: process.config.mesh.mode,
        mesh_id: process.config.mesh.id,
        started_ns: process.status.started_ns(),
        build: FixedStr::truncated(env!("CARGO_PKG_VERSION")),
    }
}

/// Sleeps until a relay has something, a reconnect is due, or a look at the log is.
fn wait(poller: &mut Poller, connections: &mut [Connection]) -> Result<(), BoxError> {
    for (token, connection) in (0u64..).zip(connections.iter_mut()) {
        connection.client.watch(poller, token)?;
    }
    let now = Instant::now();
    let deadlines = connections.iter().filter_map(|connection| connection.client.deadline());
    let timeout = deadlines.map(|at| at.saturating_duration_since(now)).min().unwrap_or(IDLE).min(IDLE);
    poller.wait(Some(timeout), &mut |_| ())?;
    Ok(())
}

/// What each run's manifest says: enough to see what was running.
fn run_info(process: &RecorderProcess) -> Result<RunInfo, BoxError> {
    let config = &process.config;
    Ok(RunInfo {
        name: config.process.name.clone(),
        started_ns: clock::now_ns(),
        mesh_id: config.mesh.id,
        mode: config.mesh.mode,
        profile: config.mesh.profile.clone(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
        topology_sha256: topology_sha256(&config.mesh.run_dir())?,
        configuration_sha256: process.config_hash.clone(),
        binary_sha256: process.binary_hash.clone(),
    })
}

/// SHA-256 over the configuration files of all processes, in order of name: the topology as it runs.
fn topology_sha256(run_dir: &std::path::Path) -> std::io::Result<String> {
    let mut paths: Vec<_> = std::fs::read_dir(run_dir)?.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut hash = Sha256::new();
    for path in paths {
        hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update(std::fs::read(&path)?);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
