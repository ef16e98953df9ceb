//! A running process, watched: a thread waits for its end, a task asks it for its status.

use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, Signal, pidfd_send_signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::machine::End;
use crate::probe::{self, Said};
use crate::state::Found;

/// A starting process is asked for its status after this time, then ever less often, a ready one after that.
const PROBE_FIRST: Duration = Duration::from_millis(5);
const PROBE_READY: Duration = Duration::from_secs(1);
/// Answers that a ready process may miss.
const PROBES_MISSED: u32 = 2;
/// A thread that only waits needs little.
const WATCH_STACK_BYTES: usize = 64 * 1024;

/// What happens to the process of this index and process id.
pub(super) enum Event {
    /// It has ended.
    Ended(usize, Pid, End),
    /// It was asked for its status.
    Probed(usize, Pid, Option<Said>),
}

/// A running process.
pub(super) struct Live {
    pub(super) pid: Pid,
    pub(super) start_ticks: u64,
    /// Whether the log has warned of its memory.
    pub(super) warned: bool,
    pidfd: Arc<OwnedFd>,
    probe: JoinHandle<()>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.probe.abort();
    }
}

impl Live {
    /// Watches a process, which listens on `socket` for who asks for its status. `child` is there where this supervisor
    /// started it.
    pub(super) fn watch(
        index: usize,
        found: Found,
        child: Option<Child>,
        socket: PathBuf,
        events: &mpsc::Sender<Event>,
    ) -> Self {
        let Found { pid, pidfd, start_ticks } = found;
        let pidfd = Arc::new(pidfd);
        let (ended, watched) = (events.clone(), Arc::clone(&pidfd));
        let wait = move || {
            let end = wait_for_end(&watched, child);
            // The receiver goes only with the supervisor.
            let _ = ended.blocking_send(Event::Ended(index, pid, end));
        };
        if let Err(error) = std::thread::Builder::new().stack_size(WATCH_STACK_BYTES).spawn(wait) {
            tracing::error!(pid = pid.as_raw_nonzero(), %error, "can't be watched; it will not be started again");
        }
        let probe = tokio::spawn(probe_on(index, pid, socket, events.clone()));
        Self { pid, start_ticks, warned: false, pidfd, probe }
    }

    /// Sends a signal.
    pub(super) fn send(&self, signal: Signal) {
        // The one failure is that it has ended already.
        let _ = pidfd_send_signal(&*self.pidfd, signal);
    }
}

/// Blocks until the process has ended.
fn wait_for_end(pidfd: &OwnedFd, child: Option<Child>) -> End {
    // An interrupted wait looks again.
    while poll(&mut [PollFd::new(pidfd, PollFlags::IN)], None) == Err(rustix::io::Errno::INTR) {}
    let Some(mut child) = child else {
        return End::Failed("it ended; how is not known, since an earlier supervisor had started it".to_owned());
    };
    match child.wait() {
        Ok(status) => end_of(status),
        Err(error) => End::Failed(format!("it ended; how can't be told: {error}")),
    }
}

fn end_of(status: ExitStatus) -> End {
    match status.code() {
        Some(0) => End::Clean,
        Some(2) => End::Refused,
        _ => End::Failed(format!("it ended with {status}")),
    }
}

/// Asks a process for its status as long as it runs: often while it starts, then every second. A ready one that misses an
/// answer is asked again before it is taken as not ready.
async fn probe_on(index: usize, pid: Pid, socket: PathBuf, events: mpsc::Sender<Event>) {
    let (mut pause, mut missed) = (PROBE_FIRST, PROBES_MISSED);
    loop {
        let said = probe::ask(&socket).await.filter(|said| i32::try_from(said.pid) == Ok(pid.as_raw_nonzero().get()));
        let ready = said.as_ref().is_some_and(Said::is_ready);
        missed = if said.is_some() { 0 } else { missed + 1 };
        pause = if ready { PROBE_READY } else { (pause + pause / 4).min(PROBE_READY) };
        let told = said.is_some() || missed > PROBES_MISSED;
        if told && events.send(Event::Probed(index, pid, said)).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

/// What a process said last; rates come from that and what it said before.
#[derive(Clone, Default)]
pub(super) struct Samples {
    pub(super) last: Option<(Instant, Said)>,
    pub(super) rate_in: f64,
    pub(super) rate_out: f64,
}

impl Samples {
    /// It has said something.
    pub(super) fn add(&mut self, now: Instant, said: Said) {
        if let Some((then, before)) = &self.last {
            let seconds = now.duration_since(*then).as_secs_f64();
            // Two samples close to each other say little about a rate.
            if seconds > 0.5 {
                self.rate_in = said.messages_in.saturating_sub(before.messages_in) as f64 / seconds;
                self.rate_out = said.messages_out.saturating_sub(before.messages_out) as f64 / seconds;
            }
        }
        self.last = Some((now, said));
    }
}
