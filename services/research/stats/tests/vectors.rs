//! The program's figures against those of independent programs: `conformance` of the data set.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn conformance() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/data");
    PathBuf::from(std::env::var("ALPHAMESH_DATA").unwrap_or_else(|_| default.into())).join("conformance")
}

fn vector(file: &str) -> Option<Value> {
    let path = conformance().join(file);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("SKIPPED: no vectors at {}; set ALPHAMESH_DATA", path.display());
    }
    text.map(|text| serde_json::from_str(&text).unwrap())
}

fn stats(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_stats")).args(arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[track_caller]
fn same(got: &Value, expected: &Value) {
    let (got, expected) = (number(got), number(expected));
    assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1e-6), "got {got}, expected {expected}");
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

/// A file of one column.
fn column(dir: &TempDir, name: &str, header: &str, values: &Value) -> String {
    let mut text = format!("{header}\n");
    list(values).iter().for_each(|value| writeln!(text, "{value}").unwrap());
    file(dir.path(), name, &text)
}

fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn returns_and_a_matrix() {
    let Some(expected) = vector("stats_expected.json") else { return };
    let path = |file: &str| conformance().join(file).to_str().unwrap().to_owned();
    let (returns, matrix) = (path("stats_returns.csv"), path("stats_matrix.csv"));
    let psr = stats(&["psr", "--returns", &returns]);
    same(&psr["n"], &expected["n"]);
    same(&psr["value"], &expected["psr_vs_0"]);
    same(&psr["skew"], &expected["skew"]);
    same(&psr["kurtosis"], &expected["kurtosis_non_excess"]);
    same(&psr["min_track_record"], &expected["min_track_record_length_95"]);
    same(&stats(&["sharpe", "--returns", &returns])["value"], &expected["sharpe_per_period"]);
    let performance = stats(&["performance", "--returns", &returns]);
    same(&performance["max_drawdown"], &expected["max_drawdown_compounded"]);
    same(&performance["sortino"], &expected["sortino_per_period_target_0"]);
    same(&performance["profit_factor"], &expected["profit_factor"]);
    same(&stats(&["drawdown", "--returns", &returns])["value"], &expected["max_drawdown_compounded"]);

    let dir = TempDir::new().unwrap();
    let sharpes = column(&dir, "sharpes.csv", "sharpe", &expected["trial_sharpes"]);
    let dsr = stats(&["dsr", "--returns", &returns, "--trial-sharpes", &sharpes]);
    same(&dsr["value"], &expected["dsr"]);
    same(&dsr["trial_variance"], &expected["variance_of_trial_sharpes"]);
    same(&dsr["expected_max_sharpe"], &expected["expected_max_sharpe"]);
    assert_eq!(dsr["trials"].as_u64().unwrap() as usize, list(&expected["trial_sharpes"]).len());
    let blocks = expected["pbo"]["blocks"].to_string();
    let pbo = stats(&["pbo", "--matrix", &matrix, "--blocks", &blocks]);
    same(&pbo["value"], &expected["pbo"]["pbo"]);
    same(&pbo["mean_logit"], &expected["pbo"]["mean_logit"]);
}

#[test]
fn deflated_sharpe_ratio() {
    let Some(vector) = vector("overfit/deflated_sharpe.json") else { return };
    let dir = TempDir::new().unwrap();
    let expected = &vector["expected"];
    let returns = column(&dir, "returns.csv", "return", &vector["returns"]);
    let sharpes = column(&dir, "sharpes.csv", "sharpe", &vector["trial_sharpes"]);
    let dsr = stats(&["dsr", "--returns", &returns, "--trial-sharpes", &sharpes]);
    for (key, of) in [
        ("value", "dsr"),
        ("n", "T"),
        ("trials", "N"),
        ("sharpe", "sr"),
        ("skew", "g3"),
        ("kurtosis", "g4"),
        ("trial_variance", "V"),
        ("expected_max_sharpe", "sr0"),
        ("psr", "psr_0"),
    ] {
        same(&dsr[key], &expected[of]);
    }
    let (variance, trials) = (expected["V"].to_string(), expected["N"].to_string());
    let given = stats(&["dsr", "--returns", &returns, "--trials", &trials, "--variance", &variance]);
    same(&given["value"], &expected["dsr"]);
    let psr = stats(&["psr", "--returns", &returns]);
    same(&psr["min_track_record"], &expected["min_trl_0_95"]);
}

