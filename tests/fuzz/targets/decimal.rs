//! Decimals from any text and any bytes: digits are kept, arithmetic is exact or refuses, rounding goes where it says.

#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};

use libfuzzer_sys::fuzz_target;
use mesh_types::{Decimal64, Rounding};

fn digest(value: Decimal64) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn text(bytes: &[u8]) {
    let Ok(value) = Decimal64::parse_bytes(bytes) else { return };
    if value.exponent <= 0 {
        let again: Decimal64 = value.to_string().parse().expect("own text");
        assert_eq!((again.mantissa, again.exponent), (value.mantissa, value.exponent));
    }
}

fn arithmetic(a: Decimal64, b: Decimal64, exponent: i8) {
    assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
    if a == b {
        assert_eq!(digest(a), digest(b), "{a:?} {b:?}");
    }
    if let Ok(sum) = a.checked_add(b) {
        assert!(sum.checked_sub(b).is_err() || sum.checked_sub(b) == Ok(a));
    }
    if let (Ok(low), Ok(high)) = (a.round_to_step(b, Rounding::Floor), a.round_to_step(b, Rounding::Ceiling)) {
        assert!(low <= a && a <= high && low.is_multiple_of(b));
    }
    if let (Ok(low), Ok(high)) =
        (a.mul_rounded(b, exponent, Rounding::Floor), a.mul_rounded(b, exponent, Rounding::Ceiling))
    {
        assert!(low <= high);
        assert!(a.checked_mul(b).is_err() || a.checked_mul(b).is_ok_and(|exact| low <= exact && exact <= high));
    }
    let _ = (a.div_rounded(b, exponent, Rounding::AwayFromZero), a.rescale(exponent, Rounding::TowardsZero));
    let _ = (a.mantissa_at(exponent), a.magnitude(), Decimal64::from_f64(a.to_f64(), exponent, Rounding::Floor));
    assert!(a.normalized() == a);
}

fuzz_target!(|data: &[u8]| {
    text(data);
    if let [exponent, exponents @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = data
        && let [first, second, ..] = exponents
    {
        let mantissa = |at: usize| i64::from_le_bytes(data[at..at + 8].try_into().expect("8 bytes"));
        let a = Decimal64::new(mantissa(data.len() - 16), first.cast_signed());
        let b = Decimal64::new(mantissa(data.len() - 8), second.cast_signed());
        arithmetic(a, b, exponent.cast_signed());
    }
});
