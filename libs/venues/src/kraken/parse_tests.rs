use super::*;
use proptest::prelude::*;

fn kinds(frame: &str) -> Vec<String> {
    let mut kinds = vec![];
    let parsed = Parser::new().parse(frame.as_bytes(), 1, &mut |message| kinds.push(message.kind().to_owned()));
    assert_eq!(parsed, Ok(()), "{frame}");
    kinds
}

fn only<T>(frame: &str, read: impl Fn(&Message<'_>) -> T) -> T {
    let mut value = None;
    let parsed = Parser::new().parse(frame.as_bytes(), 5, &mut |message| value = Some(read(message)));
    assert_eq!(parsed, Ok(()), "{frame}");
    value.expect("a message")
}

fn refused(frame: &str) -> String {
    Parser::new().parse(frame.as_bytes(), 1, &mut |_| {}).expect_err(frame).to_string()
}

const SNAPSHOT: &str = r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":45283.5,"qty":0.10000000}],"asks":[{"price":45285.2,"qty":0.00100000}],"checksum":3310070434}]}"#;
const UPDATE: &str = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":45283.5,"qty":0.25}],"asks":[],"checksum":2114181697,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#;
const TRADES: &str = r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":105944.2,"qty":0.00027625,"ord_type":"limit","trade_id":10218208,"timestamp":"2023-10-06T17:35:55.440295Z"},{"symbol":"BTC/USD","side":"sell","price":105910.5,"qty":0.0001246,"ord_type":"market","trade_id":10218209,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#;
const TICKER: &str = r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.2,"bid_qty":2.50000000,"ask":105944.3,"ask_qty":3.2,"last":105899.4,"volume":163.28908096,"vwap":105904.39279,"low":104711.0,"high":106613.1,"change":-250.0,"change_pct":0.24}]}"#;
const CANDLE: &str = r#"{"channel":"ohlc","type":"update","data":[{"symbol":"BTC/USD","interval":5,"interval_begin":"2023-10-04T16:25:00.000000000Z","open":1.0,"high":2.0,"low":0.5,"close":1.50,"volume":30927.68066226,"vwap":1.2,"trades":12,"timestamp":"2023-10-04T16:30:00.000000Z"}]}"#;
const INSTRUMENT: &str = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"XLM","status":"enabled"}],"pairs":[{"symbol":"ETH/BTC","base":"ETH","quote":"BTC","status":"online","qty_precision":8,"qty_increment":1e-08,"price_precision":5,"cost_precision":10,"marginable":true,"has_index":true,"cost_min":0.00002,"tick_size":0.00001,"price_increment":0.00001,"qty_min":0.002},{"symbol":"X/USD","base":"X","quote":"USD","status":"work_in_progress","qty_precision":0,"qty_increment":1,"price_precision":2,"price_increment":0.5,"qty_min":1}]}}"#;

