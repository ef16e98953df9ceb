//! Wilder's smoothing.

use crate::digest::Digest;

/// Wilder's moving average (weight `1 / period`), seeded by the mean of the first `period` values. RSI and ATR use it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wilder {
    period: u32,
    count: u32,
    keep: f64,
    scale: f64,
    /// Sum of the values while warming up, the average afterwards.
    value: f64,
}

impl Wilder {
    /// Over `period` values; 0 is taken as 1.
    #[must_use]
    pub fn new(period: u32) -> Self {
        let period = period.max(1);
        let n = f64::from(period);
        Self { period, count: 0, keep: n - 1.0, scale: 1.0 / n, value: 0.0 }
    }

    /// Takes the next value; the average where there is one.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if self.count >= self.period {
            self.value = (self.value * self.keep + x) * self.scale;
            return Some(self.value);
        }
        self.count += 1;
        self.value += x;
        if self.count < self.period {
            return None;
        }
        self.value *= self.scale;
        Some(self.value)
    }

    /// The average, where there is one.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<f64> {
        (self.count >= self.period).then_some(self.value)
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        digest.u64(u64::from(self.period) << 32 | u64::from(self.count)).f64(self.value)
    }
}
