//! One bit a bar.

/// Bits, 64 to a word; beyond the end all are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// All 0.
    pub(crate) fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// Of words, the last one's bits beyond the end 0.
    pub(crate) const fn of(words: Vec<u64>) -> Self {
        Self(words)
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> bool {
        self.word(at / 64) >> (at % 64) & 1 != 0
    }

    #[inline]
    pub(crate) fn word(&self, word: usize) -> u64 {
        self.0.get(word).copied().unwrap_or(0)
    }

    pub(crate) const fn bytes(&self) -> usize {
        size_of_val(self.0.as_slice())
    }
}
