//! Candles from SQLite: a table `candles (symbol, ts_ms, open, high, low, close, volume)`, numbers as numbers or text.

use std::path::Path;

use mesh_backtest::TimedBar;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use crate::keep::Keep;
use crate::series::{BySymbol, timed_bar};
use crate::text::Fault;

const QUERY: &str =
    "SELECT symbol, ts_ms, open, high, low, close, volume FROM candles ORDER BY symbol, CAST(ts_ms AS INTEGER)";

/// All candles of a database that are asked for, by symbol, in the order of time; as if they were `given`'s where a symbol is
/// given. It is opened for reading only.
pub(crate) fn read(path: &Path, given: Option<&str>, keep: &mut Keep<'_>) -> Result<BySymbol, Fault> {
    let fault = |error: rusqlite::Error| {
        let asked = "expected a table candles (symbol, ts_ms, open, high, low, close, volume)";
        Fault::new(path, format!("{asked}: {error}"))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).map_err(fault)?;
    let mut statement = database.prepare(QUERY).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let mut symbols = BySymbol::new();
    let (mut number, mut of) = (0, None);
    while let Some(row) = rows.next().map_err(fault)? {
        number += 1;
        let wrong = |what| Fault::new(path, format!("candle {number} by symbol and time: {what}"));
        let symbol =
            row.get_ref(0).map_err(fault)?.as_str().map_err(|_| wrong("expected text in symbol".to_owned()))?;
        let name = given.unwrap_or(symbol);
        if of.as_deref() != Some(symbol) {
            of = Some(symbol.to_owned());
            symbols.push((name.to_owned(), Vec::new()));
        }
        if !keep.wants(name) || !keep.row(size_of::<TimedBar>()) {
            continue;
        }
        let timed = candle(row).map_err(wrong)?;
        let Some((_, bars)) = symbols.last_mut() else { continue };
        if bars.last().is_some_and(|before| before.open_ns == timed.open_ns) {
            return Err(wrong(format!("{symbol} has two at the same time: drop one of them")));
        }
        bars.push(timed);
    }
    Ok(symbols)
}

fn candle(row: &Row<'_>) -> Result<TimedBar, String> {
    let time = number(row, 1, "ts_ms")?;
    if !(0.0..=9e12).contains(&time) || time.fract() != 0.0 {
        return Err(format!("expected ms since 1970 in ts_ms, found {time}"));
    }
    let mut values = [0.0; 5];
    for ((value, name), column) in values.iter_mut().zip(["open", "high", "low", "close", "volume"]).zip(2..) {
        *value = number(row, column, name)?;
    }
    Ok(timed_bar((time as u64, values)))
}

fn number(row: &Row<'_>, column: usize, name: &str) -> Result<f64, String> {
    let found = row.get_ref(column).map_err(|error| error.to_string())?;
    let number = match found {
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Real(value) => Some(value),
        ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()),
        ValueRef::Null | ValueRef::Blob(_) => None,
    };
    number.filter(|value| value.is_finite()).ok_or_else(|| format!("expected a number in {name}, found {found:?}"))
}
