//! What is written is read back, and what can't be is refused with its place.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::io::{self, Cursor, Write};

use mesh_columns::{Cell, ColumnsError, Field, Kind, Reader, Values, Writer};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn written(fields: Vec<Field>, rows: &[Vec<Cell<'_>>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, fields).expect("a table");
    rows.iter().for_each(|row| writer.row(row).expect("a row"));
    assert_eq!(writer.rows(), rows.len() as u64);
    writer.finish().expect("written");
    bytes
}

fn reader(bytes: Vec<u8>) -> Reader<Cursor<Vec<u8>>> {
    Reader::new(Cursor::new(bytes)).expect("a table")
}

/// A column: its field, and as many values as there are rows.
fn column(kind: Kind, optional: bool, rows: usize) -> BoxedStrategy<(Field, Values)> {
    let field = Field { name: String::new(), kind, optional };
    fn some<V: core::fmt::Debug + Clone + 'static>(
        value: impl Strategy<Value = V> + 'static,
        optional: bool,
        rows: usize,
    ) -> BoxedStrategy<Vec<Option<V>>> {
        if optional { vec(option::of(value), rows).boxed() } else { vec(value.prop_map(Some), rows).boxed() }
    }
    let values = match kind {
        Kind::I64 => some(any::<i64>(), optional, rows).prop_map(Values::I64).boxed(),
        Kind::U64 => some(any::<u64>(), optional, rows).prop_map(Values::U64).boxed(),
        Kind::F64 => some(any::<u64>().prop_map(f64::from_bits), optional, rows).prop_map(Values::F64).boxed(),
        Kind::Bool => some(any::<bool>(), optional, rows).prop_map(Values::Bool).boxed(),
        Kind::Text => some(any::<String>(), optional, rows).prop_map(Values::Text).boxed(),
        Kind::Time => some(any::<i64>(), optional, rows).prop_map(Values::Time).boxed(),
    };
    values.prop_map(move |values| (field.clone(), values)).boxed()
}

fn table() -> impl Strategy<Value = (usize, Vec<(Field, Values)>)> {
    let kind = prop_oneof![
        Just(Kind::I64),
        Just(Kind::U64),
        Just(Kind::F64),
        Just(Kind::Bool),
        Just(Kind::Text),
        Just(Kind::Time)
    ];
    (0usize..60, vec((kind, any::<bool>()), 1..8)).prop_flat_map(|(rows, kinds)| {
        let columns: Vec<_> = kinds.into_iter().map(|(kind, optional)| column(kind, optional, rows)).collect();
        (Just(rows), columns).prop_map(|(rows, mut columns)| {
            columns.iter_mut().enumerate().for_each(|(at, (field, _))| field.name = format!("column {at}"));
            (rows, columns)
        })
    })
}

/// As text in which every bit of a number shows.
fn exact(cell: Cell<'_>) -> String {
    if let Cell::F64(value) = cell { format!("{:x}", value.to_bits()) } else { format!("{cell:?}") }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back((rows, columns) in table()) {
        let fields: Vec<Field> = columns.iter().map(|(field, _)| field.clone()).collect();
        let lines: Vec<Vec<Cell<'_>>> =
            (0..rows).map(|row| columns.iter().map(|(_, values)| values.cell(row)).collect()).collect();
        let reader = reader(written(fields.clone(), &lines));
        prop_assert_eq!(reader.fields().cloned().collect::<Vec<_>>(), fields.as_slice());
        prop_assert_eq!(reader.rows(), rows as u64);
        // The last column first: the order is the one that is asked for.
        let names: Vec<&str> = fields.iter().rev().map(|field| field.name.as_str()).collect();
        let mut batches = reader.read(&names).expect("columns");
        let mut seen = 0;
        while let Some(batch) = batches.next_batch().expect("rows") {
            for row in 0..batch.rows() {
                for (at, (_, values)) in columns.iter().rev().enumerate() {
                    prop_assert_eq!(exact(batch.cell(at, row)), exact(values.cell(seen + row)));
                }
            }
            seen += batch.rows();
        }
        prop_assert_eq!(seen, rows);
    }
}

