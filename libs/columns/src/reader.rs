//! Parquet files into batches of rows.

use std::io::{Read, Seek};

use parquet::basic::Compression;
use parquet::column::reader::get_column_reader;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::checked::{self, CheckedPages};
use crate::error::{ColumnsError, reason_of};
use crate::input::Input;
use crate::pages::{ColumnPages, Stored};
use crate::table::{Cell, Field, Values};

/// Rows of a batch, at most.
const BATCH_ROWS: usize = 1 << 16;

/// A Parquet file: what it holds.
pub struct Reader<R: Read + Seek + Send + 'static> {
    file: SerializedFileReader<Input<R>>,
    columns: Vec<Column>,
    rows: u64,
}

/// A column at the top of the schema.
struct Column {
    /// Its place among the leaves; a nested column has several.
    leaf: usize,
    name: String,
    /// How to read it, or what it is.
    stored: Result<(Field, Stored), String>,
}

impl<R: Read + Seek + Send + 'static> Reader<R> {
    /// Reads what a file says of itself.
    ///
    /// # Errors
    /// When it is no Parquet file, or contradicts itself.
    pub fn new(input: R) -> Result<Self, ColumnsError> {
        let file = SerializedFileReader::new(Input::new(input)?).map_err(|error| match reason_of(error) {
            Ok(reason) => ColumnsError::NotParquet { reason },
            Err(error) => ColumnsError::Io(error),
        })?;
        let metadata = file.metadata().file_metadata();
        let schema = metadata.schema_descr();
        let mut columns: Vec<Column> = Vec::new();
        for leaf in 0..schema.num_columns() {
            let root = schema.get_column_root(leaf);
            let described = schema.column(leaf);
            let is_plain = root.is_primitive() && described.max_rep_level() == 0 && described.max_def_level() <= 1;
            let stored = if is_plain { Stored::of(root) } else { Err("nested columns".to_owned()) };
            let field = stored.map(|stored| {
                let field = Field { name: root.name().to_owned(), kind: stored.kind(), optional: root.is_optional() };
                (field, stored)
            });
            if is_plain || columns.last().is_none_or(|last| last.name != root.name()) {
                columns.push(Column { leaf, name: root.name().to_owned(), stored: field });
            }
        }
        let add = |rows: u64, group: &RowGroupMetaData| rows.checked_add(u64::try_from(group.num_rows()).ok()?);
        let rows = file.metadata().row_groups().iter().try_fold(0, add);
        let rows = rows.ok_or_else(|| ColumnsError::NotParquet { reason: "numbers of rows that can't be".into() })?;
        Ok(Self { file, columns, rows })
    }

    /// The columns that can be read, in their order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.columns.iter().filter_map(|column| column.stored.as_ref().ok()).map(|(field, _)| field)
    }

    /// How many rows the file says that it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// All rows, of these columns in this order, in batches of at most 65,536.
    ///
    /// # Errors
    /// When there is no such column, or it is stored in a way that can't be read.
    pub fn read(self, names: &[&str]) -> Result<Batches<R>, ColumnsError> {
        let mut columns = Vec::new();
        for name in names {
            let Some(column) = self.columns.iter().find(|column| column.name == *name) else {
                let found: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
                return Err(ColumnsError::NoColumn { column: (*name).to_owned(), found: found.join(", ") });
            };
            let (field, stored) = column.stored.as_ref().map_err(|found| ColumnsError::Stored {
                column: column.name.clone(),
                group: 0,
                expected: "whole numbers, floating-point numbers, yes or no, text or times",
                found: found.clone(),
            })?;
            columns.push((column.leaf, field.clone(), *stored));
        }
        Ok(Batches { file: self.file, columns, group: 0, open: None })
    }
}

/// The rows of a file, from its first on.
pub struct Batches<R: Read + Seek + Send + 'static> {
    file: SerializedFileReader<Input<R>>,
    columns: Vec<(usize, Field, Stored)>,
    /// The row group to be opened next.
    group: usize,
    open: Option<OpenGroup>,
}

/// A row group that is being read.
struct OpenGroup {
    number: usize,
    columns: Vec<ColumnPages>,
    done: usize,
    rows: usize,
}

