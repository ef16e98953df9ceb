use super::*;
use mesh_codec::{FrameBuilder, Stamp};
use mesh_types::{Decimal64, Domain, SourceId};

const MINUTE: u64 = 60_000_000_000;

fn take<T: TlvBody>(collector: &mut Collector, body: &T) -> Result<(), &'static str> {
    let mut frame = Vec::new();
    let stamp = Stamp { domain: Domain::Market, source: SourceId::new(10), sequence: 1, timestamp_ns: 1 };
    FrameBuilder::new(&mut frame, &stamp).body(body).finish().expect("small");
    collector.take(&Message::parse(&frame).expect("whole"))
}

fn id() -> InstrumentId {
    "okx:spot:BTC-USDT".parse().expect("an instrument")
}

fn candle(open_ns: u64, close: i64, closed: u8) -> Candle {
    let price = Decimal64::new(close, 0).into();
    Candle {
        instrument: id(),
        interval_ns: MINUTE.into(),
        open_ns: open_ns.into(),
        open: price,
        high: price,
        low: price,
        close: price,
        closed,
        ..Candle::default()
    }
}

fn trade(trade_id: u64, at_ns: u64) -> Trade {
    let one = Decimal64::ONE.into();
    let (trade_id, venue_ns) = (trade_id.into(), at_ns.into());
    Trade { instrument: id(), price: one, quantity: one, trade_id, venue_ns, ..Trade::default() }
}

#[test]
fn the_last_state_of_each_candle_is_written_once() {
    let mut collector = Collector::new(&Settings::default());
    for body in [candle(0, 1, 0), candle(0, 2, 1), candle(0, 1, 0), candle(MINUTE, 3, 0)] {
        take(&mut collector, &body).expect("taken");
    }
    take(&mut collector, &trade(1, 5)).expect("taken");
    let batch = collector.batch(0);
    let venue: Vec<Candle> =
        batch.candles.iter().filter(|kept| kept.origin == Origin::Venue).map(|kept| kept.candle).collect();
    assert_eq!(venue, [candle(0, 2, 1), candle(MINUTE, 3, 0)]);
    assert_eq!((batch.candles.len(), batch.positions.len()), (2 + 6, 1), "six intervals from one trade");
    collector.written();
    assert!(collector.batch(0).is_empty());
    let closed = collector.batch(MINUTE + 2_000_000_000).candles.len();
    assert_eq!(closed, 1, "the minute is closed by the time");
}

#[test]
fn what_the_venue_or_the_relay_lost_is_a_hole() {
    let mut collector = Collector::new(&Settings::default());
    take(&mut collector, &trade(1, 5)).expect("taken");
    let status =
        |state: VenueState| VenueStatus { venue: Venue::Okx.into(), state: state.into(), ..VenueStatus::default() };
    take(&mut collector, &status(VenueState::Up)).expect("taken");
    take(&mut collector, &trade(2, 6)).expect("taken");
    assert!(collector.batch(0).holes.is_empty());
    take(&mut collector, &status(VenueState::Down)).expect("taken");
    take(&mut collector, &trade(9, 7)).expect("taken");
    collector.lost();
    take(&mut collector, &trade(12, 8)).expect("taken");
    assert_eq!(collector.batch(0).holes.len(), 2);
    take(&mut collector, &TradeGap { instrument: id(), ..TradeGap::default() }).expect("taken");
    take(&mut collector, &trade(13, 9)).expect("taken");
    assert_eq!(collector.batch(0).holes.len(), 3, "the adapter says that trades are missing");
}

#[test]
fn nonsense_is_counted_and_kept_out() {
    let mut collector = Collector::new(&Settings { quotes_interval_ms: 10, ..Settings::default() });
    assert_eq!(collector.types().len(), 8);
    assert_eq!(take(&mut collector, &Trade::default()), Err("bad_trade"));
    assert_eq!(take(&mut collector, &Candle::default()), Err("bad_instrument"));
    assert_eq!(take(&mut collector, &Candle { interval_ns: 0.into(), ..candle(0, 1, 0) }), Err("bad_candle"));
    assert_eq!(take(&mut collector, &Candle { high: Decimal64::ZERO.into(), ..candle(0, 1, 0) }), Err("bad_candle"));
    assert_eq!(take(&mut collector, &candle(u64::MAX, 1, 0)), Err("bad_time"));
    assert_eq!(take(&mut collector, &Quote::default()), Err("bad_instrument"));
    assert_eq!(take(&mut collector, &Mark::default()), Err("bad_instrument"));
    assert_eq!(take(&mut collector, &OpenInterest::default()), Err("bad_instrument"));
    assert_eq!(take(&mut collector, &InstrumentInfo::default()), Err("bad_instrument"));
    take(&mut collector, &Mark { instrument: id(), ..Mark::default() }).expect("no funding, no fault");
    assert!(collector.batch(0).is_empty());
    for received_ms in [10, 15, 19, 20, 31] {
        let received_ns = (received_ms * 1_000_000u64).into();
        take(&mut collector, &Quote { instrument: id(), received_ns, ..Quote::default() }).expect("taken");
    }
    assert_eq!(collector.batch(0).quotes.len(), 3, "one each 10 ms");
}

#[test]
fn what_can_t_be_written_is_bounded() {
    let mut collector = Collector::new(&Settings::default());
    for minute in 0..=MOST_ROWS as u64 {
        take(&mut collector, &candle(minute * MINUTE, 1, 1)).expect("taken");
    }
    assert_eq!(collector.dropped(), MOST_ROWS as u64 + 1);
    assert!(collector.batch(0).is_empty());
}
