//! What is held of the files while they are read: rows of some symbols, up to a bound.

/// Says which rows are held, and counts them. Beyond the bound none is, and counting goes on: whoever asked learns how much
/// there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep<'a> {
    /// All where there are none.
    symbols: &'a [String],
    most_bytes: u64,
    needed_bytes: u64,
}

impl<'a> Keep<'a> {
    /// Everything.
    pub(crate) const fn all() -> Self {
        Self::new(&[], u64::MAX)
    }

    pub(crate) const fn new(symbols: &'a [String], most_bytes: u64) -> Self {
        Self { symbols, most_bytes, needed_bytes: 0 }
    }

    /// Whether rows of this symbol are asked for.
    pub(crate) fn wants(&self, symbol: &str) -> bool {
        self.symbols.is_empty() || self.symbols.iter().any(|wanted| wanted == symbol)
    }

    /// Counts a row that is asked for; false where there is no room to hold it.
    pub(crate) const fn row(&mut self, bytes: usize) -> bool {
        self.needed_bytes = self.needed_bytes.saturating_add(bytes as u64);
        self.needed_bytes <= self.most_bytes
    }

    /// What all rows need, where that is more than there is room for.
    pub(crate) fn beyond(&self) -> Option<u64> {
        (self.needed_bytes > self.most_bytes).then_some(self.needed_bytes)
    }
}
