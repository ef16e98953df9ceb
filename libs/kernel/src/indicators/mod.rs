//! Streaming indicators, each O(1) a bar (CCI alone is O(period), see there). `update` takes the next value and
//! answers `None` while warming up; then every call answers. Warm-up, seeds and formulas are those of TA-Lib with no
//! unstable period, where it has the indicator; each type states them. Windows have a capacity `N` fixed at compile
//! time; a longer period is held to it, so parameters must not allow one.
//!
//! | TA-Lib | here | others | here |
//! |---|---|---|---|
//! | SMA, EMA | [`Sma`], [`Ema`] | Wilder's smoothing | [`Wilder`] |
//! | RSI, MACD, STOCH, CCI, ROC, MFI | [`Rsi`], [`Macd`], [`Stochastic`], [`Cci`], [`Roc`], [`Mfi`] | z-score (volume) | [`ZScore`] |
//! | ATR, ADX, PLUS_DI, MINUS_DI | [`Atr`], [`Adx`] | realised volatility | [`RealisedVolatility`] |
//! | BBANDS, STDDEV | [`Bollinger`], [`StandardDeviation`] | VWAP | [`Vwap`], [`RollingVwap`] |
//! | MAX, MIN | [`Highest`], [`Donchian`] | features of a moment | [`market`] |
//! | OBV | [`Obv`] | | |

pub mod adx;
pub mod atr;
pub mod bollinger;
pub mod cci;
pub mod ema;
pub mod extremes;
pub mod macd;
pub mod market;
pub mod moments;
pub mod returns;
pub mod rsi;
pub mod sma;
pub mod stochastic;
pub mod sum;
pub mod volume;
pub mod wilder;
pub mod window;

pub use adx::{Adx, Directional};
pub use atr::Atr;
pub use bollinger::{Bands, Bollinger};
pub use cci::Cci;
pub use ema::Ema;
pub use extremes::{Channel, Donchian, Highest};
pub use macd::{Macd, MacdLines};
pub use moments::{Moments, StandardDeviation, ZScore};
pub use returns::{RealisedVolatility, Roc};
pub use rsi::Rsi;
pub use sma::Sma;
pub use stochastic::{Stochastic, StochasticLines};
pub use volume::{Mfi, Obv, RollingVwap, Vwap};
pub use wilder::Wilder;
