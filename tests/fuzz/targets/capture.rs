//! A capture segment of records, garbage and damaged records: what is read covers every byte, and no whole record is lost.
//!
//! The input is a byte that says whether the header is damaged, then pieces: 0 garbage, 1 a record, 2 a record whose frame
//! is no message, 3 a record with one byte changed (which, the piece's first byte says).

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_capture::segment::{RECORD_HEAD_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentId};
use mesh_capture::{Item, read_segment};
use mesh_codec::HEADER_BYTES;
use mesh_fuzz::{message, pieces};
use mesh_types::Mode;
use zerocopy::IntoBytes;

/// A record as the segment's documentation describes it.
fn record(id: SegmentId, offset: usize, frame: &[u8]) -> Vec<u8> {
    let time = (offset as u64).to_le_bytes();
    let length = u32::try_from(frame.len()).expect("a short frame").to_le_bytes();
    let seed = crc32fast::hash(&[&id.run_started_ns.to_le_bytes()[..], &id.number.to_le_bytes()].concat());
    let mut sum = crc32fast::Hasher::new_with_initial(seed);
    sum.update(&[&(offset as u64).to_le_bytes()[..], &time, &length].concat());
    [&time[..], &length, &sum.finalize().to_le_bytes(), frame].concat()
}

/// The segment that the script describes, and the places and frames of its whole records.
fn segment(id: SegmentId, script: &[u8]) -> (Vec<u8>, Vec<(u64, Vec<u8>)>) {
    let mut bytes = SegmentHeader::new(id, 7, Mode::ALL[0], 1).as_bytes().to_vec();
    let mut whole = Vec::new();
    for (kind, piece) in pieces(script) {
        let offset = bytes.len();
        match kind % 4 {
            0 => bytes.extend(piece),
            1 => {
                let frame = message(1, piece);
                bytes.extend(record(id, offset, &frame));
                whole.push((offset as u64, frame));
            }
            2 => bytes.extend(record(id, offset, &[&[0; HEADER_BYTES][..], piece].concat())),
            _ => {
                let mut record = record(id, offset, &message(1, piece));
                let at = usize::from(piece.first().copied().unwrap_or_default()) % record.len();
                record[at] ^= 0x55;
                bytes.extend(record);
            }
        }
    }
    (bytes, whole)
}

fuzz_target!(|data: &[u8]| {
    // The run depends on the input, so the fuzzer can't learn to put a right head into the garbage.
    let id = SegmentId { run_started_ns: u64::from(crc32fast::hash(data)), number: 3 };
    read_segment(data, None).for_each(drop);
    read_segment(data, Some(id)).for_each(drop);

    let Some((damaged, script)) = data.split_first() else { return };
    let (mut bytes, whole) = segment(id, script);
    let known = (damaged % 2 == 1).then(|| {
        bytes[10] ^= 0x55;
        id
    });

    let mut found = Vec::new();
    let mut end = if known.is_some() { 0 } else { SEGMENT_HEADER_BYTES } as u64;
    for item in read_segment(&bytes, known) {
        let (offset, size) = match &item {
            Item::Record(record) => {
                found.push((record.offset, record.message.frame().to_vec()));
                (record.offset, (RECORD_HEAD_BYTES + record.message.frame().len()) as u64)
            }
            Item::Damage(damage) => (damage.offset, damage.bytes),
        };
        assert_eq!(offset, end, "items follow each other without a gap: {item:?}");
        assert!(size > 0, "{item:?}");
        end += size;
    }
    assert_eq!(end, bytes.len() as u64, "every byte is told of");
    assert_eq!(found, whole);
});
