//! Real recordings, where they are there: every frame parses, every checksum is the book's, and damage is seen.

use std::collections::BTreeMap;

use super::parse::Parser;
use crate::books::Books;
use crate::counts::Counts;
use crate::message::Message;
use crate::recordings::{file, lines};
use crate::tape::Kind;

fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    lines(bytes).filter(|line| line.kind == Kind::Frame).map(|line| line.frame.into_owned()).collect()
}

#[test]
fn every_checksum_of_the_recording_is_the_book_s_and_so_is_the_ticker() {
    let Some(bytes) = file("okx/cryptofeed_2022-05-13.jsonl.gz") else { return };
    let (mut parser, mut books, mut counts) = (Parser::new(), Books::new(), Counts::new());
    let (mut checked, mut compared, mut equal) = (0, 0, 0);
    // The venue's best bid and ask by time: its tickers are not tied to its books by number.
    let mut tops: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut quotes = vec![];
    for frame in frames(&bytes) {
        let parsed = parser.parse(&frame, 1, &mut |message| {
            counts.add(message.kind());
            match message {
                Message::Book(update) => {
                    let outcome = books.on_update(update, 1).expect("levels");
                    checked += usize::from(outcome.checksum_ok == Some(true));
                    let book = books.get(update.instrument, "books").expect("a book").get().book();
                    let exponents = book.exponents();
                    let top = book.best_bid().zip(book.best_ask()).expect("both sides");
                    tops.entry(update.instrument).or_default().push((exponents.price(top.0), exponents.price(top.1)));
                }
                Message::Quote(quote) => quotes.push(*quote),
                _ => {}
            }
        });
        assert_eq!(parsed, Ok(()), "{}", frame.escape_ascii());
    }
    assert_eq!((checked, books.checksum_failures(), books.gaps()), (290, 0, 0));
    assert_eq!((counts.of("book"), counts.of("quote")), (290, 28));
    assert_eq!(counts.of("subscribe"), 18);
    assert!(counts.of("trade") >= 74, "{counts:?}");
    for quote in quotes {
        let Some(tops) = tops.get(&quote.instrument) else { continue };
        compared += 1;
        equal += usize::from(tops.contains(&(quote.bid_price.get(), quote.ask_price.get())));
    }
    // Tickers come at other moments than the books' 100 ms: the odd one falls between two of them.
    assert!(compared >= 28 && equal * 10 >= compared * 8, "{equal} of {compared}");
}

#[test]
fn damage_in_a_real_stream_is_seen() {
    let Some(bytes) = file("okx/cryptofeed_2022-05-13.jsonl.gz") else { return };
    let all = frames(&bytes);
    let books: Vec<_> = all.into_iter().filter(|f| f.starts_with(br#"{"arg":{"channel":"books""#)).take(90).collect();
    let truth = tops(books.iter());
    let mut seen = 0;
    for at in 3..books.len() {
        let mut lost = books.clone();
        lost.remove(at);
        let mut swapped = books.clone();
        swapped.swap(at, (at + 1).min(books.len() - 1));
        for damaged in [lost, swapped] {
            let tops = tops(damaged.iter());
            assert!(tops.iter().all(|top| truth.contains(top)), "frame {at}");
            seen += usize::from(tops.len() < damaged.len());
        }
    }
    assert!(seen > 60, "{seen}");
}

/// The 25 best after each message after which the book was live.
fn tops<'a>(frames: impl Iterator<Item = &'a Vec<u8>>) -> Vec<Vec<mesh_book::Level>> {
    let (mut parser, mut books, mut tops) = (Parser::new(), Books::new(), vec![]);
    for frame in frames {
        let parsed = parser.parse(frame, 1, &mut |message| {
            if let Message::Book(update) = message {
                books.on_update(update, 1).expect("levels");
                let book = books.get(update.instrument, "books").expect("a book");
                if book.is_live() {
                    let book = book.get().book();
                    tops.push(book.bids().take(25).chain(book.asks().take(25)).collect());
                }
            }
        });
        assert_eq!(parsed, Ok(()));
    }
    tops
}

#[test]
fn what_other_parsers_were_tested_with_parses() {
    #[derive(serde::Deserialize)]
    struct Case {
        kind: String,
        case: String,
        raw: Vec<String>,
    }
    let Some(bytes) = file("okx/crypto_msg_parser_v5.json") else { return };
    let cases: Vec<Case> = serde_json::from_slice(&bytes).expect("cases");
    let mut counts = Counts::new();
    for case in &cases {
        for raw in case.raw.iter().filter(|raw| !raw.starts_with(r#"{"table""#)) {
            let parsed = Parser::new().parse(raw.as_bytes(), 1, &mut |message| {
                counts.add(message.kind());
            });
            assert_eq!(parsed, Ok(()), "{} {}: {raw}", case.kind, case.case);
        }
    }
    assert_eq!(cases.len(), 49);
    for (kind, least) in [("trade", 6), ("book", 5), ("quote", 12), ("candle", 6), ("funding", 2)] {
        assert!(counts.of(kind) >= least, "{kind}: {counts:?}");
    }
}

#[test]
fn another_adapter_s_fixtures_parse() {
    let Some(bytes) = file("okx/nautilus_fixtures.json") else { return };
    let fixtures: BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_slice(&bytes).expect("fixtures");
    let mut read = 0;
    for (path, raw) in fixtures {
        let (name, body) = (path.rsplit('/').next().unwrap_or_default(), raw.get().as_bytes());
        let mut messages = 0;
        if name.starts_with("http_get_instruments") {
            super::instruments::list(body, 1, |info, _| {
                messages += 1;
                assert!(info.tick.get().is_positive() && info.lot.get().is_positive(), "{info:?}");
            })
            .expect(&path);
        } else if name.starts_with("ws_") {
            Parser::new().parse(body, 1, &mut |_| messages += 1).expect(&path);
        } else {
            continue;
        }
        assert!(messages > 0, "{path}");
        read += 1;
    }
    assert_eq!(read, 15);
}

#[test]
fn all_instruments_of_the_venue_parse() {
    for (name, count) in
        [("okx/rest_instruments_SPOT_2022-05-13.json.gz", 513), ("okx/rest_instruments_SWAP_2022-05-13.json.gz", 166)]
    {
        let Some(bytes) = file(name) else { return };
        let mut found = 0;
        super::instruments::list(&bytes, 1, |info, _| {
            found += 1;
            assert!(info.instrument.is_valid() && info.tick.get().is_positive() && info.lot.get().is_positive());
            assert!(info.contract_size.get().is_positive() && info.base.as_str().is_some_and(|base| !base.is_empty()));
        })
        .expect("instruments");
        assert_eq!(found, count);
    }
}
