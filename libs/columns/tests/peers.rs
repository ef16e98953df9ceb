//! Files of other writers (`tests/fixtures`, made by `tests/peers.py`), and ours as pyarrow reads them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]
#![allow(clippy::print_stdout, reason = "a test says that it skips")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_columns::{Batch, Cell, Field, Kind, Reader, Writer};
use serde_json::{Value, json};

const ROWS: usize = 200;
const NAMES: [&str; 12] = ["i64", "i8", "u64", "u16", "f64", "f32", "bool", "text", "ns", "us", "ms", "date"];

fn fixture(name: &str) -> Reader<File> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name);
    Reader::new(File::open(&path).expect("a fixture")).expect("a table")
}

/// The batches of a fixture, one after another.
fn batches(name: &str) -> Vec<Batch> {
    let mut batches = fixture(name).read(&NAMES).expect("columns");
    std::iter::from_fn(|| batches.next_batch().expect("rows")).collect()
}

/// What `tests/peers.py` puts into a row.
fn expected(n: usize, name: &str, text: &str) -> Value {
    let n = n as i64;
    match name {
        "i64" => json!(n * 1_000_003 - 5),
        "i8" => json!(n % 100 - 50),
        "u64" => json!(u64::MAX - n as u64),
        "u16" => json!(60_000 + n as u64),
        "f64" => {
            if n % 5 == 0 {
                Value::Null
            } else {
                json!(n as f64 / 7.0)
            }
        }
        "f32" => json!(n as f64 / 4.0),
        "bool" => {
            if n % 11 == 0 {
                Value::Null
            } else {
                json!(n % 3 == 0)
            }
        }
        "text" => {
            if n % 4 == 0 {
                Value::Null
            } else {
                json!(text)
            }
        }
        "ns" => json!(1_700_000_000_000_000_001 + n),
        "us" => json!((1_700_000_000_000_001 + n) * 1_000),
        "ms" => json!((1_700_000_000_001 + n) * 1_000_000),
        "date" => json!((19_000 + n) * 86_400_000_000_000),
        other => panic!("no column {other}"),
    }
}

fn as_json(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::I64(value) | Cell::Time(value) => json!(value),
        Cell::U64(value) => json!(value),
        Cell::F64(value) => json!(value),
        Cell::Bool(value) => json!(value),
        Cell::Text(value) => json!(value),
    }
}

#[test]
fn files_of_others_are_read() {
    for name in
        ["pyarrow.parquet", "pyarrow-gzip-2.parquet", "pyarrow-plain.parquet", "pandas.parquet", "polars.parquet"]
    {
        let kinds: Vec<Kind> = fixture(name).fields().map(|field| field.kind).collect();
        use Kind::{Bool, F64, I64, Text, Time, U64};
        assert_eq!(kinds, [I64, I64, U64, U64, F64, F64, Bool, Text, Time, Time, Time, Time], "{name}");
        let mut row = 0;
        for batch in batches(name) {
            for at in 0..batch.rows() {
                for (column, field) in NAMES.iter().enumerate() {
                    let text = format!("text {}, café", row % 7);
                    assert_eq!(
                        as_json(batch.cell(column, at)),
                        expected(row, field, &text),
                        "{name}, {field}, row {row}"
                    );
                }
                row += 1;
            }
        }
        assert_eq!(row, ROWS, "{name}");
    }
}

#[test]
fn what_can_not_be_read_says_what_it_is() {
    let said = |file: &str, column: &str| match fixture(file).read(&[column]) {
        Ok(mut batches) => batches.next_batch().expect_err("refused").to_string(),
        Err(error) => error.to_string(),
    };
    let start =
        "column `list`, row group 0: expected whole numbers, floating-point numbers, yes or no, text or times, found ";
    assert_eq!(said("pyarrow.parquet", "list"), format!("{start}nested columns"));
    assert!(said("pyarrow.parquet", "decimal").contains("Decimal"), "{}", said("pyarrow.parquet", "decimal"));
    let compression = "column `i64`, row group 0: expected no compression, Snappy, gzip or Zstandard, found LZ4_RAW";
    assert_eq!(said("lz4.parquet", "i64"), compression);
    assert!(said("delta.parquet", "i64").ends_with("found DELTA_BINARY_PACKED"), "{}", said("delta.parquet", "i64"));
}

/// Runs `tests/peers.py` with the Python that `ALPHAMESH_PYTHON` names, else `python3`; none where it has no pyarrow.
fn python(arguments: &[&str]) -> Option<String> {
    let python = std::env::var("ALPHAMESH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_pyarrow =
        Command::new(&python).args(["-c", "import pyarrow"]).output().is_ok_and(|out| out.status.success());
    if !has_pyarrow {
        println!("SKIPPED: {python} has no pyarrow; ALPHAMESH_PYTHON names one that has");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers.py");
    let out = Command::new(&python).arg(script).args(arguments).output().expect("started");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).expect("text"))
}

fn write(path: &Path) {
    let kinds = [Kind::I64, Kind::U64, Kind::F64, Kind::Bool, Kind::Text, Kind::Time];
    let required = kinds.iter().map(|kind| Field::required(format!("required {kind:?}"), *kind));
    let optional = kinds.iter().map(|kind| Field::optional(format!("optional {kind:?}"), *kind));
    let file = File::create_new(path).expect("made");
    let mut writer = Writer::new(file, required.chain(optional).collect()).expect("a table");
    for n in 0..ROWS as u64 {
        let text = format!("text {}", n % 7);
        let cells = [
            Cell::I64(-(n as i64)),
            Cell::U64(u64::MAX - n),
            Cell::F64(n as f64 / 7.0),
            Cell::Bool(n % 3 == 0),
            Cell::Text(&text),
            Cell::Time(1_700_000_000_000_000_001 + n as i64),
        ];
        let some = cells.iter().map(|cell| if n % 4 == 0 { Cell::Empty } else { *cell });
        writer.row(&cells.iter().copied().chain(some).collect::<Vec<_>>()).expect("a row");
    }
    writer.finish().expect("written");
}

#[test]
fn pyarrow_reads_what_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ours.parquet");
    write(&path);
    let Some(read) = python(&["read", path.to_str().expect("UTF-8")]) else { return };
    let read: Value = serde_json::from_str(&read).expect("JSON");
    let types = ["int64", "uint64", "double", "bool", "string", "timestamp[ns, tz=UTC]"];
    assert_eq!(read["types"], json!([types, types].concat()));
    assert_eq!(read["nullable"], json!([[false; 6], [true; 6]].concat()));
    let reader = Reader::new(File::open(&path).expect("there")).expect("a table");
    let names: Vec<String> = reader.fields().map(|field| field.name.clone()).collect();
    let mut batches = reader.read(&names.iter().map(String::as_str).collect::<Vec<_>>()).expect("columns");
    let batch = batches.next_batch().expect("rows").expect("some");
    for column in 0..names.len() {
        let ours: Vec<Value> = (0..ROWS).map(|row| as_json(batch.cell(column, row))).collect();
        assert_eq!(read["columns"][column], Value::Array(ours), "{}", names[column]);
    }
}
