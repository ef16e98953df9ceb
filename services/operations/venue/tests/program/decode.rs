//! `venue decode` on small inputs of each form, and on real recordings where they are there.

use crate::common::{data, venue};
use serde_json::json;

const KRAKEN: &str = concat!(
    r#"{"recv_ns":1,"frame":{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},"success":true}}"#,
    "\n",
    r#"{"recv_ns":2,"frame":{"channel":"heartbeat"}}"#,
    "\n",
    r#"{"recv_ns":3,"frame":{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":105944.20,"qty":0.00027625,"trade_id":7,"timestamp":"2023-10-06T17:35:55.440295Z"}]}}"#,
    "\n",
    r#"{"recv_ns":4,"frame":{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":45283.5,"qty":0.10000000}],"asks":[{"price":45285.2,"qty":0.00100000}],"checksum":BOOK}]}}"#,
    "\n",
    r#"{"recv_ns":5,"frame":{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[{"price":45285.2,"qty":0.00200000}],"checksum":1}]}}"#,
    "\n",
    "garbage\n",
    r#"{"recv_ns":6,"frame":{"channel":"level3","type":"update","data":[]}}"#,
    "\n\n",
    r#"{"recv_ns":7,"frame":{"channel":"level3","type":"update","data":[]}}"#,
    "\n",
);

/// The checksum of the snapshot above: asks, then bids, without points and leading zeros.
fn kraken() -> String {
    let text = b"452852100000".iter().chain(b"45283510000000");
    let crc = text.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    });
    KRAKEN.replace("BOOK", &(!crc).to_string())
}

#[test]
fn a_recording_is_told_line_by_line_and_summed_up() {
    let run = venue(&["decode", "--venue", "kraken", "--kind", "v2", "--book", "--depth", "5"], kraken().as_bytes());
    let trade = run.of("trade").next().expect("a trade");
    assert_eq!(
        *trade,
        json!({"kind":"trade","instrument":"kraken:spot:BTC/USD","price":"105944.20","quantity":"0.00027625","side":"sell",
               "trade_id":7,"venue_ns":1_696_613_755_440_295_000u64,"recv_ns":3})
    );
    let books: Vec<_> = run.of("book").collect();
    assert_eq!(books.len(), 2);
    assert_eq!(books[0]["health"], "live");
    assert_eq!((&books[0]["checksum_ok"], &books[0]["reason"]), (&json!(true), &json!(null)));
    assert_eq!(books[0]["bids"], json!([["45283.5", "0.10000000"]]));
    assert_eq!((&books[1]["checksum_ok"], &books[1]["health"]), (&json!(false), &json!("suspect")));
    assert!(books[1]["reason"].as_str().is_some_and(|reason| reason.starts_with("checksum")), "{}", books[1]);
    assert_eq!(
        *run.summary(),
        json!({"kind":"summary","lines":8,"parsed":{"trade":1,"book":2},"ignored":{"subscribe":1,"heartbeat":1,"level3":2},
               "malformed":1,"gaps":0,"checksum_failures":1,"books":{"kraken:spot:BTC/USD":"suspect"}})
    );
    assert_eq!(run.code, Some(1), "something was wrong");
    assert!(run.complaints.contains("line 6: expected an object at byte 0"), "{}", run.complaints);
    assert_eq!(run.complaints.matches("level3").count(), 2, "shown once, with its frame: {}", run.complaints);
    let again = venue(&["decode", "--venue", "kraken", "--book", "--depth", "5"], kraken().as_bytes());
    assert_eq!(again.lines, run.lines);
}

