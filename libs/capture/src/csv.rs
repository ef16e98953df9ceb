//! Export as CSV: one file for each type of message, with a column for each field of the registry. Lists (levels of a book)
//! stand as JSON in one cell each. Written as RFC 4180 says, with a header line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use mesh_codec::registry::{Entry, entry};
use mesh_codec::{Message, json};
use serde_json::Value;

use crate::capture::Reader;
use crate::error::CaptureError;
use crate::files;
use crate::filter::Filter;
use crate::ops::{self, Totals};
use crate::segment::{Item, Record};

const HEAD: [&str; 5] = ["receive_ns", "domain", "source", "sequence", "timestamp_ns"];

/// Writes `dir/<type>.csv` for each type that occurs as a message's first TLV. `dir` is made; files must not exist.
///
/// # Errors
/// When a file exists, or the system refuses.
pub fn export(reader: &mut Reader, filter: &Filter, dir: &Path) -> Result<Totals, CaptureError> {
    std::fs::create_dir_all(dir).map_err(CaptureError::io("create", dir))?;
    let mut tables: BTreeMap<u8, Table> = BTreeMap::new();
    let totals = ops::each(reader, filter, &mut |item| {
        let Item::Record(record) = item else { return Ok(()) };
        // A type that this build does not know has no columns.
        let Some(entry) = record.message.first().and_then(|tlv| entry(tlv.number)) else { return Ok(()) };
        let table = match tables.entry(entry.number) {
            std::collections::btree_map::Entry::Occupied(table) => table.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => place.insert(Table::create(dir, entry)?),
        };
        table.row(&record)
    })?;
    for table in tables.values_mut() {
        table.out.flush().map_err(CaptureError::io("write", &table.path))?;
    }
    Ok(totals)
}

struct Table {
    path: PathBuf,
    out: BufWriter<File>,
    columns: Vec<String>,
}

impl Table {
    fn create(dir: &Path, entry: &'static Entry) -> Result<Self, CaptureError> {
        let path = dir.join(format!("{}.csv", entry.name));
        let file = files::create_new(&path).map_err(CaptureError::io("create", &path))?;
        let mut table = Self { path, out: BufWriter::new(file), columns: columns(entry) };
        let line = HEAD.iter().map(|name| (*name).to_owned()).chain(table.columns.iter().cloned());
        let line = line.collect::<Vec<_>>().join(",");
        table.line(&line)?;
        Ok(table)
    }

    fn row(&mut self, record: &Record<'_>) -> Result<(), CaptureError> {
        let Record { receive_ns, message, .. } = record;
        let (domain, source, sequence) = (message.domain(), message.source(), message.sequence());
        let mut line = format!("{receive_ns},{domain},{source},{sequence},{}", message.timestamp_ns());
        let body = body(message);
        for column in &self.columns {
            line.push(',');
            line.push_str(&cell(body.get(column).unwrap_or(&Value::Null)));
        }
        self.line(&line)
    }

    fn line(&mut self, line: &str) -> Result<(), CaptureError> {
        self.out
            .write_all(line.as_bytes())
            .and_then(|()| self.out.write_all(b"\r\n"))
            .map_err(CaptureError::io("write", &self.path))
    }
}

/// The first TLV as its JSON object.
fn body(message: &Message<'_>) -> Value {
    let mut object = json::message(message);
    object.get_mut("tlvs").and_then(|tlvs| tlvs.get_mut(0)).map(Value::take).unwrap_or_default()
}

/// The keys that a message of this type has in JSON, in the order of its fields.
fn columns(entry: &Entry) -> Vec<String> {
    let fields = entry.fields.iter().map(|field| field.name).filter(|name| !name.starts_with("reserved"));
    // As in JSON, a field called as the type's own keys takes the type's name in front.
    let named = fields.map(|name| match name {
        "type" | "name" => format!("{}_{name}", entry.name),
        _ => name.to_owned(),
    });
    let items = match entry.items.map(|items| items.name) {
        Some("levels") => vec!["bids", "asks"],
        Some("bytes") => vec!["text", "bytes"],
        other => other.into_iter().collect(),
    };
    named.chain(items.into_iter().map(str::to_owned)).collect()
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