#[test]
fn overfitting() {
    let Some(vector) = vector("overfit/pbo_cscv.json") else { return };
    let dir = TempDir::new().unwrap();
    for case in list(&vector["cases"]) {
        let mut text = String::new();
        for row in list(&case["matrix_rows_T_cols_N"]) {
            let row: Vec<String> = list(row).iter().map(Value::to_string).collect();
            writeln!(text, "{}", row.join(",")).unwrap();
        }
        let pbo =
            stats(&["pbo", "--matrix", &file(dir.path(), "matrix.csv", &text), "--blocks", &case["S"].to_string()]);
        let expected = &case["expected"];
        same(&pbo["value"], &expected["pbo"]);
        same(&pbo["combinations"], &expected["n_combinations"]);
        same(&pbo["mean_logit"], &expected["mean_logit"]);
        same(&pbo["median_logit"], &expected["median_logit"]);
        same(&pbo["degradation_slope"], &expected["degradation_slope"]);
        same(&pbo["degradation_intercept"], &expected["degradation_intercept"]);
        same(&pbo["probability_of_loss"], &expected["prob_oos_loss"]);
    }
}

#[test]
fn performance() {
    let Some(vector) = vector("overfit/metrics.json") else { return };
    let dir = TempDir::new().unwrap();
    let year = vector["periods_per_year"].to_string();
    let returns = column(&dir, "returns.csv", "return", &vector["returns"]);
    let found = stats(&["performance", "--returns", &returns, "--periods-per-year", &year]);
    for (key, of) in [
        ("total_return", "total_return"),
        ("cagr", "cagr"),
        ("sharpe_annual", "sharpe_annual"),
        ("sortino_annual", "sortino_annual"),
        ("max_drawdown", "max_drawdown_frac"),
        ("calmar", "calmar"),
        ("ulcer_index", "ulcer_index"),
        ("profit_factor", "profit_factor"),
        ("skew", "skew_population"),
        ("kurtosis", "kurtosis_nonexcess_population"),
        ("value_at_risk_5", "var95_hist"),
        ("conditional_value_at_risk_5", "cvar95"),
    ] {
        same(&found[key], &vector["expected"][of]);
    }
}

/// Inclusive ranges of the vectors as half-open ones.
fn half_open(value: &Value) -> Value {
    list(value).iter().map(|range| serde_json::json!([range[0], range[1].as_u64().unwrap() + 1])).collect()
}

#[test]
fn folds() {
    let dir = TempDir::new().unwrap();
    if let Some(vector) = vector("overfit/purged_kfold.json") {
        let labels = column(&dir, "labels.csv", "end", &vector["t1"]);
        let (folds, embargo) = (vector["k"].to_string(), vector["embargo"].to_string());
        let found = stats(&["purged", "--labels", &labels, "--folds", &folds, "--embargo", &embargo]);
        for (fold, expected) in list(&found["splits"]).iter().zip(list(&vector["expected"])) {
            assert_eq!(fold["test"], half_open(&serde_json::json!([expected["test"]])));
            assert_eq!(
                (&fold["train"], &fold["train_count"]),
                (&half_open(&expected["train_ranges"]), &expected["n_train"])
            );
        }
    }
    if let Some(vector) = vector("overfit/cpcv.json") {
        let labels = column(&dir, "labels.csv", "end", &vector["t1"]);
        let (groups, tested, embargo) =
            (vector["N"].to_string(), vector["k"].to_string(), vector["embargo"].to_string());
        let found =
            stats(&["purged", "--labels", &labels, "--folds", &groups, "--tested", &tested, "--embargo", &embargo]);
        same(&found["value"], &vector["n_splits"]);
        same(&found["paths"], &vector["n_paths"]);
        for (fold, expected) in list(&found["splits"]).iter().zip(list(&vector["expected"])) {
            assert_eq!(fold["groups"], expected["test_groups"]);
            assert_eq!(
                (&fold["test"], &fold["train"]),
                (&half_open(&expected["test"]), &half_open(&expected["train"]))
            );
        }
    }
    if let Some(vector) = vector("overfit/walk_forward.json") {
        for case in list(&vector["cases"]) {
            let of = |key: &str| case[key].to_string();
            let (n, train, test, step, gap) = (of("n"), of("train"), of("test"), of("step"), of("gap"));
            let mut arguments = vec!["walk-forward", "--periods", &n, "--train", &train, "--test", &test];
            arguments.extend(["--step", &step, "--gap", &gap]);
            if case["anchored"] == true {
                arguments.push("--anchored");
            }
            assert_eq!(stats(&arguments)["splits"], case["expected"]);
        }
    }
}

