//! System bodies: the mesh speaking about itself. Those from hello to snapshot request are spoken between a process and
//! its relay only, with sequence 0.

use crate::enums::{Domain, KillLevel, LogoutReason, Mode, Role};
use crate::fixed::FixedStr;
use crate::ids::{MessageId, SourceId};
use crate::instrument::InstrumentId;
use crate::limits::{MAX_PACKET_PART_BYTES, MAX_SUBSCRIBED_INSTRUMENTS};
use crate::wire::{Coded, Tailed, U16, U32, U64};
use crate::wire_struct;

wire_struct! {
    /// The first message on a connection: who is there.
    Hello, 72 {
        /// The process's name in the topology.
        name: FixedStr<32>,
        /// Its source id.
        source: SourceId,
        /// What it does here.
        role: Coded<Role>,
        /// What it does with money.
        mode: Coded<Mode>,
        /// Version of the protocol.
        protocol: u8,
        /// The domain that it expects here.
        domain: Coded<Domain>,
        /// Zero.
        reserved: [u8; 2],
        /// The mesh.
        mesh_id: U64,
        /// When the process started, ns since the Unix epoch: tells its runs apart.
        started_ns: U64,
        /// Its version.
        build: FixedStr<16>,
    }
}

wire_struct! {
    /// The relay's answer to a hello.
    Welcome, 64 {
        /// The relay's name.
        relay: FixedStr<32>,
        /// The mesh.
        mesh_id: U64,
        /// When the relay started, ns since the Unix epoch: tells its runs apart.
        started_ns: U64,
        /// Sequence of the last message that it has of this source and run; what follows should be sent again.
        last_sequence: U64,
        /// Largest payload that it takes.
        max_payload_bytes: U32,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// What a subscriber wants; a later one replaces it.
    Subscribe, 40 {
        /// Bit n of the 256: messages whose first TLV has type n. All zero: everything.
        types: [u8; 32],
        /// Instruments that follow; none: all.
        instrument_count: U16,
        /// 1 asks for the last values first.
        last_values: u8,
        /// Zero.
        reserved: [u8; 5],
    }
}

impl Tailed for Subscribe {
    type Item = InstrumentId;
    const ITEM_NAME: &'static str = "instruments";
    const MAX_ITEMS: usize = MAX_SUBSCRIBED_INSTRUMENTS;
    fn item_count(&self) -> usize {
        usize::from(self.instrument_count.get())
    }
}

wire_struct! {
    /// Where a returning subscriber stopped: the relay sends again what it has kept after each.
    Resume, 4 {
        /// Last messages seen that follow, one for each source.
        message_count: U16,
        /// Zero.
        reserved: [u8; 2],
    }
}

impl Tailed for Resume {
    type Item = MessageId;
    const ITEM_NAME: &'static str = "messages";
    const MAX_ITEMS: usize = 1024;
    fn item_count(&self) -> usize {
        usize::from(self.message_count.get())
    }
}

wire_struct! {
    /// The relay ends the connection, and says why.
    Logout, 104 {
        /// Why.
        reason: Coded<LogoutReason>,
        /// Zero.
        reserved: [u8; 7],
        /// What was expected, what was found, and what to do.
        text: FixedStr<96>,
    }
}

wire_struct! {
    /// The other side is alive.
    Heartbeat, 16 {
        /// Sent at, ns since the Unix epoch.
        sent_ns: U64,
        /// Messages that the sender holds back for this connection.
        backlog: U64,
    }
}

wire_struct! {
    /// A run of messages that a subscriber missed.
    GapRange, 20 {
        /// Their source.
        source: SourceId,
        /// Their domain.
        domain: Coded<Domain>,
        /// Zero.
        reserved: u8,
        /// The first that is missing.
        first_sequence: U64,
        /// The last that is missing.
        last_sequence: U64,
    }
}

wire_struct! {
    /// What a subscriber missed, exactly where `exact` is 1, else rounded outwards to fewer ranges.
    Gap, 16 {
        /// Messages dropped.
        dropped: U64,
        /// Ranges that follow.
        range_count: U16,
        /// 1 when the ranges hold dropped messages only.
        exact: u8,
        /// Zero.
        reserved: [u8; 5],
    }
}

impl Tailed for Gap {
    type Item = GapRange;
    const ITEM_NAME: &'static str = "ranges";
    const MAX_ITEMS: usize = 512;
    fn item_count(&self) -> usize {
        usize::from(self.range_count.get())
    }
}

wire_struct! {
    /// The message that made this one be sent. A message may have several.
    Cause, 20 {
        /// That message.
        message: MessageId,
    }
}

wire_struct! {
    /// When a message passed a place, for measurements.
    Stamp, 16 {
        /// When, ns since the Unix epoch.
        at_ns: U64,
        /// By whom.
        source: SourceId,
        /// Zero.
        reserved: [u8; 6],
    }
}

wire_struct! {
    /// The last values, or recovered rows, end here; what follows is live.
    EndOfSnapshot, 8 {
        /// Messages that went before.
        message_count: U64,
    }
}

wire_struct! {
    /// Publishers are asked for fresh snapshots of what they carry.
    SnapshotRequest, 24 {
        /// Of this instrument; zero for all.
        instrument: InstrumentId,
    }
}

wire_struct! {
    /// Bytes that came from outside, as they came; a long packet takes several of these in one message.
    Packet, 16 {
        /// The connection or request that it came on, as the adapter numbers them.
        stream: U32,
        /// What kind of bytes, as the adapter documents it.
        kind: u8,
        /// Zero.
        reserved: u8,
        /// Bytes that follow.
        byte_count: U16,
        /// Local receive time, ns since the Unix epoch.
        received_ns: U64,
    }
}

impl Tailed for Packet {
    type Item = u8;
    const ITEM_NAME: &'static str = "bytes";
    const MAX_ITEMS: usize = MAX_PACKET_PART_BYTES;
    fn item_count(&self) -> usize {
        usize::from(self.byte_count.get())
    }
}

wire_struct! {
    /// Something that an actor asks of the world outside: a connection, a request, a close.
    ExternalRequest, 8 {
        /// The connection or request, as the adapter numbers them.
        stream: U32,
        /// What to do, as the adapter documents it.
        kind: u8,
        /// Zero.
        reserved: u8,
        /// Bytes that follow.
        byte_count: U16,
    }
}

impl Tailed for ExternalRequest {
    type Item = u8;
    const ITEM_NAME: &'static str = "bytes";
    const MAX_ITEMS: usize = MAX_PACKET_PART_BYTES;
    fn item_count(&self) -> usize {
        usize::from(self.byte_count.get())
    }
}

wire_struct! {
    /// A configuration was promoted; strategies reload it.
    ConfigPromoted, 104 {
        /// The strategy.
        strategy: FixedStr<24>,
        /// Content hash of the configuration.
        config_hash: [u8; 32],
        /// Content hash of the evidence behind it.
        evidence_hash: [u8; 32],
        /// Counts the promotions of this strategy.
        version: U64,
        /// Share of the full size, in percent.
        sizing_percent: u8,
        /// Zero.
        reserved: [u8; 7],
    }
}

wire_struct! {
    /// A kill switch was set or reset.
    KillSwitch, 104 {
        /// What it stops: the name of a strategy, of a venue, or a symbol; empty for all.
        scope: FixedStr<24>,
        /// How much it stops.
        level: Coded<KillLevel>,
        /// Zero.
        reserved: [u8; 7],
        /// Set at, ns since the Unix epoch.
        set_ns: U64,
        /// Why, for people.
        reason: FixedStr<64>,
    }
}
