//! A message, read in place: header, then TLVs of `type u8, flags u8, length u16` and `length` bytes each.

use mesh_types::wire::{Tailed, U16, WireStruct};
use mesh_types::{Domain, MessageId, SourceId};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{FrameError, TlvError};
use crate::header::{HEADER_BYTES, Header, checksum};
use crate::registry::{SizeRule, TailedTlv, TlvBody, entry};

/// Size of what stands before each value.
pub const TLV_HEADER_BYTES: usize = 4;

/// Flag bit: a receiver that does not know the type must refuse the message.
pub const FLAG_CRITICAL: u8 = 1;

/// What stands before a value.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct TlvHeader {
    /// The type's number in the registry.
    pub number: u8,
    /// [`FLAG_CRITICAL`] or 0.
    pub flags: u8,
    /// Bytes of the value.
    pub length: U16,
}

const _: () = assert!(size_of::<TlvHeader>() == TLV_HEADER_BYTES);

/// One TLV of a message.
#[derive(Clone, Copy, Debug)]
pub struct Tlv<'a> {
    /// Its place among the TLVs, from 0.
    pub index: usize,
    /// Bytes from the start of the message to its header.
    pub offset: usize,
    /// The type's number.
    pub number: u8,
    /// Its flags.
    pub flags: u8,
    /// Its value.
    pub value: &'a [u8],
}

/// A body with its items, in place.
#[derive(Clone, Copy, Debug)]
pub struct TailedView<'a, T: Tailed> {
    /// The struct.
    pub head: &'a T,
    /// The items.
    pub items: &'a [T::Item],
}