#[test]
fn books_are_kept_by_connection_and_a_new_one_begins_again() {
    let frame = |seq: i64, previous: i64, action: &str| {
        let frame = json!({"arg":{"channel":"books","instId":"BTC-USDT"},"action":action,"data":[{
            "asks":[["2","1","0","1"]],"bids":[["1.5","1","0","1"]],"ts":"5","prevSeqId":previous,"seqId":seq}]});
        // Keys in the venue's order: a change is told by its action.
        frame.to_string()
    };
    let line = |t: &str, conn: &str, data: &str| {
        format!("{}\n", json!({"t":t,"ts":1.5,"conn":conn,"url":"wss://host","data":data}))
    };
    let input = [
        line("connect", "a", ""),
        line("send", "a", "{\"op\":\"subscribe\"}"),
        line("recv", "a", &frame(10, -1, "snapshot")),
        line("recv", "b", &frame(20, -1, "snapshot")),
        line("recv", "a", &frame(11, 10, "update")),
        line("recv", "b", &frame(23, 22, "update")),
        line("connect", "a", ""),
        line("recv", "a", &frame(12, 11, "update")),
        line("recv", "a", "pong"),
    ];
    let run = venue(&["decode", "--venue", "okx", "--book"], input.concat().as_bytes());
    let states: Vec<_> =
        run.of("book").map(|b| (b["conn"].as_str(), b["health"].as_str(), b["sequence"].as_u64())).collect();
    assert_eq!(
        states,
        [
            (Some("a"), Some("live"), Some(10)),
            (Some("b"), Some("live"), Some(20)),
            (Some("a"), Some("live"), Some(11)),
            (Some("b"), Some("suspect"), Some(20)),
            (Some("a"), Some("resyncing"), Some(0)),
        ]
    );
    let summary = run.summary();
    assert_eq!((&summary["gaps"], &summary["lines"], &summary["malformed"]), (&json!(1), &json!(9), &json!(0)));
    assert_eq!(summary["ignored"], json!({"connect":2,"pong":1,"sent":1}));
    assert_eq!(summary["books"], json!({"okx:spot:BTC-USDT":"resyncing","okx:spot:BTC-USDT books b":"suspect"}));
}

#[test]
fn each_kind_of_line_has_its_fields() {
    let frames = [
        r#"5 {"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.00001","openInterest":"27.5","oraclePx":"1.0","markPx":"2.50"}}}"#,
        r#"6 {"channel":"candle","data":{"t":60000,"T":119999,"s":"BTC","i":"1m","o":"1.0","c":"2.0","h":"3.0","l":"0.5","v":"9.0","n":3}}"#,
        r#"7 {"channel":"bbo","data":{"coin":"BTC","time":5,"bbo":[null,{"px":"2.0","sz":"1.0","n":1}]}}"#,
    ];
    let run = venue(&["decode", "--venue", "hyperliquid"], frames.join("\n").as_bytes());
    assert_eq!(run.code, Some(0), "{}", run.complaints);
    assert_eq!(
        run.lines[..5],
        [
            json!({"kind":"mark","instrument":"hyperliquid:perpetual:BTC","mark_price":"2.50","index_price":"1.0","venue_ns":null,"recv_ns":5}),
            json!({"kind":"funding","instrument":"hyperliquid:perpetual:BTC","funding_rate":"0.00001","funding_interval_ns":3_600_000_000_000u64,"next_funding_ns":null,"venue_ns":null,"recv_ns":5}),
            json!({"kind":"open_interest","instrument":"hyperliquid:perpetual:BTC","quantity":"27.5","notional":null,"venue_ns":null,"recv_ns":5}),
            json!({"kind":"candle","instrument":"hyperliquid:perpetual:BTC","interval":"1m","open_ns":60_000_000_000u64,"open":"1.0","high":"3.0","low":"0.5","close":"2.0","volume":"9.0","closed":false,"trade_count":3,"venue_ns":null,"recv_ns":6}),
            json!({"kind":"quote","instrument":"hyperliquid:perpetual:BTC","bid_price":null,"bid_quantity":null,"ask_price":"2.0","ask_quantity":"1.0","sequence":5,"venue_ns":5_000_000,"recv_ns":7}),
        ]
    );
}

