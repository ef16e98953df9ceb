use super::*;
use mesh_codec::{FrameBuilder, Message, Stamp, encode_one};
use mesh_types::market::{BookLevel, BookSnapshot, Trade};
use mesh_types::{Domain, SourceId};
use proptest::prelude::*;

const NOON: u64 = 1_793_534_400_000_000_000;

fn stamp() -> Stamp {
    Stamp { domain: Domain::Market, source: SourceId::new(10), sequence: 1, timestamp_ns: NOON }
}

fn ladder(levels: &[(i64, i64)], bids: u16) -> Ladder {
    let mut ladder = Ladder::new("binance:spot:BTCUSDT".parse().expect("an id"));
    let head = BookSnapshot {
        instrument: ladder.instrument,
        last_sequence: 7.into(),
        venue_ns: (NOON - 5_000_000).into(),
        received_ns: NOON.into(),
        price_exponent: -2,
        quantity_exponent: -5,
        health: BookHealth::Live.into(),
        depth: u8::MAX,
        bid_count: bids.into(),
        ask_count: (u16::try_from(levels.len()).expect("few") - bids).into(),
        ..BookSnapshot::default()
    };
    let levels: Vec<BookLevel> = levels.iter().map(|(p, q)| Level::new(*p, *q).into()).collect();
    let mut frame = Vec::new();
    FrameBuilder::new(&mut frame, &stamp()).tailed(&head, &levels).finish().expect("small");
    assert!(ladder.message(&Message::parse(&frame).expect("whole")));
    ladder
}

fn full() -> Ladder {
    let levels = [(6_183_763, 200_000), (6_183_700, 1_250_000), (6_183_764, 60_000), (6_183_800, 400_000)];
    let mut ladder = ladder(&levels, 2);
    let trade = Trade {
        instrument: ladder.instrument,
        price: Decimal64::new(6_183_764, -2).into(),
        quantity: Decimal64::new(2, -2).into(),
        side: Side::Buy.into(),
        ..Trade::default()
    };
    let mut frame = vec![0; 200];
    let size = encode_one(&mut frame, &stamp(), &trade).expect("fits");
    assert!(!ladder.message(&Message::parse(&frame[..size]).expect("whole")));
    ladder
}

fn text(lines: Vec<Line>) -> String {
    let line = |line: Line| line.into_iter().map(|(_, text)| text).collect::<String>().trim_end().to_owned();
    lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_ladder() {
    insta::assert_snapshot!(text(render(&full(), NOON + 12_000_000, 90, 20)));
}

#[test]
fn the_contract_of_book_as_json() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&full().to_json(1)).expect("JSON"));
}

#[test]
fn what_was_missed_makes_it_suspect_and_says_why() {
    let mut ladder = full();
    assert!(ladder.missed() && !ladder.missed());
    assert!(text(render(&ladder, NOON, 120, 20)).contains("suspect: gap"));
    let nothing = Ladder::new(ladder.instrument);
    assert!(text(render(&nothing, NOON, 90, 20)).contains("resyncing: no snapshot yet"));
}

proptest! {
    #[test]
    fn any_book_fits_any_terminal(
        levels in proptest::collection::vec((1i64.., 0i64..), 0..20), bids in 0u16..20, width in 0usize..200, height in 0usize..60,
    ) {
        let bids = bids.min(u16::try_from(levels.len()).expect("few"));
        let lines = render(&ladder(&levels, bids), 0, width, height);
        prop_assert!(lines.len() <= height);
        for line in lines {
            prop_assert!(line.iter().map(|(_, text)| text.chars().count()).sum::<usize>() <= width);
        }
    }
}
