//! The program on ticks: the venue's frames and our captures in, reports out.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used)] // a test says what broke by panicking

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mesh_capture::{CaptureWriter, RunInfo, WriterLimits};
use mesh_codec::{FrameBuilder, Stamp};
use mesh_types::market::{BookDelta, BookLevel, BookSnapshot, Trade};
use mesh_types::wire::{Coded, U16, U64};
use mesh_types::{BookHealth, Decimal64, Domain, InstrumentId, InstrumentKind, Mode, Side, SourceId, Venue};
use serde_json::Value;
use tempfile::TempDir;

const MS: u64 = 1_000_000;
const START_MS: u64 = 1_700_000_000_000;
/// Our clock is so far behind the venue's.
const BEHIND_MS: u64 = 700;

fn backtest(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backtest")).args(arguments).current_dir(dir).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn run(dir: &Path, arguments: &[&str]) -> Value {
    let all = [&["run", "--fee-bps", "5", "--json", "--interval", "1s", "--kind", "usdm"], arguments].concat();
    let output = backtest(dir, &all);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A tenth of a second: the middle in tenths, and a trade of so many thousandths, bought or sold.
fn steps() -> impl Iterator<Item = (u64, i64, i64, bool)> {
    (1..4_000u64).map(|i| {
        let middle = 1_000.0 + 40.0 * (i as f64 / 60.0).sin() + (i * 7_919 % 5) as f64;
        (START_MS + i * 100, middle as i64, (1 + i * 31 % 90) as i64, i * 7 % 3 == 0)
    })
}

/// The book around a middle: best first, price in tenths and quantity in thousandths.
fn levels(middle: i64, sign: i64) -> Vec<(i64, i64)> {
    (1..6).map(|distance| (middle + sign * distance, 500 * distance)).collect()
}

/// Levels that are gone and levels that are there.
fn change(from: i64, to: i64, sign: i64) -> Vec<(i64, i64)> {
    let new = levels(to, sign);
    let gone = levels(from, sign).into_iter().filter(|(price, _)| new.iter().all(|(kept, _)| kept != price));
    gone.map(|(price, _)| (price, 0)).chain(new.iter().copied()).collect()
}

/// As Binance sends it.
fn raw() -> String {
    let json = |levels: &[(i64, i64)]| {
        let all: Vec<String> = levels
            .iter()
            .map(|(p, q)| format!("[\"{}.{}0\",\"{}.{:03}\"]", p / 10, p % 10, q / 1_000, q % 1_000))
            .collect();
        all.join(",")
    };
    let mut lines = String::new();
    let local = |ms: u64| (ms - BEHIND_MS) * MS;
    let (bids, asks) = (json(&levels(1_000, -1)), json(&levels(1_000, 1)));
    let _ = writeln!(
        lines,
        "{} {{\"lastUpdateId\":1,\"E\":{START_MS},\"T\":{START_MS},\"bids\":[{bids}],\"asks\":[{asks}]}}",
        local(START_MS)
    );
    let mut before = 1_000;
    for ((ms, middle, quantity, buys), id) in steps().zip(2u64..) {
        let (bids, asks) = (json(&change(before, middle, -1)), json(&change(before, middle, 1)));
        let last = id - 1;
        let _ = writeln!(
            lines,
            "{} {{\"stream\":\"x@depth\",\"data\":{{\"e\":\"depthUpdate\",\"E\":{ms},\"T\":{ms},\"s\":\"XUSDT\",\"U\":{id},\"u\":{id},\"pu\":{last},\"b\":[{bids}],\"a\":[{asks}]}}}}",
            local(ms)
        );
        let price = json(&[(if buys { middle + 1 } else { middle - 1 }, quantity)]);
        let (ms, price) = (ms + 50, price.trim_matches(['[', ']', '"']).replace("\",\"", "\",\"q\":\""));
        let _ = writeln!(
            lines,
            "{} {{\"stream\":\"x@trade\",\"data\":{{\"e\":\"trade\",\"E\":{ms},\"T\":{ms},\"s\":\"XUSDT\",\"t\":{id},\"p\":\"{price}\",\"X\":\"MARKET\",\"m\":{}}}}}",
            local(ms),
            !buys
        );
        before = middle;
    }
    lines
}

/// The same as our messages, in a capture log.
fn capture(root: &Path) -> PathBuf {
    let instrument = InstrumentId::new(Venue::Binance, InstrumentKind::Perpetual, "XUSDT").unwrap();
    let text = String::new;
    let info = RunInfo {
        name: "test".into(),
        started_ns: START_MS * MS,
        mesh_id: 1,
        mode: Mode::Paper,
        profile: text(),
        build: text(),
        topology_sha256: text(),
        configuration_sha256: text(),
        binary_sha256: text(),
    };
    let mut writer = CaptureWriter::create(root, info, WriterLimits::default()).unwrap();
    let mut sequence = 0;
    let mut put = |ms: u64, build: &dyn Fn(FrameBuilder<'_>) -> FrameBuilder<'_>| {
        sequence += 1;
        let local_ns = (ms - BEHIND_MS) * MS;
        let stamp = Stamp { domain: Domain::Market, source: SourceId::new(10), sequence, timestamp_ns: local_ns };
        let mut frame = Vec::new();
        build(FrameBuilder::new(&mut frame, &stamp)).finish().unwrap();
        writer.append(local_ns, &frame).unwrap();
        writer.flush(local_ns).unwrap();
    };
    let body = |levels: &[(i64, i64)]| -> Vec<BookLevel> {
        levels.iter().map(|(p, q)| BookLevel { price: (*p).into(), quantity: (*q).into() }).collect()
    };
    let both = |bids: &[(i64, i64)], asks: &[(i64, i64)]| [body(bids), body(asks)].concat();
    let head = |ms: u64, last: u64, bids: usize, asks: usize| BookDelta {
        instrument,
        first_sequence: U64::new(last),
        last_sequence: U64::new(last),
        previous_sequence: U64::new(last - 1),
        venue_ns: U64::new(ms * MS),
        received_ns: U64::new((ms - BEHIND_MS) * MS),
        price_exponent: -1,
        quantity_exponent: -3,
        health: Coded::from(BookHealth::Live),
        depth: 20,
        bid_count: U16::new(bids as u16),
        ask_count: U16::new(asks as u16),
    };
    let first = head(START_MS, 1, 5, 5);
    let snapshot = BookSnapshot {
        instrument,
        first_sequence: first.first_sequence,
        last_sequence: first.last_sequence,
        previous_sequence: first.previous_sequence,
        venue_ns: first.venue_ns,
        received_ns: first.received_ns,
        price_exponent: first.price_exponent,
        quantity_exponent: first.quantity_exponent,
        health: first.health,
        depth: first.depth,
        bid_count: first.bid_count,
        ask_count: first.ask_count,
    };
    put(START_MS, &|frame| frame.tailed(&snapshot, &both(&levels(1_000, -1), &levels(1_000, 1))));
    let mut before = 1_000;
    for ((ms, middle, quantity, buys), id) in steps().zip(2u64..) {
        let (bids, asks) = (change(before, middle, -1), change(before, middle, 1));
        let delta = head(ms, id, bids.len(), asks.len());
        put(ms, &|frame| frame.tailed(&delta, &both(&bids, &asks)));
        let ms = ms + 50;
        let trade = Trade {
            instrument,
            price: Decimal64 { mantissa: if buys { middle + 1 } else { middle - 1 }, exponent: -1 }.into(),
            quantity: Decimal64 { mantissa: quantity, exponent: -3 }.into(),
            side: Coded::from(if buys { Side::Buy } else { Side::Sell }),
            reserved: 0,
            trade_id: U64::new(id),
            venue_ns: U64::new(ms * MS),
            received_ns: U64::new((ms - BEHIND_MS) * MS),
        };
        put(ms, &|frame| frame.body(&trade));
        before = middle;
    }
    writer.finish((START_MS + 1_000_000) * MS).unwrap();
    root.to_owned()
}

fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("xusdt_1.txt"), raw()).unwrap();
    fs::write(dir.path().join("params.toml"), "ema_fast = 3\nema_slow = 8\nreversal = true\n").unwrap();
    fs::write(dir.path().join("quotes.toml"), "half_spread_bp = 0\nquantity = 0.1\n").unwrap();
    dir
}

