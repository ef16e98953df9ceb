//! The venue over real sockets: books that are followed by the documented procedure, and every fault seen as it is meant.
#![allow(clippy::expect_used, clippy::panic)] // a test says what broke by panicking

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use mesh_book::{Exponents, Step};
use mesh_runtime::clock;
use mesh_types::{BookHealth, Decimal64, OrderType, Side, TimeInForce};
use mesh_venues::binance::Market;
use mesh_venues::binance::depth::DepthBook;
use mesh_venues::binance::event::Event;
use mesh_venues::binance::format::{self, NewOrder, Request};
use mesh_venues::binance::order::{OrderStatus, order_report};
use mesh_venues::binance::parse::Decoder;
use mesh_venues::binance::sign::Credentials;
use mesh_venues::binance::{answers, instruments, subscribe};
use serde_json::Value;
use simvenue::settings::{Settings, TEST_KEY, TEST_SECRET};
use support::{Client, Response, faults, get, http, start};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const DEPTH: &str = "/ws/btcusdt@depth@100ms";

/// A client that follows the documented procedure.
struct Follower {
    address: SocketAddr,
    client: Client,
    book: DepthBook,
    steps: Vec<Step>,
    bad: usize,
}

impl Follower {
    async fn connect(address: SocketAddr) -> Self {
        let book = DepthBook::new(Market::Spot, Some(Exponents::new(-8, -8)), 100);
        Self { address, client: Client::connect(address, DEPTH).await, book, steps: vec![], bad: 0 }
    }

    /// Takes one event, and asks for a snapshot where one is wanted.
    async fn step(&mut self) {
        let text = self.client.text().await.expect("an event");
        let (book, steps) = (&mut self.book, &mut self.steps);
        let read = Decoder::new().decode(text.as_bytes(), |_, event| {
            if let Event::DepthUpdate(update) = event {
                steps.push(book.on_update(update).expect("levels"));
            }
        });
        self.bad += usize::from(read.is_err());
        if self.book.get().is_some_and(|book| book.wants_snapshot()) {
            self.book.get_mut().expect("a book").snapshot_requested();
            let response = get(self.address, "/api/v3/depth?symbol=BTCUSDT&limit=1000").await;
            let book = &mut self.book;
            let read = Decoder::new().decode(response.body.as_bytes(), |_, event| match event {
                Event::Depth(depth) => drop(book.on_snapshot(depth, 1000).expect("levels")),
                other => panic!("expected a snapshot, found {other:?}"),
            });
            read.expect("a snapshot");
        }
    }

    fn is_live(&self) -> bool {
        self.book.get().is_some_and(|book| book.health() == BookHealth::Live)
    }

    async fn until_live(&mut self) {
        while !self.is_live() {
            self.step().await;
        }
    }
}

#[tokio::test]
async fn the_documented_procedure_gives_a_live_book_that_stays_so() {
    let address = start(Settings::default()).await;
    let mut follower = Follower::connect(address).await;
    follower.until_live().await;
    follower.steps.clear();
    for _ in 0..30 {
        follower.step().await;
    }
    assert_eq!(follower.steps, [Step::Applied; 30]);
    // Another follower that starts now comes to the same book at the same update.
    let mut other = Follower::connect(address).await;
    other.until_live().await;
    let book = |follower: &Follower| follower.book.get().expect("a book").clone();
    while book(&follower).sequence() < book(&other).sequence() {
        follower.step().await;
    }
    while book(&other).sequence() < book(&follower).sequence() {
        other.step().await;
    }
    let bids = |follower: &Follower| book(follower).book().bids().collect::<Vec<_>>();
    assert_eq!(bids(&follower), bids(&other));
}

