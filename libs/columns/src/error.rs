//! What can be wrong with a table.

use std::io;

use parquet::errors::ParquetError;

/// Why a table can't be written or read. Row groups and rows count from 0; rows are those of their group.
#[derive(Debug, thiserror::Error)]
pub enum ColumnsError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The fields make no table, or it grows beyond what a file holds.
    #[error("the table can't be written: {reason}")]
    Table {
        /// What is wrong.
        reason: String,
    },
    /// A row does not fit the fields. Nothing of it is written.
    #[error("row {row} of what is written: expected {expected}, found {found}")]
    Row {
        /// Which row of all.
        row: u64,
        /// What the fields ask for.
        expected: String,
        /// What came.
        found: String,
    },
    /// The bytes are no Parquet file, or its end, where it is described, is damaged.
    #[error("expected a whole Parquet file, found {reason}")]
    NotParquet {
        /// What is there instead.
        reason: String,
    },
    /// The table has no column of this name.
    #[error("expected a column `{column}`, found {found}")]
    NoColumn {
        /// The name.
        column: String,
        /// The names that there are.
        found: String,
    },
    /// A column can't be read as it is stored.
    #[error("column `{column}`, row group {group}: expected {expected}, found {found}")]
    Stored {
        /// The column.
        column: String,
        /// The row group.
        group: usize,
        /// What can be read.
        expected: &'static str,
        /// How it is stored.
        found: String,
    },
    /// The bytes of a column are damaged.
    #[error("column `{column}`, row group {group}: damaged or cut off: {reason}")]
    Damaged {
        /// The column.
        column: String,
        /// The row group.
        group: usize,
        /// What does not fit.
        reason: String,
    },
    /// A value is not what it should be.
    #[error("column `{column}`, row group {group}, row {row}: expected {expected}, found {found}")]
    Value {
        /// The column.
        column: String,
        /// The row group.
        group: usize,
        /// The row of the group.
        row: usize,
        /// What was expected.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// What the Parquet library says: the system's error where there is one inside, else its words.
pub(crate) fn reason_of(error: ParquetError) -> Result<String, io::Error> {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => Err(*error),
            Err(other) => Ok(other.to_string()),
        },
        ParquetError::General(text) | ParquetError::NYI(text) | ParquetError::EOF(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}
