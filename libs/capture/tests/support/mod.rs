//! Messages and captures for tests.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test takes what it needs")]

use std::path::{Path, PathBuf};

use mesh_capture::{Capture, CaptureError, CaptureWriter, Item, RunInfo, TimeRange, WriterLimits};
use mesh_codec::{FrameBuilder, Stamp};
use mesh_types::market::{BookLevel, BookSnapshot, Trade};
use mesh_types::{Domain, Mode, SourceId};

/// When the test runs start.
pub const START_NS: u64 = 1_793_534_400_000_000_000;

/// The n-th message: a trade, or every third time a book, whose size varies.
pub fn frame(n: u64) -> Vec<u8> {
    let stamp =
        Stamp { domain: Domain::Market, source: SourceId::new(7), sequence: n + 1, timestamp_ns: START_NS + n * 10 };
    let mut buffer = Vec::new();
    let builder = FrameBuilder::new(&mut buffer, &stamp);
    let instrument = "binance:spot:BTCUSDT".parse().expect("an instrument");
    let builder = if n % 3 == 2 {
        let levels = vec![BookLevel { price: 5.into(), quantity: 6.into() }; (n % 4) as usize];
        let mut head = BookSnapshot { instrument, ..BookSnapshot::default() };
        head.bid_count = (levels.len() as u16).into();
        builder.tailed(&head, &levels)
    } else {
        builder.body(&Trade { instrument, ..Trade::default() })
    };
    builder.finish().expect("small");
    buffer
}

pub fn run_info(name: &str) -> RunInfo {
    RunInfo {
        name: name.to_owned(),
        started_ns: START_NS,
        mesh_id: 12345,
        mode: Mode::Paper,
        profile: "test".to_owned(),
        build: "0.1.0".to_owned(),
        topology_sha256: String::new(),
        configuration_sha256: String::new(),
        binary_sha256: String::new(),
    }
}

/// Receive time of the n-th message.
pub fn received_ns(n: u64) -> u64 {
    START_NS + n * 10 + 3
}

/// Writes messages 0 to `count` - 1; rotates after each `rotate_after`. The run is left as by `kill -9`.
pub fn write_and_die(root: &Path, count: u64, rotate_after: u64) -> PathBuf {
    let mut writer = fill(root, count, rotate_after);
    writer.flush(0).expect("written");
    writer.dir().to_owned()
}

/// As [`write_and_die`], ended in order.
pub fn write_and_seal(root: &Path, count: u64, rotate_after: u64) -> PathBuf {
    let mut writer = fill(root, count, rotate_after);
    let dir = writer.dir().to_owned();
    writer.finish(received_ns(count)).expect("sealed");
    dir
}

fn fill(root: &Path, count: u64, rotate_after: u64) -> CaptureWriter {
    let limits = WriterLimits { segment_ns: (rotate_after - 1) * 10, ..WriterLimits::default() };
    let mut writer = CaptureWriter::create(root, run_info("test"), limits).expect("created");
    for n in 0..count {
        writer.append(received_ns(n), &frame(n)).expect("room");
        writer.flush(received_ns(n)).expect("written");
    }
    writer
}

/// Sequence numbers less one of whole records, and places passed over.
pub type Found = (Vec<u64>, Vec<(u64, &'static str)>);

/// What a capture holds.
pub fn read(path: &Path, range: TimeRange) -> Result<Found, CaptureError> {
    let mut reader = Capture::open(path)?.reader(range);
    let (mut whole, mut damage) = (Vec::new(), Vec::new());
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Record(record) => {
                let n = record.message.sequence() - 1;
                assert_eq!((record.message.frame(), record.receive_ns), (&frame(n)[..], received_ns(n)));
                whole.push(n);
            }
            Item::Damage(found) => damage.push((found.offset, found.kind.name())),
        }
    }
    Ok((whole, damage))
}
