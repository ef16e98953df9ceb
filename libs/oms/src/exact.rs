//! Exact sums of products: costs, profits and fees. A product of two [`Decimal64`] needs up to 126 bits, so it can't go
//! back into one without rounding; it stays here until it is shown.

use mesh_types::{Decimal64, DecimalError, Rounding};

/// `mantissa * 10^exponent` with 127 bits of mantissa.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exact {
    mantissa: i128,
    exponent: i32,
}

fn pow10(exponent: i32) -> Result<i128, DecimalError> {
    u32::try_from(exponent).ok().and_then(|e| 10i128.checked_pow(e)).ok_or(DecimalError::Overflow)
}

impl Exact {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };

    /// The exact product.
    pub fn product(a: Decimal64, b: Decimal64) -> Self {
        let mantissa = i128::from(a.mantissa) * i128::from(b.mantissa);
        Self { mantissa, exponent: i32::from(a.exponent) + i32::from(b.exponent) }
    }

    /// The exact sum.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, DecimalError> {
        let exponent = self.exponent.min(other.exponent);
        let mantissa = self.mantissa_at(exponent)?.checked_add(other.mantissa_at(exponent)?);
        Ok(Self { mantissa: mantissa.ok_or(DecimalError::Overflow)?, exponent })
    }

    /// The exact difference.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it does not fit.
    pub fn checked_sub(self, other: Self) -> Result<Self, DecimalError> {
        let mantissa = other.mantissa.checked_neg().ok_or(DecimalError::Overflow)?;
        self.checked_add(Self { mantissa, exponent: other.exponent })
    }

    /// The exact product with one more number.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it does not fit.
    pub fn checked_mul(self, factor: Decimal64) -> Result<Self, DecimalError> {
        let mantissa = self.mantissa.checked_mul(i128::from(factor.mantissa)).ok_or(DecimalError::Overflow)?;
        Ok(Self { mantissa, exponent: self.exponent + i32::from(factor.exponent) })
    }

    /// The mantissa at an exponent that is not coarser.
    fn mantissa_at(self, exponent: i32) -> Result<i128, DecimalError> {
        if self.mantissa == 0 {
            return Ok(0);
        }
        self.mantissa.checked_mul(pow10(self.exponent - exponent)?).ok_or(DecimalError::Overflow)
    }

    /// The quotient at `exponent`, rounded once by `rounding`; the divisor must be positive.
    ///
    /// # Errors
    /// When the divisor is not positive, or the quotient does not fit.
    pub fn div_rounded(self, divisor: Decimal64, exponent: i8, rounding: Rounding) -> Result<Decimal64, DecimalError> {
        if divisor.mantissa <= 0 {
            return Err(DecimalError::DivisionByZero);
        }
        let shift = self.exponent - i32::from(divisor.exponent) - i32::from(exponent);
        let (above, below) = if shift >= 0 {
            (self.mantissa.checked_mul(pow10(shift)?), Some(i128::from(divisor.mantissa)))
        } else {
            (Some(self.mantissa), i128::from(divisor.mantissa).checked_mul(pow10(-shift)?))
        };
        let (above, below) = (above.ok_or(DecimalError::Overflow)?, below.ok_or(DecimalError::Overflow)?);
        let mantissa = i64::try_from(divide(above, below, rounding)).map_err(|_| DecimalError::Overflow)?;
        Ok(Decimal64::new(mantissa, exponent))
    }

    /// The value as a [`Decimal64`]: exact where it fits 18 digits, else its leading digits, rounded by `rounding`.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when its exponent leaves -38..=38.
    pub fn to_decimal(self, rounding: Rounding) -> Result<Decimal64, DecimalError> {
        let Self { mut mantissa, mut exponent } = self;
        while mantissa != 0 && mantissa % 10 == 0 && (exponent < 0 || i64::try_from(mantissa).is_err()) {
            mantissa /= 10;
            exponent += 1;
        }
        let mut dropped = 0;
        let whole = loop {
            let scaled = divide(mantissa, pow10(dropped)?, rounding);
            if let Ok(value) = i64::try_from(scaled)
                && exponent + dropped >= i32::from(mesh_types::decimal::MIN_EXPONENT)
            {
                break value;
            }
            dropped += 1;
        };
        match i8::try_from(exponent + dropped) {
            Ok(exponent) if exponent <= mesh_types::decimal::MAX_EXPONENT => Ok(Decimal64::new(whole, exponent)),
            _ if whole == 0 => Ok(Decimal64::ZERO),
            _ => Err(DecimalError::Overflow),
        }
    }
}

impl From<Decimal64> for Exact {
    fn from(value: Decimal64) -> Self {
        Self { mantissa: i128::from(value.mantissa), exponent: i32::from(value.exponent) }
    }
}

/// Divides by a positive number.
fn divide(value: i128, divisor: i128, rounding: Rounding) -> i128 {
    let quotient = value / divisor;
    match rounding {
        _ if value % divisor == 0 => quotient,
        Rounding::Floor if value < 0 => quotient - 1,
        Rounding::Ceiling if value > 0 => quotient + 1,
        Rounding::AwayFromZero => quotient + value.signum(),
        Rounding::Floor | Rounding::Ceiling | Rounding::TowardsZero => quotient,
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
    fn products_that_no_decimal_holds_stay_exact() {
        let cost = Exact::product(d("92233.72036854"), d("1234567.87654321"));
        let twice = cost.checked_add(cost).expect("fits");
        assert_eq!(twice.checked_sub(cost), Ok(cost));
        assert_eq!(cost.div_rounded(d("1234567.87654321"), -8, Rounding::Floor), Ok(d("92233.72036854")));
        let (low, high) = (cost.to_decimal(Rounding::Floor), cost.to_decimal(Rounding::Ceiling));
        let step = high.expect("fits").checked_sub(low.expect("fits")).expect("fits");
        assert_eq!(step.mantissa, 1, "rounded once, in the last digit");
    }

    #[test]
    fn what_fits_is_shown_exactly() {
        assert_eq!(Exact::product(d("0.10"), d("3")).to_decimal(Rounding::Floor), Ok(d("0.3")));
        assert_eq!(Exact::ZERO.to_decimal(Rounding::Floor), Ok(Decimal64::ZERO));
        assert_eq!(Exact::product(d("1e-38"), d("1e-38")).to_decimal(Rounding::Floor), Ok(Decimal64::ZERO));
    }

    proptest! {
        #[test]
        fn small_values_agree_with_decimals(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000, p in -6i8..3, q in -6i8..3) {
            let (a, b) = (Decimal64::new(a, p), Decimal64::new(b, q));
            let product = Exact::product(a, b);
            prop_assert_eq!(product.to_decimal(Rounding::Floor), a.checked_mul(b));
            let sum = product.checked_add(Exact::from(a)).and_then(|s| s.to_decimal(Rounding::Floor));
            prop_assert_eq!(sum, a.checked_mul(b).and_then(|x| x.checked_add(a)));
        }

        #[test]
        fn hostile_values_never_panic(a in any::<i64>(), b in any::<i64>(), p in any::<i8>(), q in any::<i8>()) {
            let (a, b) = (Decimal64::new(a, p), Decimal64::new(b, q));
            let product = Exact::product(a, b);
            let _ = (product.to_decimal(Rounding::AwayFromZero), product.checked_add(Exact::from(a)), product.checked_sub(product));
            let _ = product.div_rounded(b, -8, Rounding::Floor);
        }
    }
}
