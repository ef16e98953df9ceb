//! Streaming indicators, each O(1) a bar. `update` takes the next value and answers `None` while warming up; then
//! every call answers. Warm-up, seeds and formulas are those of TA-Lib where it has the indicator.

pub mod atr;
pub mod ema;
pub mod wilder;

pub use atr::Atr;
pub use ema::Ema;
pub use wilder::Wilder;
