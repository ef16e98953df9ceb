//! Real recordings, where they are there.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::instruments;
use super::parse::{Parser, candles};
use crate::books::Books;
use crate::counts::Counts;
use crate::message::Message;
use crate::recordings::{file, lines};

#[test]
fn every_block_of_the_recording_is_a_book() {
    let Some(bytes) = file("hyperliquid/raw_ws/btcusd_20250126.gz") else { return };
    let (mut parser, mut books, mut counts) = (Parser::new(), Books::new(), Counts::new());
    let mut frames = Counts::new();
    for line in lines(&bytes) {
        frames.add(if line.frame.starts_with(br#"{"channel":"trades""#) { "trades" } else { "l2Book" });
        let parsed = parser.parse(&line.frame, line.received_ns, &mut |message| {
            counts.add(message.kind());
            if let Message::Book(update) = message {
                books.on_update(update, line.received_ns).expect("levels");
                let book = books.get(update.instrument, "l2Book").expect("a book");
                assert!(book.is_live() && book.get().book().bid_count() == 20 && book.get().book().ask_count() == 20);
                let exponents = book.get().book().exponents();
                let best = book.get().book().best_bid().map(|l| (exponents.price(l), exponents.quantity(l)));
                assert_eq!(best, update.bids.first().copied());
            }
        });
        assert_eq!(parsed, Ok(()));
    }
    assert_eq!((frames.of("l2Book"), frames.of("trades"), counts.of("book")), (46, 9, 46));
    assert!(counts.of("trade") >= 9, "{counts:?}");
}

#[test]
fn recorded_answers_parse() {
    #[derive(serde::Deserialize)]
    struct Exchange {
        request: BTreeMap<String, Box<RawValue>>,
        response: Box<RawValue>,
    }
    let Some(bytes) = file("hyperliquid/sdk_rest_cassettes.json") else { return };
    let exchanges: BTreeMap<String, Exchange> = serde_json::from_slice(&bytes).expect("cassettes");
    let (mut perpetuals, mut spot, mut candle_count, mut books) = (0, 0, 0, 0);
    for (name, exchange) in &exchanges {
        let body = exchange.response.get().as_bytes();
        match exchange.request.get("type").map(|kind| kind.get()) {
            Some("\"meta\"") => instruments::perpetuals(body, |_| perpetuals += 1).expect(name),
            Some("\"spotMeta\"") => instruments::spot(body, |_| spot += 1).expect(name),
            Some("\"candleSnapshot\"") => candles(body, u64::MAX, |candle| {
                assert_eq!(candle.closed, 1);
                candle_count += 1;
            })
            .expect(name),
            Some("\"l2Book\"") => Parser::new().parse(body, 1, &mut |_| books += 1).expect(name),
            _ => {}
        }
    }
    assert!(perpetuals > 80 && candle_count > 20 && books > 0, "{perpetuals} {spot} {candle_count} {books}");
}

#[test]
fn messages_of_another_recorder_parse() {
    #[derive(serde::Deserialize)]
    struct File {
        messages: Box<RawValue>,
    }
    let Some(bytes) = file("hyperliquid/tardis_messages_normalized.json") else { return };
    let file: File = serde_json::from_slice(&bytes).expect("messages");
    let mut counts = Counts::new();
    // They are lists, and lists of them: every object with a channel is a frame.
    fn visit(raw: &RawValue, counts: &mut Counts) {
        if raw.get().starts_with('{') {
            let object: BTreeMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).expect("an object");
            if object.contains_key("channel") {
                let parsed = Parser::new().parse(raw.get().as_bytes(), 1, &mut |message| {
                    counts.add(message.kind());
                });
                assert_eq!(parsed, Ok(()), "{raw}");
            } else {
                object.values().for_each(|value| visit(value, counts));
            }
        } else if raw.get().starts_with('[') {
            let array: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).expect("an array");
            array.iter().for_each(|value| visit(value, counts));
        }
    }
    visit(&file.messages, &mut counts);
    for (kind, count) in [("quote", 2), ("mark", 2), ("open_interest", 1)] {
        assert_eq!(counts.of(kind), count, "{counts:?}");
    }
    assert!(counts.of("trade") >= 4 && counts.of("book") >= 2, "{counts:?}");
}

#[test]
fn another_adapter_s_fixtures_parse() {
    let Some(bytes) = file("hyperliquid/nautilus_fixtures.json") else { return };
    let fixtures: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&bytes).expect("fixtures");
    let mut read = 0;
    for (path, raw) in fixtures {
        let (name, body) = (path.rsplit('/').next().unwrap_or_default(), raw.get().as_bytes());
        let mut messages = 0;
        match name {
            "http_meta_perp_sample.json" => instruments::perpetuals(body, |_| messages += 1).expect(&path),
            "http_recent_trades_btc.json" => {
                let frame = [br#"{"channel":"trades","data":"#, body, b"}"].concat();
                Parser::new().parse(&frame, 1, &mut |_| messages += 1).expect(&path);
            }
            _ => Parser::new().parse(body, 1, &mut |_| messages += 1).expect(&path),
        }
        assert!(messages > 0, "{path}");
        read += 1;
    }
    assert_eq!(read, 7);
}
