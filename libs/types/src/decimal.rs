//! Exact decimals: prices and quantities as the venue printed them.
//!
//! A [`Decimal64`] is `mantissa * 10^exponent`. Parsing keeps every digit, trailing zeros too (a venue's checksum may
//! cover them), or fails; nothing rounds unless [`Decimal64::rescale`] or [`Decimal64::round_to_step`] is asked to, with a
//! named rule. Equality and order are by value: `1.50 == 1.5`. Products go through `i128`.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use zerocopy::little_endian::I64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

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

fn pow10(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// Divides with the given rule; `divisor` must be positive.
fn divide(value: i128, divisor: i128, rounding: Rounding) -> Option<i128> {
    let quotient = value.checked_div(divisor)?;
    let remainder = value % divisor;
    if remainder == 0 {
        return Some(quotient);
    }
    let step = match rounding {
        Rounding::Floor if value < 0 => -1,
        Rounding::Ceiling if value > 0 => 1,
        Rounding::AwayFromZero => value.signum(),
        Rounding::Floor | Rounding::Ceiling | Rounding::TowardsZero => 0,
    };
    quotient.checked_add(step)
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

    /// Reads `[-+]digits[.digits][e[-+]digits]`, keeping every digit and trailing zero.
    ///
    /// # Errors
    /// When the text is not a decimal number, or holds more digits than fit.
    pub fn parse_bytes(text: &[u8]) -> Result<Self, DecimalError> {
        let (negative, mut offset) = match text.first() {
            Some(b'-') => (true, 1),
            Some(b'+') => (false, 1),
            _ => (false, 0),
        };
        let mut mantissa: i64 = 0;
        let mut exponent: i32 = 0;
        let mut digits = 0usize;
        let mut in_fraction = false;
        while let Some(&byte) = text.get(offset) {
            match byte {
                b'0'..=b'9' => {
                    digits += 1;
                    mantissa = mantissa
                        .checked_mul(10)
                        .and_then(|m| m.checked_add(i64::from(byte - b'0')))
                        .ok_or(DecimalError::Overflow)?;
                    exponent -= i32::from(in_fraction);
                }
                b'.' if !in_fraction => in_fraction = true,
                b'e' | b'E' if digits > 0 => {
                    exponent = exponent.checked_add(parse_exponent(text, offset + 1)?).ok_or(DecimalError::Overflow)?;
                    break;
                }
                _ => return Err(DecimalError::BadCharacter { offset }),
            }
            offset += 1;
        }
        if digits == 0 {
            return Err(DecimalError::Empty);
        }
        let exponent = i8::try_from(exponent).map_err(|_| DecimalError::Overflow)?;
        if !(MIN_EXPONENT..=MAX_EXPONENT).contains(&exponent) {
            return Err(DecimalError::Overflow);
        }
        Ok(Self::new(if negative { -mantissa } else { mantissa }, exponent))
    }

    /// True for zero of any scale.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// True above zero.
    pub const fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// True below zero.
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The mantissa at another exponent.
    ///
    /// # Errors
    /// [`DecimalError::Inexact`] when digits would be lost, [`DecimalError::Overflow`] when it does not fit.
    pub fn mantissa_at(self, exponent: i8) -> Result<i64, DecimalError> {
        let wide = self.wide_at(exponent).ok_or(DecimalError::Overflow)?;
        match wide {
            (value, 0) => i64::try_from(value).map_err(|_| DecimalError::Overflow),
            _ => Err(DecimalError::Inexact),
        }
    }

    /// Quotient and remainder of the value over `10^exponent`.
    fn wide_at(self, exponent: i8) -> Option<(i128, i128)> {
        let shift = i32::from(self.exponent) - i32::from(exponent);
        let mantissa = i128::from(self.mantissa);
        if mantissa == 0 {
            return Some((0, 0));
        }
        let power = pow10(shift.unsigned_abs());
        if shift >= 0 {
            return Some((mantissa.checked_mul(power?)?, 0));
        }
        match power {
            Some(power) => Some((mantissa / power, mantissa % power)),
            None => Some((0, mantissa)),
        }
    }

    /// The same value at another exponent, rounded by `rounding` where it must be.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it does not fit.
    pub fn rescale(self, exponent: i8, rounding: Rounding) -> Result<Self, DecimalError> {
        let shift = i32::from(self.exponent) - i32::from(exponent);
        let mantissa = i128::from(self.mantissa);
        let power = pow10(shift.unsigned_abs()).ok_or(DecimalError::Overflow)?;
        let value = if shift >= 0 { mantissa.checked_mul(power) } else { divide(mantissa, power, rounding) };
        Self::from_i128(value.ok_or(DecimalError::Overflow)?, exponent)
    }

    /// The nearest multiple of `step` (a tick or a lot) that `rounding` names, at the step's exponent.
    ///
    /// # Errors
    /// When the step is not positive, or the result does not fit.
    pub fn round_to_step(self, step: Self, rounding: Rounding) -> Result<Self, DecimalError> {
        if step.mantissa <= 0 {
            return Err(DecimalError::DivisionByZero);
        }
        let exponent = self.exponent.min(step.exponent);
        let value = self.wide_at(exponent).ok_or(DecimalError::Overflow)?.0;
        let size = step.wide_at(exponent).ok_or(DecimalError::Overflow)?.0;
        let steps = divide(value, size, rounding).ok_or(DecimalError::Overflow)?;
        let mantissa = steps.checked_mul(i128::from(step.mantissa)).ok_or(DecimalError::Overflow)?;
        Self::from_i128(mantissa, step.exponent)
    }

    /// True where the value is a multiple of `step`.
    pub fn is_multiple_of(self, step: Self) -> bool {
        self.round_to_step(step, Rounding::Floor).is_ok_and(|rounded| rounded == self)
    }

    fn from_i128(mantissa: i128, exponent: i8) -> Result<Self, DecimalError> {
        let mantissa = i64::try_from(mantissa).map_err(|_| DecimalError::Overflow)?;
        if !(MIN_EXPONENT..=MAX_EXPONENT).contains(&exponent) {
            return Err(DecimalError::Overflow);
        }
        Ok(Self::new(mantissa, exponent))
    }

    /// The same value without trailing zeros in a mantissa that would not fit otherwise.
    fn shrink(mut mantissa: i128, mut exponent: i32) -> Result<Self, DecimalError> {
        while i64::try_from(mantissa).is_err() && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        let exponent = i8::try_from(exponent).map_err(|_| DecimalError::Overflow)?;
        Self::from_i128(mantissa, exponent)
    }

    /// The exact sum, at the finer of the two exponents.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, DecimalError> {
        let exponent = self.exponent.min(other.exponent);
        let left = self.wide_at(exponent).ok_or(DecimalError::Overflow)?.0;
        let right = other.wide_at(exponent).ok_or(DecimalError::Overflow)?.0;
        Self::shrink(left.checked_add(right).ok_or(DecimalError::Overflow)?, i32::from(exponent))
    }

    /// The exact difference, at the finer of the two exponents.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it does not fit.
    pub fn checked_sub(self, other: Self) -> Result<Self, DecimalError> {
        self.checked_add(other.negated()?)
    }

    /// The exact product.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it does not fit; see [`Decimal64::mul_rounded`].
    pub fn checked_mul(self, other: Self) -> Result<Self, DecimalError> {
        let mantissa = i128::from(self.mantissa) * i128::from(other.mantissa);
        Self::shrink(mantissa, i32::from(self.exponent) + i32::from(other.exponent))
    }

    /// The product at `exponent`, rounded once by `rounding`.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it does not fit.
    pub fn mul_rounded(self, other: Self, exponent: i8, rounding: Rounding) -> Result<Self, DecimalError> {
        let mantissa = i128::from(self.mantissa) * i128::from(other.mantissa);
        let shift = i32::from(self.exponent) + i32::from(other.exponent) - i32::from(exponent);
        let value = match pow10(shift.unsigned_abs()) {
            Some(power) if shift >= 0 => mantissa.checked_mul(power),
            Some(power) => divide(mantissa, power, rounding),
            None => None,
        };
        Self::from_i128(value.ok_or(DecimalError::Overflow)?, exponent)
    }

    /// The quotient at `exponent`, rounded once by `rounding`.
    ///
    /// # Errors
    /// [`DecimalError::DivisionByZero`], or [`DecimalError::Overflow`] when it does not fit.
    pub fn div_rounded(self, divisor: Self, exponent: i8, rounding: Rounding) -> Result<Self, DecimalError> {
        if divisor.is_zero() {
            return Err(DecimalError::DivisionByZero);
        }
        let sign = i128::from(divisor.mantissa.signum());
        let mut above = i128::from(self.mantissa) * sign;
        let mut below = i128::from(divisor.mantissa) * sign;
        let shift = i32::from(self.exponent) - i32::from(divisor.exponent) - i32::from(exponent);
        let power = pow10(shift.unsigned_abs()).ok_or(DecimalError::Overflow)?;
        if shift >= 0 {
            above = above.checked_mul(power).ok_or(DecimalError::Overflow)?;
        } else {
            below = below.checked_mul(power).ok_or(DecimalError::Overflow)?;
        }
        Self::from_i128(divide(above, below, rounding).ok_or(DecimalError::Overflow)?, exponent)
    }

    /// The value with the other sign.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] for the one mantissa without a counterpart.
    pub fn negated(self) -> Result<Self, DecimalError> {
        Ok(Self::new(self.mantissa.checked_neg().ok_or(DecimalError::Overflow)?, self.exponent))
    }

    /// The value without its sign.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] for the one mantissa without a counterpart.
    pub fn magnitude(self) -> Result<Self, DecimalError> {
        if self.mantissa < 0 { self.negated() } else { Ok(self) }
    }

    /// The same value with the shortest mantissa: `1.500` becomes `1.5`, `100` becomes `1e2`.
    #[must_use]
    pub fn normalized(self) -> Self {
        let mut value = self;
        while value.mantissa != 0 && value.mantissa % 10 == 0 && value.exponent < MAX_EXPONENT {
            value.mantissa /= 10;
            value.exponent += 1;
        }
        if value.mantissa == 0 { Self::ZERO } else { value }
    }

    /// The nearest `f64`: for indicators and scores only, never for money that leaves the mesh.
    pub fn to_f64(self) -> f64 {
        // Both operands are exact below 2^53 and 10^22, so the one division or product rounds correctly.
        let power = 10f64.powi(i32::from(self.exponent.unsigned_abs()));
        let mantissa = self.mantissa as f64;
        if self.exponent < 0 { mantissa / power } else { mantissa * power }
    }

    /// The decimal nearest to an `f64` at `exponent`, rounded by `rounding`: the one way back from a score to an exact number.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when the value is not finite or does not fit.
    pub fn from_f64(value: f64, exponent: i8, rounding: Rounding) -> Result<Self, DecimalError> {
        let power = 10f64.powi(i32::from(exponent.unsigned_abs()));
        let scaled = if exponent < 0 { value * power } else { value / power };
        let rounded = match rounding {
            Rounding::Floor => scaled.floor(),
            Rounding::Ceiling => scaled.ceil(),
            Rounding::TowardsZero => scaled.trunc(),
            Rounding::AwayFromZero => scaled.abs().ceil().copysign(scaled),
        };
        if !rounded.is_finite() || rounded.abs() >= 9.2e18 {
            return Err(DecimalError::Overflow);
        }
        Self::from_i128(rounded as i128, exponent)
    }
}

