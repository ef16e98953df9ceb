//! The limits, as they stand in a configuration.

use core::fmt;

use mesh_types::Decimal64;
use serde::Deserialize;

/// What may be risked. Notionals are in the quote currency of the instrument; those of different quote currencies are
/// never added.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskLimits {
    /// Largest notional of one entry.
    pub order_notional: Decimal64,
    /// Largest notional of one instrument, with all open orders at their worst. The strategies' positions are added, not
    /// netted: one's exit must not open the other's risk.
    pub position_notional: Decimal64,
    /// Largest notional of all instruments of one quote currency, with all open orders at their worst.
    pub total_notional: Decimal64,
    /// How far from the best price an entry may be filled, in basis points.
    pub price_band_bps: u32,
    /// A book whose last message is older is not traded on.
    pub book_max_age_ms: u64,
    /// A signal that is older opens nothing.
    pub signal_max_age_ms: u64,
    /// Pause between two entries of one strategy in one instrument.
    pub cooldown_ms: u64,
    /// Length of the window that orders are counted in.
    pub rate_window_ms: u64,
    /// Orders in the window, entries and exits together.
    pub orders_per_window: u64,
    /// Of those, how many only exits may use.
    pub reserved_for_exits: u64,
    /// Entries in the window for one instrument.
    pub entries_per_instrument: u64,
}

impl Default for RiskLimits {
    fn default() -> Self {
        Self {
            order_notional: Decimal64::new(1_000, 0),
            position_notional: Decimal64::new(2_000, 0),
            total_notional: Decimal64::new(10_000, 0),
            price_band_bps: 50,
            book_max_age_ms: 5_000,
            signal_max_age_ms: 10_000,
            cooldown_ms: 0,
            rate_window_ms: 60_000,
            orders_per_window: 60,
            reserved_for_exits: 20,
            entries_per_instrument: 10,
        }
    }
}

/// Limits that contradict themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLimit {
    /// What must hold, and what was found.
    pub reason: String,
}

impl fmt::Display for BadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl core::error::Error for BadLimit {}

impl RiskLimits {
    /// Whether they make sense together.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn validate(&self) -> Result<(), BadLimit> {
        let notionals = [
            ("order_notional", self.order_notional),
            ("position_notional", self.position_notional),
            ("total_notional", self.total_notional),
        ];
        for (name, value) in notionals {
            if !value.is_positive() {
                return Err(BadLimit { reason: format!("{name}: expected more than 0, found {value}") });
            }
        }
        if self.reserved_for_exits > self.orders_per_window {
            let (reserved, all) = (self.reserved_for_exits, self.orders_per_window);
            let reason = format!("reserved_for_exits: expected at most orders_per_window ({all}), found {reserved}");
            return Err(BadLimit { reason });
        }
        for (name, value) in [("rate_window_ms", self.rate_window_ms), ("orders_per_window", self.orders_per_window)] {
            if value == 0 {
                return Err(BadLimit { reason: format!("{name}: expected at least 1, found 0") });
            }
        }
        Ok(())
    }

    pub(crate) const fn rate_window_ns(&self) -> u64 {
        ns(self.rate_window_ms)
    }
}

/// Nanoseconds of so many milliseconds.
pub(crate) const fn ns(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_contradictions_are_named() {
        assert_eq!(RiskLimits::default().validate(), Ok(()));
        let reserved = RiskLimits { reserved_for_exits: 61, ..RiskLimits::default() };
        assert!(reserved.validate().is_err_and(|e| e.reason.contains("at most orders_per_window (60), found 61")));
        let zero = RiskLimits { total_notional: Decimal64::ZERO, ..RiskLimits::default() };
        assert!(zero.validate().is_err_and(|e| e.reason.starts_with("total_notional")));
    }
}
