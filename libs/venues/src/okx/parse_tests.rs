use super::*;
use crate::books::Books;
use mesh_types::BookHealth;
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

const SNAPSHOT: &str = r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["8476.98","415","0","13"]],"bids":[["8476.97","256","0","12"]],"ts":"1597026383085","checksum":0,"prevSeqId":-1,"seqId":123456}]}"#;
const UPDATE: &str = r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["8476.98","0","0","0"],["8477","5","0","1"]],"bids":[],"ts":"1597026383185","checksum":0,"prevSeqId":123456,"seqId":123457}]}"#;
const BEST: &str = r#"{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["8476.98","415","0","13"]],"bids":[],"ts":"1597026383085","seqId":123456}]}"#;
const TRADE: &str = r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"314161276","px":"43474.10","sz":"0.00373695","side":"sell","ts":"1646311839593"}]}"#;
const TICKER: &str = r#"{"arg":{"channel":"tickers","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","last":"9999.99","askPx":"","askSz":"","bidPx":"8888.88","bidSz":"5","ts":"1597026383085"}]}"#;
const CANDLE: &str = r#"{"arg":{"channel":"candle1H","instId":"BTC-USDT"},"data":[["1597026383085","8533.02","8553.74","8527.17","8548.26","45247","529.5858061","5529.5858061","1"]]}"#;
const FUNDING: &str = r#"{"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","fundingRate":"0.0001","nextFundingRate":"","fundingTime":"1744588800000","nextFundingTime":"1744617600000","ts":"1744590349506"}]}"#;
const MARK: &str = r#"{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","markPx":"84660.1","ts":"1744590349506"}]}"#;
const INTEREST: &str = r#"{"arg":{"channel":"open-interest","instId":"BTC-USD-SWAP"},"data":[{"instId":"BTC-USD-SWAP","instType":"SWAP","oi":"4092973","oiCcy":"13840.048827662696883","oiUsd":"","ts":"1654348683853"}]}"#;
const LIQUIDATION: &str = r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"0.007831","ccy":"","posSide":"short","side":"buy","sz":"13","ts":"1692266434010"}],"instFamily":"IOST-USDT","instId":"IOST-USDT-SWAP","instType":"SWAP","uly":"IOST-USDT"}]}"#;
const INSTRUMENT: &str = r#"{"arg":{"channel":"instruments","instType":"SWAP"},"data":[{"baseCcy":"","ctMult":"1","ctType":"linear","ctVal":"0.01","ctValCcy":"BTC","instFamily":"BTC-USDT","instId":"BTC-USDT-SWAP","instType":"SWAP","lotSz":"0.1","minSz":"0.1","maxLmtSz":"100000000","quoteCcy":"","settleCcy":"USDT","state":"live","tickSz":"0.1","uly":"BTC-USDT"}]}"#;

