//! `backtest indicators`: columns of indicators over bars, as a specification asks for them.
//!
//! ```toml
//! [[indicator]]
//! name = "rsi"
//! period = 14
//! output = "rsi_14"
//! ```
//!
//! Names, with TA-Lib's where it has them; parameters with their defaults:
//!
//! | name | parameters |
//! |---|---|
//! | `sma`, `ema`, `wilder`, `stddev`, `zscore`, `roc`, `highest`, `lowest` | `period`, `input` |
//! | `rsi`, `realised_volatility` | `period` |
//! | `atr`, `adx`, `plus_di`, `minus_di`, `cci`, `mfi`, `vwap` (no period: since the start) | `period` |
//! | `true_range`, `obv` | |
//! | `bollinger_upper`, `_middle`, `_lower`, `_width` | `period` 20, `deviations` 2 |
//! | `macd`, `macd_signal`, `macd_histogram` | `fast` 12, `slow` 26, `signal` 9 |
//! | `stochastic_k`, `stochastic_d` | `period` 14, `k_period` 3, `d_period` 3 |
//! | `donchian_upper`, `_lower` | `period` |
//! | `body_over_atr` | `period` 14 |
//!
//! `input` is `close` where nothing is said, else `open`, `high`, `low`, `volume` or `typical`.

use std::io::{self, Write};
use std::path::Path;

use mesh_backtest::TimedBar;
use mesh_kernel::Bar;
use mesh_kernel::indicators::{
    Adx, Atr, Bollinger, Cci, Donchian, Ema, Highest, Macd, Mfi, Obv, RealisedVolatility, Roc, RollingVwap, Rsi, Sma,
    StandardDeviation, Stochastic, Vwap, Wilder, ZScore, market,
};
use serde::Deserialize;

use mesh_bars::text::{Fault, read};

/// Longest window.
const N: usize = 1_024;

/// One column.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    output: Option<String>,
    #[serde(alias = "n")]
    period: Option<u32>,
    #[serde(alias = "k", alias = "nbdev")]
    deviations: Option<f64>,
    fast: Option<u32>,
    slow: Option<u32>,
    signal: Option<u32>,
    #[serde(alias = "slowk")]
    k_period: Option<u32>,
    #[serde(alias = "slowd")]
    d_period: Option<u32>,
    input: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    indicator: Vec<Column>,
}

type Stream = Box<dyn FnMut(&Bar) -> Option<f64>>;

/// Named streams.
pub(crate) struct Columns {
    names: Vec<String>,
    streams: Vec<Stream>,
}

/// Reads a specification.
pub(crate) fn columns(path: &Path) -> Result<Columns, Fault> {
    let text = read(path)?;
    let spec: Spec = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text.get(..span.start).unwrap_or("").lines().count().max(1));
        Fault::at(path, line, error.message())
    })?;
    from_spec(&spec).map_err(|what| Fault::new(path, what))
}

fn from_spec(spec: &Spec) -> Result<Columns, String> {
    let mut columns = Columns { names: Vec::new(), streams: Vec::new() };
    for (i, column) in spec.indicator.iter().enumerate() {
        let name = column.output.clone().unwrap_or_else(|| column.name.clone());
        if name == "ts_ms" || columns.names.contains(&name) || name.contains([',', '\n', '"']) {
            return Err(format!("indicator {}: the output `{name}` is taken or not a plain name", i + 1));
        }
        columns.streams.push(stream(column).map_err(|what| format!("indicator {} ({}): {what}", i + 1, column.name))?);
        columns.names.push(name);
    }
    if columns.names.is_empty() { Err("expected at least one [[indicator]]".to_owned()) } else { Ok(columns) }
}

fn input(name: Option<&str>) -> Result<fn(&Bar) -> f64, String> {
    Ok(match name.unwrap_or("close") {
        "close" => |bar| bar.close,
        "open" => |bar| bar.open,
        "high" => |bar| bar.high,
        "low" => |bar| bar.low,
        "volume" => |bar| bar.volume,
        "typical" => Bar::typical,
        other => return Err(format!("expected an input of close, open, high, low, volume, typical, found `{other}`")),
    })
}

