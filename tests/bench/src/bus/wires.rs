//! How each system is spoken to: by hand, over its socket, so that clients cost the same.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::Path;

use mesh_codec::{HEADER_BYTES, Header, PROTOCOL_VERSION};
use mesh_transport::control;
use mesh_types::system::{Hello, Subscribe};
use mesh_types::{Domain, FixedStr, Mode, Role, SourceId};
use serde::{Deserialize, Serialize};

use super::Outcome;

/// The mesh of the measurement.
pub(crate) const MESH: u64 = 1;

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum System {
    Relay,
    Forwarder,
    Redis,
    Nats,
    Zeromq,
}

impl System {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Forwarder => "bare epoll forwarder",
            Self::Redis => "redis (unix socket)",
            Self::Nats => "nats (loopback)",
            Self::Zeromq => "zeromq (ipc)",
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Forwarder => "forwarder",
            Self::Redis => "redis",
            Self::Nats => "nats",
            Self::Zeromq => "zeromq",
        }
    }
}

/// A connection to any of them.
pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(into),
            Self::Tcp(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Size of the frame that begins here, once its size is there.
fn header_bytes(bytes: &[u8]) -> Option<usize> {
    let size: [u8; 4] = bytes.get(24..28)?.try_into().ok()?;
    Some(HEADER_BYTES + u32::from_le_bytes(size) as usize)
}

/// Connects as a publisher; what a system wants to hear first is said.
pub(crate) fn publisher(system: System, address: &Path) -> Outcome<Stream> {
    let mut stream = connect(system, address)?;
    match system {
        System::Relay => {
            stream.write_all(&hello(10, Role::Publisher, false))?;
            until(&mut stream, |bytes| header_bytes(bytes).is_some_and(|size| bytes.len() >= size))?;
        }
        System::Forwarder => stream.write_all(b"P")?,
        System::Redis => {
            stream.write_all(b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n")?;
        }
        System::Nats => nats_hello(&mut stream, b"")?,
        System::Zeromq => {
            zmtp_hello(&mut stream, b"PUB")?;
            // The proxy passes the subscription on: from then on messages pass.
            until(&mut stream, |bytes| bytes.windows(3).any(|part| part == [0, 1, 1]))?;
        }
    }
    Ok(stream)
}

/// Connects as a subscriber of everything.
pub(crate) fn subscriber(system: System, address: &Path, source: u16) -> Outcome<Stream> {
    let address = if system == System::Zeromq { &address.with_extension("out") } else { address };
    let mut stream = connect(system, address)?;
    match system {
        System::Relay => {
            stream.write_all(&hello(source, Role::Subscriber, true))?;
            let mut size = [0; HEADER_BYTES];
            stream.read_exact(&mut size)?;
            let rest = header_bytes(&size).unwrap_or_default() - HEADER_BYTES;
            stream.read_exact(&mut vec![0; rest])?;
        }
        System::Forwarder => stream.write_all(b"S")?,
        System::Redis => {
            stream.write_all(b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nt\r\n")?;
            until(&mut stream, |bytes| bytes.ends_with(b":1\r\n"))?;
        }
        System::Nats => nats_hello(&mut stream, b"SUB t 1\r\n")?,
        System::Zeromq => {
            zmtp_hello(&mut stream, b"SUB")?;
            stream.write_all(&[0, 1, 1])?;
        }
    }
    Ok(stream)
}

fn connect(system: System, address: &Path) -> Outcome<Stream> {
    if system != System::Nats {
        return Ok(Stream::Unix(UnixStream::connect(address)?));
    }
    let port = address.extension().and_then(|port| port.to_str()).ok_or("a port stands in the address")?;
    let stream = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    stream.set_nodelay(true)?;
    Ok(Stream::Tcp(stream))
}

/// Whether a server can be reached.
pub(crate) fn is_there(system: System, address: &Path) -> bool {
    connect(system, address).is_ok()
}

/// Reads until what has come holds something.
fn until(stream: &mut Stream, holds: impl Fn(&[u8]) -> bool) -> Outcome<()> {
    let mut bytes = Vec::new();
    while !holds(&bytes) {
        let mut part = [0; 4096];
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Err("the server closed the connection".into());
        }
        bytes.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    Ok(())
}

fn hello(source: u16, role: Role, subscribes: bool) -> Vec<u8> {
    let source = SourceId::new(source);
    let hello = Hello {
        name: FixedStr::truncated("bench"),
        source,
        role: role.into(),
        mode: Mode::Paper.into(),
        protocol: PROTOCOL_VERSION,
        domain: Domain::Market.into(),
        reserved: [0; 2],
        mesh_id: MESH.into(),
        started_ns: 1.into(),
        build: FixedStr::truncated("bench"),
    };
    let mut bytes = Vec::new();
    control::put(&mut bytes, source, &hello);
    if subscribes {
        control::put_tailed(&mut bytes, source, &Subscribe::default(), &[]);
    }
    bytes
}

fn nats_hello(stream: &mut Stream, subscribe: &[u8]) -> Outcome<()> {
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")?;
    stream.write_all(subscribe)?;
    stream.write_all(b"PING\r\n")?;
    until(stream, |bytes| bytes.windows(6).any(|part| part == b"PONG\r\n"))
}

/// ZMTP 3.0 without security.
fn zmtp_hello(stream: &mut Stream, kind: &[u8; 3]) -> Outcome<()> {
    let mut greeting = [0u8; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    stream.write_all(&greeting)?;
    let mut ready = b"\x05READY\x0bSocket-Type\x00\x00\x00\x03".to_vec();
    ready.extend_from_slice(kind);
    stream.write_all(&[4, ready.len() as u8])?;
    stream.write_all(&ready)?;
    let mut theirs = [0; 64];
    stream.read_exact(&mut theirs)?;
    let mut command = [0; 2];
    stream.read_exact(&mut command)?;
    let [_, length] = command;
    stream.read_exact(&mut vec![0; usize::from(length)])?;
    Ok(())
}

/// Adds a message in the way that the system wants it.
pub(crate) fn wrap(system: System, message: &[u8], out: &mut Vec<u8>) {
    match system {
        System::Relay | System::Forwarder => {}
        System::Redis => {
            let _ = write!(out, "*3\r\n$7\r\nPUBLISH\r\n$1\r\nt\r\n${}\r\n", message.len());
        }
        System::Nats => {
            let _ = write!(out, "PUB t {}\r\n", message.len());
        }
        System::Zeromq => out.extend_from_slice(&[0, message.len() as u8]),
    }
    out.extend_from_slice(message);
    if matches!(system, System::Redis | System::Nats) {
        out.extend_from_slice(b"\r\n");
    }
}

/// The next message at the start of `bytes`: where it is, and where what follows begins.
#[inline]
pub(crate) fn next(system: System, bytes: &[u8]) -> Option<(Range<usize>, usize)> {
    let (start, size, end) = match system {
        System::Relay | System::Forwarder => {
            let size = header_bytes(bytes)?;
            (0, size, size)
        }
        System::Redis => {
            // "*3 $7 message $1 t $N", each on a line of its own.
            let size_at = b"*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$".len();
            let (size, start) = number(bytes, size_at)?;
            (start, size, start + size + 2)
        }
        System::Nats => {
            let size_at = b"MSG t 1 ".len();
            let (size, start) = number(bytes, size_at)?;
            (start, size, start + size + 2)
        }
        System::Zeromq => {
            let size = usize::from(*bytes.get(1)?);
            (2, size, 2 + size)
        }
    };
    (bytes.len() >= end).then_some((start..start + size, end))
}

/// A decimal number that ends its line, and where the next line begins.
fn number(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0;
    loop {
        match bytes.get(at)? {
            b'\r' => return Some((value, at + 2)),
            digit => value = value * 10 + usize::from(digit.wrapping_sub(b'0')),
        }
        at += 1;
    }
}

/// When a message was sent, ns since the Unix epoch; `None` for the relay's own.
#[inline]
pub(crate) fn sent_ns(message: &[u8]) -> Option<u64> {
    let field = |from: usize| Some(u64::from_le_bytes(message.get(from..from + 8)?.try_into().ok()?));
    (field(8)? != 0).then(|| field(16))?
}

const _: () =
    assert!(core::mem::offset_of!(Header, sequence) == 8 && core::mem::offset_of!(Header, timestamp_ns) == 16);
