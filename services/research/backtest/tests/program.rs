//! The program as people run it: files in, reports out.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

fn backtest(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backtest")).args(arguments).current_dir(dir).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A wave of prices as CSV.
fn wave(bars: u64, period: f64) -> String {
    let mut csv = String::from("ts_ms,open,high,low,close,volume\n");
    let mut open = 100.0;
    for i in 0..bars {
        let noise = (i * 7_919 % 13) as f64 / 3.0;
        let close = ((100.0 + noise + 10.0 * (i as f64 / period).sin()) * 100.0).round() / 100.0;
        let (high, low) = (f64::max(open, close) + 0.5, f64::min(open, close) - 0.5);
        csv += &format!("{},{open},{high},{low},{close},{}\n", 1_704_067_200_000 + i * 3_600_000, 1 + i % 7);
        open = close;
    }
    csv
}

fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("AAA_1h.csv"), wave(1_500, 11.0)).unwrap();
    fs::write(dir.path().join("BBB_1h.csv"), wave(1_200, 17.0)).unwrap();
    let funding = |i: u64| format!("{},0.000{}\n", 1_704_067_200_000 + i * 28_800_000, 1 + i % 3);
    fs::write(dir.path().join("funding.csv"), "ts_ms,rate\n".to_owned() + &(1..140).map(funding).collect::<String>())
        .unwrap();
    fs::write(dir.path().join("params.toml"), "ema_fast = 5\nema_slow = 12\ntarget_atr = 3\nreversal = true\n")
        .unwrap();
    dir
}

const RUN: [&str; 8] = ["run", "--strategy", "momentum", "--params", "params.toml", "--fee-bps", "5", "--json"];