/// An indicator as a stream. Each is made in a frame of its own: windows are large, and on the stack until they are boxed.
fn boxed<T: 'static>(
    make: impl FnOnce() -> Result<T, String>,
    update: impl Fn(&mut T, &Bar) -> Option<f64> + 'static,
) -> Result<Stream, String> {
    let mut indicator = Box::new(make()?);
    Ok(Box::new(move |bar| update(&mut indicator, bar)))
}

/// The stream of a column: each closed bar in, its value out where there is one.
fn stream(column: &Column) -> Result<Stream, String> {
    let window = |value: Option<u32>, what: &str, default: Option<u32>| {
        let value = value.or(default).ok_or_else(|| format!("expected a `{what}`"))?;
        let most = N as u32;
        if (1..=most).contains(&value) {
            Ok(value)
        } else {
            Err(format!("expected a `{what}` of 1 to {most} bars, found {value}"))
        }
    };
    let period = |default| window(column.period, "period", default);
    let of = input(column.input.as_deref())?;
    macro_rules! over {
        ($indicator:expr, $bar:ident => $input:expr, $answer:ident => $output:expr) => {
            boxed(|| Ok($indicator), move |indicator, $bar| indicator.update($input).map(|$answer| $output))?
        };
        ($indicator:expr, $bar:ident => $input:expr) => {
            over!($indicator, $bar => $input, answer => answer)
        };
    }
    let bands = || Ok::<_, String>(Bollinger::<N>::new(period(Some(20))?, column.deviations.unwrap_or(2.0)));
    let macd = || {
        let of = |value, what, default| window(value, what, Some(default));
        let (fast, slow) = (of(column.fast, "fast", 12)?, of(column.slow, "slow", 26)?);
        Ok::<_, String>(Macd::new(fast, slow, of(column.signal, "signal", 9)?))
    };
    let stochastic = || {
        let (k, d) = (window(column.k_period, "k_period", Some(3))?, window(column.d_period, "d_period", Some(3))?);
        Ok::<_, String>(Stochastic::<N>::new(period(Some(14))?, k, d))
    };
    Ok(match column.name.to_lowercase().as_str() {
        "sma" => over!(Sma::<N>::new(period(None)?), b => of(b)),
        "ema" => over!(Ema::new(period(None)?), b => of(b)),
        "wilder" => over!(Wilder::new(period(None)?), b => of(b)),
        "stddev" => over!(StandardDeviation::<N>::new(period(None)?), b => of(b)),
        "zscore" => over!(ZScore::<N>::new(period(None)?), b => of(b)),
        "volume_z" | "volz" => over!(ZScore::<N>::new(period(None)?), b => b.volume),
        "roc" => over!(Roc::<N>::new(period(None)?), b => of(b)),
        "highest" | "max" => over!(Highest::<N>::new(period(None)?), b => of(b)),
        "lowest" | "min" => over!(Highest::<N>::new(period(None)?), b => -of(b), x => -x),
        "rsi" => over!(Rsi::new(period(None)?), b => of(b)),
        "realised_volatility" => over!(RealisedVolatility::<N>::new(period(None)?), b => b.close),
        "atr" => over!(Atr::new(period(None)?), b => b),
        "true_range" | "trange" => over!(Atr::new(1), b => b),
        "adx" => {
            let mut adx = Adx::new(period(None)?);
            Box::new(move |bar| adx.update(bar).and_then(|directional| directional.adx))
        }
        "plus_di" => over!(Adx::new(period(None)?), b => b, x => x.plus_di),
        "minus_di" => over!(Adx::new(period(None)?), b => b, x => x.minus_di),
        "cci" => over!(Cci::<N>::new(period(None)?), b => b),
        "mfi" => over!(Mfi::<N>::new(period(None)?), b => b),
        "obv" => {
            let mut obv = Obv::new();
            Box::new(move |bar| Some(obv.update(bar)))
        }
        "vwap" if column.period.is_none() => {
            let mut vwap = Vwap::new();
            Box::new(move |bar| Some(vwap.update(bar)))
        }
        "vwap" => over!(RollingVwap::<N>::new(period(None)?), b => b),
        "bollinger_upper" | "bb_upper" | "bbands_upper" => over!(bands()?, b => of(b), x => x.upper),
        "bollinger_middle" | "bb_middle" | "bbands_middle" => over!(bands()?, b => of(b), x => x.middle),
        "bollinger_lower" | "bb_lower" | "bbands_lower" => over!(bands()?, b => of(b), x => x.lower),
        "bollinger_width" | "bb_width" => over!(bands()?, b => of(b), x => x.width()),
        "macd" => over!(macd()?, b => of(b), x => x.macd),
        "macd_signal" => over!(macd()?, b => of(b), x => x.signal),
        "macd_histogram" | "macd_hist" => over!(macd()?, b => of(b), x => x.histogram),
        "stochastic_k" | "stoch_k" => over!(stochastic()?, b => b, x => x.k),
        "stochastic_d" | "stoch_d" => over!(stochastic()?, b => b, x => x.d),
        "donchian_upper" => over!(Donchian::<N>::new(period(None)?), b => b, x => x.upper),
        "donchian_lower" => over!(Donchian::<N>::new(period(None)?), b => b, x => x.lower),
        "body_over_atr" => over!(Atr::new(period(Some(14))?), b => b, atr => market::body_over_atr(b, atr)),
        other => return Err(format!("`{other}` is no indicator; `backtest indicators --help` lists them")),
    })
}

