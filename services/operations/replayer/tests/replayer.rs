//! The replayer's process between a capture and relays.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mesh_capture::{CaptureWriter, RunInfo, WriterLimits};
use mesh_codec::{FrameBuilder, FrameScanner, Stamp};
use mesh_transport::control;
use mesh_types::market::Trade;
use mesh_types::signal::Signal;
use mesh_types::system::{Heartbeat, Hello, Welcome};
use mesh_types::{Domain, FixedStr, Mode, Role, SourceId};

const START_NS: u64 = 1_793_534_400_000_000_000;
const STEP_NS: u64 = 50_000_000;

fn frame(domain: Domain, source: u16, sequence: u64) -> Vec<u8> {
    let mut frame = Vec::new();
    let stamp = Stamp { domain, source: SourceId::new(source), sequence, timestamp_ns: START_NS + sequence };
    let builder = FrameBuilder::new(&mut frame, &stamp);
    let builder = match domain {
        Domain::Market => builder.body(&Trade::default()),
        Domain::Signal => builder.body(&Signal::default()),
        _ => builder.body(&Heartbeat::default()),
    };
    builder.finish().expect("small");
    frame
}

/// The n-th message was received n steps after the start: trades of two sources, a signal, and a relay's own message.
fn messages() -> Vec<Vec<u8>> {
    vec![
        frame(Domain::Market, 10, 1),
        frame(Domain::Market, 11, 7),
        frame(Domain::System, 1, 0),
        frame(Domain::Signal, 20, 1),
        frame(Domain::Market, 10, 2),
        frame(Domain::Market, 11, 8),
    ]
}

fn capture(home: &Path) -> std::path::PathBuf {
    let run = RunInfo {
        name: "recorder".to_owned(),
        started_ns: START_NS,
        mesh_id: 777,
        mode: Mode::Live,
        profile: String::new(),
        build: String::new(),
        topology_sha256: String::new(),
        configuration_sha256: String::new(),
        binary_sha256: String::new(),
    };
    let mut writer = CaptureWriter::create(&home.join("capture"), run, WriterLimits::default()).expect("created");
    for (n, frame) in (0..).zip(messages()) {
        writer.append(START_NS + n * STEP_NS, &frame).expect("room");
    }
    writer.finish(0).expect("sealed");
    writer.dir().to_owned()
}

/// Welcomes one publisher; answers with who it was and all that it published until it closed.
fn relay(listener: UnixListener) -> JoinHandle<(Hello, Vec<u8>)> {
    std::thread::spawn(move || {
        let (mut stream, _): (UnixStream, _) = listener.accept().expect("the replayer connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        let mut scanner = FrameScanner::default();
        let (mut hello, mut published) = (None, Vec::new());
        let mut chunk = [0; 4096];
        loop {
            let count = stream.read(&mut chunk).expect("read");
            if count == 0 {
                return (hello.expect("said"), published);
            }
            scanner.extend(&chunk[..count]);
            while let Some(message) = scanner.next_message() {
                let message = message.expect("whole");
                let Some(said) = message.get::<Hello>() else {
                    published.extend_from_slice(message.frame());
                    continue;
                };
                hello = Some(*said);
                let mut welcome = Vec::new();
                let body = Welcome { relay: FixedStr::truncated("relay"), mesh_id: said.mesh_id, ..Welcome::default() };
                control::put(&mut welcome, SourceId::new(1), &body);
                stream.write_all(&welcome).expect("sent");
            }
        }
    })
}

/// Runs the replayer; answers with what it printed, how long it took, and what each relay heard.
fn replay(mode: &str, settings: &str, domains: &[&str]) -> (Output, Duration, Vec<(Hello, Vec<u8>)>) {
    let home = tempfile::tempdir().expect("a directory");
    let capture = capture(home.path());
    let run = home.path().join("run");
    fs::create_dir_all(&run).expect("made");
    let socket = |name: &str| run.join(format!("{name}.sock"));
    let relays: Vec<_> = domains.iter().map(|name| relay(UnixListener::bind(socket(name)).expect("bound"))).collect();
    let sockets = ["market", "signal", "execution"].map(|name| format!("{name} = {:?}\n", socket(name))).concat();
    let config = format!(
        "[process]\nname = \"replayer\"\nsource = 61\n[mesh]\nid = 12345\nmode = \"{mode}\"\nhome = {:?}\n\
         [relays]\n{sockets}[settings]\ncapture = {capture:?}\ndomains = {domains:?}\n{settings}",
        home.path()
    );
    let path = run.join("replayer.toml");
    fs::write(&path, config).expect("written");
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_replayer")).arg("--config").arg(path).output().expect("run");
    let elapsed = started.elapsed();
    let heard = if output.status.success() {
        relays.into_iter().map(|relay| relay.join().expect("heard")).collect()
    } else {
        Vec::new()
    };
    (output, elapsed, heard)
}

fn only(domain: usize) -> Vec<u8> {
    let of = [vec![0, 1, 4, 5], vec![3]];
    of[domain].iter().flat_map(|n| messages()[*n].clone()).collect()
}

#[test]
fn a_capture_is_published_verbatim_and_in_order_at_full_speed() {
    let (output, _, heard) = replay("paper", "speed = 0", &["market", "signal"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&heard[0].1, &heard[1].1), (&only(0), &only(1)));
    let hello = heard[0].0;
    assert_eq!((hello.name.lossy(), hello.role.get(), hello.source.get()), ("replayer", Some(Role::Publisher), 61));
}

#[test]
fn speed_scales_the_distances() {
    let (output, elapsed, heard) = replay("paper", "speed = 0.5", &["market"]);
    assert!(output.status.success());
    assert_eq!(heard[0].1, only(0));
    assert!(elapsed >= Duration::from_nanos(5 * STEP_NS * 2), "{elapsed:?}");
}

#[test]
fn a_part_is_replayed() {
    let settings = format!("speed = 0\nfrom = \"12:00:00.05\"\nto = \"{}\"", START_NS + 5 * STEP_NS);
    let (output, _, heard) = replay("paper", &settings, &["market"]);
    assert!(output.status.success());
    assert_eq!(heard[0].1, [messages()[1].clone(), messages()[4].clone()].concat());
}

#[test]
fn nothing_is_replayed_into_a_live_mesh() {
    let (output, _, _) = replay("live", "", &["market"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("live"));
    let (output, _, _) = replay("dry_live", "", &["execution"]);
    assert_eq!(output.status.code(), Some(1));
}
