//! Sums, products, quotients and rounding: checked, through `i128`.

use super::{Decimal64, DecimalError, MAX_EXPONENT, MIN_EXPONENT, Rounding};

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
    pub(super) fn wide_at(self, exponent: i8) -> Option<(i128, i128)> {
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
