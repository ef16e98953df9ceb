//! The inbox journal: what an actor's driver gave to its actor, in which order and at which time, so that a run can be
//! repeated exactly. A message that the relays carried costs 16 bytes, since the capture has it; what came another way (from
//! a venue, from the ledger, from a relay itself) is kept whole.
//!
//! ```text
//!  journal/<process>/<started_ns>/journal.log
//!  header, 256 bytes; then records, each a head of 32 bytes and its body
//!  0   1   2       4       8       12      16              24      28      32
//!  +---+---+-------+-------+-------+-------+---------------+-------+-------+
//!  |knd|flg| 0     |count  |size   |body   | stamp_ns      | 0     |head   |
//!  |   |   |       |       |       |crc32  |               |       |crc32  |
//!  +---+---+-------+-------+-------+-------+---------------+-------+-------+
//!  batch (1):   `count` inputs; stamp_ns is the time that the actor was told
//!  outcome (2): outputs u64, their digest u64, state digest u64 (flag 1: it is there); of the batch before
//!  end (3):     batches u64, 0 u64, state digest u64; the run ended in order
//!  an input, 16 bytes
//!  0   1   2       4       8               16
//!  +---+---+-------+-------+---------------+
//!  |tag|dom|source |low    | sequence      |   reference (1): low is the timestamp's low half
//!  |tag| 0 | 0     |length | 0             |   whole (2): then `length` bytes of frame
//!  |tag| 0 | 0     | 0     | timer id      |   timer (3)
//!  +---+---+-------+-------+---------------+
//! ```
//!
//! Numbers are little-endian. A head's checksum also covers the run and the offset: a record counts only where it was
//! written. The file only grows, with one write for each flush; a torn tail ends reading, and all before it is whole.

mod read;
mod retain;
mod write;

use mesh_codec::Message;
use mesh_types::wire::{Coded, U16, U32, U64};
use mesh_types::{Domain, FixedStr, MessageId, Mode, SourceId};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

pub use read::{Batch, Ending, Input, Inputs, JournalReader, Resolve, read_journal};
pub use retain::prune_journals;
pub use write::JournalWriter;

/// The first bytes of every journal.
pub const JOURNAL_MAGIC: [u8; 8] = *b"ALPHAJNL";
/// The version that this build writes and reads.
pub const JOURNAL_VERSION: u16 = 1;
/// The journal's name in its run's directory.
pub const JOURNAL_FILE: &str = "journal.log";
/// Bytes of the header.
pub const JOURNAL_HEADER_BYTES: usize = 256;

const RECORD_HEAD_BYTES: usize = 32;

const BATCH: u8 = 1;
const OUTCOME: u8 = 2;
const END: u8 = 3;

const REFERENCE: u8 = 1;
const WHOLE: u8 = 2;
const TIMER: u8 = 3;

const HAS_STATE: u8 = 1;

