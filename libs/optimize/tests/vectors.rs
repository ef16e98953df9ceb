//! The statistics against the shared vectors, which independent programs made. Skips, and says so, where they are not there.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking

use std::ops::Range;
use std::path::PathBuf;

use mesh_optimize::stats::monte_carlo::{self, Resampling};
use mesh_optimize::stats::neighbourhood::Surface;
use mesh_optimize::stats::sharpe::{Observed, Trials};
use mesh_optimize::stats::stress::{self, Fill};
use mesh_optimize::stats::walk_forward::WalkForward;
use mesh_optimize::stats::{drawdown, moments, overfitting, performance, purged, quantile, sorted};
use serde_json::Value;

fn text(file: &str) -> Option<String> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var("ALPHAMESH_DATA").unwrap_or_else(|_| default.into());
    let path = PathBuf::from(root).join("conformance").join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("SKIPPED: no vectors at {}; set ALPHAMESH_DATA", path.display());
    }
    text
}

fn json(file: &str) -> Option<Value> {
    text(file).map(|text| serde_json::from_str(&text).unwrap())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count")) as usize
}

fn counts(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(count).collect()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

#[track_caller]
fn same(got: f64, expected: &Value) {
    let expected = number(expected);
    assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1e-6), "got {got}, expected {expected}");
}

fn columns(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (0..rows[0].len()).map(|column| rows.iter().map(|row| row[column]).collect()).collect()
}

fn validate(trials: &[Vec<f64>], blocks: usize) -> overfitting::Overfitting {
    overfitting::cross_validate(&trials.iter().map(Vec::as_slice).collect::<Vec<_>>(), blocks).unwrap()
}

#[test]
fn sharpe_ratios() {
    let Some(vector) = json("overfit/deflated_sharpe.json") else { return };
    let expected = &vector["expected"];
    let observed = Observed::of(&numbers(&vector["returns"])).unwrap();
    let trials = Trials::of(&numbers(&vector["trial_sharpes"])).unwrap();
    assert_eq!((observed.periods, trials.count), (expected["T"].as_u64().unwrap(), expected["N"].as_u64().unwrap()));
    same(observed.sharpe, &expected["sr"]);
    same(observed.skewness, &expected["g3"]);
    same(observed.kurtosis, &expected["g4"]);
    same(trials.variance, &expected["V"]);
    same(trials.expected_max_sharpe().unwrap(), &expected["sr0"]);
    same(observed.probabilistic(0.0).unwrap(), &expected["psr_0"]);
    same(observed.deflated(&trials).unwrap(), &expected["dsr"]);
    same(observed.min_track_record(0.0, 0.95).unwrap(), &expected["min_trl_0_95"]);

    let example = &vector["published_example"];
    let trials = Trials { count: example["N"].as_u64().unwrap(), variance: number(&example["V"]) };
    let observed = Observed {
        sharpe: number(&example["sr"]),
        periods: example["T"].as_u64().unwrap(),
        skewness: number(&example["g3"]),
        kurtosis: number(&example["g4"]),
    };
    same(trials.expected_max_sharpe().unwrap(), &example["sr0"]);
    same(observed.deflated(&trials).unwrap(), &example["dsr"]);
}

