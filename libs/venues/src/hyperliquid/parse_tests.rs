use super::*;
use crate::books::Books;
use crate::hyperliquid::instruments;
use mesh_book::Step;
use mesh_types::BookHealth;
use proptest::prelude::*;

fn kinds(frame: &str) -> Vec<String> {
    let mut kinds = vec![];
    let parsed = Parser::new().parse(frame.as_bytes(), 1, &mut |message| kinds.push(message.kind().to_owned()));
    assert_eq!(parsed, Ok(()), "{frame}");
    kinds
}

fn only<T>(frame: &str, read: impl Fn(&Message<'_>) -> Option<T>) -> T {
    let mut value = None;
    let parsed =
        Parser::new().parse(frame.as_bytes(), 5, &mut |message| value = value.take().or_else(|| read(message)));
    assert_eq!(parsed, Ok(()), "{frame}");
    value.expect("a message")
}

fn refused(frame: &str) -> String {
    Parser::new().parse(frame.as_bytes(), 1, &mut |_| {}).expect_err(frame).to_string()
}

const BOOK: &str = r#"{"channel":"l2Book","data":{"coin":"BTC","time":1737918843893,"levels":[[{"n":5,"px":"105055.0","sz":"3.03622"}],[{"px":"105056.0","sz":"0.1428","n":1}]]}}"#;
const BEST: &str =
    r#"{"channel":"bbo","data":{"coin":"@107","time":1708622398623,"bbo":[null,{"px":"19.5","sz":"0.50","n":1}]}}"#;
const TRADES: &str = r#"{"channel":"trades","data":[{"coin":"BTC","side":"A","px":"105056.0","sz":"0.00219","hash":"0x1","time":1737918794873,"tid":121451470284048,"users":["0x1","0x2"]}]}"#;
const CANDLE: &str = r#"{"channel":"candle","data":{"t":1681923600000,"T":1681924499999,"s":"BTC","i":"15m","o":"29295.0","c":"29258.0","h":"29309.0","l":"29250.0","v":"0.98639","n":189}}"#;
const CONTEXT: &str = r#"{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"-0.0000015186","openInterest":"27353.17682","prevDayPx":"1","dayNtlVlm":"1516669192.1953897476","premium":null,"oraclePx":"77605.0","markPx":"77562.0","midPx":null,"impactPxs":null}}}"#;
const SPOT_CONTEXT: &str = r#"{"channel":"activeSpotAssetCtx","data":{"coin":"@2","ctx":{"markPx":"0.00005299","circulatingSupply":"6879553815.3455801"}}}"#;

#[test]
fn each_form_of_frame_is_known() {
    for (frame, expected) in [
        (BOOK, vec!["book"]),
        (BEST, vec!["quote"]),
        (TRADES, vec!["trade"]),
        (CANDLE, vec!["candle"]),
        (CONTEXT, vec!["mark", "open_interest"]),
        (SPOT_CONTEXT, vec!["mark"]),
        ("Websocket connection established.", vec!["greeting"]),
        (r#"{"channel":"pong"}"#, vec!["pong"]),
        (r#"{"channel":"error","data":"Already subscribed: {\"type\":\"l2Book\"}"}"#, vec!["error"]),
        (r#"{"channel":"allMids","data":{"mids":{"BTC":"1"}}}"#, vec!["allMids"]),
        (r#"{"data":{"mids":{}},"channel":"allMids"}"#, vec!["allMids"]),
        (r#"{"coin":"BTC","levels":[[],[]]}"#, vec!["book"]),
        (
            r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":null}}}"#,
            vec!["subscribe"],
        ),
    ] {
        assert_eq!(kinds(frame), expected, "{frame}");
    }
}

#[test]
fn values_are_those_that_were_printed() {
    only(TRADES, |message| {
        let Message::Trade { trade, .. } = message else { panic!("{message:?}") };
        assert_eq!((trade.side.get(), trade.trade_id.get()), (Some(Side::Sell), 121_451_470_284_048));
        assert_eq!(trade.price.get().to_string(), "105056.0");
        Some(())
    });
    only(BEST, |message| {
        let Message::Quote(quote) = message else { panic!("{message:?}") };
        assert_eq!(quote.instrument.to_string(), "hyperliquid:spot:@107");
        assert!(quote.bid_price.get().is_zero() && quote.ask_quantity.get().to_string() == "0.50");
        Some(())
    });
    only(CANDLE, |message| {
        let Message::Candle { candle, .. } = message else { panic!("{message:?}") };
        assert_eq!((candle.interval_ns.get(), candle.trade_count.get(), candle.closed), (900_000_000_000, 189, 0));
        Some(())
    });
    only(CONTEXT, |message| {
        let Message::Mark(update) = message else { return None };
        let funding = update.funding.expect("funding");
        assert_eq!((funding.rate.to_string().as_str(), funding.interval_ns), ("-0.0000015186", FUNDING_INTERVAL_NS));
        assert_eq!(update.index.map(|index| index.to_string()).as_deref(), Some("77605.0"));
        Some(())
    });
    let ack = r#"{"channel":"subscriptionResponse","data":{"method":"unsubscribe","subscription":{"type":"trades","coin":"xyz:TSLA"}}}"#;
    only(ack, |message| {
        let Message::Reply(reply) = message else { panic!("{message:?}") };
        assert_eq!((reply.kind, reply.channel), ("unsubscribe", "trades"));
        assert_eq!(reply.instrument.map(|i| i.to_string()).as_deref(), Some("hyperliquid:perpetual:xyz:TSLA"));
        Some(())
    });
}

#[test]
fn an_older_block_is_ignored_and_each_block_is_whole() {
    let (mut parser, mut books) = (Parser::new(), Books::new());
    let mut step = |frame: &str, at: u64| {
        let mut step = None;
        let parsed = parser.parse(frame.as_bytes(), at, &mut |message| {
            let Message::Book(update) = message else { panic!("{message:?}") };
            step = Some(books.on_update(update, at).expect("levels").step);
        });
        assert_eq!(parsed, Ok(()));
        step.expect("a book")
    };
    assert_eq!(step(BOOK, 10), Step::Applied);
    assert_eq!(step(&BOOK.replace("1737918843893", "1737918843892"), 11), Step::Ignored);
    let finer = BOOK.replace("1737918843893", "1737918844893").replace("105055.0", "0.12345");
    assert_eq!(step(&finer, 12), Step::Applied, "finer digits are kept");
    assert_eq!(step(&BOOK.replace("1737918843893", "1737918845893").replace("105055.0", "105056.0"), 13), Step::Broken);
    let (_, book) = books.iter_mut().next().expect("a book");
    assert_eq!(book.get().health(), BookHealth::Suspect);
    book.get_mut().on_change(
        &mesh_book::Change { snapshot: true, previous: None, sequence: 5, bids: &[], asks: &[] },
        20,
        |_| None,
    );
    assert_eq!(book.get_mut().on_time(5_000_000_000, 4_000_000_000), Step::Broken, "silent for too long");
}

#[test]
fn assets_have_ids_steps_and_states() {
    let meta = r#"{"universe":[{"name":"BTC","szDecimals":5,"maxLeverage":40},{"name":"OLD","szDecimals":0,"isDelisted":true}],"marginTables":[]}"#;
    let mut seen = vec![];
    let mut keep = |asset: &instruments::Asset| {
        let info = &asset.info;
        seen.push((
            info.instrument.to_string(),
            asset.id,
            info.tick.get().to_string(),
            info.lot.get().to_string(),
            info.status.get(),
        ));
    };
    instruments::perpetuals(meta.as_bytes(), &mut keep).expect("meta");
    instruments::perpetuals(format!("[{meta},[{{}}]]").as_bytes(), |_| {}).expect("meta and contexts");
    let spot = r#"{"universe":[{"name":"PURR/USDC","tokens":[1,0],"index":0,"isCanonical":true},{"name":"@107","tokens":[150,0],"index":107}],"tokens":[{"name":"USDC","szDecimals":8,"weiDecimals":8,"index":0},{"name":"PURR","szDecimals":0,"index":1},{"name":"HYPE","szDecimals":2,"index":150}]}"#;
    instruments::spot(spot.as_bytes(), &mut keep).expect("spotMeta");
    let trading = Some(mesh_types::InstrumentStatus::Trading);
    assert_eq!(seen[0], ("hyperliquid:perpetual:BTC".into(), 0, "0.1".into(), "0.00001".into(), trading));
    assert_eq!((seen[1].1, seen[1].4), (1, Some(mesh_types::InstrumentStatus::Delisted)));
    assert_eq!(seen[2], ("hyperliquid:spot:PURR/USDC".into(), 10_000, "0.00000001".into(), "1".into(), trading));
    assert_eq!((seen[3].0.as_str(), seen[3].1, seen[3].2.as_str()), ("hyperliquid:spot:@107", 10_107, "0.000001"));
    assert!(
        instruments::perpetuals(b"{}", |_| {}).is_err() && instruments::spot(br#"{"universe":[{}]}"#, |_| {}).is_err()
    );
}

#[test]
fn what_is_malformed_is_refused_with_its_place() {
    assert!(refused(&BOOK.replace("\"105055.0\"", "\"x\"")).starts_with("expected a decimal number at byte "));
    assert!(refused(&BOOK.replace(r#",[{"px":"105056.0","sz":"0.1428","n":1}]"#, "")).contains("two sides"));
    assert!(refused(&TRADES.replace("\"A\"", "\"C\"")).contains("a trade with"));
    assert!(refused(&CANDLE.replace("\"v\":\"0.98639\",", "")).contains("a candle with"));
    for frame in ["", "Websocket", "{", "{}", "[]", r#"{"channel":"l2Book"}"#, r#"{"channel":"bbo","data":{}}"#] {
        refused(frame);
    }
}

const FRAMES: &[&str] = &[BOOK, BEST, TRADES, CANDLE, CONTEXT, SPOT_CONTEXT];

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Parser::new().parse(&bytes, 1, &mut |_| {});
        let _ = candles(&bytes, 1, |_| {});
        let _ = (instruments::perpetuals(&bytes, |_| {}), instruments::spot(&bytes, |_| {}));
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
