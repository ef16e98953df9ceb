//! What can be set.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mesh_candles::interval;
use mesh_store::history::Retention;
use serde::Deserialize;

use crate::fetch::{self, LANGUAGES};

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
    /// Where candles of the past are fetched: `binance`, `binance_usdm`, `binance_coinm`, `kraken`, `okx`, `hyperliquid`, and the
    /// address of its REST. Of a venue that is not named the past is not fetched.
    pub(crate) rest_urls: BTreeMap<String, String>,
    /// So many of the last candles of each interval are fetched for an instrument that is new; 0 for none.
    pub(crate) fetch_candles: u64,
    /// Certificates in PEM that are trusted beside the built-in roots.
    pub(crate) extra_ca_file: Option<PathBuf>,
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
            rest_urls: BTreeMap::new(),
            fetch_candles: 1440,
            extra_ca_file: None,
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
        let known = LANGUAGES.map(fetch::name);
        for (venue, url) in &self.rest_urls {
            if !known.contains(&venue.as_str()) {
                return Err(format!("rest_urls: expected {}, found {venue:?}", known.join(", ")));
            }
            let host = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
            if host.is_none_or(|host| host.is_empty() || host.ends_with('/') || host.contains(['?', '#', ' '])) {
                let found = format!("found {url:?}");
                return Err(format!(
                    "rest_urls.{venue}: expected http:// or https:// and a host, no / at the end, {found}"
                ));
            }
        }
        if self.fetch_candles > 1_000_000 {
            return Err(format!("fetch_candles: expected at most 1000000, found {}", self.fetch_candles));
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
        let named = |venue: &str, url: &str| BTreeMap::from([(venue.to_owned(), url.to_owned())]);
        assert_eq!(
            Settings { rest_urls: named("okx", "https://www.okx.com"), ..Settings::default() }.validate(),
            Ok(())
        );
        let wrong = Settings { rest_urls: named("okex", "https://www.okx.com"), ..Settings::default() };
        assert!(wrong.validate().is_err_and(|text| text.contains("\"okex\"") && text.contains("hyperliquid")));
        let wrong = Settings { rest_urls: named("okx", "www.okx.com"), ..Settings::default() };
        assert!(wrong.validate().is_err_and(|text| text.contains("rest_urls.okx")));
    }
}
