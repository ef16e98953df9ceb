//! A journal gives back what was put into it, up to where it was cut.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use mesh_capture::journal::{
    Ending, Input, JournalHeader, JournalReader, JournalWriter, Outcome, Reference, Resolve, prune_journals,
    read_journal,
};
use mesh_capture::{Capture, Lookup, TimeRange};
use mesh_codec::Message;
use mesh_types::{Mode, SourceId};
use proptest::prelude::*;
use support::{START_NS, frame, write_and_seal};

fn header(self_contained: bool, started_ns: u64) -> JournalHeader {
    JournalHeader {
        name: "momentum".to_owned(),
        source: SourceId::new(31),
        mesh_id: 12345,
        mode: Mode::Paper,
        started_ns,
        configuration_sha256: "c".repeat(64),
        binary_sha256: "b".repeat(64),
        self_contained,
    }
}

/// A batch as the tests see it.
#[derive(Clone, Debug, PartialEq)]
enum Given {
    Message(u64),
    Whole(u64),
    Timer(u64),
}

fn outcome(batch: u64) -> Outcome {
    Outcome {
        output_count: batch,
        output_digest: batch * 7,
        state_digest: batch.is_multiple_of(2).then_some(batch * 11),
    }
}

fn write(dir: &Path, self_contained: bool, batches: &[Vec<Given>]) -> JournalWriter {
    let mut writer = JournalWriter::create(dir, &header(self_contained, 99)).expect("created");
    for (batch, inputs) in (0..).zip(batches) {
        writer.begin_batch(START_NS + batch);
        for input in inputs {
            match input {
                Given::Message(n) => writer.input_ref(&Message::parse(&frame(*n)).expect("a message")),
                Given::Whole(n) => writer.input_inline(&frame(*n)),
                Given::Timer(id) => writer.timer(*id),
            }
        }
        writer.end_batch(&outcome(batch));
        writer.flush().expect("written");
    }
    writer
}

fn expected_input(given: &Given) -> (Option<Reference>, Option<Vec<u8>>, Option<u64>) {
    match given {
        Given::Message(n) => (Some(Reference::of(&Message::parse(&frame(*n)).expect("a message"))), None, None),
        Given::Whole(n) => (None, Some(frame(*n)), None),
        Given::Timer(id) => (None, None, Some(*id)),
    }
}

/// Checks the batches that can be read, and answers with their number, whether the last has its outcome, and the ending.
fn check(bytes: &[u8], batches: &[Vec<Given>]) -> (usize, bool, Ending) {
    let mut reader = read_journal(bytes).expect("a header");
    let (mut count, mut told) = (0, true);
    while let Some(batch) = reader.next_batch() {
        assert!(told, "only the last batch may lack its outcome");
        assert_eq!(batch.stamp_ns, START_NS + count as u64);
        let found: Vec<_> = batch
            .inputs()
            .map(|input| match input {
                Input::Reference(reference) => (Some(reference), None, None),
                Input::Whole(frame) => (None, Some(frame.to_vec()), None),
                Input::Timer(id) => (None, None, Some(id)),
            })
            .collect();
        assert_eq!(found, batches[count].iter().map(expected_input).collect::<Vec<_>>());
        assert!(batch.outcome.is_none_or(|found| found == outcome(count as u64)));
        told = batch.outcome.is_some();
        count += 1;
    }
    (count, told, reader.ending().expect("at the end"))
}

fn sample() -> Vec<Vec<Given>> {
    vec![
        vec![Given::Whole(0), Given::Timer(0)],
        vec![Given::Message(1), Given::Message(2), Given::Message(3)],
        vec![],
        vec![Given::Timer(u64::MAX), Given::Message(4), Given::Whole(5)],
    ]
}

fn file(root: &Path) -> PathBuf {
    root.join("99/journal.log")
}

#[test]
fn a_finished_journal_is_read_back_and_a_message_costs_16_bytes() {
    let root = tempfile::tempdir().expect("a directory");
    let mut writer = write(root.path(), false, &sample());
    let before = writer.bytes();
    writer.begin_batch(START_NS + 4);
    (0..1000).for_each(|n| writer.input_ref(&Message::parse(&frame(n % 7)).expect("a message")));
    writer.end_batch(&outcome(4));
    assert_eq!(writer.bytes() - before, 1000 * 16 + 32 + 32 + 24);
    writer.finish(4711).expect("written");
    let mut batches = sample();
    batches.push((0..1000).map(|n| Given::Message(n % 7)).collect());
    let bytes = fs::read(file(root.path())).expect("read");
    assert_eq!(check(&bytes, &batches), (5, true, Ending::Finished { state_digest: 4711 }));
    let reader = JournalReader::open(&root.path().join("99")).expect("opened");
    assert_eq!(*reader.header(), header(false, 99));
    assert!(JournalWriter::create(root.path(), &header(false, 99)).is_err(), "a run is never written twice");
}

#[test]
fn cut_at_every_byte_all_whole_batches_are_read() {
    let root = tempfile::tempdir().expect("a directory");
    drop(write(root.path(), false, &sample()));
    let bytes = fs::read(file(root.path())).expect("read");
    let mut boundaries = Vec::new();
    let mut last = 0;
    for cut in 0..=bytes.len() {
        if cut < 256 {
            assert!(read_journal(&bytes[..cut]).is_err(), "cut at {cut}");
            continue;
        }
        let (count, told, ending) = check(&bytes[..cut], &sample());
        let progress = 2 * count - usize::from(!told);
        assert!(progress == last || (progress == last + 1 && ending == Ending::Open), "cut at {cut}");
        match ending {
            Ending::Open => boundaries.push(cut as u64),
            Ending::Torn { offset } => assert_eq!(Some(&offset), boundaries.last(), "cut at {cut}"),
            Ending::Finished { .. } => panic!("never finished"),
        }
        last = progress;
    }
    assert_eq!((last, boundaries.len()), (8, 9), "four batches with outcomes, and the header");
}

