//! Export as CSV: a file for each type's table. Written as RFC 4180 says, with a header line.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use mesh_codec::registry::Entry;
use serde_json::Value;

use crate::capture::Reader;
use crate::error::CaptureError;
use crate::files;
use crate::filter::Filter;
use crate::ops::Totals;
use crate::table;

/// Writes `dir/<type>.csv` for each type that occurs as a message's first TLV. `dir` is made; files must not exist.
///
/// # Errors
/// When a file exists, or the system refuses.
pub fn export(reader: &mut Reader, filter: &Filter, dir: &Path) -> Result<Totals, CaptureError> {
    std::fs::create_dir_all(dir).map_err(CaptureError::io("create", dir))?;
    let mut tables: BTreeMap<u8, Table> = BTreeMap::new();
    let totals = table::each(reader, filter, |entry, row| {
        let table = match tables.entry(entry.number) {
            Place::Occupied(table) => table.into_mut(),
            Place::Vacant(place) => place.insert(Table::create(dir, entry)?),
        };
        table.line(row.iter().map(cell))
    })?;
    for table in tables.values_mut() {
        table.out.flush().map_err(CaptureError::io("write", &table.path))?;
    }
    Ok(totals)
}

struct Table {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Table {
    fn create(dir: &Path, entry: &Entry) -> Result<Self, CaptureError> {
        let path = dir.join(format!("{}.csv", entry.name));
        let file = files::create_new(&path).map_err(CaptureError::io("create", &path))?;
        let mut table = Self { path, out: BufWriter::new(file) };
        table.line(table::columns(entry).into_iter().map(|column| column.name))?;
        Ok(table)
    }

    fn line(&mut self, cells: impl Iterator<Item = String>) -> Result<(), CaptureError> {
        let line = cells.collect::<Vec<String>>().join(",");
        self.out
            .write_all(line.as_bytes())
            .and_then(|()| self.out.write_all(b"\r\n"))
            .map_err(CaptureError::io("write", &self.path))
    }
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