fn run(dir: &Path, more: &[&str]) -> Value {
    let output = backtest(dir, &[&RUN[..], more].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The same bars as Parquet.
fn parquet(csv: &str, path: &Path) {
    use mesh_columns::{Cell, Field, Kind, Writer};
    let mut lines = csv.lines();
    let kind = |name: &str| if name == "ts_ms" { Kind::I64 } else { Kind::F64 };
    let fields = lines.next().unwrap().split(',').map(|name| Field::required(name, kind(name)));
    let mut writer = Writer::new(fs::File::create(path).unwrap(), fields.collect()).unwrap();
    for line in lines {
        let cells = line.split(',').enumerate().map(|(at, cell)| match at {
            0 => Cell::I64(cell.parse().unwrap()),
            _ => Cell::F64(cell.parse().unwrap()),
        });
        writer.row(&cells.collect::<Vec<_>>()).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn bars_from_parquet_are_the_same() {
    let dir = folder();
    let partition = dir.path().join("bars").join("symbol=AAA");
    fs::create_dir_all(&partition).unwrap();
    parquet(&wave(1_500, 11.0), &partition.join("part-0.parquet"));
    let of_csv = run(dir.path(), &["--bars", "AAA_1h.csv"]);
    assert_eq!(run(dir.path(), &["--bars", "bars"]), of_csv);
    fs::write(dir.path().join("spec.toml"), "[[indicator]]\nname = 'rsi'\nperiod = 14\noutput = 'rsi'\n").unwrap();
    let indicators = |bars: &str| backtest(dir.path(), &["indicators", "--bars", bars, "--spec", "spec.toml"]).stdout;
    assert_eq!(indicators("bars/symbol=AAA/part-0.parquet"), indicators("AAA_1h.csv"));
}

#[test]
fn a_report_has_what_was_promised() {
    let dir = folder();
    let report = run(dir.path(), &["--bars", "AAA_1h.csv", "--fills", "intrabar"]);
    for metric in ["total_return", "sharpe", "max_drawdown", "profit_factor", "win_rate", "fees", "cagr", "sortino"] {
        assert!(report["metrics"][metric].is_f64(), "{metric}: {}", report["metrics"][metric]);
    }
    let trades = report["trades"].as_array().unwrap();
    assert_eq!(report["metrics"]["trades"].as_u64().unwrap() as usize, trades.len());
    assert!(trades.len() > 10);
    for name in ["entry_price", "exit_price", "quantity", "pnl", "fees"] {
        assert!(trades.iter().all(|trade| trade[name].as_str().unwrap().parse::<f64>().unwrap().is_finite()));
    }
    assert!(trades.iter().any(|trade| trade["exit_reason"] == "target"));
    assert_eq!(report["equity"].as_array().unwrap().len(), 1_501);
    assert_eq!(report["equity"][0][1], "10000");
    assert_eq!(report["digest"].as_str().unwrap().len(), 16);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let dir = folder();
    let arguments = ["--bars", "AAA_1h.csv", "BBB_1h.csv", "--funding", "BBB=funding.csv", "--max-positions", "1"];
    let arguments = [&RUN[..], &arguments, &["--check-lookahead", "5"]].concat();
    let (first, second) = (backtest(dir.path(), &arguments), backtest(dir.path(), &arguments));
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert_eq!(first.stdout, second.stdout);
    let report: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert!(report["metrics"]["refused"].as_u64().unwrap() > 0);
    assert_eq!(report["symbols"].as_array().unwrap().len(), 2);
    assert_ne!(report["metrics"]["funding"].as_f64().unwrap(), 0.0);
}

/// The fills change the trades, never the decisions.
#[test]
fn fills_leave_the_digest() {
    let dir = folder();
    let of = |fills: &str| run(dir.path(), &["--bars", "AAA_1h.csv", "--fills", fills]);
    let [open, close, inside] = ["next_open", "same_close", "intrabar"].map(of);
    assert_eq!((&open["digest"], &open["digest"]), (&close["digest"], &inside["digest"]));
    assert_ne!(open["trades"], close["trades"]);
    assert_ne!(open["trades"], inside["trades"]);
}

#[test]
fn sizes_and_slippage_are_as_asked() {
    let dir = folder();
    let of = |more: &[&str]| run(dir.path(), &[&["--bars", "AAA_1h.csv"], more].concat());
    let trades = |report: &Value| report["trades"].as_array().unwrap().clone();
    let number = |trade: &Value, field: &str| trade[field].as_str().unwrap().parse::<f64>().unwrap();
    let eighth = of(&["--fraction", "0.125"]);
    assert!(trades(&eighth).len() > 10);
    // Kelly's stake of a half won at 2 to 1 is a quarter.
    assert_eq!(of(&["--kelly", "0.5,2,0.5,1"])["trades"], eighth["trades"]);
    assert_eq!(of(&["--kelly", "0.5,2,1,0.125"])["trades"], eighth["trades"], "the cap");
    assert_eq!(of(&["--fraction", "0.25", "--tier-factors", "0.5,0.5,0.5"])["trades"], eighth["trades"]);
    let high = of(&["--tier-factors", "0,0,1"]);
    assert!(!trades(&high).is_empty() && high["metrics"]["refused"].as_u64().unwrap() > 0);
    let small = of(&["--notional-max", "500"]);
    assert!(trades(&small).iter().all(|t| number(t, "quantity") * number(t, "entry_price") < 520.0));
    assert_eq!(trades(&of(&["--notional-min", "1e9"])).len(), 0);
    let first = |report: &Value| trades(report).first().cloned().unwrap();
    let plain = first(&of(&["--fraction", "0.5"]));
    for (depth, expected_bp) in [("10000", 10.0), ("20000", 5.0)] {
        let slipped = first(&of(&["--fraction", "0.5", "--impact-bps", "20", "--depth", depth]));
        let moved = number(&slipped, "entry_price") / number(&plain, "entry_price") - 1.0;
        let against = if plain["side"] == "long" { moved } else { -moved };
        assert!((against * 1e4 - expected_bp).abs() < 0.6, "{depth}: {moved}");
    }
}

/// Each rule of holding, and each filter, does something to a run that people ask for.
#[test]
fn every_rule_is_within_reach() {
    let dir = folder();
    let of = |params: &str| {
        fs::write(dir.path().join("params.toml"), format!("ema_fast = 5\nema_slow = 12\n{params}\n")).unwrap();
        run(dir.path(), &["--bars", "AAA_1h.csv", "BBB_1h.csv", "--leader", "BBB", "--breadth", "--fills", "intrabar"])
    };
    let plain = of("reversal = false");
    let ends = |report: &Value, reason: &str| {
        report["trades"].as_array().unwrap().iter().filter(|trade| trade["exit_reason"] == reason).count()
    };
    let cases = [
        ("stop_atr = 1", "stop"),
        ("target_atr = 2", "target"),
        ("time_stop_bars = 5", "time"),
        ("partial_atr = 1\npartial_fraction = 0.25", "partial"),
        ("trail_atr = 1", "stop"),
        ("trail_bp = 100", "stop"),
        ("break_even_atr = 0.5", "stop"),
        ("reversal = true", "signal"),
        ("pyramid_max = 2\npyramid_step_atr = 0.5", "signal"),
        ("cooldown_bars = 40", "signal"),
        ("reverse_mode = 1", "signal"),
        ("reverse_mode = 2\nreverse_breadth_band_pct = 50\nregime_adx_range = 40\nregime_adx_trend = 50", "signal"),
        ("regime_filter = true\nregime_adx_range = 40\nregime_adx_trend = 40", "signal"),
        ("btc_filter = true", "signal"),
        ("breadth_min_pct = 60", "signal"),
        ("atr_floor_bp = 230", "signal"),
        ("volatile_atr_bp = 230", "signal"),
        ("min_tier = 2", "signal"),
    ];
    for (params, reason) in cases {
        let turns = if params.starts_with("reversal") { "" } else { "\nreversal = false" };
        let report = of(&format!("{params}{turns}"));
        assert!(report["trades"] != plain["trades"], "{params}");
        assert!(ends(&report, reason) > 0, "{params}");
    }
}

/// Each decision that does nothing is counted by its gate; how near it was is told, in every form of the report.
#[test]
fn why_not_is_told() {
    let dir = folder();
    let two = ["--bars", "AAA_1h.csv", "BBB_1h.csv", "--max-positions", "1", "--notional-min", "4000"];
    let report = run(dir.path(), &two);
    let rows = report["why_not"].as_array().unwrap();
    let of = |gate: &str| rows.iter().find(|row| row["gate"] == gate).unwrap_or_else(|| panic!("{gate}: {rows:?}"));
    let count = |row: &Value| row["bars"].as_u64().unwrap();
    let refused = report["metrics"]["refused"].as_u64().unwrap();
    let stopped: u64 = rows.iter().filter(|row| !row["gate"].as_str().unwrap().starts_with("no_")).map(count).sum();
    let bars = report["symbols"].as_array().unwrap().iter().map(|one| one["bars"].as_u64().unwrap()).sum::<u64>();
    assert!(stopped < bars && stopped + 2 * report["trades"].as_array().unwrap().len() as u64 + 2 + refused >= bars);
    assert!(rows.windows(2).all(|pair| count(&pair[0]) >= count(&pair[1]) || pair[1]["gate"] == "no_size"), "{rows:?}");
    // 22 bars until ADX is warm, of each symbol.
    assert_eq!(of("warm_up")["nearest"].as_array().unwrap().len(), 0);
    let entries =
        count(of("no_position_free")) + rows.iter().filter(|row| row["gate"] == "no_size").map(count).sum::<u64>();
    assert_eq!(entries, refused);
    let near = of("ema_cross")["nearest"].as_array().unwrap();
    let far = |miss: &Value| (miss["value"].as_f64().unwrap() - miss["threshold"].as_f64().unwrap()).abs();
    assert!(near.len() == 3 && near.windows(2).all(|pair| far(&pair[0]) <= far(&pair[1])), "{near:?}");
    assert!(
        near.iter().all(|miss| miss["time_ns"].is_u64() && ["AAA", "BBB"].contains(&miss["symbol"].as_str().unwrap()))
    );
    let words = [&RUN[..RUN.len() - 1], &two, &["--html", "why.html"]].concat();
    let said = text(&backtest(dir.path(), &words).stdout);
    let html = fs::read_to_string(dir.path().join("why.html")).unwrap();
    assert!(said.contains("why not") && said.contains("ema_cross") && said.contains(" against 0.0000 ("), "{said}");
    // Every decision, by symbol and time: as many, by gate, as were counted.
    run(dir.path(), &[&two[..], &["--decisions", "decisions.csv"]].concat());
    let csv = fs::read_to_string(dir.path().join("decisions.csv")).unwrap();
    let decided: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(decided.len() as u64, bars);
    for gate in ["ema_cross", "warm_up", "in_position"] {
        assert_eq!(decided.iter().filter(|cells| cells[10] == gate).count() as u64, count(of(gate)), "{gate}");
    }
    let nearest = &near[0];
    let at = (nearest["time_ns"].to_string(), nearest["symbol"].as_str().unwrap());
    let row = decided.iter().find(|cells| (cells[0], cells[1]) == (at.0.as_str(), at.1)).unwrap();
    assert_eq!(row[11].parse().ok(), nearest["value"].as_f64());
    assert!(decided.iter().any(|cells| cells[2].starts_with("enter") && cells[10].is_empty()));
    // What a strategy lacks is named.
    let words = ["run", "--strategy", "e3", "--bars", "AAA_1h.csv"];
    let said = text(&backtest(dir.path(), &words).stdout);
    assert!(said.contains("not known: book_imbalance, premium_pct, spread_bp, funding_bp_8h"), "{said}");
    assert!(html.contains("Why not") && html.contains("<td>ema_cross</td>") && html.contains(" against 0.0000 ("));
}

#[test]
fn files_are_written() {
    let dir = folder();
    run(dir.path(), &["--bars", "AAA_1h.csv", "BBB_1h.csv", "--html", "run.html", "--csv", "trades.csv"]);
    let html = fs::read_to_string(dir.path().join("run.html")).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    assert_eq!(html.matches("<svg").count(), 4, "equity, drawdown, two prices");
    assert!(!html.contains("NaN") && !html.contains("http") && !html.contains("<script"));
    for (open, close) in [("<section>", "</section>"), ("<table>", "</table>"), ("<td", "</td>"), ("<tr>", "</tr>")] {
        assert_eq!(html.matches(open).count(), html.matches(close).count(), "{open}");
    }
    let csv = fs::read_to_string(dir.path().join("trades.csv")).unwrap();
    assert!(csv.starts_with("symbol,side,entry_ns") && csv.lines().count() > 10);
    assert!(csv.lines().all(|line| line.split(',').count() == 14));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn a_position_from_before_is_taken_over() {
    let dir = folder();
    let state = r#"[{"symbol":"AAA","side":"long","quantity":"2","entry_price":"101.5","stop_price":"1"}]"#;
    fs::write(dir.path().join("state.json"), state).unwrap();
    let report = run(dir.path(), &["--bars", "AAA_1h.csv", "--init-state", "state.json"]);
    let first = &report["trades"][0];
    assert_eq!(
        (&first["side"], &first["entry_price"], &first["quantity"]),
        (&"long".into(), &"101.5".into(), &"2".into())
    );
}

/// A history in two parts: what the first leaves open, the second holds, with its stop.
#[test]
fn an_earlier_run_is_gone_on_with() {
    let dir = folder();
    let whole = wave(1_500, 11.0);
    let lines: Vec<&str> = whole.lines().collect();
    let cut = |rows: &[&str]| format!("{}\n{}\n", lines[0], rows.join("\n"));
    let open = (200..300).find_map(|count| {
        fs::write(dir.path().join("AAA_1h.csv"), cut(&lines[1..count])).unwrap();
        let report = run(dir.path(), &["--bars", "AAA_1h.csv"]);
        (report["open"].as_array().unwrap().len() == 1).then_some((report, count))
    });
    let (report, count) = open.unwrap();
    assert!(report["open"][0]["stop_price"].as_f64().unwrap() > 0.0);
    fs::write(dir.path().join("before.json"), report.to_string()).unwrap();
    fs::write(dir.path().join("AAA_1h.csv"), cut(&lines[count..])).unwrap();
    let next = run(dir.path(), &["--bars", "AAA_1h.csv", "--init-state", "before.json"]);
    let first = &next["trades"][0];
    for field in ["side", "entry_price", "quantity", "symbol"] {
        assert_eq!(first[field], report["open"][0][field], "{field}");
    }
}

#[test]
fn faults_name_file_line_and_remedy() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("bad.csv"), wave(20, 3.0).replace("100.5", "1oo.5")).unwrap();
    fs::write(path("head.csv"), "time,open\n1,2\n").unwrap();
    fs::write(path("typo.toml"), "ema_fst = 5\n").unwrap();
    fs::write(path("broken.toml"), "ema_fast = 5\nema_slow = = 7\n").unwrap();
    Connection::open(path("empty.db")).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    database(&path("text.db"), "AAA", &wave(3, 3.0).replace("\n1704070800000,", "\n1704070800000,1,1,1,none,"));
    database(&path("twice.db"), "AAA", &wave(3, 3.0));
    database(&path("twice.db"), "AAA", &wave(3, 4.0));
    fs::write(path("range.toml"), "ema_fast = 50\nema_slow = 7\n").unwrap();
    let state = r#"{"symbol":"AAA","side":"long","quantity":"2.125","entry_price":"9"}"#;
    fs::write(path("fine.json"), state).unwrap();
    let cases: [(&[&str], &str); 17] = [
        (&["--bars", "AAA_1h.csv", "--init-state", "fine.json", "--quantity-decimals", "2"], "whole lots of 0.01"),
        (&["--bars", "bad.csv"], "bad.csv:2: expected a number in high, found `1oo.5`"),
        (&["--bars", "head.csv"], "head.csv:1: expected the header"),
        (&["--bars", "none.csv"], "none.csv: can't be read"),
        (&["--bars", "AAA_1h.csv", "AAA=BBB_1h.csv"], "AAA has another bar at"),
        (&["--bars", "AAA_1h.csv", "--symbols", "CCC"], "no bars of CCC, found AAA"),
        (&["--bars", "AAA_1h.csv", "--funding", "funding.csv"], "no bars of funding"),
        (&["--bars", "empty.db"], "expected a table candles"),
        (&["--bars", "twice.db"], "candle 2 by symbol and time: AAA has two at the same time"),
        (&["--bars", "text.db"], "candle 2 by symbol and time: expected a number in close"),
        (&["--bars", "AAA_1h.csv", "--params", "typo.toml"], "did you mean `ema_fast`?"),
        (&["--bars", "AAA_1h.csv", "--params", "broken.toml"], "broken.toml:2:"),
        (&["--bars", "AAA_1h.csv", "--params", "range.toml"], "ema_fast < ema_slow"),
        (&["--bars", "AAA_1h.csv", "--leader", "BTC"], "BTC is named in the settings"),
        (&["--bars", "AAA_1h.csv", "--capital", "nan"], "--capital: expected"),
        (&["--bars", "AAA_1h.csv", "--kelly", "0.5,2"], "expected 4 numbers with commas between them"),
        (&["--bars", "AAA_1h.csv", "--kelly", "1.5,2,1,1"], "--kelly, share of trades won: expected 0 to 1"),
    ];
    for (arguments, expected) in cases {
        let output =
            backtest(dir.path(), &[&["run", "--strategy", "momentum", "--html", "x.html"], arguments].concat());
        let stderr = text(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains(expected), "{expected}: {stderr}");
        assert!(output.stdout.is_empty() && !path("x.html").exists());
    }
}

/// Rows of CSV as a database.
fn database(path: &Path, symbol: &str, csv: &str) {
    let database = Connection::open(path).unwrap();
    let table = "CREATE TABLE IF NOT EXISTS candles (symbol, ts_ms, open, high, low, close, volume)";
    database.execute_batch(&format!("{table}; BEGIN")).unwrap();
    let mut insert = database.prepare("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)").unwrap();
    for line in csv.lines().skip(1) {
        let cells: Vec<&str> = [symbol].into_iter().chain(line.split(',')).take(7).collect();
        insert.execute(rusqlite::params_from_iter(cells)).unwrap();
    }
    database.execute_batch("COMMIT").unwrap();
}

/// The same bars give the same report, however they are stored and cut.
#[test]
fn bars_are_read_from_databases_and_partitions() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    let (aaa, bbb) = (wave(1_500, 11.0), wave(1_200, 17.0));
    let expected = run(dir.path(), &["--bars", "AAA_1h.csv", "BBB_1h.csv"]);
    let (header, rows) = aaa.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    fs::create_dir_all(path("parts/symbol=AAA/year=1")).unwrap();
    fs::create_dir_all(path("parts/symbol=AAA/year=2")).unwrap();
    // Later rows first, and ten of them twice.
    fs::write(path("parts/symbol=AAA/year=1/x.csv"), format!("{header}\n{}\n", rows[690..].join("\n"))).unwrap();
    fs::write(path("parts/symbol=AAA/year=2/x.csv"), format!("{header}\n{}\n", rows[..700].join("\n"))).unwrap();
    fs::write(path("parts/notes.txt"), "not bars").unwrap();
    database(&path("parts/z.sqlite"), "BBB", &bbb);
    database(&path("parts/z.sqlite"), "CCC", &bbb);
    assert_eq!(run(dir.path(), &["--bars", "parts", "--symbols", "AAA,BBB"]), expected);
    database(&path("a.db"), "AAA", &aaa);
    assert_eq!(run(dir.path(), &["--bars", "a.db", "BBB=BBB_1h.csv"]), expected);
}

#[test]
fn every_strategy_runs() {
    let dir = folder();
    for strategy in ["momentum", "e3", "funding_fade"] {
        let output = backtest(dir.path(), &["run", "--strategy", strategy, "--bars", "AAA_1h.csv"]);
        assert!(output.status.success(), "{strategy}: {}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with(strategy));
    }
}

fn conformance(file: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/data");
    let root = std::env::var("ALPHAMESH_DATA").unwrap_or_else(|_| default.into());
    let path = PathBuf::from(root).join("conformance").join(file);
    if !path.exists() {
        println!("SKIPPED: no vectors at {}; set ALPHAMESH_DATA", path.display());
        return None;
    }
    Some(path)
}

/// A parameter of the vectors by the name that a specification has for it.
fn spec_name(indicator: &str, parameter: &str) -> &'static str {
    match (indicator, parameter) {
        (_, "n") | ("STOCH", "fastk") => "period",
        (_, "k" | "nbdev") => "deviations",
        (_, "slowk") => "k_period",
        (_, "slowd") => "d_period",
        (_, "fast") => "fast",
        (_, "slow") => "slow",
        (_, "signal") => "signal",
        _ => panic!("{indicator} {parameter}"),
    }
}

/// The indicator that gives an output of the vectors.
fn spec_of(indicator: &str, output: &str) -> String {
    match (indicator, output) {
        ("BBANDS", line) => format!("bollinger_{line}"),
        ("ADX", line) => line.to_owned(),
        ("MACD", "macd") => "macd".to_owned(),
        ("MACD", "hist") => "macd_histogram".to_owned(),
        ("MACD", line) => format!("macd_{line}"),
        ("STOCH", line) => format!("stochastic_{}", line.trim_start_matches("slow")),
        ("MAX_MIN", line) => line.to_owned(),
        (name, _) => name.to_lowercase(),
    }
}

/// Every output of the vectors through the program: warm-up and values.
#[test]
fn indicators_are_those_of_the_vectors() {
    let Some(expected) = conformance("indicators/expected.json") else { return };
    let bars = expected.with_file_name("bars.csv");
    let expected: Value = serde_json::from_str(&fs::read_to_string(expected).unwrap()).unwrap();
    let mut spec = String::new();
    let mut columns: Vec<(&Value, f64)> = Vec::new();
    for indicator in expected["indicators"].as_array().unwrap() {
        let name = indicator["name"].as_str().unwrap();
        for (output, values) in indicator["outputs"].as_object().unwrap() {
            spec += &format!("[[indicator]]\nname = \"{}\"\noutput = \"c{}\"\n", spec_of(name, output), columns.len());
            for (parameter, value) in indicator["params"].as_object().unwrap() {
                if value.is_number() && !(name == "STDDEV" && parameter == "nbdev") {
                    spec += &format!("{} = {value}\n", spec_name(name, parameter));
                }
            }
            if name == "MAX_MIN" {
                spec += &format!("input = \"{}\"\n", if output == "max" { "high" } else { "low" });
            }
            let loose = matches!(name, "BBANDS" | "STDDEV" | "CCI");
            columns.push((values, if loose { 1e-7 } else { 1e-9 }));
        }
    }
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("spec.toml"), spec).unwrap();
    let output = backtest(dir.path(), &["indicators", "--bars", bars.to_str().unwrap(), "--spec", "spec.toml"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rows: Vec<Vec<String>> =
        text(&output.stdout).lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect();
    assert!(columns.len() > 25);
    for (i, (values, tolerance)) in columns.iter().enumerate() {
        for (row, value) in rows.iter().zip(values.as_array().unwrap()) {
            match value.as_f64() {
                None => assert_eq!(row[i + 1], "", "column {i}"),
                Some(value) => {
                    let found: f64 = row[i + 1].parse().unwrap();
                    assert!((found - value).abs() <= tolerance * value.abs().max(1.0), "column {i}: {found} {value}");
                }
            }
        }
    }
}

#[test]
fn inputs_are_read_or_explained() {
    let dir = folder();
    let row = |i: u64| format!("{},0.9,-0.2,0.5,0.1\n", 1_704_067_200_000 + i * 3_600_000);
    let head = "ts_ms,book_imbalance,premium_pct,spread_bp,funding_bp_8h\n";
    fs::write(dir.path().join("AAA_inputs.csv"), head.to_owned() + &(0..1_500).map(row).collect::<String>()).unwrap();
    fs::write(
        dir.path().join("e3.toml"),
        "stop_atr = 0.3\nbody_over_atr_min = 0.1\nvolume_z_min = -20\nrealised_vol_max_bp = 5000\n",
    )
    .unwrap();
    let words = ["run", "--strategy", "e3", "--params", "e3.toml", "--bars", "AAA_1h.csv", "--json"];
    let trades = |more: &[&str]| {
        let output = backtest(dir.path(), &[&words[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report["metrics"]["trades"].as_u64().unwrap(), text(&output.stderr))
    };
    assert_eq!(trades(&[]).0, 0, "without inputs E3 stays out");
    let (count, said) = trades(&["--inputs", "AAA_inputs.csv", "--check-lookahead", "4"]);
    assert!(count > 5 && said.contains("AAA: spread_bp is known at 1500 of 1500 bars"), "{count}: {said}");
    let (count, said) = trades(&["--inputs", "AAA_inputs.csv", "--input-delay", "60", "--input-max-age", "60"]);
    assert!(count == 0 && said.contains("spread_bp is known at 0 of 1500 bars"), "{count}: {said}");
    let refused = |more: &[&str]| text(&backtest(dir.path(), &[&words[..], more].concat()).stderr);
    let said = refused(&["--inputs", "AAA_inputs.csv", "--input-max-age", "spred=1"]);
    assert!(said.contains("--input-max-age spred=1: expected btc_trend"), "{said}");
    fs::write(dir.path().join("AAA_inputs.csv"), head.to_owned() + &row(0) + "oops,1,1,1,1\n").unwrap();
    let said = refused(&["--inputs", "AAA_inputs.csv"]);
    assert!(said.contains("AAA_inputs.csv:3: expected ms since 1970 in ts_ms, found `oops`"), "{said}");
}
