//! Real captures, where they are there: every line parses, books stay live once they have their snapshot, and agree with
//! the venue's own best bid and ask wherever the update ids match.

use std::collections::BTreeMap;

use super::Market;
use super::depth::DepthBook;
use super::event::{Event, PriceLevel};
use super::parse::Decoder;
use super::{answers, convert, instruments, order};
use mesh_book::{BinanceBook, MirrorBook, PublicationHead, Step, TopView};
use mesh_types::{BookHealth, InstrumentId, InstrumentKind};

fn file(name: &str) -> Option<String> {
    crate::recordings::file(name).map(|bytes| String::from_utf8(bytes).expect("text"))
}

/// A book, what the venue said of its top, and how often both were compared.
struct Oracle {
    book: DepthBook,
    view: TopView,
    mirror: MirrorBook,
    tickers: BTreeMap<u64, (PriceLevel, PriceLevel)>,
    live_since: Option<u64>,
    compared: usize,
}

impl Oracle {
    fn new(market: Market) -> Self {
        let book = DepthBook::new(market, None, 10_000);
        let (view, mirror) = (TopView::new(20), MirrorBook::new());
        Self { book, view, mirror, tickers: BTreeMap::new(), live_since: None, compared: 0 }
    }

    fn step(&mut self, step: Step, line: &str) {
        assert_ne!(step, Step::Broken, "{line}");
        let book = self.book.get().expect("an event came");
        if self.live_since.is_some() {
            assert_eq!(book.health(), BookHealth::Live, "{:?} {line}", book.reason());
        }
        if step != Step::Applied {
            return;
        }
        self.live_since.get_or_insert(book.sequence());
        if let Some(publication) = self.view.publish(book.book(), book.sequence(), book.health()) {
            match publication.head.stamped(InstrumentId::default(), 0, 0) {
                PublicationHead::Snapshot(head) => self.mirror.on_snapshot(&head, publication.levels),
                PublicationHead::Delta(head) => self.mirror.on_delta(&head, publication.levels),
            }
            .expect("own message");
        }
        assert!(self.mirror.book().bids().eq(book.book().bids().take(20)), "{line}");
        assert!(self.mirror.book().asks().eq(book.book().asks().take(20)), "{line}");
        self.compare();
    }

    fn compare(&mut self) {
        let Some(book) = self.book.get().filter(|book| book.health() == BookHealth::Live) else { return };
        let sequence = book.sequence();
        if let Some((bid, ask)) = self.tickers.get(&sequence) {
            let exponents = book.book().exponents();
            let best = |level: Option<mesh_book::Level>| level.map(|l| (exponents.price(l), exponents.quantity(l)));
            assert_eq!(
                (best(book.book().best_bid()), best(book.book().best_ask())),
                (Some(*bid), Some(*ask)),
                "{sequence}"
            );
            self.compared += 1;
        }
        self.tickers = self.tickers.split_off(&sequence.saturating_add(1));
    }
}

#[derive(Default)]
struct Replayed {
    counts: BTreeMap<String, usize>,
    books: BTreeMap<String, Oracle>,
}

impl Replayed {
    fn frame(&mut self, market: Market, decoder: &mut Decoder, frame: &str, symbol_of_snapshot: &str) {
        let Self { counts, books } = self;
        let decoded = decoder.decode(frame.as_bytes(), |_, event| {
            *counts.entry(event.kind().to_owned()).or_default() += 1;
            match event {
                Event::Trade(trade) => drop(convert::trade(market, trade, 1).expect("a symbol")),
                Event::Kline(kline) => drop(convert::candle(market, kline, 1).expect("a symbol")),
                Event::BookTicker(ticker) => {
                    convert::quote(market, ticker, 1).expect("a symbol");
                    let oracle = books.entry(ticker.symbol.to_owned()).or_insert_with(|| Oracle::new(market));
                    oracle.tickers.insert(ticker.update_id, (ticker.bid, ticker.ask));
                    oracle.compare();
                }
                Event::DepthUpdate(update) => {
                    let oracle = books.entry(update.symbol.to_owned()).or_insert_with(|| Oracle::new(market));
                    let step = oracle.book.on_update(update).expect("levels");
                    oracle.step(step, frame);
                }
                Event::Depth(depth) => {
                    let symbol = depth.symbol.unwrap_or(symbol_of_snapshot);
                    let oracle = books.entry(symbol.to_owned()).or_insert_with(|| Oracle::new(market));
                    let step = oracle.book.on_snapshot(depth, 1000).expect("levels");
                    oracle.step(step, frame);
                }
                other => assert!(matches!(other, Event::Reply(_)), "{other:?}"),
            }
        });
        assert_eq!(decoded, Ok(()), "{frame}");
    }
}

