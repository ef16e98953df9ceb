//! Messages as rows, for exports: a table for each type of message, with a column for each field of the registry. A message is
//! a row of the table of its first TLV. Lists (levels of a book) stand as JSON in one cell each.

use mesh_codec::registry::{Entry, entry};
use mesh_codec::{Message, json};
use mesh_types::wire::FieldSpec;
use serde_json::Value;

use crate::capture::Reader;
use crate::error::CaptureError;
use crate::filter::Filter;
use crate::ops::{self, Totals};
use crate::segment::{Item, Record};

/// A column of a type's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, as in JSON.
    pub name: String,
    /// What stands in it.
    pub kind: ColumnKind,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Ns since the Unix epoch.
    Time,
    /// A whole number without a sign.
    Unsigned,
    /// A whole number with a sign.
    Signed,
    /// A floating-point number.
    Float,
    /// Text; of decimals, the sender's digits.
    Text,
}

/// The columns that every table begins with.
const HEAD: [(&str, ColumnKind); 5] = [
    ("receive_ns", ColumnKind::Time),
    ("domain", ColumnKind::Text),
    ("source", ColumnKind::Unsigned),
    ("sequence", ColumnKind::Unsigned),
    ("timestamp_ns", ColumnKind::Time),
];

/// Gives the type and the row of each message that fits to `row`: a value for each of its type's [`columns`], null where it has
/// none. A type that this build does not know has no columns, and its messages are passed over.
///
/// # Errors
/// When the system refuses, or `row` fails.
pub fn each(
    reader: &mut Reader,
    filter: &Filter,
    mut row: impl FnMut(&'static Entry, &[Value]) -> Result<(), CaptureError>,
) -> Result<Totals, CaptureError> {
    ops::each(reader, filter, &mut |item| {
        let Item::Record(record) = item else { return Ok(()) };
        let Some(entry) = record.message.first().and_then(|tlv| entry(tlv.number)) else { return Ok(()) };
        row(entry, &values(&record, entry))
    })
}

/// The columns of a type's table: when and by whom, then its fields in their order, then its items.
pub fn columns(entry: &Entry) -> Vec<Column> {
    let head = HEAD.into_iter().map(|(name, kind)| Column { name: name.to_owned(), kind });
    let fields = fields(entry).map(|field| {
        // What a message has itself keeps its name.
        let is_taken = HEAD.iter().any(|(name, _)| *name == field.name);
        let name = if is_taken { format!("{}_{}", entry.name, field.name) } else { key(entry, field) };
        Column { name, kind: kind(field) }
    });
    let items = items(entry).into_iter().map(|name| Column { name: name.to_owned(), kind: ColumnKind::Text });
    head.chain(fields).chain(items).collect()
}

fn fields(entry: &Entry) -> impl Iterator<Item = &'static FieldSpec> {
    entry.fields.iter().filter(|field| !field.name.starts_with("reserved"))
}

/// The key in JSON: a field called as the type's own keys takes the type's name in front.
fn key(entry: &Entry, field: &FieldSpec) -> String {
    match field.name {
        "type" | "name" => format!("{}_{}", entry.name, field.name),
        name => name.to_owned(),
    }
}

fn kind(field: &FieldSpec) -> ColumnKind {
    match field.kind {
        // Times and lengths of time are both in ns; what a time counts from, the registry says.
        "u64" if field.doc.contains("since the Unix epoch") => ColumnKind::Time,
        "u8" | "u16" | "u32" | "u64" | "source" => ColumnKind::Unsigned,
        "i8" | "i64" => ColumnKind::Signed,
        "f64" => ColumnKind::Float,
        _ => ColumnKind::Text,
    }
}

fn items(entry: &Entry) -> Vec<&'static str> {
    match entry.items.map(|items| items.name) {
        Some("levels") => vec!["bids", "asks"],
        Some("bytes") => vec!["text", "bytes"],
        other => other.into_iter().collect(),
    }
}

fn values(record: &Record<'_>, entry: &Entry) -> Vec<Value> {
    let Record { receive_ns, message, .. } = record;
    let head: [Value; HEAD.len()] = [
        (*receive_ns).into(),
        message.domain().name().into(),
        message.source().get().into(),
        message.sequence().into(),
        message.timestamp_ns().into(),
    ];
    let mut body = body(message);
    let mut take = |name: &str| body.get_mut(name).map(Value::take).unwrap_or_default();
    let fields: Vec<Value> = fields(entry).map(|field| take(&key(entry, field))).collect();
    let items: Vec<Value> = items(entry).into_iter().map(take).collect();
    head.into_iter().chain(fields).chain(items).collect()
}

/// The first TLV as its JSON object.
fn body(message: &Message<'_>) -> Value {
    let mut object = json::message(message);
    object.get_mut("tlvs").and_then(|tlvs| tlvs.get_mut(0)).map(Value::take).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_codec::REGISTRY;

    #[test]
    fn times_are_told_from_lengths_of_time() {
        let columns: Vec<Column> = REGISTRY.iter().flat_map(columns).collect();
        let is_time = |name: &str| {
            let kinds: Vec<ColumnKind> =
                columns.iter().filter(|column| column.name == name).map(|column| column.kind).collect();
            assert!(!kinds.is_empty(), "no column {name}");
            kinds.iter().all(|kind| *kind == ColumnKind::Time)
        };
        for name in
            ["receive_ns", "timestamp_ns", "venue_ns", "received_ns", "open_ns", "started_ns", "next_funding_ns"]
        {
            assert!(is_time(name), "{name}");
        }
        for name in ["interval_ns", "funding_interval_ns", "latency_ns", "half_life_ns"] {
            assert!(!is_time(name), "{name}");
        }
    }

    #[test]
    fn no_two_columns_of_a_table_are_called_the_same() {
        for entry in REGISTRY {
            let mut names: Vec<String> = columns(entry).into_iter().map(|column| column.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", entry.name);
        }
    }
}
