//! Market history: what is written twice is one row, what is closed stays, what is damaged is named.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::path::Path;

use mesh_candles::{Builder, Hole, Position};
use mesh_store::SqliteLedger;
use mesh_store::history::{Batch, History, Kept, KeptCandle, Origin, Retention, candles, candles_of};
use mesh_types::market::{Candle, InstrumentInfo, Mark, OpenInterest, Quote, Trade};
use mesh_types::{Decimal64, InstrumentId, InstrumentStatus};

const MINUTE: u64 = 60_000_000_000;

fn id() -> InstrumentId {
    "binance:spot:BTCUSDT".parse().expect("an instrument")
}

fn kept(minute: u64, close: i64, closed: u8, received_ns: u64, origin: Origin) -> KeptCandle {
    let price = Decimal64::new(close, -2).into();
    let candle = Candle {
        instrument: id(),
        interval_ns: MINUTE.into(),
        open_ns: (minute * MINUTE).into(),
        open: price,
        high: price,
        low: price,
        close: price,
        closed,
        received_ns: received_ns.into(),
        ..Candle::default()
    };
    KeptCandle { candle, origin, whole: true }
}

fn of(candles: &[KeptCandle]) -> Batch {
    Batch { candles: candles.to_vec(), ..Batch::default() }
}

fn all(path: &Path, origin: Option<Origin>) -> Vec<KeptCandle> {
    candles(path, id(), MINUTE, origin, 0..u64::MAX).expect("reads")
}

fn count(path: &Path, table: &str) -> i64 {
    let connection = SqliteLedger::open_reader(path).expect("opens");
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("counts")
}

#[test]
fn what_is_written_twice_is_one_row_and_what_is_closed_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("history.db");
    let mut history = History::open(&path).expect("opens");
    let (open, grown) = (kept(1, 10, 0, 5, Origin::Venue), kept(1, 11, 0, 6, Origin::Venue));
    let closed = kept(1, 12, 1, 7, Origin::Venue);
    for candle in [open, grown, open, grown] {
        history.write(&of(&[candle])).expect("written");
    }
    assert_eq!(all(&path, None), [grown], "an older state does not take back a newer one");
    for candle in [closed, grown, open, closed] {
        history.write(&of(&[candle])).expect("written");
    }
    assert_eq!(all(&path, None), [closed]);
    let built = kept(1, 12, 1, 8, Origin::Trades);
    let alone = kept(2, 13, 0, 9, Origin::Trades);
    history.write(&of(&[built, alone])).expect("written");
    assert_eq!(all(&path, None), [closed, alone], "the venue's where there are both");
    assert_eq!(all(&path, Some(Origin::Trades)), [built, alone]);
    assert_eq!(candles(&path, id(), MINUTE, None, 2 * MINUTE..3 * MINUTE).expect("reads"), [alone]);
    let (interval_ns, first_ns, last_ns) = (MINUTE, MINUTE, 2 * MINUTE);
    let of_all = Kept { instrument: id(), interval_ns, count: 2, first_ns, last_ns };
    assert_eq!(candles_of(&path).expect("reads"), [of_all]);
}

#[test]
fn retention_is_per_interval_and_what_is_not_named_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("history.db");
    let mut history = History::open(&path).expect("opens");
    let mut hour = kept(0, 1, 1, 1, Origin::Venue);
    hour.candle.interval_ns = (60 * MINUTE).into();
    let minutes: Vec<KeptCandle> = (0..10).map(|minute| kept(minute, 1, 1, 1, Origin::Venue)).collect();
    let quote = Quote { instrument: id(), venue_ns: 1.into(), ..Quote::default() };
    let batch = Batch { candles: [minutes, vec![hour]].concat(), quotes: vec![quote], ..Batch::default() };
    history.write(&batch).expect("written");
    assert_eq!(history.prune(&Retention::default(), 100 * MINUTE).expect("prunes"), 0);
    let retention = Retention { candles_ns: vec![(MINUTE, 4 * MINUTE)], samples_ns: MINUTE };
    assert_eq!(history.prune(&retention, 10 * MINUTE).expect("prunes"), 7);
    assert_eq!(all(&path, None).len(), 4);
    assert_eq!((count(&path, "candles"), count(&path, "quotes")), (5, 0));
}

