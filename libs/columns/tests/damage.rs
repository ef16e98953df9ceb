//! Bytes that are no table, or are one no longer: errors, never a panic.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::io::Cursor;

use mesh_columns::{Cell, ColumnsError, Field, Kind, Reader, Writer};
use proptest::prelude::*;

const OTHERS: [&[u8]; 4] = [
    include_bytes!("fixtures/pyarrow.parquet"),
    include_bytes!("fixtures/pyarrow-gzip-2.parquet"),
    include_bytes!("fixtures/pyarrow-plain.parquet"),
    include_bytes!("fixtures/polars.parquet"),
];

fn table() -> Vec<u8> {
    let fields = vec![
        Field::required("at", Kind::Time),
        Field::optional("price", Kind::F64),
        Field::optional("name", Kind::Text),
        Field::required("yes", Kind::Bool),
    ];
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, fields).expect("a table");
    for n in 0..40 {
        let name = format!("name {}", n % 3);
        let price = if n % 5 == 0 { Cell::Empty } else { Cell::F64(n as f64) };
        writer.row(&[Cell::Time(n * 1_000), price, Cell::Text(&name), Cell::Bool(n % 2 == 0)]).expect("a row");
    }
    writer.finish().expect("written");
    bytes
}

/// Reads all columns that can be read, as far as they go.
fn read(bytes: Vec<u8>) -> Result<u64, ColumnsError> {
    let reader = Reader::new(Cursor::new(bytes))?;
    let names: Vec<String> = reader.fields().map(|field| field.name.clone()).collect();
    let mut batches = reader.read(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut rows = 0;
    while let Some(batch) = batches.next_batch()? {
        rows += batch.rows() as u64;
    }
    Ok(rows)
}

#[test]
fn cut_anywhere_it_is_an_error() {
    let whole = table();
    assert_eq!(read(whole.clone()).expect("whole"), 40);
    for length in 0..whole.len() {
        assert!(read(whole[..length].to_vec()).is_err(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn with_any_bit_flipped_nothing_breaks() {
    let whole = table();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            // Some bits are nobody's, some only make another value; no page carries a checksum.
            drop(read(flipped));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn bytes_changed_at_will_break_nothing(
        which in 0..=OTHERS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = OTHERS.get(which).map_or_else(table, |bytes| bytes.to_vec());
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        drop(read(bytes));
    }

    #[test]
    fn bytes_of_nothing_are_no_table(mut bytes in prop::collection::vec(any::<u8>(), 0..200), with_magic: bool) {
        if with_magic {
            bytes.splice(0..0, *b"PAR1");
            bytes.extend_from_slice(b"PAR1");
        }
        prop_assert!(read(bytes).is_err());
    }
}
