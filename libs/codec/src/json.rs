//! Messages as JSON, for `mesh decode` and for people: decimals are strings with the sender's digits, times integers.

use mesh_types::Decimal64;
use mesh_types::market::{BookDelta, BookLevel, BookSnapshot};
use mesh_types::wire::Value;
use serde_json::{Map, Number, Value as Json, json};

use crate::error::FrameError;
use crate::message::{Message, Tlv};
use crate::registry::{Entry, entry};

/// One message: `{"domain","source","sequence","timestamp_ns","tlvs":[…]}`.
pub fn message(message: &Message<'_>) -> Json {
    let tlvs: Vec<Json> = message
        .tlvs()
        .map(|result| match result {
            Ok(tlv) => tlv_object(&tlv),
            Err(error) => {
                error_object(error.kind(), error.offset(), &error.expected(), &error.found(), error.likely_cause())
            }
        })
        .collect();
    json!({
        "domain": message.domain().name(),
        "source": message.source().get(),
        "sequence": message.sequence(),
        "timestamp_ns": message.timestamp_ns(),
        "tlvs": tlvs,
    })
}

/// Bytes that are no message: `{"error":{"kind","offset","expected","found","likely_cause"}}`. `offset` counts from the
/// start of the input, at `frame_offset` of which the message should begin.
pub fn frame_error(frame_offset: usize, error: &FrameError) -> Json {
    error_object(error.kind(), frame_offset + error.offset(), &error.expected(), &error.found(), error.likely_cause())
}

fn error_object(kind: &str, offset: usize, expected: &str, found: &str, likely_cause: &str) -> Json {
    json!({"error": {
        "kind": kind,
        "offset": offset,
        "expected": expected,
        "found": found,
        "likely_cause": likely_cause,
    }})
}

fn tlv_object(tlv: &Tlv<'_>) -> Json {
    let mut object = Map::new();
    object.insert("type".to_owned(), tlv.number.into());
    let Some(entry) = entry(tlv.number) else {
        object.insert("name".to_owned(), "unknown".into());
        object.insert("bytes".to_owned(), hex(tlv.value).into());
        return Json::Object(object);
    };
    object.insert("name".to_owned(), entry.name.into());
    (entry.visit)(tlv.value, &mut |name, value| {
        // The name of a hello is its sender's, not the type's.
        let key = if object.contains_key(name) { format!("{}_{name}", entry.name) } else { name.to_owned() };
        object.insert(key, value_json(value));
    });
    insert_items(tlv, entry, &mut object);
    Json::Object(object)
}

fn insert_items(tlv: &Tlv<'_>, entry: &Entry, object: &mut Map<String, Json>) {
    let Some(items) = entry.items else { return };
    if let Some(view) = tlv.tailed::<BookSnapshot>() {
        insert_levels(
            view.head.price_exponent,
            view.head.quantity_exponent,
            view.head.bid_count.get(),
            view.items,
            object,
        );
    } else if let Some(view) = tlv.tailed::<BookDelta>() {
        insert_levels(
            view.head.price_exponent,
            view.head.quantity_exponent,
            view.head.bid_count.get(),
            view.items,
            object,
        );
    } else if items.name == "bytes" {
        insert_bytes(tlv, entry, object);
    } else {
        let mut list: Vec<Json> = Vec::new();
        (items.visit)(tlv.value, &mut |index, name, value| {
            if name.is_empty() {
                list.push(value_json(value));
            } else {
                if list.len() <= index {
                    list.push(Json::Object(Map::new()));
                }
                if let Some(Json::Object(item)) = list.last_mut() {
                    item.insert(name.to_owned(), value_json(value));
                }
            }
        });
        object.insert(items.name.to_owned(), Json::Array(list));
    }
}

/// Levels of a book as `[["price","quantity"],…]`, best first.
fn insert_levels(
    price_exponent: i8,
    quantity_exponent: i8,
    bid_count: u16,
    levels: &[BookLevel],
    object: &mut Map<String, Json>,
) {
    let show = |level: &BookLevel| {
        json!([
            Decimal64::new(level.price.get(), price_exponent).to_string(),
            Decimal64::new(level.quantity.get(), quantity_exponent).to_string()
        ])
    };
    let (bids, asks) = levels.split_at(usize::from(bid_count).min(levels.len()));
    object.insert("bids".to_owned(), bids.iter().map(show).collect());
    object.insert("asks".to_owned(), asks.iter().map(show).collect());
}

/// Raw bytes: as text where they are text, else in hex.
fn insert_bytes(tlv: &Tlv<'_>, entry: &Entry, object: &mut Map<String, Json>) {
    let crate::registry::SizeRule::Tailed { head_bytes, item_count, .. } = entry.size else { return };
    let count = item_count(tlv.value).unwrap_or(0);
    let bytes = tlv.value.get(head_bytes..head_bytes + count).unwrap_or_default();
    match core::str::from_utf8(bytes) {
        Ok(text) => object.insert("text".to_owned(), text.into()),
        Err(_) => object.insert("bytes".to_owned(), hex(bytes).into()),
    };
}

fn value_json(value: Value<'_>) -> Json {
    match value {
        Value::Unsigned(v) => v.into(),
        Value::Signed(v) => v.into(),
        Value::Float(v) => Number::from_f64(v).map_or_else(|| v.to_string().into(), Json::Number),
        Value::Decimal(v) => v.to_string().into(),
        Value::Text(v) => v.unwrap_or("\u{fffd}").into(),
        Value::Name(v) => v.into(),
        // No enum has a variant 0 that is unknown: the field does not apply.
        Value::Unknown(0) => Json::Null,
        Value::Unknown(code) => format!("unknown({code})").into(),
        Value::Instrument(v) => v.to_string().into(),
        Value::Message(v) if v.is_none() => Json::Null,
        Value::Message(v) => json!({
            "domain": v.domain().map_or("unknown", mesh_types::Domain::name),
            "source": v.source.get(),
            "sequence": v.sequence.get(),
            "timestamp_ns": v.timestamp_ns.get(),
        }),
        Value::Bytes(v) => hex(v).into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
