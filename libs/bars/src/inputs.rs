//! Values of inputs beside the bars: CSV (`ts_ms` and any of the inputs' names, cells may be empty), Parquet with such columns
//! (`symbol` too), SQLite with a table `inputs` of such columns and `symbol`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use mesh_backtest::TimedValue;
use mesh_backtest::inputs::{NAMES, Values};
use mesh_columns::{Cell, ColumnsError, Kind, Reader};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::keep::Keep;
use crate::parquet::{TIMES, is_time, time_ns};
use crate::series::{Source, files, is_database, is_parquet, symbol_of};
use crate::text::{Fault, each_line, time_of_ms};

/// The values of all files, by symbol.
pub(crate) fn read(sources: &[Source], keep: &mut Keep<'_>) -> Result<BTreeMap<String, Values>, Fault> {
    let mut all = BTreeMap::new();
    for source in sources {
        for path in files(&source.path)? {
            let mut into = Into { all: &mut all, source, path: &path, keep };
            if is_database(&path) {
                of_database(&mut into)?;
            } else if is_parquet(&path) {
                of_parquet(&mut into)?;
            } else {
                of_csv(&mut into)?;
            }
        }
    }
    for (symbol, values) in &mut all {
        values.iter_mut().zip(NAMES).try_for_each(|(values, name)| in_order(symbol, name, values, sources))?;
    }
    Ok(all)
}

/// Sorts what several files hold; two values of one time must be the same.
fn in_order(symbol: &str, name: &str, values: &mut Vec<TimedValue>, sources: &[Source]) -> Result<(), Fault> {
    values.sort_unstable_by_key(|value| value.time_ns);
    values.dedup();
    let Some([twice, _]) = values.array_windows().find(|[a, b]| a.time_ns == b.time_ns) else { return Ok(()) };
    let path = sources.first().map_or_else(Default::default, |source| source.path.clone());
    let ms = twice.time_ns / 1_000_000;
    Err(Fault::new(&path, format!("{symbol} has two values of {name} at {ms}: drop one of the two")))
}

/// Where a file's values go.
struct Into<'a, 'k> {
    all: &'a mut BTreeMap<String, Values>,
    source: &'a Source,
    path: &'a Path,
    keep: &'a mut Keep<'k>,
}

impl Into<'_, '_> {
    /// Adds a symbol, where it is new, and its value, where that is held.
    fn add(&mut self, symbol: Option<&str>, input: usize, value: TimedValue) {
        let given = self.source.symbol.as_deref().or(symbol);
        let of_name;
        let symbol = match given {
            Some(symbol) => symbol,
            None => {
                of_name = symbol_of(self.path);
                &of_name
            }
        };
        if !self.all.contains_key(symbol) {
            self.all.insert(symbol.to_owned(), Values::default());
        }
        if self.keep.wants(symbol)
            && self.keep.row(size_of::<TimedValue>())
            && let Some(values) = self.all.get_mut(symbol).and_then(|values| values.get_mut(input))
        {
            values.push(value);
        }
    }
}

/// The input of a column.
fn input_of(column: &str) -> Option<usize> {
    NAMES.iter().position(|name| name.eq_ignore_ascii_case(column))
}

fn expected() -> String {
    format!("any of {}", NAMES.join(", "))
}

fn of_csv(into: &mut Into<'_, '_>) -> Result<(), Fault> {
    let path = into.path;
    let mut columns: Vec<usize> = Vec::new();
    let mut last_ms = None;
    each_line(path, |number, line| {
        let fault = |what: String| Fault::at(path, number, what);
        let mut cells = line.split(',').map(str::trim);
        let first = cells.next().unwrap_or_default();
        if columns.is_empty() {
            if first.trim_start_matches('\u{feff}') != "ts_ms" {
                return Err(fault(format!("expected the header `ts_ms` and {}, found `{line}`", expected())));
            }
            for cell in cells {
                let input = input_of(cell);
                let input = input.ok_or_else(|| fault(format!("expected {}, found a column `{cell}`", expected())))?;
                if columns.contains(&input) {
                    return Err(fault(format!("the column {cell} is there twice: drop one")));
                }
                columns.push(input);
            }
            return match columns.is_empty() {
                true => Err(fault(format!("expected {} beside ts_ms, found none", expected()))),
                false => Ok(()),
            };
        }
        let ms = time_of_ms(first).map_err(fault)?;
        if let Some(before) = last_ms.filter(|before| *before >= ms) {
            return Err(fault(format!("expected a time after {before}, found {ms}: sort the rows and drop repeats")));
        }
        last_ms = Some(ms);
        let found = cells.clone().count();
        if found != columns.len() {
            return Err(fault(format!("expected {} cells, found {}", columns.len() + 1, found + 1)));
        }
        for (cell, input) in cells.zip(&columns).filter(|(cell, _)| !cell.is_empty()) {
            let value = cell.parse::<f64>().ok().filter(|value| value.is_finite());
            let name = NAMES.get(*input).copied().unwrap_or_default();
            let value =
                value.ok_or_else(|| fault(format!("expected a number or nothing in {name}, found `{cell}`")))?;
            into.add(None, *input, TimedValue { time_ns: ms * 1_000_000, value });
        }
        Ok(())
    })?;
    if columns.is_empty() {
        return Err(Fault::at(path, 1, format!("expected the header `ts_ms` and {}, found an empty file", expected())));
    }
    Ok(())
}

