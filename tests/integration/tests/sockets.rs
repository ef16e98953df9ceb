//! Garbage on every socket of a running mesh: it is counted, its sender is told and sent away, and the rest goes on.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use mesh_codec::{FrameBuilder, Frames, Stamp, encode_one};
use mesh_types::market::Trade;
use mesh_types::system::{Hello, Logout};
use mesh_types::{Domain, FixedStr, LogoutReason, Mode, Role, SourceId};
use serde_json::Value;
use test_e2e::Mesh;

const STRANGER: u16 = 4000;

/// Sends bytes, says no more, and reads what comes until the other side closes.
fn say(socket: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // A relay that has sent the speaker away does not read on.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Why the relay ended the connection.
fn logout(answer: &[u8]) -> Option<(LogoutReason, String)> {
    let logouts = Frames::new(answer).filter_map(|(_, message)| message.ok()?.get::<Logout>().copied());
    logouts.last().and_then(|logout| Some((logout.reason.get()?, logout.text.to_string())))
}

fn hello(mesh_id: u64, mode: Mode, domain: Domain) -> Vec<u8> {
    let body = Hello {
        name: FixedStr::truncated("stranger"),
        source: SourceId::new(STRANGER),
        role: Role::Publisher.into(),
        mode: mode.into(),
        protocol: 1,
        domain: domain.into(),
        mesh_id: mesh_id.into(),
        started_ns: 1.into(),
        ..Hello::default()
    };
    let mut frame = Vec::new();
    let stamp = Stamp { domain: Domain::System, source: SourceId::new(STRANGER), sequence: 0, timestamp_ns: 1 };
    FrameBuilder::new(&mut frame, &stamp).body(&body).finish().expect("fits");
    frame
}

fn trade(domain: Domain) -> Vec<u8> {
    let mut frame = vec![0; 256];
    let stamp = Stamp { domain, source: SourceId::new(STRANGER), sequence: 1, timestamp_ns: 1 };
    let size = encode_one(&mut frame, &stamp, &Trade::default()).expect("fits");
    frame.truncate(size);
    frame
}

/// Bad input that a process has counted.
fn counted(mesh: &Mesh, name: &str) -> u64 {
    let status = mesh.process_status(name);
    status["bad_input"].as_object().expect("counts").values().filter_map(Value::as_u64).sum()
}

#[test]
fn garbage_at_a_socket_disturbs_nobody() {
    let mesh = Mesh::up(&[]);
    let mesh_id = mesh.status()["mesh"]["id"].as_u64().expect("an id");
    let pids = mesh.pids();
    for (relay, domain, other) in [
        ("relay-market", Domain::Market, Domain::Signal),
        ("relay-signal", Domain::Signal, Domain::Execution),
        ("relay-execution", Domain::Execution, Domain::Market),
    ] {
        let socket = mesh.run_dir().join(format!("{}.sock", domain.name()));
        let before = counted(&mesh, relay);
        let refused = |bytes: &[u8]| logout(&say(&socket, bytes)).map(|(reason, _)| reason);
        assert_eq!(refused(&[0xff; 100]), Some(LogoutReason::BadFrame), "{relay}: no message at all");
        assert_eq!(refused(&trade(domain)), Some(LogoutReason::HelloExpected), "{relay}: a message before hello");
        assert_eq!(refused(&hello(mesh_id + 1, Mode::Paper, domain)), Some(LogoutReason::MeshId), "{relay}");
        assert_eq!(refused(&hello(mesh_id, Mode::Live, domain)), Some(LogoutReason::Mode), "{relay}");
        let known = hello(mesh_id, Mode::Paper, domain);
        let mut damaged = trade(domain);
        damaged[40] ^= 1;
        let (reason, text) = logout(&say(&socket, &[known.clone(), damaged].concat())).expect("sent away");
        assert_eq!(reason, LogoutReason::BadFrame, "{relay}: a flipped bit");
        assert!(!text.is_empty());
        let wrong = [known.clone(), trade(other)].concat();
        assert_eq!(refused(&wrong), Some(LogoutReason::BadFrame), "{relay}: a message of another domain");
        // Half a message and silence: nobody waits for the rest.
        let half = trade(domain);
        say(&socket, &[known, half[..half.len() / 2].to_vec()].concat());
        mesh.wait("bad input to be counted", || counted(&mesh, relay) >= before + 3);
    }
    for name in pids.keys() {
        let answer = say(&mesh.run_dir().join(format!("{name}.status.sock")), &[0xff; 200]);
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{name}");
    }
    say(&mesh.run_dir().join("mesh.sock"), &[0xff; 200]);
    say(&mesh.run_dir().join("mesh.sock"), b"{\"do\":\"nonsense\"}\n");
    let trades = mesh.captured("trade").len();
    mesh.wait("trades to go on", || mesh.captured("trade").len() > trades);
    assert_eq!(mesh.pids(), pids, "nobody was started again");
    assert_eq!(mesh.status()["mesh"]["ready"], true);
}