impl<'a> Tlv<'a> {
    /// The value as `T`, where it is one; a longer value's tail is ignored.
    #[inline]
    pub fn body<T: TlvBody>(&self) -> Option<&'a T> {
        (self.number == T::NUMBER).then(|| T::ref_from_prefix(self.value).ok()).flatten().map(|(body, _)| body)
    }

    /// The value as `T` with its items, where it is one.
    #[inline]
    pub fn tailed<T: TailedTlv>(&self) -> Option<TailedView<'a, T>> {
        if self.number != T::NUMBER {
            return None;
        }
        let (head, rest) = T::ref_from_prefix(self.value).ok()?;
        let count = head.item_count();
        if count > T::MAX_ITEMS {
            return None;
        }
        let (items, _) = <[T::Item]>::ref_from_prefix_with_elems(rest, count).ok()?;
        Some(TailedView { head, items })
    }

    /// Whether the value fits what the registry says of its type.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self, domain: Domain) -> Result<(), TlvError> {
        let Tlv { index, offset, number, .. } = *self;
        let Some(entry) = entry(number) else {
            return if self.flags & FLAG_CRITICAL == 0 {
                Ok(())
            } else {
                Err(TlvError::UnknownCritical { index, offset, number })
            };
        };
        let name = entry.name;
        if entry.domain != domain && entry.domain != Domain::System {
            return Err(TlvError::Domain { index, offset, name });
        }
        let found = self.value.len();
        match entry.size {
            SizeRule::Fixed { bytes } if found < bytes => {
                Err(TlvError::TooShort { index, offset, name, expected: bytes, found })
            }
            SizeRule::Fixed { .. } => Ok(()),
            SizeRule::Tailed { head_bytes, item_bytes, max_items, item_count } => {
                let Some(count) = item_count(self.value) else {
                    return Err(TlvError::TooShort { index, offset, name, expected: head_bytes, found });
                };
                let expected = head_bytes.saturating_add(count.saturating_mul(item_bytes));
                if count > max_items {
                    Err(TlvError::TooMany { index, offset, name, expected: max_items, found: count })
                } else if found < expected {
                    Err(TlvError::TooShort { index, offset, name, expected, found })
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// A message whose header and checksum hold.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    header: &'a Header,
    frame: &'a [u8],
}

impl<'a> Message<'a> {
    /// The message at the start of `bytes`; what follows it is left alone.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] when bytes are missing, else what is wrong.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        Self::checked(bytes).ok_or_else(|| Self::error(bytes))
    }

    /// The message at the start of `bytes`, where there is a whole and valid one.
    ///
    /// Loops ask this first: its answer stays in registers, where a `Result` goes through memory, written in halves and
    /// read back as a whole, for which the processor waits longer than it sums.
    #[inline]
    pub(crate) fn checked(bytes: &'a [u8]) -> Option<Self> {
        let (header, _) = Header::ref_from_prefix(bytes).ok()?;
        header.check().ok()?;
        let frame = bytes.get(..header.frame_bytes())?;
        (checksum(frame)? == header.checksum.get()).then_some(Self { header, frame })
    }

    /// Why `bytes` begin with no message, where [`Message::checked`] says so.
    #[cold]
    pub(crate) fn error(bytes: &'a [u8]) -> FrameError {
        let Ok((header, _)) = Header::ref_from_prefix(bytes) else {
            return FrameError::Truncated { expected: HEADER_BYTES, found: bytes.len() };
        };
        if let Err(error) = header.check() {
            return error;
        }
        let size = header.frame_bytes();
        let Some(frame) = bytes.get(..size) else {
            return FrameError::Truncated { expected: size, found: bytes.len() };
        };
        FrameError::Checksum {
            expected: header.checksum.get(),
            calculated: checksum(frame).unwrap_or_default(),
            message_size: size,
            tlv_count: Self { header, frame }.tlvs().take_while(Result::is_ok).count(),
        }
    }

    /// The message at the start of bytes that are known to begin with one; `None` at their end.
    #[inline]
    pub(crate) fn of_valid(bytes: &'a [u8]) -> Option<Self> {
        let (header, _) = Header::ref_from_prefix(bytes).ok()?;
        Some(Self { header, frame: bytes.get(..header.frame_bytes())? })
    }

    /// The header.
    pub const fn header(&self) -> &'a Header {
        self.header
    }

    /// The whole message as it lies on the wire.
    pub const fn frame(&self) -> &'a [u8] {
        self.frame
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        self.frame.get(HEADER_BYTES..).unwrap_or_default()
    }

    /// What it is about.
    pub fn domain(&self) -> Domain {
        self.header.domain.get().unwrap_or(Domain::System)
    }

    /// Who sent it.
    pub fn source(&self) -> SourceId {
        self.header.source
    }

    /// Its place among the source's messages of the domain.
    pub fn sequence(&self) -> u64 {
        self.header.sequence.get()
    }

    /// When it was built, ns since the Unix epoch.
    pub fn timestamp_ns(&self) -> u64 {
        self.header.timestamp_ns.get()
    }

    /// Its id.
    pub fn id(&self) -> MessageId {
        self.header.id()
    }

    /// Its TLVs, in order.
    pub fn tlvs(&self) -> TlvIter<'a> {
        TlvIter { payload: self.payload(), position: 0, index: 0 }
    }

    /// The first TLV: what the message is, for routing.
    #[inline]
    pub fn first(&self) -> Option<Tlv<'a>> {
        self.tlvs().next().and_then(Result::ok)
    }

    /// The first body of type `T`.
    #[inline]
    pub fn get<T: TlvBody>(&self) -> Option<&'a T> {
        self.tlvs().map_while(Result::ok).find_map(|tlv| tlv.body::<T>())
    }

    /// The first body of type `T` with its items.
    #[inline]
    pub fn get_tailed<T: TailedTlv>(&self) -> Option<TailedView<'a, T>> {
        self.tlvs().map_while(Result::ok).find_map(|tlv| tlv.tailed::<T>())
    }

    /// Whether every TLV fits what the registry says of its type and belongs here.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check_tlvs(&self) -> Result<(), TlvError> {
        let domain = self.domain();
        let mut any = false;
        for tlv in self.tlvs() {
            tlv?.check(domain)?;
            any = true;
        }
        if any { Ok(()) } else { Err(TlvError::Empty) }
    }
}

/// The TLVs of a message; ends after the first that can't be read.
#[derive(Clone, Debug)]
pub struct TlvIter<'a> {
    payload: &'a [u8],
    position: usize,
    index: usize,
}

impl<'a> Iterator for TlvIter<'a> {
    type Item = Result<Tlv<'a>, TlvError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.payload.get(self.position..).filter(|rest| !rest.is_empty())?;
        let (index, offset) = (self.index, HEADER_BYTES + self.position);
        let overrun = |expected: usize| TlvError::Overrun { index, offset, expected, found: rest.len() };
        let (error, position) = match TlvHeader::ref_from_prefix(rest) {
            Ok((head, after)) => {
                let length = usize::from(head.length.get());
                if let Some(value) = after.get(..length) {
                    self.position += TLV_HEADER_BYTES + length;
                    self.index += 1;
                    return Some(Ok(Tlv { index, offset, number: head.number, flags: head.flags, value }));
                }
                (overrun(length), self.payload.len())
            }
            Err(_) => (overrun(TLV_HEADER_BYTES), self.payload.len()),
        };
        self.position = position;
        Some(Err(error))
    }
}

/// Item count of a tailed body, read from its head.
pub(crate) fn item_count_of<T: Tailed + WireStruct>(value: &[u8]) -> Option<usize> {
    T::ref_from_prefix(value).ok().map(|(head, _)| head.item_count())
}
