//! Decimals as people and venues write them.

use core::fmt;
use core::str::FromStr;

use super::{Decimal64, DecimalError, MAX_EXPONENT, MIN_EXPONENT};

impl Decimal64 {
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
