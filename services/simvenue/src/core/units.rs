//! Fixed-point numbers: integers of 10^-8.

use mesh_types::{Decimal64, Rounding};

/// The exponent of every price, quantity and amount.
pub const EXPONENT: i8 = -8;

/// One.
pub const ONE: i64 = 100_000_000;

/// The integer of a decimal; `None` where it has finer digits than 10^-8 or does not fit.
pub fn from_decimal(value: Decimal64) -> Option<i64> {
    value.mantissa_at(EXPONENT).ok()
}

/// The decimal of an integer, with its 8 digits after the point. What does not fit 63 bits is the nearest that does.
pub fn decimal(value: i128) -> Decimal64 {
    let mantissa = i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX });
    Decimal64::new(mantissa, EXPONENT)
}

/// `value` times `factor`, rounded once.
pub fn product(value: i128, factor: i64, rounding: Rounding) -> i128 {
    let exact = value.saturating_mul(i128::from(factor));
    let floor = exact.div_euclid(i128::from(ONE));
    let up = matches!(rounding, Rounding::Ceiling | Rounding::AwayFromZero) && exact.rem_euclid(i128::from(ONE)) != 0;
    floor + i128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_rounded_as_asked() {
        assert_eq!(product(6_000_000_000_000, 1_000, Rounding::Floor), 60_000_000);
        assert_eq!(product(3, 50_000_000, Rounding::Floor), 1);
        assert_eq!(product(3, 50_000_000, Rounding::Ceiling), 2);
        assert_eq!(from_decimal("1.5".parse().expect("a decimal")), Some(150_000_000));
        assert_eq!(from_decimal("0.000000001".parse().expect("a decimal")), None);
        assert_eq!(decimal(i128::from(ONE)).to_string(), "1.00000000");
    }
}
