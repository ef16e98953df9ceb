//! The paper exchange driven with messages, its answers compared step by step.

#![allow(clippy::expect_used)]

mod conditions;
mod reduce_only;

use std::collections::{BTreeMap, BTreeSet};

use executor_paper::{LEDGER_TYPES, PaperExchange, Settings};
use mesh_actor::{ActorCell, Ledger, MemoryLedger};
use mesh_codec::registry::{TailedTlv, TlvBody};
use mesh_codec::{FrameBuilder, Frames, Message, Stamp};
use mesh_types::execution::{
    Fill, OrderAccepted, OrderCancel, OrderCancelled, OrderRejected, OrderRequest, OrderStatus, OrderStatusRequest,
    OrderTrigger,
};
use mesh_types::market::{BookLevel, BookSnapshot, InstrumentInfo, Trade};
use mesh_types::wire::Tailed;
use mesh_types::{
    BookHealth, ClientOrderId, Decimal64, FixedStr, InstrumentId, InstrumentStatus, OrderType, RejectReason, Side,
    SourceId, TimeInForce,
};
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn instrument() -> InstrumentId {
    "binance:spot:BTCUSDT".parse().expect("an id")
}

fn d(text: &str) -> Decimal64 {
    text.parse().expect(text)
}

/// An exchange with its ledger and a clock.
struct Venue {
    cell: ActorCell<PaperExchange>,
    ledger: Box<dyn Ledger>,
    /// What was filled, until somebody takes it.
    fills: Vec<Fill>,
    settings: Settings,
    now_ns: u64,
    sequence: u64,
}

impl Venue {
    fn new(latency_ms: u64) -> Self {
        Self::with_ledger(latency_ms, Box::new(MemoryLedger::new(&LEDGER_TYPES)))
    }

    fn with_ledger(latency_ms: u64, ledger: Box<dyn Ledger>) -> Self {
        let settings = Settings { latency_ms, ..Settings::default() };
        let cell = ActorCell::new(PaperExchange::new(settings.clone()), SourceId::new(9));
        let mut venue = Self { cell, ledger, fills: Vec::new(), settings, now_ns: 1_000 * MS, sequence: 0 };
        venue.restart();
        venue.introduce();
        venue
    }

    /// The instrument, as the relay tells every newcomer.
    fn introduce(&mut self) {
        let info = InstrumentInfo {
            instrument: instrument(),
            tick: d("1").into(),
            lot: d("1").into(),
            min_quantity: d("1").into(),
            min_notional: d("10").into(),
            quote: FixedStr::truncated("USDT"),
            status: InstrumentStatus::Trading.into(),
            ..InstrumentInfo::default()
        };
        self.say(&info);
    }

    /// A new life from the ledger.
    fn restart(&mut self) -> Vec<String> {
        self.cell = ActorCell::new(PaperExchange::new(self.settings.clone()), SourceId::new(9));
        self.cell.begin(self.now_ns);
        let cell = &mut self.cell;
        self.ledger.recover(&mut |frame| cell.deliver(&Message::parse(frame).expect("a frame"))).expect("recovers");
        assert_eq!(self.cell.outbox().count(), 0, "nothing is said before the start");
        self.run(&[])
    }

    /// One batch; what comes out, in words.
    fn run(&mut self, inbox: &[u8]) -> Vec<String> {
        self.cell.begin(self.now_ns);
        while self.cell.fire_due().is_some() {}
        for (_, message) in Frames::new(inbox) {
            self.cell.deliver(&message.expect("a frame"));
        }
        let outbox = self.cell.outbox().bytes().to_vec();
        self.cell.outbox_mut().clear();
        self.ledger.commit(Frames::new(inbox), Frames::new(&outbox)).expect("commits");
        let messages = Frames::new(&outbox).map(|(_, message)| message.expect("a frame"));
        self.fills.extend(messages.filter_map(|message| message.get::<Fill>().copied()));
        Frames::new(&outbox).map(|(_, message)| words(&message.expect("a frame"))).collect()
    }

    fn after(&mut self, ms: u64) -> Vec<String> {
        self.now_ns += ms * MS;
        self.run(&[])
    }

    fn stamp<T: TlvBody>(&mut self) -> Stamp {
        self.sequence += 1;
        let (sequence, timestamp_ns) = (self.sequence, self.now_ns);
        Stamp { domain: T::DOMAIN, source: SourceId::new(1), sequence, timestamp_ns }
    }