fn raw(name: &str, market: Market, symbol: &str, expected: &[(&str, usize)], least_compared: usize) {
    let Some(text) = file(name) else { return };
    let (mut replayed, mut decoder) = (Replayed::default(), Decoder::new());
    for line in text.lines() {
        let (_, frame) = line.split_once(' ').expect("ns and frame");
        replayed.frame(market, &mut decoder, frame, symbol);
    }
    let counts: Vec<(&str, usize)> = replayed.counts.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(counts, expected);
    let oracle = &replayed.books[symbol];
    assert!(oracle.live_since.is_some());
    eprintln!("{name}: {} tickers compared", oracle.compared);
    assert!(oracle.compared >= least_compared, "compared {}", oracle.compared);
}

#[test]
fn spot_capture_is_whole() {
    let expected = [("bookTicker", 28_040), ("depth", 1), ("depthUpdate", 3_451), ("trade", 9_757)];
    raw("binance/spot/raw_ws/btcusdt_20240808.gz", Market::Spot, "BTCUSDT", &expected, 500);
}

#[test]
fn usdm_capture_is_whole() {
    let expected = [("bookTicker", 66_089), ("depth", 1), ("depthUpdate", 6_551), ("trade", 21_313)];
    raw("binance/usdm/raw_ws/btcusdt_20240808.gz", Market::UsdM, "BTCUSDT", &expected, 500);
}

#[test]
fn coinm_capture_is_whole() {
    let expected = [("bookTicker", 19_136), ("depth", 1), ("depthUpdate", 26_847), ("trade", 2_286)];
    raw("binance/coinm/raw_ws/btcusd_perp_20240808.gz", Market::CoinM, "BTCUSD_PERP", &expected, 500);
}

fn cryptofeed(name: &str, market: Market) {
    #[derive(serde::Deserialize)]
    struct Line {
        t: String,
        #[serde(default)]
        url: String,
        #[serde(default)]
        data: String,
    }
    let Some(text) = file(name) else { return };
    let (mut replayed, mut decoder) = (Replayed::default(), Decoder::new());
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).expect("a line");
        let symbol = line.url.split("symbol=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default();
        if line.t == "recv" || line.t == "http" {
            replayed.frame(market, &mut decoder, &line.data, symbol);
        }
    }
    let live = replayed.books.values().filter(|oracle| oracle.live_since.is_some()).count();
    assert_eq!((replayed.books.len(), live), (4, 4));
    assert!(replayed.counts["kline"] > 0 && replayed.counts["aggTrade"] > 0, "{:?}", replayed.counts);
}

#[test]
fn cryptofeed_captures_are_whole() {
    cryptofeed("binance/spot/cryptofeed_2021-10-12.jsonl.gz", Market::Spot);
    cryptofeed("binance/usdm/cryptofeed_2021-07-22.jsonl.gz", Market::UsdM);
}

#[test]
fn exchange_information_parses() {
    for (name, market, count, tick) in [
        ("binance/spot/exchangeInfo_2021-10-12.json.gz", Market::Spot, 1_695, "0.01000000"),
        ("binance/usdm/exchangeInfo_2021-07-22.json.gz", Market::UsdM, 122, "0.01"),
    ] {
        let Some(text) = file(name) else { continue };
        let info = instruments::exchange_info(text.as_bytes()).expect("exchange information");
        assert!(info.server_ns > 1_600_000_000_000_000_000 && info.rate_limits.len() >= 3);
        assert_eq!(info.symbols.len(), count);
        let mut futures = 0;
        for symbol in &info.symbols {
            assert!(symbol.tick.is_positive() && symbol.lot.is_positive(), "{symbol:?}");
            let body = convert::instrument_info(market, symbol, info.server_ns, 1).expect("a symbol");
            futures += usize::from(body.instrument.kind() == Some(InstrumentKind::Future));
            if symbol.symbol == "BTCUSDT" {
                assert_eq!((body.tick.get().to_string().as_str(), body.base.as_str()), (tick, Some("BTC")));
                assert!(body.min_notional.get().is_positive());
            }
        }
        assert_eq!(futures > 0, market == Market::UsdM);
    }
}

#[test]
fn documented_payloads_parse() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for name in ["binance/spot/docs_ws_streams_examples.json", "binance/spot/docs_user_data_examples.json"] {
        let Some(text) = file(name) else { return };
        let examples: Vec<serde_json::Value> = serde_json::from_str(&text).expect("examples");
        for example in examples {
            let frame = example["json"].to_string();
            let decoded = Decoder::new().decode(frame.as_bytes(), |_, event| {
                *kinds.entry(event.kind().to_owned()).or_default() += 1;
                if let Event::User { kind, json } = event {
                    order::UserEvent::parse(kind, json).expect(kind);
                }
            });
            assert_eq!(decoded, Ok(()), "{frame}");
        }
    }
    for kind in [
        "trade",
        "aggTrade",
        "bookTicker",
        "depthUpdate",
        "depth",
        "kline",
        "reply",
        "serverShutdown",
        "executionReport",
    ] {
        assert!(kinds.contains_key(kind), "{kind} is missing in {kinds:?}");
    }
}

