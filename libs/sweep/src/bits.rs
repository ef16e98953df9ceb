//! One bit a bar, 64 to a word; beyond the end all are 0.

/// A word of bits.
#[inline]
pub(crate) fn word(words: &[u64], word: usize) -> u64 {
    words.get(word).copied().unwrap_or(0)
}

/// A bit.
#[inline]
pub(crate) fn get(words: &[u64], at: usize) -> bool {
    word(words, at / 64) >> (at % 64) & 1 != 0
}

/// Sets a bit that is within the words.
#[cfg(not(target_arch = "nvptx64"))]
#[inline]
pub(crate) fn set(words: &mut [u64], at: usize) {
    if let Some(word) = words.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}