    fn say<T: TlvBody>(&mut self, body: &T) -> Vec<String> {
        let mut frame = Vec::new();
        let stamp = self.stamp::<T>();
        FrameBuilder::new(&mut frame, &stamp).body(body).finish().expect("fits");
        self.run(&frame)
    }

    /// A message with two bodies.
    fn say_both<T: TlvBody, M: TlvBody>(&mut self, body: &T, more: &M) -> Vec<String> {
        let mut frame = Vec::new();
        let stamp = self.stamp::<T>();
        FrameBuilder::new(&mut frame, &stamp).body(body).body(more).finish().expect("fits");
        self.run(&frame)
    }

    fn say_tailed<T: TailedTlv>(&mut self, head: &T, items: &[<T as Tailed>::Item]) -> Vec<String> {
        let mut frame = Vec::new();
        let stamp = self.stamp::<T>();
        FrameBuilder::new(&mut frame, &stamp).tailed(head, items).finish().expect("fits");
        self.run(&frame)
    }

    fn book(&mut self, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Vec<String> {
        self.book_with(BookHealth::Live, bids, asks)
    }

    fn book_with(&mut self, health: BookHealth, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Vec<String> {
        let levels: Vec<BookLevel> = bids
            .iter()
            .chain(asks)
            .map(|(price, quantity)| BookLevel { price: (*price).into(), quantity: (*quantity).into() })
            .collect();
        let head = BookSnapshot {
            instrument: instrument(),
            health: health.into(),
            last_sequence: self.sequence.into(),
            received_ns: self.now_ns.into(),
            depth: 20,
            bid_count: (bids.len() as u16).into(),
            ask_count: (asks.len() as u16).into(),
            ..BookSnapshot::default()
        };
        self.say_tailed(&head, &levels)
    }
}

/// What a message says, without ids and times.
fn words(message: &Message<'_>) -> String {
    if let Some(fill) = message.get::<Fill>() {
        let (price, quantity, all) = (fill.price.get(), fill.quantity.get(), fill.cumulative_quantity.get());
        let who = if fill.maker == 1 { "maker" } else { "taker" };
        format!("fill {quantity} at {price} of {all} fee {} {who}", fill.fee.get().normalized())
    } else if message.get::<OrderAccepted>().is_some() {
        "accepted".to_owned()
    } else if let Some(rejected) = message.get::<OrderRejected>() {
        format!("rejected {:?}", rejected.reason)
    } else if let Some(cancelled) = message.get::<OrderCancelled>() {
        format!("cancelled {:?} after {}", cancelled.reason, cancelled.filled_quantity.get())
    } else if let Some(trigger) = message.get::<OrderTrigger>() {
        let what = if trigger.triggered == 1 { "is met" } else { "waits" };
        format!("trigger at {} {what}", trigger.trigger_price.get())
    } else if let Some(status) = message.get::<OrderStatus>() {
        format!("status {:?} {}", status.state, status.filled_quantity.get())
    } else {
        format!("{:?}", message.first().map(|tlv| tlv.number))
    }
}

fn order(id: u8, side: Side, quantity: i64) -> OrderRequest {
    OrderRequest {
        client_order_id: ClientOrderId::new([id; 16]),
        instrument: instrument(),
        side: side.into(),
        order_type: OrderType::Market.into(),
        time_in_force: TimeInForce::Ioc.into(),
        quantity: Decimal64::new(quantity, 0).into(),
        ..OrderRequest::default()
    }
}

fn limit(id: u8, side: Side, quantity: i64, price: i64, time_in_force: TimeInForce) -> OrderRequest {
    OrderRequest {
        order_type: OrderType::Limit.into(),
        time_in_force: time_in_force.into(),
        price: Decimal64::new(price, 0).into(),
        ..order(id, side, quantity)
    }
}

fn ask(id: u8) -> OrderStatusRequest {
    OrderStatusRequest { client_order_id: ClientOrderId::new([id; 16]), instrument: instrument() }
}

#[test]
fn market_orders_take_the_book_as_it_is() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 5)], &[(100, 2), (101, 3), (105, 9)]);
    let bounded = OrderRequest { worst_price: d("101").into(), ..order(1, Side::Buy, 10) };
    assert_eq!(
        venue.say(&bounded),
        [
            "accepted",
            "fill 2 at 100 of 2 fee 0.2 taker",
            "fill 3 at 101 of 5 fee 0.303 taker",
            "cancelled unfilled after 5"
        ]
    );
    // The same displayed quantity is not filled twice.
    assert_eq!(venue.say(&order(2, Side::Buy, 1)), ["accepted", "fill 1 at 105 of 1 fee 0.105 taker"]);
    venue.book(&[(99, 5)], &[(100, 4)]);
    assert_eq!(venue.say(&order(3, Side::Buy, 4)), ["accepted", "fill 4 at 100 of 4 fee 0.4 taker"]);
    assert_eq!(venue.say(&order(4, Side::Sell, 2)), ["accepted", "fill 2 at 99 of 2 fee 0.198 taker"]);
}

