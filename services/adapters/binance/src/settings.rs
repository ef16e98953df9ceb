//! What the adapter follows, and where.

use std::path::PathBuf;

use mesh_adapter::bridge::Endpoints;
use mesh_adapter::settings::{check_times, check_url};
use mesh_runtime::Settings as _;
use mesh_venues::binance::subscribe;
use serde::Deserialize;

/// The settings, with their defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where requests go: `http://` or `https://`, without a path.
    pub rest_url: String,
    /// Where streams come from: `ws://` or `wss://`, without a path.
    pub stream_url: String,
    /// Certificates in PEM that are trusted beside the built-in roots: of a proxy that reads along, or a venue of one's own.
    pub extra_ca_file: Option<PathBuf>,
    /// Symbols as Binance spells them, in upper case.
    pub symbols: Vec<String>,
    /// Candle intervals as Binance spells them.
    pub intervals: Vec<String>,
    /// Levels a side of the books that are published; at most `ALPHAMESH_MAX_ORDER_LEVELS`, which is the default.
    pub depth: Option<usize>,
    /// Levels a side of the snapshots that are asked for: 5 to 5000.
    pub snapshot_limit: usize,
    /// A connection, or a symbol's book, that says nothing for so long is taken for dead.
    pub silence_ms: u64,
    /// First delay before connecting again; it doubles with each failure.
    pub reconnect_min_ms: u64,
    /// Greatest delay before connecting again.
    pub reconnect_max_ms: u64,
    /// How often instrument information is asked for.
    pub instrument_refresh_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rest_url: "http://127.0.0.1:17601".to_owned(),
            stream_url: "ws://127.0.0.1:17601".to_owned(),
            extra_ca_file: None,
            symbols: vec!["BTCUSDT".to_owned(), "ETHUSDT".to_owned()],
            intervals: vec!["1s".to_owned(), "1m".to_owned()],
            depth: None,
            snapshot_limit: 1000,
            silence_ms: 10_000,
            reconnect_min_ms: 100,
            reconnect_max_ms: 30_000,
            instrument_refresh_s: 3600,
        }
    }
}

impl mesh_runtime::Settings for Settings {
    fn validate(&self) -> Result<(), String> {
        check_url("rest_url", &self.rest_url, ["http://", "https://"], false)?;
        check_url("stream_url", &self.stream_url, ["ws://", "wss://"], false)?;
        if self.symbols.is_empty() {
            return Err("symbols: expected at least one, as \"BTCUSDT\"".to_owned());
        }
        if let Some(symbol) = self.symbols.iter().find(|symbol| symbol.is_empty() || **symbol != symbol.to_uppercase())
        {
            return Err(format!("symbols: expected upper case, as Binance spells them, found {symbol:?}"));
        }
        if let Some(interval) = self.intervals.iter().find(|interval| subscribe::interval_ns(interval).is_none()) {
            return Err(format!("intervals: expected 1s, 1m, 5m, 1h, 1d and so on, found {interval:?}"));
        }
        let streams = self.symbols.len() * (3 + self.intervals.len());
        if streams > subscribe::MAX_STREAMS {
            return Err(format!(
                "symbols and intervals: {streams} streams, and one connection carries {}: use several adapters",
                subscribe::MAX_STREAMS
            ));
        }
        check_times(self.silence_ms, self.reconnect_min_ms, self.reconnect_max_ms)?;
        if !(5..=5000).contains(&self.snapshot_limit) {
            return Err(format!("snapshot_limit: expected 5 to 5000, found {}", self.snapshot_limit));
        }
        Ok(())
    }
}

impl Settings {
    /// The defaults, checked.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn checked(self) -> Result<Self, String> {
        self.validate().map(|()| self)
    }

    /// Where the venue is.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints {
            rest_url: self.rest_url.clone(),
            stream_url: self.stream_url.clone(),
            extra_ca_file: self.extra_ca_file.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_good_and_nonsense_is_named() {
        assert!(Settings::default().checked().is_ok());
        let bad = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.checked().expect_err("refused")
        };
        assert!(bad(|s| s.rest_url = "api.binance.com".to_owned()).contains("rest_url"));
        assert!(bad(|s| s.stream_url = "wss://a/b".to_owned()).contains("stream_url"));
        assert!(bad(|s| s.symbols = vec!["btcusdt".to_owned()]).contains("btcusdt"));
        assert!(bad(|s| s.intervals = vec!["1x".to_owned()]).contains("1x"));
        assert!(bad(|s| s.symbols = vec!["A".to_owned(); 100]).contains("several adapters"));
        assert!(bad(|s| s.snapshot_limit = 0).contains("snapshot_limit"));
    }
}
