//! The bytes of a segment: a header, then records of receive time, length, checksum and the wire frame as it came.
//!
//! ```text
//!  segment header, 64 bytes
//!  0               8   10  11  12      16              24              32              40             60      64
//!  +---------------+---+---+---+-------+---------------+---------------+---------------+--------------+-------+
//!  | "ALPHACAP"    |ver|mod| 0 |number | mesh_id       | run_started_ns| first_ns      | zero         | crc32 |
//!  +---------------+---+---+---+-------+---------------+---------------+---------------+--------------+-------+
//!  record head, 16 bytes, then the frame
//!  0               8       12      16
//!  +---------------+-------+-------+---------------+
//!  | receive_ns    |length | crc32 | frame         |
//!  +---------------+-------+-------+---------------+
//! ```
//!
//! Numbers are little-endian. A record's checksum covers its time, its length, and where it stands: the run, the segment
//! and the offset. So a head that checks out is a head of this very place, never bytes that only look like one (a packet
//! that holds a piece of another log), and after damage reading goes on at the next record. The frame has its own checksum.
//! Receive times never decrease within a segment.

use mesh_codec::{FrameError, HEADER_BYTES, MAGIC, MAX_FRAME_BYTES, Message};
use mesh_types::Mode;
use mesh_types::wire::{Coded, U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first bytes of every segment.
pub const SEGMENT_MAGIC: [u8; 8] = *b"ALPHACAP";
/// The version that this build writes and reads.
pub const SEGMENT_VERSION: u16 = 1;
/// Bytes before the first record.
pub const SEGMENT_HEADER_BYTES: usize = 64;
/// Bytes before each frame.
pub const RECORD_HEAD_BYTES: usize = 16;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SegmentHeader {
    /// [`SEGMENT_MAGIC`].
    pub magic: [u8; 8],
    /// [`SEGMENT_VERSION`].
    pub version: U16,
    /// The mesh's mode.
    pub mode: Coded<Mode>,
    /// Zero.
    pub reserved: u8,
    /// Its place in the run, from 1.
    pub number: U32,
    /// The mesh.
    pub mesh_id: U64,
    /// When the run started, ns since the Unix epoch.
    pub run_started_ns: U64,
    /// Receive time of its first record, ns since the Unix epoch.
    pub first_ns: U64,
    /// Zero.
    pub reserved_tail: [u8; 20],
    /// CRC-32 of the bytes before.
    pub checksum: U32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RecordHead {
    receive_ns: U64,
    length: U32,
    checksum: U32,
}

const _: () = {
    assert!(size_of::<SegmentHeader>() == SEGMENT_HEADER_BYTES);
    assert!(core::mem::offset_of!(SegmentHeader, number) == 12);
    assert!(core::mem::offset_of!(SegmentHeader, mesh_id) == 16);
    assert!(core::mem::offset_of!(SegmentHeader, first_ns) == 32);
    assert!(core::mem::offset_of!(SegmentHeader, checksum) == 60);
    assert!(size_of::<RecordHead>() == RECORD_HEAD_BYTES);
    assert!(core::mem::offset_of!(RecordHead, length) == 8);
    assert!(core::mem::offset_of!(RecordHead, checksum) == 12);
};

/// Which segment of which run: what binds a record to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentId {
    /// When the run started, ns since the Unix epoch.
    pub run_started_ns: u64,
    /// The segment's place in the run, from 1.
    pub number: u32,
}

impl SegmentId {
    fn seed(self) -> u32 {
        let mut bytes = [0u8; 12];
        let (run, number) = bytes.split_at_mut(8);
        run.copy_from_slice(&self.run_started_ns.to_le_bytes());
        number.copy_from_slice(&self.number.to_le_bytes());
        crc32fast::hash(&bytes)
    }
}

impl SegmentHeader {
    /// A header with its checksum.
    pub fn new(id: SegmentId, mesh_id: u64, mode: Mode, first_ns: u64) -> Self {
        let mut header = Self {
            magic: SEGMENT_MAGIC,
            version: U16::new(SEGMENT_VERSION),
            mode: Coded::new(mode),
            number: U32::new(id.number),
            mesh_id: U64::new(mesh_id),
            run_started_ns: U64::new(id.run_started_ns),
            first_ns: U64::new(first_ns),
            ..Self::new_zeroed()
        };
        header.checksum = U32::new(header.calculated());
        header
    }

    fn calculated(&self) -> u32 {
        crc32fast::hash(self.as_bytes().get(..SEGMENT_HEADER_BYTES - 4).unwrap_or_default())
    }

    /// The header at the start of `bytes`, where there is one of this version and it is whole.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (header, _) = Self::read_from_prefix(bytes).ok()?;
        let valid = header.magic == SEGMENT_MAGIC
            && header.version.get() == SEGMENT_VERSION
            && header.checksum.get() == header.calculated();
        valid.then_some(header)
    }

    /// Which segment it is.
    pub fn id(&self) -> SegmentId {
        SegmentId { run_started_ns: self.run_started_ns.get(), number: self.number.get() }
    }
}

