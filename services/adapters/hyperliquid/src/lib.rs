#![doc = include_str!("../README.md")]

use mesh_adapter::{Exchange, Place};
use mesh_runtime::About;
use mesh_venues::reader::Language;

/// Hyperliquid.
#[derive(Clone, Copy, Debug)]
pub struct Hyperliquid;

impl Exchange for Hyperliquid {
    const ABOUT: About = About {
        name: "adapter-hyperliquid",
        kind: "adapter",
        about: "Hyperliquid market data: trades, quotes, books of each block, candles, funding",
    };
    const PLACES: &'static [Place] = &[Place {
        language: Language::Hyperliquid,
        rest_url: "https://api.hyperliquid.xyz",
        stream_url: "wss://api.hyperliquid.xyz",
        symbol: "BTC",
        book_depth: 10,
    }];
    const SYMBOLS: &'static [&'static str] = &["BTC", "ETH"];

    fn spells(_: Language, symbol: &str) -> bool {
        !symbol.is_empty() && !symbol.contains(char::is_whitespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_adapter::settings::Settings;
    use mesh_runtime::Settings as _;

    fn validate(text: &str) -> Result<(), String> {
        let settings: Settings<Hyperliquid> = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate()
    }

    #[test]
    fn the_defaults_are_good_and_nonsense_is_named() {
        assert_eq!(validate(""), Ok(()));
        assert_eq!(validate("symbols = [\"@107\"]\nintervals = [\"1m\", \"1d\"]"), Ok(()));
        assert_eq!(validate("stream_url = \"ws://127.0.0.1:1/hyperliquid\""), Ok(()));
        for (text, words) in [
            ("symbols = [\"B TC\"]", "B TC"),
            ("symbols = []", "at least one"),
            ("intervals = [\"6h\"]", "6h"),
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
