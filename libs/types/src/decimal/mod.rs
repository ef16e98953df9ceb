//! Exact decimals: prices and quantities as the venue printed them.
//!
//! A [`Decimal64`] is `mantissa * 10^exponent`. Parsing keeps every digit, trailing zeros too (a venue's checksum may
//! cover them), or fails; nothing rounds unless [`Decimal64::rescale`] or [`Decimal64::round_to_step`] is asked to, with a
//! named rule. Equality and order are by value: `1.50 == 1.5`. Products go through `i128`.

mod arithmetic;
mod order;
mod packed;
mod text;

#[cfg(test)]
mod tests;

use core::fmt;

pub use packed::PackedDecimal;

/// Smallest exponent that arithmetic accepts; 10^-38 is the finest step an `i128` can scale to.
pub const MIN_EXPONENT: i8 = -38;
/// Largest exponent that arithmetic accepts.
pub const MAX_EXPONENT: i8 = 38;

/// An exact decimal number: `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decimal64 {
    /// The digits, with their sign.
    pub mantissa: i64,
    /// The power of ten they are multiplied by: -2 for `12.34`.
    pub exponent: i8,
}

/// Why a decimal could not be read or computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// The text holds no digit.
    Empty,
    /// A character that no decimal contains, at this byte offset.
    BadCharacter {
        /// Byte offset in the text.
        offset: usize,
    },
    /// The value needs more than 63 bits of mantissa, or an exponent outside -38..=38.
    Overflow,
    /// The operation would have to drop digits.
    Inexact,
    /// Division by zero, or a step that is not positive.
    DivisionByZero,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("expected a decimal number, found no digit"),
            Self::BadCharacter { offset } => {
                write!(f, "expected a decimal number, found another character at byte {offset}")
            }
            Self::Overflow => f.write_str("the number does not fit 18 significant digits with an exponent of -38..=38"),
            Self::Inexact => f.write_str("the result can't be held exactly; name a rounding rule"),
            Self::DivisionByZero => f.write_str("division by zero, or a step that is not positive"),
        }
    }
}

impl core::error::Error for DecimalError {}

/// How a value that lies between two steps is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Towards negative infinity.
    Floor,
    /// Towards positive infinity.
    Ceiling,
    /// Towards zero: never more than asked for.
    TowardsZero,
    /// Away from zero: never less than owed.
    AwayFromZero,
}
impl Decimal64 {
    /// Zero, without decimals.
    pub const ZERO: Self = Self::new(0, 0);
    /// One, without decimals.
    pub const ONE: Self = Self::new(1, 0);

    /// `mantissa * 10^exponent`.
    pub const fn new(mantissa: i64, exponent: i8) -> Self {
        Self { mantissa, exponent }
    }
}
