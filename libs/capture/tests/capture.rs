//! A capture is read as it was written, whatever happened to it in between.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use mesh_capture::verify::SegmentState;
use mesh_capture::{
    BufferFull, Capture, CaptureWriter, Item, Manifest, RunStatus, TimeRange, WriterLimits, prune_captures,
    read_segment, recover, verify,
};
use proptest::prelude::*;
use support::{frame, read, received_ns, run_info, write_and_die, write_and_seal};

const RECORD_HEAD_BYTES: usize = 16;
const SEGMENT_HEADER_BYTES: usize = 64;

fn segments(run: &Path) -> Vec<PathBuf> {
    let run = Capture::open(run).expect("a run");
    run.segments().map(|segment| segment.path.clone()).collect()
}

fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), fs::read(path).expect("a file")))
        .collect();
    files.sort();
    files
}

/// Where each record of a segment with messages `range` ends, after the header.
fn ends(range: std::ops::Range<u64>) -> Vec<usize> {
    range
        .scan(SEGMENT_HEADER_BYTES, |at, n| {
            *at += RECORD_HEAD_BYTES + frame(n).len();
            Some(*at)
        })
        .collect()
}

#[test]
fn a_sealed_run_is_read_in_order_over_its_segments() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_seal(root.path(), 40, 12);
    assert_eq!(segments(&run).len(), 4);
    assert_eq!(read(&run, TimeRange::ALL).expect("read"), ((0..40).collect(), vec![]));
    assert_eq!(read(root.path(), TimeRange::ALL).expect("read").0.len(), 40, "a directory of runs");
    assert_eq!(read(&segments(&run)[1], TimeRange::ALL).expect("read").0, (12..24).collect::<Vec<_>>(), "one segment");
    let manifest = Manifest::load(&run).expect("read").expect("there");
    assert_eq!((manifest.status, manifest.segments.len(), manifest.dropped), (RunStatus::Sealed, 4, 0));
    let reports = verify(&Capture::open(&run).expect("open")).expect("verified");
    assert!(reports.iter().all(|report| report.ok && !report.live), "{reports:?}");
}

#[test]
fn a_time_range_is_read_with_and_without_the_index() {
    let root = tempfile::tempdir().expect("a directory");
    let limits = WriterLimits { segment_bytes: 700_000, ..WriterLimits::default() };
    let mut writer = CaptureWriter::create(root.path(), run_info("long"), limits).expect("created");
    for n in 0..10_000 {
        writer.append(received_ns(n), &frame(n)).expect("room");
        writer.flush(received_ns(n)).expect("written");
    }
    let run = writer.dir().to_owned();
    writer.finish(0).expect("sealed");
    let range = TimeRange { from_ns: received_ns(4321), to_ns: received_ns(8765) };
    let expected = (4321..8765).collect::<Vec<_>>();
    assert_eq!(read(&run, range).expect("read").0, expected);
    for segment in segments(&run) {
        fs::write(segment.with_extension("idx"), b"torn").expect("damaged");
    }
    assert_eq!(read(&run, range).expect("read").0, expected, "the index only saves time");
}

#[test]
fn cut_at_every_byte_what_was_whole_is_read_and_nothing_sealed_is_lost() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_die(root.path(), 30, 12);
    let last = segments(&run).pop().expect("the open one");
    let whole = fs::read(&last).expect("read");
    let ends = ends(24..30);
    assert_eq!(ends.last(), Some(&whole.len()));
    for cut in 0..whole.len() {
        fs::write(&last, &whole[..cut]).expect("cut");
        let expected = 24 + ends.iter().filter(|end| **end <= cut).count() as u64;
        let (found, damage) = read(&run, TimeRange::ALL).expect("read");
        assert_eq!(found, (0..expected).collect::<Vec<_>>(), "cut at {cut}");
        let boundary = cut == 0 || cut == SEGMENT_HEADER_BYTES || ends.contains(&cut);
        assert_eq!(damage.is_empty(), boundary, "cut at {cut}: {damage:?}");
        assert!(damage.iter().all(|(_, kind)| *kind == "torn"), "cut at {cut}: {damage:?}");
    }
}

#[test]
fn with_any_byte_flipped_every_other_record_is_read() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_die(root.path(), 30, 12);
    let last = segments(&run).pop().expect("the open one");
    let whole = fs::read(&last).expect("read");
    let ends = ends(24..30);
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x40;
        fs::write(&last, &bytes).expect("flipped");
        let lost =
            (place >= SEGMENT_HEADER_BYTES).then(|| 24 + ends.iter().filter(|end| **end <= place).count() as u64);
        let (found, damage) = read(&run, TimeRange::ALL).expect("read");
        assert_eq!(found, (0..30).filter(|n| Some(*n) != lost).collect::<Vec<_>>(), "flipped at {place}");
        assert_eq!(damage.len(), 1, "flipped at {place}: {damage:?}");
    }
}

