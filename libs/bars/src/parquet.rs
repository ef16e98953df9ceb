//! Bars from Parquet: columns `open`, `high`, `low`, `close`, `volume`, one of the open time, and `symbol` where a file has
//! several. Names in any case.

use std::fs::File;
use std::path::Path;

use mesh_backtest::TimedBar;
use mesh_columns::{Batch, Cell, ColumnsError, Kind, Reader};
use mesh_kernel::Bar;

use crate::keep::Keep;
use crate::series::BySymbol;
use crate::text::Fault;

/// What the column of open times is called: times, or whole numbers of ms since 1970.
pub(crate) const TIMES: [&str; 7] = ["ts_ms", "open_time", "timestamp", "time", "datetime", "date", "ts"];
const VALUES: [&str; 5] = ["open", "high", "low", "close", "volume"];
const SYMBOL: &str = "symbol";
const NS_OF_MS: u64 = 1_000_000;
/// The last ms that counts as ms since 1970: a larger number is of another unit.
const LAST_MS: u64 = 9_000_000_000_000;
const TIME_COLUMN: usize = 0;
const SYMBOL_COLUMN: usize = 1 + VALUES.len();

/// All bars of a file that are asked for, by symbol, each in the order of time: as if they were `given`'s where a symbol is
/// given, else of the file's column of symbols, else of its name.
pub(crate) fn read(path: &Path, given: Option<&str>, of_name: &str, keep: &mut Keep<'_>) -> Result<BySymbol, Fault> {
    let fault = |error: ColumnsError| Fault::new(path, error.to_string());
    let file = File::open(path).map_err(|error| Fault::new(path, format!("can't be read: {error}")))?;
    let reader = Reader::new(file).map_err(fault)?;
    let named = |wanted: &str| reader.fields().find(|field| field.name.eq_ignore_ascii_case(wanted));
    let time = TIMES.iter().find_map(|name| named(name).filter(|field| is_time(field.kind)));
    let Some(time) = time else {
        let found = reader.fields().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
        let expected = TIMES.join(", ");
        return Err(Fault::new(path, format!("expected a column of open times ({expected}), found {found}")));
    };
    let value = |wanted: &str| named(wanted).map_or_else(|| wanted.to_owned(), |field| field.name.clone());
    let mut names = vec![time.name.clone()];
    names.extend(VALUES.map(value));
    names.extend(named(SYMBOL).filter(|field| field.kind == Kind::Text).map(|field| field.name.clone()));
    let mut batches = reader.read(&names.iter().map(String::as_str).collect::<Vec<_>>()).map_err(fault)?;
    let mut symbols = Symbols(BySymbol::new());
    while let Some(batch) = batches.next_batch().map_err(fault)? {
        for row in 0..batch.rows() {
            let symbol = match batch.cell(SYMBOL_COLUMN, row) {
                Cell::Text(symbol) => symbol,
                _ if batch.columns().len() > SYMBOL_COLUMN => {
                    return Err(fault(batch.wrong(SYMBOL_COLUMN, row, "a symbol")));
                }
                _ => of_name,
            };
            let symbol = given.unwrap_or(symbol);
            let is_held = keep.wants(symbol) && keep.row(size_of::<TimedBar>());
            symbols.add(symbol, is_held.then_some((&batch, row))).map_err(fault)?;
        }
    }
    if symbols.0.is_empty() {
        return Err(Fault::new(path, "expected at least one row, found none"));
    }
    Ok(symbols.0)
}

pub(crate) fn is_time(kind: Kind) -> bool {
    matches!(kind, Kind::Time | Kind::I64 | Kind::U64)
}

/// Bars by symbol, in the order in which the symbols come.
struct Symbols(BySymbol);

impl Symbols {
    /// Adds a symbol, where it is new, and its row, where that is held.
    fn add(&mut self, symbol: &str, row: Option<(&Batch, usize)>) -> Result<(), ColumnsError> {
        // Most rows are of the symbol before.
        let place = self.0.iter().rposition(|(known, _)| known == symbol).unwrap_or_else(|| {
            self.0.push((symbol.to_owned(), Vec::new()));
            self.0.len() - 1
        });
        let (Some((_, bars)), Some((batch, row))) = (self.0.get_mut(place), row) else { return Ok(()) };
        let timed = timed_bar(batch, row)?;
        if let Some(last) = bars.last().filter(|last| last.open_ns >= timed.open_ns) {
            let after = format!("a time after {} ns: sort the rows and drop repeats", last.open_ns);
            return Err(batch.wrong(TIME_COLUMN, row, after));
        }
        bars.push(timed);
        Ok(())
    }
}