const MOMENTUM: [&str; 4] = ["--strategy", "momentum", "--params", "params.toml"];

#[test]
fn frames_and_captures_give_the_same() {
    let dir = folder();
    capture(&dir.path().join("log"));
    let raw = run(dir.path(), &[&MOMENTUM[..], &["--ticks", "xusdt_1.txt"]].concat());
    let captured = run(dir.path(), &[&MOMENTUM[..], &["--ticks", "log", "--symbol", "XUSDT"]].concat());
    assert!(raw["trades"].as_array().unwrap().len() > 5 && raw["equity"].as_array().unwrap().len() > 390);
    for part in ["trades", "digest", "metrics"] {
        assert_eq!(raw[part], captured[part], "{part}");
    }
    // The venue's snapshot is a book once a change has joined it; ours is one at once.
    let equity = |report: &Value| report["equity"].as_array().unwrap()[1..].to_vec();
    assert!(equity(&raw) == equity(&captured));
    let ticks = &raw["ticks"];
    assert_eq!((&ticks["clock_shift_ns"], &ticks["malformed"]), (&(BEHIND_MS * MS).into(), &0.into()));
    assert_eq!(
        (&ticks["books"], &ticks["trades"]),
        (&3_999.into(), &3_999.into()),
        "the snapshot and what joins it are one"
    );
    assert_eq!((&captured["ticks"]["books"], &captured["ticks"]["gaps"]), (&4_000.into(), &0.into()));
    // Each trade at a price of the book, in whole ticks.
    let is_tick = |price: &Value| price.as_str().unwrap().split('.').nth(1).is_none_or(|digits| digits.len() == 1);
    assert!(raw["trades"].as_array().unwrap().iter().all(|trade| is_tick(&trade["exit_price"])));
}

