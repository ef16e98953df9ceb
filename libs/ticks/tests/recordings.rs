//! Tapes from any venue's raw frames: what a scenario becomes, and that no bytes break it.

#![allow(clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

use mesh_ticks::recordings::Reader;
use mesh_ticks::{Kind, TapeError};
use mesh_types::Venue;
use mesh_venues::reader::Language;
use proptest::prelude::*;

const FORMS: [(Venue, &str, &str); 5] = [
    (Venue::Binance, "spot", "BTCUSDT"),
    (Venue::Binance, "usdm", "BTCUSDT"),
    (Venue::Kraken, "v2", "BTC/USD"),
    (Venue::Okx, "v5", "BTC-USDT"),
    (Venue::Hyperliquid, "ws", "BTC"),
];

fn reader((venue, kind, symbol): (Venue, &str, &str)) -> Reader {
    let language = Language::new(venue, kind).unwrap();
    Reader::new(language, language.instrument(symbol).unwrap())
}

fn book(at_ms: u64, bids: &str, asks: &str) -> String {
    let side = |levels: &str| -> String {
        let level = |level: &str| {
            let (price, size) = level.split_once('x').unwrap();
            format!(r#"{{"px":"{price}","sz":"{size}","n":1}}"#)
        };
        levels.split(' ').map(level).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(bids), side(asks));
    format!(
        r#"{}000500 {{"channel":"l2Book","data":{{"coin":"BTC","time":{at_ms},"levels":[[{bids}],[{asks}]]}}}}"#,
        at_ms + 1
    )
}

/// Two books and a trade between them; a line that is none, and another coin's are counted.
#[test]
fn a_scenario_becomes_its_tape() {
    let mut reader = reader(FORMS[4]);
    let trade = |coin: &str| {
        format!(
            r#"1700000000011000500 {{"channel":"trades","data":[{{"coin":"{coin}","side":"A","px":"99.5","sz":"0.25","hash":"0x0","time":1700000000010,"tid":7}}]}}"#
        )
    };
    let lines = [
        book(1_700_000_000_000, "99.5x2 99x1.5", "100x3"),
        trade("BTC"),
        trade("ETH"),
        "5 {\"channel\":".to_owned(),
        book(1_700_000_000_020, "99.5x1.75", "100x3 101x4"),
    ];
    lines.iter().for_each(|line| reader.line(line.as_bytes()));
    assert_eq!(reader.first_malformed().map(|malformed| malformed.line), Some(4));
    assert_eq!(reader.others().map(ToString::to_string).collect::<Vec<_>>(), ["hyperliquid:perpetual:ETH"]);
    let tape = reader.finish(0).unwrap();
    let heads: Vec<(Kind, u64)> = tape.heads().iter().map(|head| (head.kind, head.venue_ns)).collect();
    let ms = |ms: u64| (1_700_000_000_000 + ms) * 1_000_000;
    assert_eq!(heads, [(Kind::Snapshot, ms(0)), (Kind::Trade, ms(10)), (Kind::Snapshot, ms(20))]);
    assert!(!tape.heads()[1].taker_buys);
    // Ticks of 0.5 are of one decimal, lots of 0.25 of two.
    let sides = |at: usize| {
        let (bids, asks) = tape.levels(&tape.heads()[at]);
        let plain = |levels: &[mesh_ticks::Level]| levels.iter().map(|l| (l.price, l.quantity)).collect::<Vec<_>>();
        (plain(bids), plain(asks))
    };
    assert_eq!(sides(0), (vec![(995, 200), (990, 150)], vec![(1_000, 300)]));
    assert_eq!(sides(2), (vec![(995, 175)], vec![(1_000, 300), (1_010, 400)]));
    let counts = tape.counts();
    assert_eq!((counts.books, counts.trades, counts.malformed, counts.skipped), (2, 1, 1, 1));
}

#[test]
fn nothing_is_no_tape() {
    assert_eq!(reader(FORMS[2]).finish(0).err(), Some(TapeError::Empty));
}

proptest! {
    /// Bytes of any kind, and good lines with some of them changed, are taken or counted, never more.
    #[test]
    fn no_bytes_break_it(
        form in 0usize..FORMS.len(),
        noise in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..8),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut reader = reader(FORMS[form]);
        for line in &noise {
            reader.line(line);
        }
        let mut line = book(1_700_000_000_000, "99.5x2 99x1.5", "100x3").into_bytes();
        for (at, byte) in changes {
            let at = at.index(line.len());
            line[at] = byte;
        }
        reader.line(&line);
        let _ = reader.finish(0);
    }
}
