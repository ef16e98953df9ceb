//! docs/protocol.md is the registry.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use mesh_codec::protocol_doc::{ENUMS, render};
use mesh_codec::registry::{REGISTRY, RESERVED};

#[test]
fn the_document_is_not_stale() {
    common::assert_snapshot("../../docs/protocol.md", &render());
}

#[test]
fn every_type_of_a_field_is_explained() {
    let document = render();
    let numbers = ["u8", "i8", "u16", "u32", "u64", "i64", "f64", "bytes", "source"];
    for entry in REGISTRY {
        for field in entry.fields.iter().chain(entry.items.iter().flat_map(|items| items.fields)) {
            let explained = numbers.contains(&field.kind)
                || ENUMS.iter().any(|(kind, _)| *kind == field.kind)
                || document.contains(&format!("`{}` is ", field.kind));
            assert!(explained, "{}.{} is of type {}", entry.name, field.name, field.kind);
        }
    }
}

#[test]
fn every_number_has_one_meaning() {
    for number in 0..=u8::MAX {
        let types = REGISTRY.iter().filter(|entry| entry.number == number).count();
        let ranges = RESERVED.iter().filter(|(first, last, _)| (*first..=*last).contains(&number)).count();
        assert_eq!(types + ranges, 1, "number {number}");
    }
}
