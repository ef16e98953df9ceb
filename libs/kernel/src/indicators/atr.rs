//! True range and its average.

use crate::bar::Bar;
use crate::digest::Digest;
use crate::indicators::Wilder;
use crate::math::{abs, max};

/// True range of a bar after the close before it.
#[must_use]
#[inline]
pub fn true_range(bar: &Bar, previous_close: f64) -> f64 {
    let range = bar.high - bar.low;
    max(range, max(abs(bar.high - previous_close), abs(bar.low - previous_close)))
}

/// Average true range: Wilder's smoothing of the true range, which starts with the second bar, so the first answer
/// comes with bar `period + 1` (TA-Lib).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Atr {
    average: Wilder,
    previous_close: Option<f64>,
}

impl Atr {
    /// Over `period` bars; 0 is taken as 1.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self { average: Wilder::new(period), previous_close: None }
    }

    /// Takes the next bar; the average where there is one, in the quote currency.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> Option<f64> {
        let previous = self.previous_close.replace(bar.close)?;
        self.average.update(true_range(bar, previous))
    }

    /// The average, where there is one.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<f64> {
        self.average.value()
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        // A close is positive, so 0 stands for none.
        self.average.digest_into(digest.f64(self.previous_close.unwrap_or(0.0)))
    }
}