/// The time of a row, ns since 1970.
pub(crate) fn time_ns(batch: &Batch, row: usize) -> Result<u64, ColumnsError> {
    let in_ns = |ms: u64| (ms <= LAST_MS).then(|| ms * NS_OF_MS);
    let time_ns = match batch.cell(TIME_COLUMN, row) {
        Cell::Time(ns) => u64::try_from(ns).ok(),
        Cell::I64(ms) => u64::try_from(ms).ok().and_then(in_ns),
        Cell::U64(ms) => in_ns(ms),
        _ => None,
    };
    time_ns.ok_or_else(|| batch.wrong(TIME_COLUMN, row, "a time after 1970, or ms since then"))
}

fn timed_bar(batch: &Batch, row: usize) -> Result<TimedBar, ColumnsError> {
    let open_ns = time_ns(batch, row)?;
    let mut values = [0.0; VALUES.len()];
    for (value, column) in values.iter_mut().zip(1..) {
        let number = batch.number(column, row)?;
        *value =
            Some(number).filter(|number| number.is_finite()).ok_or_else(|| batch.wrong(column, row, "a number"))?;
    }
    let [open, high, low, close, volume] = values;
    Ok(TimedBar { open_ns, bar: Bar { open, high, low, close, volume } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_columns::{Field, Writer};
    use std::path::PathBuf;

    fn read_all(path: &Path) -> Result<BySymbol, Fault> {
        read(path, None, "name", &mut Keep::all())
    }

    type Row = (&'static str, i64, f64);

    /// A file whose times are of this kind, and whose rows have all prices the same.
    fn written(dir: &Path, name: &str, time: (&str, Kind), symbols: bool, rows: &[Row]) -> PathBuf {
        let path = dir.join(name);
        let values = ["Open", "High", "Low", "Close", "Volume"].map(|name| Field::required(name, Kind::F64));
        let symbol = symbols.then(|| Field::optional(SYMBOL, Kind::Text));
        let fields = [Field::required(time.0, time.1)].into_iter().chain(values).chain(symbol).collect();
        let mut writer = Writer::new(File::create(&path).unwrap(), fields).unwrap();
        for (symbol, at, close) in rows {
            let at = if time.1 == Kind::Time { Cell::Time(*at) } else { Cell::I64(*at) };
            let symbol = symbols.then_some(Cell::Text(symbol));
            let prices = [Cell::F64(*close); 5];
            writer.row(&[at].into_iter().chain(prices).chain(symbol).collect::<Vec<_>>()).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    #[test]
    fn times_and_numbers_of_ms_are_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let ms = written(dir.path(), "ms", ("ts_ms", Kind::I64), false, &[("", 60_000, 1.5), ("", 120_000, 2.5)]);
        let rows = [("", 60_000_000_000, 1.5), ("", 120_000_000_000, 2.5)];
        let times = written(dir.path(), "times", ("Timestamp", Kind::Time), false, &rows);
        let read_ms = read_all(&ms).unwrap();
        assert_eq!(read_ms, read_all(&times).unwrap());
        assert_eq!((read_ms.len(), read_ms[0].0.as_str(), read_ms[0].1[1].bar.close), (1, "name", 2.5));
    }

    #[test]
    fn a_file_may_hold_several_symbols() {
        let dir = tempfile::tempdir().unwrap();
        let rows = [("BTC", 1, 1.0), ("ETH", 1, 2.0), ("BTC", 2, 3.0)];
        let read = read_all(&written(dir.path(), "f", ("open_time", Kind::I64), true, &rows)).unwrap();
        let found: Vec<_> = read.iter().map(|(symbol, bars)| (symbol.as_str(), bars.len())).collect();
        assert_eq!(found, [("BTC", 2), ("ETH", 1)]);
    }

    #[test]
    fn faults_name_column_and_row() {
        let dir = tempfile::tempdir().unwrap();
        let fault = |time: (&str, Kind), rows: &[Row]| {
            let path = written(dir.path(), "f.parquet", time, false, rows);
            let text = read_all(&path).unwrap_err().to_string();
            text.split_once("f.parquet: ").unwrap().1.to_owned()
        };
        let twice = fault(("ts_ms", Kind::I64), &[("", 1, 1.0), ("", 1, 1.0)]);
        assert!(twice.starts_with("column `ts_ms`, row group 0, row 1: expected a time after 1000000 ns"), "{twice}");
        let micros = fault(("open_time", Kind::I64), &[("", 1_735_689_600_000_000, 1.0)]);
        assert!(micros.ends_with("expected a time after 1970, or ms since then, found 1735689600000000"), "{micros}");
        let none = fault(("n", Kind::I64), &[("", 1, 1.0)]);
        assert!(none.contains("expected a column of open times") && none.contains("found n, Open"), "{none}");
        let infinite = fault(("ts", Kind::I64), &[("", 1, f64::INFINITY)]);
        assert!(infinite.contains("column `Open`, row group 0, row 0: expected a number, found inf"), "{infinite}");
        assert!(fault(("ts", Kind::I64), &[]).contains("at least one row"));
        std::fs::write(dir.path().join("text.parquet"), "ts_ms,open").unwrap();
        assert!(read_all(&dir.path().join("text.parquet")).unwrap_err().to_string().contains("a whole Parquet file"));
    }
}
