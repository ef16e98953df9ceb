use super::*;
use proptest::prelude::*;

/// The kinds of a frame's events.
fn kinds(frame: &str) -> Vec<String> {
    let mut kinds = vec![];
    let decoded = Decoder::new().decode(frame.as_bytes(), |stream, event| {
        kinds.push(format!("{}{}", stream.map(|s| format!("{s} ")).unwrap_or_default(), event.kind()));
    });
    assert_eq!(decoded, Ok(()), "{frame}");
    kinds
}

fn only<T>(frame: &str, read: impl FnOnce(&Event<'_>) -> T) -> T {
    let (mut read, mut value) = (Some(read), None);
    let decoded = Decoder::new().decode(frame.as_bytes(), |_, event| {
        value = Some(read.take().expect("one event")(event));
    });
    assert_eq!(decoded, Ok(()), "{frame}");
    value.expect("an event")
}

fn refused(frame: &str) -> String {
    Decoder::new().decode(frame.as_bytes(), |_, _| {}).expect_err(frame).to_string()
}

const TICKER: &str =
    r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}"#;

#[test]
fn each_form_of_frame_is_known() {
    assert_eq!(kinds(TICKER), ["bookTicker"]);
    assert_eq!(
        kinds(&format!(r#"{{"stream":"bnbusdt@bookTicker","data":{TICKER}}}"#)),
        ["bnbusdt@bookTicker bookTicker"]
    );
    assert_eq!(
        kinds(&format!(r#"{{"data":{TICKER},"stream":"bnbusdt@bookTicker"}}"#)),
        ["bnbusdt@bookTicker bookTicker"]
    );
    assert_eq!(kinds(r#"{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100",[]]]}"#), ["depth"]);
    assert_eq!(kinds(r#"{"bids":[],"asks":[],"lastUpdateId":160}"#), ["depth"]);
    assert_eq!(kinds(r#"{"result":null,"id":1}"#), ["reply"]);
    assert_eq!(
        kinds(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#),
        ["!serverShutdown serverShutdown"]
    );
    assert_eq!(kinds(r#"{"event":{"e":"serverShutdown","E":1770123456789}}"#), ["serverShutdown"]);
    assert_eq!(kinds(r#"{"subscriptionId":0,"event":{"e":"balanceUpdate","E":1}}"#), ["balanceUpdate"]);
    assert_eq!(kinds(r#"{"e":"24hrTicker","E":1,"s":"X"}"#), ["24hrTicker"]);
    assert_eq!(kinds(r#"[{"e":"24hrMiniTicker"},{"what":1},{}]"#), ["24hrMiniTicker", "unknown", "unknown"]);
    let mark = r#"{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"1","i":"2","r":"0.1","T":1562306400000}"#;
    let delivery = r#"{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSD_200626","p":"1","r":"","T":0}"#;
    assert_eq!(kinds(&format!("[{mark},{delivery}]")), ["markPriceUpdate", "markPriceUpdate"]);
}

#[test]
fn an_event_whose_type_comes_late_is_still_itself() {
    let coinm = r#"{"u":1007198632021,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,"E":1723161257476}"#;
    only(coinm, |event| {
        let Event::BookTicker(ticker) = event else { panic!("{event:?}") };
        assert_eq!((ticker.update_id, ticker.transaction_ns), (1_007_198_632_021, 1_723_161_257_465_000_000));
        assert_eq!(ticker.ask.0.to_string(), "61804.8");
    });
    let late = r#"{"u":160,"U":157,"s":"X","b":[["1","2"]],"a":[],"E":5,"e":"depthUpdate"}"#;
    assert!(only(late, |event| matches!(event, Event::DepthUpdate(update) if update.bids.len() == 1)));
    let trade = r#"{"p":"0.001","q":"100","m":true,"T":5,"s":"X","t":7,"a":8,"b":9,"e":"trade"}"#;
    assert!(only(trade, |event| matches!(event, Event::Trade(trade) if trade.id == 7 && trade.side() == Side::Sell)));
}

#[test]
fn a_futures_partial_depth_is_no_diff() {
    let data = r#"{"e":"depthUpdate","E":1,"T":2,"s":"BTCUSDT","U":157,"u":160,"pu":149,"b":[["1","2"]],"a":[]}"#;
    let in_stream =
        |stream: &str| only(&format!(r#"{{"stream":"{stream}","data":{data}}}"#), |event| event.kind().to_owned());
    assert_eq!(in_stream("btcusdt@depth20@100ms"), "depth");
    assert_eq!(in_stream("btcusdt@depth5"), "depth");
    assert_eq!(in_stream("btcusdt@depth@100ms"), "depthUpdate");
    assert_eq!(in_stream("btcusdt@depth"), "depthUpdate");
}

#[test]
fn replies_say_what_went_wrong() {
    let reply = |frame: &str| {
        only(frame, |event| {
            let Event::Reply(reply) = event else { panic!("{event:?}") };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (text(reply.id), reply.status, reply.error.map(|(code, msg)| (code, text(msg))), text(reply.result))
        })
    };
    assert_eq!(
        reply(r#"{"result":["btcusdt@aggTrade"],"id":3}"#),
        ("3".into(), 0, None, r#"["btcusdt@aggTrade"]"#.into())
    );
    let invalid = Some((2, "Invalid request".to_owned()));
    assert_eq!(reply(r#"{"code":2,"msg":"Invalid request","id":1}"#), ("1".into(), 0, invalid.clone(), String::new()));
    assert_eq!(
        reply(r#"{"error":{"code":2,"msg":"Invalid request"},"id":null}"#),
        ("null".into(), 0, invalid, String::new())
    );
    let refused = Some((-2010, "No.".to_owned()));
    assert_eq!(
        reply(r#"{"id":"a","status":400,"error":{"code":-2010,"msg":"No."}}"#),
        ("\"a\"".into(), 400, refused, String::new())
    );
}

#[test]
fn times_are_ns_whatever_their_unit() {
    for time in ["1672515782136", "1672515782136000"] {
        let frame = format!(r#"{{"e":"aggTrade","E":{time},"s":"X","a":1,"p":"1","q":"1","T":{time},"m":false}}"#);
        assert!(only(&frame, |event| matches!(event, Event::Trade(t) if t.trade_ns == 1_672_515_782_136_000_000)));
    }
}

#[test]
fn what_is_malformed_is_refused_with_its_place() {
    assert_eq!(
        refused(r#"{"u":1,"s":"X","b":"1","B":"x","a":"1","A":"1"}"#),
        "expected a decimal number at byte 28, found 'x'"
    );
    assert_eq!(
        refused(r#"{"stream":"x@trade","data":{"e":"trade","s":"X","t":1,"p":"1""#),
        "expected ',' or '}' after a field at byte 61, found the end of the message: it was cut"
    );
    assert!(
        refused(r#"{"e":"trade","s":"X","p":"1","q":"1","m":true}"#).starts_with("expected a trade with s, t or a")
    );
    assert!(refused(r#"{"e":"depthUpdate","s":"X","U":1,"u":2,"b":[]}"#).contains("depthUpdate with"));
    assert!(refused(r#"{"stream":"x"}"#).contains("\"data\""));
    for frame in
        ["", "x", "{", "[", "1", "null", r#"{"e":"trade"}x"#, r#"{"e":"kline","s":"X","k":[]}"#, r#"{"e":1,"u":}"#]
    {
        refused(frame);
    }
}

/// Frames of every kind, for mutation.
const FRAMES: &[&str] = &[
    TICKER,
    r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#,
    r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1,"T":2,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["58710.20","0.014"]],"a":[["1","0"]]}}"#,
    r#"{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}"#,
    r#"{"e":"kline","E":1,"s":"BNBBTC","k":{"t":1,"T":2,"s":"BNBBTC","i":"1m","o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015","v":"1000","n":100,"x":false}}"#,
    r#"{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT","S":"SELL","q":"0.014","p":"9910","ap":"9910.12","T":1}}"#,
    r#"[{"e":"markPriceUpdate","E":1,"s":"BTCUSDT","p":"1","i":"2","r":"0.1","T":1}]"#,
    r#"{"id":"a","status":400,"error":{"code":-2010,"msg":"No."}}"#,
    r#"{"subscriptionId":0,"event":{"e":"executionReport","E":1}}"#,
];

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Decoder::new().decode(&bytes, |_, _| {});
        let _ = crate::binance::instruments::exchange_info(&bytes);
        let _ = crate::binance::answers::klines(&bytes, "X", "1m", 0, |_| {});
        let _ = crate::binance::answers::server_time(&bytes);
        let _ = crate::binance::errors::ApiError::parse(400, &bytes).action(None);
    }

    #[test]
    fn damaged_frames_are_survived(frame in 0usize..FRAMES.len(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = FRAMES[frame].as_bytes().to_vec();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
            prop_assert!(Decoder::new().decode(&bytes, |_, _| {}).is_err(), "a cut frame is no frame");
        } else {
            bytes[at] = byte;
            let _ = Decoder::new().decode(&bytes, |_, _| {});
        }
    }
}
