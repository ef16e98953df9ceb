//! The program as people run it: the form of what it says, and what it refuses.

#![allow(clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Small numbers that look like noise and can be written down: -50..50 with a drift.
fn noise(at: u64, of: u64) -> f64 {
    let mixed = (at * 7_919 + of * 104_729 + at * at * 31) % 101;
    (mixed as f64 - 50.0 + of as f64) / 2_000.0
}

fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
    write("returns.csv", (0..120).fold("return\n".to_owned(), |text, at| text + &format!("{}\n", noise(at, 3))));
    let row = |at: u64| (0..6).map(|of| noise(at, of).to_string()).collect::<Vec<_>>().join(",");
    let header = "ts_ms,slow,b,c,d,e,fast\n".to_owned();
    write("matrix.csv", (0..120).fold(header, |text, at| text + &format!("{},{}\n", 1_000 * at, row(at))));
    let mut trades = "symbol,side,entry_bar,exit_bar,entry_price,exit_price,quantity,pnl\n".to_owned();
    for at in 0..20 {
        let (symbol, side) = (if at % 3 == 0 { "BTC" } else { "ETH" }, if at % 2 == 0 { "long" } else { "short" });
        let exit = 100.0 + 100.0 * noise(at, 2);
        let pnl = if at % 2 == 0 { exit - 100.0 } else { 100.0 - exit };
        writeln!(trades, "{symbol},{side},{},{},100,{exit},1,{pnl}", 6 * at, 6 * at + 1 + at % 4).unwrap();
    }
    write("trades.csv", trades);
    let mut surface = "period,factor,sharpe\n".to_owned();
    for (period, factor) in (1..5).flat_map(|period| (1..4).map(move |factor| (10 * period, factor))) {
        writeln!(surface, "{period},{},{}", f64::from(factor) / 2.0, 1.0 - f64::from((period - 20) * factor) / 50.0)
            .unwrap();
    }
    write("surface.csv", surface);
    write("labels.csv", (0..12).fold("end\n".to_owned(), |text, at| text + &format!("{}\n", at + at % 3)));
    write("bad.csv", "return\n0.1\n0.x\n".to_owned());
    write("flat.csv", "return\n0.1\n0.1\n0.1\n".to_owned());
    dir
}

fn stats(dir: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stats")).args(line.split(' ')).current_dir(dir).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every statistic, on what it needs.
const LINES: [&str; 17] = [
    "performance --returns returns.csv",
    "drawdown --returns returns.csv",
    "sharpe --returns returns.csv --periods-per-year 8760",
    "psr --returns returns.csv",
    "dsr --matrix matrix.csv",
    "dsr --matrix matrix.csv --trials 1000",
    "dsr --returns matrix.csv --column e --trials 50 --variance 0.004",
    "pbo --matrix matrix.csv --blocks 8",
    "bootstrap --returns returns.csv --block 4 --resamples 500",
    "walk-forward --matrix matrix.csv --train 60 --test 20",
    "walk-forward --periods 100 --train 60 --test 20 --gap 2 --anchored",
    "purged --labels labels.csv --folds 3 --embargo 0.1",
    "monte-carlo --trades trades.csv --initial 100 --by blocks --resamples 500",
    "stress --trades trades.csv --fee-bps 2",
    "concentration --trades trades.csv --top 3",
    "neighbourhood --surface surface.csv",
    "random-entries --returns returns.csv --trades trades.csv --resamples 500",
];

#[test]
fn every_statistic_has_its_form() {
    let dir = folder();
    let mut forms = String::new();
    for line in LINES {
        for line in [line.to_owned(), format!("{line} --json")] {
            let output = stats(dir.path(), &line);
            assert!(output.status.success(), "{line}: {}", text(&output.stderr));
            writeln!(forms, "$ stats {line}\n{}", text(&output.stdout)).unwrap();
        }
    }
    insta::assert_snapshot!(forms);
}

#[test]
fn a_parquet_file_is_the_same_as_a_csv_file() {
    use mesh_columns::{Cell, Field, Kind, Writer};
    let dir = folder();
    let file = fs::File::create(dir.path().join("matrix.parquet")).unwrap();
    let names = ["slow", "b", "c", "d", "e", "fast"].map(|name| Field::required(name, Kind::F64));
    let fields = [Field::required("ts", Kind::Time)].into_iter().chain(names).collect();
    let mut writer = Writer::new(file, fields).unwrap();
    for at in 0..120 {
        let returns = (0..6).map(|of| Cell::F64(noise(at, of)));
        writer.row(&[Cell::Time(at as i64)].into_iter().chain(returns).collect::<Vec<_>>()).unwrap();
    }
    writer.finish().unwrap();
    let of = |file: &str| text(&stats(dir.path(), &format!("dsr --matrix {file} --json")).stdout);
    assert_eq!(of("matrix.parquet"), of("matrix.csv"));
    fs::write(dir.path().join("bad.parquet"), "not one").unwrap();
    let output = stats(dir.path(), "pbo --matrix bad.parquet");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("stats: bad.parquet: expected a whole Parquet file"), "{output:?}");
}

