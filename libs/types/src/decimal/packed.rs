//! Decimals on the wire.

use zerocopy::little_endian::I64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Decimal64;

/// A [`Decimal64`] as it lies on the wire: 9 bytes, no alignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PackedDecimal {
    /// The digits, with their sign.
    pub mantissa: I64,
    /// The power of ten; a value outside -38..=38 is refused by arithmetic.
    pub exponent: i8,
}

impl PackedDecimal {
    /// The value to compute with.
    pub fn get(self) -> Decimal64 {
        Decimal64::new(self.mantissa.get(), self.exponent)
    }
}

impl From<Decimal64> for PackedDecimal {
    fn from(value: Decimal64) -> Self {
        Self { mantissa: I64::new(value.mantissa), exponent: value.exponent }
    }
}

impl From<PackedDecimal> for Decimal64 {
    fn from(value: PackedDecimal) -> Self {
        value.get()
    }
}
