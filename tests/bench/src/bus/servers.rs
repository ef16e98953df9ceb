//! What carries messages: our relay, and the least that a program could do.

use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_relay::{Relay, RelayConfig, RelaySettings};
use mesh_transport::Poller;
use mesh_types::{Domain, FixedStr, Mode, SourceId};

use super::Outcome;
use super::wires::MESH;
use crate::wire::write_all;

const CHUNK_BYTES: usize = 256 * 1024;
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// A relay with the market relay's settings.
pub(super) fn relay(path: PathBuf) -> Outcome<()> {
    let mut relay = Relay::open(RelayConfig {
        path,
        domain: Domain::Market,
        name: FixedStr::truncated("bench"),
        source: SourceId::new(1),
        mesh_id: MESH,
        mode: Mode::Paper,
        started_ns: 1,
        settings: RelaySettings { send_buffer_bytes: SEND_BUFFER_BYTES, ..RelaySettings::CONFLATE },
    })?;
    println!("ready");
    loop {
        relay.turn(Duration::from_secs(1))?;
    }
}

/// Reads chunks from one publisher and writes them as they are to every subscriber: no check, no policy, no bound but the
/// socket's.
pub(super) fn forwarder(path: &Path, subscribers: usize) -> Outcome<()> {
    std::fs::create_dir_all(path.parent().ok_or("a socket lies in a directory")?)?;
    let listener = UnixListener::bind(path)?;
    println!("ready");
    let (mut outputs, mut input): (Vec<UnixStream>, Option<UnixStream>) = (Vec::new(), None);
    while outputs.len() < subscribers || input.is_none() {
        let (mut stream, _) = listener.accept()?;
        let mut role = [0];
        stream.read_exact(&mut role)?;
        stream.set_nonblocking(true)?;
        rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES)?;
        if role == *b"S" { outputs.push(stream) } else { input = Some(stream) }
    }
    let mut input = input.ok_or("there is a publisher")?;
    let mut poller = Poller::new()?;
    poller.add(input.as_fd(), 0, false)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        poller.wait(None, &mut |_| ())?;
        let count = match input.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        };
        for output in &mut outputs {
            write_all(output, chunk.get(..count).unwrap_or_default())?;
        }
    }
}
