//! What `mesh capture` and `mesh decode` do.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod support;

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use mesh_capture::decode::{Decoded, decode, decode_path};
use mesh_capture::{Capture, Filter, Format, RunStatus, TimeRange, csv, ops};
use mesh_codec::MAGIC;
use proptest::prelude::*;
use serde_json::Value;
use support::{frame, read, received_ns, write_and_die, write_and_seal};

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn only(names: &[&str]) -> Filter {
    let mut filter = Filter::default();
    names.iter().for_each(|name| filter.add_type(name).expect("a type"));
    filter
}

fn cat(path: &Path, filter: &Filter, format: Format) -> (ops::Totals, Vec<u8>) {
    let mut out = Vec::new();
    let mut reader = Capture::open(path).expect("open").reader(TimeRange::ALL);
    let totals = ops::cat(&mut reader, filter, format, &mut out).expect("written");
    (totals, out)
}

/// Gives its bytes in pieces.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

#[test]
fn runs_are_listed_with_what_their_manifests_say() {
    let root = tempfile::tempdir().expect("a directory");
    assert!(ops::list(&root.path().join("none")).expect("listed").is_empty());
    let run = write_and_seal(root.path(), 30, 12);
    fs::create_dir(root.path().join("other")).expect("made");
    let listed = ops::list(root.path()).expect("listed");
    let [one] = &listed[..] else { panic!("one run: {listed:?}") };
    assert_eq!((one.name.as_str(), one.status, one.live, one.records, one.segments), ("test", "sealed", false, 30, 3));
    assert_eq!((one.last_ns, one.path.as_str()), (received_ns(29), run.to_str().expect("text")));
    assert_eq!(ops::list(&run).expect("listed"), listed);
}

#[test]
fn messages_are_shown_as_json_and_text_and_filtered() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_seal(root.path(), 9, 100);
    let (totals, out) = cat(&run, &Filter::default(), Format::Json);
    let shown = lines(&out);
    assert_eq!((totals.messages, shown.len()), (9, 9));
    assert_eq!(shown[4]["receive_ns"], received_ns(4));
    assert_eq!((&shown[4]["sequence"], &shown[4]["tlvs"][0]["name"]), (&5.into(), &"trade".into()));
    let (totals, out) = cat(&run, &only(&["book_snapshot"]), Format::Text);
    assert_eq!(totals.messages, 3);
    let text = String::from_utf8(out).expect("text");
    assert!(
        text.starts_with("2026-11-01T12:00:00.000000023Z market/7/3 book_snapshot instrument=binance:spot:BTCUSDT"),
        "{text}"
    );
    assert_eq!(cat(&run, &only(&["fill"]), Format::Text).0.messages, 0);
    assert!(Filter::default().add_type("fills").is_err());
}

#[test]
fn a_cut_is_a_sealed_run_of_its_own() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_seal(&root.path().join("capture"), 30, 12);
    let to = root.path().join("cut");
    let range = TimeRange { from_ns: received_ns(10), to_ns: received_ns(20) };
    let capture = Capture::open(&run).expect("open");
    let (manifest, totals) = ops::cut(&capture, range, &Filter::default(), &to, 777).expect("cut");
    assert_eq!((manifest.status, manifest.run.name.as_str(), totals.messages), (RunStatus::Sealed, "test-cut", 10));
    assert_eq!(read(&to, TimeRange::ALL).expect("read"), ((10..20).collect(), vec![]));
    assert!(ops::cut(&capture, range, &Filter::default(), &to, 778).is_err(), "nothing is overwritten");
}

