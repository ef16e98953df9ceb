//! Rows into a Parquet file.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use crate::error::{ColumnsError, reason_of};
use crate::table::{Cell, Field, Kind, Values};

/// Rows that are written together, at most.
const GROUP_ROWS: usize = 1 << 17;
/// Bytes of waiting rows, about, at which they are written.
const GROUP_BYTES: usize = 32 << 20;

/// Writes a table row by row. Rows wait in memory until they make a row group of 131,072 rows or about 32 MiB.
#[derive(Debug)]
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    fields: Vec<Field>,
    waiting: Vec<Values>,
    waiting_rows: usize,
    waiting_bytes: usize,
    rows: u64,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a table of these columns, compressed with Snappy.
    ///
    /// # Errors
    /// When there is no column, or two have one name, or the output can't be written.
    pub fn new(out: W, fields: Vec<Field>) -> Result<Self, ColumnsError> {
        let schema = schema(&fields)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(write_error)?;
        let waiting = fields.iter().map(|field| Values::none(field.kind)).collect();
        Ok(Self { file, fields, waiting, waiting_rows: 0, waiting_bytes: 0, rows: 0 })
    }

    /// Adds a row: a cell for each column, in their order.
    ///
    /// # Errors
    /// When the cells do not fit the columns, or the output can't be written.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ColumnsError> {
        self.check(cells)?;
        for (column, cell) in self.waiting.iter_mut().zip(cells) {
            column.push(*cell);
            self.waiting_bytes +=
                size_of::<Option<String>>() + if let Cell::Text(text) = cell { text.len() } else { 0 };
        }
        self.rows += 1;
        self.waiting_rows += 1;
        if self.waiting_rows >= GROUP_ROWS || self.waiting_bytes >= GROUP_BYTES { self.flush() } else { Ok(()) }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the file; one that is not ended can't be read.
    ///
    /// # Errors
    /// When the output can't be written.
    pub fn finish(mut self) -> Result<(), ColumnsError> {
        if self.waiting_rows > 0 {
            self.flush()?;
        }
        self.file.finish().map(drop).map_err(write_error)
    }

    fn check(&self, cells: &[Cell<'_>]) -> Result<(), ColumnsError> {
        let wrong = |expected: String, found: String| ColumnsError::Row { row: self.rows, expected, found };
        if cells.len() != self.fields.len() {
            return Err(wrong(format!("{} cells", self.fields.len()), cells.len().to_string()));
        }
        match self.fields.iter().zip(cells).find(|(field, cell)| !fits(field, cell)) {
            Some((field, cell)) => Err(wrong(format!("{} in `{}`", field.kind, field.name), cell.to_string())),
            None => Ok(()),
        }
    }

    /// Writes what waits as a row group.
    fn flush(&mut self) -> Result<(), ColumnsError> {
        self.write_group().map_err(write_error)?;
        self.waiting = self.fields.iter().map(|field| Values::none(field.kind)).collect();
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for (field, values) in self.fields.iter().zip(&self.waiting) {
            let Some(mut column) = group.next_column()? else { break };
            put(&mut column, field.optional, values)?;
            column.close()?;
        }
        group.close().map(drop)
    }
}

/// Whether a cell may stand in a column.
fn fits(field: &Field, cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Empty => field.optional,
        Cell::I64(_) => field.kind == Kind::I64,
        Cell::U64(_) => field.kind == Kind::U64,
        Cell::F64(_) => field.kind == Kind::F64,
        Cell::Bool(_) => field.kind == Kind::Bool,
        Cell::Text(_) => field.kind == Kind::Text,
        Cell::Time(_) => field.kind == Kind::Time,
    }
}

fn schema(fields: &[Field]) -> Result<TypePtr, ColumnsError> {
    let wrong = |reason: String| ColumnsError::Table { reason };
    if fields.is_empty() {
        return Err(wrong("it has no columns".to_owned()));
    }
    let mut names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    if let Some([name, _]) = names.array_windows().find(|[a, b]| a == b) {
        return Err(wrong(format!("two columns are called `{name}`")));
    }
    let of = |error: ParquetError| wrong(error.to_string());
    let columns = fields.iter().map(|field| column_type(field).map(Arc::new).map_err(of));
    let columns = columns.collect::<Result<Vec<TypePtr>, ColumnsError>>()?;
    Type::group_type_builder("table").with_fields(columns).build().map(Arc::new).map_err(of)
}

fn column_type(field: &Field) -> Result<Type, ParquetError> {
    let (physical, logical) = match field.kind {
        Kind::I64 => (Physical::INT64, None),
        Kind::U64 => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Kind::F64 => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
    };
    let repetition = if field.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(&field.name, physical).with_repetition(repetition).with_logical_type(logical).build()
}

fn put(column: &mut SerializedColumnWriter<'_>, optional: bool, values: &Values) -> Result<(), ParquetError> {
    match values {
        Values::I64(values) | Values::Time(values) => put_as::<Int64Type, _>(column, optional, values, |value| *value),
        // Parquet keeps the bits of a number without a sign in one with a sign.
        Values::U64(values) => put_as::<Int64Type, _>(column, optional, values, |value| value.cast_signed()),
        Values::F64(values) => put_as::<DoubleType, _>(column, optional, values, |value| *value),
        Values::Bool(values) => put_as::<BoolType, _>(column, optional, values, |value| *value),
        Values::Text(values) => {
            put_as::<ByteArrayType, _>(column, optional, values, |value| ByteArray::from(value.as_str()))
        }
    }
}

fn put_as<T: DataType, V>(
    column: &mut SerializedColumnWriter<'_>,
    optional: bool,
    values: &[Option<V>],
    stored: impl Fn(&V) -> T::T,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> =
        if optional { values.iter().map(|value| i16::from(value.is_some())).collect() } else { Vec::new() };
    let stored: Vec<T::T> = values.iter().flatten().map(stored).collect();
    column.typed::<T>().write_batch(&stored, optional.then_some(levels.as_slice()), None).map(drop)
}

fn write_error(error: ParquetError) -> ColumnsError {
    match reason_of(error) {
        Ok(reason) => ColumnsError::Table { reason },
        Err(error) => ColumnsError::Io(error),
    }
}