#[test]
fn returns_and_a_matrix_of_trials() {
    let (Some(expected), Some(returns), Some(matrix)) =
        (json("stats_expected.json"), text("stats_returns.csv"), text("stats_matrix.csv"))
    else {
        return;
    };
    let returns: Vec<f64> = returns.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(returns.len(), count(&expected["n"]));
    let observed = Observed::of(&returns).unwrap();
    let trials = Trials::of(&numbers(&expected["trial_sharpes"])).unwrap();
    same(observed.sharpe, &expected["sharpe_per_period"]);
    same(observed.skewness, &expected["skew"]);
    same(observed.kurtosis, &expected["kurtosis_non_excess"]);
    same(observed.probabilistic(0.0).unwrap(), &expected["psr_vs_0"]);
    same(trials.variance, &expected["variance_of_trial_sharpes"]);
    same(trials.expected_max_sharpe().unwrap(), &expected["expected_max_sharpe"]);
    same(observed.deflated(&trials).unwrap(), &expected["dsr"]);
    same(observed.min_track_record(0.0, 0.95).unwrap(), &expected["min_track_record_length_95"]);
    same(performance::max_drawdown(&returns).unwrap().deepest_share, &expected["max_drawdown_compounded"]);
    same(performance::sortino(&returns, 0.0).unwrap(), &expected["sortino_per_period_target_0"]);
    same(performance::profit_factor(&returns).unwrap(), &expected["profit_factor"]);

    let row = |line: &str| line.split(',').map(|cell| cell.parse().unwrap()).collect();
    let rows: Vec<Vec<f64>> = matrix.lines().skip(1).map(row).collect();
    let validated = validate(&columns(&rows), count(&expected["pbo"]["blocks"]));
    same(validated.probability, &expected["pbo"]["pbo"]);
    same(validated.mean_logit, &expected["pbo"]["mean_logit"]);
}

#[test]
fn overfitting_by_cross_validation() {
    let Some(vector) = json("overfit/pbo_cscv.json") else { return };
    for case in list(&vector["cases"]) {
        let rows: Vec<Vec<f64>> = list(&case["matrix_rows_T_cols_N"]).iter().map(numbers).collect();
        let validated = validate(&columns(&rows), count(&case["S"]));
        let expected = &case["expected"];
        assert_eq!(validated.combinations, count(&expected["n_combinations"]));
        same(validated.probability, &expected["pbo"]);
        same(validated.mean_logit, &expected["mean_logit"]);
        same(validated.median_logit, &expected["median_logit"]);
        list(&expected["first_logits"]).iter().zip(&validated.logits).for_each(|(expected, got)| same(*got, expected));
        same(validated.degradation_slope.unwrap(), &expected["degradation_slope"]);
        same(validated.degradation_intercept.unwrap(), &expected["degradation_intercept"]);
        same(validated.probability_of_loss, &expected["prob_oos_loss"]);
    }
}

#[test]
fn performance_of_returns() {
    let Some(vector) = json("overfit/metrics.json") else { return };
    let (returns, year) = (numbers(&vector["returns"]), number(&vector["periods_per_year"]));
    let expected = &vector["expected"];
    let yearly = |per_period: f64| performance::annualised(per_period, year).unwrap();
    let equity = drawdown::equity_of(&returns).unwrap();
    same(performance::total_return(&returns).unwrap(), &expected["total_return"]);
    same(performance::cagr(&returns, year).unwrap(), &expected["cagr"]);
    same(yearly(performance::sharpe(&returns).unwrap()), &expected["sharpe_annual"]);
    same(yearly(performance::sortino(&returns, 0.0).unwrap()), &expected["sortino_annual"]);
    same(performance::max_drawdown(&returns).unwrap().deepest_share, &expected["max_drawdown_frac"]);
    same(performance::calmar(&returns, year).unwrap(), &expected["calmar"]);
    same(drawdown::ulcer_index(&equity).unwrap(), &expected["ulcer_index"]);
    same(performance::profit_factor(&returns).unwrap(), &expected["profit_factor"]);
    same(moments::skewness(&returns).unwrap(), &expected["skew_population"]);
    same(moments::kurtosis(&returns).unwrap(), &expected["kurtosis_nonexcess_population"]);
    same(performance::value_at_risk(&returns, 0.05).unwrap(), &expected["var95_hist"]);
    same(performance::conditional_value_at_risk(&returns, 0.05).unwrap(), &expected["cvar95"]);
}

/// Inclusive ranges of the vectors as half-open ones.
fn ranges(value: &Value) -> Vec<Range<usize>> {
    let of = |range: &Value| count(&range[0])..count(&range[1]) + 1;
    list(value).iter().map(of).collect()
}

