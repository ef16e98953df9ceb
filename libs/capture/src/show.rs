//! Messages for people and programs: one line each, as text or JSON.

use std::fmt::Write as _;
use std::io::{self, Write};

use mesh_codec::{FrameError, Message, json, registry};
use serde_json::{Map, Value};

use crate::segment::{Damage, DamageKind, Record};
use crate::time;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// A JSON object.
    Json,
}

/// Writes a message that was decoded.
///
/// # Errors
/// When the output is closed.
pub fn message(out: &mut dyn Write, format: Format, message: &Message<'_>) -> io::Result<()> {
    match format {
        Format::Json => writeln!(out, "{}", json::message(message)),
        Format::Text => writeln!(out, "{} {}", time::readable(message.timestamp_ns()), text(message)),
    }
}

/// Writes a message of a capture with its receive time.
///
/// # Errors
/// When the output is closed.
pub fn record(out: &mut dyn Write, format: Format, record: &Record<'_>) -> io::Result<()> {
    match format {
        Format::Json => {
            let mut object = json::message(&record.message);
            if let Value::Object(object) = &mut object {
                object.insert("receive_ns".to_owned(), record.receive_ns.into());
            }
            writeln!(out, "{object}")
        }
        Format::Text => writeln!(out, "{} {}", time::readable(record.receive_ns), text(&record.message)),
    }
}

/// Writes what is wrong with bytes that should begin a message at `frame_offset` of the input.
///
/// # Errors
/// When the output is closed.
pub fn frame_error(out: &mut dyn Write, format: Format, frame_offset: u64, error: &FrameError) -> io::Result<()> {
    let offset = usize::try_from(frame_offset).unwrap_or(usize::MAX);
    match format {
        Format::Json => writeln!(out, "{}", json::frame_error(offset, error)),
        Format::Text => writeln!(out, "no message at byte {frame_offset}: {error}"),
    }
}

/// Writes what is wrong with bytes of a segment.
///
/// # Errors
/// When the output is closed.
pub fn damage(out: &mut dyn Write, format: Format, damage: &Damage) -> io::Result<()> {
    let Damage { offset, bytes, .. } = damage;
    let (expected, likely_cause) = match &damage.kind {
        DamageKind::Frame(error) => {
            return frame_error(out, format, offset + crate::segment::RECORD_HEAD_BYTES as u64, error);
        }
        DamageKind::Header => {
            ("the segment's header", "corruption: the segment's first bytes were changed after it was written")
        }
        DamageKind::Head => ("a record of this segment", "corruption: bytes changed after they were written"),
        DamageKind::Torn => ("a whole record", "the writer was killed, or the machine lost power, while it wrote"),
    };
    match format {
        Format::Json => {
            let error = serde_json::json!({"error": {
                "kind": damage.kind.name(),
                "offset": offset,
                "expected": expected,
                "found": format!("{bytes} bytes that are none"),
                "likely_cause": likely_cause,
            }});
            writeln!(out, "{error}")
        }
        Format::Text => {
            writeln!(
                out,
                "expected {expected} at byte {offset}, found {bytes} bytes that are none; likely cause: {likely_cause}"
            )
        }
    }
}

/// `market/7/12 trade instrument=binance:spot:BTCUSDT price=…`, with the TLVs one after another.
pub fn text(message: &Message<'_>) -> String {
    let mut line = format!("{}/{}/{}", message.domain(), message.source(), message.sequence());
    let object = json::message(message);
    let tlvs = object.get("tlvs").and_then(Value::as_array);
    for (index, (tlv, shown)) in message.tlvs().zip(tlvs.into_iter().flatten()).enumerate() {
        let Some(shown) = shown.as_object() else { continue };
        line.push_str(if index == 0 { " " } else { " | " });
        match tlv {
            Ok(tlv) => push_tlv(&mut line, tlv.number, tlv.value, shown),
            // Writing to a String can't fail.
            Err(error) => drop(write!(line, "bad TLV: expected {}, found {}", error.expected(), error.found())),
        }
    }
    line
}

/// The fields in their order on the wire, then what else there is.
fn push_tlv(line: &mut String, number: u8, value: &[u8], shown: &Map<String, Value>) {
    line.push_str(shown.get("name").and_then(Value::as_str).unwrap_or("unknown"));
    let mut done = vec!["type", "name"];
    let mut push = |name: &'static str, done: &mut Vec<&'static str>| {
        if let Some(value) = shown.get(name).filter(|_| !done.contains(&name)) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // Writing to a String can't fail.
            let _ = write!(line, " {name}={text}");
            done.push(name);
        }
    };
    if let Some(entry) = registry::entry(number) {
        (entry.visit)(value, &mut |name, _| push(name, &mut done));
    }
    for (name, value) in shown.iter().filter(|(name, _)| !done.contains(&name.as_str())) {
        // Writing to a String can't fail.
        let _ = write!(line, " {name}={value}");
    }
}
