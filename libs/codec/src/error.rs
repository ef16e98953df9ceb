//! Errors that speak: what was expected, what came, where, how large the message was, and what it probably means.
//! Nothing here runs unless something is wrong.

use core::fmt;

use mesh_types::Domain;
use mesh_types::wire::WireEnum;

use crate::header::{HEADER_BYTES, MAGIC, MAX_PAYLOAD_BYTES, PROTOCOL_VERSION};

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Fewer bytes than the message needs, and no more will come.
    Truncated {
        /// Bytes that it needs.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The first four bytes are not the magic.
    Magic {
        /// What they are.
        found: [u8; 4],
        /// True where they are the magic in the other byte order.
        byte_swapped: bool,
    },
    /// Another version of the protocol.
    Version {
        /// The version found.
        found: u8,
    },
    /// No domain has this number.
    Domain {
        /// The number found.
        found: u8,
    },
    /// A message of another domain than this place carries.
    WrongDomain {
        /// The domain carried here.
        expected: Domain,
        /// The number found.
        found: u8,
    },
    /// The payload is larger than allowed.
    Size {
        /// The size that the header states.
        found: u32,
    },
    /// The checksum does not match.
    Checksum {
        /// The one in the header.
        expected: u32,
        /// The one of the bytes that came.
        calculated: u32,
        /// Size of the message.
        message_size: usize,
        /// TLVs that can be told apart in it.
        tlv_count: usize,
    },
}

impl FrameError {
    pub(crate) fn bad_magic(found: [u8; 4]) -> Self {
        let mut swapped = found;
        swapped.reverse();
        Self::Magic { found, byte_swapped: swapped == MAGIC }
    }

    /// A word for counters and JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Magic { .. } => "magic",
            Self::Version { .. } => "version",
            Self::Domain { .. } => "domain",
            Self::WrongDomain { .. } => "wrong_domain",
            Self::Size { .. } => "size",
            Self::Checksum { .. } => "checksum",
        }
    }

    /// Where in the frame the trouble is.
    pub const fn offset(&self) -> usize {
        match self {
            Self::Truncated { found, .. } => *found,
            Self::Magic { .. } => 0,
            Self::Version { .. } => 4,
            Self::Domain { .. } | Self::WrongDomain { .. } => 5,
            Self::Size { .. } => 24,
            Self::Checksum { .. } => 28,
        }
    }

    /// What should have been there.
    pub fn expected(&self) -> String {
        match self {
            Self::Truncated { expected, .. } => format!("{expected} bytes"),
            Self::Magic { .. } => format!("{:?}", String::from_utf8_lossy(&MAGIC)),
            Self::Version { .. } => format!("version {PROTOCOL_VERSION}"),
            Self::Domain { .. } => "domain 1 to 4".to_owned(),
            Self::WrongDomain { expected, .. } => format!("domain {} ({expected})", expected.code()),
            Self::Size { .. } => format!("a payload of at most {MAX_PAYLOAD_BYTES} bytes"),
            Self::Checksum { expected, .. } => format!("checksum {expected:#010x}"),
        }
    }

    /// What was there.
    pub fn found(&self) -> String {
        match self {
            Self::Truncated { found, .. } => format!("{found} bytes"),
            Self::Magic { found, .. } => format!("{:?}", found.escape_ascii().to_string()),
            Self::Version { found } | Self::Domain { found } | Self::WrongDomain { found, .. } => found.to_string(),
            Self::Size { found } => format!("{found} bytes"),
            Self::Checksum { calculated, message_size, tlv_count, .. } => {
                format!("{calculated:#010x} over a message of {message_size} bytes with {tlv_count} TLVs")
            }
        }
    }

    /// What it probably means, and what to do.
    pub const fn likely_cause(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => {
                "the writer was cut off, or the file was: read on when more bytes are there, or drop the tail"
            }
            Self::Magic { byte_swapped: true, .. } => {
                "byte order: the writer is big-endian; write numbers little-endian"
            }
            Self::Magic { .. } => "these bytes are no message of the mesh, or reading started in the middle of one",
            Self::Version { .. } => "the sender is another version of the mesh: run the same version everywhere",
            Self::Domain { .. } => "corruption, or a later version of the mesh",
            Self::WrongDomain { .. } => "the sender is connected to the wrong relay: check its topology",
            Self::Size { .. } => "corruption of the size, or reading started in the middle of a message",
            Self::Checksum { expected: 0, .. } => "the sender did not compute the checksum",
            Self::Checksum { .. } => "corruption: bytes changed after the message was built",
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {}, found {} at byte {} of the message; likely cause: {}",
            self.expected(),
            self.found(),
            self.offset(),
            self.likely_cause()
        )
    }
}

