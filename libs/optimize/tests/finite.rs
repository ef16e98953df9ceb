//! No statistic is ever NaN or infinite: out of any input comes a finite number or the reason why there is none.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking

use mesh_optimize::stats::monte_carlo::{self, Resampling};
use mesh_optimize::stats::random_entries::{self, Holding};
use mesh_optimize::stats::sharpe::{Observed, Trials};
use mesh_optimize::stats::stress::{self, Fill};
use mesh_optimize::stats::{
    Stat, concentration, drawdown, moments, neighbourhood, overfitting, performance, walk_forward,
};
use proptest::prelude::*;

/// Numbers as they come, and as they should not.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -0.2f64..0.2,
        2 => Just(0.0),
        1 => Just(0.01),
        1 => prop_oneof![Just(-1.0), Just(1.0), Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE), Just(5e-324)],
        1 => any::<f64>(),
    ]
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![prop::collection::vec(value(), 0..60), (value(), 0usize..60).prop_map(|(value, n)| vec![value; n])]
}

fn finite(stats: impl IntoIterator<Item = Stat>) {
    for (at, stat) in stats.into_iter().enumerate() {
        if let Ok(value) = stat {
            assert!(value.is_finite(), "statistic {at} is {value}");
        }
    }
}

/// Serialised, every number is a number: JSON has no other.
fn finite_json<T: serde::Serialize>(result: Result<T, impl Sized>) {
    fn nulls(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Null => true,
            serde_json::Value::Array(values) => values.iter().any(nulls),
            serde_json::Value::Object(fields) => fields.values().any(nulls),
            _ => false,
        }
    }
    if let Ok(value) = result {
        let value = serde_json::to_value(value).unwrap();
        assert!(!nulls(&value), "{value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn of_returns(returns in values(), other in values(), p in value(), count: u64) {
        finite([
            performance::sharpe(&returns),
            performance::sortino(&returns, p),
            performance::total_return(&returns),
            performance::cagr(&returns, 365.0),
            performance::cagr(&returns, p),
            performance::calmar(&returns, 8760.0),
            performance::profit_factor(&returns),
            performance::win_rate(&returns),
            performance::value_at_risk(&returns, 0.05),
            performance::conditional_value_at_risk(&returns, 0.05),
            performance::conditional_value_at_risk(&returns, p),
            moments::mean(&returns),
            moments::deviation(&returns),
            moments::skewness(&returns),
            moments::kurtosis(&returns),
            drawdown::ulcer_index(&returns),
            walk_forward::efficiency(&returns, &other),
        ]);
        finite_json(performance::max_drawdown(&returns));
        finite_json(drawdown::of_equity(&returns));
        finite_json(performance::trades(&returns));
        finite_json(concentration::of_profits(&returns, 3));
        finite_json(neighbourhood::of_values(p, &returns));
        if let Ok(observed) = Observed::of(&returns) {
            finite([observed.probabilistic(p), observed.min_track_record(p, 0.95)]);
            for trials in [Trials::of(&other).ok(), Some(Trials { count, variance: p })].into_iter().flatten() {
                finite([trials.expected_max_sharpe(), observed.deflated(&trials)]);
            }
        }
    }

    #[test]
    fn of_paths_and_trades(profits in values(), initial in value(), seed: u64, block in 1.0f64..20.0) {
        for resampling in [Resampling::Shuffle, Resampling::Bootstrap, Resampling::StationaryBootstrap(block)] {
            let paths = monte_carlo::simulate(initial, &profits, resampling, 5, seed);
            if let Ok(paths) = &paths {
                finite_json(monte_carlo::summarise(initial, paths));
            }
            finite_json(paths);
        }
        let fills: Vec<Fill> = profits
            .windows(3)
            .map(|of| Fill { is_long: of[0] > 0.0, quantity: of[0].abs(), entry: of[1], exit: of[2] })
            .collect();
        finite([
            stress::total_profit(&fills, 5.0, 0.001),
            stress::total_profit(&fills, initial, initial),
            stress::breakeven_slippage_bp(&fills, 0.001),
            stress::breakeven_slippage_bp(&fills, initial),
            stress::breakeven_fee(&fills, 5.0),
        ]);
        let holdings: Vec<Holding> = (0..profits.len() / 3)
            .map(|at| Holding { is_long: at % 2 == 0, periods: at * 3..at * 3 + 2 })
            .collect();
        finite_json(random_entries::significance(&profits, &holdings, 20, seed));
    }

    #[test]
    fn of_trials(trials in prop::collection::vec(prop::collection::vec(value(), 16), 0..6)) {
        let trials: Vec<&[f64]> = trials.iter().map(Vec::as_slice).collect();
        if let Ok(validated) = overfitting::cross_validate(&trials, 4) {
            prop_assert!((0.0..=1.0).contains(&validated.probability));
            prop_assert!(validated.mean_logit.is_finite() && validated.median_logit.is_finite());
            prop_assert!(validated.degradation_slope.is_none_or(f64::is_finite));
            prop_assert!(validated.degradation_intercept.is_none_or(f64::is_finite));
        }
    }
}
