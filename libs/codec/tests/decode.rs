//! Messages as `mesh decode` prints them: a contract, so a snapshot.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use common::{raw_frame, raw_tlv, stamp};
use mesh_codec::{FrameBuilder, Frames, json};
use mesh_types::execution::{Fill, OrderRejected};
use mesh_types::market::{BookLevel, BookSnapshot, Candle, PoolInfo, PoolToken, Trade};
use mesh_types::signal::Signal;
use mesh_types::system::{Cause, Gap, GapRange, Packet, Subscribe};
use mesh_types::wire::{Coded, F64, I64, U16, U64};
use mesh_types::{
    BookHealth, ClientOrderId, Confidence, Decimal64, Domain, FixedStr, InstrumentId, MessageId, PackedDecimal,
    RejectReason, Side, SignalAction, SourceId,
};

fn decimal(text: &str) -> PackedDecimal {
    text.parse::<Decimal64>().expect(text).into()
}

fn instrument(text: &str) -> InstrumentId {
    text.parse().expect(text)
}

fn text<const N: usize>(text: &str) -> FixedStr<N> {
    FixedStr::new(text).expect(text)
}

fn market(log: &mut Vec<u8>) {
    let trade = Trade {
        instrument: instrument("binance:spot:BTCUSDT"),
        price: decimal("61837.63000000"),
        quantity: decimal("0.00100000"),
        side: Coded::new(Side::Sell),
        trade_id: U64::new(3_701_922_561),
        venue_ns: U64::new(1_700_000_000_123_000_000),
        received_ns: U64::new(1_700_000_000_125_000_000),
        ..Trade::default()
    };
    let packet = MessageId::new(Domain::Market, SourceId::new(3), 42, 1_700_000_000_125_000_001);
    FrameBuilder::new(log, &stamp(Domain::Market))
        .body(&trade)
        .body(&Cause { message: packet })
        .finish()
        .expect("fits");

    let level = |price, quantity| BookLevel { price: I64::new(price), quantity: I64::new(quantity) };
    let book = BookSnapshot {
        instrument: instrument("kraken:spot:BTC/USD"),
        last_sequence: U64::new(7),
        price_exponent: -1,
        quantity_exponent: -8,
        health: Coded::new(BookHealth::Live),
        depth: 10,
        bid_count: U16::new(2),
        ask_count: U16::new(1),
        ..BookSnapshot::default()
    };
    let levels = [level(618_376, 100_000_000), level(618_375, 5), level(618_377, 250_000_000)];
    FrameBuilder::new(log, &stamp(Domain::Market)).tailed(&book, &levels).finish().expect("fits");

    let candle = Candle { open: decimal("1.50"), closed: 1, ..Candle::default() };
    FrameBuilder::new(log, &stamp(Domain::Market)).body(&candle).finish().expect("fits");

    let pool = PoolInfo {
        instrument: instrument("polygon:pool:0x45dda9cb7c25131df268515131f647d726f50608"),
        protocol: text("uniswap_v3"),
        token_count: U16::new(2),
        ..PoolInfo::default()
    };
    let tokens = [
        PoolToken { address: [0x11; 20], decimals: 6, reserved: 0 },
        PoolToken { address: [0x22; 20], decimals: 18, reserved: 0 },
    ];
    FrameBuilder::new(log, &stamp(Domain::Market)).tailed(&pool, &tokens).finish().expect("fits");
}

fn signal_and_execution(log: &mut Vec<u8>) {
    let signal = Signal {
        instrument: instrument("okx:swap:BTC-USDT-SWAP"),
        strategy: text("momentum"),
        action: Coded::new(SignalAction::ALL[0]),
        confidence: Coded::new(Confidence::ALL[0]),
        score: F64::new(123.5),
        ..Signal::default()
    };
    FrameBuilder::new(log, &stamp(Domain::Signal)).body(&signal).finish().expect("fits");
    let fill = Fill {
        client_order_id: ClientOrderId::new([0xab; 16]),
        instrument: instrument("hyperliquid:perpetual:BTC"),
        side: Coded::new(Side::Buy),
        fee: decimal("-0.0100"),
        fee_asset: text("USDC"),
        trade_id: text("t-1"),
        ..Fill::default()
    };
    FrameBuilder::new(log, &stamp(Domain::Execution)).body(&fill).finish().expect("fits");
    let rejected = OrderRejected {
        reason: Coded::new(RejectReason::ALL[0]),
        text: text("the venue's own words"),
        ..OrderRejected::default()
    };
    FrameBuilder::new(log, &stamp(Domain::Execution)).body(&rejected).finish().expect("fits");
}

fn system(log: &mut Vec<u8>) {
    let packet = |count| Packet { byte_count: U16::new(count), ..Packet::default() };
    FrameBuilder::new(log, &stamp(Domain::Market)).tailed(&packet(7), b"{\"e\":1}").finish().expect("fits");
    FrameBuilder::new(log, &stamp(Domain::Market)).tailed(&packet(2), &[0xff, 0x00]).finish().expect("fits");
    let subscribe = Subscribe { instrument_count: U16::new(1), ..Subscribe::default() };
    let instruments = [instrument("binance:spot:ETHUSDT")];
    FrameBuilder::new(log, &stamp(Domain::System)).tailed(&subscribe, &instruments).finish().expect("fits");
    let gap = Gap { dropped: U64::new(3), range_count: U16::new(1), ..Gap::default() };
    let range = GapRange { first_sequence: U64::new(4), last_sequence: U64::new(6), ..GapRange::default() };
    FrameBuilder::new(log, &stamp(Domain::System)).tailed(&gap, &[range]).finish().expect("fits");
}

/// What only another version, or a fault, sends.
fn strange(log: &mut Vec<u8>) {
    log.extend(raw_frame(Domain::Market, &raw_tlv(250, 0, &[1, 2, 3])));
    log.extend(raw_frame(Domain::Market, &[1, 0, 68]));
    log.extend(b"garbage");
    let mut damaged = raw_frame(Domain::System, &raw_tlv(85, 0, &[0; 16]));
    damaged[40] ^= 1;
    log.extend(&damaged);
    log.extend(&damaged[..40]);
}

#[test]
fn messages_are_printed_as_they_were() {
    let mut log = Vec::new();
    market(&mut log);
    signal_and_execution(&mut log);
    system(&mut log);
    strange(&mut log);
    let lines: String = Frames::new(&log)
        .map(|(offset, result)| match result {
            Ok(message) => json::message(&message),
            Err(error) => json::frame_error(offset, &error),
        })
        .map(|shown| format!("{shown}\n"))
        .collect();
    common::assert_snapshot("tests/snapshots/decode.jsonl", &lines);
}
