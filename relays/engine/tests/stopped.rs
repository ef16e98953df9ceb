//! A subscriber that is really stopped, as by SIGSTOP: memory is bounded, and where nothing may be dropped it learns why it
//! was ended and is given, or told, all that it missed.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test ends at what it does not expect")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use common::{MESH, Peer, RELAY, everything, settings};
use mesh_relay::{Relay, RelayConfig};
use mesh_transport::DownReason;
use mesh_types::{Domain, FixedStr, LogoutReason, Mode, SourceId};
use rustix::process::{Pid, Signal, kill_process};

const PATH: &str = "STOPPED_TEST_SOCKET";
const BACKLOG_BYTES: usize = 5 << 20;
const RETAIN_BYTES: usize = 10 << 20;
/// What is sent while the subscriber is stopped: several times what may wait or be kept.
const SENT_BYTES: usize = 48 << 20;

/// One of the ignored tests below, in a process of its own; it ends with this.
struct Process {
    child: Child,
    input: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Process {
    fn start(test: &str, path: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args([test, "--exact", "--ignored", "--nocapture"]).env(PATH, path);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        let input = child.stdin.take().expect("piped");
        Self { child, input, lines }
    }

    /// The rest of the next line that begins with `word`.
    fn says(&mut self, word: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.lines.read_line(&mut line).expect("read") > 0, "it ended before it said {word}");
            // The harness writes the test's name without a line's end.
            if let Some(at) = line.find(word) {
                return line[at + word.len()..].trim().to_owned();
            }
        }
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.input, "{what}").expect("written");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sent");
    }

    fn kernel_says(&self, file: &str, word: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("it lives");
        let line = text.lines().find_map(|line| line.strip_prefix(word)).expect("the kernel tells it");
        line.trim().to_owned()
    }

    fn peak_bytes(&self) -> usize {
        let text = self.kernel_says("status", "VmHWM:");
        text.trim_end_matches("kB").trim().parse::<usize>().expect("a number") << 10
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket() -> Option<PathBuf> {
    std::env::var_os(PATH).map(PathBuf::from)
}

#[test]
#[ignore = "a process of the tests below"]
fn relay_process() {
    let Some(path) = socket() else { return };
    let mut settings = settings(Domain::Execution);
    (settings.backlog_bytes, settings.retain_bytes) = (BACKLOG_BYTES, RETAIN_BYTES);
    (settings.linger_ms, settings.idle_timeout_ms) = (600_000, 600_000);
    let mut relay = Relay::open(RelayConfig {
        path,
        domain: Domain::Execution,
        name: FixedStr::truncated("relay-test"),
        source: SourceId::new(RELAY),
        mesh_id: MESH,
        mode: Mode::Paper,
        started_ns: 1,
        settings,
    })
    .expect("the relay listens");
    println!("listens");
    loop {
        relay.turn(Duration::from_secs(1)).expect("a turn");
    }
}

/// Says what it has once it is told the last sequence: received and declared missing, each once, without a hole.
#[test]
#[ignore = "a process of the tests below"]
fn subscriber_process() {
    let Some(path) = socket() else { return };
    let mut peer = Peer::subscriber(&path, Domain::Execution, 21, everything());
    println!("is up");
    peer.until_received(10);
    println!("has ten");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("read");
    let last: u64 = line.trim().parse().expect("a number");
    peer.until("the last", |peer| peer.received.last().is_some_and(|id| id.sequence.get() == last));
    let mut all = peer.sequences();
    let received = all.len();
    all.extend(peer.gaps.iter().flat_map(|(_, first, last)| *first..=*last));
    all.sort_unstable();
    assert!(all.iter().copied().eq(1..=last), "each is received or told, once");
    let why: Vec<&str> = peer
        .downs
        .iter()
        .filter_map(|down| match down {
            DownReason::Logout { reason: Some(reason), .. } => Some(LogoutReason::name(*reason)),
            _ => None,
        })
        .collect();
    println!("accounts for {received} {} {}", all.len() - received, why.join(","));
}

/// Fills and says what a batch is.
fn fills(peer: &mut Peer, count: u64) -> Vec<u8> {
    let mut frames = Vec::new();
    for _ in 0..count {
        let stamp = peer.stamp();
        let body = mesh_types::execution::Fill::default();
        mesh_codec::FrameBuilder::new(&mut frames, &stamp).body(&body).finish().expect("fits");
    }
    frames
}

#[test]
fn a_stopped_process_costs_bounded_memory_and_learns_all_that_it_missed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run/relay.sock");
    let mut relay = Process::start("relay_process", &path);
    relay.says("listens");
    let mut publisher = Peer::publisher(&path, Domain::Execution, 10);
    let mut quick = Peer::subscriber(&path, Domain::Execution, 20, everything());
    let mut stopped = Process::start("subscriber_process", &path);
    stopped.says("is up");
    let frames = fills(&mut publisher, 10);
    publisher.send(&frames);
    stopped.says("has ten");
    stopped.signal(Signal::STOP);
    while !stopped.kernel_says("status", "State:").starts_with('T') {
        std::thread::yield_now();
    }
    let before_bytes = relay.peak_bytes();
    let mut sent_bytes = 0;
    while sent_bytes < SENT_BYTES {
        let frames = fills(&mut publisher, 1_000);
        sent_bytes += frames.len();
        publisher.send(&frames);
        let last = publisher.sequence;
        common::until_all(&mut [&mut quick, &mut publisher], "the quick one", |peers| {
            peers[0].received.last().is_some_and(|id| id.sequence.get() == last)
        });
    }
    assert!(quick.gaps.is_empty() && quick.downs.is_empty(), "the others miss nothing");
    let grown_bytes = relay.peak_bytes() - before_bytes;
    // Vectors grow by doubling.
    let bound = 2 * (BACKLOG_BYTES + 2 * RETAIN_BYTES);
    assert!(grown_bytes < bound, "{grown_bytes} of {sent_bytes} bytes");
    stopped.signal(Signal::CONT);
    stopped.tell(&publisher.sequence.to_string());
    let account = stopped.says("accounts for");
    let [received, missing, why] = account.split(' ').collect::<Vec<_>>()[..] else { panic!("{account}") };
    let [received, missing]: [u64; 2] = [received, missing].map(|count| count.parse().expect("a number"));
    assert_eq!(received + missing, publisher.sequence);
    assert!(missing > 0 && received > 10, "{account}");
    assert_eq!(why, LogoutReason::TooSlow.name(), "it was told why");
}
