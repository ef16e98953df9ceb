//! Stochastic oscillator.

use crate::bar::Bar;
use crate::digest::Digest;
use crate::indicators::{Donchian, Sma};
use crate::math::ratio;

/// The two lines, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StochasticLines {
    /// Smoothed position of the close in the channel.
    pub k: f64,
    /// Average of `k`.
    pub d: f64,
}

/// Slow stochastic with simple averages (TA-Lib STOCH): `k` smooths where the close stands between lowest and highest
/// price of the window, `d` smooths `k`. Where the window has no range that place is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stochastic<const N: usize> {
    channel: Donchian<N>,
    k: Sma<N>,
    d: Sma<N>,
}

impl<const N: usize> Stochastic<N> {
    /// Over `period` bars, smoothed over `k_period` and `d_period`, each held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32, k_period: u32, d_period: u32) -> Self {
        Self { channel: Donchian::new(period), k: Sma::new(k_period), d: Sma::new(d_period) }
    }

    /// Takes the next bar; both lines where both are.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> Option<StochasticLines> {
        let channel = self.channel.update(bar)?;
        let place = 100.0 * ratio(bar.close - channel.lower, channel.upper - channel.lower, 0.0);
        let k = self.k.update(place)?;
        let d = self.d.update(k)?;
        Some(StochasticLines { k, d })
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.d.digest_into(self.k.digest_into(self.channel.digest_into(digest)))
    }
}
