//! The one table of message types. Routing, validation, decoding and docs/protocol.md all come from it.
//!
//! A new type: its body in `libs/types`, one line here, one word in `tests/common/mod.rs`; the layout snapshot and
//! docs/protocol.md then show what changed.

use mesh_types::execution::{
    Balance, Fill, Intent, OrderAccepted, OrderCancel, OrderCancelled, OrderRejected, OrderReplace, OrderRequest,
    OrderStatus, OrderStatusRequest, OrderTerms, OrderTrigger, Position, RiskVerdict,
};
use mesh_types::market::{
    Block, BookDelta, BookLevel, BookSnapshot, Candle, ChainEvent, Features, InstrumentInfo, Liquidation, Mark,
    OpenInterest, PoolInfo, PoolLiquidity, PoolState, PoolSwap, PoolToken, Quote, Trade, TradeGap, VenueStatus,
};
use mesh_types::research::{Candidate, CandidateFigure, SweepJob, SweepProgress};
use mesh_types::risk::{RiskAccount, RiskLoss, RiskMargin, RiskMargins};
use mesh_types::signal::{Arbitrage, Decision, EventBias, Prediction, Signal};
use mesh_types::system::{
    Cause, ConfigPromoted, EndOfSnapshot, ExternalRequest, Gap, GapRange, Heartbeat, Hello, KillSwitch, Logout, Packet,
    Resume, SnapshotRequest, Stamp, Subscribe, Welcome,
};
use mesh_types::wire::{FieldSpec, Tailed, Value, WireStruct};
use mesh_types::{Domain, InstrumentId, MessageId};
use zerocopy::FromBytes;

use crate::message::item_count_of;

/// A body with a number.
pub trait TlvBody: WireStruct {
    /// Its number on the wire.
    const NUMBER: u8;
    /// The domain of the messages that carry it; system bodies go into messages of any domain.
    const DOMAIN: Domain;
}

/// A body with a number and items.
pub trait TailedTlv: TlvBody + Tailed {}
impl<T: TlvBody + Tailed> TailedTlv for T {}

/// How long a value is.
#[derive(Clone, Copy, Debug)]
pub enum SizeRule {
    /// Always the same.
    Fixed {
        /// Bytes of the struct.
        bytes: usize,
    },
    /// A struct, then as many items as it states.
    Tailed {
        /// Bytes of the struct.
        head_bytes: usize,
        /// Bytes of an item.
        item_bytes: usize,
        /// The most items.
        max_items: usize,
        /// Reads the count from a value; `None` when the struct is not whole.
        item_count: fn(&[u8]) -> Option<usize>,
    },
}

impl SizeRule {
    /// The most bytes that a value of this build can have.
    pub const fn max_bytes(&self) -> usize {
        match *self {
            Self::Fixed { bytes } => bytes,
            Self::Tailed { head_bytes, item_bytes, max_items, .. } => head_bytes + max_items * item_bytes,
        }
    }
}

/// Which bytes of a body tell one state from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRule {
    /// Bytes from the start of the value.
    pub offset: usize,
    /// How many.
    pub bytes: usize,
}

/// Calls back with names and values.
pub type Visit<'v> = &'v mut dyn FnMut(&'static str, Value<'_>);
/// Calls back with the index of an item, and with each of its names and values.
pub type VisitItem<'v> = &'v mut dyn FnMut(usize, &'static str, Value<'_>);

