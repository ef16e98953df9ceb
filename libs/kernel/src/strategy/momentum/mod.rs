//! Momentum: enters with the crossing of two exponential averages where trend strength, momentum, volatility and
//! volume agree; gives up at a multiple of the average true range.
//!
//! Every bar is judged in three steps, kept apart so that a sweep shares the first between configurations:
//! [`Indicators`] make [`Features`] of bars; [`Core`] makes a wish of features and context (`signal`); the trader
//! makes a decision of the wish and the position. [`State`] is the three together.

mod params;
mod signal;
#[cfg(test)]
mod tests;

pub use params::{Params, WINDOW};
pub use signal::reason;

use crate::bar::Bar;
use crate::context::Context;
use crate::decision::{Decision, Gate, Side};
use crate::digest::Digest;
use crate::indicators::{Adx, Atr, Bollinger, Ema, Rsi, ZScore};
use crate::math::ratio;
use crate::regime::Regime;
use crate::trader::Trader;

/// What the indicators say of one bar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    /// Fast average of closes.
    pub ema_fast: f64,
    /// Slow average of closes.
    pub ema_slow: f64,
    /// Fast less slow average of the bar before.
    pub spread_before: f64,
    /// Average true range, in the quote currency.
    pub atr: f64,
    /// ADX, 0 to 100.
    pub adx: f64,
    /// RSI, 0 to 100.
    pub rsi: f64,
    /// Width of the Bollinger bands over their middle, bp.
    pub band_width_bp: f64,
    /// Volume z-score.
    pub volume_z: f64,
}

impl Features {
    /// Adds them to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let digest = digest.f64(self.ema_fast).f64(self.ema_slow).f64(self.spread_before).f64(self.atr);
        digest.f64(self.adx).f64(self.rsi).f64(self.band_width_bp).f64(self.volume_z)
    }
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
    spread: f64,
}

impl Indicators {
    /// Before the first bar.
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self {
            fast: Ema::new(params.ema_fast),
            slow: Ema::new(params.ema_slow),
            atr: Atr::new(params.atr_period),
            adx: Adx::new(params.adx_period),
            rsi: Rsi::new(params.rsi_period),
            bands: Bollinger::new(params.bb_period, params.bb_deviations),
            volume: ZScore::new(params.volume_period),
            spread: 0.0,
        }
    }

    /// Takes a closed bar; the features, of which those that still warm up are 0.
    pub fn update(&mut self, bar: &Bar) -> Features {
        let (fast, slow) = (self.fast.update(bar.close), self.slow.update(bar.close));
        let spread = match (fast, slow) {
            (Some(fast), Some(slow)) => fast - slow,
            _ => 0.0,
        };
        Features {
            ema_fast: fast.unwrap_or(0.0),
            ema_slow: slow.unwrap_or(0.0),
            spread_before: core::mem::replace(&mut self.spread, spread),
            atr: self.atr.update(bar).unwrap_or(0.0),
            adx: self.adx.update(bar).and_then(|d| d.adx).unwrap_or(0.0),
            rsi: self.rsi.update(bar.close).unwrap_or(0.0),
            band_width_bp: self.bands.update(bar.close).map_or(0.0, |bands| bands.width() * 1e4),
            volume_z: self.volume.update(bar.volume).unwrap_or(0.0),
        }
    }

    fn digest_into(&self, digest: Digest) -> Digest {
        let digest = self.atr.digest_into(self.slow.digest_into(self.fast.digest_into(digest)));
        let digest = self.bands.digest_into(self.rsi.digest_into(self.adx.digest_into(digest)));
        self.volume.digest_into(digest).f64(self.spread)
    }
}

/// What remains of momentum where the features come from elsewhere: a few numbers a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Core {
    /// Position and pause.
    pub trader: Trader,
    /// Kind of market.
    pub regime: Regime,
    /// Bars so far, bad ones left out.
    pub bars: u32,
}

