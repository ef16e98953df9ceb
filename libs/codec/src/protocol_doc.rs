//! docs/protocol.md, written from the registry. `tests/protocol.rs` fails when the file is stale.

use core::fmt::Write;

use mesh_types::wire::{FieldSpec, WireEnum};

use crate::header::{HEADER_BYTES, MAX_PAYLOAD_BYTES};
use crate::registry::{Entry, REGISTRY, RESERVED, SizeRule};

const INTRODUCTION: &str = "\
# The protocol

Generated from `libs/codec/src/registry.rs` by `UPDATE_SNAPSHOTS=1 cargo test -p mesh-codec`; a test fails when it is
stale.

All numbers are little-endian. A message is a header and a payload of TLVs.

| offset | size | field | meaning |
|---|---|---|---|
| 0 | 4 | magic | ASCII `MESH` |
| 4 | 1 | version | 1 |
| 5 | 1 | domain | 1 market, 2 signal, 3 execution, 4 system |
| 6 | 2 | source | the sending instance's id in the topology |
| 8 | 8 | sequence | per source and domain, from 1, step 1; 0 between a process and its relay |
| 16 | 8 | timestamp_ns | when the sender built it, ns since the Unix epoch |
| 24 | 4 | payload_bytes | bytes after the header |
| 28 | 4 | checksum | CRC-32 (IEEE) of the header's first 28 bytes and the payload |

A TLV is `type u8, flags u8, length u16` and `length` bytes of value. An unknown type is skipped unless flag bit 0
(critical) is set. A value longer than its struct is accepted and the tail ignored: fields are only ever appended. A
shorter one is an error. A message carries TLVs of its own domain and of system; its first TLV says what it is.

A sequence that starts again from 1 with a later timestamp is the same source, restarted. The same or a smaller sequence
with a timestamp that is not later is a repeated delivery and is dropped by receivers.

*State* types have a key: relays keep the last value of each key for late joiners, and conflate by it for slow
subscribers. *Events* are never conflated.

Field types: `decimal` is an i64 mantissa and an i8 exponent (9 bytes); `instrument` is 24 bytes (venue, kind, chain u16,
20 bytes of symbol or address); `message_id` is domain u8, zero u8, source u16, sequence u64, timestamp_ns u64;
`client_order_id` is 16 bytes; `text` is UTF-8 padded with zeros; an enum is one byte, its codes stand at the end.
";

macro_rules! enums {
    ($($ty:ident)+) => { &[$((mesh_types::$ty::KIND, mesh_types::$ty::NAMES),)+] };
}

/// Every enum that bodies have: its name, its codes with their names.
pub const ENUMS: &[(&str, &[(u8, &str)])] = enums! {
    Domain Side BookHealth Mode Role InstrumentStatus VenueState SignalAction Confidence OrderType TimeInForce TriggerKind
    OrderState RejectReason CancelReason KillLevel LogoutReason SweepState FigureKind Scope Unit Outcome Gate Venue InstrumentKind
};

/// The whole document.
pub fn render() -> String {
    let mut out = String::from(INTRODUCTION);
    // Writing to a String can't fail.
    let _ = writeln!(out, "\nHeader: {HEADER_BYTES} bytes. Largest payload: {MAX_PAYLOAD_BYTES} bytes.\n\n## Types\n");
    let _ = writeln!(out, "| type | name | domain | struct | bytes | class |\n|---|---|---|---|---|---|");
    for entry in REGISTRY {
        let _ = writeln!(
            out,
            "| {} | [{}](#{}) | {} | `{}` | {} | {} |",
            entry.number,
            entry.name,
            entry.name,
            entry.domain,
            entry.body,
            size(entry),
            class(entry)
        );
    }
    let _ = writeln!(out, "\nNot assigned:\n");
    for (first, last, what) in RESERVED {
        let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
        let _ = writeln!(out, "- {range}: {what}");
    }
    for entry in REGISTRY {
        let _ = writeln!(out, "\n### {}\n\n{}\n", entry.name, entry.doc.trim());
        fields(&mut out, entry.fields);
        if let Some(items) = entry.items {
            let _ = writeln!(out, "\nThen `{}`, as many as it states:\n", items.name);
            if items.fields.is_empty() {
                let _ = writeln!(out, "one plain value each.");
            } else {
                fields(&mut out, items.fields);
            }
        }
    }
    enums(&mut out);
    out
}

fn size(entry: &Entry) -> String {
    match entry.size {
        SizeRule::Fixed { bytes } => bytes.to_string(),
        SizeRule::Tailed { head_bytes, item_bytes, max_items, .. } => {
            format!("{head_bytes} + n * {item_bytes}, n <= {max_items}")
        }
    }
}

fn class(entry: &Entry) -> String {
    let Some(key) = entry.last_value else { return "event".to_owned() };
    let names: Vec<&str> = entry
        .fields
        .iter()
        .filter(|field| field.offset >= key.offset && field.offset + field.size <= key.offset + key.bytes)
        .filter(|field| !field.name.starts_with("reserved"))
        .map(|field| field.name)
        .collect();
    format!("state, by {}", names.join(" and "))
}

fn fields(out: &mut String, fields: &[FieldSpec]) {
    let _ = writeln!(out, "| offset | size | field | type | meaning |\n|---|---|---|---|---|");
    for field in fields {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            field.offset,
            field.size,
            field.name,
            field.kind,
            field.doc.trim()
        );
    }
}

fn enums(out: &mut String) {
    let _ = writeln!(out, "\n## Enums\n\n| enum | codes |\n|---|---|");
    for (kind, names) in ENUMS {
        let codes: Vec<String> = names.iter().map(|(code, name)| format!("{code} {name}")).collect();
        let _ = writeln!(out, "| {kind} | {} |", codes.join(", "));
    }
}
