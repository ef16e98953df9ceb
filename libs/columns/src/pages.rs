//! The values of one column in one row group, and how they are stored.

use std::ops::Range;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, Int96};
use parquet::errors::ParquetError;
use parquet::schema::types::Type;

use crate::error::{ColumnsError, reason_of};
use crate::table::{Kind, Values};

const DAY_NS: i64 = 86_400_000_000_000;
/// The Unix epoch's Julian day.
const EPOCH_JULIAN_DAY: i64 = 2_440_588;

/// How the values of a column are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Bits, text, floating-point numbers and whole numbers with a sign: as their physical type says.
    Plain(Kind),
    /// Whole numbers without a sign.
    Unsigned,
    /// Times in units of so many ns.
    Times(i64),
    /// Times as ns of a Julian day, as older programs write them.
    JulianTimes,
}

impl Stored {
    /// How a column of this type is stored; else what it is.
    pub(crate) fn of(column: &Type) -> Result<Self, String> {
        let info = column.get_basic_info();
        let logical = info.logical_type_ref();
        let other = || match logical {
            Some(logical) => Err(format!("{logical:?} as {}", column.get_physical_type())),
            None => Err(format!("{} as {}", info.converted_type(), column.get_physical_type())),
        };
        match (column.get_physical_type(), logical, info.converted_type()) {
            (Physical::BOOLEAN, None, ConvertedType::NONE) => Ok(Self::Plain(Kind::Bool)),
            (Physical::FLOAT | Physical::DOUBLE, None, ConvertedType::NONE) => Ok(Self::Plain(Kind::F64)),
            (Physical::INT96, None, ConvertedType::NONE) => Ok(Self::JulianTimes),
            (Physical::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _)
            | (Physical::BYTE_ARRAY, None, ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::ENUM) => {
                Ok(Self::Plain(Kind::Text))
            }
            (Physical::INT32, Some(LogicalType::Date), _) | (Physical::INT32, None, ConvertedType::DATE) => {
                Ok(Self::Times(DAY_NS))
            }
            (Physical::INT64, Some(LogicalType::Timestamp(times)), _) => match times.unit {
                TimeUnit::MILLIS => Ok(Self::Times(1_000_000)),
                TimeUnit::MICROS => Ok(Self::Times(1_000)),
                TimeUnit::NANOS => Ok(Self::Times(1)),
            },
            (Physical::INT64, None, ConvertedType::TIMESTAMP_MILLIS) => Ok(Self::Times(1_000_000)),
            (Physical::INT64, None, ConvertedType::TIMESTAMP_MICROS) => Ok(Self::Times(1_000)),
            (Physical::INT32 | Physical::INT64, Some(LogicalType::Integer(whole)), _) => {
                Ok(if whole.is_signed { Self::Plain(Kind::I64) } else { Self::Unsigned })
            }
            (Physical::INT32 | Physical::INT64, None, converted) => match converted {
                ConvertedType::NONE
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64 => Ok(Self::Plain(Kind::I64)),
                ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
                    Ok(Self::Unsigned)
                }
                _ => other(),
            },
            _ => other(),
        }
    }

    /// What the values are to a reader.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Plain(kind) => kind,
            Self::Unsigned => Kind::U64,
            Self::Times(_) | Self::JulianTimes => Kind::Time,
        }
    }
}

/// What is wrong in a column of a row group.
pub(crate) enum Fault {
    Library(ParquetError),
    Value { row: usize, expected: &'static str, found: String },
}

impl Fault {
    /// With the place where it is.
    pub(crate) fn at(self, column: &str, group: usize) -> ColumnsError {
        let column = column.to_owned();
        match self {
            Self::Library(error) => match reason_of(error) {
                Ok(reason) => ColumnsError::Damaged { column, group, reason },
                Err(error) => ColumnsError::Io(error),
            },
            Self::Value { row, expected, found } => {
                ColumnsError::Value { column, group, row, expected: expected.to_owned(), found }
            }
        }
    }
}

/// The column of a row group, as far as it has been read.
pub(crate) struct ColumnPages {
    reader: ColumnReader,
    stored: Stored,
    optional: bool,
}

const TIME_RANGE: &str = "a time from 1677 to 2262";

impl ColumnPages {
    pub(crate) fn new(reader: ColumnReader, stored: Stored, optional: bool) -> Self {
        Self { reader, stored, optional }
    }

