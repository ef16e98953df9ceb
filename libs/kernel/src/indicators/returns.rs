//! Indicators of price change: rate of change, realised volatility.

use crate::digest::Digest;
use crate::indicators::sum::Sum;
use crate::indicators::window::Window;
use crate::math::{max, ratio, sqrt};

/// Rate of change over `period` values, in per cent. The first answer comes with value `period + 1`; 0 where the old
/// value is 0 (TA-Lib ROC).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roc<const N: usize>(Window<N>);

impl<const N: usize> Roc<N> {
    /// Over `period` values, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self(Window::new(period))
    }

    /// Takes the next value; the change where there is one.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let old = self.0.push(x)?;
        Some((ratio(x, old, 1.0) - 1.0) * 100.0)
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.0.digest_into(digest)
    }
}

/// Realised volatility: root mean square of the last simple returns, for one bar, a pure number. Multiply by the
/// square root of the bars in a year for a year's. (Simple, not logarithmic: the kernel has no logarithm. The two
/// differ by half the square of a return.) The first answer comes with close `period + 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RealisedVolatility<const N: usize> {
    returns: Window<N>,
    squares: Sum,
    previous: Option<f64>,
}

impl<const N: usize> RealisedVolatility<N> {
    /// Over `period` returns, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self { returns: Window::new(period), squares: Sum::default(), previous: None }
    }

    /// Takes the next close; the volatility where there is one.
    #[inline]
    pub fn update(&mut self, close: f64) -> Option<f64> {
        self.take(close);
        self.value()
    }

    /// Takes the next close.
    #[inline]
    pub fn take(&mut self, close: f64) {
        let Some(previous) = self.previous.replace(close) else { return };
        let change = ratio(close - previous, previous, 0.0);
        let left = self.returns.push(change).unwrap_or(0.0);
        self.squares.slide_square(change, left);
    }

    /// The volatility, where there is one.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<f64> {
        let n = f64::from(self.returns.period());
        self.returns.is_full().then(|| sqrt(max(self.squares.value(), 0.0) / n))
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.squares.digest_into(self.returns.digest_into(digest.f64(self.previous.unwrap_or(0.0))))
    }
}
