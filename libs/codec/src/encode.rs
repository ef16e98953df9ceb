//! Building messages into a caller's buffer, without allocation.
//!
//! [`encode_one`] is the fast path for a message of one body, whose size is known before it is written; [`FrameBuilder`]
//! writes any message at the end of a growing buffer whose capacity is kept between batches.

use mesh_types::wire::{Coded, Tailed, U16, U64};
use mesh_types::{Domain, MessageId, SourceId};
use zerocopy::{FromZeros, IntoBytes, transmute};

use crate::crc;
use crate::header::{HEADER_BYTES, Header, MAGIC, MAX_FRAME_BYTES, PROTOCOL_VERSION, seal};
use crate::message::{TLV_HEADER_BYTES, TlvHeader};
use crate::registry::{TailedTlv, TlvBody};

/// What a sender puts into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// What the message is about.
    pub domain: Domain,
    /// Who sends it.
    pub source: SourceId,
    /// Its place among the sender's messages of the domain.
    pub sequence: u64,
    /// When, ns since the Unix epoch.
    pub timestamp_ns: u64,
}

impl Stamp {
    /// The id that a message with this stamp has.
    pub fn id(&self) -> MessageId {
        MessageId::new(self.domain, self.source, self.sequence, self.timestamp_ns)
    }

    /// The header's first 28 bytes, then the first TLV's header, as little-endian words.
    #[inline(always)]
    fn words(&self, payload_bytes: usize, tlv: u32) -> crc::Head {
        let [source_low, source_high] = self.source.get().to_le_bytes();
        let [m, e, s, h] = MAGIC;
        let identity = u64::from_le_bytes([m, e, s, h, PROTOCOL_VERSION, self.domain as u8, source_low, source_high]);
        [identity, self.sequence, self.timestamp_ns, payload_bytes as u64 | (u64::from(tlv) << 32)]
    }

    fn header(&self) -> Header {
        Header {
            magic: MAGIC,
            version: PROTOCOL_VERSION,
            domain: Coded::new(self.domain),
            source: self.source,
            sequence: U64::new(self.sequence),
            timestamp_ns: U64::new(self.timestamp_ns),
            ..Header::new_zeroed()
        }
    }
}

/// The message can't be built: it would be larger than a message may be, or than the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Bytes that it would need, at least.
    pub needed: usize,
    /// Bytes that there are.
    pub available: usize,
}

impl core::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the message needs {} bytes, {} are available", self.needed, self.available)
    }
}

impl core::error::Error for TooLarge {}

/// Writes a message of one body at the start of `buffer` and answers with its size.
///
/// # Errors
/// [`TooLarge`] when the buffer is too small.
// In its caller, so that a stamp made there stays in registers: its fields, just stored one by one, can't be loaded
// together without waiting.
#[inline(always)]
pub fn encode_one<T: TlvBody>(buffer: &mut [u8], stamp: &Stamp, body: &T) -> Result<usize, TooLarge> {
    let payload_bytes = TLV_HEADER_BYTES + size_of::<T>();
    let size = HEADER_BYTES + payload_bytes;
    let available = buffer.len();
    let frame = buffer.get_mut(..size).ok_or(TooLarge { needed: size, available })?;
    let (head, rest) = frame.split_at_mut(HEADER_BYTES);
    let (tlv, value) = rest.split_at_mut(TLV_HEADER_BYTES);
    // The checksum is taken from registers and from the body where it comes from: what was just written in one size can't
    // be read back in another without waiting.
    let tlv_header = tlv_header(T::NUMBER, size_of::<T>());
    let words = stamp.words(payload_bytes, u32::from_le_bytes(transmute!(tlv_header)));
    let checksum = crc::of_head_and(words, body.as_bytes());
    let [a, b, c, size_and_tlv] = words;
    let last = (size_and_tlv & u64::from(u32::MAX)) | (u64::from(checksum) << 32);
    for (slot, word) in head.as_chunks_mut::<8>().0.iter_mut().zip([a, b, c, last]) {
        *slot = word.to_le_bytes();
    }
    tlv.copy_from_slice(tlv_header.as_bytes());
    value.copy_from_slice(body.as_bytes());
    Ok(size)
}

fn tlv_header(number: u8, length: usize) -> TlvHeader {
    // Bodies are far below 64 KiB; `registry` asserts it.
    TlvHeader { number, flags: 0, length: U16::new(u16::try_from(length).unwrap_or(u16::MAX)) }
}

/// Writes one message at the end of a buffer. Nothing is sent or counted until [`FrameBuilder::finish`]; a builder that is
/// dropped takes its bytes back.
#[derive(Debug)]
pub struct FrameBuilder<'b> {
    buffer: &'b mut Vec<u8>,
    start: usize,
    overflow: usize,
    finished: bool,
}

impl<'b> FrameBuilder<'b> {
    /// Begins a message at the end of `buffer`.
    pub fn new(buffer: &'b mut Vec<u8>, stamp: &Stamp) -> Self {
        let start = buffer.len();
        buffer.extend_from_slice(stamp.header().as_bytes());
        Self { buffer, start, overflow: 0, finished: false }
    }

    fn push(&mut self, number: u8, parts: [&[u8]; 2]) {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let total = self.buffer.len() - self.start + TLV_HEADER_BYTES + length;
        if length > usize::from(u16::MAX) || total > MAX_FRAME_BYTES || self.overflow > 0 {
            self.overflow = self.overflow.max(total);
            return;
        }
        self.buffer.extend_from_slice(tlv_header(number, length).as_bytes());
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
    }

    /// Adds a body.
    #[must_use]
    pub fn body<T: TlvBody>(mut self, body: &T) -> Self {
        self.push(T::NUMBER, [body.as_bytes(), &[]]);
        self
    }

    /// Adds a body with its items. The count that `head` states is the caller's to keep equal to `items.len()`.
    #[must_use]
    pub fn tailed<T: TailedTlv>(mut self, head: &T, items: &[<T as Tailed>::Item]) -> Self {
        debug_assert_eq!(head.item_count(), items.len(), "{} states its own items", T::STRUCT);
        self.push(T::NUMBER, [head.as_bytes(), items.as_bytes()]);
        self
    }

    /// Ends the message and answers with its size.
    ///
    /// # Errors
    /// [`TooLarge`] when it would be larger than a message may be; the buffer is as it was.
    pub fn finish(mut self) -> Result<usize, TooLarge> {
        if self.overflow > 0 {
            return Err(TooLarge { needed: self.overflow, available: MAX_FRAME_BYTES });
        }
        self.finished = true;
        let frame = self.buffer.get_mut(self.start..).unwrap_or_default();
        seal(frame);
        Ok(frame.len())
    }
}

impl Drop for FrameBuilder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.buffer.truncate(self.start);
        }
    }
}
