//! A small digest of state and outputs: FNV-1a over 64-bit words. It finds divergence; it is no protection against forgery.

/// Collects values into a digest; the order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Goes on from an earlier [`Digest::value`].
    pub const fn from_value(value: u64) -> Self {
        Self(value)
    }

    /// Adds a number.
    #[must_use]
    pub const fn u64(self, value: u64) -> Self {
        let mixed = (self.0 ^ value).wrapping_mul(0x0000_0100_0000_01b3);
        Self(mixed ^ (mixed >> 29))
    }

    /// Adds a number.
    #[must_use]
    pub const fn i64(self, value: i64) -> Self {
        self.u64(value.cast_unsigned())
    }

    /// Adds an indicator's exact bits.
    #[must_use]
    pub const fn f64(self, value: f64) -> Self {
        self.u64(value.to_bits())
    }

    /// Adds bytes and their number.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let chunks = bytes.chunks(8).fold(self, |digest, chunk| {
            let mut word = [0u8; 8];
            word.iter_mut().zip(chunk).for_each(|(slot, byte)| *slot = *byte);
            digest.u64(u64::from_le_bytes(word))
        });
        chunks.u64(bytes.len() as u64)
    }

    /// The digest so far.
    pub const fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_length_and_every_byte_count() {
        let of = |bytes: &[u8]| Digest::default().bytes(bytes).value();
        assert_ne!(of(b"ab"), of(b"ba"));
        assert_ne!(of(b"a"), of(b"a\0"));
        assert_ne!(of(b"123456789"), of(b"123456780"));
        assert_eq!(of(b"same"), of(b"same"));
        let half = Digest::default().u64(1);
        assert_eq!(Digest::from_value(half.value()).u64(2), half.u64(2));
    }
}
