//! The limit: the same hops over bare sockets, by programs that read, stamp and write.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use mesh_transport::Poller;
use serde::{Deserialize, Serialize};

use super::sample::Sample;
use super::{Load, Outcome, pace};
use crate::child::Running;
use crate::wire::{now_ns, write_all};

/// About what a trade is at a venue.
const MESSAGE_BYTES: usize = 160;
const CHUNK_BYTES: usize = 256 * 1024;
/// The hops between the venue and itself: what each stamps, if anything.
const ROLES: [Role; 7] = [
    Role { stamps: Some(1), every: false },
    Role { stamps: None, every: false },
    Role { stamps: Some(2), every: true },
    Role { stamps: None, every: false },
    Role { stamps: Some(3), every: false },
    Role { stamps: None, every: false },
    Role { stamps: Some(4), every: false },
];

#[derive(Clone, Copy, Debug)]
struct Role {
    stamps: Option<usize>,
    /// It passes each n-th on.
    every: bool,
}

/// One hop.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hop {
    /// The first listens on a port, as a venue's connection has it; the others on a socket.
    from: From,
    to: PathBuf,
    stamps: Option<usize>,
    every: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum From {
    Port(u16),
    Socket(PathBuf),
}

/// Sends and receives; one sample an order.
pub(super) fn measure(load: Load, run_ms: u64) -> Outcome<Vec<Sample>> {
    let dir = tempfile::tempdir()?;
    let path = |index: usize| dir.path().join(format!("{index}.sock"));
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let listener = UnixListener::bind(path(ROLES.len()))?;
    let mut hops = Vec::new();
    for (index, role) in ROLES.iter().enumerate().rev() {
        let from = if index == 0 { From::Port(port) } else { From::Socket(path(index)) };
        let every = if role.every { load.every } else { 1 };
        hops.push(Running::task("hop", &Hop { from, to: path(index + 1), stamps: role.stamps, every })?);
    }
    let mut source = TcpStream::connect(("127.0.0.1", port))?;
    source.set_nodelay(true)?;
    let (sink, _) = listener.accept()?;
    let orders = load.orders(run_ms);
    let receiver = std::thread::spawn(move || receive(sink, orders));
    let mut batch = Vec::new();
    pace(load, run_ms, |messages, now_ns| {
        batch.clear();
        for _ in messages {
            let mut message = [0; MESSAGE_BYTES];
            message[..8].copy_from_slice(&now_ns.to_le_bytes());
            batch.extend_from_slice(&message);
        }
        Ok(source.write_all(&batch)?)
    })?;
    receiver.join().map_err(|_| "the receiver ended early")?.map_err(Into::into)
}

fn receive(mut sink: UnixStream, orders: u64) -> std::io::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut message = [0; MESSAGE_BYTES];
    for _ in 0..orders {
        sink.read_exact(&mut message)?;
        let mut times = [now_ns(); 6];
        for (time, bytes) in times.iter_mut().take(5).zip(message.chunks_exact(8)) {
            *time = bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
        }
        samples.push(Sample(times));
    }
    Ok(samples)
}

/// Does what a measurement started this process for, until what comes before it is gone.
pub(crate) fn run_hop(task: &str) -> Outcome<()> {
    let hop: Hop = serde_json::from_str(task)?;
    let mut output = UnixStream::connect(&hop.to)?;
    match &hop.from {
        From::Port(port) => {
            let listener = TcpListener::bind(("127.0.0.1", *port))?;
            println!("ready");
            let input = listener.accept()?.0;
            input.set_nonblocking(true)?;
            pass(&hop, input, &mut output)
        }
        From::Socket(path) => {
            let listener = UnixListener::bind(path)?;
            println!("ready");
            let input = listener.accept()?.0;
            input.set_nonblocking(true)?;
            pass(&hop, input, &mut output)
        }
    }
}

fn pass(hop: &Hop, mut input: impl Read + AsFd, output: &mut UnixStream) -> Outcome<()> {
    output.set_nonblocking(true)?;
    let mut poller = Poller::new()?;
    poller.add(input.as_fd(), 0, false)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut filled, mut seen) = (0, 0);
    let mut passed = Vec::new();
    loop {
        poller.wait(None, &mut |_| ())?;
        match input.read(chunk.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => return Ok(()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        }
        let whole = filled - filled % MESSAGE_BYTES;
        let Some(slot) = hop.stamps else {
            write_all(output, chunk.get(..filled).unwrap_or_default())?;
            filled = 0;
            continue;
        };
        let now = now_ns().to_le_bytes();
        passed.clear();
        for message in chunk.get_mut(..whole).unwrap_or_default().chunks_exact_mut(MESSAGE_BYTES) {
            seen += 1;
            if seen % hop.every == 0 {
                message[slot * 8..slot * 8 + 8].copy_from_slice(&now);
                passed.extend_from_slice(message);
            }
        }
        write_all(output, &passed)?;
        chunk.copy_within(whole..filled, 0);
        filled -= whole;
    }
}