#[test]
fn the_maker_quotes_and_reports_are_written() {
    let dir = folder();
    let quotes = ["--strategy", "quotes", "--params", "quotes.toml", "--ticks", "xusdt_1.txt", "--maker-fee-bps", "-1"];
    let report = run(
        dir.path(),
        &[&quotes[..], &["--html", "run.html", "--csv", "run.csv", "--queue", "proportional"]].concat(),
    );
    let ticks = &report["ticks"];
    assert!(ticks["maker_fills"].as_u64().unwrap() > 20 && ticks["taker_fills"] == 0, "{ticks}");
    assert!(report["metrics"]["fees"].as_f64().unwrap() < 0.0, "a rebate");
    assert_eq!(report, run(dir.path(), &[&quotes[..], &["--queue", "proportional"]].concat()));
    let careful = run(dir.path(), &quotes);
    assert!(careful["ticks"]["maker_fills"].as_u64() <= ticks["maker_fills"].as_u64());
    let html = fs::read_to_string(dir.path().join("run.html")).unwrap();
    assert!(html.contains("Ticks, orders and fills") && html.contains("maker fills") && !html.contains("NaN"));
    assert!(fs::read_to_string(dir.path().join("run.csv")).unwrap().lines().count() > 5);
}

#[test]
fn stops_and_targets_rest_at_the_venue() {
    let dir = folder();
    let params = "ema_fast = 3\nema_slow = 8\nreversal = true\nrequire_cross = false\ntarget_atr = 1\nstop_atr = 1\n";
    fs::write(dir.path().join("params.toml"), params).unwrap();
    let with = |fills: &str| {
        let costs = ["--maker-fee-bps", "1", "--check-lookahead", "3", "--fills", fills];
        run(dir.path(), &[&MOMENTUM[..], &["--ticks", "xusdt_1.txt"], &costs].concat())
    };
    let (watched, rest) = (with("next_open"), with("intrabar"));
    assert_eq!(watched["ticks"]["maker_fills"], 0);
    assert!(rest["ticks"]["maker_fills"].as_u64().unwrap() > 3, "{}", rest["ticks"]);
    // What is sent at a close is filled a latency later; what rests, at any time.
    let in_a_bar = |report: &Value, reason: &str| {
        let ns = |trade: &Value| trade["exit_ns"].as_u64().unwrap() % 1_000_000_000;
        let trades = report["trades"].as_array().unwrap().iter().filter(|trade| trade["exit_reason"] == reason);
        trades.filter(|trade| ns(trade) > 200 * MS).count()
    };
    assert_eq!((in_a_bar(&watched, "stop"), in_a_bar(&watched, "target")), (0, 0));
    let ended = (in_a_bar(&rest, "stop"), in_a_bar(&rest, "target"));
    assert!(ended.0 > 3 && ended.1 > 3, "{ended:?}");
    let bars = backtest(
        dir.path(),
        &["run", "--strategy", "momentum", "--ticks", "xusdt_1.txt", "--kind", "usdm", "--fills", "vectorbt"],
    );
    assert!(text(&bars.stderr).contains("on ticks there is next_open or intrabar"), "{}", text(&bars.stderr));
}