impl<R: Read + Seek + Send + 'static> Batches<R> {
    /// The next rows, all of one row group; none after the last.
    ///
    /// # Errors
    /// When the input can't be read, is damaged, or holds a value that its column's kind has not.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, ColumnsError> {
        loop {
            let mut open = match self.open.take() {
                Some(open) => open,
                None if self.group < self.file.num_row_groups() => self.open_group()?,
                None => return Ok(None),
            };
            let rows = open.done..open.rows.min(open.done.saturating_add(BATCH_ROWS));
            if rows.is_empty() {
                continue;
            }
            let mut columns = Vec::with_capacity(open.columns.len());
            for (pages, (_, field, _)) in open.columns.iter_mut().zip(&self.columns) {
                let values = pages.read(&rows).map_err(|fault| fault.at(&field.name, open.number))?;
                columns.push((field.clone(), values));
            }
            let batch = Batch { group: open.number, first_row: rows.start, rows: rows.len(), columns };
            open.done = rows.end;
            self.open = Some(open);
            return Ok(Some(batch));
        }
    }

    fn open_group(&mut self) -> Result<OpenGroup, ColumnsError> {
        let number = self.group;
        self.group += 1;
        let metadata = self.file.metadata().row_group(number);
        let mut columns = Vec::with_capacity(self.columns.len());
        for (leaf, field, stored) in &self.columns {
            let damaged = |error: ParquetError| match reason_of(error) {
                Ok(reason) => ColumnsError::Damaged { column: field.name.clone(), group: number, reason },
                Err(error) => ColumnsError::Io(error),
            };
            check_chunk(metadata, *leaf, &field.name, number)?;
            let group = self.file.get_row_group(number).map_err(damaged)?;
            let described = self.file.metadata().file_metadata().schema_descr().column(*leaf);
            let pages = group.get_column_page_reader(*leaf).map_err(damaged)?;
            let pages = CheckedPages::new(pages, described.physical_type(), field.optional);
            columns.push(ColumnPages::new(get_column_reader(described, Box::new(pages)), *stored, field.optional));
        }
        let rows = usize::try_from(metadata.num_rows()).unwrap_or(0);
        Ok(OpenGroup { number, columns, done: 0, rows })
    }
}

/// Whether the library can be asked for a column of a row group: it ends the process where a place is negative.
fn check_chunk(metadata: &RowGroupMetaData, leaf: usize, name: &str, group: usize) -> Result<(), ColumnsError> {
    let damaged = |reason: &str| ColumnsError::Damaged { column: name.to_owned(), group, reason: reason.to_owned() };
    let chunk = metadata.columns().get(leaf).ok_or_else(|| damaged("it is not there"))?;
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    if start < 0 || chunk.compressed_size() < 0 {
        return Err(damaged("its place in the file is negative"));
    }
    let stored = |expected, found: String| ColumnsError::Stored { column: name.to_owned(), group, expected, found };
    match chunk.compression() {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) | Compression::ZSTD(_) => {}
        other => return Err(stored("no compression, Snappy, gzip or Zstandard", other.to_string())),
    }
    match chunk.encodings().find(|encoding| !checked::is_read(*encoding)) {
        Some(other) => Err(stored("plain or dictionary encoding, which writers use by default", other.to_string())),
        None => Ok(()),
    }
}

/// Some rows of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    group: usize,
    first_row: usize,
    rows: usize,
    columns: Vec<(Field, Values)>,
}

impl Batch {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns that were asked for, in that order.
    pub fn columns(&self) -> &[(Field, Values)] {
        &self.columns
    }

    /// The cell of a column, counted in the order in which they were asked for; empty where there is none.
    pub fn cell(&self, column: usize, row: usize) -> Cell<'_> {
        self.columns.get(column).map_or(Cell::Empty, |(_, values)| values.cell(row))
    }

    /// The number in a cell.
    ///
    /// # Errors
    /// When it is empty or holds no number.
    pub fn number(&self, column: usize, row: usize) -> Result<f64, ColumnsError> {
        self.cell(column, row).number().ok_or_else(|| self.wrong(column, row, "a number"))
    }

    /// Says that a cell holds something else than `expected`.
    pub fn wrong(&self, column: usize, row: usize, expected: impl Into<String>) -> ColumnsError {
        ColumnsError::Value {
            column: self.columns.get(column).map(|(field, _)| field.name.clone()).unwrap_or_default(),
            group: self.group,
            row: self.first_row.saturating_add(row),
            expected: expected.into(),
            found: self.cell(column, row).to_string(),
        }
    }
}
