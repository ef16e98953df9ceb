//! Receives messages, acknowledges them, and measures how old they are.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::wires::{self, System};
use super::{Load, Outcome};
use crate::wire::now_ns;

/// Read at once at most.
const CHUNK_BYTES: usize = 256 * 1024;
/// Acknowledged at the latest after so many messages.
const ACK_EVERY: u64 = 4 * 1024;

/// What a subscriber saw at a paced load; latencies in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) messages: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// Prints a [`Latency`] where the load is paced; else acknowledges until the publisher is gone.
pub(super) fn run(system: System, address: &Path, acks: &Path, source: u16, load: Load) -> Outcome<()> {
    let mut stream = wires::subscriber(system, address, source)?;
    let mut acks = UnixStream::connect(acks)?;
    println!("ready");
    let expected = match load {
        Load::Full { .. } => u64::MAX,
        Load::Paced { messages, .. } => messages,
    };
    let mut ages_ns: Vec<u32> = Vec::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    let (mut filled, mut count, mut acked) = (0, 0, 0);
    while count < expected {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let room_bytes = room.len();
        let read = stream.read(room)?;
        if read == 0 {
            break;
        }
        let now = if expected < u64::MAX { now_ns() } else { 0 };
        filled += read;
        let mut position = 0;
        while let Some((message, next)) = wires::next(system, buffer.get(position..filled).unwrap_or_default()) {
            let message = buffer.get(position + message.start..position + message.end).unwrap_or_default();
            if let Some(sent_ns) = wires::sent_ns(message) {
                count += 1;
                if now > 0 {
                    ages_ns.push(u32::try_from(now.saturating_sub(sent_ns)).unwrap_or(u32::MAX));
                }
            }
            position += next;
        }
        buffer.copy_within(position..filled, 0);
        filled -= position;
        if count > acked && now == 0 && (count - acked >= ACK_EVERY || read < room_bytes) {
            acked = count;
            if acks.write_all(&count.to_le_bytes()).is_err() {
                break;
            }
        }
    }
    if expected < u64::MAX {
        println!("{}", serde_json::to_string(&summary(&mut ages_ns))?);
    }
    Ok(())
}

/// The first tenth is left out: everything is cold then.
fn summary(ages_ns: &mut [u32]) -> Latency {
    let warm = ages_ns.get_mut(ages_ns.len() / 10..).unwrap_or_default();
    warm.sort_unstable();
    let at = |share: f64| {
        let place = (warm.len() as f64 * share) as usize;
        warm.get(place.min(warm.len().saturating_sub(1))).map_or(0.0, |ns| f64::from(*ns) / 1000.0)
    };
    Latency { messages: warm.len() as u64, p50_us: at(0.5), p99_us: at(0.99) }
}