    /// The next rows, which are these of the group.
    pub(crate) fn read(&mut self, rows: &Range<usize>) -> Result<Values, Fault> {
        let (rows, optional, stored) = (rows.clone(), self.optional, self.stored);
        let in_ns =
            |value: i64, unit: i64| value.checked_mul(unit).ok_or((TIME_RANGE, format!("{value} times {unit} ns")));
        match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => {
                read(reader, rows, optional, |value| Ok(*value)).map(Values::Bool)
            }
            ColumnReader::FloatColumnReader(reader) => {
                read(reader, rows, optional, |value| Ok(f64::from(*value))).map(Values::F64)
            }
            ColumnReader::DoubleColumnReader(reader) => {
                read(reader, rows, optional, |value| Ok(*value)).map(Values::F64)
            }
            ColumnReader::ByteArrayColumnReader(reader) => read(reader, rows, optional, text).map(Values::Text),
            ColumnReader::Int96ColumnReader(reader) => read(reader, rows, optional, julian).map(Values::Time),
            ColumnReader::Int32ColumnReader(reader) => match stored {
                Stored::Unsigned => {
                    read(reader, rows, optional, |value| Ok(u64::from(value.cast_unsigned()))).map(Values::U64)
                }
                Stored::Times(unit) => {
                    read(reader, rows, optional, |value| in_ns((*value).into(), unit)).map(Values::Time)
                }
                _ => read(reader, rows, optional, |value| Ok(i64::from(*value))).map(Values::I64),
            },
            ColumnReader::Int64ColumnReader(reader) => match stored {
                Stored::Unsigned => read(reader, rows, optional, |value| Ok(value.cast_unsigned())).map(Values::U64),
                Stored::Times(unit) => read(reader, rows, optional, |value| in_ns(*value, unit)).map(Values::Time),
                _ => read(reader, rows, optional, |value| Ok(*value)).map(Values::I64),
            },
            ColumnReader::FixedLenByteArrayColumnReader(_) => {
                Err(Fault::Library(ParquetError::General("its pages are of another type than its schema".to_owned())))
            }
        }
    }
}

fn text(value: &ByteArray) -> Result<String, (&'static str, String)> {
    let text = std::str::from_utf8(value.data()).map_err(|error| ("text in UTF-8", error.to_string()))?;
    Ok(text.to_owned())
}

fn julian(value: &Int96) -> Result<i64, (&'static str, String)> {
    let &[low, high, day] = value.data() else { return Err((TIME_RANGE, "too few bytes".to_owned())) };
    let of_day = (u64::from(high) << 32 | u64::from(low)).cast_signed();
    let days = (i64::from(day) - EPOCH_JULIAN_DAY).checked_mul(DAY_NS);
    let ns = days.and_then(|days| days.checked_add(of_day));
    ns.ok_or_else(|| (TIME_RANGE, format!("{of_day} ns of the Julian day {day}")))
}

/// The next rows of a reader: one value for each, or none where a level says so.
fn read<T: DataType, V>(
    reader: &mut ColumnReaderImpl<T>,
    rows: Range<usize>,
    optional: bool,
    value_of: impl Fn(&T::T) -> Result<V, (&'static str, String)>,
) -> Result<Vec<Option<V>>, Fault> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let with_levels = optional.then_some(&mut levels);
    let (count, _, _) = reader.read_records(rows.len(), with_levels, None, &mut values).map_err(Fault::Library)?;
    let present = if optional { levels.iter().filter(|level| **level > 0).count() } else { count };
    if count != rows.len() || present != values.len() {
        let reason = format!("it ends at row {} of the group", rows.start + count);
        return Err(Fault::Library(ParquetError::General(reason)));
    }
    let mut values = values.iter();
    let mut cells = Vec::with_capacity(count);
    for row in 0..count {
        let is_present = !optional || levels.get(row).is_some_and(|level| *level > 0);
        let value = if is_present { values.next().map(&value_of).transpose() } else { Ok(None) };
        let wrong = |(expected, found)| Fault::Value { row: rows.start + row, expected, found };
        cells.push(value.map_err(wrong)?);
    }
    Ok(cells)
}
