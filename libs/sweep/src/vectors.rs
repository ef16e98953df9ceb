//! 64 bars tested at once, in the widest vectors that the processor has. What a test says does not depend on
//! them: comparisons and single operations are the same in a lane as alone.

#![cfg_attr(
    target_arch = "x86_64",
    allow(
        unsafe_code,
        reason = "a function for wider vectors may be called where the processor was asked, and these calls are the only \
                  unsafe lines"
    )
)]

/// A bit for each.
const BITS: [u64; 64] = {
    let mut bits = [0; 64];
    let mut at = 0;
    while at < 64 {
        bits[at] = 1 << at;
        at += 1;
    }
    bits
};

/// A bit for each row of some columns that passes a test, the first in the lowest; for no more than 64 of them.
#[inline]
pub(crate) fn bits_where<const N: usize>(columns: [&[f64]; N], test: impl Fn([f64; N]) -> bool) -> u64 {
    if columns.iter().any(|column| column.len() < 64) {
        return few(columns, test);
    }
    // With the count known there is no loop left.
    let columns = columns.map(|column| column.first_chunk().unwrap_or(&[0.0; 64]));
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor was asked.
            return unsafe { in_eights(columns, test) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was asked.
            return unsafe { in_fours(columns, test) };
        }
    }
    in_twos(columns, test)
}

fn few<const N: usize>(columns: [&[f64]; N], test: impl Fn([f64; N]) -> bool) -> u64 {
    let row = |at: usize| columns.map(|column| column.get(at).copied());
    let passes = |at: usize| {
        let row = row(at);
        row.iter().all(Option::is_some) && test(row.map(Option::unwrap_or_default))
    };
    BITS.iter().enumerate().fold(0, |bits, (at, bit)| bits | if passes(at) { *bit } else { 0 })
}

#[inline(always)]
fn all<const N: usize>(columns: [&[f64; 64]; N], test: impl Fn([f64; N]) -> bool) -> u64 {
    let passes = |at: usize| test(columns.map(|column| column[at]));
    BITS.iter().enumerate().fold(0, |bits, (at, bit)| bits | if passes(at) { *bit } else { 0 })
}

/// In what every processor has; once a test, not once a call.
#[inline(never)]
fn in_twos<const N: usize>(columns: [&[f64; 64]; N], test: impl Fn([f64; N]) -> bool) -> u64 {
    all(columns, test)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn in_fours<const N: usize>(columns: [&[f64; 64]; N], test: impl Fn([f64; N]) -> bool) -> u64 {
    all(columns, test)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn in_eights<const N: usize>(columns: [&[f64; 64]; N], test: impl Fn([f64; N]) -> bool) -> u64 {
    all(columns, test)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same<const N: usize>(columns: [&[f64]; N], test: impl Fn([f64; N]) -> bool) -> Result<(), TestCaseError> {
        let rows = columns.iter().map(|column| column.len()).min().unwrap_or(0).min(64);
        let one_by_one = (0..rows).map(|at| u64::from(test(columns.map(|column| column[at]))) << at);
        let expected = one_by_one.fold(0, |bits, bit| bits | bit);
        prop_assert_eq!(bits_where(columns, &test), expected);
        if rows == 64 {
            let columns = columns.map(|column| column.first_chunk().unwrap());
            prop_assert_eq!(in_twos(columns, &test), expected);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor was asked.
                prop_assert_eq!(unsafe { in_fours(columns, &test) }, expected);
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_width_says_the_same(
            a in prop::collection::vec(prop_oneof![any::<f64>(), -2.0..2.0f64, Just(1.0)], 55..70),
            b in prop::collection::vec(-2.0..2.0f64, 55..70),
            least in -2.0..2.0f64,
        ) {
            same([&a], |[x]| x >= least)?;
            same([&a], |[x]| 100.0 - x >= least + 99.0)?;
            same([&a, &b], |[a, b]| a > b)?;
        }
    }
}