#[test]
fn purged_folds() {
    let Some(vector) = json("overfit/purged_kfold.json") else { return };
    let ends = counts(&vector["t1"]);
    let folds = purged::k_fold(&ends, count(&vector["k"]), number(&vector["embargo"])).unwrap();
    let expected = list(&vector["expected"]);
    assert_eq!(folds.len(), expected.len());
    for (fold, expected) in folds.iter().zip(expected) {
        assert_eq!(fold.test, ranges(&serde_json::json!([expected["test"]])));
        assert_eq!(fold.train, ranges(&expected["train_ranges"]));
        assert_eq!(fold.train.iter().map(Range::len).sum::<usize>(), count(&expected["n_train"]));
    }
}

#[test]
fn combinatorial_purged_folds() {
    let Some(vector) = json("overfit/cpcv.json") else { return };
    let (groups, tested) = (count(&vector["N"]), count(&vector["k"]));
    let folds = purged::combinatorial(&counts(&vector["t1"]), groups, tested, number(&vector["embargo"])).unwrap();
    assert_eq!(folds.len(), count(&vector["n_splits"]));
    assert_eq!(purged::paths(groups, tested), count(&vector["n_paths"]));
    for (fold, expected) in folds.iter().zip(list(&vector["expected"])) {
        assert_eq!(fold.groups, counts(&expected["test_groups"]));
        assert_eq!((&fold.test, &fold.train), (&ranges(&expected["test"]), &ranges(&expected["train"])));
    }
}

#[test]
fn walk_forward_splits() {
    let Some(vector) = json("overfit/walk_forward.json") else { return };
    for case in list(&vector["cases"]) {
        let of = |key: &str| count(&case[key]);
        let anchored = case["anchored"].as_bool().unwrap();
        let walk = WalkForward { train: of("train"), test: of("test"), step: of("step"), gap: of("gap"), anchored };
        let splits = walk.splits(of("n")).unwrap();
        let expected = list(&case["expected"]);
        assert_eq!(splits.len(), expected.len());
        for (split, expected) in splits.iter().zip(expected) {
            assert_eq!([split.train.start, split.train.end], counts(&expected["train"])[..]);
            assert_eq!([split.test.start, split.test.end], counts(&expected["test"])[..]);
        }
    }
}

#[test]
fn paths_of_given_draws() {
    let Some(vector) = json("overfit/monte_carlo.json") else { return };
    let (initial, profits) = (number(&vector["initial"]), numbers(&vector["pnl"]));
    for (kind, draws) in [("bootstrap", "bootstrap_indices"), ("shuffle", "shuffle_indices")] {
        let path = |indices: &Value| monte_carlo::path(initial, &profits, &counts(indices)).unwrap();
        let paths: Vec<monte_carlo::Path> = list(&vector[draws]).iter().map(path).collect();
        let expected = &vector["expected"][kind];
        for (at, path) in paths.iter().enumerate() {
            same(path.last, &expected["final"][at]);
            same(path.drawdown, &expected["max_dd_abs"][at]);
            same(path.drawdown_share, &expected["max_dd_frac"][at]);
        }
        let summary = monte_carlo::summarise(initial, &paths).unwrap();
        for (p, got) in monte_carlo::PERCENTILES.iter().zip(summary.drawdown_share) {
            same(got, &expected["dd_frac_quantiles"][p.to_string()]);
        }
        if kind == "bootstrap" {
            for (p, got) in monte_carlo::PERCENTILES.iter().zip(summary.last) {
                same(got, &expected["final_quantiles"][p.to_string()]);
            }
        }
    }
}

