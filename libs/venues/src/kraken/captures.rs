//! Real recordings, where they are there: every frame parses, every checksum is the book's, and damage is seen.

use super::parse::Parser;
use crate::books::Books;
use crate::counts::Counts;
use crate::message::Message;
use crate::recordings::{file, lines};
use mesh_book::Step;
use mesh_types::BookHealth;

struct Played {
    counts: Counts,
    books: Books,
    checksums_ok: u64,
    broken: usize,
}

fn play<'a>(frames: impl Iterator<Item = &'a [u8]>) -> Played {
    let mut played = Played { counts: Counts::new(), books: Books::new(), checksums_ok: 0, broken: 0 };
    let mut parser = Parser::new();
    for frame in frames {
        let Played { counts, books, checksums_ok, broken } = &mut played;
        let parsed = parser.parse(frame, 1, &mut |message| {
            counts.add(message.kind());
            match message {
                Message::Book(update) => {
                    let outcome = books.on_update(update, 1).expect("levels");
                    *checksums_ok += u64::from(outcome.checksum_ok == Some(true));
                    *broken += usize::from(outcome.step == Step::Broken);
                    if let Some(book) = books.get(update.instrument, "book").filter(|book| book.is_live()) {
                        assert!(book.get().book().is_coherent());
                    }
                }
                Message::Reply(reply) => {
                    if let (Some(instrument), Some(depth)) = (reply.instrument, reply.depth) {
                        books.set_depth(instrument, usize::try_from(depth).expect("small"));
                    }
                }
                _ => {}
            }
        });
        assert_eq!(parsed, Ok(()), "{}", frame.escape_ascii());
    }
    played
}

#[test]
fn every_checksum_of_the_recordings_is_the_book_s() {
    for (name, checksums) in
        [("kraken/ws_v2/kraken_btcusd_l2.ndjson", 301), ("kraken/ws_v2/kraken_xrpusd_sample.ndjson", 1_147)]
    {
        let Some(bytes) = file(name) else { continue };
        let lines: Vec<_> = lines(&bytes).collect();
        for with_acks in [true, false] {
            let kept = lines.iter().filter(|line| with_acks || !line.frame.starts_with(b"{\"method\""));
            let played = play(kept.map(|line| line.frame.as_ref()));
            assert_eq!((played.checksums_ok, played.books.checksum_failures()), (checksums, 0), "{name}");
            assert_eq!(played.counts.of("book"), checksums, "{:?}", played.counts);
            assert_eq!(played.broken, 0);
            let health: Vec<_> = played.books.iter().map(|(_, book)| book.get().health()).collect();
            assert_eq!(health, [BookHealth::Live]);
        }
    }
}

/// Whatever update is lost or altered in the top ten, the checksum shows it; a book is never live with another top.
#[test]
fn damage_in_a_real_stream_is_seen() {
    let Some(bytes) = file("kraken/ws_v2/kraken_btcusd_l2.ndjson") else { return };
    let frames: Vec<_> = lines(&bytes)
        .map(|line| line.frame.into_owned())
        .filter(|f| f.starts_with(b"{\"channel\":\"book\""))
        .take(120)
        .collect();
    let truth = tops(frames.iter());
    let mut seen = 0;
    for at in 1..frames.len() {
        let mut lost = frames.clone();
        lost.remove(at);
        let mut swapped = frames.clone();
        swapped.swap(at, (at + 1).min(frames.len() - 1));
        let mut doubled = frames.clone();
        doubled.insert(at, frames[at].clone());
        for damaged in [lost, swapped, doubled] {
            let tops = tops(damaged.iter());
            assert!(tops.iter().all(|top| truth.contains(top)), "frame {at}");
            seen += usize::from(tops.len() < damaged.len());
        }
    }
    assert!(seen > 120, "{seen}");
}

/// The ten best after each message after which the book was live.
fn tops<'a>(frames: impl Iterator<Item = &'a Vec<u8>>) -> Vec<Vec<mesh_book::Level>> {
    let (mut parser, mut books, mut tops) = (Parser::new(), Books::new(), vec![]);
    for frame in frames {
        let parsed = parser.parse(frame, 1, &mut |message| {
            if let Message::Book(update) = message {
                books.on_update(update, 1).expect("levels");
                let book = books.get(update.instrument, "book").expect("a book");
                if book.is_live() {
                    let book = book.get().book();
                    tops.push(book.bids().take(10).chain(book.asks().take(10)).collect());
                }
            }
        });
        assert_eq!(parsed, Ok(()));
    }
    tops
}

#[test]
fn another_adapter_s_fixtures_parse() {
    let Some(bytes) = file("kraken/nautilus_fixtures_spot.json") else { return };
    let fixtures: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_slice(&bytes).expect("fixtures");
    let mut read = 0;
    for (path, raw) in fixtures {
        let (name, body) = (path.rsplit('/').next().unwrap_or_default(), raw.get().as_bytes());
        let mut messages = 0;
        if name.starts_with("http_asset_pairs") {
            super::instruments::asset_pairs(body, 1, |_| messages += 1).expect(&path);
        } else if name.starts_with("ws_") {
            Parser::new().parse(body, 1, &mut |_| messages += 1).expect(&path);
        } else {
            continue;
        }
        assert!(messages > 0, "{path}");
        read += 1;
    }
    assert_eq!(read, 16);
}

#[test]
fn embedded_messages_of_another_client_parse() {
    #[derive(serde::Deserialize)]
    struct Example {
        text: String,
    }
    for name in ["kraken/ws_v2/kraken_async_rs_ws.json"] {
        let Some(bytes) = file(name) else { continue };
        let examples: Vec<Example> = serde_json::from_slice(&bytes).expect("examples");
        for example in &examples {
            Parser::new().parse(example.text.as_bytes(), 1, &mut |_| {}).expect(&example.text);
        }
        assert_eq!(examples.len(), 18);
    }
}

#[test]
fn all_pairs_of_the_venue_parse() {
    let Some(bytes) = file("kraken/rest/AssetPairs_2021-04-17.json.gz") else { return };
    let (mut pairs, mut bitcoin) = (0, None);
    super::instruments::asset_pairs(&bytes, 1, |info| {
        pairs += 1;
        assert!(info.tick.get().is_positive() && info.lot.get().is_positive() && info.instrument.is_valid());
        if info.instrument.to_string() == "kraken:spot:BTC/USD" {
            bitcoin = Some((info.tick.get().to_string(), info.lot.get().to_string()));
        }
    })
    .expect("pairs");
    assert!(pairs > 280, "{pairs}");
    assert_eq!(bitcoin, Some(("0.1".into(), "0.00000001".into())));
}