impl core::error::Error for FrameError {}

/// Why a TLV of a valid message can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlvError {
    /// The TLV says that it is longer than what remains of the message.
    Overrun {
        /// Its place among the TLVs, from 0.
        index: usize,
        /// Bytes from the start of the message.
        offset: usize,
        /// Bytes that it states.
        expected: usize,
        /// Bytes that remain.
        found: usize,
    },
    /// The value is shorter than its struct.
    TooShort {
        /// Its place among the TLVs, from 0.
        index: usize,
        /// Bytes from the start of the message.
        offset: usize,
        /// Its type's name.
        name: &'static str,
        /// Bytes that the struct and its items need.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// More items than the type may have.
    TooMany {
        /// Its place among the TLVs, from 0.
        index: usize,
        /// Bytes from the start of the message.
        offset: usize,
        /// Its type's name.
        name: &'static str,
        /// The most that it may have.
        expected: usize,
        /// What it states.
        found: usize,
    },
    /// A TLV that must be understood, of a type that this build does not know.
    UnknownCritical {
        /// Its place among the TLVs, from 0.
        index: usize,
        /// Bytes from the start of the message.
        offset: usize,
        /// Its type.
        number: u8,
    },
    /// A TLV of another domain than its message.
    Domain {
        /// Its place among the TLVs, from 0.
        index: usize,
        /// Bytes from the start of the message.
        offset: usize,
        /// Its type's name.
        name: &'static str,
    },
    /// The message has no TLV at all.
    Empty,
}

impl TlvError {
    /// A word for counters and JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Overrun { .. } => "tlv_overrun",
            Self::TooShort { .. } => "tlv_too_short",
            Self::TooMany { .. } => "tlv_too_many_items",
            Self::UnknownCritical { .. } => "tlv_unknown_critical",
            Self::Domain { .. } => "tlv_domain",
            Self::Empty => "empty",
        }
    }

    /// Bytes from the start of the message.
    pub const fn offset(&self) -> usize {
        match self {
            Self::Overrun { offset, .. }
            | Self::TooShort { offset, .. }
            | Self::TooMany { offset, .. }
            | Self::UnknownCritical { offset, .. }
            | Self::Domain { offset, .. } => *offset,
            Self::Empty => HEADER_BYTES,
        }
    }

    /// What should have been there.
    pub fn expected(&self) -> String {
        match self {
            Self::Overrun { expected, .. } => format!("a value of {expected} bytes"),
            Self::TooShort { expected, name, .. } => format!("at least {expected} bytes of {name}"),
            Self::TooMany { expected, name, .. } => format!("at most {expected} items of {name}"),
            Self::UnknownCritical { .. } => "a type that this version knows".to_owned(),
            Self::Domain { .. } => "a TLV of the message's domain, or of system".to_owned(),
            Self::Empty => "at least one TLV".to_owned(),
        }
    }

    /// What was there.
    pub fn found(&self) -> String {
        match self {
            Self::Overrun { found, .. } | Self::TooShort { found, .. } => format!("{found} bytes"),
            Self::TooMany { found, .. } => format!("{found} items"),
            Self::UnknownCritical { number, .. } => format!("type {number}"),
            Self::Domain { name, .. } => (*name).to_owned(),
            Self::Empty => "none".to_owned(),
        }
    }

    /// What it probably means, and what to do.
    pub const fn likely_cause(&self) -> &'static str {
        match self {
            Self::Overrun { .. } | Self::Empty => "the sender built the message wrongly: its checksum is right",
            Self::TooShort { .. } => "the sender is an older, incompatible version: run the same version everywhere",
            Self::TooMany { .. } => "the sender was built with larger limits",
            Self::UnknownCritical { .. } => "the sender is a later version: update this process",
            Self::Domain { .. } => "the sender built the message wrongly: put the TLV into a message of its own domain",
        }
    }
}

impl fmt::Display for TlvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {}, found {} at byte {} of the message; likely cause: {}",
            self.expected(),
            self.found(),
            self.offset(),
            self.likely_cause()
        )
    }
}

impl core::error::Error for TlvError {}