/// Writes records for one segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordEncoder {
    seed: u32,
}

impl RecordEncoder {
    pub(crate) fn new(id: SegmentId) -> Self {
        Self { seed: id.seed() }
    }

    /// Adds a record that will stand at `offset` of the segment.
    pub(crate) fn push(self, buffer: &mut Vec<u8>, offset: u64, receive_ns: u64, frame: &[u8]) {
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let checksum = U32::new(head_checksum(self.seed, offset, receive_ns, length));
        let head = RecordHead { receive_ns: U64::new(receive_ns), length: U32::new(length), checksum };
        buffer.extend_from_slice(head.as_bytes());
        buffer.extend_from_slice(frame);
    }
}

fn head_checksum(seed: u32, offset: u64, receive_ns: u64, length: u32) -> u32 {
    let mut bytes = [0u8; 20];
    let (place, head) = bytes.split_at_mut(8);
    let (time, size) = head.split_at_mut(8);
    place.copy_from_slice(&offset.to_le_bytes());
    time.copy_from_slice(&receive_ns.to_le_bytes());
    size.copy_from_slice(&length.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(&bytes);
    hasher.finalize()
}

/// A message with the time it was received.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Bytes from the start of the segment to the record's head.
    pub offset: u64,
    /// When the recorder received it, ns since the Unix epoch.
    pub receive_ns: u64,
    /// The message.
    pub message: Message<'a>,
}

/// Bytes of a segment that hold no whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where they begin, in bytes from the start of the segment.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// What they look like.
    pub kind: DamageKind,
}

/// What bytes without a whole record look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The segment's header; the records can still be read where the run is known.
    Header,
    /// A record's head was changed; later records are whole.
    Head,
    /// A head is whole, its frame is not.
    Frame(FrameError),
    /// Nothing whole follows to the end of the segment: what a crash leaves.
    Torn,
}

impl DamageKind {
    /// A word for counters and JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Header => "segment_header",
            Self::Head => "record_head",
            Self::Frame(error) => error.kind(),
            Self::Torn => "torn",
        }
    }
}

/// What stands next in a segment.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// A whole record.
    Record(Record<'a>),
    /// Bytes that were passed over.
    Damage(Damage),
}

/// What a [`Scanner`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A record's head that checks out at the start of the window, with all of its frame behind it.
    Found { receive_ns: u64, length: usize },
    /// Bytes passed over.
    Damage(Damage),
    /// The window must grow to this many bytes, or be known to be the last.
    More { needed: usize },
    /// Nothing is left.
    End,
}

/// Finds records in a window that slides over a segment.
#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    seed: u32,
    /// Where the window must start.
    offset: u64,
    damaged_since: Option<u64>,
}

/// A head and the frame's magic: what a place must have to be looked at after damage.
const CANDIDATE_BYTES: usize = RECORD_HEAD_BYTES + MAGIC.len();

impl Scanner {
    pub(crate) fn new(id: SegmentId, offset: u64) -> Self {
        Self { seed: id.seed(), offset, damaged_since: None }
    }

    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The head at the start of `bytes`, which stand at `offset`, when it checks out.
    fn head(&self, bytes: &[u8], offset: u64) -> Option<(u64, usize)> {
        let (head, _) = RecordHead::ref_from_prefix(bytes).ok()?;
        let (receive_ns, length) = (head.receive_ns.get(), head.length.get());
        let fits = (HEADER_BYTES..=MAX_FRAME_BYTES).contains(&(length as usize));
        let valid = fits && head.checksum.get() == head_checksum(self.seed, offset, receive_ns, length);
        valid.then_some((receive_ns, length as usize))
    }

