//! What a table is made of: fields, cells, and columns of values.

use core::fmt;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers with a sign.
    I64,
    /// Whole numbers without one.
    U64,
    /// Floating-point numbers.
    F64,
    /// Yes or no.
    Bool,
    /// Text in UTF-8.
    Text,
    /// Times in ns since the Unix epoch, UTC.
    Time,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I64 => "whole numbers",
            Self::U64 => "whole numbers without a sign",
            Self::F64 => "numbers",
            Self::Bool => "yes or no",
            Self::Text => "text",
            Self::Time => "times",
        })
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name; no two of a table are the same.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Whether cells may be empty.
    pub optional: bool,
}

impl Field {
    /// A column whose cells all have a value.
    pub fn required(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, optional: false }
    }

    /// A column whose cells may be empty.
    pub fn optional(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, optional: true }
    }
}

/// A value, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Empty,
    /// A whole number with a sign.
    I64(i64),
    /// A whole number without one.
    U64(u64),
    /// A floating-point number.
    F64(f64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Text(&'a str),
    /// Ns since the Unix epoch.
    Time(i64),
}

impl Cell<'_> {
    /// The number, of any kind; none where the cell is empty or holds something else. Whole numbers beyond 2^53 are rounded.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::I64(value) => Some(value as f64),
            Self::U64(value) => Some(value as f64),
            Self::F64(value) => Some(value),
            Self::Empty | Self::Bool(_) | Self::Text(_) | Self::Time(_) => None,
        }
    }
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing"),
            Self::I64(value) => value.fmt(f),
            Self::U64(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Time(value) => write!(f, "the time {value} ns"),
        }
    }
}

/// The values of a column, one for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Of [`Kind::I64`].
    I64(Vec<Option<i64>>),
    /// Of [`Kind::U64`].
    U64(Vec<Option<u64>>),
    /// Of [`Kind::F64`].
    F64(Vec<Option<f64>>),
    /// Of [`Kind::Bool`].
    Bool(Vec<Option<bool>>),
    /// Of [`Kind::Text`].
    Text(Vec<Option<String>>),
    /// Of [`Kind::Time`], ns since the Unix epoch.
    Time(Vec<Option<i64>>),
}

impl Values {
    /// A column without rows.
    pub(crate) fn none(kind: Kind) -> Self {
        match kind {
            Kind::I64 => Self::I64(Vec::new()),
            Kind::U64 => Self::U64(Vec::new()),
            Kind::F64 => Self::F64(Vec::new()),
            Kind::Bool => Self::Bool(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Time => Self::Time(Vec::new()),
        }
    }

    /// The value of a row; empty beyond the last.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        let cell = match self {
            Self::I64(values) => values.get(row).copied().flatten().map(Cell::I64),
            Self::U64(values) => values.get(row).copied().flatten().map(Cell::U64),
            Self::F64(values) => values.get(row).copied().flatten().map(Cell::F64),
            Self::Bool(values) => values.get(row).copied().flatten().map(Cell::Bool),
            Self::Text(values) => values.get(row).and_then(Option::as_deref).map(Cell::Text),
            Self::Time(values) => values.get(row).copied().flatten().map(Cell::Time),
        };
        cell.unwrap_or(Cell::Empty)
    }

    /// Adds a row. A cell of another kind is not taken, and false.
    pub(crate) fn push(&mut self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::I64(values), Cell::I64(value)) => values.push(Some(value)),
            (Self::I64(values), Cell::Empty) => values.push(None),
            (Self::U64(values), Cell::U64(value)) => values.push(Some(value)),
            (Self::U64(values), Cell::Empty) => values.push(None),
            (Self::F64(values), Cell::F64(value)) => values.push(Some(value)),
            (Self::F64(values), Cell::Empty) => values.push(None),
            (Self::Bool(values), Cell::Bool(value)) => values.push(Some(value)),
            (Self::Bool(values), Cell::Empty) => values.push(None),
            (Self::Text(values), Cell::Text(value)) => values.push(Some(value.to_owned())),
            (Self::Text(values), Cell::Empty) => values.push(None),
            (Self::Time(values), Cell::Time(value)) => values.push(Some(value)),
            (Self::Time(values), Cell::Empty) => values.push(None),
            _ => return false,
        }
        true
    }
}
