//! What the tests of the codec share: a case for every type, frames of any bytes, and snapshots.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]
#![allow(dead_code, unreachable_pub, reason = "each test file is a crate of its own and uses a part of this")]

use std::path::{Path, PathBuf};

use mesh_codec::encode::TooLarge;
use mesh_codec::registry::RESERVED;
use mesh_codec::{FrameBuilder, HEADER_BYTES, MAGIC, PROTOCOL_VERSION, Stamp, TailedTlv, Tlv, TlvBody, encode_one};
use mesh_types::execution::*;
use mesh_types::market::*;
use mesh_types::research::*;
use mesh_types::risk::*;
use mesh_types::signal::*;
use mesh_types::system::{
    Cause, ConfigPromoted, EndOfSnapshot, ExternalRequest, Gap, Heartbeat, Hello, KillSwitch, Logout, Packet, Resume,
    SnapshotRequest, Stamp as StampBody, Subscribe, Welcome,
};
use mesh_types::wire::{Tailed, U16, WireEnum};
use mesh_types::{Domain, SourceId};
use zerocopy::{FromBytes, IntoBytes};

/// Bytes without meaning, the same for the same seed (SplitMix64).
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `most`.
    pub fn up_to(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % (most as u64 + 1)).expect("below a usize")
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(count);
        bytes
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.up_to(items.len() - 1)]
    }
}

/// How a test makes, builds and reads values of one type.
pub struct Case {
    pub number: u8,
    pub domain: Domain,
    pub max_items: usize,
    /// Random bytes that are a value with this many items.
    pub value: fn(&mut Noise, usize) -> Vec<u8>,
    /// Adds such a value to a message.
    pub add: for<'b> fn(FrameBuilder<'b>, &[u8]) -> FrameBuilder<'b>,
    /// The value as its type reads it, as bytes again.
    pub read: fn(&Tlv<'_>) -> Option<Vec<u8>>,
    /// The fast path; types with items have none.
    pub encode: Option<Encode>,
}

/// [`encode_one`] of a value that is given as bytes.
pub type Encode = fn(&mut [u8], &Stamp, &[u8]) -> Result<usize, TooLarge>;

impl Case {
    /// A random value with a random number of items.
    pub fn any_value(&self, noise: &mut Noise) -> Vec<u8> {
        let items = noise.up_to(self.max_items);
        (self.value)(noise, items)
    }

    /// A message of one random value with at most `items` items.
    pub fn frame(&self, noise: &mut Noise, items: usize) -> Vec<u8> {
        let value = (self.value)(noise, items.min(self.max_items));
        let mut frame = Vec::new();
        (self.add)(FrameBuilder::new(&mut frame, &stamp(self.domain)), &value).finish().expect("it fits");
        frame
    }
}

fn fixed<T: TlvBody>() -> Case {
    fn of<T: TlvBody>(value: &[u8]) -> T {
        T::read_from_bytes(value).expect("a whole value")
    }
    Case {
        number: T::NUMBER,
        domain: T::DOMAIN,
        max_items: 0,
        value: |noise, _| noise.bytes(size_of::<T>()),
        add: |builder, value| builder.body(&of::<T>(value)),
        read: |tlv| tlv.body::<T>().map(|body| body.as_bytes().to_vec()),
        encode: Some(|buffer, stamp, value| encode_one(buffer, stamp, &of::<T>(value))),
    }
}

/// States how many items follow a head.
pub trait SetItemCount: Tailed {
    fn set_item_count(&mut self, count: u16);
}

macro_rules! set_item_count {
    ($($body:ident $field:ident)+) => {$(
        impl SetItemCount for $body {
            fn set_item_count(&mut self, count: u16) { self.$field = U16::new(count); }
        }
    )+};
}
set_item_count! {
    PoolInfo token_count  Subscribe instrument_count  Resume message_count
    Gap range_count  Packet byte_count  ExternalRequest byte_count
    Candidate figure_count  RiskMargins margin_count  RiskAccount loss_count
}

macro_rules! set_level_count {
    ($($body:ident)+) => {$(
        impl SetItemCount for $body {
            fn set_item_count(&mut self, count: u16) {
                self.bid_count = U16::new(count / 2);
                self.ask_count = U16::new(count - count / 2);
            }
        }
    )+};
}
set_level_count! { BookSnapshot BookDelta }