#[test]
fn a_dead_run_is_recovered_without_touching_its_segments() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_die(root.path(), 30, 12);
    let last = segments(&run).pop().expect("the open one");
    let whole = fs::read(&last).expect("read");
    fs::write(&last, &whole[..whole.len() - 5]).expect("cut");
    let before: Vec<_> = segments(&run).iter().map(|path| fs::read(path).expect("read")).collect();

    let recovered = recover(root.path()).expect("recovered");
    let [one] = &recovered[..] else { panic!("one run was open: {recovered:?}") };
    assert_eq!((one.manifest.status, one.manifest.segments.len()), (RunStatus::Crashed, 3));
    let torn = one.manifest.segments[2].torn_at;
    assert_eq!(torn, ends(24..29).last().map(|end| *end as u64));
    let after: Vec<_> = segments(&run).iter().map(|path| fs::read(path).expect("read")).collect();
    assert_eq!(before, after);
    assert!(recover(root.path()).expect("again").is_empty(), "recovery is done once");
    let report = verify(&Capture::open(&run).expect("open")).expect("verified").remove(0);
    assert_eq!((report.ok, report.segments[2].state), (false, SegmentState::Torn));
}

#[test]
fn a_sealed_segment_that_changed_is_quarantined_and_still_read() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_die(root.path(), 30, 12);
    let first = segments(&run).remove(0);
    let mut bytes = fs::read(&first).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&first, &bytes).expect("damaged");
    assert_eq!(recover(root.path()).expect("recovered")[0].manifest.status, RunStatus::Quarantined);
    assert_eq!(read(&run, TimeRange::ALL).expect("read").0.len(), 29);
    let report = verify(&Capture::open(&run).expect("open")).expect("verified").remove(0);
    assert_eq!((report.ok, report.status, report.segments[0].state), (false, "quarantined", SegmentState::Damaged));
    fs::remove_file(&first).expect("removed");
    let report = verify(&Capture::open(&run).expect("open")).expect("verified").remove(0);
    assert_eq!(report.segments[0].state, SegmentState::Missing);
}

#[test]
fn a_run_without_its_manifest_is_read_and_gets_one() {
    for garbage in [None, Some("{\"version\": 1, \"run\"")] {
        let root = tempfile::tempdir().expect("a directory");
        let run = write_and_seal(root.path(), 30, 12);
        let manifest = run.join("manifest.json");
        match garbage {
            Some(garbage) => fs::write(&manifest, garbage).expect("damaged"),
            None => fs::remove_file(&manifest).expect("removed"),
        }
        assert_eq!(read(&run, TimeRange::ALL).expect("read"), ((0..30).collect(), vec![]));
        let recovered = recover(root.path()).expect("recovered").remove(0).manifest;
        assert_eq!((recovered.status, recovered.run.mesh_id), (RunStatus::Quarantined, 12345));
        assert_eq!(run.join("manifest.damaged.json").exists(), garbage.is_some());
    }
}

#[test]
fn a_run_is_never_written_twice_and_a_living_one_is_left_alone() {
    let root = tempfile::tempdir().expect("a directory");
    let mut writer = CaptureWriter::create(root.path(), run_info("test"), WriterLimits::default()).expect("created");
    assert!(CaptureWriter::create(root.path(), run_info("test"), WriterLimits::default()).is_err());
    writer.append(received_ns(0), &frame(0)).expect("room");
    writer.flush(0).expect("written");
    let before = contents(writer.dir());
    assert!(recover(root.path()).expect("looked").is_empty());
    assert!(prune_captures(root.path(), 0).expect("looked").is_empty());
    assert_eq!(contents(writer.dir()), before);
    let report = verify(&Capture::open(root.path()).expect("open")).expect("verified").remove(0);
    assert_eq!((report.live, report.ok, report.segments[0].state), (true, true, SegmentState::Open));
    let sealed = writer.dir().to_owned();
    writer.finish(1).expect("sealed");
    assert_eq!(prune_captures(root.path(), 0).expect("pruned"), [sealed]);
}

#[test]
fn the_oldest_runs_go_first_when_space_is_short() {
    let root = tempfile::tempdir().expect("a directory");
    let mut dirs = Vec::new();
    for day in 0..3u64 {
        let mut info = run_info("test");
        info.started_ns += day * 86_400_000_000_000;
        let mut writer = CaptureWriter::create(root.path(), info, WriterLimits::default()).expect("created");
        writer.append(received_ns(0), &frame(0)).expect("room");
        dirs.push(writer.dir().to_owned());
        writer.finish(0).expect("sealed");
    }
    let one: usize = contents(&dirs[0]).iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(prune_captures(root.path(), 2 * one as u64 + 10).expect("pruned"), dirs[..1]);
    assert!(dirs[1].exists() && dirs[2].exists());
}

