//! The few functions over `f64` that arithmetic operators don't give, each rounded the same on every target.
//!
//! Not here, on purpose: `mul_add`, `powi`, `exp`, `ln`, `sin`: their last bits differ between libraries.

/// Square root, correctly rounded (IEEE 754): `sqrtsd` on x86-64, `sqrt.rn.f64` on nvptx. A negative argument
/// (the rounding residue of a variance) gives 0, so that no NaN is made here.
#[must_use]
#[inline]
pub fn sqrt(x: f64) -> f64 {
    let x = if x > 0.0 { x } else { 0.0 };
    #[cfg(not(target_arch = "nvptx64"))]
    let root = x.sqrt();
    #[cfg(target_arch = "nvptx64")]
    let root = core::f64::math::sqrt(x);
    root
}

/// Absolute value: clears the sign bit.
#[must_use]
#[inline]
pub const fn abs(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & !(1 << 63))
}

/// The larger one; `a` where they compare equal. Defined by a comparison, so that signed zeros go the same way
/// on every target (hardware maxima differ there).
#[must_use]
#[inline]
pub fn max(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// The smaller one; `a` where they compare equal.
#[must_use]
#[inline]
pub fn min(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

/// `x` held within `low..=high`.
#[must_use]
#[inline]
pub fn clamp(x: f64, low: f64, high: f64) -> f64 {
    min(max(x, low), high)
}

/// `a / b`, or `otherwise` where `b` is zero or the quotient is not finite.
#[must_use]
#[inline]
pub fn ratio(a: f64, b: f64, otherwise: f64) -> f64 {
    let q = a / b;
    if abs(q) < f64::INFINITY { q } else { otherwise }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqrt_never_gives_nan() {
        assert_eq!(sqrt(4.0), 2.0);
        assert_eq!(sqrt(-1e-30), 0.0);
        assert_eq!(sqrt(f64::NAN), 0.0);
    }

    #[test]
    fn ratio_falls_back_where_the_quotient_is_not_finite() {
        assert_eq!(ratio(1.0, 4.0, 9.0), 0.25);
        assert_eq!(ratio(1.0, 0.0, 9.0), 9.0);
        assert_eq!(ratio(0.0, 0.0, 9.0), 9.0);
        assert_eq!(ratio(f64::MAX, 0.1, 9.0), 9.0);
    }
}