/// Whose journal it is, and of which run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalHeader {
    /// The process's name in the topology.
    pub name: String,
    /// Its source id.
    pub source: SourceId,
    /// The mesh.
    pub mesh_id: u64,
    /// Its mode.
    pub mode: Mode,
    /// When the process started, ns since the Unix epoch.
    pub started_ns: u64,
    /// SHA-256 of its configuration, in hex.
    pub configuration_sha256: String,
    /// SHA-256 of its binary, in hex.
    pub binary_sha256: String,
    /// True where every message is kept whole, so that no capture is needed.
    pub self_contained: bool,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireHeader {
    magic: [u8; 8],
    version: U16,
    self_contained: u8,
    mode: Coded<Mode>,
    source: SourceId,
    reserved: [u8; 2],
    mesh_id: U64,
    started_ns: U64,
    name: FixedStr<32>,
    configuration_sha256: FixedStr<64>,
    binary_sha256: FixedStr<64>,
    reserved_tail: [u8; 60],
    checksum: U32,
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RecordHead {
    kind: u8,
    flags: u8,
    reserved: [u8; 2],
    count: U32,
    body_bytes: U32,
    body_checksum: U32,
    stamp_ns: U64,
    reserved_tail: [u8; 4],
    checksum: U32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireInput {
    tag: u8,
    domain: u8,
    source: SourceId,
    low: U32,
    high: U64,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireOutcome {
    count: U64,
    digest: U64,
    state_digest: U64,
}

const _: () = {
    assert!(size_of::<WireHeader>() == JOURNAL_HEADER_BYTES);
    assert!(core::mem::offset_of!(WireHeader, mesh_id) == 16);
    assert!(core::mem::offset_of!(WireHeader, name) == 32);
    assert!(core::mem::offset_of!(WireHeader, checksum) == 252);
    assert!(size_of::<RecordHead>() == RECORD_HEAD_BYTES);
    assert!(core::mem::offset_of!(RecordHead, stamp_ns) == 16);
    assert!(core::mem::offset_of!(RecordHead, checksum) == 28);
    assert!(size_of::<WireInput>() == 16, "what a message of the bus costs");
    assert!(size_of::<WireOutcome>() == 24);
};

impl JournalHeader {
    fn to_wire(&self) -> WireHeader {
        let mut wire = WireHeader {
            magic: JOURNAL_MAGIC,
            version: U16::new(JOURNAL_VERSION),
            self_contained: u8::from(self.self_contained),
            mode: Coded::new(self.mode),
            source: self.source,
            mesh_id: U64::new(self.mesh_id),
            started_ns: U64::new(self.started_ns),
            name: FixedStr::truncated(&self.name),
            configuration_sha256: FixedStr::truncated(&self.configuration_sha256),
            binary_sha256: FixedStr::truncated(&self.binary_sha256),
            ..WireHeader::new_zeroed()
        };
        wire.checksum = U32::new(wire.calculated());
        wire
    }
}

impl WireHeader {
    fn calculated(&self) -> u32 {
        crc32fast::hash(self.as_bytes().get(..JOURNAL_HEADER_BYTES - 4).unwrap_or_default())
    }

    /// The header, where it is one of this version and whole.
    fn check(&self) -> Result<JournalHeader, &'static str> {
        if self.magic != JOURNAL_MAGIC {
            return Err("bytes without a journal's magic");
        }
        if self.version.get() != JOURNAL_VERSION {
            return Err("a journal of another version");
        }
        if self.checksum.get() != self.calculated() {
            return Err("a journal with a damaged header");
        }
        Ok(JournalHeader {
            name: self.name.lossy().to_owned(),
            source: self.source,
            mesh_id: self.mesh_id.get(),
            mode: self.mode.get().ok_or("a journal of an unknown mode")?,
            started_ns: self.started_ns.get(),
            configuration_sha256: self.configuration_sha256.lossy().to_owned(),
            binary_sha256: self.binary_sha256.lossy().to_owned(),
            self_contained: self.self_contained == 1,
        })
    }

    /// What binds the run's records to it.
    fn seed(&self) -> u32 {
        self.checksum.get()
    }
}

impl RecordHead {
    /// The checksum of a head that stands at `offset`.
    fn calculated(&self, seed: u32, offset: u64) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(seed);
        hasher.update(&offset.to_le_bytes());
        hasher.update(self.as_bytes().get(..RECORD_HEAD_BYTES - 4).unwrap_or_default());
        hasher.finalize()
    }
}

/// Names a message that the capture has. The timestamp's low half tells runs of one source apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The domain.
    pub domain: Domain,
    /// The sender.
    pub source: SourceId,
    /// The header's sequence.
    pub sequence: u64,
    /// The low 32 bits of the header's timestamp.
    pub timestamp_low: u32,
}

impl Reference {
    /// Names this message.
    pub fn of(message: &Message<'_>) -> Self {
        Self {
            domain: message.domain(),
            source: message.source(),
            sequence: message.sequence(),
            timestamp_low: low_half(message.timestamp_ns()),
        }
    }

    /// Whether it names the message with this id.
    pub fn names(&self, id: &MessageId) -> bool {
        id.domain() == Some(self.domain)
            && id.source == self.source
            && id.sequence.get() == self.sequence
            && low_half(id.timestamp_ns.get()) == self.timestamp_low
    }
}

pub(crate) const fn low_half(timestamp_ns: u64) -> u32 {
    (timestamp_ns & 0xffff_ffff) as u32
}

/// What a batch gave: enough to see where a replay differs first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Messages that the actor said in the batch.
    pub output_count: u64,
    /// Digest of all that it said so far.
    pub output_digest: u64,
    /// Digest of its state after the batch, where the driver asked for it.
    pub state_digest: Option<u64>,
}

impl WireOutcome {
    fn outcome(&self, flags: u8) -> Outcome {
        Outcome {
            output_count: self.count.get(),
            output_digest: self.digest.get(),
            state_digest: (flags & HAS_STATE != 0).then(|| self.state_digest.get()),
        }
    }
}
