use super::*;
use proptest::prelude::*;

const HOUR_NS: u64 = 60 * MINUTE_NS;
const NOW_NS: u64 = 1_700_003_600_000_000_000;

fn id(text: &str) -> InstrumentId {
    text.parse().expect("an id")
}

fn read(language: Language, body: &str) -> Vec<Candle> {
    let mut found = Vec::new();
    let instrument = id("okx:spot:BTC-USDT");
    parse(language, instrument, HOUR_NS, body.as_bytes(), NOW_NS, &mut |c| found.push(*c)).expect("an answer");
    found
}

#[test]
fn each_venue_is_asked_in_its_own_words() {
    let (from_ns, to_ns) = (1_700_000_000_000_000_000, 1_700_006_000_000_000_000);
    let ask = |language, text, interval_ns| request(language, id(text), interval_ns, from_ns, to_ns);
    let target = |language, text| ask(language, text, HOUR_NS).expect("an interval").target;
    assert_eq!(
        target(Language::Binance(Market::UsdM), "binance:perpetual:BTCUSDT"),
        "/fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime=1700000000000&limit=1000&endTime=1700005999999"
    );
    assert_eq!(
        target(Language::Okx, "okx:swap:BTC-USDT-SWAP"),
        "/api/v5/market/history-candles?instId=BTC-USDT-SWAP&bar=1H&before=1699999999999&after=1700006000000&limit=100"
    );
    assert_eq!(
        target(Language::Kraken, "kraken:spot:BTC/USD"),
        "/0/public/OHLC?pair=XBTUSD&interval=60&since=1699999999"
    );
    let asked = ask(Language::Hyperliquid, "hyperliquid:perpetual:BTC", 5 * MINUTE_NS).expect("an interval");
    assert_eq!(asked.target, "/info");
    assert_eq!(
        asked.body.as_deref(),
        Some(
            r#"{"type":"candleSnapshot","req":{"coin":"BTC","interval":"5m","startTime":1700000000000,"endTime":1700005999999}}"#
        )
    );
    assert_eq!(ask(Language::Kraken, "kraken:spot:BTC/USD", 3 * MINUTE_NS), None, "Kraken has no 3 minutes");
    assert_eq!(ask(Language::Okx, "okx:spot:BTC-USDT", 1_000_000_000), None);
}

#[test]
fn an_instrument_says_whom_to_ask() {
    for (text, expected) in [
        ("binance:spot:BTCUSDT", Some(Language::Binance(Market::Spot))),
        ("binance:perpetual:BTCUSDT", Some(Language::Binance(Market::UsdM))),
        ("binance:future:BTCUSDT_260327", Some(Language::Binance(Market::UsdM))),
        ("binance:perpetual:BTCUSD_PERP", Some(Language::Binance(Market::CoinM))),
        ("binance:future:BTCUSD_260327", Some(Language::Binance(Market::CoinM))),
        ("kraken:spot:BTC/USD", Some(Language::Kraken)),
        ("okx:swap:BTC-USDT-SWAP", Some(Language::Okx)),
        ("hyperliquid:perpetual:BTC", Some(Language::Hyperliquid)),
        ("coinbase:spot:BTC-USD", None),
    ] {
        assert_eq!(language(id(text)), expected, "{text}");
    }
}

#[test]
fn each_venue_s_answer_is_read() {
    let binance =
        r#"[[1700000000000,"10.50","12.0","9.1","11","148.5",1700003599999,"2434.1",308,"1756.8","28.4","0"]]"#;
    let okx = r#"{"code":"0","msg":"","data":[["1700000000000","10.50","12.0","9.1","11","148.5","1","1","1"]]}"#;
    let hyperliquid = r#"[{"T":1700003599999,"c":"11","h":"12.0","i":"1h","l":"9.1","n":308,"o":"10.50","s":"BTC","t":1700000000000,"v":"148.5"}]"#;
    let kraken = r#"{"error":[],"result":{"XXBTZUSD":[[1700000000,"10.50","12.0","9.1","11","10.7","148.5",308]],"last":1700000000}}"#;
    let answers = [
        (Language::Binance(Market::Spot), binance),
        (Language::Okx, okx),
        (Language::Hyperliquid, hyperliquid),
        (Language::Kraken, kraken),
    ];
    for (language, body) in answers {
        let [candle] = read(language, body)[..] else { panic!("{language:?}: one candle") };
        let values = [candle.open, candle.high, candle.low, candle.close, candle.volume].map(|v| v.get().to_string());
        assert_eq!(values, ["10.50", "12.0", "9.1", "11", "148.5"], "{language:?}");
        assert_eq!((candle.open_ns.get(), candle.interval_ns.get()), (1_700_000_000_000_000_000, HOUR_NS));
        assert_eq!((candle.closed, candle.instrument), (1, id("okx:spot:BTC-USDT")));
        let count = if language == Language::Okx { 0 } else { 308 };
        assert_eq!(candle.trade_count.get(), count, "OKX does not tell");
    }
    let running = okx.replace("1700000000000", "1700001000000");
    assert_eq!(read(Language::Okx, &running)[0].closed, 0, "it has not ended");
}

#[test]
fn a_refusal_is_no_answer() {
    let refusals = [
        (Language::Kraken, r#"{"error":["EQuery:Unknown asset pair"]}"#),
        (Language::Okx, r#"{"code":"51001","msg":"Instrument ID does not exist"}"#),
        (Language::Binance(Market::Spot), r#"{"code":-1121,"msg":"Invalid symbol."}"#),
        (Language::Hyperliquid, "null"),
    ];
    for (language, body) in refusals {
        let outcome = parse(language, id("okx:spot:BTC-USDT"), HOUR_NS, body.as_bytes(), NOW_NS, &mut |_| {});
        assert!(outcome.is_err(), "{body}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), venue in 0usize..4) {
        let all = [Language::Binance(Market::Spot), Language::Okx, Language::Hyperliquid, Language::Kraken];
        let _ = parse(all[venue], id("okx:spot:BTC-USDT"), HOUR_NS, &bytes, NOW_NS, &mut |_| {});
    }
}