#[test]
fn following_sees_what_comes_over_rotations() {
    let root = tempfile::tempdir().expect("a directory");
    let limits = WriterLimits { segment_ns: 50, ..WriterLimits::default() };
    let mut writer = CaptureWriter::create(root.path(), run_info("test"), limits).expect("created");
    let mut reader = Capture::open(root.path()).expect("open").follow(TimeRange::ALL);
    let mut expected = 0;
    for n in 0..20 {
        writer.append(received_ns(n), &frame(n)).expect("room");
        if n % 3 == 0 {
            writer.flush(received_ns(n)).expect("written");
        }
        while let Some(item) = reader.next_item().expect("read") {
            let Item::Record(record) = item else { panic!("no damage in a growing log: {item:?}") };
            assert_eq!(record.message.sequence(), expected + 1);
            expected += 1;
        }
        assert!(n % 3 != 0 || expected == n + 1, "all that was flushed is seen");
    }
}

#[test]
fn when_the_disk_takes_nothing_records_wait_then_are_refused_and_counted() {
    let root = tempfile::tempdir().expect("a directory");
    let limits = WriterLimits { buffer_bytes: 1000, ..WriterLimits::default() };
    let mut writer = CaptureWriter::create(root.path(), run_info("test"), limits).expect("created");
    // A directory in place of the segment makes writing fail as a full disk does, until it is gone.
    let obstacle = writer.dir().join("segment-000001.cap");
    fs::create_dir(&obstacle).expect("made");
    let mut kept = 0;
    while writer.append(received_ns(kept), &frame(kept)) != Err(BufferFull) {
        assert!(writer.flush(0).is_err());
        kept += 1;
    }
    assert!(kept > 2);
    fs::remove_dir(&obstacle).expect("removed");
    writer.flush(0).expect("goes on");
    assert_eq!(writer.append(received_ns(kept), &frame(kept)), Ok(()));
    let run = writer.dir().to_owned();
    assert_eq!(writer.finish(0).expect("sealed").dropped, 1);
    assert_eq!(read(&run, TimeRange::ALL).expect("read"), ((0..=kept).collect(), vec![]));
}

#[test]
fn a_record_is_only_one_where_it_was_written() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_seal(root.path(), 6, 3);
    let [first, second] = &segments(&run)[..] else { panic!("two segments") };
    let (mut first, second) = (fs::read(first).expect("read"), fs::read(second).expect("read"));
    first.extend_from_slice(&second[SEGMENT_HEADER_BYTES..]);
    let records = read_segment(&first, None).filter(|item| matches!(item, Item::Record(_))).count();
    assert_eq!(records, 3, "records of another segment are no records of this one");
}

#[test]
fn a_clock_that_steps_back_leaves_the_log_in_order() {
    let root = tempfile::tempdir().expect("a directory");
    let mut writer = CaptureWriter::create(root.path(), run_info("test"), WriterLimits::default()).expect("created");
    for (n, receive_ns) in [(0, 100), (1, 50), (2, 120)] {
        writer.append(receive_ns, &frame(n)).expect("room");
    }
    let run = writer.dir().to_owned();
    writer.finish(0).expect("sealed");
    let mut reader = Capture::open(&run).expect("open").reader(TimeRange::ALL);
    let mut times = Vec::new();
    while let Some(Item::Record(record)) = reader.next_item().expect("read") {
        times.push(record.receive_ns);
    }
    assert_eq!(times, [100, 100, 120]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(read_segment(&bytes, None).filter(|item| matches!(item, Item::Record(_))).count(), 0);
    }

    #[test]
    fn damage_never_makes_a_record_that_was_not_written(
        holes in proptest::collection::vec((64usize..2000, any::<u8>(), 1usize..40), 1..6)
    ) {
        let root = tempfile::tempdir().expect("a directory");
        let run = write_and_die(root.path(), 12, 100);
        let path = segments(&run).remove(0);
        let mut bytes = fs::read(&path).expect("read");
        for (start, value, length) in holes {
            let end = (start + length).min(bytes.len());
            if let Some(hole) = bytes.get_mut(start.min(end)..end) {
                hole.fill(value);
            }
        }
        fs::write(&path, &bytes).expect("damaged");
        // `read` compares each record with the one that was written.
        let (found, _) = read(&run, TimeRange::ALL).expect("read");
        prop_assert!(found.is_sorted());
    }
}