#[test]
fn instruments_give_books_their_digits() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("pairs.json");
    let pairs = r#"{"error":[],"result":{"XXBTZUSD":{"wsname":"XBT/USD","pair_decimals":1,"lot_decimals":8,"status":"online"}}}"#;
    std::fs::write(&list, pairs).expect("written");
    // A recorder that has lost the zeros at the end of numbers.
    let short = kraken().replace("0.10000000", "0.1").replace("0.00100000", "0.001");
    let bad = venue(&["decode", "--venue", "kraken", "--book"], short.as_bytes());
    assert_eq!(bad.of("book").next().expect("a book")["checksum_ok"], false);
    let list = list.to_str().expect("UTF-8");
    let good = venue(&["decode", "--venue", "kraken", "--book", "--instruments", list], short.as_bytes());
    let book = good.of("book").next().expect("a book");
    assert_eq!((&book["checksum_ok"], &book["bids"]), (&json!(true), &json!([["45283.5", "0.10000000"]])));
    let missing = venue(&["decode", "--venue", "kraken", "--instruments", "nowhere.json"], b"");
    assert_eq!(missing.code, Some(2));
}

#[test]
fn wrong_usage_is_told() {
    for (arguments, says) in [
        (&["decode", "--venue", "nowhere"][..], "expected a venue"),
        (&["decode", "--venue", "binance"], "spot, usdm, coinm"),
        (&["decode", "--venue", "kraken", "--kind", "spot"], "expected v2"),
        (&["decode", "--venue", "drift"], "2026-04-01"),
        (&["decode", "--venue", "bybit"], "expected binance"),
        (&[], "Usage"),
    ] {
        let run = venue(arguments, b"");
        assert_eq!(run.code, Some(2), "{arguments:?}");
        assert!(run.complaints.contains(says), "{arguments:?}: {}", run.complaints);
    }
    let empty = venue(&["decode", "--venue", "okx"], b"");
    assert_eq!((empty.code, &empty.summary()["lines"]), (Some(0), &json!(0)));
    let cut = venue(&["decode", "--venue", "okx"], &[0x1f, 0x8b, 8, 0]);
    assert_eq!(cut.code, Some(2), "gzip that is cut can't be read");
}

#[test]
fn real_recordings_are_whole() {
    for (arguments, name, lines, books, checks) in [
        (["kraken", "v2"], "kraken/ws_v2/kraken_btcusd_l2.ndjson", 377, 1, 301),
        (["kraken", "v2"], "kraken/ws_v2/kraken_xrpusd_sample.ndjson", 1_192, 1, 1_147),
        (["okx", "v5"], "okx/cryptofeed_2022-05-13.jsonl.gz", 414, 3, 290),
        (["hyperliquid", "ws"], "hyperliquid/raw_ws/btcusd_20250126.gz", 55, 1, 0),
        (["binance", "spot"], "binance/spot/cryptofeed_2021-10-12.jsonl.gz", 0, 4, 0),
        (["binance", "usdm"], "binance/usdm/cryptofeed_2021-07-22.jsonl.gz", 0, 4, 0),
    ] {
        let Some(bytes) = data(name) else { continue };
        let run = venue(&["decode", "--venue", arguments[0], "--kind", arguments[1], "--book", "--depth", "1"], &bytes);
        let summary = run.summary();
        assert_eq!(run.code, Some(0), "{name}: {summary} {}", run.complaints);
        assert_eq!(
            (&summary["malformed"], &summary["gaps"], &summary["checksum_failures"]),
            (&json!(0), &json!(0), &json!(0))
        );
        assert!(lines == 0 || summary["lines"] == lines, "{name}: {summary}");
        let healths = summary["books"].as_object().expect("books");
        assert_eq!(healths.values().filter(|health| **health == "live").count(), books, "{name}: {summary}");
        assert_eq!(run.of("book").filter(|book| book["checksum_ok"] == true).count(), checks, "{name}");
    }
}
