use super::*;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;

fn id(text: &str) -> InstrumentId {
    text.parse().expect("an instrument")
}

fn trade_of(instrument: &str, trade_id: u64, at_s: u64, price: i64, quantity: i64) -> Trade {
    Trade {
        instrument: id(instrument),
        price: Decimal64::new(price, -1).into(),
        quantity: Decimal64::new(quantity, -3).into(),
        trade_id: trade_id.into(),
        venue_ns: (at_s * SECOND).into(),
        received_ns: (at_s * SECOND + 5).into(),
        ..Trade::default()
    }
}

fn trade(trade_id: u64, at_s: u64, price: i64) -> Trade {
    trade_of("binance:spot:BTCUSDT", trade_id, at_s, price, 1)
}

fn told(builder: &mut Builder) -> Vec<Built> {
    let mut all = Vec::new();
    builder.drain(|built| all.push(built));
    all
}

/// Minute, count, closed, whole.
fn minutes(builder: &mut Builder) -> Vec<(u64, u32, bool, bool)> {
    let short = |built: Built| {
        let candle = built.candle;
        (candle.open_ns.get() / MINUTE, candle.trade_count.get(), candle.closed == 1, built.whole)
    };
    told(builder).into_iter().map(short).collect()
}

fn builder() -> Builder {
    Builder::new(&[MINUTE], 4)
}

fn fed(trades: &[(u64, u64)]) -> (Builder, Vec<Hole>) {
    let mut builder = builder();
    let holes = trades.iter().filter_map(|(id, at)| builder.trade(&trade(*id, *at, 10)).expect("taken")).collect();
    (builder, holes)
}

#[test]
fn a_missing_number_marks_both_sides() {
    let (mut builder, holes) = fed(&[(1, 0), (2, 60), (3, 119), (6, 185), (7, 240)]);
    let instrument = id("binance:spot:BTCUSDT");
    let hole = Hole { instrument, from_ns: 119 * SECOND, to_ns: 185 * SECOND, missing: Some(2) };
    assert_eq!(holes, [hole]);
    let expected = [(0, 1, true, false), (1, 2, true, false), (3, 1, true, false), (4, 1, false, true)];
    assert_eq!(minutes(&mut builder), expected, "the first can't be known to be whole");
    assert!(told(&mut builder).is_empty(), "told once");
}

#[test]
fn a_hole_in_an_hour_leaves_the_minutes_beside_it_whole() {
    let mut builder = Builder::new(&[MINUTE, 60 * MINUTE], 4);
    for (id, at) in [(1, 0), (2, 60), (3, 130), (5, 140), (6, 190)] {
        builder.trade(&trade(id, at, 10)).expect("taken");
    }
    let whole: Vec<bool> = told(&mut builder).iter().map(|built| built.whole).collect();
    assert_eq!(whole, [false, true, false, true, false]);
}

#[test]
fn a_loss_that_numbers_disprove_is_none() {
    let (mut builder, _) = fed(&[(1, 0), (2, 61)]);
    builder.lost(None);
    assert_eq!(builder.trade(&trade(3, 62, 10)), Ok(None));
    assert_eq!(minutes(&mut builder), [(0, 1, true, false), (1, 2, false, true)]);
    builder.lost(Some(Venue::Okx));
    builder.lost(Some(Venue::Binance));
    builder.on_time(2 * MINUTE);
    assert_eq!(minutes(&mut builder), [(1, 2, true, false)], "closed while nobody knew");
}

#[test]
fn where_trades_have_no_numbers_every_declared_loss_counts() {
    let mut builder = builder();
    let hole = |builder: &mut Builder, id, at| {
        builder.trade(&trade_of("hyperliquid:perpetual:BTC", id, at, 10, 1)).expect("taken")
    };
    assert_eq!(hole(&mut builder, 900, 1), None);
    assert_eq!(hole(&mut builder, 77, 61), None);
    builder.lost(Some(Venue::Binance));
    assert_eq!(hole(&mut builder, 78, 62), None);
    builder.lost(Some(Venue::Hyperliquid));
    assert_eq!(hole(&mut builder, 5, 63).map(|hole| hole.missing), Some(None));
    assert_eq!(minutes(&mut builder), [(0, 1, true, false), (1, 3, false, false)]);
}

#[test]
fn repeats_change_nothing() {
    let (mut builder, _) = fed(&[(1, 0), (2, 61), (3, 62)]);
    told(&mut builder);
    for repeat in [(3, 62), (2, 61), (1, 0)] {
        assert_eq!(builder.trade(&trade(repeat.0, repeat.1, 99)), Ok(None));
    }
    assert!(told(&mut builder).is_empty());
}

#[test]
fn a_venue_may_begin_its_numbers_again() {
    let (mut builder, holes) = fed(&[(500, 0), (501, 61), (1, 65), (2, 121)]);
    assert_eq!(holes.len(), 1);
    assert_eq!(holes[0].missing, None);
    assert_eq!(minutes(&mut builder), [(0, 1, true, false), (1, 2, true, false), (2, 1, false, true)]);
}

