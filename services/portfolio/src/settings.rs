//! What can be set of the portfolio.

use std::path::PathBuf;

use mesh_risk::RiskLimits;
use mesh_types::{Decimal64, InstrumentId};
use serde::Deserialize;

/// Settings of the portfolio.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Instruments whose market it follows; empty for all that the market relay carries.
    pub instruments: Vec<InstrumentId>,
    /// Notional of one entry in the quote currency; a signal's own hint can only lower it.
    pub entry_notional: Decimal64,
    /// An entry is not filled further than this from the best price, in basis points.
    pub entry_slippage_bps: u32,
    /// An exit is not filled further than this from the best price, in basis points.
    pub exit_slippage_bps: u32,
    /// How long entries are collected before they are ranked.
    pub selection_window_ms: u64,
    /// The most entries of one bar; what adds to a position is not counted.
    pub entries_per_bar: usize,
    /// An executor refuses an order that reaches it later.
    pub order_lifetime_ms: u64,
    /// An order that nothing was heard of for so long is asked about, and again after as long.
    pub silence_ms: u64,
    /// An exit that did not close the position is tried again after this.
    pub exit_retry_ms: u64,
    /// A file that is a kill switch while it is there: `close_only`, `halt_all` or `hard` in it. Without one, that of
    /// `ALPHAMESH_KILL_SWITCH_FILE`.
    pub kill_file: Option<PathBuf>,
    /// The limits.
    pub risk: RiskLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            instruments: Vec::new(),
            entry_notional: Decimal64::new(500, 0),
            entry_slippage_bps: 10,
            exit_slippage_bps: 100,
            selection_window_ms: 250,
            entries_per_bar: 5,
            order_lifetime_ms: 5_000,
            silence_ms: 1_000,
            exit_retry_ms: 1_000,
            kill_file: None,
            risk: RiskLimits::default(),
        }
    }
}

/// Nanoseconds of so many milliseconds.
pub(crate) const fn ns(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}

impl mesh_runtime::Settings for Settings {
    fn validate(&self) -> Result<(), String> {
        if !self.entry_notional.is_positive() {
            return Err(format!("entry_notional: expected more than 0, found {}", self.entry_notional));
        }
        let times = [
            ("silence_ms", self.silence_ms),
            ("exit_retry_ms", self.exit_retry_ms),
            ("order_lifetime_ms", self.order_lifetime_ms),
            ("entries_per_bar", self.entries_per_bar as u64),
        ];
        for (name, value) in times {
            if value == 0 {
                return Err(format!("{name}: expected at least 1, found 0"));
            }
        }
        self.risk.validate().map_err(|error| format!("risk.{error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_runtime::Settings as _;

    #[test]
    fn the_defaults_hold_and_what_does_not_is_named() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let zero = Settings { silence_ms: 0, ..Settings::default() };
        assert!(zero.validate().is_err_and(|error| error.starts_with("silence_ms")));
        let mut nothing = Settings::default();
        nothing.risk.mesh.order_notional = Some(Decimal64::ZERO);
        assert!(nothing.validate().is_err_and(|error| error.starts_with("risk.mesh.order_notional")));
    }
}
