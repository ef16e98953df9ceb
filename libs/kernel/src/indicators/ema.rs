//! Exponential moving average.

use crate::digest::Digest;

/// Exponential moving average with weight `2 / (period + 1)`, seeded by the mean of the first `period` values
/// (TA-Lib's default; the first answer comes with the `period`-th value).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ema {
    period: u32,
    count: u32,
    weight: f64,
    /// Sum of the values while warming up, the average afterwards.
    value: f64,
}

impl Ema {
    /// Over `period` values; 0 is taken as 1.
    #[must_use]
    pub fn new(period: u32) -> Self {
        let period = period.max(1);
        Self { period, count: 0, weight: 2.0 / (f64::from(period) + 1.0), value: 0.0 }
    }

    /// Takes the next value; the average where there is one.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if self.count >= self.period {
            self.value += (x - self.value) * self.weight;
            return Some(self.value);
        }
        self.count += 1;
        self.value += x;
        if self.count < self.period {
            return None;
        }
        self.value /= f64::from(self.period);
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
