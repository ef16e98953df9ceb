//! One bar of prices, as the kernel sees it.

use crate::digest::Digest;

/// Open, high, low, close and volume of one interval. Prices in the quote currency, volume in the base.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct Bar {
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded quantity of the base.
    pub volume: f64,
}

/// Prices and volumes above this are refused: products of two of them stay finite.
pub const MAX_MAGNITUDE: f64 = 1e15;

impl Bar {
    /// True where the bar can be decided on: prices positive, ordered (low <= open, close <= high), volume not
    /// negative, everything finite and at most [`MAX_MAGNITUDE`]. A NaN fails every comparison, so it fails here.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.low > 0.0
            && self.low <= self.open
            && self.low <= self.close
            && self.open <= self.high
            && self.close <= self.high
            && self.high <= MAX_MAGNITUDE
            && self.volume >= 0.0
            && self.volume <= MAX_MAGNITUDE
    }

    /// Mean of high, low and close.
    #[must_use]
    pub fn typical(&self) -> f64 {
        (self.high + self.low + self.close) / 3.0
    }

    /// Adds the bits of all five numbers to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        digest.f64(self.open).f64(self.high).f64(self.low).f64(self.close).f64(self.volume)
    }
}