#[test]
fn paths_of_our_own_draws() {
    let Some(vector) = json("overfit/monte_carlo.json") else { return };
    let (initial, profits) = (number(&vector["initial"]), numbers(&vector["pnl"]));
    let target = &vector["own_rng_targets"];
    let near = |got: f64, of: &str, tolerance: &str| {
        let (expected, tolerance) = (number(&target[of]), number(&target[tolerance]));
        assert!((got - expected).abs() <= tolerance, "{of}: {got}, expected {expected} within {tolerance}");
    };
    let paths = target["n_paths"].as_u64().unwrap();
    let paths = monte_carlo::simulate(initial, &profits, Resampling::Bootstrap, paths, 1).unwrap();
    let of = |value: fn(&monte_carlo::Path) -> f64| paths.iter().map(value).collect::<Vec<f64>>();
    let falls = of(|path| path.drawdown_share);
    near(moments::mean(&of(|path| path.last)).unwrap(), "mean_final", "mean_final_tol");
    near(moments::mean(&falls).unwrap(), "mean_max_dd_frac", "mean_max_dd_frac_tol");
    near(quantile(&sorted(&falls), 0.5).unwrap(), "median_max_dd_frac", "quantile_tol");
    near(quantile(&sorted(&falls), 0.95).unwrap(), "p95_max_dd_frac", "quantile_tol");
    let below = monte_carlo::probability(&paths, |path| path.lowest < 0.8 * initial).unwrap();
    near(below, "prob_equity_below_80pct", "prob_tol");

    let vector = &vector["stationary_bootstrap"];
    let series = numbers(&vector["series"]);
    let blocks = Resampling::StationaryBootstrap(number(&vector["mean_block"]));
    let mean = |number: u64| {
        let indices = blocks.indices(series.len(), 3, number);
        indices.iter().map(|&index| series[index]).sum::<f64>() / series.len() as f64
    };
    let deviation = moments::deviation(&(0..20_000).map(mean).collect::<Vec<f64>>()).unwrap();
    let expected = number(&vector["variance_of_mean"]);
    let tolerance = number(&vector["rel_tol_for_20000_resamples"]);
    assert!(
        (deviation * deviation / expected - 1.0).abs() <= tolerance,
        "{}, expected {expected}",
        deviation * deviation
    );
}

#[test]
fn slippage_and_fees() {
    let Some(vector) = json("overfit/slippage_stress.json") else { return };
    let fill = |trade: &Value| Fill {
        is_long: number(&trade["dir"]) > 0.0,
        quantity: number(&trade["qty"]),
        entry: number(&trade["entry"]),
        exit: number(&trade["exit"]),
    };
    let trades: Vec<Fill> = list(&vector["trades"]).iter().map(fill).collect();
    let (fee, expected) = (number(&vector["fee"]), &vector["expected"]);
    for (slippage, total) in expected["total_by_bps"].as_object().unwrap() {
        same(stress::total_profit(&trades, slippage.parse().unwrap(), fee).unwrap(), total);
    }
    same(stress::total_profit(&trades, 0.0, 2.0 * fee).unwrap(), &expected["total_with_double_fees"]);
    same(stress::breakeven_slippage_bp(&trades, fee).unwrap(), &expected["breakeven_bps"]);
}

#[test]
fn neighbourhood_of_parameters() {
    let Some(vector) = json("overfit/parameter_neighbourhood.json") else { return };
    let surface = Surface::new(counts(&vector["shape"]), numbers(&vector["metric_row_major"])).unwrap();
    let expected = &vector["expected"];
    assert_eq!((surface.best(), surface.plateau()), (counts(&expected["best"]), counts(&expected["plateau"])));
    for point in list(&expected["points"]) {
        let got = surface.at(&counts(&point["index"])).unwrap();
        assert_eq!(got.neighbours, count(&point["n_neighbours"]));
        same(got.value, &point["value"]);
        same(got.mean, &point["neighbour_mean"]);
        same(got.worst, &point["neighbour_min"]);
        same(got.median, &point["neighbour_median_incl_self"]);
        same(got.share_at_half, &point["share_at_least_half"]);
        same(got.relative_drop.unwrap(), &point["relative_drop"]);
    }
}
