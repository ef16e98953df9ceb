//! Captures as Parquet: the tables of the CSV export, typed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use mesh_capture::ops::Totals;
use mesh_capture::table::{self, Column, ColumnKind};
use mesh_capture::{CaptureError, Filter, Reader};
use mesh_codec::registry::Entry;
use mesh_columns::{Cell, ColumnsError, Field, Kind, Writer};
use serde_json::Value;

/// Writes `dir/<type>.parquet` for each type that occurs as a message's first TLV. `dir` is made; files must not exist.
pub(crate) fn export(reader: &mut Reader, filter: &Filter, dir: &Path) -> Result<Totals, CaptureError> {
    fs::create_dir_all(dir).map_err(|error| io("create", dir, error))?;
    let mut tables: BTreeMap<u8, Table> = BTreeMap::new();
    let totals = table::each(reader, filter, |entry, row| {
        let table = match tables.entry(entry.number) {
            Place::Occupied(table) => table.into_mut(),
            Place::Vacant(place) => place.insert(Table::create(dir, entry)?),
        };
        table.row(row)
    })?;
    tables.into_values().try_for_each(Table::finish)?;
    Ok(totals)
}

struct Table {
    path: PathBuf,
    columns: Vec<Column>,
    writer: Writer<File>,
}

impl Table {
    fn create(dir: &Path, entry: &Entry) -> Result<Self, CaptureError> {
        let path = dir.join(format!("{}.parquet", entry.name));
        let file = File::create_new(&path).map_err(|error| io("create", &path, error))?;
        let columns = table::columns(entry);
        let fields = columns.iter().map(|column| Field::optional(&column.name, kind(column.kind))).collect();
        let writer = Writer::new(file, fields).map_err(|error| refused(&path, error))?;
        Ok(Self { path, columns, writer })
    }

    fn row(&mut self, values: &[Value]) -> Result<(), CaptureError> {
        let texts: Vec<Option<String>> =
            self.columns.iter().zip(values).map(|(column, value)| text(column.kind, value)).collect();
        let cells = self.columns.iter().zip(values).zip(&texts);
        let cells: Vec<Cell<'_>> = cells
            .map(|((column, value), text)| match text {
                Some(text) => Cell::Text(text),
                None => number(column.kind, value),
            })
            .collect();
        self.writer.row(&cells).map_err(|error| refused(&self.path, error))
    }

    fn finish(self) -> Result<(), CaptureError> {
        self.writer.finish().map_err(|error| refused(&self.path, error))
    }
}

fn kind(of: ColumnKind) -> Kind {
    match of {
        ColumnKind::Time => Kind::Time,
        ColumnKind::Unsigned => Kind::U64,
        ColumnKind::Signed => Kind::I64,
        ColumnKind::Float => Kind::F64,
        ColumnKind::Text => Kind::Text,
    }
}

/// The text of a cell that holds text.
fn text(kind: ColumnKind, value: &Value) -> Option<String> {
    match value {
        _ if kind != ColumnKind::Text => None,
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A cell that holds a number. A time beyond 2262 is none of a capture: it stands as the last that there is.
fn number(kind: ColumnKind, value: &Value) -> Cell<'static> {
    let cell = match kind {
        ColumnKind::Time => value.as_u64().map(|ns| Cell::Time(i64::try_from(ns).unwrap_or(i64::MAX))),
        ColumnKind::Unsigned => value.as_u64().map(Cell::U64),
        ColumnKind::Signed => value.as_i64().map(Cell::I64),
        // JSON has no infinities: those are text.
        ColumnKind::Float => {
            value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok())).map(Cell::F64)
        }
        ColumnKind::Text => None,
    };
    cell.unwrap_or(Cell::Empty)
}

fn io(doing: &'static str, path: &Path, source: std::io::Error) -> CaptureError {
    CaptureError::Io { doing, path: path.to_owned(), source }
}

fn refused(path: &Path, error: ColumnsError) -> CaptureError {
    let source = if let ColumnsError::Io(source) = error { source } else { std::io::Error::other(error) };
    io("write", path, source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_have_the_kind_of_their_column() {
        assert_eq!(number(ColumnKind::Time, &json!(u64::MAX)), Cell::Time(i64::MAX));
        assert_eq!(number(ColumnKind::Signed, &json!(-3)), Cell::I64(-3));
        assert_eq!(number(ColumnKind::Float, &json!("inf")), Cell::F64(f64::INFINITY));
        assert_eq!(number(ColumnKind::Unsigned, &Value::Null), Cell::Empty);
        assert_eq!(text(ColumnKind::Text, &json!([["5", "6"]])).as_deref(), Some(r#"[["5","6"]]"#));
        assert_eq!((text(ColumnKind::Text, &Value::Null), text(ColumnKind::Float, &json!("NaN"))), (None, None));
    }
}
