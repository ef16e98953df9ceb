//! Messages between a process and its relay: of the system domain, with sequence 0.

use std::time::{SystemTime, UNIX_EPOCH};

use mesh_codec::{FrameBuilder, Header, Message, Stamp, TailedTlv, TailedView, TlvBody, ValidFrames};
use mesh_types::system::{Gap, GapRange, Heartbeat, Hello, Logout, Resume, SnapshotRequest, Subscribe};
use mesh_types::wire::{Coded, Tailed, U16, U64};
use mesh_types::{Domain, FixedStr, InstrumentId, LogoutReason, MessageId, SourceId};

use crate::subscription::{Identity, Subscription};

/// Whether a message is between a process and its relay only.
#[inline]
pub fn is_control(header: &Header) -> bool {
    header.sequence.get() == 0 && header.domain == Coded::new(Domain::System)
}

fn stamp(source: SourceId) -> Stamp {
    Stamp { domain: Domain::System, source, sequence: 0, timestamp_ns: now_ns() }
}

/// Now, ns since the Unix epoch.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes a control message of one body at the end of `buffer`.
pub fn put<T: TlvBody>(buffer: &mut Vec<u8>, source: SourceId, body: &T) {
    let written = FrameBuilder::new(buffer, &stamp(source)).body(body).finish();
    debug_assert!(written.is_ok(), "a control body fits a message");
}

/// Writes a control message with items at the end of `buffer`.
pub fn put_tailed<T: TailedTlv>(buffer: &mut Vec<u8>, source: SourceId, head: &T, items: &[<T as Tailed>::Item]) {
    let written = FrameBuilder::new(buffer, &stamp(source)).tailed(head, items).finish();
    debug_assert!(written.is_ok(), "the items are bounded by their type");
}

/// Who is there.
pub(crate) fn put_hello(buffer: &mut Vec<u8>, identity: &Identity, domain: Domain) {
    let hello = Hello {
        name: identity.name,
        source: identity.source,
        role: identity.role.into(),
        mode: identity.mode.into(),
        protocol: mesh_codec::PROTOCOL_VERSION,
        domain: domain.into(),
        reserved: [0; 2],
        mesh_id: identity.mesh_id.into(),
        started_ns: identity.started_ns.into(),
        build: identity.build,
    };
    put(buffer, identity.source, &hello);
}

/// What is wanted. Instruments beyond what a message holds are left out, which takes everything of the types instead.
pub(crate) fn put_subscribe(buffer: &mut Vec<u8>, source: SourceId, subscription: &Subscription) {
    let fits = subscription.instruments.len() <= Subscribe::MAX_ITEMS;
    let instruments: &[InstrumentId] = if fits { &subscription.instruments } else { &[] };
    let head = Subscribe {
        types: subscription.types.to_wire(),
        instrument_count: count(instruments.len()),
        last_values: u8::from(subscription.last_values),
        reserved: [0; 5],
    };
    put_tailed(buffer, source, &head, instruments);
}

/// Where reading stopped; the first positions where there are more than a message holds.
pub(crate) fn put_resume(buffer: &mut Vec<u8>, source: SourceId, positions: &[MessageId]) {
    let positions = positions.get(..Resume::MAX_ITEMS).unwrap_or(positions);
    put_tailed(buffer, source, &Resume { message_count: count(positions.len()), reserved: [0; 2] }, positions);
}

/// What was missed.
pub fn put_gap(buffer: &mut Vec<u8>, source: SourceId, dropped: u64, exact: bool, ranges: &[GapRange]) {
    let ranges = ranges.get(..Gap::MAX_ITEMS).unwrap_or(ranges);
    let head =
        Gap { dropped: dropped.into(), range_count: count(ranges.len()), exact: u8::from(exact), reserved: [0; 5] };
    put_tailed(buffer, source, &head, ranges);
}

/// Alive, with this many messages held back.
pub fn put_heartbeat(buffer: &mut Vec<u8>, source: SourceId, backlog: u64) {
    put(buffer, source, &Heartbeat { sent_ns: U64::new(now_ns()), backlog: backlog.into() });
}

/// Fresh snapshots are wanted, of one instrument or, with zero, of all.
pub fn put_snapshot_request(buffer: &mut Vec<u8>, source: SourceId, instrument: InstrumentId) {
    put(buffer, source, &SnapshotRequest { instrument });
}

/// The connection ends.
pub fn put_logout(buffer: &mut Vec<u8>, source: SourceId, reason: LogoutReason, text: &str) {
    put(buffer, source, &Logout { reason: reason.into(), reserved: [0; 7], text: FixedStr::truncated(text) });
}

fn count(items: usize) -> U16 {
    U16::new(u16::try_from(items).unwrap_or(u16::MAX))
}

/// Messages that were missed, as the relay declared it or as the receiver found it.
#[derive(Clone, Copy, Debug)]
pub struct GapNotice<'a> {
    message: Message<'a>,
    view: TailedView<'a, Gap>,
}

impl<'a> GapNotice<'a> {
    /// The notice that a message is, if it is one.
    pub fn new(message: Message<'a>) -> Option<Self> {
        message.get_tailed::<Gap>().map(|view| Self { message, view })
    }

    /// How many messages were missed.
    pub fn dropped(&self) -> u64 {
        self.view.head.dropped.get()
    }

    /// True when the ranges hold missed messages only.
    pub fn is_exact(&self) -> bool {
        self.view.head.exact == 1
    }

    /// Which.
    pub const fn ranges(&self) -> &'a [GapRange] {
        self.view.items
    }

    /// The notice as a frame.
    pub const fn frames(&self) -> ValidFrames<'a> {
        ValidFrames::of(&self.message)
    }
}