/// Writes the columns over bars. Bars that can't be used have empty cells and are left out of every window; answers
/// how many there were.
pub(crate) fn write(columns: &mut Columns, bars: &[TimedBar], out: &mut impl Write) -> io::Result<usize> {
    writeln!(out, "ts_ms,{}", columns.names.join(","))?;
    let mut unusable = 0;
    for timed in bars {
        write!(out, "{}", timed.open_ns / 1_000_000)?;
        let valid = timed.bar.is_valid();
        unusable += usize::from(!valid);
        for stream in &mut columns.streams {
            match if valid { stream(&timed.bar) } else { None } {
                Some(value) => write!(out, ",{}", seventeen(value))?,
                None => write!(out, ",")?,
            }
        }
        writeln!(out)?;
    }
    Ok(unusable)
}

/// A number with 17 significant digits: every bit of it.
fn seventeen(x: f64) -> String {
    let scientific = format!("{x:.16e}");
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    match exponent {
        Some(exponent @ -5..=15) => format!("{x:.*}", usize::try_from(16 - exponent).unwrap_or(0)),
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Result<Columns, String> {
        from_spec(&toml::from_str(text).unwrap())
    }

    #[test]
    fn digits_are_seventeen() {
        assert_eq!(seventeen(0.1), "0.10000000000000001");
        assert_eq!(seventeen(19_974.922_222_222_223), "19974.922222222223");
        assert_eq!(seventeen(1e20), "1.0000000000000000e20");
        for x in [1.0 / 3.0, 1e-300, -123.456, 0.0, 9.999_999_999_999_98e15] {
            assert_eq!(seventeen(x).parse::<f64>().unwrap(), x);
        }
    }

    #[test]
    fn columns_warm_up() {
        let text = "[[indicator]]\nname = 'sma'\nperiod = 2\noutput = 'm'\n[[indicator]]\nname = 'obv'\n";
        let bar = |close: f64| Bar { open: close, high: close, low: close, close, volume: 2.0 };
        let bars = [1.0, 2.0, 4.0].map(|x| TimedBar { open_ns: x as u64 * 1_000_000, bar: bar(x) });
        let mut out = Vec::new();
        assert_eq!(write(&mut spec(text).unwrap(), &bars, &mut out).unwrap(), 0);
        let lines = "ts_ms,m,obv\n1,,2.0000000000000000\n2,1.5000000000000000,4.0000000000000000\n\
                     4,3.0000000000000000,6.0000000000000000\n";
        assert_eq!(String::from_utf8(out).unwrap(), lines);
    }

    #[test]
    fn mistakes_are_named() {
        let fault = |text: &str| spec(text).err().unwrap();
        assert!(fault("indicator = []").contains("at least one"));
        assert!(fault("[[indicator]]\nname = 'rsi'").contains("expected a `period`"));
        assert!(fault("[[indicator]]\nname = 'rsi'\nperiod = 0").contains("1 to 1024 bars, found 0"));
        assert!(fault("[[indicator]]\nname = 'rsy'\nperiod = 3").contains("`rsy` is no indicator"));
        assert!(fault("[[indicator]]\nname = 'obv'\n[[indicator]]\nname = 'obv'").contains("is taken"));
    }
}
