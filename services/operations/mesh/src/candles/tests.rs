use super::*;
use crate::screen::Line;
use mesh_types::Decimal64;
use mesh_types::market::Candle;
use proptest::prelude::*;

const MINUTE: u64 = 60_000_000_000;
const NOON: u64 = 1_793_534_400_000_000_000;

fn kept(minute: u64, prices: [i64; 4], volume: i64) -> KeptCandle {
    let [open, high, low, close] = prices.map(|price| Decimal64::new(price, -2).into());
    let candle = Candle {
        instrument: "okx:spot:BTC-USDT".parse().expect("an id"),
        interval_ns: MINUTE.into(),
        open_ns: (NOON + minute * MINUTE).into(),
        open,
        high,
        low,
        close,
        volume: Decimal64::new(volume, -3).into(),
        trade_count: 7.into(),
        closed: 1,
        received_ns: NOON.into(),
        ..Candle::default()
    };
    KeptCandle { candle, origin: Origin::Trades, whole: minute > 0 }
}

/// A wave with a hole in it.
fn wave() -> Vec<KeptCandle> {
    let candle = |minute: u64| {
        let middle = 10_000 + i64::try_from(minute % 20).expect("small") * 25;
        let close = if minute.is_multiple_of(3) { middle - 40 } else { middle + 60 };
        kept(minute, [middle, middle + 90, middle - 80, close], 100 + i64::try_from(minute % 7).expect("small") * 50)
    };
    (0..60).filter(|minute| !(30..34).contains(minute)).map(candle).collect()
}

fn text(lines: Vec<Line>) -> String {
    let line = |line: Line| line.into_iter().map(|(_, text)| text).collect::<String>().trim_end().to_owned();
    lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn options() -> Options {
    Options {
        instrument: None,
        interval: None,
        from: None,
        to: None,
        count: None,
        origin: None,
        plot: false,
        json: false,
    }
}

#[test]
fn the_plot() {
    insta::assert_snapshot!(text(plot::render(&wave(), MINUTE, 100)));
}

#[test]
fn more_candles_than_columns_are_drawn_together() {
    let drawn = text(plot::render(&wave(), MINUTE, 46));
    assert!(drawn.contains("2 candles in a column"), "{drawn}");
}

#[test]
fn the_contract_of_candles_as_json() {
    let text = serde_json::to_string_pretty(&to_json(&kept(0, [1, 4, 1, 2], 5))).expect("JSON");
    insta::assert_snapshot!(text);
}

#[test]
fn the_last_are_shown_where_nothing_else_is_asked() {
    let first = kept(0, [1; 4], 0).candle;
    let all = Kept {
        instrument: first.instrument,
        interval_ns: MINUTE,
        count: 500,
        first_ns: NOON,
        last_ns: NOON + 499 * MINUTE,
    };
    let (from, to) = times(&options(), &all, 0).expect("times");
    assert_eq!((from, to), (NOON + 400 * MINUTE, u64::MAX));
    let asked = Options { to: Some((NOON + 50 * MINUTE).to_string()), count: Some(10), ..options() };
    assert_eq!(times(&asked, &all, 0).expect("times"), (NOON + 40 * MINUTE, NOON + 50 * MINUTE));
    let asked = Options { from: Some("12:30".to_owned()), ..options() };
    assert_eq!(times(&asked, &all, NOON).expect("times"), (NOON + 30 * MINUTE, u64::MAX));
    assert!(times(&Options { from: Some("soon".to_owned()), ..options() }, &all, NOON).is_err());
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let of = |id: &str, interval_ns| Kept {
        instrument: id.parse().expect("an id"),
        interval_ns,
        count: 1,
        first_ns: 0,
        last_ns: 0,
    };
    let all = [of("okx:spot:BTC-USDT", MINUTE), of("okx:spot:BTC-USDT", 5 * MINUTE)];
    let said = |failure: Failure| failure.text().unwrap_or_default().to_owned();
    let near = instrument_of("okx:spot:BTC-USD", &all).map_err(said).expect_err("not there");
    assert!(near.contains("did you mean \"okx:spot:BTC-USDT\""), "{near}");
    assert!(matches!(instrument_of("BTC", &all), Err(Failure::Usage(_))));
    let hour = series(&all, all[0].instrument, "1h").map_err(said).expect_err("not there");
    assert!(hour.contains("there are: 1m, 5m"), "{hour}");
    assert!(matches!(series(&all, all[0].instrument, "one"), Err(Failure::Usage(_))));
    assert_eq!(series(&all, all[0].instrument, "5m").expect("there").interval_ns, 5 * MINUTE);
}

proptest! {
    #[test]
    fn any_candles_are_drawn(
        bars in proptest::collection::vec((0u64..200, any::<[i64; 4]>(), any::<i64>()), 1..50), width in 0usize..120,
    ) {
        let mut found: Vec<KeptCandle> = bars.into_iter().map(|(minute, prices, volume)| kept(minute, prices, volume)).collect();
        found.sort_by_key(|kept| kept.candle.open_ns.get());
        let lines = plot::render(&found, MINUTE, width);
        prop_assert!(lines.len() >= 18);
    }
}