#[test]
fn what_no_venue_would_take_is_refused_with_its_reason() {
    let mut venue = Venue::new(0);
    assert_eq!(venue.say(&order(1, Side::Buy, 1)), ["rejected book_not_live"]);
    venue.book_with(BookHealth::Suspect, &[(99, 5)], &[(100, 2)]);
    assert_eq!(venue.say(&order(2, Side::Buy, 1)), ["rejected book_not_live"]);
    venue.book(&[(99, 5)], &[(100, 2)]);
    let half = OrderRequest { quantity: d("0.5").into(), ..order(3, Side::Buy, 1) };
    let stranger = OrderRequest { instrument: "okx:spot:BTC-USDT".parse().expect("an id"), ..order(4, Side::Buy, 1) };
    let late = OrderRequest { expires_ns: (venue.now_ns - 1).into(), ..order(5, Side::Buy, 1) };
    let cheap = limit(6, Side::Buy, 1, 9, TimeInForce::Gtc);
    let unpriced = limit(7, Side::Buy, 1, 0, TimeInForce::Gtc);
    for (request, reason) in [
        (half, RejectReason::Filter),
        (stranger, RejectReason::UnknownInstrument),
        (late, RejectReason::Stale),
        (cheap, RejectReason::Filter),
        (unpriced, RejectReason::Malformed),
    ] {
        assert_eq!(venue.say(&request), [format!("rejected {reason}")]);
    }
    venue.now_ns += 5_001 * MS;
    assert_eq!(venue.say(&order(8, Side::Buy, 1)), ["rejected book_not_live"]);
}

#[test]
fn a_repeat_gets_the_same_answers_and_fills_nothing() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 5)], &[(100, 2)]);
    let first = venue.say(&order(1, Side::Buy, 3));
    let again = venue.say(&order(1, Side::Buy, 3));
    assert_eq!(again[..3], first[..]);
    assert_eq!(again[3], "status cancelled 2");
    assert_eq!(venue.say(&ask(1)), again);
    // Other contents under the same id change nothing and refuse nothing.
    assert_eq!(venue.say(&order(1, Side::Sell, 3)), ["status cancelled 2"]);
    assert_eq!(venue.say(&ask(77)), ["status unknown 0"]);
}

#[test]
fn latency_passes_before_the_order_meets_the_book() {
    let mut venue = Venue::new(20);
    venue.book(&[(99, 5)], &[(100, 2)]);
    assert_eq!(venue.say(&order(1, Side::Buy, 1)), ["accepted"]);
    venue.book(&[(99, 5)], &[(103, 2)]);
    assert_eq!(venue.after(19), Vec::<String>::new());
    assert_eq!(venue.after(1), ["fill 1 at 103 of 1 fee 0.103 taker"]);
}

fn trade(price: i64, quantity: i64, taker: Side) -> Trade {
    Trade {
        instrument: instrument(),
        price: Decimal64::new(price, 0).into(),
        quantity: Decimal64::new(quantity, 0).into(),
        side: taker.into(),
        ..Trade::default()
    }
}

fn cancel(id: u8) -> OrderCancel {
    OrderCancel { client_order_id: ClientOrderId::new([id; 16]), ..OrderCancel::default() }
}

const NOTHING: [&str; 0] = [];

#[test]
fn limits_rest_in_their_queue_and_are_filled_as_makers() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 5)], &[(102, 2)]);
    assert_eq!(venue.say(&limit(1, Side::Buy, 4, 99, TimeInForce::Gtc)), ["accepted"]);
    assert_eq!(venue.say(&trade(99, 3, Side::Sell)), NOTHING, "5 stand before it");
    assert_eq!(venue.say(&trade(99, 3, Side::Sell)), ["fill 1 at 99 of 1 fee 0.099 maker"]);
    assert_eq!(venue.say(&trade(98, 1, Side::Sell)), ["fill 1 at 99 of 2 fee 0.099 maker"], "beyond its price");
    // Where the other side reaches it, it gets its own price.
    assert_eq!(venue.book(&[(97, 5)], &[(98, 1)]), ["fill 1 at 99 of 3 fee 0.099 maker"]);
    assert_eq!(venue.say(&cancel(1)), ["cancelled requested after 3"]);
    assert_eq!(venue.say(&cancel(1)).last().map(String::as_str), Some("status cancelled 3"));
    // One that is better than all that is shown stands before it.
    venue.book(&[(97, 5)], &[(102, 2)]);
    assert_eq!(venue.say(&limit(2, Side::Buy, 1, 98, TimeInForce::Gtc)), ["accepted"]);
    assert_eq!(venue.say(&trade(98, 9, Side::Sell)), ["fill 1 at 98 of 1 fee 0.098 maker"]);
}