#[test]
fn the_same_seed_is_the_same_result() {
    let dir = folder();
    for line in LINES.iter().filter(|line| line.contains("--resamples")) {
        let of = |seed: u32| text(&stats(dir.path(), &format!("{line} --json --seed {seed}")).stdout);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7).replace("\"seed\":7", ""), of(8).replace("\"seed\":8", ""), "{line}");
    }
}

#[test]
fn help_lists_what_each_needs() {
    let dir = folder();
    let help = text(&stats(dir.path(), "--help").stdout);
    let words = ["performance", "psr", "dsr", "pbo", "bootstrap", "walk-forward", "purged", "monte-carlo", "stress"];
    for word in words.iter().chain(&["concentration", "neighbourhood", "random-entries", "drawdown", "sharpe"]) {
        assert!(help.contains(&format!("\n  {word} ")), "{word}: {help}");
        assert!(text(&stats(dir.path(), &format!("{word} --help")).stdout).contains("Usage: mesh stats"), "{word}");
    }
    assert!(help.matches("Needs --").count() >= 13 && help.contains("Exit codes: 0 done, 1"), "{help}");
}

#[test]
fn what_can_not_be_read_is_refused_with_its_place() {
    let dir = folder();
    for (line, said) in [
        ("psr --returns bad.csv", "stats: bad.csv:3: column 1: expected a number in `return`, found `0.x`\n"),
        ("psr --returns none.csv", "stats: none.csv: can't be read: No such file or directory (os error 2)\n"),
        (
            "psr --returns matrix.csv",
            "stats: matrix.csv: expected one column of numbers, found slow, b, c, d, e, fast: choose one with --column NAME\n",
        ),
        ("stress --trades returns.csv", "stats: returns.csv: expected a column `side` or `direction`, found return\n"),
        (
            "purged --labels labels.csv --folds 3 --tested 3",
            "stats: --tested: expected fewer than the 3 folds, found 3\n",
        ),
    ] {
        let output = stats(dir.path(), line);
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(2), said), "{line}");
        assert!(output.stdout.is_empty(), "{line}");
    }
    for line in [
        "psr",
        "pbo --matrix matrix.csv --blocks 7",
        "dsr --returns returns.csv --trials 9",
        "prs --returns returns.csv",
    ] {
        assert_eq!(stats(dir.path(), line).status.code(), Some(2), "{line}");
    }
}

#[test]
fn what_is_not_defined_says_why() {
    let dir = folder();
    let output = stats(dir.path(), "psr --returns flat.csv --json");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "stats: not defined for this input: the variance of the returns is zero, so a ratio to it is not defined\n"
    );
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        object["value"].is_null() && object["undefined"]["value"].as_str().unwrap().contains("variance"),
        "{object}"
    );
    assert_eq!(stats(dir.path(), "pbo --matrix flat.csv").status.code(), Some(1));
}