#[test]
fn with_any_byte_flipped_all_before_it_is_read_and_nothing_false() {
    let root = tempfile::tempdir().expect("a directory");
    drop(write(root.path(), false, &sample()));
    let whole = fs::read(file(root.path())).expect("read");
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        if place < 256 {
            assert!(read_journal(&bytes).is_err(), "flipped at {place}");
        } else {
            let (_, _, ending) = check(&bytes, &sample());
            assert!(
                matches!(ending, Ending::Torn { offset } if offset <= place as u64),
                "flipped at {place}: {ending:?}"
            );
        }
    }
}

#[test]
fn the_batch_that_crashed_its_actor_can_be_in_the_journal() {
    let root = tempfile::tempdir().expect("a directory");
    let mut writer = write(root.path(), false, &sample());
    writer.begin_batch(START_NS + 4);
    writer.timer(1);
    writer.flush().expect("written");
    let open = fs::read(file(root.path())).expect("read");
    assert_eq!(check(&open, &sample()), (4, true, Ending::Open), "an open batch is not there yet");
    writer.end_inputs();
    writer.flush().expect("written");
    let mut batches = sample();
    batches.push(vec![Given::Timer(1)]);
    let bytes = fs::read(file(root.path())).expect("read");
    assert_eq!(check(&bytes, &batches), (5, false, Ending::Open));
}

#[test]
fn references_are_found_in_the_capture_and_a_self_contained_journal_needs_none() {
    let root = tempfile::tempdir().expect("a directory");
    let capture = write_and_seal(&root.path().join("capture"), 50, 12);
    let mut lookup = Lookup::build(&Capture::open(&capture).expect("open"), TimeRange::ALL).expect("read");
    assert_eq!(lookup.len(), 50);
    let mut found = Vec::new();
    for n in [0, 49, 12, 11, 30, 2] {
        let expected = frame(n);
        let message = Message::parse(&expected).expect("a message");
        assert!(lookup.resolve(&Reference::of(&message), &mut found).expect("read"), "message {n}");
        assert_eq!(found, expected);
        assert!(lookup.find(&message.id(), &mut found).expect("read"), "message {n}");
        assert_eq!(found, expected);
    }
    let absent = frame(50);
    let absent = Message::parse(&absent).expect("a message");
    assert!(!lookup.resolve(&Reference::of(&absent), &mut found).expect("read"));
    let other_run = Reference { timestamp_low: 1, sequence: 1, ..Reference::of(&absent) };
    assert!(!lookup.resolve(&other_run, &mut found).expect("read"), "the time tells runs of a source apart");

    drop(write(root.path(), true, &[vec![Given::Message(3)]]));
    let bytes = fs::read(file(root.path())).expect("read");
    assert_eq!(check(&bytes, &[vec![Given::Whole(3)]]).0, 1);
}

#[test]
fn the_oldest_runs_are_deleted_whole_and_the_newest_stays() {
    let root = tempfile::tempdir().expect("a directory");
    for started_ns in [9, 10, 11, 100] {
        JournalWriter::create(root.path(), &header(false, started_ns)).expect("created");
    }
    fs::create_dir(root.path().join("notes")).expect("made");
    let names =
        |paths: Vec<PathBuf>| paths.iter().map(|p| p.file_name().expect("named").to_owned()).collect::<Vec<_>>();
    assert_eq!(names(prune_journals(root.path(), 3, u64::MAX).expect("pruned")), ["9"]);
    assert_eq!(names(prune_journals(root.path(), 3, 600).expect("pruned")), ["10"], "each has 256 bytes");
    assert_eq!(names(prune_journals(root.path(), 0, 0).expect("pruned")), ["11"]);
    assert!(root.path().join("100").exists() && root.path().join("notes").exists());
}

proptest! {
    #[test]
    fn any_batches_are_read_back(
        batches in proptest::collection::vec(
            proptest::collection::vec(
                prop_oneof![
                    (0..200u64).prop_map(Given::Message),
                    (0..200u64).prop_map(Given::Whole),
                    any::<u64>().prop_map(Given::Timer),
                ],
                0..12,
            ),
            0..8,
        )
    ) {
        let root = tempfile::tempdir().expect("a directory");
        write(root.path(), false, &batches).finish(1).expect("written");
        let bytes = fs::read(file(root.path())).expect("read");
        prop_assert_eq!(check(&bytes, &batches), (batches.len(), true, Ending::Finished { state_digest: 1 }));
    }

    #[test]
    fn any_bytes_after_a_header_are_read_without_a_panic(garbage in proptest::collection::vec(any::<u8>(), 0..300)) {
        let root = tempfile::tempdir().expect("a directory");
        drop(write(root.path(), false, &[]));
        let mut bytes = fs::read(file(root.path())).expect("read");
        bytes.extend_from_slice(&garbage);
        prop_assert_eq!(check(&bytes, &[]).0, 0);
        let _ = read_journal(&garbage);
    }
}