fn tailed<T: TailedTlv + SetItemCount>() -> Case {
    Case {
        number: T::NUMBER,
        domain: T::DOMAIN,
        max_items: T::MAX_ITEMS,
        value: |noise, items| {
            let mut head = T::read_from_bytes(&noise.bytes(size_of::<T>())).expect("a whole head");
            head.set_item_count(u16::try_from(items).expect("below 64 Ki"));
            [head.as_bytes(), &noise.bytes(items * size_of::<T::Item>())].concat()
        },
        add: |builder, value| {
            let (head, items) = T::read_from_prefix(value).expect("a whole head");
            builder.tailed(&head, <[T::Item]>::ref_from_bytes(items).expect("whole items"))
        },
        read: |tlv| tlv.tailed::<T>().map(|view| [view.head.as_bytes(), view.items.as_bytes()].concat()),
        encode: None,
    }
}

/// One case for every type of the registry; `roundtrip.rs` fails when one is missing.
pub fn cases() -> Vec<Case> {
    macro_rules! list {
        (fixed: $($fixed:ident)+; tailed: $($tailed:ident)+;) => {
            vec![$(fixed::<$fixed>(),)+ $(tailed::<$tailed>(),)+]
        };
    }
    list! {
        fixed:
            Trade TradeGap Quote Candle Mark OpenInterest Liquidation InstrumentInfo VenueStatus PoolSwap PoolState PoolLiquidity
            Block Features ChainEvent
            Signal Decision Arbitrage EventBias Prediction
            OrderRequest OrderCancel OrderReplace OrderAccepted OrderRejected Fill OrderCancelled Position Balance
            RiskVerdict Intent OrderStatusRequest OrderStatus OrderTerms OrderTrigger
            Hello Welcome Logout Heartbeat Cause StampBody EndOfSnapshot SnapshotRequest ConfigPromoted KillSwitch
            SweepJob SweepProgress;
        tailed:
            BookSnapshot BookDelta PoolInfo Subscribe Resume Gap Packet ExternalRequest Candidate
            RiskMargins RiskAccount;
    }
}

/// The stamp that messages of these tests have.
pub fn stamp(domain: Domain) -> Stamp {
    Stamp { domain, source: SourceId::new(0x0102), sequence: 0x0304_0506_0708, timestamp_ns: 1_700_000_000_123_456_789 }
}

/// A number that the registry does not know.
pub fn unknown_number(noise: &mut Noise) -> u8 {
    let (first, last, _) = *noise.pick(RESERVED);
    first + u8::try_from(noise.up_to(usize::from(last - first))).expect("a byte")
}

/// One TLV, of any number, flags and value.
pub fn raw_tlv(number: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a value below 64 KiB");
    [&[number, flags], &length.to_le_bytes()[..], value].concat()
}

/// A message with a right header and checksum around any payload, written by hand from docs/protocol.md.
pub fn raw_frame(domain: Domain, payload: &[u8]) -> Vec<u8> {
    let stamp = stamp(domain);
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend(MAGIC);
    frame.extend([PROTOCOL_VERSION, domain.code()]);
    frame.extend(stamp.source.get().to_le_bytes());
    frame.extend(stamp.sequence.to_le_bytes());
    frame.extend(stamp.timestamp_ns.to_le_bytes());
    frame.extend(u32::try_from(payload.len()).expect("a payload below 4 GiB").to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(&frame);
    sum.update(payload);
    frame.extend(sum.finalize().to_le_bytes());
    frame.extend(payload);
    frame
}

/// Compares `actual` with the file at `path`, relative to this crate; `UPDATE_SNAPSHOTS=1` writes the file instead.
pub fn assert_snapshot(path: &str, actual: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, actual).expect("the snapshot can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((line, (expected, actual))) =
        expected.lines().zip(actual.lines()).enumerate().find(|(_, (expected, actual))| expected != actual)
    {
        panic!("{}:{}\n  stands: {expected}\n  is:     {actual}\n{UPDATE}", path.display(), line + 1);
    }
    assert_eq!(expected.len(), actual.len(), "{} ends too early or too late. {UPDATE}", path.display());
}

const UPDATE: &str = "If the change is meant, run it again with UPDATE_SNAPSHOTS=1 and read the difference.";
