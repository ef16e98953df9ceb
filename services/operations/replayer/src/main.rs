#![doc = include_str!("../README.md")]

mod lanes;
mod pace;
mod settings;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mesh_capture::{Capture, Filter, Item, Reader, Record};
use mesh_runtime::{About, BoxError, Process, clock};
use mesh_transport::Poller;
use mesh_types::{Domain, Mode};
use serde_json::json;

use lanes::Lanes;
use pace::{Pace, Progress};
use settings::ReplayerSettings;

const ABOUT: About = About {
    name: "replayer",
    kind: "operations",
    about: "Publishes a capture into the relays, in order, at recorded, scaled or full speed",
};

/// The longest sleep.
const IDLE: Duration = Duration::from_millis(200);
/// Frames are collected up to this size before they are sent.
const BATCH_BYTES: usize = 64 << 10;
const PROGRESS_NS: u64 = 1_000_000_000;
const SHUTDOWN: u64 = 100;

type ReplayerProcess = Process<ReplayerSettings>;

fn main() -> ExitCode {
    mesh_runtime::run::<ReplayerSettings>(&ABOUT, replay)
}

fn replay(process: ReplayerProcess) -> Result<(), BoxError> {
    allowed(process.config.mesh.mode, &process.settings.domains)?;
    let capture = Capture::open(&process.settings.capture)?;
    let filter = process.settings.filter()?;
    let range = process.settings.range(&capture)?;
    let span_ns = capture.sealed_span_ns();
    let from_ns = span_ns.map_or(range.from_ns, |(first_ns, _)| first_ns.max(range.from_ns));
    let to_ns = span_ns.map(|(_, last_ns)| last_ns.min(range.to_ns));
    let mut poller = Poller::new()?;
    poller.add(process.shutdown.fd(), SHUTDOWN, false)?;
    let mut player = Player {
        reader: capture.reader(range),
        filter,
        pace: Pace::new(process.settings.speed),
        progress: Progress::new(from_ns, to_ns),
        next_progress_ns: 0,
        held: None,
        at_end: false,
        damaged: 0,
        lanes: Lanes::connect(&process),
        process: &process,
    };
    while !process.shutdown.is_requested() {
        let timeout = player.step()?;
        if player.at_end && player.lanes.are_drained() {
            player.tell_progress(clock::now_ns());
            tracing::info!(messages = player.progress.messages(), damaged = player.damaged, "the capture was replayed");
            return Ok(());
        }
        player.lanes.wait(&mut poller, timeout)?;
    }
    tracing::info!(messages = player.progress.messages(), "stopped before the end of the capture");
    Ok(())
}

/// Recorded orders must never reach a venue.
fn allowed(mode: Mode, domains: &[Domain]) -> Result<(), BoxError> {
    match mode {
        Mode::Live => Err("a capture is never replayed into a live mesh: start one in mode paper".into()),
        Mode::DryLive if domains.contains(&Domain::Execution) => {
            Err("recorded orders are replayed into a paper mesh only: leave `execution` out of `domains`".into())
        }
        Mode::DryLive | Mode::Paper => Ok(()),
    }
}

/// A message that is not due yet.
struct Held {
    due_ns: u64,
    domain: Domain,
    at_ns: u64,
    frame: Vec<u8>,
}

struct Player<'p> {
    reader: Reader,
    filter: Filter,
    pace: Pace,
    progress: Progress,
    next_progress_ns: u64,
    held: Option<Held>,
    at_end: bool,
    damaged: u64,
    lanes: Lanes,
    process: &'p ReplayerProcess,
}

impl Player<'_> {
    /// Sends what is due; answers with how long nothing else will be.
    fn step(&mut self) -> Result<Duration, BoxError> {
        self.lanes.poll();
        let ready = self.lanes.are_up();
        self.process.status.set_ready(ready);
        // The clock of the replay starts when the relays are there to hear it.
        if !ready {
            return Ok(IDLE);
        }
        let now_ns = clock::now_ns();
        if now_ns >= self.next_progress_ns {
            self.tell_progress(now_ns);
            self.next_progress_ns = now_ns + PROGRESS_NS;
        }
        let due_ns = if self.lanes.send() { self.collect(now_ns)? } else { None };
        let more_now = self.lanes.send() && due_ns.is_none_or(|due_ns| due_ns <= now_ns) && !self.at_end;
        let wait_ns = due_ns.map_or(u64::MAX, |due_ns| due_ns.saturating_sub(now_ns));
        Ok(if more_now { Duration::ZERO } else { IDLE.min(Duration::from_nanos(wait_ns)) })
    }

    /// Takes what is due at `now_ns`, up to a batch; answers with when the next message is due, where one was looked at.
    fn collect(&mut self, now_ns: u64) -> Result<Option<u64>, BoxError> {
        if let Some(held) = self.held.take_if(|held| held.due_ns <= now_ns) {
            self.put(held.domain, held.at_ns, &held.frame);
        }
        while self.held.is_none() && !self.at_end && self.lanes.waiting_bytes() < BATCH_BYTES {
            let Some(item) = self.reader.next_item()? else {
                self.at_end = true;
                break;
            };
            let Item::Record(Record { receive_ns, message, .. }) = item else {
                self.damaged += 1;
                continue;
            };
            let domain = message.domain();
            // Sequence 0 is what relays and their clients said to each other.
            if message.sequence() == 0 || !self.lanes.carry(domain) || !self.filter.takes(&message) {
                continue;
            }
            let due_ns = self.pace.due_ns(receive_ns, now_ns);
            let frame = message.frame();
            if due_ns > now_ns {
                self.held = Some(Held { due_ns, domain, at_ns: receive_ns, frame: frame.to_vec() });
            } else {
                self.lanes.put(domain, frame);
                self.progress.note(receive_ns, now_ns);
                self.process.status.messages_out.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(self.held.as_ref().map(|held| held.due_ns))
    }

    fn put(&mut self, domain: Domain, at_ns: u64, frame: &[u8]) {
        self.lanes.put(domain, frame);
        self.progress.note(at_ns, clock::now_ns());
        self.process.status.messages_out.fetch_add(1, Ordering::Relaxed);
    }

    fn tell_progress(&mut self, now_ns: u64) {
        let shown = self.progress.at(now_ns);
        self.process.status.set_detail(
            "progress",
            json!({"at_ns": shown.at_ns, "messages": shown.messages, "percent": shown.percent,
                "messages_per_s": shown.messages_per_s, "left_s": shown.left_s}),
        );
        tracing::info!(
            at = %mesh_capture::time::readable(shown.at_ns),
            messages = shown.messages,
            percent = shown.percent,
            messages_per_s = shown.messages_per_s,
            left_s = shown.left_s,
            "replaying"
        );
    }
}