#[test]
fn latency_is_constant_or_measured() {
    let dir = folder();
    let curve = format!("sent_ns,accepted_ns\n{},{}\n", START_MS * MS, START_MS * MS + 80_000 * 1_000);
    fs::write(dir.path().join("curve.csv"), curve).unwrap();
    let with = |more: &[&str]| run(dir.path(), &[&MOMENTUM[..], &["--ticks", "xusdt_1.txt"], more].concat());
    let (fast, slow) = (with(&["--latency-us", "10"]), with(&["--latency-us", "80000"]));
    let measured = with(&["--latency-curve", "curve.csv", "--check-lookahead", "3"]);
    assert_eq!(measured["trades"], slow["trades"]);
    assert_ne!(fast["trades"], slow["trades"]);
    assert_eq!(fast["digest"], slow["digest"], "the decisions are the same");
}

#[test]
fn faults_and_counts_name_the_place() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    let (head, rest) = raw().split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    fs::write(path("xusdt_2.txt"), format!("{head}\nno frame\n12 {{\"e\":\n{rest}")).unwrap();
    let output =
        backtest(dir.path(), &["run", "--strategy", "quotes", "--kind", "usdm", "--ticks", "xusdt_2.txt", "--json"]);
    assert!(
        text(&output.stderr).contains("xusdt_2.txt:2 is left out: expected `<ns> <frame>`"),
        "{}",
        text(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ticks"]["malformed"], 2);
    fs::write(path("curve.csv"), "sent_ns,accepted_ns\n5,4\n").unwrap();
    fs::write(path("cut.gz"), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    let cases: [(&[&str], &str); 11] = [
        (&["--ticks", "none.txt"], "none.txt: can't be read"),
        (&["--ticks", "cut.gz", "--symbol", "XUSDT"], "cut.gz:1: can't be read"),
        (&["--ticks", "xusdt_1.txt", "--symbol", "YUSDT"], "YUSDT: expected books, quotes or trades"),
        (&["--ticks", "."], "--symbol: a capture log holds many instruments"),
        (&["--ticks", "xusdt_1.txt", "--interval", "7q"], "--interval: expected as 1s"),
        (&["--ticks", "xusdt_1.txt", "--latency-curve", "curve.csv"], "line 2: expected acceptance after sending"),
        (&["--ticks", "xusdt_1.txt", "--bars", "x.csv"], "cannot be used with"),
        (&["--bars", "x.csv", "--queue", "proportional"], "cannot be used with"),
        (&["--ticks", "xusdt_1.txt", "--slippage-bps", "1"], "cannot be used with"),
        (&["--ticks", "xusdt_1.txt", "--impact-bps", "1", "--depth", "1"], "cannot be used with"),
        (&["--bars", "x.csv", "--latency-us", "5"], "cannot be used with"),
    ];
    for (arguments, expected) in cases {
        let output =
            backtest(dir.path(), &[&["run", "--strategy", "momentum", "--kind", "usdm"][..], arguments].concat());
        let output = if arguments.contains(&"--bars") && !arguments.contains(&"--ticks") {
            backtest(dir.path(), &[&["run", "--strategy", "momentum"][..], arguments].concat())
        } else {
            output
        };
        let stderr = text(&output.stderr);
        assert!(!output.status.success() && stderr.contains(expected), "{expected}: {stderr}");
    }
    let coin = backtest(dir.path(), &["run", "--strategy", "quotes", "--ticks", "xusdt_1.txt", "--kind", "coinm"]);
    assert!(text(&coin.stderr).contains("inverse"), "{}", text(&coin.stderr));
}

/// Real captures, whole.
#[test]
fn real_captures_run() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/data");
    let root = PathBuf::from(std::env::var("ALPHAMESH_DATA").unwrap_or_else(|_| default.into()));
    for (kind, file) in
        [("spot", "binance/spot/raw_ws/btcusdt_20240808.gz"), ("usdm", "binance/usdm/raw_ws/btcusdt_20240808.gz")]
    {
        let path = root.join(file);
        if !path.exists() {
            eprintln!("SKIPPED: {} is not there; set ALPHAMESH_DATA", path.display());
            continue;
        }
        let dir = folder();
        for strategy in [&MOMENTUM[..], &["--strategy", "quotes"]] {
            let arguments = [strategy, &["--ticks", path.to_str().unwrap()]].concat();
            let all = [&["run", "--json", "--interval", "1s", "--kind", kind][..], &arguments].concat();
            let output = backtest(dir.path(), &all);
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let ticks = &report["ticks"];
            assert!(ticks["clock_shift_ns"].as_u64().unwrap() > 1_200_000_000, "{ticks}");
            assert_eq!((&ticks["malformed"], &ticks["gaps"]), (&0.into(), &0.into()));
            assert!(ticks["orders"].as_u64().unwrap() > 5 && report["equity"].as_array().unwrap().len() > 300);
        }
    }
}

/// Frames of other venues: books that are shown whole (Hyperliquid), and such that changes make (Kraken).
#[test]
fn other_venues_recordings_run() {
    let dir = folder();
    let hyperliquid = |seconds: u64, bid: u64, more: &str| {
        let levels = |from: u64, step: i64| -> String {
            let level = |i: i64| format!(r#"{{"px":"{}.0","sz":"2.5","n":1}}"#, from as i64 + step * i);
            (0..3).map(level).collect::<Vec<_>>().join(",")
        };
        let ms = 1_737_918_800_000 + seconds * 1_000;
        let book = format!(
            r#"{{"channel":"l2Book","data":{{"coin":"BTC","time":{ms},"levels":[[{}],[{}]]}}}}"#,
            levels(bid, -1),
            levels(bid + 1, 1)
        );
        let trade = format!(
            r#"{{"channel":"trades","data":[{{"coin":"BTC","side":"B","px":"{}.0","sz":"0.5","hash":"0x0","time":{ms},"tid":{ms}}}]}}"#,
            bid + 1
        );
        let at = ms * 1_000_000 + 20_000_000;
        format!("{at} {book}\n{at} {trade}\n{more}")
    };
    let wave = |second: u64| 1_000 + if (second / 40).is_multiple_of(2) { second % 40 } else { 40 - second % 40 };
    let frames: String = (0..600).map(|second| hyperliquid(second, wave(second), "")).collect();
    fs::write(dir.path().join("btc_1.txt"), frames + &hyperliquid(600, 1_000, "1 {\"channel\":\n")).unwrap();
    let words = ["run", "--json", "--venue", "hyperliquid", "--interval", "1s"];
    let output = backtest(dir.path(), &[&words[..], &MOMENTUM, &["--ticks", "btc_1.txt"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("btc_1.txt:1203 is left out"), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let counts = |name: &str| report["ticks"][name].as_u64().unwrap();
    assert_eq!((counts("books"), counts("trades"), counts("malformed"), counts("gaps")), (601, 601, 1, 0));
    assert!(report["trades"].as_array().unwrap().len() > 5 && counts("taker_fills") > 10);
    let refused = |more: &[&str]| {
        let output = backtest(dir.path(), &[&words[..], &MOMENTUM, more].concat());
        assert_eq!(output.status.code(), Some(2));
        text(&output.stderr)
    };
    let said = refused(&["--ticks", "btc_1.txt", "--symbol", "ETH"]);
    assert!(
        said.contains("ETH: expected books, quotes or trades") && said.contains("there is hyperliquid:perpetual:BTC"),
        "{said}"
    );
    assert!(refused(&["--ticks", "btc_1.txt", "--kind", "usdm"]).contains("--kind is Binance's alone"));
    let okx = backtest(
        dir.path(),
        &["run", "--strategy", "quotes", "--venue", "okx", "--symbol", "BTC-USDT-SWAP", "--ticks", "btc_1.txt"],
    );
    assert!(text(&okx.stderr).contains("expected spot"), "{}", text(&okx.stderr));
}

#[test]
fn other_venues_real_captures_run() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/data");
    let root = PathBuf::from(std::env::var("ALPHAMESH_DATA").unwrap_or_else(|_| default.into()));
    let recordings = [
        ("hyperliquid", "BTC", "hyperliquid/raw_ws/btcusd_20250126.gz", true),
        ("kraken", "BTC/USD", "kraken/ws_v2/kraken_btcusd_l2.ndjson", false),
    ];
    for (venue, symbol, file, has_trades) in recordings {
        let path = root.join(file);
        if !path.exists() {
            eprintln!("SKIPPED: {} is not there; set ALPHAMESH_DATA", path.display());
            continue;
        }
        let dir = folder();
        let words = ["run", "--json", "--strategy", "quotes", "--interval", "1s", "--venue", venue, "--symbol", symbol];
        let output = backtest(dir.path(), &[&words[..], &["--ticks", path.to_str().unwrap()]].concat());
        assert!(output.status.success(), "{venue}: {}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let ticks = &report["ticks"];
        assert_eq!(ticks["malformed"], 0, "{venue}: {ticks}");
        assert!(ticks["books"].as_u64().unwrap() > 20 && ticks["orders"].as_u64().unwrap() > 1, "{venue}: {ticks}");
        assert_eq!(ticks["trades"].as_u64().unwrap() > 0, has_trades, "{venue}: {ticks}");
    }
}