fn of_parquet(into: &mut Into<'_, '_>) -> Result<(), Fault> {
    let path = into.path;
    let fault = |error: ColumnsError| Fault::new(path, error.to_string());
    let file = File::open(path).map_err(|error| Fault::new(path, format!("can't be read: {error}")))?;
    let reader = Reader::new(file).map_err(fault)?;
    let time = TIMES
        .iter()
        .find_map(|name| reader.fields().find(|field| field.name.eq_ignore_ascii_case(name) && is_time(field.kind)));
    let given: Vec<(usize, &str)> =
        reader.fields().filter_map(|field| Some((input_of(&field.name)?, field.name.as_str()))).collect();
    let (Some(time), false) = (time, given.is_empty()) else {
        let found = reader.fields().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
        let times = TIMES.join(", ");
        return Err(Fault::new(
            path,
            format!("expected a column of times ({times}) and {}, found {found}", expected()),
        ));
    };
    let symbol = reader.fields().find(|field| field.name.eq_ignore_ascii_case("symbol") && field.kind == Kind::Text);
    let mut names = vec![time.name.clone()];
    names.extend(given.iter().map(|(_, name)| (*name).to_owned()));
    names.extend(symbol.map(|field| field.name.clone()));
    let inputs: Vec<usize> = given.iter().map(|(input, _)| *input).collect();
    let mut batches = reader.read(&names.iter().map(String::as_str).collect::<Vec<_>>()).map_err(fault)?;
    while let Some(batch) = batches.next_batch().map_err(fault)? {
        for row in 0..batch.rows() {
            let time_ns = time_ns(&batch, row).map_err(fault)?;
            let symbol = match batch.cell(1 + inputs.len(), row) {
                Cell::Text(symbol) => Some(symbol),
                _ => None,
            };
            for (input, column) in inputs.iter().zip(1..) {
                if batch.cell(column, row) == Cell::Empty {
                    continue;
                }
                let value = batch.number(column, row).map_err(fault)?;
                if !value.is_finite() {
                    return Err(fault(batch.wrong(column, row, "a number or nothing")));
                }
                into.add(symbol, *input, TimedValue { time_ns, value });
            }
        }
    }
    Ok(())
}