#[test]
fn each_form_of_frame_is_known() {
    assert_eq!(kinds(SNAPSHOT), ["book"]);
    assert_eq!(kinds(TRADES), ["trade", "trade"]);
    assert_eq!(kinds(TICKER), ["quote"]);
    assert_eq!(kinds(CANDLE), ["candle"]);
    assert_eq!(kinds(INSTRUMENT), ["instrument", "instrument"]);
    assert_eq!(kinds(r#"{"channel":"heartbeat"}"#), ["heartbeat"]);
    assert_eq!(kinds(r#"{"channel":"status","type":"update","data":[{"system":"online"}]}"#), ["status"]);
    assert_eq!(kinds(r#"{"channel":"level3","type":"update","data":[{"x":[1]}]}"#), ["level3"]);
    assert_eq!(kinds(r#"{"method":"pong","req_id":1,"time_in":"a"}"#), ["pong"]);
    assert_eq!(kinds(r#"{"error":"Malformed request","success":false}"#), ["error"]);
    assert_eq!(
        kinds(r#"{"data":[{"system":"online"}],"type":"update","channel":"status"}"#),
        ["status"],
        "another order"
    );
}

#[test]
fn digits_are_those_that_were_printed() {
    only(SNAPSHOT, |message| {
        let Message::Book(book) = message else { panic!("{message:?}") };
        assert!(book.snapshot && book.checksum == Some(Checksum::Kraken(3_310_070_434)));
        assert_eq!((book.bids[0].1.mantissa, book.bids[0].1.exponent), (10_000_000, -8), "trailing zeros are digits");
        assert_eq!(book.asks[0].0.to_string(), "45285.2");
    });
    only(UPDATE, |message| {
        let Message::Book(book) = message else { panic!("{message:?}") };
        assert_eq!((book.snapshot, book.venue_ns), (false, 1_696_613_755_440_295_000));
    });
    let generic = UPDATE.replace(r#"{"price":45283.5,"qty":0.25}"#, r#"{ "qty" : 0.25, "price": "45283.5" }"#);
    assert!(only(&generic, |message| matches!(message, Message::Book(book) if book.bids.len() == 1)));
}

#[test]
fn the_other_channels_say_what_they_say() {
    let trade = only(TRADES, |message| {
        let Message::Trade { trade, past: false } = message else { panic!("{message:?}") };
        *trade
    });
    assert_eq!((trade.side.get(), trade.trade_id.get(), trade.received_ns.get()), (Some(Side::Sell), 10_218_209, 5));
    assert_eq!(trade.quantity.get().to_string(), "0.0001246");
    assert!(only(&TRADES.replace("update", "snapshot"), |m| matches!(m, Message::Trade { past: true, .. })));
    only(TICKER, |message| {
        let Message::Quote(quote) = message else { panic!("{message:?}") };
        assert_eq!(quote.bid_quantity.get().to_string(), "2.50000000");
        assert_eq!(quote.instrument.to_string(), "kraken:spot:BTC/USD");
    });
    only(CANDLE, |message| {
        let Message::Candle { candle, past: false } = message else { panic!("{message:?}") };
        assert_eq!((candle.interval_ns.get(), candle.open_ns.get()), (300_000_000_000, 1_696_436_700_000_000_000));
        assert_eq!((candle.close.get().to_string().as_str(), candle.closed, candle.trade_count.get()), ("1.50", 0, 12));
    });
    let status = r#"{"channel":"status","type":"update","data":[{"system":"cancel_only","api_version":"v2"}]}"#;
    only(status, |message| {
        let Message::Status(status) = message else { panic!("{message:?}") };
        assert_eq!((status.state.get(), status.reason.as_str()), (Some(VenueState::Degraded), Some("cancel_only")));
    });
}

#[test]
fn pairs_have_steps_at_the_venue_s_precision() {
    let mut infos = vec![];
    let parsed = Parser::new().parse(INSTRUMENT.as_bytes(), 1, &mut |message| {
        let Message::Instrument(info) = message else { panic!("{message:?}") };
        infos.push((info.tick.get().to_string(), info.lot.get().to_string(), info.status.get()));
    });
    assert_eq!(parsed, Ok(()));
    assert_eq!(infos[0], ("0.00001".into(), "0.00000001".into(), Some(mesh_types::InstrumentStatus::Trading)));
    assert_eq!(infos[1], ("0.50".into(), "1".into(), Some(mesh_types::InstrumentStatus::Halted)));
    let rest = r#"{"error":[],"result":{"XXBTZUSD":{"wsname":"XBT\/USD","base":"XXBT","quote":"ZUSD","pair_decimals":1,"lot_decimals":8,"ordermin":"0.0001","costmin":"0.5","tick_size":"0.1","status":"online"},"XXBTZUSD.d":{"base":"XXBT"}}}"#;
    let mut pairs = vec![];
    super::instruments::asset_pairs(rest.as_bytes(), 1, |info| pairs.push(info.instrument.to_string())).expect("pairs");
    assert_eq!(pairs, ["kraken:spot:BTC/USD"]);
    assert!(super::instruments::asset_pairs(b"{}", 1, |_| {}).is_err());
}

#[test]
fn answers_name_what_they_are_about() {
    let ack = r#"{"method":"subscribe","result":{"channel":"book","depth":25,"snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"x","req_id":11}"#;
    only(ack, |message| {
        let Message::Reply(reply) = message else { panic!("{message:?}") };
        assert_eq!((reply.kind, reply.channel, reply.depth, reply.id), ("subscribe", "book", Some(25), Some(11)));
        assert_eq!(reply.instrument.map(|i| i.to_string()).as_deref(), Some("kraken:spot:BTC/USD"));
        assert_eq!(reply.error, None);
    });
    let refusal = r#"{"error":"Currency pair not supported XYZ/USD","method":"subscribe","req_id":1,"success":false,"symbol":"XYZ/USD"}"#;
    only(refusal, |message| {
        let Message::Reply(reply) = message else { panic!("{message:?}") };
        assert_eq!(reply.error, Some("Currency pair not supported XYZ/USD"));
        assert!(reply.instrument.is_some());
    });
}

#[test]
fn what_is_malformed_is_refused_with_its_place() {
    assert!(refused(&SNAPSHOT.replace("0.10000000", "x")).starts_with("expected a decimal number at byte "));
    assert!(refused(&SNAPSHOT.replace("3310070434", "4294967296")).contains("32 bits"));
    assert!(refused(&SNAPSHOT.replace(",\"checksum\":3310070434", "")).contains("a book with symbol"));
    assert!(refused(&TRADES.replace("\"sell\"", "\"hold\"")).contains("a trade with"));
    assert!(refused(&UPDATE.replace("2023-10", "2023x10")).contains("a time as"));
    assert!(refused(&TICKER.replace("BTC/USD", "BTC USD")).contains("a symbol"));
    for frame in ["", "x", "{", "{}", "[]", r#"{"channel":"book"}"#, r#"{"channel":"heartbeat"}x"#, r#"{"channel":1}"#]
    {
        refused(frame);
    }
}

const FRAMES: &[&str] = &[SNAPSHOT, UPDATE, TRADES, TICKER, CANDLE, INSTRUMENT, r#"{"method":"pong","req_id":1}"#];

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Parser::new().parse(&bytes, 1, &mut |_| {});
        let _ = super::instruments::asset_pairs(&bytes, 1, |_| {});
        let _ = crate::kraken::errors::ApiError::parse(200, &bytes).map(|error| error.action());
    }

    #[test]
    fn damaged_frames_are_survived(frame in 0usize..FRAMES.len(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = FRAMES[frame].as_bytes().to_vec();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
            prop_assert!(Parser::new().parse(&bytes, 1, &mut |_| {}).is_err(), "a cut frame is no frame");
        } else {
            bytes[at] = byte;
            let _ = Parser::new().parse(&bytes, 1, &mut |_| {});
        }
    }
}