#[test]
fn a_table_has_a_column_for_each_field() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_seal(&root.path().join("capture"), 9, 100);
    let tables = root.path().join("tables");
    let mut reader = Capture::open(&run).expect("open").reader(TimeRange::ALL);
    let totals = csv::export(&mut reader, &Filter::default(), &tables).expect("exported");
    assert_eq!(totals.messages, 9);
    let trades = fs::read_to_string(tables.join("trade.csv")).expect("read");
    let rows: Vec<Vec<&str>> = trades.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((rows.len(), rows[0].len()), (7, rows[1].len()));
    assert_eq!(rows[0][..6], ["receive_ns", "domain", "source", "sequence", "timestamp_ns", "instrument"]);
    assert_eq!(rows[1][0], received_ns(0).to_string());
    assert_eq!(rows[1][1..6], ["market", "7", "1", "1793534400000000000", "binance:spot:BTCUSDT"]);
    let books = fs::read_to_string(tables.join("book_snapshot.csv")).expect("read");
    assert!(books.lines().next().expect("a head").ends_with(",bids,asks"), "{books}");
    assert!(books.contains("\"[[\"\"5\"\",\"\"6\"\"]"), "{books}");
    assert!(csv::export(&mut reader, &Filter::default(), &tables).is_ok(), "nothing left to read, nothing written");
}

#[test]
fn decoding_goes_on_behind_bad_bytes() {
    let mut bytes = frame(0);
    bytes.extend_from_slice(b"garbage, and a MESS");
    let bad_at = bytes.len() - 19;
    bytes.extend(frame(1));
    let corrupt_at = bytes.len();
    bytes.extend(frame(2));
    bytes[corrupt_at + 60] ^= 1;
    bytes.extend(frame(3));
    let torn_at = bytes.len();
    bytes.extend(&frame(4)[..50]);
    let mut out = Vec::new();
    let decoded = decode(&bytes[..], &mut out, Format::Json).expect("decoded");
    assert_eq!(decoded, Decoded { messages: 3, errors: 3 });
    let shown = lines(&out);
    let error = |index: usize| {
        let error = &shown[index]["error"];
        (error["kind"].as_str().expect("a kind"), error["offset"].as_u64().expect("an offset") as usize)
    };
    assert_eq!(error(1), ("magic", bad_at));
    assert_eq!(error(3), ("checksum", corrupt_at + 28));
    assert_eq!(error(5), ("truncated", torn_at + 50));
    assert!([0, 2, 4].iter().all(|index| shown[*index].get("tlvs").is_some()));
}

#[test]
fn a_capture_is_decoded_as_its_frames_are() {
    let root = tempfile::tempdir().expect("a directory");
    let run = write_and_die(root.path(), 9, 100);
    let raw: Vec<u8> = (0..9).flat_map(frame).collect();
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    decode(&raw[..], &mut expected, Format::Json).expect("decoded");
    decode_path(&run, &mut found, Format::Json).expect("decoded");
    assert_eq!(lines(&found), lines(&expected));
    let segment = fs::read(run.join("segment-000001.cap")).expect("read");
    let (mut piped, mut torn) = (Vec::new(), Vec::new());
    decode(Pieces(&segment, 7), &mut piped, Format::Json).expect("decoded");
    assert_eq!(piped, found);
    let decoded = decode(&segment[..segment.len() - 1], &mut torn, Format::Json).expect("decoded");
    assert_eq!(decoded, Decoded { messages: 8, errors: 1 });
    assert_eq!(lines(&torn)[8]["error"]["kind"], "torn");
}

proptest! {
    #[test]
    fn how_bytes_come_changes_nothing(
        pieces in proptest::collection::vec(
            prop_oneof![
                (0..6u64).prop_map(frame),
                proptest::collection::vec(any::<u8>(), 0..60),
                Just(MAGIC.to_vec()),
                (0..6u64, 1..80usize).prop_map(|(n, cut)| frame(n)[..cut].to_vec()),
            ],
            0..10,
        ),
        size in 1..200usize,
    ) {
        let bytes: Vec<u8> = pieces.concat();
        let (mut whole, mut piped) = (Vec::new(), Vec::new());
        let first = decode(&bytes[..], &mut whole, Format::Json).expect("decoded");
        let second = decode(Pieces(&bytes, size), &mut piped, Format::Json).expect("decoded");
        prop_assert_eq!(first, second);
        prop_assert_eq!(lines(&whole), lines(&piped));
    }
}
