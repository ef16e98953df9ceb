//! The recorder's process between relays and a disk.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use mesh_capture::{Capture, Item, RunStatus, TimeRange, verify};
use mesh_codec::{FrameBuilder, FrameScanner, Stamp};
use mesh_transport::control;
use mesh_types::market::Trade;
use mesh_types::signal::Signal;
use mesh_types::system::{GapRange, Hello, Resume, Subscribe, Welcome};
use mesh_types::wire::Coded;
use mesh_types::{Domain, FixedStr, MessageId, SourceId};

const RELAY: SourceId = SourceId::new(1);
const ADAPTER: SourceId = SourceId::new(10);

/// A relay, as far as one subscriber sees it.
struct FakeRelay {
    stream: UnixStream,
    /// Where the recorder wants to go on.
    resumed: Vec<MessageId>,
}

impl FakeRelay {
    /// Waits for the recorder and welcomes it.
    fn accept(listener: &UnixListener) -> Self {
        let (mut stream, _) = listener.accept().expect("the recorder connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        let mut scanner = FrameScanner::default();
        let (mut hello, mut subscribed, mut resumed) = (None, false, Vec::new());
        while hello.is_none() || !subscribed {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).expect("the recorder speaks");
            assert!(count > 0, "the recorder closed the connection");
            scanner.extend(&chunk[..count]);
            while let Some(message) = scanner.next_message() {
                let message = message.expect("whole");
                hello = message.get::<Hello>().copied().or(hello);
                resumed.extend(message.get_tailed::<Resume>().into_iter().flat_map(|resume| resume.items));
                subscribed |= message.get_tailed::<Subscribe>().is_some_and(|s| s.head.last_values == 1);
            }
        }
        let mesh_id = hello.expect("said").mesh_id;
        let mut frames = Vec::new();
        control::put(
            &mut frames,
            RELAY,
            &Welcome { relay: FixedStr::truncated("relay"), mesh_id, ..Welcome::default() },
        );
        stream.write_all(&frames).expect("sent");
        Self { stream, resumed }
    }

    fn send(&mut self, frames: &[u8]) {
        self.stream.write_all(frames).expect("sent");
    }
}

fn trade(sequence: u64) -> Vec<u8> {
    let mut frame = Vec::new();
    let stamp = Stamp { domain: Domain::Market, source: ADAPTER, sequence, timestamp_ns: sequence };
    FrameBuilder::new(&mut frame, &stamp).body(&Trade::default()).finish().expect("small");
    frame
}

fn signal(sequence: u64) -> Vec<u8> {
    let mut frame = Vec::new();
    let stamp = Stamp { domain: Domain::Signal, source: SourceId::new(20), sequence, timestamp_ns: sequence };
    FrameBuilder::new(&mut frame, &stamp).body(&Signal::default()).finish().expect("small");
    frame
}

fn gap(first: u64, last: u64) -> Vec<u8> {
    let range = GapRange {
        source: ADAPTER,
        domain: Coded::new(Domain::Market),
        reserved: 0,
        first_sequence: first.into(),
        last_sequence: last.into(),
    };
    let mut frame = Vec::new();
    control::put_gap(&mut frame, RELAY, last - first + 1, true, &[range]);
    frame
}

struct Recorder {
    child: Child,
    relays: Vec<FakeRelay>,
}

impl Recorder {
    fn start(home: &Path) -> Self {
        let run = home.join("run");
        fs::create_dir_all(&run).expect("made");
        let names = ["market", "signal", "execution"];
        let listeners = names.map(|name| {
            let path = run.join(format!("{name}.sock"));
            let _ = fs::remove_file(&path);
            UnixListener::bind(path).expect("bound")
        });
        let socket = |name: &str| format!("{name} = {:?}\n", run.join(format!("{name}.sock")));
        let config = format!(
            "[process]\nname = \"recorder\"\nsource = 60\n[mesh]\nid = 12345\nmode = \"paper\"\nprofile = \"test\"\n\
             home = {home:?}\n[relays]\n{}",
            names.map(socket).concat()
        );
        let path = run.join("recorder.toml");
        fs::write(&path, config).expect("written");
        let child = Command::new(env!("CARGO_BIN_EXE_recorder")).arg("--config").arg(path).spawn().expect("started");
        let relays = listeners.iter().map(FakeRelay::accept).collect();
        Self { child, relays }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(name).arg(self.child.id().to_string()).status().expect("kill");
        assert!(status.success());
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the capture holds so many records; answers with sequences of trades, and missing messages that gaps declare.
fn recorded(home: &Path, records: usize) -> (Vec<u64>, u64) {
    let mut reader = Capture::open(&home.join("capture")).expect("open").follow(TimeRange::ALL);
    let (mut trades, mut missing) = (Vec::new(), 0);
    for _ in 0..4000 {
        while let Some(item) = reader.next_item().expect("read") {
            let Item::Record(record) = item else { panic!("no damage: {item:?}") };
            match control::GapNotice::new(record.message) {
                Some(gap) => missing += gap.dropped(),
                None => trades.push(record.message.sequence()),
            }
        }
        if trades.len() + usize::from(missing > 0) >= records {
            return (trades, missing);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{records} records should be there, {trades:?} and {missing} missing are")
}

#[test]
fn what_the_relays_carry_is_recorded_with_gaps_and_sealed_on_sigterm() {
    let home = tempfile::tempdir().expect("a directory");
    let mut recorder = Recorder::start(home.path());
    recorder.relays[0].send(&[trade(1), trade(2), gap(3, 7), trade(8)].concat());
    assert_eq!(recorded(home.path(), 4), (vec![1, 2, 8], 5));
    recorder.signal("-TERM");
    assert!(recorder.child.wait().expect("ended").success());
    let capture = Capture::open(&home.path().join("capture")).expect("open");
    let manifest = capture.runs()[0].manifest.as_ref().expect("a manifest");
    assert_eq!(
        (manifest.status, manifest.run.mesh_id, manifest.run.profile.as_str()),
        (RunStatus::Sealed, 12345, "test")
    );
    assert_eq!((manifest.run.binary_sha256.len(), manifest.run.topology_sha256.len()), (64, 64));
    assert!(verify(&capture).expect("verified").iter().all(|report| report.ok));
}

#[test]
fn after_kill_9_what_was_recorded_is_kept_and_recording_goes_on() {
    let home = tempfile::tempdir().expect("a directory");
    let mut recorder = Recorder::start(home.path());
    recorder.relays[0].send(&[trade(1), trade(2)].concat());
    recorded(home.path(), 2);
    recorder.relays[1].send(&[signal(1), signal(2)].concat());
    recorded(home.path(), 4);
    recorder.signal("-KILL");
    recorder.child.wait().expect("ended");
    drop(recorder);
    let mut recorder = Recorder::start(home.path());
    let last = MessageId::new(Domain::Signal, SourceId::new(20), 2, 2);
    assert_eq!(recorder.relays[1].resumed, [last], "what came in between is asked for");
    recorder.relays[1].send(&signal(3));
    assert_eq!(recorded(home.path(), 5).0, [1, 2, 1, 2, 3]);
    let capture = Capture::open(&home.path().join("capture")).expect("open");
    let statuses: Vec<_> = capture.runs().iter().map(|run| run.manifest.as_ref().expect("a manifest").status).collect();
    assert_eq!(statuses, [RunStatus::Crashed, RunStatus::Open]);
}