#[test]
fn own_orders_do_not_trade_with_each_other() {
    let mut venue = Venue::new(0);
    venue.book(&[(98, 5)], &[(100, 3), (102, 2)]);
    venue.say(&limit(1, Side::Sell, 2, 101, TimeInForce::Gtc));
    // What is better than the older one is enough.
    assert_eq!(venue.say(&order(2, Side::Buy, 3)), ["accepted", "fill 3 at 100 of 3 fee 0.3 taker"]);
    assert_eq!(
        venue.say(&order(3, Side::Buy, 1)),
        ["accepted", "cancelled venue after 0", "fill 1 at 102 of 1 fee 0.102 taker"]
    );
}

#[test]
fn a_restart_puts_an_order_behind_what_is_shown() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 5)], &[(102, 2)]);
    venue.say(&limit(1, Side::Buy, 4, 99, TimeInForce::Gtc));
    venue.say(&trade(99, 5, Side::Sell));
    venue.restart();
    venue.introduce();
    venue.book(&[(99, 2)], &[(102, 2)]);
    assert_eq!(venue.say(&trade(99, 2, Side::Sell)), NOTHING);
    assert_eq!(venue.say(&trade(99, 9, Side::Sell)), ["fill 4 at 99 of 4 fee 0.396 maker"]);
}

#[test]
fn all_or_nothing_and_post_only() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 5)], &[(100, 2), (101, 2)]);
    assert_eq!(venue.say(&limit(1, Side::Buy, 5, 101, TimeInForce::Fok)), ["accepted", "cancelled unfilled after 0"]);
    let post = OrderRequest { order_type: OrderType::PostOnly.into(), ..limit(2, Side::Buy, 1, 100, TimeInForce::Gtc) };
    assert_eq!(venue.say(&post), ["accepted", "rejected would_take"]);
    assert_eq!(
        venue.say(&limit(3, Side::Buy, 4, 101, TimeInForce::Fok)),
        ["accepted", "fill 2 at 100 of 2 fee 0.2 taker", "fill 2 at 101 of 4 fee 0.202 taker"]
    );
}

#[test]
fn a_restart_loses_and_doubles_nothing() {
    let mut venue = Venue::new(20);
    venue.book(&[(99, 5)], &[(100, 2), (102, 9)]);
    venue.say(&order(1, Side::Buy, 1));
    venue.after(20);
    venue.say(&limit(2, Side::Buy, 1, 98, TimeInForce::Gtc));
    venue.after(20);
    venue.say(&order(3, Side::Buy, 1));
    // The third was accepted and had not met the book; its moment has passed.
    assert_eq!(venue.restart(), ["cancelled venue after 0"]);
    assert_eq!(venue.say(&ask(1)), ["accepted", "fill 1 at 100 of 1 fee 0.1 taker", "status filled 1"]);
    assert_eq!(venue.say(&ask(2)), ["accepted", "status accepted 0"]);
    assert_eq!(venue.say(&order(3, Side::Buy, 1)), ["accepted", "cancelled venue after 0", "status cancelled 0"]);
    venue.introduce();
    venue.book(&[(99, 5)], &[(100, 2), (102, 9)]);
    // What the life before took is gone still.
    venue.say(&order(4, Side::Buy, 3));
    assert_eq!(venue.after(20), ["fill 1 at 100 of 1 fee 0.1 taker", "fill 2 at 102 of 3 fee 0.204 taker"]);
}

