#![doc = include_str!("../README.md")]

use mesh_adapter::{Exchange, Place};
use mesh_runtime::About;
use mesh_venues::reader::Language;

/// OKX.
#[derive(Clone, Copy, Debug)]
pub struct Okx;

impl Exchange for Okx {
    const ABOUT: About = About {
        name: "adapter-okx",
        kind: "adapter",
        about: "OKX market data: trades, quotes, chained books, candles, funding, instruments",
    };
    const PLACES: &'static [Place] = &[Place {
        language: Language::Okx,
        rest_url: "https://www.okx.com",
        stream_url: "wss://ws.okx.com:8443",
        symbol: "BTC-USDT",
        book_depth: 10,
    }];
    const SYMBOLS: &'static [&'static str] = &["BTC-USDT", "ETH-USDT", "BTC-USDT-SWAP"];

    fn spells(_: Language, symbol: &str) -> bool {
        symbol.contains('-')
            && symbol.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit() || byte.is_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_adapter::settings::Settings;
    use mesh_runtime::Settings as _;

    fn validate(text: &str) -> Result<(), String> {
        let settings: Settings<Okx> = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate()
    }

    #[test]
    fn the_defaults_are_good_and_nonsense_is_named() {
        assert_eq!(validate(""), Ok(()));
        assert_eq!(validate("symbols = [\"BTC-USDT-SWAP\"]\nintervals = [\"1m\", \"1d\"]"), Ok(()));
        assert_eq!(validate("stream_url = \"ws://127.0.0.1:1/okx\""), Ok(()));
        for (text, words) in [
            ("symbols = [\"BTCUSDT\"]", "BTCUSDT"),
            ("symbols = []", "at least one"),
            ("intervals = [\"8h\"]", "8h"),
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
