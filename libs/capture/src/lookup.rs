//! Finds messages by their id, for tracing and for replaying journals. The index is built in memory by one read of the
//! capture: 24 bytes a message.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use mesh_codec::{Header, MAX_FRAME_BYTES, Message};
use mesh_types::MessageId;
use mesh_types::wire::WireEnum;
use zerocopy::FromBytes;

use crate::capture::{Capture, TimeRange};
use crate::error::CaptureError;
use crate::journal::{Reference, Resolve, low_half};
use crate::segment::{Item, RECORD_HEAD_BYTES};

const WINDOW_BYTES: usize = 256 * 1024;
const OFFSET_BITS: u32 = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    sequence: u64,
    timestamp_ns: u64,
    /// The segment's place in the capture, then the record's offset in it.
    place: u64,
}

/// Messages of a capture, by id.
#[derive(Debug)]
pub struct Lookup {
    /// By domain and source.
    entries: BTreeMap<(u8, u16), Vec<Entry>>,
    segments: Vec<PathBuf>,
    window: Option<Window>,
}

/// Bytes of a segment around the last message that was read; the next one is often near.
#[derive(Debug)]
struct Window {
    segment: usize,
    file: File,
    base: u64,
    bytes: Vec<u8>,
}

impl Lookup {
    /// Reads the messages of a time range.
    ///
    /// # Errors
    /// When the system refuses. Damage is passed over.
    pub fn build(capture: &Capture, range: TimeRange) -> Result<Self, CaptureError> {
        let mut entries: BTreeMap<(u8, u16), Vec<Entry>> = BTreeMap::new();
        let mut reader = capture.reader(range);
        loop {
            let (id, offset) = match reader.next_item()? {
                Some(Item::Record(record)) => (record.message.id(), record.offset),
                Some(Item::Damage(_)) => continue,
                None => break,
            };
            let segment = reader.segment_index() as u64;
            let entry = Entry {
                sequence: id.sequence.get(),
                timestamp_ns: id.timestamp_ns.get(),
                place: (segment << OFFSET_BITS) | offset,
            };
            entries.entry((id.domain, id.source.get())).or_default().push(entry);
        }
        for list in entries.values_mut() {
            list.sort_unstable();
            list.dedup_by_key(|entry| (entry.sequence, entry.timestamp_ns));
            list.shrink_to_fit();
        }
        let segments = capture.segments().map(|segment| segment.path.clone()).collect();
        Ok(Self { entries, segments, window: None })
    }

    /// Messages that it knows.
    pub fn len(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }

    /// True where it knows none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts the frame of the message with this id in place of `frame`, and says whether there is one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn find(&mut self, id: &MessageId, frame: &mut Vec<u8>) -> Result<bool, CaptureError> {
        let wanted = id.timestamp_ns.get();
        let place = self.place((id.domain, id.source.get()), id.sequence.get(), |entry| entry.timestamp_ns == wanted);
        place.map_or(Ok(false), |place| self.read(place, frame))
    }

    fn place(&self, key: (u8, u16), sequence: u64, matches: impl Fn(&Entry) -> bool) -> Option<u64> {
        let list = self.entries.get(&key)?;
        let start = list.partition_point(|entry| entry.sequence < sequence);
        let mut same = list.get(start..)?.iter().take_while(|entry| entry.sequence == sequence);
        same.find(|entry| matches(entry)).map(|entry| entry.place)
    }

    fn read(&mut self, place: u64, frame: &mut Vec<u8>) -> Result<bool, CaptureError> {
        let segment = usize::try_from(place >> OFFSET_BITS).unwrap_or(usize::MAX);
        let start = (place & ((1 << OFFSET_BITS) - 1)) + RECORD_HEAD_BYTES as u64;
        let Some(path) = self.segments.get(segment) else { return Ok(false) };
        let window = match self.window.take() {
            Some(window) if window.segment == segment => window,
            _ => {
                let file = File::open(path).map_err(CaptureError::io("open", path))?;
                Window { segment, file, base: 0, bytes: Vec::new() }
            }
        };
        let window = self.window.insert(window);
        let mut found = window.frame(start);
        for size in [WINDOW_BYTES, MAX_FRAME_BYTES] {
            if found.is_none() {
                window.fill(start, size).map_err(CaptureError::io("read", path))?;
                found = window.frame(start);
            }
        }
        frame.clear();
        frame.extend_from_slice(found.as_ref().map_or(&[], |message| message.frame()));
        Ok(!frame.is_empty())
    }
}

impl Window {
    fn frame(&self, start: u64) -> Option<Message<'_>> {
        let rest = self.bytes.get(usize::try_from(start.checked_sub(self.base)?).ok()?..)?;
        let (header, _) = Header::ref_from_prefix(rest).ok()?;
        Message::parse(rest.get(..header.frame_bytes())?).ok()
    }

    fn fill(&mut self, start: u64, size: usize) -> std::io::Result<()> {
        self.base = start;
        self.bytes.resize(size, 0);
        let mut filled = 0;
        while let Some(slot) = self.bytes.get_mut(filled..).filter(|slot| !slot.is_empty()) {
            match self.file.read_at(slot, start + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }
}

impl Resolve for Lookup {
    fn resolve(&mut self, reference: &Reference, frame: &mut Vec<u8>) -> Result<bool, CaptureError> {
        let key = (reference.domain.code(), reference.source.get());
        let low = reference.timestamp_low;
        let place = self.place(key, reference.sequence, |entry| low_half(entry.timestamp_ns) == low);
        place.map_or(Ok(false), |place| self.read(place, frame))
    }
}
