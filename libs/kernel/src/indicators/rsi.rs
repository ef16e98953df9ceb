//! Relative strength index.

use crate::digest::Digest;
use crate::indicators::Wilder;
use crate::math::ratio;

/// Relative strength index, 0 to 100: the share of gains in Wilder's averages of gains and losses. The first answer
/// comes with value `period + 1`; where nothing moved at all it is 0 (TA-Lib).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rsi {
    gain: Wilder,
    loss: Wilder,
    previous: Option<f64>,
}

impl Rsi {
    /// Over `period` changes; 0 is taken as 1.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self { gain: Wilder::new(period), loss: Wilder::new(period), previous: None }
    }

    /// Takes the next value; the index where there is one.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        self.take(x);
        self.value()
    }

    /// Takes the next value.
    #[inline]
    pub fn take(&mut self, x: f64) {
        let Some(previous) = self.previous.replace(x) else { return };
        let change = x - previous;
        self.gain.update(if change > 0.0 { change } else { 0.0 });
        self.loss.update(if change < 0.0 { -change } else { 0.0 });
    }

    /// The index, where there is one.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<f64> {
        let (gain, loss) = (self.gain.value()?, self.loss.value()?);
        Some(100.0 * ratio(gain, gain + loss, 0.0))
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let digest = digest.u64(u64::from(self.previous.is_some())).f64(self.previous.unwrap_or(0.0));
        self.loss.digest_into(self.gain.digest_into(digest))
    }
}