#[test]
fn each_form_of_frame_is_known() {
    for (frame, kind) in [
        (SNAPSHOT, "book"),
        (UPDATE, "book"),
        (BEST, "quote"),
        (TRADE, "trade"),
        (TICKER, "quote"),
        (CANDLE, "candle"),
        (FUNDING, "funding"),
        (MARK, "mark"),
        (INTEREST, "open_interest"),
        (LIQUIDATION, "liquidation"),
        (INSTRUMENT, "instrument"),
        ("pong", "pong"),
        (r#"{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#, "subscribe"),
        (r#"{"event":"login","code":"0","msg":"","connId":"a"}"#, "login"),
        (r#"{"event":"notice","code":"64008","msg":"The connection will soon be closed."}"#, "notice"),
        (r#"{"event":"channel-conn-count","channel":"orders","connCount":"2"}"#, "channel-conn-count"),
        (r#"{"arg":{"channel":"price-limit","instId":"A-B-SWAP"},"data":[{"x":1}]}"#, "price-limit"),
        (r#"{"arg":{"channel":"status"},"data":[{"title":"Spot","state":"ongoing"}]}"#, "status"),
        (r#"{"code":"0","data":[{"instId":"A-B"}],"msg":""}"#, "answer"),
        (r#"{"id":"1512","op":"order","data":[],"code":"60013","msg":"Invalid args"}"#, "order"),
    ] {
        assert_eq!(kinds(frame), [kind], "{frame}");
    }
    let turned = r#"{"data":[{"asks":[],"bids":[["1","2","0","1"]],"ts":"1","prevSeqId":-1,"seqId":5}],"action":"snapshot","arg":{"instId":"A-B","channel":"books"}}"#;
    assert_eq!(kinds(turned), ["book"], "another order");
    let between = r#"{"arg":{"channel":"books","instId":"A-B"},"data":[{"asks":[],"bids":[],"ts":"1","seqId":5}],"action":"snapshot"}"#;
    assert!(only(between, |m| matches!(m, Message::Book(book) if book.snapshot)));
}

#[test]
fn values_are_those_that_were_printed() {
    only(TRADE, |message| {
        let Message::Trade { trade, .. } = message else { panic!("{message:?}") };
        assert_eq!((trade.side.get(), trade.trade_id.get()), (Some(Side::Sell), 314_161_276));
        assert_eq!(
            (trade.price.get().to_string().as_str(), trade.venue_ns.get()),
            ("43474.10", 1_646_311_839_593_000_000)
        );
    });
    only(TICKER, |message| {
        let Message::Quote(quote) = message else { panic!("{message:?}") };
        assert!(quote.ask_price.get().is_zero() && quote.bid_price.get().to_string() == "8888.88");
        assert_eq!(quote.instrument.to_string(), "okx:swap:BTC-USDT-SWAP");
    });
    only(BEST, |message| {
        let Message::Quote(quote) = message else { panic!("{message:?}") };
        assert!(quote.bid_price.get().is_zero() && quote.sequence.get() == 123_456);
    });
    only(CANDLE, |message| {
        let Message::Candle { candle, .. } = message else { panic!("{message:?}") };
        assert_eq!((candle.closed, candle.interval_ns.get()), (1, 3_600_000_000_000));
        assert_eq!(candle.volume.get().to_string(), "45247");
    });
    only(FUNDING, |message| {
        let Message::Mark(MarkUpdate { funding: Some(funding), mark: None, .. }) = message else {
            panic!("{message:?}")
        };
        assert_eq!(funding.interval_ns, 8 * 3_600_000_000_000);
        assert_eq!((funding.rate.to_string().as_str(), funding.next_ns), ("0.0001", 1_744_588_800_000_000_000));
    });
    only(INTEREST, |message| {
        let Message::OpenInterest(interest) = message else { panic!("{message:?}") };
        assert_eq!(interest.quantity.get().to_string(), "13840.04882766269688");
    });
    only(LIQUIDATION, |message| {
        let Message::Liquidation(order) = message else { panic!("{message:?}") };
        assert_eq!((order.side.get(), order.price.get().to_string().as_str()), (Some(Side::Buy), "0.007831"));
    });
    only(INSTRUMENT, |message| {
        let Message::Instrument(info) = message else { panic!("{message:?}") };
        assert_eq!((info.base.as_str(), info.quote.as_str()), (Some("BTC"), Some("USDT")));
        assert_eq!(
            (info.contract_size.get().to_string().as_str(), info.lot.get().to_string().as_str()),
            ("0.01", "0.1")
        );
    });
    let error = r#"{"event":"error","code":"60012","msg":"Invalid request","connId":"a"}"#;
    assert!(only(error, |m| matches!(m, Message::Reply(reply) if reply.error == Some("Invalid request"))));
}

#[test]
fn the_chain_is_the_book_s_and_its_breaks_are_seen() {
    let mut books = Books::new();
    let mut parser = Parser::new();
    let mut health = |frame: &str| {
        let mut health = None;
        let parsed = parser.parse(frame.as_bytes(), 1, &mut |message| {
            let Message::Book(update) = message else { panic!("{message:?}") };
            let outcome = books.on_update(update, 1).expect("levels");
            assert_eq!(outcome.checksum_ok, None, "a checksum of 0 is none");
            let book = books.get(update.instrument, "books").expect("a book").get();
            health = Some((book.health(), book.sequence(), book.book().ask_count()));
        });
        assert_eq!(parsed, Ok(()));
        (health.expect("a book"), books.gaps())
    };
    assert_eq!(health(UPDATE), ((BookHealth::Resyncing, 0, 0), 0), "no snapshot yet");
    assert_eq!(health(SNAPSHOT), ((BookHealth::Live, 123_456, 1), 0));
    assert_eq!(health(UPDATE), ((BookHealth::Live, 123_457, 1), 0));
    let again = UPDATE.replace("123457", "123459").replace("123456", "123458");
    assert_eq!(health(&again), ((BookHealth::Suspect, 123_457, 1), 1));
    assert_eq!(health(SNAPSHOT), ((BookHealth::Live, 123_456, 1), 1));
    let fresh = UPDATE.replace("123456", "-1");
    assert_eq!(health(&fresh).0.0, BookHealth::Suspect, "a change that names nothing continues nothing");
}

#[test]
fn what_is_malformed_is_refused_with_its_place() {
    assert!(refused(&TRADE.replace("\"43474.10\"", "\"\"")).starts_with("expected a decimal number at byte "));
    assert!(refused(&TRADE.replace("\"sell\"", "\"hold\"")).contains("a trade with"));
    assert!(refused(&SNAPSHOT.replace("\"action\":\"snapshot\",", "")).contains("\"action\""));
    assert!(refused(&SNAPSHOT.replace(":0,", ":99999999999,")).contains("32 bits"));
    assert!(refused(&CANDLE.replace(",\"instId\":\"BTC-USDT\"", "")).contains("\"arg\" with"));
    for frame in ["", "ping", "{", "{}", "[]", r#"{"arg":{"channel":"books"}}"#, r#"{"event":1}"#, "pong "] {
        refused(frame);
    }
}

const FRAMES: &[&str] =
    &[SNAPSHOT, UPDATE, BEST, TRADE, TICKER, CANDLE, FUNDING, MARK, INTEREST, LIQUIDATION, INSTRUMENT];

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Parser::new().parse(&bytes, 1, &mut |_| {});
        let _ = super::instruments::list(&bytes, 1, |_, _| {});
        let _ = crate::okx::errors::ApiError::parse(200, &bytes).map(|error| error.action());
        let _ = crate::okx::errors::items(&bytes, |_| {});
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