    /// What stands next. `window` are the segment's bytes from [`Scanner::offset`] on; `last` says that no more will come.
    pub(crate) fn step(&mut self, window: &[u8], last: bool) -> Step {
        if window.is_empty() && last && self.damaged_since.is_none() {
            return Step::End;
        }
        if let Some((receive_ns, length)) = self.head(window, self.offset) {
            if let Some(damage) = self.end_damage(DamageKind::Head) {
                return Step::Damage(damage);
            }
            let size = RECORD_HEAD_BYTES + length;
            if window.len() >= size {
                self.offset += size as u64;
                return Step::Found { receive_ns, length };
            }
            return if last { self.torn(window) } else { Step::More { needed: size } };
        }
        if window.len() < CANDIDATE_BYTES {
            return if last { self.torn(window) } else { Step::More { needed: CANDIDATE_BYTES } };
        }
        self.pass_over(window, last)
    }

    /// Moves to the next head, or to where one may begin in bytes that have not come.
    fn pass_over(&mut self, window: &[u8], last: bool) -> Step {
        let since = *self.damaged_since.get_or_insert(self.offset);
        let next = (1..=window.len() - CANDIDATE_BYTES).find(|start| {
            let rest = window.get(*start..).unwrap_or_default();
            rest.get(RECORD_HEAD_BYTES..CANDIDATE_BYTES) == Some(&MAGIC[..])
                && self.head(rest, self.offset + *start as u64).is_some()
        });
        match next {
            Some(start) => {
                self.offset += start as u64;
                self.damaged_since = None;
                Step::Damage(Damage { offset: since, bytes: self.offset - since, kind: DamageKind::Head })
            }
            None if last => self.torn(window),
            None => {
                self.offset += (window.len() - CANDIDATE_BYTES + 1) as u64;
                Step::More { needed: CANDIDATE_BYTES }
            }
        }
    }

    fn end_damage(&mut self, kind: DamageKind) -> Option<Damage> {
        let since = self.damaged_since.take()?;
        Some(Damage { offset: since, bytes: self.offset - since, kind })
    }

    fn torn(&mut self, window: &[u8]) -> Step {
        self.offset += window.len() as u64;
        let since = self.damaged_since.take().unwrap_or(self.offset - window.len() as u64);
        Step::Damage(Damage { offset: since, bytes: self.offset - since, kind: DamageKind::Torn })
    }
}

/// The record at `offset` whose head was found at the start of `window`, or what is wrong with its frame.
pub(crate) fn item_of(offset: u64, receive_ns: u64, window: &[u8], length: usize) -> Item<'_> {
    let bytes = (RECORD_HEAD_BYTES + length) as u64;
    let frame = window.get(RECORD_HEAD_BYTES..RECORD_HEAD_BYTES + length).unwrap_or_default();
    let error = match Message::parse(frame) {
        Ok(message) if message.frame().len() == frame.len() => {
            return Item::Record(Record { offset, receive_ns, message });
        }
        Ok(message) => FrameError::Truncated { expected: frame.len(), found: message.frame().len() },
        Err(error) => error,
    };
    Item::Damage(Damage { offset, bytes, kind: DamageKind::Frame(error) })
}

/// All that a segment in memory holds, in order. Never panics, whatever the bytes are.
///
/// `known` names the segment where that is known from elsewhere, so that a damaged header loses nothing.
pub fn read_segment(bytes: &[u8], known: Option<SegmentId>) -> impl Iterator<Item = Item<'_>> {
    let header = SegmentHeader::read(bytes);
    let id = known.or(header.map(|header| header.id()));
    let mut header_damage = header.is_none().then(|| header_damage(bytes.len() as u64, id.is_some()));
    let mut scanner = id.map(|id| Scanner::new(id, SEGMENT_HEADER_BYTES as u64));
    core::iter::from_fn(move || {
        if let Some(damage) = header_damage.take() {
            return Some(Item::Damage(damage));
        }
        let scanner = scanner.as_mut()?;
        let offset = scanner.offset();
        let window = bytes.get(usize::try_from(offset).ok()?..).unwrap_or_default();
        match scanner.step(window, true) {
            Step::Found { receive_ns, length } => Some(item_of(offset, receive_ns, window, length)),
            Step::Damage(damage) => Some(Item::Damage(damage)),
            Step::More { .. } | Step::End => None,
        }
    })
}

/// The damage of a header that can't be read, in a segment of `segment_bytes`.
pub(crate) fn header_damage(segment_bytes: u64, records_can_be_read: bool) -> Damage {
    if segment_bytes < SEGMENT_HEADER_BYTES as u64 {
        return Damage { offset: 0, bytes: segment_bytes, kind: DamageKind::Torn };
    }
    let bytes = if records_can_be_read { SEGMENT_HEADER_BYTES as u64 } else { segment_bytes };
    Damage { offset: 0, bytes, kind: DamageKind::Header }
}