fn parse_exponent(text: &[u8], start: usize) -> Result<i32, DecimalError> {
    let (negative, first) = match text.get(start) {
        Some(b'-') => (true, start + 1),
        Some(b'+') => (false, start + 1),
        _ => (false, start),
    };
    if first >= text.len() {
        return Err(DecimalError::BadCharacter { offset: text.len() });
    }
    let mut value = 0i32;
    for (index, &byte) in text.iter().enumerate().skip(first) {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::BadCharacter { offset: index });
        }
        value =
            value.checked_mul(10).and_then(|v| v.checked_add(i32::from(byte - b'0'))).ok_or(DecimalError::Overflow)?;
    }
    Ok(if negative { -value } else { value })
}

impl FromStr for Decimal64 {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse_bytes(text.as_bytes())
    }
}

impl fmt::Display for Decimal64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs();
        if self.mantissa < 0 {
            f.write_str("-")?;
        }
        if self.exponent >= 0 {
            write!(f, "{digits}")?;
            if digits != 0 {
                for _ in 0..self.exponent {
                    f.write_str("0")?;
                }
            }
            return Ok(());
        }
        let decimals = usize::from(self.exponent.unsigned_abs());
        match 10u64.checked_pow(u32::from(self.exponent.unsigned_abs())) {
            Some(power) => write!(f, "{}.{:0decimals$}", digits / power, digits % power),
            None => write!(f, "0.{digits:0decimals$}"),
        }
    }
}