#[test]
fn samples_and_the_universe_keep_what_changed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("history.db");
    let mut history = History::open(&path).expect("opens");
    let info = |at: u64, status: InstrumentStatus| InstrumentInfo {
        instrument: id(),
        status: status.into(),
        received_ns: at.into(),
        ..InstrumentInfo::default()
    };
    let (trading, gone) = (InstrumentStatus::Trading, InstrumentStatus::Delisted);
    let instruments = vec![info(1, trading), info(2, trading), info(3, gone), info(4, gone), info(5, trading)];
    let mark = |rate: i64| Mark {
        instrument: id(),
        funding_rate: Decimal64::new(rate, -6).into(),
        next_funding_ns: 8.into(),
        ..Mark::default()
    };
    let interest = OpenInterest { instrument: id(), venue_ns: 3.into(), ..OpenInterest::default() };
    let marks = vec![mark(100), mark(125)];
    let hole = Hole { instrument: id(), from_ns: 1, to_ns: 2, missing: None };
    let batch = Batch { instruments, marks, open_interest: vec![interest], holes: vec![hole], ..Batch::default() };
    for _ in 0..2 {
        history.write(&batch).expect("written");
    }
    let tables = ["universe", "funding_rates", "open_interest", "holes"];
    assert_eq!(tables.map(|table| count(&path, table)), [3, 1, 1, 1]);
    let connection = SqliteLedger::open_reader(&path).expect("opens");
    let rate: String = connection.query_row("SELECT rate FROM funding_rates", [], |row| row.get(0)).expect("one");
    assert_eq!(rate, "0.000125", "the last before it is due");
}

#[test]
fn building_goes_on_where_it_was_committed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("history.db");
    let trades: Vec<Trade> = (1..200u64)
        .map(|n| Trade {
            instrument: id(),
            price: Decimal64::new(100 + (n as i64 * 7) % 13, 0).into(),
            quantity: Decimal64::ONE.into(),
            trade_id: n.into(),
            venue_ns: (n * MINUTE / 7).into(),
            received_ns: (n * MINUTE / 7).into(),
            ..Trade::default()
        })
        .collect();
    let started = |history: &History| {
        let mut builder = Builder::new(&[MINUTE, 5 * MINUTE], 8);
        let (candles, positions) = history.resume().expect("reads");
        candles.iter().for_each(|kept| builder.resume(&kept.candle, kept.whole).expect("room"));
        positions.into_iter().for_each(|at: Position| builder.resume_position(at).expect("room"));
        builder
    };
    // Killed after each 23 trades, and what was not committed comes again.
    let mut from = 0;
    while from < trades.len() {
        let mut history = History::open(&path).expect("opens");
        let mut builder = started(&history);
        for (index, trade) in trades.iter().enumerate().skip(from.max(9) - 9).take(23 + 9) {
            assert_eq!(builder.trade(trade), Ok(None), "trade {index}");
        }
        let mut batch = Batch { positions: builder.positions().collect(), ..Batch::default() };
        builder.drain(|built| {
            let (candle, whole) = (built.candle, built.whole);
            batch.candles.push(KeptCandle { candle, origin: Origin::Trades, whole });
        });
        history.write(&batch).expect("written");
        // And these are lost with it.
        trades.iter().skip(from + 23).take(5).for_each(|trade| assert_eq!(builder.trade(trade), Ok(None)));
        from += 23;
    }
    let found = all(&path, Some(Origin::Trades));
    let counted: usize = found.iter().map(|kept| kept.candle.trade_count.get() as usize).sum();
    assert_eq!(counted, trades.len());
    assert_eq!(found.iter().filter(|kept| !kept.whole).count(), 1, "the first alone");
}

#[test]
fn what_can_t_be_used_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("torn.db"), b"no database at all, and long enough to look like one").expect("written");
    let refused = |path: &Path| History::open(path).expect_err("refused").to_string();
    assert!(refused(&at("torn.db")).contains("corrupt"));
    drop(SqliteLedger::open(&at("ledger.db")).expect("opens"));
    assert!(refused(&at("ledger.db")).contains("another program or kind"));
    drop(History::open(&at("history.db")).expect("opens"));
    assert!(SqliteLedger::open(&at("history.db")).is_err(), "nor is it a ledger");
    assert!(candles_of(&at("nowhere.db")).is_err());
}
