//! Commodity channel index.

use crate::bar::Bar;
use crate::digest::Digest;
use crate::indicators::sum::Sum;
use crate::indicators::window::Window;
use crate::math::{abs, ratio};

/// Commodity channel index (Lambert 1980): distance of the typical price from its mean, over 0.015 mean absolute
/// deviations; 0 where nothing moved.
///
/// The mean absolute deviation is about a mean that moves with each bar, so it has no O(1) form: this one indicator
/// costs O(period) a bar, a sum from the oldest value to the newest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cci<const N: usize> {
    window: Window<N>,
    sum: Sum,
}

impl<const N: usize> Cci<N> {
    /// Over `period` bars, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period), sum: Sum::default() }
    }

    /// Takes the next bar; the index once the window is full.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> Option<f64> {
        let typical = bar.typical();
        self.sum.slide(typical, self.window.push(typical).unwrap_or(0.0));
        if !self.window.is_full() {
            return None;
        }
        let n = f64::from(self.window.period());
        let mean = self.sum.value() / n;
        let deviation = self.window.iter().fold(0.0, |total, x| total + abs(x - mean)) / n;
        Some(ratio(typical - mean, 0.015 * deviation, 0.0))
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.sum.digest_into(self.window.digest_into(digest))
    }
}