#[test]
fn many_rows_make_groups_and_batches() {
    const ROWS: usize = 300_000;
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, vec![Field::required("n", Kind::U64)]).expect("a table");
    (0..ROWS as u64).for_each(|n| writer.row(&[Cell::U64(n)]).expect("a row"));
    writer.finish().expect("written");
    let mut batches = reader(bytes).read(&["n"]).expect("columns");
    let (mut next, mut count) = (0, 0);
    while let Some(batch) = batches.next_batch().expect("rows") {
        assert!(batch.rows() <= 1 << 16);
        count += 1;
        for row in 0..batch.rows() {
            assert_eq!(batch.cell(0, row), Cell::U64(next));
            next += 1;
        }
    }
    // Groups of 131,072 rows: two batches each, and one of what is left.
    assert_eq!((next, count), (ROWS as u64, 5));
}

#[test]
fn what_does_not_fit_is_refused_and_the_rest_is_kept() {
    let mut bytes = Vec::new();
    let fields = vec![Field::required("name", Kind::Text), Field::optional("price", Kind::F64)];
    let mut writer = Writer::new(&mut bytes, fields).expect("a table");
    writer.row(&[Cell::Text("a"), Cell::F64(1.0)]).expect("a row");
    let refused = |result: Result<(), ColumnsError>| result.expect_err("refused").to_string();
    let said = refused(writer.row(&[Cell::Text("b"), Cell::I64(1)]));
    assert_eq!(said, "row 1 of what is written: expected numbers in `price`, found 1");
    let said = refused(writer.row(&[Cell::Empty, Cell::Empty]));
    assert_eq!(said, "row 1 of what is written: expected text in `name`, found nothing");
    assert!(refused(writer.row(&[Cell::Text("c")])).contains("expected 2 cells, found 1"));
    writer.row(&[Cell::Text("d"), Cell::Empty]).expect("a row");
    writer.finish().expect("written");
    let mut batches = reader(bytes).read(&["price", "name"]).expect("columns");
    let batch = batches.next_batch().expect("rows").expect("some");
    assert_eq!((batch.rows(), batch.cell(1, 0), batch.cell(1, 1)), (2, Cell::Text("a"), Cell::Text("d")));
    let said = batch.number(0, 1).expect_err("none").to_string();
    assert_eq!(said, "column `price`, row group 0, row 1: expected a number, found nothing");
}

#[test]
fn tables_that_can_not_be_say_why() {
    let make = |fields: Vec<Field>| Writer::new(Vec::new(), fields).expect_err("refused").to_string();
    assert_eq!(make(Vec::new()), "the table can't be written: it has no columns");
    let twice = vec![Field::required("a", Kind::I64), Field::optional("a", Kind::F64)];
    assert_eq!(make(twice), "the table can't be written: two columns are called `a`");
    let bytes = written(vec![Field::required("a", Kind::I64), Field::required("b", Kind::I64)], &[]);
    let said = reader(bytes).read(&["c"]).err().expect("refused").to_string();
    assert_eq!(said, "expected a column `c`, found a, b");
    let none = Reader::new(Cursor::new(b"ts_ms,open\n1,2\n".to_vec())).err().expect("refused").to_string();
    assert!(none.starts_with("expected a whole Parquet file, found "), "{none}");
}

/// A disk that is full.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_of_the_system() {
    let mut writer = Writer::new(Full, vec![Field::required("a", Kind::I64)]).expect("a table");
    writer.row(&[Cell::I64(1)]).expect("a row");
    let error = writer.finish().expect_err("full");
    assert!(matches!(&error, ColumnsError::Io(error) if error.kind() == io::ErrorKind::StorageFull), "{error:?}");
}