impl Core {
    /// Takes a closed bar that is valid, with its features.
    pub fn step(&mut self, params: &Params, bar: &Bar, features: &Features, context: &Context) -> Decision {
        self.bars = self.bars.saturating_add(1);
        let warm_up = params.warm_up();
        if self.bars < warm_up {
            return Decision::blocked(Gate::WarmUp, f64::from(self.bars), f64::from(warm_up));
        }
        let direction = features.ema_fast - features.ema_slow;
        let atr_bp = ratio(features.atr, bar.close, 0.0) * 1e4;
        self.regime = self.regime.next(&params.regime_rules(), features.adx, direction, atr_bp);
        let wish = signal::wish(params, features, atr_bp, self.regime, context);
        self.trader.on_bar(&params.trade_rules(), bar, features.atr, &wish)
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.trader.digest_into(digest.u64(u64::from(self.bars) << 8 | self.regime as u64))
    }
}

/// Digest of one decision: inputs, parameters, state before and after, output. Whichever path made it, streaming or
/// over shared features, has the same.
#[must_use]
pub fn decision_digest(
    params: &Params,
    bar: &Bar,
    context: &Context,
    features: &Features,
    states: [&Core; 2],
    decision: &Decision,
) -> u64 {
    let digest = features.digest_into(context.digest_into(bar.digest_into(Digest::new())));
    let digest = states.iter().fold(digest.u64(params.digest()), |digest, state| state.digest_into(digest));
    decision.digest_into(digest).finish()
}

/// All that momentum remembers between bars: plain data, so a copy is a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    indicators: Indicators,
    core: Core,
}

impl State {
    /// Before the first bar.
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self { indicators: Indicators::new(params), core: Core::default() }
    }

    /// Takes one closed bar, in the order of time, and answers with a digest. The state then assumes that the
    /// decision is carried out at the close; `set_position` and `on_fill` tell it otherwise.
    pub fn on_bar(&mut self, params: &Params, bar: &Bar) -> Decision {
        self.on_bar_with(params, bar, &Context::default())
    }

    /// The same with what is known beside the bar.
    pub fn on_bar_with(&mut self, params: &Params, bar: &Bar, context: &Context) -> Decision {
        let before = self.core;
        let (mut decision, features) = self.advance(params, bar, context);
        decision.digest = decision_digest(params, bar, context, &features, [&before, &self.core], &decision);
        decision
    }

    /// `on_bar` without the digest, for sweeps.
    pub fn step(&mut self, params: &Params, bar: &Bar) -> Decision {
        self.advance(params, bar, &Context::default()).0
    }

    /// `on_bar_with` without the digest, for sweeps.
    pub fn step_with(&mut self, params: &Params, bar: &Bar, context: &Context) -> Decision {
        self.advance(params, bar, context).0
    }

    fn advance(&mut self, params: &Params, bar: &Bar, context: &Context) -> (Decision, Features) {
        if !bar.is_valid() {
            return (Decision::blocked(Gate::BadBar, 0.0, 1.0), Features::default());
        }
        let features = self.indicators.update(bar);
        (self.core.step(params, bar, &features, context), features)
    }

    /// What is held in truth, after a refusal or a restart. `entry_price` and `stop_price` 0 where flat.
    pub fn set_position(&mut self, side: Side, entry_price: f64, stop_price: f64) {
        self.core.trader.set_position(side, entry_price, stop_price);
    }

    /// The entry was filled at this price: stop, target and trailing are measured from it.
    pub fn on_fill(&mut self, params: &Params, price: f64) {
        self.core.trader.position.anchor(&params.trade_rules().exits, price);
    }

    /// The side that the strategy believes to hold.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.core.trader.position.side
    }

    /// What it remembers beside the indicators.
    #[must_use]
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// Digest of everything remembered, the indicators' windows included.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.core.digest_into(self.indicators.digest_into(Digest::new())).finish()
    }
}
