//! A recording goes on, whatever the disk does, and its log says what it lacks.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod support;

use std::fs;
use std::path::Path;

use mesh_capture::recording::{Recording, RecordingLimits, last_positions};
use mesh_capture::{Capture, Item, RunStatus, TimeRange, WriterLimits, verify};
use mesh_codec::{Message, ValidFrames};
use mesh_types::SourceId;
use mesh_types::system::Gap;
use support::{frame, received_ns, run_info};

const LIMITS: RecordingLimits = RecordingLimits {
    writer: WriterLimits { segment_bytes: 1 << 20, segment_ns: u64::MAX, buffer_bytes: 2000 },
    run_bytes: 1 << 20,
    total_bytes: 1 << 30,
    sync_ns: 1_000_000,
    retry_ns: 100,
};

fn start(root: &Path, limits: RecordingLimits) -> Recording {
    Recording::start(root, run_info("recorder"), SourceId::new(60), limits).expect("started").0
}

fn record(recording: &mut Recording, now_ns: u64, frames: &[u8]) {
    recording.frames(now_ns, ValidFrames::check(frames).expect("valid"));
}

/// Sequence numbers less one of what was recorded, and what gaps say: messages lost, first and last.
fn recorded(root: &Path) -> (Vec<u64>, Vec<(u64, u64, u64)>) {
    let mut reader = Capture::open(root).expect("open").reader(TimeRange::ALL);
    let (mut messages, mut gaps) = (Vec::new(), Vec::new());
    while let Some(item) = reader.next_item().expect("read") {
        let Item::Record(record) = item else { panic!("no damage: {item:?}") };
        match record.message.get_tailed::<Gap>() {
            Some(gap) => {
                let range = gap.items[0];
                gaps.push((gap.head.dropped.get(), range.first_sequence.get() - 1, range.last_sequence.get() - 1));
            }
            None => messages.push(record.message.sequence() - 1),
        }
    }
    (messages, gaps)
}

#[test]
fn batches_are_recorded_and_sealed_at_the_end() {
    let root = tempfile::tempdir().expect("a directory");
    let mut recording = start(root.path(), LIMITS);
    for batch in 0..10u64 {
        let frames: Vec<u8> = (0..3).flat_map(|n| frame(batch * 3 + n)).collect();
        record(&mut recording, received_ns(batch), &frames);
        recording.flush(received_ns(batch)).expect("written");
    }
    recording.finish(received_ns(10)).expect("sealed");
    assert_eq!((recording.recorded(), recording.dropped()), (30, 0));
    assert_eq!(recorded(root.path()), ((0..30).collect(), vec![]));
    let reports = verify(&Capture::open(root.path()).expect("open")).expect("verified");
    assert!(reports.iter().all(|report| report.ok && report.status == "sealed"));
}

#[test]
fn a_batch_larger_than_the_buffer_is_written_in_parts() {
    let root = tempfile::tempdir().expect("a directory");
    let mut recording = start(root.path(), LIMITS);
    let frames: Vec<u8> = (0..100).flat_map(frame).collect();
    record(&mut recording, received_ns(0), &frames);
    recording.finish(received_ns(1)).expect("sealed");
    assert_eq!((recording.recorded(), recording.dropped()), (100, 0));
    assert_eq!(recorded(root.path()), ((0..100).collect(), vec![]));
}

#[test]
fn a_full_disk_stalls_it_and_the_log_says_what_is_missing() {
    let root = tempfile::tempdir().expect("a directory");
    let mut recording = start(root.path(), LIMITS);
    let obstacle = recording.dir().expect("a run").join("segment-000001.cap");
    fs::create_dir(&obstacle).expect("made");
    for n in 0..40 {
        record(&mut recording, received_ns(n), &frame(n));
        let tried = recording.flush(received_ns(n)).is_err();
        assert_eq!(tried, n % 10 == 0, "every 100 ns");
        assert!(recording.is_stalled());
    }
    let dropped = recording.dropped();
    assert!(dropped > 10 && recording.recorded() + dropped == 40);
    fs::remove_dir(&obstacle).expect("removed");
    for n in 40..60 {
        record(&mut recording, received_ns(n), &frame(n));
        recording.flush(received_ns(n)).expect("written");
    }
    assert!(!recording.is_stalled());
    recording.finish(received_ns(60)).expect("sealed");
    let listed = mesh_capture::ops::list(root.path()).expect("listed");
    assert_eq!((listed[0].dropped, recording.dropped()), (recording.dropped(), dropped + 1));
    let (messages, gaps) = recorded(root.path());
    let missing: Vec<u64> = (0..60).filter(|n| !messages.contains(n)).collect();
    let [(count, first, last)] = gaps[..] else { panic!("one gap: {gaps:?}") };
    assert_eq!(count, missing.len() as u64);
    assert_eq!((Some(&first), Some(&last)), (missing.first(), missing.last()));
}

#[test]
fn runs_follow_one_another_and_disk_use_is_bounded() {
    let root = tempfile::tempdir().expect("a directory");
    let limits = RecordingLimits { run_bytes: 4000, total_bytes: 20_000, ..LIMITS };
    let mut recording = start(root.path(), limits);
    for n in 0..1000 {
        record(&mut recording, received_ns(n), &frame(n));
        recording.flush(received_ns(n)).expect("written");
    }
    recording.finish(received_ns(1000)).expect("sealed");
    let capture = Capture::open(root.path()).expect("open");
    let bytes: u64 = capture
        .runs()
        .iter()
        .flat_map(|run| fs::read_dir(&run.dir).expect("a directory"))
        .map(|entry| entry.expect("an entry").metadata().expect("there").len())
        .sum();
    assert!((8000..25_000).contains(&bytes), "{bytes}");
    let (messages, gaps) = recorded(root.path());
    assert_eq!(messages, (1000 - messages.len() as u64..1000).collect::<Vec<_>>(), "the newest, without a hole");
    assert!(gaps.is_empty() && capture.runs().len() > 2);
}

#[test]
fn what_a_killed_recorder_left_is_recovered_at_the_next_start() {
    let root = tempfile::tempdir().expect("a directory");
    let mut recording = start(root.path(), LIMITS);
    record(&mut recording, received_ns(0), &frame(0));
    recording.flush(received_ns(0)).expect("written");
    record(&mut recording, received_ns(1), &frame(1));
    drop(recording);
    let positions = last_positions(root.path()).expect("read");
    assert_eq!(positions, [Message::parse(&frame(0)).expect("a message").id()], "where relays should go on");
    let mut run = run_info("recorder");
    run.started_ns += 1;
    let (_, recovered) = Recording::start(root.path(), run, SourceId::new(60), LIMITS).expect("started");
    assert_eq!(recovered.len(), 1);
    let manifest = &recovered[0].manifest;
    assert_eq!((manifest.status, manifest.segments[0].records), (RunStatus::Crashed, 1), "what was flushed is there");
}
