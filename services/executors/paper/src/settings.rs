//! What can be set of the paper exchange.

use mesh_ticks::Latency;
use mesh_types::{Decimal64, InstrumentId};
use serde::Deserialize;

/// Settings of the paper exchange.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Instruments that it trades; empty for all that the market relay carries.
    pub instruments: Vec<InstrumentId>,
    /// Fee of an order that rested, in basis points of the notional; negative is a rebate.
    pub maker_fee_bps: Decimal64,
    /// Fee of an order that took, in basis points of the notional.
    pub taker_fee_bps: Decimal64,
    /// Time from an order's arrival to its execution.
    pub latency_ms: u64,
    /// A book whose last message is older is not traded on.
    pub book_max_age_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            instruments: Vec::new(),
            maker_fee_bps: Decimal64::new(10, 0),
            taker_fee_bps: Decimal64::new(10, 0),
            latency_ms: 20,
            book_max_age_ms: 5_000,
        }
    }
}

impl Settings {
    /// Answers come at once: the way back is the relay's.
    pub(crate) const fn latency(&self) -> Latency {
        Latency::Constant { entry_ns: self.latency_ms.saturating_mul(1_000_000), response_ns: 0 }
    }

    pub(crate) const fn book_max_age_ns(&self) -> u64 {
        self.book_max_age_ms.saturating_mul(1_000_000)
    }
}

impl mesh_runtime::Settings for Settings {
    fn validate(&self) -> Result<(), String> {
        let fees = [("maker_fee_bps", self.maker_fee_bps), ("taker_fee_bps", self.taker_fee_bps)];
        let most = Decimal64::new(1_000, 0);
        for (name, value) in fees {
            if value.magnitude().is_ok_and(|size| size > most) {
                return Err(format!("{name}: expected -1000 to 1000 basis points, found {value}"));
            }
        }
        if self.book_max_age_ms == 0 {
            return Err("book_max_age_ms: expected at least 1, found 0".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_runtime::Settings as _;

    #[test]
    fn what_can_t_be_is_named() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let dear = Settings { taker_fee_bps: Decimal64::new(1_001, 0), ..Settings::default() };
        assert!(dear.validate().is_err_and(|error| error.starts_with("taker_fee_bps")));
    }
}
