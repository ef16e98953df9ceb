//! Mean, variance, deviation and score of the last values.

use crate::digest::Digest;
use crate::indicators::sum::Sum;
use crate::indicators::window::Window;
use crate::math::{max, ratio, sqrt};

/// Mean and population variance of a sliding window, see [`Sum`] for why they don't drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments<const N: usize> {
    window: Window<N>,
    sum: Sum,
    squares: Sum,
}

impl<const N: usize> Moments<N> {
    /// Over `period` values, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period), sum: Sum::default(), squares: Sum::default() }
    }

    /// Takes the next value; true once the window is full.
    // The two of a strategy are taken side by side, in vectors, where both stand in one function.
    #[inline(always)]
    pub fn update(&mut self, x: f64) -> bool {
        // What has not been written yet is 0 and takes nothing out.
        let left = self.window.push(x).unwrap_or(0.0);
        self.sum.slide(x, left);
        self.squares.slide_square(x, left);
        self.window.is_full()
    }

    /// True once the window is full.
    #[must_use]
    #[inline]
    pub const fn is_full(&self) -> bool {
        self.window.is_full()
    }

    /// Mean of the full window.
    #[must_use]
    #[inline]
    pub fn mean(&self) -> f64 {
        self.sum.value() / f64::from(self.window.period())
    }

    /// Population variance of the full window; never negative.
    #[must_use]
    #[inline]
    pub fn variance(&self) -> f64 {
        let n = f64::from(self.window.period());
        max(self.squares.times_less_square(n, &self.sum) / (n * n), 0.0)
    }

    /// Population standard deviation of the full window.
    #[must_use]
    #[inline]
    pub fn deviation(&self) -> f64 {
        sqrt(self.variance())
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.squares.digest_into(self.sum.digest_into(self.window.digest_into(digest)))
    }
}

/// Population standard deviation of the last values (TA-Lib STDDEV with one deviation).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StandardDeviation<const N: usize>(Moments<N>);

impl<const N: usize> StandardDeviation<N> {
    /// Over `period` values, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self(Moments::new(period))
    }

    /// Takes the next value; the deviation once the window is full.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        self.0.update(x).then(|| self.0.deviation())
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.0.digest_into(digest)
    }
}

/// How many deviations the newest value stands above the mean of the window that it belongs to; 0 where all are
/// equal. Over volumes it is the volume z-score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZScore<const N: usize>(Moments<N>);

impl<const N: usize> ZScore<N> {
    /// Over `period` values, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self(Moments::new(period))
    }

    /// Takes the next value; its score once the window is full.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        self.take(x);
        self.score(x)
    }

    /// Takes the next value.
    #[inline]
    pub fn take(&mut self, x: f64) {
        self.0.update(x);
    }

    /// The score of a value, mostly the one that was taken last, once the window is full.
    #[must_use]
    #[inline]
    pub fn score(&self, x: f64) -> Option<f64> {
        self.0.is_full().then(|| ratio(x - self.0.mean(), self.0.deviation(), 0.0))
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.0.digest_into(digest)
    }
}