/// The items of a tailed body, for documentation and decoding.
#[derive(Clone, Copy, Debug)]
pub struct ItemSpec {
    /// Their name.
    pub name: &'static str,
    /// Their fields; empty where an item is one plain value.
    pub fields: &'static [FieldSpec],
    /// Shows every item of a value.
    pub visit: fn(&[u8], VisitItem<'_>),
}

/// One type.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its number.
    pub number: u8,
    /// Its name in JSON and logs.
    pub name: &'static str,
    /// Its domain.
    pub domain: Domain,
    /// Its struct's name.
    pub body: &'static str,
    /// What it says.
    pub doc: &'static str,
    /// How long it is.
    pub size: SizeRule,
    /// Set for state-bearing types: relays keep the last value of each key for late joiners, and conflate by it for slow
    /// subscribers. Events have none.
    pub last_value: Option<KeyRule>,
    /// Where its instrument is, for filters.
    pub instrument_offset: Option<usize>,
    /// Its fields.
    pub fields: &'static [FieldSpec],
    /// Its items.
    pub items: Option<ItemSpec>,
    /// Shows every field of a value; nothing where it is too short.
    pub visit: fn(&[u8], Visit<'_>),
}

fn visit_body<T: WireStruct>(value: &[u8], visit: Visit<'_>) {
    if let Ok((body, _)) = T::ref_from_prefix(value) {
        body.visit(visit);
    }
}

/// An item that decoding can show.
trait ShowItem: mesh_types::wire::Plain {
    const FIELDS: &'static [FieldSpec];
    fn show(&self, index: usize, visit: VisitItem<'_>);
}

macro_rules! show_struct {
    ($($ty:ty),+) => {$(
        impl ShowItem for $ty {
            const FIELDS: &'static [FieldSpec] = <$ty as WireStruct>::FIELDS;
            fn show(&self, index: usize, visit: VisitItem<'_>) {
                WireStruct::visit(self, &mut |name, value| visit(index, name, value));
            }
        }
    )+};
}
show_struct!(BookLevel, PoolToken, GapRange, CandidateFigure, RiskMargin, RiskLoss);

macro_rules! show_plain {
    ($($ty:ty => $value:expr),+) => {$(
        impl ShowItem for $ty {
            const FIELDS: &'static [FieldSpec] = &[];
            fn show(&self, index: usize, visit: VisitItem<'_>) {
                let value: fn($ty) -> Value<'static> = $value;
                visit(index, "", value(*self));
            }
        }
    )+};
}
show_plain!(u8 => |v| Value::Unsigned(u64::from(v)), InstrumentId => Value::Instrument, MessageId => Value::Message);

fn visit_items<T: TailedTlv>(value: &[u8], visit: VisitItem<'_>)
where
    T::Item: ShowItem,
{
    let Ok((head, rest)) = T::ref_from_prefix(value) else { return };
    let Ok((items, _)) = <[T::Item]>::ref_from_prefix_with_elems(rest, head.item_count()) else { return };
    for (index, item) in items.iter().enumerate() {
        item.show(index, visit);
    }
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Offset and end of the fields from `first` to `last`.
const fn key_of(fields: &[FieldSpec], first: &str, last: &str) -> KeyRule {
    let (mut start, mut end) = (usize::MAX, 0);
    let mut i = 0;
    while i < fields.len() {
        if same(fields[i].name, first) {
            start = fields[i].offset;
        }
        if same(fields[i].name, last) {
            end = fields[i].offset + fields[i].size;
        }
        i += 1;
    }
    assert!(start < end, "the key's fields exist, in order");
    KeyRule { offset: start, bytes: end - start }
}

const fn instrument_of(fields: &[FieldSpec]) -> Option<usize> {
    let mut i = 0;
    while i < fields.len() {
        if same(fields[i].name, "instrument") && same(fields[i].kind, "instrument") {
            return Some(fields[i].offset);
        }
        i += 1;
    }
    None
}

macro_rules! last_value {
    ($body:ty, event) => { None };
    ($body:ty, state $first:ident) => { last_value!($body, state $first $first) };
    ($body:ty, state $first:ident $last:ident) => {
        Some(key_of(<$body as WireStruct>::FIELDS, stringify!($first), stringify!($last)))
    };
}

macro_rules! size_rule {
    ($body:ty, fixed) => {
        SizeRule::Fixed { bytes: size_of::<$body>() }
    };
    ($body:ty, tailed) => {
        SizeRule::Tailed {
            head_bytes: size_of::<$body>(),
            item_bytes: size_of::<<$body as Tailed>::Item>(),
            max_items: <$body as Tailed>::MAX_ITEMS,
            item_count: item_count_of::<$body>,
        }
    };
}

macro_rules! items {
    ($body:ty, fixed) => {
        None
    };
    ($body:ty, tailed) => {
        Some(ItemSpec {
            name: <$body as Tailed>::ITEM_NAME,
            fields: <<$body as Tailed>::Item as ShowItem>::FIELDS,
            visit: visit_items::<$body>,
        })
    };
}

macro_rules! registry {
    ($($number:literal $name:literal $domain:ident $body:ident $size:ident $class:ident $($key:ident)*;)+) => {
        $(
            impl TlvBody for $body {
                const NUMBER: u8 = $number;
                const DOMAIN: Domain = Domain::$domain;
            }
        )+

        /// Every type, in order of number.
        pub static REGISTRY: &[Entry] = &[$(Entry {
            number: $number,
            name: $name,
            domain: Domain::$domain,
            body: <$body as WireStruct>::STRUCT,
            doc: <$body as WireStruct>::DOC,
            size: size_rule!($body, $size),
            last_value: last_value!($body, $class $($key)*),
            instrument_offset: instrument_of(<$body as WireStruct>::FIELDS),
            fields: <$body as WireStruct>::FIELDS,
            items: items!($body, $size),
            visit: visit_body::<$body>,
        },)+];
    };
}

registry! {
    1  "trade"                Market    Trade              fixed  event;
    2  "quote"                Market    Quote              fixed  state instrument;
    3  "book_snapshot"        Market    BookSnapshot       tailed state instrument;
    4  "book_delta"           Market    BookDelta          tailed event;
    5  "candle"               Market    Candle             fixed  event;
    6  "mark"                 Market    Mark               fixed  state instrument;
    7  "open_interest"        Market    OpenInterest       fixed  state instrument;
    8  "liquidation"          Market    Liquidation        fixed  event;
    9  "instrument_info"      Market    InstrumentInfo     fixed  state instrument;
    10 "venue_status"         Market    VenueStatus        fixed  state venue;
    11 "pool_info"            Market    PoolInfo           tailed state instrument;
    12 "pool_swap"            Market    PoolSwap           fixed  event;
    13 "pool_state"           Market    PoolState          fixed  state instrument;
    14 "pool_liquidity"       Market    PoolLiquidity      fixed  event;
    15 "block"                Market    Block              fixed  state chain;
    16 "features"             Market    Features           fixed  event;
    17 "chain_event"          Market    ChainEvent         fixed  event;
    18 "trade_gap"            Market    TradeGap           fixed  event;
    20 "signal"               Signal    Signal             fixed  event;
    21 "decision"             Signal    Decision           fixed  event;
    22 "arbitrage"            Signal    Arbitrage          fixed  event;
    23 "event_bias"           Signal    EventBias          fixed  state instrument;
    24 "prediction"           Signal    Prediction         fixed  event;
    40 "order_request"        Execution OrderRequest       fixed  event;
    41 "order_cancel"         Execution OrderCancel        fixed  event;
    42 "order_replace"        Execution OrderReplace       fixed  event;
    43 "order_accepted"       Execution OrderAccepted      fixed  event;
    44 "order_rejected"       Execution OrderRejected      fixed  event;
    45 "fill"                 Execution Fill               fixed  event;
    46 "order_cancelled"      Execution OrderCancelled     fixed  event;
    47 "position"             Execution Position           fixed  state instrument strategy;
    48 "balance"              Execution Balance            fixed  state venue asset;
    49 "risk_verdict"         Execution RiskVerdict        fixed  event;
    50 "intent"               Execution Intent             fixed  event;
    51 "order_status_request" Execution OrderStatusRequest fixed  event;
    52 "order_status"         Execution OrderStatus        fixed  event;
    53 "order_terms"          Execution OrderTerms         fixed  event;
    54 "order_trigger"        Execution OrderTrigger       fixed  event;
    55 "risk_margins"         Execution RiskMargins        tailed event;
    56 "risk_account"         Execution RiskAccount        tailed state scope quote;
    80 "hello"                System    Hello              fixed  event;
    81 "welcome"              System    Welcome            fixed  event;
    82 "subscribe"            System    Subscribe          tailed event;
    83 "resume"               System    Resume             tailed event;
    84 "logout"               System    Logout             fixed  event;
    85 "heartbeat"            System    Heartbeat          fixed  event;
    86 "gap"                  System    Gap                tailed event;
    87 "cause"                System    Cause              fixed  event;
    88 "stamp"                System    Stamp              fixed  event;
    89 "end_of_snapshot"      System    EndOfSnapshot      fixed  event;
    90 "snapshot_request"     System    SnapshotRequest    fixed  event;
    91 "packet"               System    Packet             tailed event;
    92 "external_request"     System    ExternalRequest    tailed event;
    93 "config_promoted"      System    ConfigPromoted     fixed  state strategy;
    94 "kill_switch"          System    KillSwitch         fixed  state scope;
    95 "sweep_job"            System    SweepJob           fixed  event;
    96 "sweep_progress"       System    SweepProgress      fixed  state spec_hash;
    97 "candidate"            System    Candidate          tailed event;
}

/// Numbers that are spoken for, without a body yet: first, last, and for what.
pub const RESERVED: &[(u8, u8, &str)] = &[
    (0, 0, "never used: a zeroed buffer is no message"),
    (19, 19, "market"),
    (25, 39, "signal"),
    (57, 79, "execution"),
    (98, 99, "system"),
    (100, 199, "unassigned"),
    (200, 254, "private use"),
    (255, 255, "a longer form"),
];

const UNKNOWN: u8 = u8::MAX;

/// Position in the registry by number.
static POSITIONS: [u8; 256] = positions();

const fn positions() -> [u8; 256] {
    let mut table = [UNKNOWN; 256];
    let mut i = 0;
    while i < REGISTRY.len() {
        let number = REGISTRY[i].number as usize;
        assert!(table[number] == UNKNOWN, "a number is used once");
        assert!(REGISTRY[i].size.max_bytes() <= u16::MAX as usize, "a value's size fits its length field");
        assert!(i == 0 || REGISTRY[i - 1].number < REGISTRY[i].number, "the table is in order");
        table[number] = i as u8;
        i += 1;
    }
    table
}

/// The type with this number.
#[inline]
pub fn entry(number: u8) -> Option<&'static Entry> {
    POSITIONS.get(usize::from(number)).and_then(|position| REGISTRY.get(usize::from(*position)))
}

/// The type with this name.
pub fn entry_by_name(name: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.name == name)
}

impl Entry {
    /// The key of a value of this type, where it is state-bearing.
    #[inline]
    pub fn key<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        let rule = self.last_value?;
        value.get(rule.offset..rule.offset + rule.bytes)
    }

    /// The instrument of a value of this type.
    #[inline]
    pub fn instrument<'a>(&self, value: &'a [u8]) -> Option<&'a InstrumentId> {
        let rest = value.get(self.instrument_offset?..)?;
        InstrumentId::ref_from_prefix(rest).ok().map(|(instrument, _)| instrument)
    }
}
