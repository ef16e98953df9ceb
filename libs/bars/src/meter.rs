//! A bound on what is held of the files while they are read.

use std::path::Path;

use crate::text::Fault;

/// Counts bytes up to a bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    most: u64,
    taken: u64,
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

impl Meter {
    pub(crate) const fn new(most: u64) -> Self {
        Self { most, taken: 0 }
    }

    /// Room for so many more; a fault in this file where there is none.
    pub(crate) fn take(&mut self, bytes: usize, path: &Path) -> Result<(), Fault> {
        self.taken = self.taken.saturating_add(bytes as u64);
        if self.taken <= self.most {
            return Ok(());
        }
        let what =
            format!("the bars up to here take more than {} MB: give more memory, or fewer bars", self.most >> 20);
        Err(Fault::new(path, what))
    }
}
