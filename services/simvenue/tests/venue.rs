//! The venue without sockets: a real capture played from end to end, signature vectors, and requests of any kind.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test says what broke by panicking

use std::collections::BTreeMap;
use std::path::PathBuf;

use mesh_book::{BinanceBook, Exponents};
use mesh_types::BookHealth;
use mesh_venues::binance::Market;
use mesh_venues::binance::depth::DepthBook;
use mesh_venues::binance::event::{Event, PriceLevel};
use mesh_venues::binance::parse::Decoder;
use proptest::prelude::*;
use simvenue::binance::answer::Request;
use simvenue::binance::venue::Venue;
use simvenue::server::build;
use simvenue::settings::{AccountSettings, Settings, TapeSettings};

const MS: u64 = 1_000_000;
const START_NS: u64 = 1_800_000_000_000 * MS;

fn capture(path: &str) -> Option<PathBuf> {
    let root = std::env::var("ALPHAMESH_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let file = root.join(path);
    if file.exists() {
        return Some(file);
    }
    println!("SKIPPED: {} is not there; ALPHAMESH_DATA names its place", file.display());
    None
}

fn get<'a>(path: &'a str, query: &'a str, now_ns: u64) -> Request<'a> {
    Request { method: "GET", path, query, body: "", api_key: None, now_ns }
}

/// Someone who joins at some moment and follows the documented procedure from there.
struct Follower {
    book: DepthBook,
    joined_ns: u64,
    tops: usize,
}

impl Follower {
    fn new(joined_ns: u64) -> Self {
        Self { book: DepthBook::new(Market::Spot, Some(Exponents::new(-8, -8)), 1_000), joined_ns, tops: 0 }
    }

    /// Compares the book with the best bid that the capture itself tells at the same update.
    fn compare(&mut self, bid: Option<&PriceLevel>) {
        let Some((bid, book)) = bid.zip(self.book.get().filter(|_| self.is_live())) else { return };
        let exponents = book.book().exponents();
        let best = book.book().best_bid().expect("a bid");
        assert_eq!((exponents.price(best), exponents.quantity(best)), *bid);
        self.tops += 1;
    }

    fn is_live(&self) -> bool {
        self.book.get().map(BinanceBook::health) == Some(BookHealth::Live)
    }
}

#[test]
fn a_real_capture_gives_live_books_to_whoever_joins_at_any_moment() {
    let Some(file) = capture("binance/spot/raw_ws/btcusdt_20240808.gz") else { return };
    let tape = TapeSettings { file, speed: 1.0, looped: false };
    let settings = Settings { tape: Some(tape), ..Settings::default() };
    let mut venue = build::venue(&settings, START_NS).expect("a venue");
    assert_eq!(venue.instruments().len(), 1);
    let mut followers = vec![];
    let (mut frames, mut trades, mut closed, mut now_ns) = (0, vec![], vec![], START_NS);
    let (mut decoder, mut tickers) = (Decoder::new(), BTreeMap::new());
    while let Some(next_ns) = venue.source().next_ns() {
        now_ns = now_ns.max(next_ns) + 20 * MS;
        if (now_ns - START_NS) / (17_000 * MS) >= followers.len() as u64 {
            followers.push(Follower::new(now_ns));
        }
        let outcome = venue.advance(now_ns, &|_| true);
        for frame in outcome.frames {
            frames += 1;
            decoder
                .decode(frame.payload.as_bytes(), |_, event| match event {
                    Event::DepthUpdate(update) => {
                        for follower in &mut followers {
                            let was_live = follower.is_live();
                            follower.book.on_update(update).expect("levels");
                            follower.compare(tickers.get(&update.last));
                            assert!(!was_live || follower.is_live(), "joined at {}", follower.joined_ns - START_NS);
                        }
                    }
                    Event::BookTicker(ticker) => {
                        tickers.insert(ticker.update_id, ticker.bid);
                    }
                    Event::Trade(trade) if !trade.aggregated => trades.push(trade.trade_ns),
                    Event::Kline(kline) if kline.closed && kline.interval == "1m" => {
                        closed.push((kline.open_ns, kline.trade_count));
                    }
                    _ => {}
                })
                .expect("a frame");
        }
        for follower in &mut followers {
            let Some(book) = follower.book.get_mut().filter(|book| book.wants_snapshot()) else { continue };
            book.snapshot_requested();
            let answer = venue.answer(&get("/api/v3/depth", "symbol=BTCUSDT&limit=5000", now_ns));
            let read = decoder.decode(answer.body.as_bytes(), |_, event| {
                if let Event::Depth(depth) = event {
                    follower.book.on_snapshot(depth, 5_000).expect("levels");
                }
            });
            read.expect("a snapshot");
        }
    }
    assert!(frames > 41_000, "{frames}");
    assert!(followers.len() > 15);
    for follower in &followers {
        assert!(follower.is_live(), "joined at {}", follower.joined_ns - START_NS);
    }
    assert!(followers[0].tops > 100, "the capture's own best prices were compared");
    // The venue's clock comes to midnight; each minute has the trades that the capture has of it.
    assert_eq!(closed.len(), 6);
    for (open_ns, trade_count) in closed {
        let within = trades.iter().filter(|time| (open_ns..open_ns + 60_000 * MS).contains(time)).count();
        assert_eq!((trade_count, open_ns % (60_000 * MS)), (within as u64, 0));
    }
}

#[test]
fn a_capture_of_several_symbols_has_a_book_for_each() {
    let Some(file) = capture("binance/spot/cryptofeed_2021-10-12.jsonl.gz") else { return };
    let tape = TapeSettings { file, speed: 100.0, looped: true };
    let mut venue = build::venue(&Settings { tape: Some(tape), ..Settings::default() }, START_NS).expect("a venue");
    let names: Vec<String> = venue.instruments().iter().map(|i| format!("{} {} {}", i.base, i.quote, i.tick)).collect();
    assert_eq!(names, ["BLZ ETH 1", "LRC BTC 1", "NKN USDT 1000", "RUNE EUR 100000"]);
    let (mut now_ns, mut restarts) = (START_NS, 0);
    while restarts < 2 {
        for symbol in ["BLZETH", "LRCBTC", "NKNUSDT", "RUNEEUR"] {
            let answer = venue.answer(&get("/api/v3/depth", &format!("symbol={symbol}&limit=5"), now_ns));
            assert_eq!(answer.status, 200, "{symbol}: {}", answer.body);
        }
        now_ns += 60_000 * MS;
        restarts += u64::from(venue.advance(now_ns, &|_| true).restarted);
    }
}

/// A venue whose account has the key pair that Binance's documentation prints.
fn documented() -> Venue {
    let account = AccountSettings {
        key: "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A".into(),
        secret: "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j".into(),
        ..AccountSettings::default()
    };
    let mut settings = Settings { accounts: vec![account], history_s: 2, ..Settings::default() };
    settings.limits.weight_per_minute = u64::MAX;
    build::venue(&settings, START_NS).expect("a venue")
}

#[test]
fn signatures_are_those_of_the_documentation() {
    let mut venue = documented();
    let payload = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
    let signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
    let good = format!("{payload}&signature={signature}");
    let sent_ms = 1_499_827_319_559u64;
    let mut ask = |query: &str, body: &str, key: Option<&str>, now_ms: u64| -> (u16, i64) {
        let request = Request { method: "POST", path: "/api/v3/order", query, body, api_key: key, now_ns: now_ms * MS };
        let answer = venue.answer(&request);
        let json: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        (answer.status, json["code"].as_i64().expect("a code"))
    };
    let key = Some("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A");
    // The signature is good; the symbol is not traded here.
    assert_eq!(ask(&good, "", key, sent_ms + 4_999), (400, -1121));
    let mixed = "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559&signature=";
    assert_eq!(
        ask(
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
            &format!("{mixed}0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"),
            key,
            sent_ms
        ),
        (400, -1121),
        "query and body together are signed without a separator: the documentation's vector"
    );
    assert_eq!(ask(&good.replace("price=0.1", "price=0.2"), "", key, sent_ms), (400, -1022));
    assert_eq!(ask(&good, "", key, sent_ms + 5_001), (400, -1021));
    assert_eq!(ask(&good, "", key, sent_ms - 1_000), (400, -1021));
    assert_eq!(ask(&good, "", Some("another"), sent_ms), (401, -2015));
    assert_eq!(ask(&good, "", None, sent_ms), (401, -2014));
    assert_eq!(ask(payload, "", key, sent_ms), (400, -1102));
}

proptest! {
    #[test]
    fn any_request_is_survived(
        method in prop_oneof![Just("GET"), Just("POST"), Just("DELETE"), Just("PATCH")],
        path in prop_oneof![
            Just("/api/v3/order".to_owned()), Just("/api/v3/depth".to_owned()), Just("/api/v3/klines".to_owned()),
            Just("/api/v3/exchangeInfo".to_owned()), Just("/api/v3/myTrades".to_owned()), "/[a-z0-9/]{0,30}",
        ],
        pairs in proptest::collection::vec((
            prop_oneof![
                Just("symbol"), Just("limit"), Just("interval"), Just("startTime"), Just("endTime"), Just("symbols"),
                Just("side"), Just("type"), Just("timeInForce"), Just("quantity"), Just("price"), Just("quoteOrderQty"),
                Just("newClientOrderId"), Just("orderId"), Just("origClientOrderId"), Just("fromId"),
            ],
            prop_oneof![
                Just("BTCUSDT".to_owned()), Just("BUY".to_owned()), Just("SELL".to_owned()), Just("LIMIT".to_owned()),
                Just("MARKET".to_owned()), Just("GTC".to_owned()), Just("FOK".to_owned()), Just("1s".to_owned()),
                any::<i64>().prop_map(|n| n.to_string()), "-?[0-9]{1,20}(\\.[0-9]{1,12})?", ".{0,20}",
            ],
        ), 0..10),
        raw in ".{0,40}",
        sign in any::<bool>(),
    ) {
        let mut venue = documented();
        let mut query = mesh_venues::binance::format::Query::new();
        pairs.iter().for_each(|(name, value)| { query.push(name, value); });
        let keys = mesh_venues::binance::sign::Credentials::new(
            "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A".into(),
            "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j".into(),
        );
        let query = if sign { query.signed(&keys, START_NS / MS, None) } else { format!("{}{raw}", query.as_str()) };
        let body = if sign { "" } else { raw.as_str() };
        let request = Request { method, path: &path, query: &query, body, api_key: Some(keys.api_key()), now_ns: START_NS };
        let answer = venue.answer(&request);
        prop_assert!((200..600).contains(&answer.status));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_ok(), "{}", answer.body);
        venue.advance(START_NS + 300 * MS, &|_| true);
    }
}
