//! Indicators against TA-Lib's values over the shared vectors. Skips, and says so, where the data is not there.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking
mod data;

use data::{bars, conformance};
use mesh_kernel::Bar;
use mesh_kernel::indicators::*;
use serde_json::Value;

/// Capacity of the windows in these tests.
const N: usize = 256;

/// The series of an output of an indicator, by the names that the vectors use.
fn series(name: &str, p: &[f64], output: &str, bars: &[Bar]) -> Vec<Option<f64>> {
    let n = |i: usize| p[i] as u32;
    macro_rules! over {
        ($indicator:expr, $bar:ident => $input:expr, $answer:ident => $output:expr) => {{
            let mut indicator = $indicator;
            bars.iter().map(|$bar| indicator.update($input).map(|$answer| $output)).collect()
        }};
        ($indicator:expr, $bar:ident => $input:expr) => {
            over!($indicator, $bar => $input, answer => answer)
        };
    }
    match (name, output) {
        ("SMA", _) => over!(Sma::<N>::new(n(0)), b => b.close),
        ("EMA", _) => over!(Ema::new(n(0)), b => b.close),
        ("RSI", _) => over!(Rsi::new(n(0)), b => b.close),
        ("ATR", _) => over!(Atr::new(n(0)), b => b),
        ("TRANGE", _) => over!(Atr::new(1), b => b),
        ("ADX", "adx") => {
            let mut adx = Adx::new(n(0));
            bars.iter().map(|b| adx.update(b).and_then(|d| d.adx)).collect()
        }
        ("ADX", "plus_di") => over!(Adx::new(n(0)), b => b, d => d.plus_di),
        ("ADX", "minus_di") => over!(Adx::new(n(0)), b => b, d => d.minus_di),
        ("BBANDS", "upper") => over!(Bollinger::<N>::new(n(0), p[1]), b => b.close, x => x.upper),
        ("BBANDS", "middle") => over!(Bollinger::<N>::new(n(0), p[1]), b => b.close, x => x.middle),
        ("BBANDS", "lower") => over!(Bollinger::<N>::new(n(0), p[1]), b => b.close, x => x.lower),
        ("STDDEV", _) => over!(StandardDeviation::<N>::new(n(0)), b => b.close),
        ("MACD", "macd") => over!(Macd::new(n(0), n(1), n(2)), b => b.close, x => x.macd),
        ("MACD", "signal") => over!(Macd::new(n(0), n(1), n(2)), b => b.close, x => x.signal),
        ("MACD", "hist") => over!(Macd::new(n(0), n(1), n(2)), b => b.close, x => x.histogram),
        ("STOCH", "slowk") => over!(Stochastic::<N>::new(n(0), n(1), n(2)), b => b, x => x.k),
        ("STOCH", "slowd") => over!(Stochastic::<N>::new(n(0), n(1), n(2)), b => b, x => x.d),
        ("CCI", _) => over!(Cci::<N>::new(n(0)), b => b),
        ("OBV", _) => {
            let mut obv = Obv::new();
            bars.iter().map(|b| Some(obv.update(b))).collect()
        }
        // TA-Lib's MAX and MIN run over closes here.
        ("MAX_MIN", "max") => over!(Highest::<N>::new(n(0)), b => b.high),
        ("MAX_MIN", "min") => over!(Highest::<N>::new(n(0)), b => -b.low, x => -x),
        ("MFI", _) => over!(Mfi::<N>::new(n(0)), b => b),
        ("ROC", _) => over!(Roc::<N>::new(n(0)), b => b.close),
        ("VOLZ", _) => over!(ZScore::<N>::new(n(0)), b => b.volume),
        other => panic!("no indicator here for the vector {other:?}"),
    }
}

/// The largest difference, relative to `max(|x|, 1)`; the warm-up must agree to the bar.
fn difference(what: &str, found: &[Option<f64>], expected: &[Option<f64>]) -> f64 {
    assert_eq!(found.len(), expected.len(), "{what}");
    let mut worst: f64 = 0.0;
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        match (f, e) {
            (Some(f), Some(e)) => worst = worst.max((f - e).abs() / e.abs().max(1.0)),
            (None, None) => {}
            _ => panic!("{what}: bar {i}: found {f:?}, expected {e:?}"),
        }
    }
    worst
}

/// TA-Lib takes the variance as mean of squares less squared mean, which cancels: its own error, not ours.
fn tolerance(name: &str) -> f64 {
    if matches!(name, "BBANDS" | "STDDEV" | "CCI" | "VOLZ") { 1e-7 } else { 1e-9 }
}

#[test]
fn equals_the_synthetic_vectors() {
    let (Some(csv), Some(json)) = (conformance("indicators/bars.csv"), conformance("indicators/expected.json")) else {
        return;
    };
    let bars = bars(&csv);
    let vectors: Value = serde_json::from_str(&json).unwrap();
    let order = ["n", "k", "fast", "slow", "signal", "fastk", "slowk", "slowd"];
    let mut checked = 0;
    for vector in vectors["indicators"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let params: Vec<f64> = order.iter().filter_map(|key| vector["params"][*key].as_f64()).collect();
        for (output, values) in vector["outputs"].as_object().unwrap() {
            let expected: Vec<Option<f64>> = values.as_array().unwrap().iter().map(Value::as_f64).collect();
            let what = format!("{name} {params:?} {output}");
            let worst = difference(&what, &series(name, &params, output, &bars), &expected);
            println!("{what}: {worst:.1e}");
            assert!(worst <= tolerance(name), "{what}: {worst:e}");
            checked += 1;
        }
    }
    assert!(checked >= 36, "only {checked} series");
}

#[test]
fn equals_the_real_vectors() {
    let (Some(csv), Some(expected)) = (conformance("talib_bars.csv.gz"), conformance("talib_expected.csv.gz")) else {
        return;
    };
    let bars = bars(&csv);
    let mut lines = expected.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').skip(1).collect();
    let rows: Vec<Vec<Option<f64>>> =
        lines.map(|line| line.split(',').skip(1).map(|cell| cell.parse().ok()).collect()).collect();
    for (column, name) in names.iter().enumerate() {
        let expected: Vec<Option<f64>> = rows.iter().map(|row| row[column]).collect();
        let parts: Vec<&str> = name.split('_').collect();
        let params: Vec<f64> = parts.iter().filter_map(|part| part.parse().ok()).collect();
        let (indicator, output) = match parts[..] {
            ["sma", ..] => ("SMA", ""),
            ["ema", ..] => ("EMA", ""),
            ["rsi", ..] => ("RSI", ""),
            ["atr", ..] => ("ATR", ""),
            ["adx", ..] => ("ADX", "adx"),
            ["plus", ..] => ("ADX", "plus_di"),
            ["minus", ..] => ("ADX", "minus_di"),
            ["bb", band, ..] => ("BBANDS", band),
            ["macd", line @ ("signal" | "hist"), ..] => ("MACD", line),
            ["macd", ..] => ("MACD", "macd"),
            ["stoch", "k", ..] => ("STOCH", "slowk"),
            ["stoch", ..] => ("STOCH", "slowd"),
            ["cci", ..] => ("CCI", ""),
            ["stddev", ..] => ("STDDEV", ""),
            ["obv"] => ("OBV", ""),
            _ => panic!("unknown column {name}"),
        };
        let worst = difference(name, &series(indicator, &params, output, &bars), &expected);
        println!("{name}: {worst:.1e}");
        assert!(worst <= tolerance(indicator), "{name}: {worst:e}");
    }
}
