//! A 64-bit digest of plain data: what two runs compare to prove that they decided alike (promise N1).
//!
//! FNV-1a taken over 64-bit words, with a shift after each multiplication: `h = (h ^ word) * P; h ^= h >> 32`.
//! Every step is a bijection of `h` for a given word and of the word for a given `h`, so two inputs that differ in
//! one word always differ in the digest. The shift carries high bits down; without it, flipping the sign of two
//! neighbouring numbers would cancel out. It is a fingerprint against accidents, not against an adversary.

/// A digest under construction. Words go in by value: `Digest::new().f64(x).u64(y).finish()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

impl Digest {
    /// Of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(OFFSET)
    }

    /// Adds one word.
    #[must_use]
    #[inline]
    pub const fn u64(self, word: u64) -> Self {
        let h = (self.0 ^ word).wrapping_mul(PRIME);
        Self(h ^ (h >> 32))
    }

    /// Adds the bit pattern of a number: 0.0 and -0.0 differ.
    #[must_use]
    #[inline]
    pub const fn f64(self, x: f64) -> Self {
        self.u64(x.to_bits())
    }

    /// The digest.
    #[must_use]
    pub const fn finish(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn of(words: &[u64]) -> u64 {
        words.iter().fold(Digest::new(), |d, w| d.u64(*w)).finish()
    }

    #[test]
    fn two_sign_bits_do_not_cancel() {
        let sign = 1u64 << 63;
        assert_ne!(of(&[1, 2, 3]), of(&[1 ^ sign, 2 ^ sign, 3]));
    }

    proptest! {
        #[test]
        fn every_single_bit_counts(words in prop::collection::vec(any::<u64>(), 1..20), at in any::<prop::sample::Index>(), bit in 0u32..64) {
            let mut other: Vec<u64> = words.clone();
            let i = at.index(words.len());
            other[i] ^= 1 << bit;
            prop_assert_ne!(of(&words), of(&other));
        }
    }
}