#[test]
fn another_adapter_s_fixtures_parse() {
    let mut read = 0;
    for name in ["binance/spot/nautilus_fixtures.json", "binance/usdm/nautilus_fixtures.json"] {
        let Some(text) = file(name) else { return };
        let fixtures: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).expect("fixtures");
        for (path, value) in fixtures {
            let (name, body) = (path.rsplit('/').next().unwrap_or_default().to_owned(), value.to_string());
            let bytes = body.as_bytes();
            match name.as_str() {
                "cancel_order_response.json" | "new_order_full_response.json" | "order_response.json" => {
                    let report = order::order_report(bytes).expect(&path);
                    assert!(report.status.is_some() && !report.client_order_id().starts_with("cancel"), "{path}");
                }
                "all_orders_response.json" | "open_orders_response.json" => {
                    assert!(!order::order_reports(bytes).expect(&path).is_empty());
                }
                "account_trades_response.json" => drop(order::account_trades(bytes).expect(&path)),
                "exchange_info_response.json" => drop(instruments::exchange_info(bytes).expect(&path)),
                "klines_response.json" => {
                    answers::klines(bytes, "X", "1w", u64::MAX, |k| assert!(k.closed)).expect(&path)
                }
                "server_time_response.json" => drop(answers::server_time(bytes).expect(&path)),
                _ => {
                    let decoded = Decoder::new().decode(bytes, |_, event| {
                        if let Event::User { kind, json } = event {
                            let parsed = order::UserEvent::parse(kind, json).expect(&path);
                            let fill = name.contains("trade") && name != "trade_lite.json";
                            if let order::UserEvent::Execution(execution) = parsed {
                                assert_eq!(
                                    execution.trade_id().is_some(),
                                    fill || name.contains("order_update_") && execution.last_quantity.is_positive(),
                                    "{path}"
                                );
                            }
                        }
                    });
                    assert_eq!(decoded, Ok(()), "{path}");
                }
            }
            read += 1;
        }
    }
    assert_eq!(read, 57);
}

/// Whatever is lost, doubled or reordered in the real stream, a live book equals the undamaged one at its sequence.
#[test]
fn damage_in_a_real_stream_is_always_seen() {
    for (name, market) in [
        ("binance/spot/raw_ws/btcusdt_20240808.gz", Market::Spot),
        ("binance/usdm/raw_ws/btcusdt_20240808.gz", Market::UsdM),
        ("binance/coinm/raw_ws/btcusd_perp_20240808.gz", Market::CoinM),
    ] {
        let Some(text) = file(name) else { return };
        let depth = text.lines().filter(|line| line.contains("depthUpdate") || line.contains("lastUpdateId"));
        let frames: Vec<&str> =
            depth.filter_map(|line| line.split_once(' ')).map(|(_, frame)| frame).take(120).collect();
        // With the snapshot first, the book is live at every sequence from the first change on that continues it.
        let (snapshots, diffs): (Vec<&str>, Vec<&str>) =
            frames.iter().partition(|frame| frame.contains("lastUpdateId"));
        let truth = play(market, snapshots.into_iter().chain(diffs));
        assert!(truth.len() > 50, "{}", truth.len());
        for at in 0..frames.len() {
            let mut lost = frames.clone();
            lost.remove(at);
            let mut doubled = frames.clone();
            doubled.insert(at, frames[at]);
            let mut swapped = frames.clone();
            swapped.swap(at, (at + 1).min(frames.len() - 1));
            for damaged in [lost, doubled, swapped] {
                for (sequence, top) in play(market, damaged.into_iter()) {
                    assert_eq!(truth.get(&sequence), Some(&top), "{name} frame {at}, live at {sequence}");
                }
            }
        }
    }
}

/// A digest of the book at each sequence at which it was live.
fn play<'a>(market: Market, frames: impl Iterator<Item = &'a str>) -> BTreeMap<u64, u64> {
    let (mut book, mut decoder, mut live) = (DepthBook::new(market, None, 1000), Decoder::new(), BTreeMap::new());
    for frame in frames {
        let decoded = decoder.decode(frame.as_bytes(), |_, event| match event {
            Event::DepthUpdate(update) => drop(book.on_update(update).expect("levels")),
            Event::Depth(depth) => drop(book.on_snapshot(depth, 1000).expect("levels")),
            other => panic!("{other:?}"),
        });
        assert_eq!(decoded, Ok(()));
        if let Some(book) = book.get().filter(|book| book.health() == BookHealth::Live) {
            live.insert(book.sequence(), digest(book));
        }
    }
    live
}

fn digest(book: &BinanceBook) -> u64 {
    let levels = book.book().bids().chain(book.book().asks());
    levels.fold(0, |hash: u64, level| {
        let mixed = level.price.wrapping_mul(31).wrapping_add(level.quantity).cast_unsigned();
        (hash ^ mixed).wrapping_mul(0x0100_0000_01b3)
    })
}
