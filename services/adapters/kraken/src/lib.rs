#![doc = include_str!("../README.md")]

use mesh_adapter::{Exchange, Place};
use mesh_runtime::About;
use mesh_venues::reader::Language;

/// Kraken.
#[derive(Clone, Copy, Debug)]
pub struct Kraken;

/// `BTC`, `USD`, `kBONK.x`: what stands beside the stroke.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

impl Exchange for Kraken {
    const ABOUT: About = About {
        name: "adapter-kraken",
        kind: "adapter",
        about: "Kraken market data: trades, quotes, books with checksums, candles, pairs",
    };
    const PLACES: &'static [Place] = &[Place {
        language: Language::Kraken,
        rest_url: "https://api.kraken.com",
        stream_url: "wss://ws.kraken.com",
        symbol: "BTC/USD",
        book_depth: 10,
    }];
    const SYMBOLS: &'static [&'static str] = &["BTC/USD", "ETH/USD"];

    fn spells(_: Language, symbol: &str) -> bool {
        symbol.split_once('/').is_some_and(|(base, quote)| is_code(base) && is_code(quote))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_adapter::settings::Settings;
    use mesh_runtime::Settings as _;

    fn validate(text: &str) -> Result<(), String> {
        let settings: Settings<Kraken> = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate()
    }

    #[test]
    fn the_defaults_are_good_and_nonsense_is_named() {
        assert_eq!(validate(""), Ok(()));
        assert_eq!(validate("symbols = [\"BTC/USD\"]\nintervals = [\"1m\", \"1d\"]"), Ok(()));
        assert_eq!(validate("stream_url = \"ws://127.0.0.1:1/kraken\""), Ok(()));
        for (text, words) in [
            ("symbols = [\"XBTUSD\"]", "XBTUSD"),
            ("symbols = []", "at least one"),
            ("intervals = [\"3m\"]", "3m"),
            ("rest_url = \"ftp://a\"", "rest_url"),
            ("stream_url = \"wss://a/\"", "stream_url"),
            ("silence_ms = 1", "silence_ms"),
            ("surprise = 1", "surprise"),
        ] {
            let error = validate(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
