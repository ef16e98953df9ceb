//! The index beside a segment: where to start reading for a time. It is written whole when the segment is sealed, and can
//! be made again from the segment at any time, so a missing or damaged one costs only time.
//!
//! `"ALPHAIDX"`, CRC-32 of what follows (u32), number of entries (u32), then entries of receive time (u64) and offset (u64),
//! little-endian.

use std::fs;
use std::path::{Path, PathBuf};

/// The first bytes of every index.
pub const INDEX_MAGIC: [u8; 8] = *b"ALPHAIDX";
/// An entry is made for the first record after this many bytes.
pub const INDEX_STEP_BYTES: u64 = 64 * 1024;

/// One record's time and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its receive time, ns since the Unix epoch.
    pub receive_ns: u64,
    /// Bytes from the start of the segment.
    pub offset: u64,
}

/// Entries in order of time and place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    entries: Vec<IndexEntry>,
}

impl Index {
    /// Sees the next record of the segment, and keeps it when the step is due.
    pub(crate) fn note(&mut self, receive_ns: u64, offset: u64) {
        let due = self.entries.last().is_none_or(|last| offset - last.offset >= INDEX_STEP_BYTES);
        if due {
            self.entries.push(IndexEntry { receive_ns, offset });
        }
    }

    /// Where to start so that no record received at `from_ns` or later is missed.
    pub fn seek(&self, from_ns: u64) -> Option<u64> {
        let after = self.entries.partition_point(|entry| entry.receive_ns < from_ns);
        self.entries.get(after.saturating_sub(1)).map(|entry| entry.offset)
    }

    /// The bytes of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let mut body = count.to_le_bytes().to_vec();
        for entry in &self.entries {
            body.extend_from_slice(&entry.receive_ns.to_le_bytes());
            body.extend_from_slice(&entry.offset.to_le_bytes());
        }
        let mut bytes = INDEX_MAGIC.to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    /// The index in these bytes; `None` when they are not exactly one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_at_checked(INDEX_MAGIC.len())?;
        let (checksum, body) = rest.split_first_chunk::<4>()?;
        if magic != INDEX_MAGIC || u32::from_le_bytes(*checksum) != crc32fast::hash(body) {
            return None;
        }
        let (count, entries) = body.split_first_chunk::<4>()?;
        let (entries, rest) = entries.as_chunks::<8>();
        let (pairs, odd) = entries.as_chunks::<2>();
        let whole = rest.is_empty() && odd.is_empty() && pairs.len() == u32::from_le_bytes(*count) as usize;
        let entry = |[time, offset]: &[[u8; 8]; 2]| IndexEntry {
            receive_ns: u64::from_le_bytes(*time),
            offset: u64::from_le_bytes(*offset),
        };
        whole.then(|| Self { entries: pairs.iter().map(entry).collect() })
    }

    /// The index of a segment, where its file is there and whole.
    pub(crate) fn load(segment: &Path) -> Option<Self> {
        Self::from_bytes(&fs::read(path_of(segment)).ok()?)
    }
}

/// Where the index of a segment is.
pub(crate) fn path_of(segment: &Path) -> PathBuf {
    segment.with_extension("idx")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let mut index = Index::default();
        for (receive_ns, offset) in [(10, 64), (10, 100), (20, 64 + INDEX_STEP_BYTES), (30, 64 + 2 * INDEX_STEP_BYTES)]
        {
            index.note(receive_ns, offset);
        }
        index
    }

    #[test]
    fn seeking_never_passes_a_record_of_the_asked_time() {
        let index = index();
        assert_eq!(index.entries.len(), 3, "the second record is within the step");
        assert_eq!(index.seek(0), Some(64));
        assert_eq!(index.seek(20), Some(64), "records of 20 may stand before the entry of 20");
        assert_eq!(index.seek(21), Some(64 + INDEX_STEP_BYTES));
        assert_eq!(index.seek(u64::MAX), Some(64 + 2 * INDEX_STEP_BYTES));
        assert_eq!(Index::default().seek(5), None);
    }

    #[test]
    fn a_damaged_index_is_no_index() {
        let bytes = index().to_bytes();
        assert_eq!(Index::from_bytes(&bytes), Some(index()));
        for cut in 0..bytes.len() {
            assert_eq!(Index::from_bytes(bytes.get(..cut).unwrap_or_default()), None, "cut at {cut}");
        }
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            assert_eq!(Index::from_bytes(&bytes), None, "flipped at {place}");
        }
    }
}
