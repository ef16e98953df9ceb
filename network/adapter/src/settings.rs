//! What an adapter follows, and where: the settings that adapters with a feed of `mesh-venues` share, and checks for all.

use core::marker::PhantomData;
use std::path::PathBuf;

use mesh_types::InstrumentId;
use mesh_venues::feed::requests::candle_minutes;
use serde::Deserialize;

use crate::adapter::Exchange;
use crate::bridge::Endpoints;

/// The settings, with their defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, bound = "E: Exchange")]
pub struct Settings<E> {
    /// Where requests go: `http://` or `https://`, a host, and a path in front of the venue's own where there is one.
    pub rest_url: String,
    /// Where streams come from: `ws://` or `wss://`, likewise.
    pub stream_url: String,
    /// Certificates in PEM that are trusted beside the built-in roots: of a proxy that reads along, or a venue of one's own.
    pub extra_ca_file: Option<PathBuf>,
    /// Symbols as the venue spells them.
    pub symbols: Vec<String>,
    /// Candle intervals: `1m`, `1h`, `1d` and so on, of those that the venue has.
    pub intervals: Vec<String>,
    /// Levels a side of the books that are published; at most `ALPHAMESH_MAX_ORDER_LEVELS`, which is the default.
    pub depth: Option<usize>,
    /// Levels a side that the venue is asked for, where it gives a choice: the next greater one that it has.
    pub book_depth: usize,
    /// Symbols of one connection; more take more of them.
    pub symbols_per_connection: usize,
    /// A connection that says nothing for so long is taken for dead.
    pub silence_ms: u64,
    /// A stream that says nothing for so long is subscribed again, and then its connection is made again.
    pub stream_silence_ms: u64,
    /// First delay before connecting again; it doubles with each failure.
    pub reconnect_min_ms: u64,
    /// Greatest delay before connecting again.
    pub reconnect_max_ms: u64,
    /// Whose they are.
    #[serde(skip)]
    pub exchange: PhantomData<E>,
}

impl<E: Exchange> Default for Settings<E> {
    fn default() -> Self {
        Self {
            rest_url: E::REST_URL.to_owned(),
            stream_url: E::STREAM_URL.to_owned(),
            extra_ca_file: None,
            symbols: E::SYMBOLS.iter().map(|symbol| (*symbol).to_owned()).collect(),
            intervals: vec!["1m".to_owned()],
            depth: None,
            book_depth: 10,
            symbols_per_connection: 50,
            silence_ms: 45_000,
            stream_silence_ms: 300_000,
            reconnect_min_ms: 250,
            reconnect_max_ms: 30_000,
            exchange: PhantomData,
        }
    }
}

/// Checks the address of an endpoint: one of two schemes, a host, no query; a path only where `with_path`.
///
/// # Errors
/// What was expected.
pub fn check_url(name: &str, url: &str, schemes: [&str; 2], with_path: bool) -> Result<(), String> {
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
    let is_good = |rest: &str| {
        let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
        let path_is_good = path.is_none_or(|path| with_path && !path.is_empty() && !path.ends_with('/'));
        !host.is_empty() && path_is_good && !rest.contains(['?', '#', ' '])
    };
    if rest.is_some_and(is_good) {
        return Ok(());
    }
    let path = if with_path { "and no / at its end" } else { "without a path" };
    Err(format!("{name}: expected {} or {} and a host, {path}, found {url:?}", schemes[0], schemes[1]))
}

/// Checks the times of connections.
///
/// # Errors
/// What was expected.
pub fn check_times(silence_ms: u64, reconnect_min_ms: u64, reconnect_max_ms: u64) -> Result<(), String> {
    if silence_ms < 1000 || reconnect_min_ms == 0 || reconnect_max_ms < reconnect_min_ms {
        return Err("expected silence_ms of at least 1000 and 0 < reconnect_min_ms <= reconnect_max_ms".to_owned());
    }
    Ok(())
}

/// Minutes of an interval; `None` for what is none of at least a minute.
fn minutes(interval: &str) -> Option<u64> {
    let unit = match interval.bytes().last()? {
        b'm' => 1,
        b'h' => 60,
        b'd' => 1_440,
        _ => return None,
    };
    let count: u64 = interval.get(..interval.len() - 1)?.parse().ok()?;
    count.checked_mul(unit).filter(|minutes| *minutes > 0)
}

fn spelled(minutes: u64) -> String {
    match minutes {
        0..60 => format!("{minutes}m"),
        60..1_440 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 1_440),
    }
}

impl<E: Exchange> mesh_runtime::Settings for Settings<E> {
    fn validate(&self) -> Result<(), String> {
        check_url("rest_url", &self.rest_url, ["http://", "https://"], true)?;
        check_url("stream_url", &self.stream_url, ["ws://", "wss://"], true)?;
        check_times(self.silence_ms.min(self.stream_silence_ms), self.reconnect_min_ms, self.reconnect_max_ms)?;
        let example = E::SYMBOLS.first().copied().unwrap_or_default();
        if self.symbols.is_empty() {
            return Err(format!("symbols: expected at least one, as {example:?}"));
        }
        if let Some(symbol) = self.symbols.iter().find(|symbol| !E::spells(symbol)) {
            return Err(format!("symbols: expected them as the venue spells them, as {example:?}, found {symbol:?}"));
        }
        self.instruments()?;
        self.candle_minutes()?;
        if self.symbols_per_connection == 0 || self.book_depth == 0 {
            return Err("expected symbols_per_connection and book_depth above 0".to_owned());
        }
        Ok(())
    }
}

impl<E: Exchange> Settings<E> {
    /// The instruments that are followed.
    ///
    /// # Errors
    /// A symbol that can't be one.
    pub fn instruments(&self) -> Result<Vec<InstrumentId>, String> {
        let instrument = |symbol: &String| {
            E::LANGUAGE.instrument(symbol).map_err(|error| format!("symbols: {symbol:?} can't be one: {error}"))
        };
        self.symbols.iter().map(instrument).collect()
    }

    /// Minutes of the candles that are followed.
    ///
    /// # Errors
    /// An interval that the venue does not have.
    pub fn candle_minutes(&self) -> Result<Vec<u64>, String> {
        let known = candle_minutes(E::LANGUAGE);
        let checked = |interval: &String| {
            minutes(interval).filter(|minutes| known.contains(minutes)).ok_or_else(|| {
                let names: Vec<String> = known.iter().map(|minutes| spelled(*minutes)).collect();
                format!("intervals: expected {}, found {interval:?}", names.join(", "))
            })
        };
        self.intervals.iter().map(checked).collect()
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
