//! Who sent a message, which message it was, and which order it is about.

use core::fmt;
use core::str::FromStr;

use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::enums::Domain;
use crate::wire::{Coded, WireEnum};

/// A process instance of the topology; 0 is nobody.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(transparent)]
pub struct SourceId(U16);

impl SourceId {
    /// A person at the command line: what is said with it was said by no process of the topology.
    pub const OPERATOR: Self = Self::new(u16::MAX);

    /// The source with this number.
    pub const fn new(number: u16) -> Self {
        Self(U16::new(number))
    }

    /// Its number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

/// Names one message of the mesh: a source's n-th message of a domain. The time tells runs of one source apart, since a
/// restarted source counts from 1 again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct MessageId {
    /// The domain's code; 0 for no message.
    pub domain: u8,
    /// Zero.
    pub reserved: u8,
    /// The sender.
    pub source: SourceId,
    /// The header's sequence.
    pub sequence: U64,
    /// The header's timestamp, in ns since the Unix epoch.
    pub timestamp_ns: U64,
}

const _: () = assert!(size_of::<MessageId>() == 20);

impl MessageId {
    /// No message.
    pub const NONE: Self =
        Self { domain: 0, reserved: 0, source: SourceId::new(0), sequence: U64::new(0), timestamp_ns: U64::new(0) };

    /// The id of a message with these header fields.
    pub fn new(domain: Domain, source: SourceId, sequence: u64, timestamp_ns: u64) -> Self {
        Self {
            domain: domain.code(),
            reserved: 0,
            source,
            sequence: sequence.into(),
            timestamp_ns: timestamp_ns.into(),
        }
    }

    /// True where it names no message.
    pub fn is_none(&self) -> bool {
        self.domain == 0
    }

    /// The domain; `None` for no message or a code this build does not know.
    pub fn domain(&self) -> Option<Domain> {
        Coded::<Domain>::from_raw(self.domain).get()
    }

    /// Its bytes on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        IntoBytes::as_bytes(self)
    }
}

impl Default for MessageId {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = self.domain().map_or("none", Domain::name);
        write!(f, "{domain}/{}/{}@{}", self.source, self.sequence, self.timestamp_ns)
    }
}

/// Names one order for ever: a hash of what caused it, so that a repeated decision is the same order. Every venue
/// accepts its 32 hex digits in some form (Binance and OKX as they are, Kraken as a UUID, Hyperliquid as 128 bits).
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct ClientOrderId([u8; 16]);

/// The text is not 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadClientOrderId;

impl fmt::Display for BadClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a client order id of 32 hex digits")
    }
}

impl core::error::Error for BadClientOrderId {}

impl ClientOrderId {
    /// The id made of these bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ClientOrderId {
    type Err = BadClientOrderId;

    fn from_str(text: &str) -> Result<Self, BadClientOrderId> {
        let digits = text.as_bytes();
        let mut bytes = [0u8; 16];
        if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(BadClientOrderId);
        }
        for (slot, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = core::str::from_utf8(pair).map_err(|_| BadClientOrderId)?;
            *slot = u8::from_str_radix(pair, 16).map_err(|_| BadClientOrderId)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_is_its_hex_digits() {
        let id = ClientOrderId::new([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("xyz".parse::<ClientOrderId>(), Err(BadClientOrderId));
        assert_eq!("+1".repeat(16).parse::<ClientOrderId>(), Err(BadClientOrderId));
    }

    #[test]
    fn a_message_id_prints_its_parts() {
        let id = MessageId::new(Domain::Signal, SourceId::new(7), 3, 99);
        assert_eq!((id.to_string().as_str(), id.is_none()), ("signal/7/3@99", false));
        assert!(MessageId::NONE.is_none());
    }
}