impl PartialEq for Decimal64 {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal64 {}

impl Hash for Decimal64 {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Like `normalized`, but without its bound on the exponent: equality has none either.
        let (mut mantissa, mut exponent) = (self.mantissa, i16::from(self.exponent));
        while mantissa != 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        mantissa.hash(state);
        if mantissa != 0 {
            exponent.hash(state);
        }
    }
}

impl PartialOrd for Decimal64 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal64 {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.exponent == other.exponent {
            return self.mantissa.cmp(&other.mantissa);
        }
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs != Ordering::Equal || self.mantissa == 0 {
            return signs;
        }
        let exponent = self.exponent.min(other.exponent);
        match (self.wide_at(exponent), other.wide_at(exponent)) {
            (Some((left, _)), Some((right, _))) => left.cmp(&right),
            // One of them is so much coarser that its scaled mantissa leaves i128: it is the larger in magnitude.
            (None, _) => 0.cmp(&-self.mantissa.signum()),
            (_, None) => 0.cmp(&self.mantissa.signum()),
        }
    }
}

impl serde::Serialize for Decimal64 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Decimal64 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Decimal64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number in quotes, as \"0.001\", or a whole number")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Decimal64, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Decimal64, E> {
                Ok(Decimal64::new(value, 0))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Decimal64, E> {
                i64::try_from(value).map(|v| Decimal64::new(v, 0)).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Text)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn d(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    #[test]
    fn parsing_keeps_every_digit() {
        for text in [
            "0",
            "1.50",
            "-0.00100000",
            "61837.63000000",
            "9223372036854775807",
            "0.00000000000000000000000000000000000001",
        ] {
            assert_eq!(d(text).to_string(), text);
        }
        assert_eq!(d("1e3"), d("1000"));
        assert_eq!(d("1.5E-3"), d("0.0015"));
        assert_eq!(d(".5"), d("0.5"));
    }

    #[test]
    fn bad_text_is_refused_with_its_place() {
        assert_eq!("".parse::<Decimal64>(), Err(DecimalError::Empty));
        assert_eq!("-".parse::<Decimal64>(), Err(DecimalError::Empty));
        assert_eq!("1.2.3".parse::<Decimal64>(), Err(DecimalError::BadCharacter { offset: 3 }));
        assert_eq!("12x".parse::<Decimal64>(), Err(DecimalError::BadCharacter { offset: 2 }));
        assert_eq!("1e".parse::<Decimal64>(), Err(DecimalError::BadCharacter { offset: 2 }));
        assert_eq!("NaN".parse::<Decimal64>(), Err(DecimalError::BadCharacter { offset: 0 }));
        assert_eq!("9223372036854775808".parse::<Decimal64>(), Err(DecimalError::Overflow));
        assert_eq!("1e99".parse::<Decimal64>(), Err(DecimalError::Overflow));
    }

    #[test]
    fn rounding_goes_where_it_says() {
        let price = d("100.17");
        let tick = d("0.05");
        assert_eq!(price.round_to_step(tick, Rounding::Floor), Ok(d("100.15")));
        assert_eq!(price.round_to_step(tick, Rounding::Ceiling), Ok(d("100.20")));
        assert_eq!(d("-0.07").round_to_step(tick, Rounding::TowardsZero), Ok(d("-0.05")));
        assert_eq!(d("-0.07").round_to_step(tick, Rounding::AwayFromZero), Ok(d("-0.10")));
        assert_eq!(d("7").round_to_step(d("2"), Rounding::Floor), Ok(d("6")));
        assert!(price.round_to_step(Decimal64::ZERO, Rounding::Floor).is_err());
        assert!(d("0.15").is_multiple_of(tick) && !d("0.16").is_multiple_of(tick));
    }

    #[test]
    fn products_and_quotients() {
        assert_eq!(d("61837.63").checked_mul(d("0.02")), Ok(d("1236.7526")));
        assert_eq!(d("10").div_rounded(d("3"), -4, Rounding::Floor), Ok(d("3.3333")));
        assert_eq!(d("-10").div_rounded(d("3"), -4, Rounding::Floor), Ok(d("-3.3334")));
        assert_eq!(d("1").div_rounded(Decimal64::ZERO, 0, Rounding::Floor), Err(DecimalError::DivisionByZero));
    }

    fn any_decimal() -> impl Strategy<Value = Decimal64> {
        (any::<i64>(), -18i8..=18).prop_map(|(mantissa, exponent)| Decimal64::new(mantissa, exponent))
    }

    proptest! {
        #[test]
        fn text_round_trips(mantissa in -i64::MAX..=i64::MAX, exponent in -38i8..=0) {
            let value = Decimal64::new(mantissa, exponent);
            let back: Decimal64 = value.to_string().parse().expect("own text");
            prop_assert_eq!((back.mantissa, back.exponent), (mantissa, exponent));
        }

        #[test]
        fn order_agrees_with_subtraction(a in any_decimal(), b in any_decimal()) {
            if let Ok(difference) = a.checked_sub(b) {
                prop_assert_eq!(a.cmp(&b), difference.mantissa.cmp(&0));
            }
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a == a.normalized(), true);
        }

        #[test]
        fn equal_numbers_hash_alike(mantissa in -1000i64..1000, exponent in any::<i8>(), zeros in 0u32..16) {
            let a = Decimal64::new(mantissa, exponent);
            let Some(finer) = i8::try_from(zeros).ok().and_then(|zeros| exponent.checked_sub(zeros)) else { return Ok(()) };
            let b = Decimal64::new(mantissa * 10i64.pow(zeros), finer);
            let digest = |value: Decimal64| {
                let mut hasher = std::hash::DefaultHasher::new();
                value.hash(&mut hasher);
                hasher.finish()
            };
            prop_assert_eq!(a, b);
            prop_assert_eq!(digest(a), digest(b));
        }

        #[test]
        fn sums_are_exact(a in any_decimal(), b in any_decimal()) {
            if let Ok(sum) = a.checked_add(b) {
                prop_assert_eq!(sum.checked_sub(b), Ok(a));
            }
        }

        #[test]
        fn rounding_brackets_the_value(a in any_decimal(), step in 1i64..10_000, exponent in -9i8..3) {
            let step = Decimal64::new(step, exponent);
            if let (Ok(low), Ok(high)) = (a.round_to_step(step, Rounding::Floor), a.round_to_step(step, Rounding::Ceiling)) {
                prop_assert!(low <= a && a <= high);
                prop_assert!(low == high || high.checked_sub(low) == Ok(step));
            }
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), mantissa in any::<i64>(), exponent in any::<i8>()) {
            let _ = Decimal64::parse_bytes(&bytes);
            let value = Decimal64::new(mantissa, exponent);
            let _ = (value.to_string(), value.checked_add(Decimal64::ONE), value.checked_mul(value), value.normalized());
            let _ = (value.rescale(-8, Rounding::Floor), value.round_to_step(Decimal64::new(5, -2), Rounding::Floor));
            let _ = (value.cmp(&Decimal64::ONE), value.div_rounded(Decimal64::new(3, 100), -8, Rounding::Floor));
        }

        #[test]
        fn the_wire_form_is_the_same_number(a in any_decimal()) {
            prop_assert_eq!(PackedDecimal::from(a).get(), a);
        }
    }
}
