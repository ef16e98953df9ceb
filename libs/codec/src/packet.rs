//! Bytes from outside as messages: a packet longer than one TLV takes several in the same message.
//!
//! A process numbers the packets that it received from 2^63 up in the system domain, apart from what it says there itself.

use std::borrow::Cow;

use mesh_types::Domain;
use mesh_types::SourceId;
use mesh_types::limits::MAX_PACKET_PART_BYTES;
use mesh_types::system::Packet;
use mesh_types::wire::{U16, U32, U64};

use crate::encode::{FrameBuilder, Stamp};
use crate::message::Message;

/// Sequence of a process's first packet.
pub const FIRST_PACKET_SEQUENCE: u64 = 1 << 63;

/// What came, and on which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHead {
    /// The connection or request, as the adapter numbers them.
    pub stream: u32,
    /// What kind of bytes, as the adapter documents it.
    pub kind: u8,
    /// Local receive time, ns since the Unix epoch.
    pub received_ns: u64,
}

/// The stamp of a packet's message.
pub const fn stamp(source: SourceId, sequence: u64, timestamp_ns: u64) -> Stamp {
    Stamp { domain: Domain::System, source, sequence, timestamp_ns }
}

/// Adds a packet to its message.
#[must_use]
pub fn fill<'b>(frame: FrameBuilder<'b>, head: &PacketHead, bytes: &[u8]) -> FrameBuilder<'b> {
    let body = |part: &[u8]| Packet {
        stream: U32::new(head.stream),
        kind: head.kind,
        reserved: 0,
        byte_count: U16::new(u16::try_from(part.len()).unwrap_or(u16::MAX)),
        received_ns: U64::new(head.received_ns),
    };
    if bytes.is_empty() {
        return frame.tailed(&body(bytes), bytes);
    }
    bytes.chunks(MAX_PACKET_PART_BYTES).fold(frame, |frame, part| frame.tailed(&body(part), part))
}

/// The packet that a message holds; its bytes are borrowed where they lie in one part.
pub fn join<'a>(message: &Message<'a>) -> Option<(PacketHead, Cow<'a, [u8]>)> {
    let mut parts = message.tlvs().map_while(Result::ok).filter_map(|tlv| tlv.tailed::<Packet>());
    let first = parts.next()?;
    let head = PacketHead {
        stream: first.head.stream.get(),
        kind: first.head.kind,
        received_ns: first.head.received_ns.get(),
    };
    let mut bytes = Cow::Borrowed(first.items);
    for part in parts {
        bytes.to_mut().extend_from_slice(part.items);
    }
    Some((head, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_any_length_come_back_whole() {
        for length in [0, 1, MAX_PACKET_PART_BYTES, MAX_PACKET_PART_BYTES + 1, 1_000_000] {
            let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let head = PacketHead { stream: 3, kind: 2, received_ns: 77 };
            let mut frame = Vec::new();
            let stamp = stamp(SourceId::new(1), FIRST_PACKET_SEQUENCE, 78);
            fill(FrameBuilder::new(&mut frame, &stamp), &head, &bytes).finish().expect("fits");
            let message = Message::parse(&frame).expect("a message");
            message.check_tlvs().expect("good TLVs");
            let (found, joined) = join(&message).expect("a packet");
            assert_eq!((found, joined.as_ref()), (head, bytes.as_slice()));
        }
    }

    #[test]
    fn a_packet_that_fits_no_message_is_refused() {
        let head = PacketHead { stream: 0, kind: 0, received_ns: 0 };
        let mut frame = vec![7];
        let builder = FrameBuilder::new(&mut frame, &stamp(SourceId::new(1), 1, 1));
        assert!(fill(builder, &head, &vec![0; 1 << 20]).finish().is_err());
        assert_eq!(frame, [7]);
    }
}