#[tokio::test]
async fn a_gap_and_a_reorder_break_the_book_and_a_duplicate_does_not() {
    let address = start(Settings::default()).await;
    let mut follower = Follower::connect(address).await;
    for (fault, breaks) in [("gap", true), ("duplicate", false), ("reorder", true)] {
        follower.until_live().await;
        follower.steps.clear();
        faults(address, &format!("{{\"{fault}\":{{\"next\":1}}}}")).await;
        for _ in 0..5 {
            follower.step().await;
        }
        assert_eq!(follower.steps.contains(&Step::Broken), breaks, "{fault}: {:?}", follower.steps);
        assert!(fault != "duplicate" || follower.steps.contains(&Step::Ignored));
        let made = get(address, "/sim/faults").await.json();
        assert_eq!(made[fault]["made"], 1);
    }
    follower.until_live().await;
}

#[tokio::test]
async fn a_late_snapshot_is_older_than_the_stream_and_the_next_one_is_not() {
    let address = start(Settings::default()).await;
    let mut follower = Follower::connect(address).await;
    faults(address, r#"{"late_snapshot":{"next":1}}"#).await;
    follower.step().await;
    assert!(!follower.is_live());
    follower.until_live().await;
    assert_eq!(get(address, "/sim/faults").await.json()["late_snapshot"]["made"], 1);
}

#[tokio::test]
async fn a_malformed_frame_is_no_json() {
    let address = start(Settings::default()).await;
    let mut follower = Follower::connect(address).await;
    follower.until_live().await;
    faults(address, r#"{"malformed":{"next":1}}"#).await;
    while follower.bad == 0 {
        follower.step().await;
    }
    assert_eq!(follower.bad, 1);
    follower.until_live().await;
}

#[tokio::test]
async fn a_mute_socket_stays_open_and_a_disconnected_one_does_not() {
    let address = start(Settings::default()).await;
    let mut client = Client::connect(address, DEPTH).await;
    client.text().await.expect("an event");
    faults(address, r#"{"mute":{"next":1}}"#).await;
    // What was on its way still comes.
    while !client.is_silent(Duration::from_millis(700)).await {}
    let mut other = Client::connect(address, DEPTH).await;
    other.text().await.expect("an event: the venue goes on");
    faults(address, r#"{"disconnect":{"next":1}}"#).await;
    while other.text().await.is_some() {}
    assert!(client.is_silent(Duration::from_millis(300)).await, "still open");
}

#[tokio::test]
async fn a_shutdown_is_announced_and_all_connections_are_closed() {
    let address = start(Settings::default()).await;
    let mut raw = Client::connect(address, DEPTH).await;
    let mut combined = Client::connect(address, "/stream?streams=btcusdt@depth@100ms").await;
    raw.text().await.expect("an event");
    faults(address, r#"{"server_shutdown":{"next":1}}"#).await;
    for client in [&mut raw, &mut combined] {
        let (mut shutdowns, mut decoder) = (0, Decoder::new());
        while let Some(text) = client.text().await {
            decoder
                .decode(text.as_bytes(), |_, event| {
                    shutdowns += usize::from(matches!(event, Event::ServerShutdown { .. }));
                })
                .expect("a frame");
        }
        assert_eq!(shutdowns, 1);
    }
    Client::connect(address, DEPTH).await.text().await.expect("the venue is there again");
}

#[tokio::test]
async fn streams_are_subscribed_listed_and_silent_where_that_is_asked_for() {
    let address = start(Settings::default()).await;
    let mut client = Client::connect(address, "/stream").await;
    faults(address, r#"{"silent_subscription":{"next":1}}"#).await;
    let subscribe =
        |names: &[&str], id| subscribe::subscription(subscribe::Method::Subscribe, names.iter().copied(), id);
    client.send(&subscribe(&["ethusdt@bookTicker"], 1)).await;
    assert_eq!(client.text().await.as_deref(), Some(r#"{"result":null,"id":1}"#));
    assert!(client.is_silent(Duration::from_millis(500)).await);
    let wanted = ["ethusdt@trade", "ethusdt@bookTicker", "ethusdt@depth@100ms", "ethusdt@kline_1s", "ethusdt@aggTrade"];
    client.send(&subscribe(&wanted, 2)).await;
    let (mut seen, mut closed_candles) = (std::collections::BTreeSet::new(), 0);
    while seen.len() < wanted.len() || closed_candles < 2 {
        let text = client.text().await.expect("a frame");
        Decoder::new()
            .decode(text.as_bytes(), |stream, event| {
                if let Event::Kline(kline) = event {
                    closed_candles += usize::from(kline.closed);
                    assert!(kline.low <= kline.open && kline.close <= kline.high);
                }
                if !matches!(event, Event::Reply(_)) {
                    seen.insert(stream.expect("combined").to_owned());
                }
            })
            .expect("a frame");
    }
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), {
        let mut wanted = wanted;
        wanted.sort_unstable();
        wanted
    });
}

#[tokio::test]
async fn who_says_too_much_is_closed_and_who_does_not_answer_pings_too() {
    let mut settings = Settings::default();
    settings.limits.ping_interval_ms = 100;
    settings.limits.pong_timeout_ms = 300;
    let address = start(settings).await;
    let mut chatty = Client::connect(address, "/ws").await;
    for id in 0..12 {
        chatty.send(&format!("{{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":{id}}}")).await;
    }
    let close = loop {
        match chatty.next().await {
            Some(Message::Close(frame)) => break frame.expect("a reason"),
            Some(_) => {}
            None => panic!("expected a close frame"),
        }
    };
    assert_eq!(close.code, CloseCode::Policy);
    let mut polite = Client::connect(address, "/ws").await;
    for _ in 0..5 {
        // Reading answers pings: the connection outlives the timeout.
        assert!(matches!(polite.next().await, Some(Message::Ping(_))));
    }
    // One that does not read does not answer.
    tokio::time::sleep(Duration::from_millis(800)).await;
    while polite.next().await.is_some() {}
}

#[tokio::test]
async fn a_slow_client_is_cut_off() {
    let mut settings = Settings::default();
    settings.limits.client_queue = 1;
    let address = start(settings).await;
    let streams = ["trade", "bookTicker", "aggTrade", "depth@100ms"].map(|kind| format!("btcusdt@{kind}")).join("/");
    let mut client = Client::connect(address, &format!("/ws/{streams}")).await;
    // Several frames of one step do not fit a queue of one.
    while client.text().await.is_some() {}
}

fn keys() -> Credentials {
    Credentials::new(TEST_KEY.into(), TEST_SECRET.into())
}

async fn signed(address: SocketAddr, request: &Request) -> Response {
    let target = request.target(&keys(), clock::now_ns() / 1_000_000, None);
    http(address, request.method.name(), &target, Some(TEST_KEY), "").await
}

fn order<'a>(side: Side, order_type: OrderType, price: &str, quantity: &str, id: &'a str) -> NewOrder<'a> {
    let decimal = |text: &str| text.parse::<Decimal64>().expect("a decimal");
    NewOrder {
        symbol: "BTCUSDT",
        side,
        order_type,
        time_in_force: TimeInForce::Gtc,
        quantity: decimal(quantity),
        price: decimal(price),
        client_order_id: id,
        reduce_only: false,
    }
}

async fn place(address: SocketAddr, order: &NewOrder<'_>) -> Response {
    signed(address, &format::place_order(Market::Spot, order)).await
}

#[tokio::test]
async fn orders_are_placed_filled_asked_for_and_cancelled() {
    let address = start(Settings::default()).await;
    let bought = place(address, &order(Side::Buy, OrderType::Market, "0", "0.01", "market-1")).await;
    let report = order_report(bought.body.as_bytes()).expect(&bought.body);
    assert_eq!((bought.status, report.status), (200, Some(OrderStatus::Filled)));
    let filled: Decimal64 =
        report.fills.iter().fold(Decimal64::ZERO, |sum, fill| sum.checked_add(fill.qty).expect("small"));
    assert_eq!((Some(filled), report.fills[0].commission_asset.as_ref()), (report.executed_qty, "BTC"));
    assert_eq!(bought.header("x-mbx-order-count-10s"), Some("0"), "a fill gives the place back");

    let resting = order(Side::Buy, OrderType::Limit, "30000.00", "0.01", "resting-1");
    assert_eq!(
        order_report(place(address, &resting).await.body.as_bytes()).expect("a report").status,
        Some(OrderStatus::New)
    );
    let again = place(address, &resting).await;
    assert_eq!((again.status, again.json()["msg"].as_str()), (400, Some("Duplicate order sent.")));
    let open = signed(address, &format::open_orders(Market::Spot, Some("BTCUSDT"))).await.json();
    assert_eq!(open[0]["clientOrderId"], "resting-1");
    let cancelled = signed(address, &format::cancel_order(Market::Spot, "BTCUSDT", "resting-1")).await;
    let report = order_report(cancelled.body.as_bytes()).expect("a report");
    assert_eq!((report.client_order_id(), report.status), ("resting-1", Some(OrderStatus::Canceled)));
    let code = |response: &Response| response.json()["code"].as_i64();
    let gone = signed(address, &format::cancel_order(Market::Spot, "BTCUSDT", "resting-1")).await;
    assert_eq!((gone.status, code(&gone)), (400, Some(-2011)));
    let unknown = signed(address, &format::query_order(Market::Spot, "BTCUSDT", "nobody")).await;
    assert_eq!(code(&unknown), Some(-2013));
    for (bad, expected) in [
        (order(Side::Buy, OrderType::Limit, "30000.001", "0.01", "x"), -1013),
        (order(Side::Buy, OrderType::Limit, "30000.00", "0.000001", "x"), -1013),
        (order(Side::Buy, OrderType::Limit, "30000.00", "0.00001", "x"), -1013),
        (order(Side::Buy, OrderType::Limit, "30000.00", "0.010000001", "x"), -1111),
        (order(Side::Buy, OrderType::Limit, "30000.00", "100", "x"), -2010),
        (order(Side::Buy, OrderType::PostOnly, "90000.00", "0.01", "x"), -2010),
        (order(Side::Buy, OrderType::Limit, "30000.00", "0.01", "a b"), -1100),
    ] {
        assert_eq!(code(&place(address, &bad).await), Some(expected), "{bad:?}");
    }
    place(address, &resting).await;
    let account = signed(address, &format::account(Market::Spot)).await.json();
    let balance = |asset: &str| {
        account["balances"].as_array().expect("balances").iter().find(|b| b["asset"] == asset).expect("there").clone()
    };
    assert_eq!(balance("USDT")["locked"], "300.00000000");
    assert_eq!(balance("BTC")["free"], "2.00999000", "0.01 bought, 0.1 % fee");
    let trades = signed(address, &format::my_trades(Market::Spot, "BTCUSDT", None)).await.json();
    assert_eq!(trades.as_array().map(Vec::len).map(|n| n > 0), Some(true));
    let all = http(
        address,
        "DELETE",
        &format!("/api/v3/openOrders?{}", {
            let mut query = format::Query::new();
            query.push("symbol", "BTCUSDT");
            query.signed(&keys(), clock::now_ns() / 1_000_000, None)
        }),
        Some(TEST_KEY),
        "",
    )
    .await;
    assert_eq!(all.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn orders_may_be_executed_although_the_answer_is_an_error_or_none() {
    let address = start(Settings::default()).await;
    faults(address, r#"{"error_after_accept":{"next":1}}"#).await;
    let failed = place(address, &order(Side::Buy, OrderType::Limit, "30000.00", "0.01", "lost-1")).await;
    assert_eq!((failed.status, failed.json()["code"].as_i64()), (503, Some(-1007)));
    faults(address, r#"{"timeout_after_accept":{"next":1}}"#).await;
    let second = order(Side::Buy, OrderType::Limit, "30000.00", "0.01", "lost-2");
    let waiting = place(address, &second);
    assert!(tokio::time::timeout(Duration::from_millis(500), waiting).await.is_err(), "never answered");
    for id in ["lost-1", "lost-2"] {
        let found = signed(address, &format::query_order(Market::Spot, "BTCUSDT", id)).await;
        assert_eq!(found.json()["status"], "NEW", "{id}");
    }
}

#[tokio::test]
async fn the_proxy_and_the_limits_refuse() {
    let mut settings = Settings::default();
    settings.limits.weight_per_minute = 100;
    let address = start(settings).await;
    faults(address, r#"{"bad_gateway":{"next":1}}"#).await;
    let bad = get(address, "/api/v3/ping").await;
    assert!(bad.status == 502 && bad.body.starts_with("<html>"));
    faults(address, r#"{"too_many_requests":{"next":1}}"#).await;
    let refused = get(address, "/api/v3/ping").await;
    assert_eq!((refused.status, refused.json()["code"].as_i64()), (429, Some(-1003)));
    assert!(refused.header("retry-after").is_some());
    let used = |response: &Response| response.header("x-mbx-used-weight-1m").and_then(|n| n.parse::<u64>().ok());
    let before = used(&get(address, "/api/v3/ping").await).expect("a header");
    let info = get(address, "/api/v3/exchangeInfo?symbol=BTCUSDT").await;
    // A minute may begin between the two.
    assert!(used(&info) == Some(before + 20) || used(&info) == Some(20));
    assert_eq!(instruments::exchange_info(info.body.as_bytes()).expect("information").symbols.len(), 1);
    let mut statuses = vec![];
    for _ in 0..40 {
        statuses.push(get(address, "/api/v3/exchangeInfo").await.status);
    }
    assert!(statuses.contains(&429) && statuses.last() == Some(&418), "{statuses:?}");
}

#[tokio::test]
async fn the_market_is_told_over_http() {
    let address = start(Settings::default()).await;
    assert_eq!(get(address, "/api/v3/ping").await.body, "{}");
    answers::server_time(get(address, "/api/v3/time").await.body.as_bytes()).expect("a time");
    let candles = get(address, "/api/v3/klines?symbol=ETHUSDT&interval=1s&limit=3").await;
    let mut opens = vec![];
    answers::klines(candles.body.as_bytes(), "ETHUSDT", "1s", clock::now_ns(), |kline| opens.push(kline.open_ns))
        .expect("candles");
    assert!(opens.windows(2).all(|pair| pair[1] - pair[0] == 1_000_000_000) && !opens.is_empty());
    let ticker: Value = get(address, "/api/v3/ticker/bookTicker?symbol=BTCUSDT").await.json();
    assert_eq!(ticker["symbol"], "BTCUSDT");
    assert_eq!(get(address, "/api/v3/ticker/bookTicker").await.json().as_array().map(Vec::len), Some(2));
    for (target, status, code) in [
        ("/api/v3/depth?symbol=NOPE", 400, -1121),
        ("/api/v3/depth", 400, -1102),
        ("/api/v3/depth?symbol=BTCUSDT&limit=x", 400, -1100),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7s", 400, -1120),
        ("/api/v3/exchangeInfo?symbol=NOPE", 400, -1121),
        ("/api/v3/account", 401, -2014),
        ("/nowhere", 404, -5000),
    ] {
        let response = get(address, target).await;
        assert_eq!((response.status, response.json()["code"].as_i64()), (status, Some(code)), "{target}");
    }
    let bad = http(address, "POST", "/sim/faults", None, r#"{"earthquake":{"next":1}}"#).await;
    assert!(bad.status == 400 && bad.body.contains("unknown variant"));
}

#[tokio::test]
async fn hostile_bytes_leave_the_venue_standing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = start(Settings::default()).await;
    for bytes in [
        &b"\x00\xff\x16\x03\x01"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"GET /api/v3/depth?symbol=%zz&limit=%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    ] {
        let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
        socket.write_all(bytes).await.expect("sent");
        socket.shutdown().await.expect("done");
        // It answers or closes; either is fine.
        let _ = tokio::time::timeout(support::PATIENCE, socket.read_to_end(&mut Vec::new())).await.expect("in time");
    }
    let big = http(address, "POST", "/api/v3/order", Some(TEST_KEY), &"x".repeat(100_000)).await;
    assert_eq!(big.status, 413);
    let mut client = Client::connect(address, "/ws").await;
    client.send(&"[".repeat(60_000)).await;
    assert!(client.text().await.expect("an error").contains("error"));
    assert_eq!(get(address, "/api/v3/ping").await.status, 200);
}
