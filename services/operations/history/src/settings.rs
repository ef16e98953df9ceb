//! What can be set.

use std::collections::BTreeMap;

use mesh_candles::interval;
use mesh_store::history::Retention;
use serde::Deserialize;

const DAY_NS: u64 = 86_400 * 1_000_000_000;

/// The settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Intervals that are built from trades, as `1m`.
    pub(crate) intervals: Vec<String>,
    /// Candles are built for so many instruments.
    pub(crate) instruments_max: usize,
    /// How often is written.
    pub(crate) flush_interval_ms: u64,
    /// A candle is closed by the time so long after its end.
    pub(crate) grace_ms: u64,
    /// Best bid and offer of each instrument are kept so often; 0 for never.
    pub(crate) quotes_interval_ms: u64,
    /// Days that candles of an interval stay; those that are not named, or 0, for ever.
    pub(crate) keep_days: BTreeMap<String, u32>,
    /// Days that quotes and open interest stay; 0 for ever.
    pub(crate) samples_keep_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            intervals: interval::DEFAULT_NS.map(interval::name).to_vec(),
            instruments_max: 1000,
            flush_interval_ms: 1000,
            grace_ms: 2000,
            quotes_interval_ms: 0,
            keep_days: BTreeMap::from([("1s".to_owned(), 7)]),
            samples_keep_days: 90,
        }
    }
}

impl Settings {
    pub(crate) fn intervals_ns(&self) -> Vec<u64> {
        self.intervals.iter().filter_map(|name| interval::parse(name)).collect()
    }

    pub(crate) fn retention(&self) -> Retention {
        let named = |(name, days): (&String, &u32)| Some((interval::parse(name)?, u64::from(*days) * DAY_NS));
        let bounded = self.keep_days.iter().filter(|(_, days)| **days > 0);
        Retention {
            candles_ns: bounded.filter_map(named).collect(),
            samples_ns: u64::from(self.samples_keep_days) * DAY_NS,
        }
    }
}

impl mesh_runtime::Settings for Settings {
    fn validate(&self) -> Result<(), String> {
        let wrong = |name: &&String| interval::parse(name).is_none();
        if let Some(name) = self.intervals.iter().find(wrong) {
            return Err(format!("intervals: expected 1m, 5m, 1h or the like, found {name:?}"));
        }
        if let Some(name) = self.keep_days.keys().find(wrong) {
            return Err(format!("keep_days: expected intervals as 1m, 5m, 1h, found {name:?}"));
        }
        if !(1..=100_000).contains(&self.instruments_max) {
            return Err(format!("instruments_max: expected 1 to 100000, found {}", self.instruments_max));
        }
        if !(10..=60_000).contains(&self.flush_interval_ms) {
            return Err(format!("flush_interval_ms: expected 10 to 60000, found {}", self.flush_interval_ms));
        }
        if self.grace_ms > 60_000 {
            return Err(format!("grace_ms: expected at most 60000, found {}", self.grace_ms));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_runtime::Settings as _;

    #[test]
    fn the_defaults_are_valid_and_bad_values_say_what_is_expected() {
        assert_eq!(Settings::default().validate(), Ok(()));
        assert_eq!(Settings::default().intervals_ns(), interval::DEFAULT_NS);
        assert_eq!(Settings::default().retention().candles_ns, [(1_000_000_000, 7 * DAY_NS)]);
        let refused = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.validate().expect_err("refused")
        };
        assert!(refused(|s| s.intervals = vec!["1x".to_owned()]).contains("\"1x\""));
        assert!(refused(|s| s.keep_days = BTreeMap::from([("min".to_owned(), 1)])).contains("\"min\""));
        assert!(refused(|s| s.instruments_max = 0).contains("instruments_max"));
        assert!(refused(|s| s.flush_interval_ms = 1).contains("flush_interval_ms"));
        assert!(refused(|s| s.grace_ms = 99_999).contains("grace_ms"));
    }
}
