//! Indicators as series over all bars: what a sweep computes once for all the configurations that ask for it.
//!
//! A configuration names its series by slot; its features at a bar follow from them. From the warm-up on they are, to
//! the last bit, those of the streaming [`Indicators`]; before it nothing is decided.

use core::marker::PhantomData;

use crate::bar::Bar;
use crate::digest::Digest;
use crate::indicators::{Adx, Atr, Bollinger, Ema, RealisedVolatility, Rsi, ZScore};
use crate::strategy::{Indicators, Strategy};

/// Longest window of a series.
pub const WINDOW: usize = 256;

/// An indicator with its parameters. Where a value warms up, the series has 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesKey {
    /// Exponential average of closes.
    Ema(u32),
    /// Average true range, in the quote currency.
    Atr(u32),
    /// ADX, 0 to 100.
    Adx(u32),
    /// RSI of closes, 0 to 100.
    Rsi(u32),
    /// Width of the Bollinger bands over their middle, bp: period, and the bits of the deviations.
    BandWidth(u32, u64),
    /// Volume z-score.
    VolumeZ(u32),
    /// Realised volatility of a bar, bp.
    RealisedVol(u32),
}

/// The indicator of a key, between two bars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SeriesState {
    /// See [`SeriesKey::Ema`].
    Ema(Ema),
    /// See [`SeriesKey::Atr`].
    Atr(Atr),
    /// See [`SeriesKey::Adx`].
    Adx(Adx),
    /// See [`SeriesKey::Rsi`].
    Rsi(Rsi),
    /// See [`SeriesKey::BandWidth`].
    BandWidth(Bollinger<WINDOW>),
    /// See [`SeriesKey::VolumeZ`].
    VolumeZ(ZScore<WINDOW>),
    /// See [`SeriesKey::RealisedVol`].
    RealisedVol(RealisedVolatility<WINDOW>),
}

impl SeriesState {
    /// Before the first bar.
    #[must_use]
    pub fn new(key: SeriesKey) -> Self {
        match key {
            SeriesKey::Ema(period) => Self::Ema(Ema::new(period)),
            SeriesKey::Atr(period) => Self::Atr(Atr::new(period)),
            SeriesKey::Adx(period) => Self::Adx(Adx::new(period)),
            SeriesKey::Rsi(period) => Self::Rsi(Rsi::new(period)),
            SeriesKey::BandWidth(period, bits) => Self::BandWidth(Bollinger::new(period, f64::from_bits(bits))),
            SeriesKey::VolumeZ(period) => Self::VolumeZ(ZScore::new(period)),
            SeriesKey::RealisedVol(period) => Self::RealisedVol(RealisedVolatility::new(period)),
        }
    }

    /// Takes the next valid bar; the value.
    pub fn update(&mut self, bar: &Bar) -> f64 {
        let value = match self {
            Self::Ema(ema) => ema.update(bar.close),
            Self::Atr(atr) => atr.update(bar),
            Self::Adx(adx) => adx.update(bar).and_then(|directional| directional.adx),
            Self::Rsi(rsi) => rsi.update(bar.close),
            Self::BandWidth(bands) => bands.update(bar.close).map(|bands| bands.width() * 1e4),
            Self::VolumeZ(volume) => volume.update(bar.volume),
            Self::RealisedVol(volatility) => volatility.update(bar.close).map(|volatility| volatility * 1e4),
        };
        value.unwrap_or(0.0)
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        match self {
            Self::Ema(ema) => ema.digest_into(digest),
            Self::Atr(atr) => atr.digest_into(digest),
            Self::Adx(adx) => adx.digest_into(digest),
            Self::Rsi(rsi) => rsi.digest_into(digest),
            Self::BandWidth(bands) => bands.digest_into(digest),
            Self::VolumeZ(volume) => volume.digest_into(digest),
            Self::RealisedVol(volatility) => volatility.digest_into(digest),
        }
    }
}

/// A strategy whose features come from series.
pub trait FromSeries: Strategy {
    /// How many series a configuration reads.
    const SLOTS: usize;

    /// The series of a slot, from 0 to `SLOTS`.
    fn series(params: &Self::Params, slot: usize) -> SeriesKey;

    /// The features at a bar, the `at`-th valid one, warm-up over; `value(slot, bar)` reads a series.
    fn features(bar: &Bar, at: usize, value: impl Fn(usize, usize) -> f64) -> Self::Features;
}

/// The series of a configuration, bar by bar: the streaming indicators of a strategy that has no others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Streamed<S, const SLOTS: usize> {
    states: [SeriesState; SLOTS],
    values: [f64; SLOTS],
    strategy: PhantomData<S>,
}

impl<S: FromSeries, const SLOTS: usize> Indicators for Streamed<S, SLOTS> {
    type Params = S::Params;
    type Features = S::Features;

    fn new(params: &S::Params) -> Self {
        let state = |slot| SeriesState::new(S::series(params, slot));
        Self { states: core::array::from_fn(state), values: [0.0; SLOTS], strategy: PhantomData }
    }

    fn take(&mut self, bar: &Bar) {
        for (state, value) in self.states.iter_mut().zip(&mut self.values) {
            *value = state.update(bar);
        }
    }

    fn features(&self, bar: &Bar) -> S::Features {
        S::features(bar, 0, |slot, _| self.values.get(slot).copied().unwrap_or(0.0))
    }

    fn digest_into(&self, digest: Digest) -> Digest {
        // Values follow from states.
        self.states.iter().fold(digest, |digest, state| state.digest_into(digest))
    }
}
