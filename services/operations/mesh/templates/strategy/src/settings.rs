//! What can be set. Every field has a default; unknown ones are errors.

use mesh_types::InstrumentId;
use mesh_types::signal::StrategyName;
use serde::Deserialize;

/// The settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The name that its signals, orders and positions carry.
    pub(crate) strategy: StrategyName,
    /// Instruments that it trades.
    pub(crate) instruments: Vec<InstrumentId>,
    /// Length of its candles.
    pub(crate) interval_ms: u64,
    /// Candles that a breakout is measured against.
    pub(crate) lookback: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let name = env!("CARGO_PKG_NAME");
        Self {
            strategy: StrategyName::truncated(name.strip_prefix("strategy-").unwrap_or(name)),
            instruments: Vec::new(),
            interval_ms: 60_000,
            lookback: 20,
        }
    }
}

impl mesh_runtime::Settings for Settings {
    fn validate(&self) -> Result<(), String> {
        if self.instruments.is_empty() {
            return Err("instruments: expected at least one, as \"binance:spot:BTCUSDT\"".to_owned());
        }
        if self.interval_ms == 0 || self.lookback == 0 {
            return Err("expected interval_ms and lookback of at least 1".to_owned());
        }
        Ok(())
    }
}
