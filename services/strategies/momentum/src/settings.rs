//! What can be set of momentum.

use std::collections::BTreeMap;

use mesh_kernel::strategy::momentum::Params;
use mesh_types::InstrumentId;
use mesh_types::signal::StrategyName;
use serde::Deserialize;

/// Settings of momentum.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The name that its signals, orders and positions carry.
    pub strategy: StrategyName,
    /// Instruments that it trades; empty for all whose candles of the interval come.
    pub instruments: Vec<InstrumentId>,
    /// Length of its bars.
    pub interval_ms: u64,
    /// Parameters by name; the rest have their defaults.
    pub params: BTreeMap<String, f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strategy: StrategyName::truncated("momentum"),
            instruments: Vec::new(),
            interval_ms: 60_000,
            params: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The kernel's parameters.
    ///
    /// # Errors
    /// Which setting can't be used, and what is expected.
    pub fn params(&self) -> Result<Params, String> {
        if self.interval_ms == 0 {
            return Err("interval_ms: expected at least 1, found 0".into());
        }
        let mut params = Params::default();
        for (name, value) in &self.params {
            params.set(name, *value).map_err(|error| format!("params.{name}: {error}"))?;
        }
        params.validate().map_err(|error| format!("params: {error}"))?;
        if params.partial_atr > 0.0 {
            let found = params.partial_atr;
            return Err(format!("params.partial_atr: expected 0, found {found}: a signal closes a position whole"));
        }
        Ok(params)
    }

    pub(crate) const fn interval_ns(&self) -> u64 {
        self.interval_ms.saturating_mul(1_000_000)
    }
}

impl mesh_runtime::Settings for Settings {
    fn validate(&self) -> Result<(), String> {
        self.params().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: f64) -> Settings {
        Settings { params: BTreeMap::from([(name.to_owned(), value)]), ..Settings::default() }
    }

    #[test]
    fn what_can_t_be_used_is_named() {
        assert_eq!(with("ema_fast", 5.0).params().map(|p| p.ema_fast), Ok(5));
        assert!(with("ema_fats", 5.0).params().is_err_and(|e| e.starts_with("params.ema_fats")));
        assert!(with("ema_fast", 99.0).params().is_err_and(|e| e.contains("ema_fast < ema_slow")));
        assert!(with("partial_atr", 1.0).params().is_err_and(|e| e.starts_with("params.partial_atr")));
        assert!(Settings::default().params().is_ok());
    }
}
