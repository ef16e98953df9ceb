//! What an adapter follows, and where: the settings that adapters with a feed of `mesh-venues` share, and checks for all.

use core::marker::PhantomData;
use std::path::PathBuf;

use mesh_types::InstrumentId;
use mesh_venues::feed::requests::{candle_seconds, interval};
use serde::Deserialize;

use crate::adapter::{Exchange, Place};
use crate::bridge::Endpoints;

/// The settings, with their defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, bound = "E: Exchange")]
pub struct Settings<E> {
    /// The market, where the venue has several: `spot`, `usdm`, `coinm` of Binance. The first by default.
    pub kind: Option<String>,
    /// Where requests go: `http://` or `https://`, a host, and a path in front of the venue's own where there is one. The
    /// venue's by default.
    pub rest_url: Option<String>,
    /// Where streams come from: `ws://` or `wss://`, likewise.
    pub stream_url: Option<String>,
    /// Certificates in PEM that are trusted beside the built-in roots: of a proxy that reads along, or a venue of one's own.
    pub extra_ca_file: Option<PathBuf>,
    /// Symbols as the venue spells them.
    pub symbols: Vec<String>,
    /// Candle intervals: `1s`, `1m`, `1h`, `1d` and so on, of those that the venue has.
    pub intervals: Vec<String>,
    /// Levels a side of the books that are published; at most `ALPHAMESH_MAX_ORDER_LEVELS`, which is the default.
    pub depth: Option<usize>,
    /// Levels a side that the venue is asked for, where it gives a choice: the next greater one that it has; of snapshots over
    /// HTTP the next smaller.
    pub book_depth: Option<usize>,
    /// Symbols of one connection; more take more of them, and so do more streams than the venue's connections carry.
    pub symbols_per_connection: usize,
    /// A connection that says nothing for so long is taken for dead.
    pub silence_ms: u64,
    /// A stream that says nothing for so long is subscribed again, and then its connection is made again.
    pub stream_silence_ms: u64,
    /// After so long another connection takes over, a little earlier by chance: venues cut them off after a day.
    pub connection_life_s: u64,
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
            kind: None,
            rest_url: None,
            stream_url: None,
            extra_ca_file: None,
            symbols: E::SYMBOLS.iter().map(|symbol| (*symbol).to_owned()).collect(),
            intervals: vec!["1m".to_owned()],
            depth: None,
            book_depth: None,
            symbols_per_connection: 50,
            silence_ms: 45_000,
            stream_silence_ms: 300_000,
            connection_life_s: 23 * 3_600,
            reconnect_min_ms: 250,
            reconnect_max_ms: 30_000,
            exchange: PhantomData,
        }
    }
}

/// Checks the address of an endpoint: one of two schemes, a host, a path or none, no query.
fn check_url(name: &str, url: &str, schemes: [&str; 2]) -> Result<(), String> {
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
    let is_good = |rest: &str| {
        let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
        let path_is_good = path.is_none_or(|path| !path.is_empty() && !path.ends_with('/'));
        !host.is_empty() && path_is_good && !rest.contains(['?', '#', ' '])
    };
    if rest.is_some_and(is_good) {
        return Ok(());
    }
    Err(format!("{name}: expected {} or {} and a host, and no / at its end, found {url:?}", schemes[0], schemes[1]))
}

/// Checks the times of connections.
fn check_times(silence_ms: u64, reconnect_min_ms: u64, reconnect_max_ms: u64) -> Result<(), String> {
    if silence_ms < 1000 || reconnect_min_ms == 0 || reconnect_max_ms < reconnect_min_ms {
        return Err("expected silence_ms of at least 1000 and 0 < reconnect_min_ms <= reconnect_max_ms".to_owned());
    }
    Ok(())
}

/// Seconds of an interval; `None` for what is none.
fn seconds(interval: &str) -> Option<u64> {
    let unit = match interval.bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        _ => return None,
    };
    let count: u64 = interval.get(..interval.len() - 1)?.parse().ok()?;
    count.checked_mul(unit).filter(|seconds| *seconds > 0)
}

impl<E: Exchange> mesh_runtime::Settings for Settings<E> {
    fn validate(&self) -> Result<(), String> {
        let place = self.place()?;
        let Endpoints { rest_url, stream_url, .. } = self.endpoints()?;
        check_url("rest_url", &rest_url, ["http://", "https://"])?;
        check_url("stream_url", &stream_url, ["ws://", "wss://"])?;
        check_times(self.silence_ms.min(self.stream_silence_ms), self.reconnect_min_ms, self.reconnect_max_ms)?;
        let example = place.symbol;
        if self.symbols.is_empty() {
            return Err(format!("symbols: expected at least one, as {example:?}"));
        }
        if let Some(symbol) = self.symbols.iter().find(|symbol| !E::spells(place.language, symbol)) {
            return Err(format!("symbols: expected them as the venue spells them, as {example:?}, found {symbol:?}"));
        }
        self.instruments()?;
        self.candle_seconds()?;
        if self.connection_life_s < 10 {
            return Err("expected connection_life_s of at least 10".to_owned());
        }
        if self.symbols_per_connection == 0 || self.book_depth == Some(0) {
            return Err("expected symbols_per_connection and book_depth above 0".to_owned());
        }
        Ok(())
    }
}

impl<E: Exchange> Settings<E> {
    /// The market.
    ///
    /// # Errors
    /// Where the venue has none of this name.
    pub fn place(&self) -> Result<&'static Place, String> {
        let found = match &self.kind {
            None => E::PLACES.first(),
            Some(kind) => E::PLACES.iter().find(|place| place.language.kind() == kind),
        };
        found.ok_or_else(|| {
            let names: Vec<&str> = E::PLACES.iter().map(|place| place.language.kind()).collect();
            format!("kind: expected {}, found {:?}", names.join(", "), self.kind.as_deref().unwrap_or_default())
        })
    }

    /// The instruments that are followed.
    ///
    /// # Errors
    /// A symbol that can't be one.
    pub fn instruments(&self) -> Result<Vec<InstrumentId>, String> {
        let language = self.place()?.language;
        let instrument = |symbol: &String| {
            language.instrument(symbol).map_err(|error| format!("symbols: {symbol:?} can't be one: {error}"))
        };
        self.symbols.iter().map(instrument).collect()
    }

    /// Seconds of the candles that are followed.
    ///
    /// # Errors
    /// An interval that the venue does not have.
    pub fn candle_seconds(&self) -> Result<Vec<u64>, String> {
        let known = candle_seconds(self.place()?.language);
        let checked = |text: &String| {
            seconds(text).filter(|seconds| known.contains(seconds)).ok_or_else(|| {
                let names: Vec<String> = known.iter().map(|seconds| interval(*seconds)).collect();
                format!("intervals: expected {}, found {text:?}", names.join(", "))
            })
        };
        self.intervals.iter().map(checked).collect()
    }

    /// Where the venue is.
    ///
    /// # Errors
    /// Where the venue has no market of this kind.
    pub fn endpoints(&self) -> Result<Endpoints, String> {
        let place = self.place()?;
        let or = |url: &Option<String>, default: &str| url.clone().unwrap_or_else(|| default.to_owned());
        Ok(Endpoints {
            rest_url: or(&self.rest_url, place.rest_url),
            stream_url: or(&self.stream_url, place.stream_url),
            extra_ca_file: self.extra_ca_file.clone(),
        })
    }
}
