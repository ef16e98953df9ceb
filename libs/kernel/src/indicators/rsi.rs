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
        let change = x - self.previous.replace(x)?;
        let gain = self.gain.update(if change > 0.0 { change } else { 0.0 });
        let loss = self.loss.update(if change < 0.0 { -change } else { 0.0 });
        let (gain, loss) = (gain?, loss?);
        Some(100.0 * ratio(gain, gain + loss, 0.0))
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let digest = digest.u64(u64::from(self.previous.is_some())).f64(self.previous.unwrap_or(0.0));
        self.loss.digest_into(self.gain.digest_into(digest))
    }
}
