//! The 32-byte header.
//!
//! ```text
//!  0               4   5   6       8               16              24      28      32
//!  +---------------+---+---+-------+---------------+---------------+-------+-------+
//!  | magic "MESH"  |ver|dom|source | sequence      | timestamp_ns  | size  | crc32 |
//!  +---------------+---+---+-------+---------------+---------------+-------+-------+
//! ```
//!
//! All numbers are little-endian. `size` counts the payload, the bytes after the header. `crc32` is CRC-32 (IEEE) of the
//! header's first 28 bytes and the payload.

use mesh_types::wire::{Coded, U16, U32, U64};
use mesh_types::{Domain, MessageId, SourceId};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use crate::crc;
use crate::error::FrameError;
use crate::message::TLV_HEADER_BYTES;

/// The first four bytes of every message.
pub const MAGIC: [u8; 4] = *b"MESH";
/// The version that this build speaks.
pub const PROTOCOL_VERSION: u8 = 1;
/// Size of the header.
pub const HEADER_BYTES: usize = 32;
/// Largest payload.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;
/// Largest message.
pub const MAX_FRAME_BYTES: usize = HEADER_BYTES + MAX_PAYLOAD_BYTES;

const CHECKED_BYTES: usize = 28;

/// The header, read in place.
#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 4],
    /// [`PROTOCOL_VERSION`].
    pub version: u8,
    /// What the message is about.
    pub domain: Coded<Domain>,
    /// Who sent it.
    pub source: SourceId,
    /// Counts the source's messages of this domain, from 1; 0 for messages between a process and its relay.
    pub sequence: U64,
    /// When it was built, ns since the Unix epoch.
    pub timestamp_ns: U64,
    /// Bytes after the header.
    pub payload_bytes: U32,
    /// CRC-32 of the first 28 bytes and the payload.
    pub checksum: U32,
}

const _: () = {
    assert!(size_of::<Header>() == HEADER_BYTES);
    assert!(align_of::<Header>() == 1);
    assert!(core::mem::offset_of!(Header, magic) == 0);
    assert!(core::mem::offset_of!(Header, version) == 4);
    assert!(core::mem::offset_of!(Header, domain) == 5);
    assert!(core::mem::offset_of!(Header, source) == 6);
    assert!(core::mem::offset_of!(Header, sequence) == 8);
    assert!(core::mem::offset_of!(Header, timestamp_ns) == 16);
    assert!(core::mem::offset_of!(Header, payload_bytes) == 24);
    assert!(core::mem::offset_of!(Header, checksum) == CHECKED_BYTES);
    assert!(size_of::<U16>() == 2);
};

impl Header {
    /// The message's id.
    pub fn id(&self) -> MessageId {
        MessageId {
            domain: self.domain.raw(),
            reserved: 0,
            source: self.source,
            sequence: self.sequence,
            timestamp_ns: self.timestamp_ns,
        }
    }

    /// Size of the whole message.
    pub fn frame_bytes(&self) -> usize {
        HEADER_BYTES.saturating_add(self.payload_bytes.get() as usize)
    }

    /// Magic, version, domain and size, in this order: what must hold before the payload can be awaited.
    ///
    /// # Errors
    /// What is wrong first.
    #[inline]
    pub fn check(&self) -> Result<(), FrameError> {
        if self.magic != MAGIC {
            return Err(FrameError::bad_magic(self.magic));
        }
        if self.version != PROTOCOL_VERSION {
            return Err(FrameError::Version { found: self.version });
        }
        if self.domain.get().is_none() {
            return Err(FrameError::Domain { found: self.domain.raw() });
        }
        if self.payload_bytes.get() as usize > MAX_PAYLOAD_BYTES {
            return Err(FrameError::Size { found: self.payload_bytes.get() });
        }
        Ok(())
    }
}

/// The checksum that belongs into a frame: of its first 28 bytes and what follows the header. `None` for less than a header.
#[inline]
pub fn checksum(frame: &[u8]) -> Option<u32> {
    let (head, payload) = frame.split_first_chunk::<HEADER_BYTES>()?;
    let Some((tlv, value)) = payload.split_first_chunk::<TLV_HEADER_BYTES>() else {
        return Some(crc::of_short(head.get(..CHECKED_BYTES)?, payload));
    };
    let [a, b, c, d]: [u64; 4] = transmute!(*head);
    let tlv = u64::from(u32::from_le_bytes(*tlv));
    // The first TLV's header stands in the checksum's place.
    let d = (u64::from_le(d) & u64::from(u32::MAX)) | (tlv << 32);
    Some(crc::of_head_and([u64::from_le(a), u64::from_le(b), u64::from_le(c), d], value))
}

/// Writes size and checksum into a finished frame.
pub(crate) fn seal(frame: &mut [u8]) {
    let payload_bytes = frame.len().saturating_sub(HEADER_BYTES);
    if let Some(slot) = frame.get_mut(24..28) {
        slot.copy_from_slice(&u32::try_from(payload_bytes).unwrap_or(u32::MAX).to_le_bytes());
    }
    if let Some(sum) = checksum(frame)
        && let Some(slot) = frame.get_mut(CHECKED_BYTES..HEADER_BYTES)
    {
        slot.copy_from_slice(&sum.to_le_bytes());
    }
}
