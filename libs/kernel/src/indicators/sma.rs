//! Simple moving average.

use crate::digest::Digest;
use crate::indicators::sum::Sum;
use crate::indicators::window::Window;

/// Mean of the last `period` values; the first answer comes with the `period`-th.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sma<const N: usize> {
    window: Window<N>,
    sum: Sum,
}

impl<const N: usize> Sma<N> {
    /// Over `period` values, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period), sum: Sum::default() }
    }

    /// Takes the next value; the mean where there is one.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        self.sum.slide(x, self.window.push(x).unwrap_or(0.0));
        self.window.is_full().then(|| self.sum.value() / f64::from(self.window.period()))
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.sum.digest_into(self.window.digest_into(digest))
    }
}
