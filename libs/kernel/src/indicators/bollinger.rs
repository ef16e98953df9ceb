//! Bollinger bands.

use crate::digest::Digest;
use crate::indicators::moments::Moments;
use crate::math::ratio;

/// Three bands, in the quote currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bands {
    /// Mean plus the deviations.
    pub upper: f64,
    /// Mean.
    pub middle: f64,
    /// Mean less the deviations.
    pub lower: f64,
}

impl Bands {
    /// Distance of the outer bands over the middle one, a pure number; 0 where the middle is 0.
    #[must_use]
    #[inline]
    pub fn width(&self) -> f64 {
        ratio(self.upper - self.lower, self.middle, 0.0)
    }

    /// Where a price stands between the bands: 0 at the lower, 1 at the upper; 0.5 where they coincide.
    #[must_use]
    #[inline]
    pub fn position(&self, price: f64) -> f64 {
        ratio(price - self.lower, self.upper - self.lower, 0.5)
    }
}

/// Bollinger bands over a simple average and the population deviation (TA-Lib).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bollinger<const N: usize> {
    moments: Moments<N>,
    deviations: f64,
}

impl<const N: usize> Bollinger<N> {
    /// Over `period` values, held within 1 and `N`, at `deviations` from the mean.
    #[must_use]
    pub fn new(period: u32, deviations: f64) -> Self {
        Self { moments: Moments::new(period), deviations }
    }

    /// Takes the next value; the bands once the window is full.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<Bands> {
        self.take(x);
        self.value()
    }

    /// Takes the next value.
    #[inline]
    pub fn take(&mut self, x: f64) {
        self.moments.update(x);
    }

    /// The bands, where there are any.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<Bands> {
        if !self.moments.is_full() {
            return None;
        }
        let middle = self.moments.mean();
        let distance = self.deviations * self.moments.deviation();
        Some(Bands { upper: middle + distance, middle, lower: middle - distance })
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.moments.digest_into(digest.f64(self.deviations))
    }
}
