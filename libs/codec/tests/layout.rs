//! Every constant of the wire, pinned: changing one is a visible act.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use std::fmt::Write;

use mesh_codec::message::FLAG_CRITICAL;
use mesh_codec::protocol_doc::ENUMS;
use mesh_codec::{
    HEADER_BYTES, Header, MAGIC, MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, REGISTRY, SizeRule,
    TLV_HEADER_BYTES,
};
use mesh_types::limits::{MAX_ORDER_LEVELS, MAX_PACKET_PART_BYTES, MAX_POOL_TOKENS, MAX_SUBSCRIBED_INSTRUMENTS};
use mesh_types::wire::FieldSpec;
use mesh_types::{ClientOrderId, InstrumentId, MessageId, PackedDecimal};

macro_rules! line {
    ($out:expr, $($arg:tt)*) => { writeln!($out, $($arg)*).expect("a String takes everything") };
}

fn constants(out: &mut String) {
    line!(out, "magic {}", MAGIC.escape_ascii());
    line!(out, "version {PROTOCOL_VERSION}");
    line!(out, "header {HEADER_BYTES}");
    macro_rules! offsets {
        ($($field:ident)+) => { $(line!(out, "  {} {}", core::mem::offset_of!(Header, $field), stringify!($field));)+ };
    }
    offsets!(magic version domain source sequence timestamp_ns payload_bytes checksum);
    line!(out, "tlv_header {TLV_HEADER_BYTES}");
    line!(out, "flag_critical {FLAG_CRITICAL}");
    line!(out, "max_payload {MAX_PAYLOAD_BYTES}");
    line!(out, "max_frame {MAX_FRAME_BYTES}");
    line!(out, "max_order_levels {MAX_ORDER_LEVELS}");
    line!(out, "max_pool_tokens {MAX_POOL_TOKENS}");
    line!(out, "max_subscribed_instruments {MAX_SUBSCRIBED_INSTRUMENTS}");
    line!(out, "max_packet_part {MAX_PACKET_PART_BYTES}");
    line!(out, "decimal {}", size_of::<PackedDecimal>());
    line!(out, "instrument {}", size_of::<InstrumentId>());
    line!(out, "message_id {}", size_of::<MessageId>());
    line!(out, "client_order_id {}", size_of::<ClientOrderId>());
}

fn fields(out: &mut String, indent: &str, fields: &[FieldSpec]) {
    for field in fields {
        line!(out, "{indent}{} {} {} {}", field.offset, field.size, field.name, field.kind);
    }
}

fn layout() -> String {
    let mut out = String::new();
    constants(&mut out);
    for entry in REGISTRY {
        let size = match entry.size {
            SizeRule::Fixed { bytes } => bytes.to_string(),
            SizeRule::Tailed { head_bytes, item_bytes, max_items, .. } => {
                format!("{head_bytes}+n*{item_bytes}, n<={max_items}")
            }
        };
        line!(out, "\ntype {} {} {} {size}", entry.number, entry.name, entry.domain);
        let key = entry.last_value.map_or_else(|| "event".to_owned(), |key| format!("{}+{}", key.offset, key.bytes));
        let instrument = entry.instrument_offset.map_or_else(|| "none".to_owned(), |offset| offset.to_string());
        line!(out, "  key {key}, instrument {instrument}");
        fields(&mut out, "  ", entry.fields);
        if let Some(items) = entry.items {
            line!(out, "  {}", items.name);
            fields(&mut out, "    ", items.fields);
        }
    }
    for (kind, names) in ENUMS {
        line!(out, "\nenum {kind}");
        for (code, name) in *names {
            line!(out, "  {code} {name}");
        }
    }
    out
}

#[test]
fn the_layout_is_as_it_was() {
    common::assert_snapshot("tests/snapshots/layout.txt", &layout());
}
