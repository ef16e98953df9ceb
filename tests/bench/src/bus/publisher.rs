//! Sends messages: as many as the subscribers take, or so many a second.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use mesh_codec::{Stamp, encode_one};
use mesh_types::market::Trade;
use mesh_types::{Domain, SourceId};
use rustix::event::{PollFd, PollFlags, poll};

use super::wires::{self, Stream, System};
use super::{Load, Outcome};
use crate::wire::now_ns;

/// Messages written together at full load.
const BATCH: u64 = 64;
/// Messages that may be on their way to the slowest subscriber: below what any of the systems starts to drop at.
const WINDOW: u64 = 32 * 1024;

/// Builds messages in a system's form.
struct Source {
    system: System,
    body: Trade,
    sequence: u64,
    frame: [u8; 256],
    out: Vec<u8>,
}

impl Source {
    fn add(&mut self, timestamp_ns: u64) {
        self.sequence += 1;
        let stamp = Stamp { domain: Domain::Market, source: SourceId::new(10), sequence: self.sequence, timestamp_ns };
        let size = encode_one(&mut self.frame, &stamp, &self.body).unwrap_or_default();
        wires::wrap(self.system, self.frame.get(..size).unwrap_or_default(), &mut self.out);
    }

    fn send(&mut self, stream: &mut Stream) -> Outcome<()> {
        stream.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }
}

/// How many messages each subscriber has.
struct Acks {
    streams: Vec<(UnixStream, u64)>,
}

impl Acks {
    fn accept(listener: &UnixListener, count: usize) -> Outcome<Self> {
        let mut streams = Vec::new();
        for _ in 0..count {
            let (stream, _) = listener.accept()?;
            stream.set_nonblocking(true)?;
            streams.push((stream, 0));
        }
        Ok(Self { streams })
    }

    /// The slowest subscriber's count.
    fn least(&mut self) -> Outcome<u64> {
        for (stream, count) in &mut self.streams {
            let mut bytes = [0; 4096];
            match stream.read(&mut bytes) {
                Ok(0) => return Err("a subscriber is gone".into()),
                // Counts come whole: each is one write.
                Ok(read) => {
                    let last = bytes.get(read.saturating_sub(8)..read).and_then(|last| last.try_into().ok());
                    *count = last.map_or(*count, u64::from_le_bytes);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.streams.iter().map(|(_, count)| *count).min().unwrap_or_default())
    }

    fn wait_for(&mut self, count: u64) -> Outcome<u64> {
        loop {
            let least = self.least()?;
            if least >= count {
                return Ok(least);
            }
            let behind = self.streams.iter().filter(|(_, had)| *had < count);
            let mut waiting: Vec<_> = behind.map(|(stream, _)| PollFd::new(stream, PollFlags::IN)).collect();
            poll(&mut waiting, None)?;
        }
    }
}

/// Prints messages a second and how many there were, where the load is full.
pub(super) fn run(system: System, address: &Path, acks: &Path, subscribers: usize, load: Load) -> Outcome<()> {
    let listener = UnixListener::bind(acks)?;
    println!("ready");
    let mut acks = Acks::accept(&listener, subscribers)?;
    let mut stream = wires::publisher(system, address)?;
    std::io::stdin().read_line(&mut String::new())?;
    let body = Trade { instrument: "binance:spot:BTCUSDT".parse().unwrap_or_default(), ..Trade::default() };
    let mut source = Source { system, body, sequence: 0, frame: [0; 256], out: Vec::new() };
    match load {
        Load::Full { run_ms } => full(&mut source, &mut stream, &mut acks, Duration::from_millis(run_ms)),
        Load::Paced { rate, messages } => paced(&mut source, &mut stream, rate, messages),
    }
}

fn full(source: &mut Source, stream: &mut Stream, acks: &mut Acks, run: Duration) -> Outcome<()> {
    let begun = Instant::now();
    let mut acked = 0;
    while begun.elapsed() < run {
        let timestamp_ns = now_ns();
        (0..BATCH).for_each(|_| source.add(timestamp_ns));
        source.send(stream)?;
        if source.sequence - acked > WINDOW {
            acked = acks.wait_for(source.sequence - WINDOW)?;
        }
    }
    acks.wait_for(source.sequence)?;
    println!("{} {}", source.sequence as f64 / begun.elapsed().as_secs_f64(), source.sequence);
    Ok(())
}

fn paced(source: &mut Source, stream: &mut Stream, rate: u64, messages: u64) -> Outcome<()> {
    let begun = Instant::now();
    while source.sequence < messages {
        let due = (begun.elapsed().as_nanos() as u64).saturating_mul(rate) / 1_000_000_000;
        let timestamp_ns = now_ns();
        while source.sequence < due.min(messages) {
            source.add(timestamp_ns);
        }
        source.send(stream)?;
        let next = Duration::from_nanos((source.sequence + 1) * 1_000_000_000 / rate);
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
    }
    // What is still on its way must not meet a closed socket.
    std::thread::sleep(Duration::from_millis(200));
    println!("done");
    Ok(())
}
