use core::hash::{Hash, Hasher};

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