fn of_database(into: &mut Into<'_, '_>) -> Result<(), Fault> {
    let path = into.path;
    let fault = |error: rusqlite::Error| {
        let asked = format!("expected a table inputs (symbol, ts_ms, and {})", expected());
        Fault::new(path, format!("{asked}: {error}"))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).map_err(fault)?;
    let mut statement =
        database.prepare("SELECT * FROM inputs ORDER BY symbol, CAST(ts_ms AS INTEGER)").map_err(fault)?;
    let (symbol, time) =
        (statement.column_index("symbol").map_err(fault)?, statement.column_index("ts_ms").map_err(fault)?);
    let columns: Vec<(usize, usize)> =
        statement.column_names().enumerate().filter_map(|(at, name)| Some((at, input_of(name)?))).collect();
    let mut rows = statement.query([]).map_err(fault)?;
    let mut number = 0;
    while let Some(row) = rows.next().map_err(fault)? {
        number += 1;
        let wrong = |what: String| Fault::new(path, format!("row {number} of inputs by symbol and time: {what}"));
        let cell = |at: usize| -> Result<Option<f64>, Fault> {
            let found = row.get_ref(at).map_err(fault)?;
            let value = match found {
                ValueRef::Null => return Ok(None),
                ValueRef::Integer(value) => Some(value as f64),
                ValueRef::Real(value) => Some(value),
                ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()),
                ValueRef::Blob(_) => None,
            };
            let value = value.filter(|value| value.is_finite());
            value.map(Some).ok_or_else(|| wrong(format!("expected a number, found {found:?}")))
        };
        let of: String = row.get(symbol).map_err(|_| wrong("expected text in symbol".to_owned()))?;
        let ms = cell(time)?.filter(|ms| (0.0..=9e12).contains(ms) && ms.fract() == 0.0);
        let ms = ms.ok_or_else(|| wrong("expected ms since 1970 in ts_ms".to_owned()))?;
        for (at, input) in &columns {
            if let Some(value) = cell(*at)? {
                into.add(Some(&of), *input, TimedValue { time_ns: ms as u64 * 1_000_000, value });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_columns::{Field, Writer};
    use std::fs;

    fn read_one(path: &Path) -> Result<BTreeMap<String, Values>, String> {
        read(&[Source { symbol: None, path: path.to_owned() }], &mut Keep::all()).map_err(|fault| fault.to_string())
    }

    const CSV: &str = "ts_ms,spread_bp,book_imbalance\n1000,1.5,-0.25\n2000,,0.5\n";

    #[test]
    fn every_form_of_the_same_values_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let csv = dir.path().join("AAA_inputs.csv");
        fs::write(&csv, CSV).unwrap();
        let of_csv = read_one(&csv).unwrap();
        let value = |ms: u64, value: f64| TimedValue { time_ns: ms * 1_000_000, value };
        assert_eq!(of_csv["AAA"][4], [value(1000, 1.5)]);
        assert_eq!(of_csv["AAA"][2], [value(1000, -0.25), value(2000, 0.5)]);
        let path = dir.path().join("AAA.parquet");
        let fields = vec![
            Field::required("time", Kind::I64),
            Field::optional("spread_bp", Kind::F64),
            Field::required("Book_Imbalance", Kind::F64),
            Field::required("symbol", Kind::Text),
        ];
        let mut writer = Writer::new(File::create(&path).unwrap(), fields).unwrap();
        writer.row(&[Cell::I64(1000), Cell::F64(1.5), Cell::F64(-0.25), Cell::Text("AAA")]).unwrap();
        writer.row(&[Cell::I64(2000), Cell::Empty, Cell::F64(0.5), Cell::Text("AAA")]).unwrap();
        writer.finish().unwrap();
        assert_eq!(read_one(&path).unwrap(), of_csv);
        let path = dir.path().join("inputs.sqlite");
        let database = Connection::open(&path).unwrap();
        database
            .execute_batch(
                "CREATE TABLE inputs (symbol TEXT, ts_ms INTEGER, spread_bp REAL, book_imbalance TEXT, note TEXT);
                 INSERT INTO inputs VALUES ('AAA', 2000, NULL, '0.5', 'x'), ('AAA', 1000, 1.5, '-0.25', NULL);",
            )
            .unwrap();
        assert_eq!(read_one(&path).unwrap(), of_csv);
        // The same values of two files are there once; others contradict.
        let twice = Source { symbol: Some("AAA".to_owned()), path: csv };
        let again = |other: &Source| read(&[twice.clone(), other.clone()], &mut Keep::all());
        assert_eq!(again(&twice).unwrap(), of_csv);
        let other = Source { symbol: Some("AAA".to_owned()), path: dir.path().join("other.csv") };
        fs::write(&other.path, "ts_ms,spread_bp\n1000,9\n").unwrap();
        assert!(again(&other).unwrap_err().to_string().contains("AAA has two values of spread_bp at 1000"));
    }

    #[test]
    fn faults_of_inputs_name_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.csv");
        let fault = |text: &str| {
            fs::write(&path, text).unwrap();
            read_one(&path).unwrap_err().split_once("f.csv:").unwrap().1.to_owned()
        };
        assert!(fault("").starts_with("1: expected the header `ts_ms` and any of btc_trend"));
        assert!(fault("ts_ms\n").starts_with("1: expected any of"));
        assert!(fault("ts_ms,spread\n").ends_with("found a column `spread`"));
        assert!(fault("ts_ms,spread_bp,spread_bp\n").contains("there twice"));
        assert_eq!(fault("ts_ms,spread_bp\n1,x\n"), "2: expected a number or nothing in spread_bp, found `x`");
        assert!(fault("ts_ms,spread_bp\n2,1\n\n1,1\n").starts_with("4: expected a time after 2, found 1"));
        assert!(fault("ts_ms,spread_bp\n2,1,1\n").starts_with("2: expected 2 cells, found 3"));
        assert!(fault("ts_ms,spread_bp\n-2,1\n").starts_with("2: expected ms since 1970"));
    }
}
