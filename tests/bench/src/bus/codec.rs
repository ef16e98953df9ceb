//! Building and parsing, against a checksum of the same bytes and a copy of them.

use std::hint::black_box;
use std::time::Instant;

use mesh_codec::{FrameBuilder, Message, Stamp, encode_one};
use mesh_types::market::{BookLevel, BookSnapshot, Trade};
use mesh_types::{Decimal64, Domain, SourceId};

use super::Options;
use crate::figure::{Figure, Sense};

/// Calls timed together: so few that most runs are not interrupted, however busy the machine is.
const CALLS: u32 = 2_000;
/// Runs of a figure for each that was asked for.
const RUNS: usize = 100;
const LEVELS: u16 = 25;
const TIME: (&str, Sense) = ("ns", Sense::Less);

/// Time of one call, ns.
fn time(mut call: impl FnMut()) -> f64 {
    let begun = Instant::now();
    (0..CALLS).for_each(|_| call());
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn decimal(mantissa: i64) -> mesh_types::PackedDecimal {
    Decimal64::new(mantissa, -2).into()
}

fn trade() -> Trade {
    let instrument = "binance:spot:BTCUSDT".parse().unwrap_or_default();
    Trade { instrument, price: decimal(6_543_210), quantity: decimal(123), trade_id: 7.into(), ..Trade::default() }
}

fn book() -> (BookSnapshot, Vec<BookLevel>) {
    let head = BookSnapshot { bid_count: LEVELS.into(), ask_count: LEVELS.into(), ..BookSnapshot::default() };
    let levels = (0..i64::from(2 * LEVELS)).map(|n| BookLevel { price: (60_000 + n).into(), quantity: n.into() });
    (head, levels.collect())
}

fn stamp(sequence: u64) -> Stamp {
    Stamp { domain: Domain::Market, source: SourceId::new(10), sequence, timestamp_ns: 1_700_000_000_000_000_000 }
}

/// Reads every field of a trade.
fn read_trade(frame: &[u8]) -> Option<u64> {
    let message = Message::parse(frame).ok()?;
    let trade = message.get::<Trade>()?;
    let (price, quantity) = (trade.price.get(), trade.quantity.get());
    let side = trade.side.get().map_or(0, |side| side as u64);
    black_box((trade.instrument, price, quantity));
    Some(message.sequence() + trade.trade_id.get() + trade.venue_ns.get() + trade.received_ns.get() + side)
}

/// Reads every level of a book.
fn read_book(frame: &[u8]) -> Option<(i64, i64)> {
    let view = Message::parse(frame).ok()?.get_tailed::<BookSnapshot>()?;
    black_box((view.head.instrument, view.head.first_sequence.get(), view.head.health.get()));
    Some(view.items.iter().fold((0, 0), |(prices, quantities): (i64, i64), level| {
        (prices.wrapping_add(level.price.get()), quantities.wrapping_add(level.quantity.get()))
    }))
}

/// A checksum of the bytes, and a copy of them.
fn floor(frame: &[u8], copy: &mut [u8]) {
    let frame = black_box(frame);
    if let Some(room) = copy.get_mut(..frame.len()) {
        room.copy_from_slice(frame);
    }
    black_box(crc32fast::hash(frame));
    black_box(&copy);
}

pub(super) fn run(options: &Options) {
    let mut buffer = vec![0; 4096];
    let size = encode_one(&mut buffer, &stamp(1), &trade()).unwrap_or_default();
    let trade_frame = buffer.get(..size).unwrap_or_default().to_vec();
    let (head, levels) = book();
    let mut book_frame = Vec::new();
    let _ = FrameBuilder::new(&mut book_frame, &stamp(1)).tailed(&head, &levels).finish();
    let mut sequence = 0;
    let mut measure = |name: &str, frame: &[u8], target: f64, call: &mut dyn FnMut(u64)| {
        let (mut values, mut references) = (Vec::new(), Vec::new());
        let mut copy = vec![0; 4096];
        for _ in 0..options.output.runs * RUNS {
            values.push(time(|| {
                sequence += 1;
                call(sequence);
            }));
            references.push(time(|| floor(frame, &mut copy)));
        }
        Figure::new(name, TIME, &values, "crc32fast and a copy", &references, Some(target)).print(&options.output);
    };
    let body = trade();
    let mut out = vec![0; 4096];
    measure("bus.codec.trade.build", &trade_frame, 1.3, &mut |sequence| {
        let _ = black_box(encode_one(black_box(&mut out), &stamp(sequence), black_box(&body)));
    });
    measure("bus.codec.trade.parse", &trade_frame, 1.5, &mut |_| {
        black_box(read_trade(black_box(&trade_frame)));
    });
    let mut out = Vec::with_capacity(4096);
    measure("bus.codec.book.build", &book_frame, 1.3, &mut |sequence| {
        out.clear();
        let builder = FrameBuilder::new(black_box(&mut out), &stamp(sequence));
        let _ = black_box(builder.tailed(&head, black_box(&levels)).finish());
    });
    measure("bus.codec.book.parse", &book_frame, 1.5, &mut |_| {
        black_box(read_book(black_box(&book_frame)));
    });
}
