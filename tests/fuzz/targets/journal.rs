//! An inbox journal of any records behind right checksums: batches hold what they say, and it ends in one way.
//!
//! The input is a count that batches state, then pieces: the bodies of records of their kind; kind 0 is garbage.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_capture::journal::{JOURNAL_HEADER_BYTES, JOURNAL_MAGIC, JOURNAL_VERSION, read_journal};
use mesh_fuzz::pieces;

/// The journal that the script describes, written from the journal's documentation.
fn journal(count: u8, script: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; JOURNAL_HEADER_BYTES];
    bytes[..8].copy_from_slice(&JOURNAL_MAGIC);
    bytes[8..10].copy_from_slice(&JOURNAL_VERSION.to_le_bytes());
    bytes[11] = 1;
    let seed = crc32fast::hash(&bytes[..JOURNAL_HEADER_BYTES - 4]);
    bytes[JOURNAL_HEADER_BYTES - 4..].copy_from_slice(&seed.to_le_bytes());
    for (kind, piece) in pieces(script) {
        if kind == 0 {
            bytes.extend(piece);
            continue;
        }
        let size = u32::try_from(piece.len()).expect("a short piece").to_le_bytes();
        let body_sum = crc32fast::hash(piece).to_le_bytes();
        let count = u32::from(count).to_le_bytes();
        let head = [&[kind % 5, kind / 5, 0, 0][..], &count, &size, &body_sum, &[7; 8], &[0; 4]].concat();
        let mut sum = crc32fast::Hasher::new_with_initial(seed);
        sum.update(&(bytes.len() as u64).to_le_bytes());
        sum.update(&head);
        bytes.extend([&head[..], &sum.finalize().to_le_bytes(), piece].concat());
    }
    bytes
}

/// Reads a journal to its end; the batches that it has.
fn read(bytes: &[u8]) -> Option<usize> {
    let mut reader = read_journal(bytes).ok()?;
    let mut batches = 0;
    while let Some(batch) = reader.next_batch() {
        assert_eq!(batch.inputs().count(), batch.count as usize);
        batches += 1;
    }
    assert!(reader.ending().is_some() && reader.next_batch().is_none());
    Some(batches)
}

fuzz_target!(|data: &[u8]| {
    read(data);
    let Some((count, script)) = data.split_first() else { return };
    let bytes = journal(*count, script);
    let batches = read(&bytes).expect("a good header");
    // What is written later changes nothing of what was there.
    let longer = [&bytes[..], &[0x55; 40]].concat();
    assert_eq!(read(&longer), Some(batches));
});
