//! Indicators of traded volume: on-balance volume, money flow index, volume-weighted average price.

use crate::bar::Bar;
use crate::digest::Digest;
use crate::indicators::sum::Sum;
use crate::indicators::window::Window;
use crate::math::ratio;

/// On-balance volume: the volume of rising closes less that of falling ones. It begins with the first bar's volume
/// (TA-Lib).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Obv {
    total: Sum,
    previous_close: Option<f64>,
}

impl Obv {
    /// Before the first bar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bar; the total, in the base.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> f64 {
        match self.previous_close.replace(bar.close) {
            Some(previous) if bar.close < previous => self.total.add(-bar.volume),
            Some(previous) if bar.close == previous => {}
            _ => self.total.add(bar.volume),
        }
        self.total.value()
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.total.digest_into(digest.f64(self.previous_close.unwrap_or(0.0)))
    }
}

/// Money flow index, 0 to 100: the share of turnover (typical price * volume) in bars whose typical price rose. The
/// first answer comes with bar `period + 1`; without turnover it is 0. (TA-Lib gives 0 for turnovers below 1 too.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mfi<const N: usize> {
    /// Turnover, negative where the price fell.
    flow: Window<N>,
    rising: Sum,
    falling: Sum,
    previous: Option<f64>,
}

impl<const N: usize> Mfi<N> {
    /// Over `period` bars, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self { flow: Window::new(period), rising: Sum::default(), falling: Sum::default(), previous: None }
    }

    /// Takes the next bar; the index once there is one.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> Option<f64> {
        let typical = bar.typical();
        let previous = self.previous.replace(typical)?;
        let turnover = typical * bar.volume;
        let flow = match typical {
            t if t > previous => turnover,
            t if t < previous => -turnover,
            _ => 0.0,
        };
        if let Some(left) = self.flow.push(flow) {
            self.count(left, -1.0);
        }
        self.count(flow, 1.0);
        let (rising, falling) = (self.rising.value(), self.falling.value());
        self.flow.is_full().then(|| 100.0 * ratio(rising, rising + falling, 0.0))
    }

    #[inline]
    fn count(&mut self, flow: f64, sign: f64) {
        if flow > 0.0 {
            self.rising.add(sign * flow);
        } else {
            self.falling.add(-sign * flow);
        }
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let digest = self.flow.digest_into(digest.f64(self.previous.unwrap_or(0.0)));
        self.falling.digest_into(self.rising.digest_into(digest))
    }
}

/// Volume-weighted average of typical prices since the last `reset`: the session's VWAP, or one anchored anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vwap {
    turnover: Sum,
    volume: Sum,
}

impl Vwap {
    /// Before the first bar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins again with the next bar.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Takes the next bar; the average, or the bar's typical price where nothing was traded yet.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> f64 {
        let typical = bar.typical();
        self.turnover.add_product(typical, bar.volume);
        self.volume.add(bar.volume);
        ratio(self.turnover.value(), self.volume.value(), typical)
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.volume.digest_into(self.turnover.digest_into(digest))
    }
}

/// Volume-weighted average of the typical prices of the last bars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RollingVwap<const N: usize> {
    prices: Window<N>,
    volumes: Window<N>,
    turnover: Sum,
    volume: Sum,
}

impl<const N: usize> RollingVwap<N> {
    /// Over `period` bars, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        let (prices, volumes) = (Window::new(period), Window::new(period));
        Self { prices, volumes, turnover: Sum::default(), volume: Sum::default() }
    }

    /// Takes the next bar; the average once the window is full, or the bar's typical price where it holds no volume.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> Option<f64> {
        let typical = bar.typical();
        let left = [self.prices.push(typical).unwrap_or(0.0), self.volumes.push(bar.volume).unwrap_or(0.0)];
        self.turnover.slide_product([typical, bar.volume], left);
        self.volume.slide(bar.volume, left[1]);
        self.prices.is_full().then(|| ratio(self.turnover.value(), self.volume.value(), typical))
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let digest = self.volumes.digest_into(self.prices.digest_into(digest));
        self.volume.digest_into(self.turnover.digest_into(digest))
    }
}
