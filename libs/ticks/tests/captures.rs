//! Real captures, where they are there: the book that a tape rebuilds agrees with the venue's own best bid and ask.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used)] // a test says what broke by panicking

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use mesh_ticks::{Kind, TickBook, binance};
use mesh_types::{Decimal64, Side};
use mesh_venues::binance::Market;
use mesh_venues::binance::event::Event;
use mesh_venues::binance::parse::Decoder;

fn capture(name: &str) -> Option<String> {
    let folder = std::env::var("ALPHAMESH_DATA")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = folder.join(name);
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("SKIPPED: {} is not there; set ALPHAMESH_DATA", path.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    Some(text)
}

/// Best bid and ask of the quotes, and the sequence and time of each change of the book, by update id.
#[derive(Default)]
struct Said {
    quotes: BTreeMap<u64, [Decimal64; 4]>,
    updates: Vec<u64>,
}

fn said(text: &str) -> Said {
    let (mut said, mut decoder) = (Said::default(), Decoder::new());
    for line in text.lines() {
        let (_, frame) = line.split_once(' ').unwrap();
        decoder
            .decode(frame.as_bytes(), |_, event| match event {
                Event::BookTicker(t) => drop(said.quotes.insert(t.update_id, [t.bid.0, t.bid.1, t.ask.0, t.ask.1])),
                Event::DepthUpdate(update) => said.updates.push(update.last),
                _ => {}
            })
            .unwrap();
    }
    said
}

fn agrees(name: &str, market: Market, symbol: &str, least: usize, trades: u64) {
    let Some(text) = capture(name) else { return };
    let said = said(&text);
    let mut reader = binance::Reader::new(market, symbol);
    text.lines().for_each(|line| reader.line(line.as_bytes()));
    assert_eq!(reader.first_malformed(), None);
    let tape = reader.finish(0).unwrap();
    assert_eq!((tape.counts().trades, tape.counts().gaps, tape.counts().malformed), (trades, 0, 0));
    assert!(tape.shift_ns() > 1_000_000_000, "the recorder's clock was behind");
    // The changes that the tape has are the last ones: the snapshot stands for all before.
    let books = tape.heads().iter().filter(|head| head.kind != Kind::Trade);
    let updates = said.updates.iter().skip(said.updates.len() + 1 - tape.counts().books as usize);
    let (mut book, mut compared) = (TickBook::new(tape.window()), 0);
    let exponents = tape.exponents();
    let mut sequences = core::iter::once(None).chain(updates.map(Some));
    for head in books {
        book.apply(&tape, head);
        let Some(quote) = sequences.next().flatten().and_then(|sequence| said.quotes.get(sequence)) else { continue };
        let side = |side| book.best(side).map(|level| (exponents.price(level), exponents.quantity(level))).unwrap();
        let ((bid, bids), (ask, asks)) = (side(Side::Buy), side(Side::Sell));
        let found = [bid, bids, ask, asks].map(Decimal64::normalized);
        assert_eq!(found, quote.map(Decimal64::normalized));
        compared += 1;
    }
    eprintln!("{name}: {compared} best bids and asks agree, {} events", tape.events());
    assert!(compared >= least, "{compared}");
    // By the venue's time it is the same book in the end.
    let mut at_venue = TickBook::new(64);
    tape.venue_order().iter().for_each(|index| at_venue.apply(&tape, &tape.heads()[*index as usize]));
    for side in [Side::Buy, Side::Sell] {
        assert!(at_venue.levels(side).eq(book.levels(side)));
    }
}

#[test]
fn the_spot_book_agrees_with_the_quotes() {
    agrees("binance/spot/raw_ws/btcusdt_20240808.gz", Market::Spot, "BTCUSDT", 500, 9_757);
}

#[test]
fn the_usdm_book_agrees_with_the_quotes() {
    agrees("binance/usdm/raw_ws/btcusdt_20240808.gz", Market::UsdM, "BTCUSDT", 500, 21_313);
}

#[test]
fn the_coinm_book_agrees_with_the_quotes() {
    agrees("binance/coinm/raw_ws/btcusd_perp_20240808.gz", Market::CoinM, "BTCUSD_PERP", 500, 2_286);
}
