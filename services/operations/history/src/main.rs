#![doc = include_str!("../README.md")]

mod collector;
mod fetch;
mod settings;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mesh_runtime::{About, BoxError, Process, clock};
use mesh_store::history::{History, Retention};
use mesh_transport::{Backoff, Client, ClientConfig, ClientEvent, Identity, Poller, Subscription, TypeSet};
use mesh_types::{Domain, FixedStr, Role, SourceId};

use collector::Collector;
use fetch::Fetcher;
use settings::Settings;

const ABOUT: About =
    About { name: "history", kind: "operations", about: "Keeps candles and what goes with them in SQLite" };

const RELAY: u64 = 0;
const SHUTDOWN: u64 = 1;
/// How often what is too old is looked for.
const PRUNE: Duration = Duration::from_secs(3600);

fn main() -> ExitCode {
    mesh_runtime::run::<Settings>(&ABOUT, keep)
}

fn keep(process: Process<Settings>) -> Result<(), BoxError> {
    let folder = process.config.mesh.data_dir();
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.db", process.config.process.name));
    let mut history = History::open(&path)?;
    let mut collector = Collector::new(&process.settings);
    resume(&history, &mut collector)?;
    let mut fetcher = Fetcher::start(&process.settings, history.fetched()?)?;

    let mut client = connect(&process, &collector);
    let mut poller = Poller::new()?;
    poller.add(process.shutdown.fd(), SHUTDOWN, false)?;
    let flush = Duration::from_millis(process.settings.flush_interval_ms);
    let mut writer = Writer { retention: process.settings.retention(), prune_at: Instant::now(), failing: false };
    let dropped = process.metrics.counter("alphamesh_history_dropped", "Rows that could not be written");
    let mut flush_at = Instant::now();
    while !process.shutdown.is_requested() {
        client.watch(&mut poller, RELAY)?;
        let now = Instant::now();
        let due = client.deadline().map_or(flush_at, |at| at.min(flush_at));
        poller.wait(Some(due.saturating_duration_since(now)), &mut |_| ())?;
        read(&mut client, &mut collector, &process);
        fetcher.follow(collector.listed());
        let now = Instant::now();
        if now >= flush_at {
            flush_at = now + flush;
            if !writer.failing {
                fetcher.pages().for_each(|page| collector.past(page.candles, page.reach));
            }
            let written = writer.write(&mut history, &mut collector, now);
            process.status.messages_out.fetch_add(written, Ordering::Relaxed);
            dropped.inc_by(collector.dropped() - dropped.get());
        }
        process.status.set_ready(client.is_up() && !writer.failing);
    }
    writer.write(&mut history, &mut collector, Instant::now());
    Ok(())
}

/// Takes up what was written before the last end.
fn resume(history: &History, collector: &mut Collector) -> Result<(), BoxError> {
    let (candles, positions) = history.resume()?;
    let more = candles.len();
    // What is more than may be built stays in the database and is not built on.
    for kept in candles {
        if collector.builder().resume(&kept.candle, kept.whole).is_err() {
            break;
        }
    }
    positions.into_iter().take_while(|at| collector.builder().resume_position(*at).is_ok()).count();
    tracing::info!(candles = more, "building goes on");
    Ok(())
}

struct Writer {
    retention: Retention,
    prune_at: Instant,
    failing: bool,
}

impl Writer {
    /// Writes what there is; answers with how many rows. What can't be written is tried again.
    fn write(&mut self, history: &mut History, collector: &mut Collector, now: Instant) -> u64 {
        let now_ns = clock::now_ns();
        let batch = collector.batch(now_ns);
        let rows = batch.len();
        let mut result = if batch.is_empty() { Ok(()) } else { history.write(batch) };
        if result.is_ok() {
            collector.written();
            if now >= self.prune_at {
                self.prune_at = now + PRUNE;
                result = history.prune(&self.retention, now_ns).map(|_| ());
            }
        }
        match &result {
            Err(error) if !self.failing => {
                tracing::error!(%error, "nothing can be kept at present; the mesh goes on, and so does this once it can");
            }
            Ok(()) if self.failing => tracing::info!("keeping goes on"),
            _ => {}
        }
        self.failing = result.is_err();
        if self.failing { 0 } else { rows as u64 }
    }
}

/// Takes what the relay has sent.
fn read(client: &mut Client, collector: &mut Collector, process: &Process<Settings>) {
    client.poll(Instant::now(), &mut |event| match event {
        ClientEvent::Frames(frames) => {
            process.status.messages_in.fetch_add(frames.len() as u64, Ordering::Relaxed);
            for message in frames.iter() {
                if let Err(kind) = collector.take(&message) {
                    process.status.bad_input(kind, 1);
                }
            }
        }
        ClientEvent::Gap(gap) => {
            process.status.dropped.fetch_add(gap.dropped(), Ordering::Relaxed);
            tracing::warn!(missing = gap.dropped(), "messages were missed; candles that lack trades say so");
            collector.lost();
        }
        ClientEvent::Control(_) => {}
        ClientEvent::Up { relay } => tracing::info!(relay = %relay, "connected"),
        ClientEvent::Down { reason } => {
            tracing::warn!(%reason, "not connected");
            collector.lost();
        }
    });
}

fn connect(process: &Process<Settings>, collector: &Collector) -> Client {
    let config = &process.config;
    let identity = Identity {
        name: FixedStr::truncated(&config.process.name),
        source: SourceId::new(config.process.source.get()),
        role: Role::Subscriber,
        mode: config.mesh.mode,
        mesh_id: config.mesh.id,
        started_ns: process.status.started_ns(),
        build: FixedStr::truncated(env!("CARGO_PKG_VERSION")),
    };
    let types: TypeSet = collector.types().into_iter().collect();
    let client = ClientConfig {
        path: config.relays.market.clone(),
        identity,
        domain: Domain::Market,
        subscription: Some(Subscription { types, instruments: Vec::new(), last_values: true }),
        send_queue_bytes: 64 << 10,
        resend_bytes: 0,
        backoff: Backoff::default(),
    };
    Client::new(client, process.status.started_ns() ^ u64::from(config.process.source.get()))
}
