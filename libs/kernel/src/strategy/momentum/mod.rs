//! Momentum: enters with the crossing of two exponential averages where trend strength, momentum, volatility and
//! volume agree; gives up at a multiple of the average true range.

mod params;
mod signal;
#[cfg(test)]
mod tests;

pub use params::{Params, WINDOW};
pub use signal::reason;

use crate::bar::Bar;
use crate::decision::Side;
use crate::digest::Digest;
use crate::indicators::{Adx, Atr, Bollinger, Ema, Rsi, ZScore};
use crate::math::ratio;
use crate::regime::Regime;
use crate::strategy::Input;
use crate::strategy::features::features;
use crate::strategy::series::{FromSeries, SeriesKey};
use crate::trader::Wish;

/// All that momentum remembers.
pub type State = crate::strategy::State<Momentum>;

features! {
    /// Fast average of closes.
    ema_fast,
    /// Slow average of closes.
    ema_slow,
    /// Fast less slow average of the bar before.
    spread_before,
    /// Average true range, in the quote currency.
    atr,
    /// ADX, 0 to 100.
    adx,
    /// RSI, 0 to 100.
    rsi,
    /// Width of the Bollinger bands over their middle, bp.
    band_width_bp,
    /// Volume z-score.
    volume_z,
}

/// The indicators of momentum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indicators {
    fast: Ema,
    slow: Ema,
    atr: Atr,
    adx: Adx,
    rsi: Rsi,
    bands: Bollinger<WINDOW>,
    volume: ZScore<WINDOW>,
    /// Fast less slow average, and the same of the bar before; 0 while they warm up.
    spread: f64,
    spread_before: f64,
}

impl crate::strategy::Indicators for Indicators {
    type Params = Params;
    type Features = Features;

    fn new(params: &Params) -> Self {
        Self {
            fast: Ema::new(params.ema_fast),
            slow: Ema::new(params.ema_slow),
            atr: Atr::new(params.atr_period),
            adx: Adx::new(params.adx_period),
            rsi: Rsi::new(params.rsi_period),
            bands: Bollinger::new(params.bb_period, params.bb_deviations),
            volume: ZScore::new(params.volume_period),
            spread: 0.0,
            spread_before: 0.0,
        }
    }

    #[inline]
    fn take(&mut self, bar: &Bar) {
        let (fast, slow) = (self.fast.update(bar.close), self.slow.update(bar.close));
        let spread = match (fast, slow) {
            (Some(fast), Some(slow)) => fast - slow,
            _ => 0.0,
        };
        self.spread_before = core::mem::replace(&mut self.spread, spread);
        self.atr.update(bar);
        self.adx.update(bar);
        self.rsi.take(bar.close);
        self.bands.take(bar.close);
        self.volume.take(bar.volume);
    }

    fn features(&self, bar: &Bar) -> Features {
        Features {
            ema_fast: self.fast.value().unwrap_or(0.0),
            ema_slow: self.slow.value().unwrap_or(0.0),
            spread_before: self.spread_before,
            atr: self.atr.value().unwrap_or(0.0),
            adx: self.adx.value().unwrap_or(0.0),
            rsi: self.rsi.value().unwrap_or(0.0),
            band_width_bp: self.bands.value().map_or(0.0, |bands| bands.width() * 1e4),
            volume_z: self.volume.score(bar.volume).unwrap_or(0.0),
        }
    }

    fn digest_into(&self, digest: Digest) -> Digest {
        let digest = self.atr.digest_into(self.slow.digest_into(self.fast.digest_into(digest)));
        let digest = self.bands.digest_into(self.rsi.digest_into(self.adx.digest_into(digest)));
        self.volume.digest_into(digest).f64(self.spread)
    }
}

/// Momentum's memory of its signal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Momentum {
    /// Kind of market.
    pub regime: Regime,
}

impl crate::strategy::Strategy for Momentum {
    const NAME: &'static str = "momentum";
    type Params = Params;
    type Features = Features;
    type Indicators = Indicators;

    fn wish<const WHY: bool>(&mut self, params: &Params, input: &Input<'_, Features>, held: Side) -> Wish {
        let features = input.features;
        let atr_bp = ratio(features.atr, input.bar.close, 0.0) * 1e4;
        let direction = features.ema_fast - features.ema_slow;
        self.regime = self.regime.next(&params.regime_rules(), features.adx, direction, atr_bp);
        signal::wish::<WHY>(params, features, atr_bp, self.regime, input.context, held)
    }

    #[inline]
    fn rests(&mut self, params: &Params, indicators: &Indicators, bar: &Bar, held: Side, adds: bool) -> bool {
        let (spread, before) = (indicators.spread, indicators.spread_before);
        if adds || !params.comes_to_nothing(signal::signalled(params, spread, before), held) {
            return false;
        }
        let (adx, atr) = (indicators.adx.value().unwrap_or(0.0), indicators.atr.value().unwrap_or(0.0));
        let atr_bp = if params.volatile_atr_bp > 0.0 { ratio(atr, bar.close, 0.0) * 1e4 } else { 0.0 };
        self.regime = self.regime.next(&params.regime_rules(), adx, spread, atr_bp);
        true
    }

    fn digest_into(&self, digest: Digest) -> Digest {
        digest.u64(self.regime as u64)
    }
}

impl FromSeries for Momentum {
    const SLOTS: usize = 7;

    fn series(params: &Params, slot: usize) -> SeriesKey {
        match slot {
            0 => SeriesKey::Ema(params.ema_fast),
            1 => SeriesKey::Ema(params.ema_slow),
            2 => SeriesKey::Atr(params.atr_period),
            3 => SeriesKey::Adx(params.adx_period),
            4 => SeriesKey::Rsi(params.rsi_period),
            5 => SeriesKey::BandWidth(params.bb_period, params.bb_deviations.to_bits()),
            _ => SeriesKey::VolumeZ(params.volume_period),
        }
    }

    #[inline]
    fn features(_bar: &Bar, at: usize, value: impl Fn(usize, usize) -> f64) -> Features {
        Features {
            ema_fast: value(0, at),
            ema_slow: value(1, at),
            spread_before: if at > 0 { value(0, at - 1) - value(1, at - 1) } else { 0.0 },
            atr: value(2, at),
            adx: value(3, at),
            rsi: value(4, at),
            band_width_bp: value(5, at),
            volume_z: value(6, at),
        }
    }
}
