//! Sums in twice the precision of `f64`, for windows that slide for years.
//!
//! A textbook running sum (`+ new - old`) drifts: what rounding lost when a large value came in is not given back
//! when it leaves. Here each sum is a pair (high, low) kept by Knuth's TwoSum and Dekker's, and squares are taken exactly by
//! Dekker's product, so what enters leaves again; the error stays near 1e-30 of the largest partial sum whatever the
//! number of steps. The value is then that of the window alone, in all but the last bits' ties, wherever the run began.
//!
//! Reference: T. J. Dekker, "A floating-point technique for extending the available precision" (1971).

use crate::digest::Digest;

/// A sum of many terms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    high: f64,
    low: f64,
}

/// `a + b` and its rounding error, exactly.
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    let error = (a - (sum - b_part)) + (b - b_part);
    (sum, error)
}

/// `a` in two halves of 26 bits, exactly. For magnitudes below 1e290.
#[inline]
fn split(a: f64) -> (f64, f64) {
    let c = 134_217_729.0 * a; // 2^27 + 1
    let high = c - (c - a);
    (high, a - high)
}

/// `a * b` and its rounding error, exactly where nothing underflows.
#[inline]
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let (a_high, a_low) = split(a);
    let (b_high, b_low) = split(b);
    let error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    (product, error)
}

/// `a * a` and its rounding error, exactly where nothing underflows.
#[inline]
fn two_square(a: f64) -> (f64, f64) {
    let square = a * a;
    let (high, low) = split(a);
    (square, ((high * high - square) + 2.0 * (high * low)) + low * low)
}

/// `a + b` and its rounding error where `a` is the larger by magnitude; else the error may be off in its own last bit.
#[inline]
fn quick_two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

impl Sum {
    /// Adds a pair.
    #[inline]
    fn add_pair(&mut self, high: f64, low: f64) {
        let (sum, error) = two_sum(self.high, high);
        (self.high, self.low) = quick_two_sum(sum, self.low + (error + low));
    }

    /// Adds a term; add its negative to take it out.
    #[inline]
    pub fn add(&mut self, x: f64) {
        self.add_pair(x, 0.0);
    }

    /// Adds one term and takes another out. (The difference is taken first: it does not wait for the sum before.)
    #[inline]
    pub fn slide(&mut self, new: f64, old: f64) {
        let (high, low) = two_sum(new, -old);
        self.add_pair(high, low);
    }

    /// Adds the exact product of two numbers.
    #[inline]
    pub fn add_product(&mut self, a: f64, b: f64) {
        let (product, error) = two_product(a, b);
        self.add_pair(product, error);
    }

    /// Adds the exact square of one number and takes that of another out.
    #[inline]
    pub fn slide_square(&mut self, new: f64, old: f64) {
        let (new, new_error) = two_square(new);
        let (old, old_error) = two_square(old);
        let (high, low) = two_sum(new, -old);
        self.add_pair(high, low + (new_error - old_error));
    }

    /// Adds the exact product of one pair and takes that of another out.
    #[inline]
    pub fn slide_product(&mut self, new: [f64; 2], old: [f64; 2]) {
        let (new, new_error) = two_product(new[0], new[1]);
        let (old, old_error) = two_product(old[0], old[1]);
        let (high, low) = two_sum(new, -old);
        self.add_pair(high, low + (new_error - old_error));
    }

    /// The sum, rounded once.
    #[must_use]
    #[inline]
    pub fn value(&self) -> f64 {
        self.high + self.low
    }

    /// `self * n - other * other`, before anything cancels: `n^2` times the variance of `n` values of which `self`
    /// is the sum of squares and `other` the sum.
    #[must_use]
    #[inline]
    pub fn times_less_square(&self, n: f64, other: &Self) -> f64 {
        let (left, left_error) = two_product(self.high, n);
        let (right, right_error) = two_square(other.high);
        let left_low = left_error + self.low * n;
        let right_low = right_error + 2.0 * other.high * other.low;
        let (difference, error) = two_sum(left, -right);
        difference + (error + (left_low - right_low))
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        digest.f64(self.high).f64(self.low)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_spike_leaves_nothing_behind() {
        let mut sum = Sum::default();
        sum.add(0.1);
        sum.add_product(1e9, 1e9);
        sum.slide_product([0.0, 0.0], [1e9, 1e9]);
        assert_eq!(sum.value(), 0.1);
        sum.slide(1e18, 0.1);
        sum.slide(0.2, 1e18);
        assert_eq!(sum.value(), 0.2);
    }

    proptest! {
        #[test]
        fn products_are_exact(a in -1i64..1 << 52, b in -1i64..1 << 52) {
            let (product, error) = two_product(a as f64, b as f64);
            prop_assert_eq!(product as i128 + error as i128, i128::from(a) * i128::from(b));
            let (square, error) = two_square(a as f64);
            prop_assert_eq!(square as i128 + error as i128, i128::from(a) * i128::from(a));
        }
    }
}