proptest! {
    /// Books and orders at random: an independent count says that no fill is better than the book and no quantity is
    /// taken twice, and the run repeats bit for bit.
    #[test]
    fn fills_are_never_better_than_the_book(steps in prop::collection::vec(
        (any::<bool>(), prop::collection::vec((100i64..105, 1i64..6), 1..4), 1i64..12, 99i64..106), 1..25))
    {
        let run = || {
            let mut venue = Venue::new(0);
            // What is left to take of each ask, by an own count.
            let mut left: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
            // A level that was seen before may count as the same.
            let mut seen: BTreeSet<(i64, i64)> = BTreeSet::new();
            let mut certain: BTreeSet<i64> = BTreeSet::new();
            let mut id = 0u8;
            for (new_book, asks, quantity, bound) in &steps {
                if *new_book || left.is_empty() {
                    let mut asks: Vec<(i64, i64)> = asks.clone();
                    asks.sort_unstable();
                    asks.dedup_by_key(|(price, _)| *price);
                    venue.book(&[(99, 1)], &asks);
                    let before = left.clone();
                    certain.retain(|price| asks.iter().any(|(p, shown)| p == price && before[price].0 == *shown));
                    certain.extend(asks.iter().filter(|level| seen.insert(**level)).map(|(price, _)| *price));
                    left = asks.iter().map(|(price, shown)| match before.get(price) {
                        Some((was, rest)) if was == shown => (*price, (*shown, *rest)),
                        _ => (*price, (*shown, *shown)),
                    }).collect();
                }
                id += 1;
                let request = OrderRequest {
                    worst_price: Decimal64::new(*bound, 0).into(), ..order(id, Side::Buy, *quantity)
                };
                let mut filled = 0;
                for words in venue.say(&request).iter().filter(|words| words.starts_with("fill")) {
                    let parts: Vec<&str> = words.split(' ').collect();
                    let number = |at: usize| -> i64 { parts[at].parse().expect("a number") };
                    let (taken, price) = (number(1), number(3));
                    assert!(price <= *bound);
                    let level = left.get_mut(&price).expect("a displayed level");
                    level.1 -= taken;
                    assert!(level.1 >= 0, "taken twice");
                    filled += taken;
                }
                let could: i64 = left.range(..=*bound).filter(|(p, _)| certain.contains(p)).map(|(_, (_, n))| *n).sum();
                assert!(filled == *quantity || (filled < *quantity && could == 0));
            }
            venue.cell.state_digest()
        };
        prop_assert_eq!(run(), run());
    }
}

/// `body` with some of its bytes overwritten: a message whose checksum holds and whose values make no sense.
fn damaged<T: TlvBody>(body: &T, damage: &[(u16, u8)]) -> T {
    let mut bytes = body.as_bytes().to_vec();
    for (place, byte) in damage {
        let place = usize::from(*place) % bytes.len();
        bytes[place] = *byte;
    }
    T::read_from_bytes(&bytes).expect("the same size")
}

/// A byte and its place; often the extremes.
fn damage() -> impl Strategy<Value = Vec<(u16, u8)>> {
    let byte = prop_oneof![Just(0u8), Just(0x7f), Just(0x80), Just(0xff), any::<u8>()];
    prop::collection::vec((any::<u16>(), byte), 0..12)
}

proptest! {
    #[test]
    fn values_that_make_no_sense_never_panic(steps in prop::collection::vec((0u8..8, damage()), 1..30)) {
        let mut venue = Venue::new(0);
        venue.book(&[(99, 5)], &[(100, 2)]);
        let trade = Trade { instrument: instrument(), price: d("102").into(), ..Trade::default() };
        let info = InstrumentInfo { instrument: instrument(), lot: d("1").into(), ..InstrumentInfo::default() };
        for (id, (kind, damage)) in (1u8..).zip(&steps) {
            match kind {
                0 => drop(venue.say(&damaged(&order(id, Side::Buy, 1), damage))),
                1 => drop(venue.say(&damaged(&limit(id, Side::Sell, 3, 101, TimeInForce::Gtc), damage))),
                2 => drop(venue.say(&damaged(&ask(id), damage))),
                3 => drop(venue.say(&damaged(&OrderCancel::default(), damage))),
                4 => drop(venue.say(&damaged(&trade, damage))),
                5 => drop(venue.say(&damaged(&info, damage))),
                6 => {
                    venue.restart();
                    venue.introduce();
                }
                _ => {
                    // A book of damaged exponents, times and levels.
                    let head = BookSnapshot { instrument: instrument(), depth: 9, ..BookSnapshot::default() };
                    let head = damaged(&head, damage);
                    let head = BookSnapshot { bid_count: 1.into(), ask_count: 0.into(), ..head };
                    let price = damage.iter().fold(100i64, |price, (_, byte)| price.wrapping_mul(i64::from(*byte) + 1));
                    venue.say_tailed(&head, &[BookLevel { price: price.into(), quantity: price.into() }]);
                }
            }
            venue.cell.state_digest();
        }
    }
}
