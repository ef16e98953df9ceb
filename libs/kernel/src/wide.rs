//! Products and quotients of 128 bits out of 64-bit steps.
//!
//! GPUs add, subtract, compare and shift 128 bits, but have no library for checked products, quotients and
//! conversions of that width; these few functions are built of what every target has.

/// `a * b`, or `None` where it leaves `i128`.
#[must_use]
pub(crate) const fn checked_mul(a: i128, b: i64) -> Option<i128> {
    let (magnitude, factor) = (a.unsigned_abs(), b.unsigned_abs() as u128);
    let high = (magnitude >> 64) * factor;
    let low = (magnitude as u64 as u128) * factor;
    if high >> 64 != 0 {
        return None;
    }
    let Some(product) = (high << 64).checked_add(low) else { return None };
    signed(product, (a < 0) != (b < 0))
}

/// `a * part / whole` towards zero, without the product's width; `None` where the result leaves `i128`, or `whole`
/// is 0.
#[must_use]
pub(crate) const fn share(a: i128, part: i64, whole: i64) -> Option<i128> {
    if whole == 0 {
        return None;
    }
    let divisor = whole.unsigned_abs();
    let (quotient, rest) = divide(a.unsigned_abs(), divisor);
    // The rest is below 2^64, so its product with the part fits 128 bits.
    let (of_rest, _) = divide(rest as u128 * part.unsigned_abs() as u128, divisor);
    let Some(quotient) = signed(quotient, false) else { return None };
    let Some(of_quotient) = checked_mul(quotient, part) else { return None };
    let Some(total) = of_quotient.unsigned_abs().checked_add(of_rest) else { return None };
    signed(total, ((a < 0) != (part < 0)) != (whole < 0))
}

const fn signed(magnitude: u128, is_negative: bool) -> Option<i128> {
    if magnitude > i128::MAX.unsigned_abs() {
        return None;
    }
    Some(if is_negative { -(magnitude as i128) } else { magnitude as i128 })
}

/// Quotient and rest.
#[cfg(not(target_arch = "nvptx64"))]
const fn divide(a: u128, divisor: u64) -> (u128, u64) {
    (a / divisor as u128, (a % divisor as u128) as u64)
}

/// Quotient and rest, bit by bit: it runs on partial closes only.
#[cfg(any(target_arch = "nvptx64", test))]
const fn divide_by_bits(mut a: u128, divisor: u64) -> (u128, u64) {
    let (mut quotient, mut rest) = (0u128, 0u128);
    let mut bit = 0;
    while bit < 128 {
        rest = rest << 1 | a >> 127;
        a <<= 1;
        quotient <<= 1;
        if rest >= divisor as u128 {
            rest -= divisor as u128;
            quotient |= 1;
        }
        bit += 1;
    }
    (quotient, rest as u64)
}

#[cfg(target_arch = "nvptx64")]
use divide_by_bits as divide;

/// As `f64`, by two conversions and one addition: the same on every target, within two units of the last place.
#[must_use]
pub(crate) fn to_f64(a: i128) -> f64 {
    const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;
    let magnitude = a.unsigned_abs();
    let sum = (magnitude >> 64) as u64 as f64 * TWO_TO_64 + magnitude as u64 as f64;
    if a < 0 { -sum } else { sum }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_the_library(a in any::<i128>(), shift in 0u32..127, b in any::<i64>(), cut in 0u32..63, whole in any::<i64>()) {
            let (a, b) = (a >> shift, b >> cut);
            let expected = a.checked_mul(i128::from(b)).filter(|x| *x != i128::MIN);
            prop_assert_eq!(checked_mul(a, b), expected);
            let as_library = a as f64;
            prop_assert!((to_f64(a) - as_library).abs() <= as_library.abs() * 4.5e-16);
            if let (Some(product), true) = (expected, whole != 0) {
                prop_assert_eq!(share(a, b, whole), Some(product / i128::from(whole)));
                let (a, whole) = (a.unsigned_abs(), whole.unsigned_abs());
                prop_assert_eq!(divide(a, whole), divide_by_bits(a, whole));
            }
        }
    }
}