#[test]
fn trades() {
    let dir = TempDir::new().unwrap();
    if let Some(vector) = vector("overfit/slippage_stress.json") {
        let mut text = "side,quantity,entry_price,exit_price\n".to_owned();
        for trade in list(&vector["trades"]) {
            let side = if number(&trade["dir"]) > 0.0 { "long" } else { "short" };
            writeln!(text, "{side},{},{},{}", trade["qty"], trade["entry"], trade["exit"]).unwrap();
        }
        let trades = file(dir.path(), "trades.csv", &text);
        let fee = (number(&vector["fee"]) * 1e4).to_string();
        let found = stats(&["stress", "--trades", &trades, "--fee-bps", &fee]);
        let expected = &vector["expected"];
        same(&found["value"], &expected["breakeven_bps"]);
        same(&found["profit_with_double_fees"], &expected["total_with_double_fees"]);
        for (slippage, total) in expected["total_by_bps"].as_object().unwrap() {
            same(&found[format!("profit_at_{slippage}_bps")], total);
        }
    }
    if let Some(vector) = vector("overfit/monte_carlo.json") {
        let trades = column(&dir, "pnl.csv", "pnl", &vector["pnl"]);
        let target = &vector["own_rng_targets"];
        let (initial, paths) = (vector["initial"].to_string(), target["n_paths"].to_string());
        let found = stats(&[
            "monte-carlo",
            "--trades",
            &trades,
            "--initial",
            &initial,
            "--by",
            "bootstrap",
            "--resamples",
            &paths,
            "--ruin",
            "0.8",
        ]);
        let near = |got: &Value, of: &str, tolerance: &str| {
            let (got, expected, tolerance) = (number(got), number(&target[of]), number(&target[tolerance]));
            assert!((got - expected).abs() <= tolerance, "{of}: {got}, expected {expected} within {tolerance}");
        };
        near(&found["drawdown_share"]["p50"], "median_max_dd_frac", "quantile_tol");
        near(&found["drawdown_share"]["p95"], "p95_max_dd_frac", "quantile_tol");
        near(&found["probability_of_ruin"], "prob_equity_below_80pct", "prob_tol");
    }
}

#[test]
fn parameter_neighbourhood() {
    let Some(vector) = vector("overfit/parameter_neighbourhood.json") else { return };
    let shape: Vec<usize> = list(&vector["shape"]).iter().map(|length| length.as_u64().unwrap() as usize).collect();
    let [_, second, third] = shape[..] else { panic!("{shape:?}") };
    let mut text = "a,b,c,sharpe\n".to_owned();
    for (at, value) in list(&vector["metric_row_major"]).iter().enumerate() {
        writeln!(text, "{},{},{},{value}", at / (second * third), at / third % second, at % third).unwrap();
    }
    let dir = TempDir::new().unwrap();
    let found = stats(&["neighbourhood", "--surface", &file(dir.path(), "surface.csv", &text)]);
    let expected = &vector["expected"];
    let point = |point: &Value| -> Vec<f64> { ["a", "b", "c"].iter().map(|name| number(&point[name])).collect() };
    let numbers = |value: &Value| -> Vec<f64> { list(value).iter().map(number).collect() };
    assert_eq!(point(&found["best"]), numbers(&expected["best"]));
    assert_eq!(point(&found["plateau"]), numbers(&expected["plateau"]));
    let of_best = list(&expected["points"]).iter().find(|point| point["index"] == expected["best"]).unwrap();
    same(&found["value"], &of_best["relative_drop"]);
    same(&found["neighbour_mean"], &of_best["neighbour_mean"]);
    same(&found["neighbour_min"], &of_best["neighbour_min"]);
    same(&found["median"], &of_best["neighbour_median_incl_self"]);
    same(&found["share_at_half"], &of_best["share_at_least_half"]);
}