#[test]
fn time_closes_and_a_late_trade_is_still_taken() {
    let (mut builder, _) = fed(&[(1, 0), (2, 61)]);
    told(&mut builder);
    builder.on_time(2 * MINUTE - 1);
    assert!(told(&mut builder).is_empty());
    builder.on_time(2 * MINUTE);
    assert_eq!(minutes(&mut builder), [(1, 1, true, true)]);
    assert_eq!(builder.trade(&trade(3, 119, 10)), Ok(None));
    assert_eq!(minutes(&mut builder), [(1, 2, true, true)], "told again");
    builder.trade(&trade(4, 300, 10)).expect("taken");
    builder.trade(&trade(5, 360, 10)).expect("taken");
    let hole = builder.trade(&trade(6, 120, 10)).expect("taken").expect("its candle is gone");
    assert_eq!((hole.from_ns, hole.missing), (120 * SECOND, Some(1)));
}

#[test]
fn nonsense_and_one_too_many_are_refused() {
    let mut builder = builder();
    let good = trade(1, 1, 10);
    let no_instrument = Trade { instrument: InstrumentId::default(), ..good };
    let no_time = Trade { venue_ns: 0.into(), received_ns: 0.into(), ..good };
    let far = Trade { venue_ns: u64::MAX.into(), ..good };
    let free = Trade { price: Decimal64::ZERO.into(), ..good };
    let below = Trade { price: Decimal64::new(-1, 0).into(), ..good };
    let odd = Trade { quantity: Decimal64::new(1, 100).into(), ..good };
    for bad in [no_instrument, no_time, far, free, below, odd] {
        assert_eq!(builder.trade(&bad), Err(Refusal::Nonsense), "{bad:?}");
    }
    for name in ["A", "B", "C", "D"] {
        builder.trade(&trade_of(&format!("okx:spot:{name}"), 1, 1, 10, 1)).expect("taken");
    }
    assert_eq!(builder.trade(&good), Err(Refusal::TooManyInstruments));
    let mut full = Builder::new(&[MINUTE], 1);
    let many = Trade { quantity: Decimal64::new(i64::MAX, 0).into(), ..good };
    full.trade(&good).expect("taken");
    full.trade(&Trade { trade_id: 2.into(), ..many }).expect("taken");
    full.trade(&Trade { trade_id: 3.into(), ..many }).expect("taken");
    assert_eq!(minutes(&mut full), [(0, 3, false, false)], "a volume that does not fit is not whole");
}

/// Trades with seconds between them, prices and quantities.
fn trades() -> impl Strategy<Value = Vec<Trade>> {
    proptest::collection::vec((0u64..100, 1i64..1000, 0i64..50), 1..60).prop_map(|rows| {
        let mut at = 1000;
        let row = |(id, (step, price, quantity)): (u64, (u64, i64, i64))| {
            at += step;
            trade_of("kraken:spot:BTC/USD", id, at, price, quantity)
        };
        (1..).zip(rows).map(row).collect()
    })
}

/// The last that was told of each candle.
type Kept = BTreeMap<(u64, u64), Built>;

fn keep(builder: &mut Builder, kept: &mut Kept) {
    builder.drain(|built| {
        kept.insert((built.candle.interval_ns.get(), built.candle.open_ns.get()), built);
    });
}

proptest! {
    #[test]
    fn a_candle_is_its_trades(trades in trades(), every in 1usize..10) {
        let mut builder = Builder::new(&[MINUTE, 5 * MINUTE], 1);
        let mut kept = Kept::new();
        for (index, trade) in trades.iter().enumerate() {
            prop_assert_eq!(builder.trade(trade), Ok(None));
            if index % every == 0 {
                keep(&mut builder, &mut kept);
            }
        }
        keep(&mut builder, &mut kept);
        let mut count = 0;
        for ((interval, open), built) in &kept {
            let of = |trade: &&Trade| trade.venue_ns.get() / interval == open / interval;
            let mine: Vec<&Trade> = trades.iter().filter(of).collect();
            let prices = || mine.iter().map(|trade| trade.price.get());
            let candle = built.candle;
            prop_assert_eq!(Some(candle.open.get()), prices().next());
            prop_assert_eq!(Some(candle.close.get()), prices().next_back());
            prop_assert_eq!(Some(candle.high.get()), prices().max());
            prop_assert_eq!(Some(candle.low.get()), prices().min());
            let volume: i64 = mine.iter().map(|trade| trade.quantity.mantissa.get()).sum();
            prop_assert_eq!(candle.volume.get(), Decimal64::new(volume, -3));
            prop_assert_eq!(candle.trade_count.get() as usize, mine.len());
            count += mine.len();
        }
        prop_assert_eq!(count, 2 * trades.len(), "each trade is in one candle of each interval");
        let not_whole = kept.values().filter(|built| !built.whole).count();
        prop_assert_eq!(not_whole, 2, "the first of each interval alone");
    }

    #[test]
    fn stopped_anywhere_the_candles_are_the_same(trades in trades(), stop in 0usize..60) {
        let intervals = [MINUTE, 15 * MINUTE];
        let run = |stop: usize| {
            let mut kept = Kept::new();
            let mut builder = Builder::new(&intervals, 1);
            for (index, trade) in trades.iter().enumerate() {
                if index == stop {
                    let positions: Vec<Position> = builder.positions().collect();
                    builder = Builder::new(&intervals, 1);
                    for built in kept.values() {
                        builder.resume(&built.candle, built.whole).expect("room");
                    }
                    for position in positions {
                        builder.resume_position(position).expect("room");
                    }
                }
                builder.trade(trade).expect("taken");
                keep(&mut builder, &mut kept);
            }
            kept
        };
        prop_assert_eq!(run(stop), run(usize::MAX));
    }
}
