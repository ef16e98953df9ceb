//! Directional movement: +DI, -DI and ADX.

use crate::bar::Bar;
use crate::digest::Digest;
use crate::indicators::atr::true_range;
use crate::math::{abs, ratio};

/// Directional movement of one bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Directional {
    /// +DI, 0 to 100.
    pub plus_di: f64,
    /// -DI, 0 to 100.
    pub minus_di: f64,
    /// ADX, 0 to 100; `None` while it warms up, which takes longer.
    pub adx: Option<f64>,
}

/// Average directional index (Wilder 1978), as TA-Lib counts it: the sums of directional movement and true range
/// gather `period - 1` bars, then lose a `period`-th of themselves with each bar; +DI and -DI come with bar
/// `period + 1`, ADX, first the mean of `period` DX, with bar `2 * period`. A bar without range or movement leaves
/// ADX as it is (and counts as 0 in its first mean).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adx {
    period: u32,
    /// Bars after the first, held at `2 * period`.
    count: u32,
    keep: f64,
    scale: f64,
    previous: Option<[f64; 3]>,
    plus: f64,
    minus: f64,
    range: f64,
    adx: f64,
}

impl Adx {
    /// Over `period` bars; less than 2 is taken as 2.
    #[must_use]
    pub fn new(period: u32) -> Self {
        let period = period.max(2);
        let n = f64::from(period);
        let (keep, scale) = (n - 1.0, 1.0 / n);
        Self { period, count: 0, keep, scale, previous: None, plus: 0.0, minus: 0.0, range: 0.0, adx: 0.0 }
    }

    /// Takes the next bar; the indices once they are there.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> Option<Directional> {
        let [high, low, close] = self.previous.replace([bar.high, bar.low, bar.close])?;
        let (up, down) = (bar.high - high, low - bar.low);
        let plus = if up > 0.0 && up > down { up } else { 0.0 };
        let minus = if down > 0.0 && down > up { down } else { 0.0 };
        let range = true_range(bar, close);
        self.count = (self.count + 1).min(2 * self.period);
        if self.count < self.period {
            self.plus += plus;
            self.minus += minus;
            self.range += range;
            return None;
        }
        self.plus = self.plus - self.plus * self.scale + plus;
        self.minus = self.minus - self.minus * self.scale + minus;
        self.range = self.range - self.range * self.scale + range;
        let plus_di = 100.0 * ratio(self.plus, self.range, 0.0);
        let minus_di = 100.0 * ratio(self.minus, self.range, 0.0);
        Some(Directional { plus_di, minus_di, adx: self.average(plus_di, minus_di) })
    }

    #[inline]
    fn average(&mut self, plus_di: f64, minus_di: f64) -> Option<f64> {
        let total = plus_di + minus_di;
        let dx = if total > 0.0 { Some(100.0 * (abs(minus_di - plus_di) / total)) } else { None };
        let last_of_mean = 2 * self.period - 1;
        if self.count > last_of_mean {
            if let Some(dx) = dx {
                self.adx = (self.adx * self.keep + dx) * self.scale;
            }
            return Some(self.adx);
        }
        self.adx += dx.unwrap_or(0.0);
        if self.count < last_of_mean {
            return None;
        }
        self.adx *= self.scale;
        Some(self.adx)
    }

    /// The average of DX, where there is one.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<f64> {
        (self.count >= 2 * self.period - 1).then_some(self.adx)
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let [high, low, close] = self.previous.unwrap_or([0.0; 3]);
        let digest = digest.u64(u64::from(self.period) << 32 | u64::from(self.count)).f64(high).f64(low).f64(close);
        digest.f64(self.plus).f64(self.minus).f64(self.range).f64(self.adx)
    }
}
