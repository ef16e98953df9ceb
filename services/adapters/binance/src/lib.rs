#![doc = include_str!("../README.md")]

use mesh_adapter::{Exchange, Place};
use mesh_runtime::About;
use mesh_venues::binance::Market;
use mesh_venues::reader::Language;

/// Binance.
#[derive(Clone, Copy, Debug)]
pub struct Binance;

const fn place(market: Market, rest_url: &'static str, stream_url: &'static str, symbol: &'static str) -> Place {
    Place { language: Language::Binance(market), rest_url, stream_url, symbol, book_depth: 1_000 }
}

impl Exchange for Binance {
    const ABOUT: About = About {
        name: "adapter-binance",
        kind: "adapter",
        about: "Binance market data, spot and futures: trades, quotes, books, candles, mark, funding, instruments",
    };
    const PLACES: &'static [Place] = &[
        place(Market::Spot, "https://api.binance.com", "wss://stream.binance.com:9443", "BTCUSDT"),
        place(Market::UsdM, "https://fapi.binance.com", "wss://fstream.binance.com", "BTCUSDT"),
        place(Market::CoinM, "https://dapi.binance.com", "wss://dstream.binance.com", "BTCUSD_PERP"),
    ];
    const SYMBOLS: &'static [&'static str] = &["BTCUSDT", "ETHUSDT"];

    fn spells(language: Language, symbol: &str) -> bool {
        // Names need not be of ASCII; COIN-M's say what they are after a stroke.
        !symbol.is_empty()
            && symbol.chars().all(|c| c == '_' || c.is_alphanumeric() && !c.is_lowercase())
            && (language != Language::Binance(Market::CoinM) || symbol.contains('_'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_adapter::settings::Settings;
    use mesh_runtime::Settings as _;

    fn settings(text: &str) -> Result<Settings<Binance>, String> {
        let settings: Settings<Binance> = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate().map(|()| settings)
    }

    #[test]
    fn the_defaults_are_good_and_nonsense_is_named() {
        assert!(settings("").is_ok());
        for (text, words) in [
            ("symbols = [\"btcusdt\"]", "btcusdt"),
            ("symbols = [\"BTC/USDT\"]", "BTC/USDT"),
            ("symbols = []", "at least one"),
            ("intervals = [\"7m\"]", "7m"),
            ("kind = \"usdm\"\nintervals = [\"1s\"]", "1s"),
            ("kind = \"options\"", "spot, usdm, coinm"),
            ("kind = \"coinm\"", "BTCUSD_PERP"),
            ("rest_url = \"api.binance.com\"", "rest_url"),
            ("stream_url = \"wss://a/\"", "stream_url"),
            ("book_depth = 0", "book_depth"),
            ("surprise = 1", "surprise"),
        ] {
            let error = settings(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn each_market_has_its_own_hosts() {
        let hosts = |text: &str| {
            let endpoints = settings(text).expect(text).endpoints().expect(text);
            (endpoints.rest_url, endpoints.stream_url)
        };
        let own = |rest: &str, stream: &str| (rest.to_owned(), stream.to_owned());
        assert_eq!(hosts("intervals = [\"1s\"]"), own("https://api.binance.com", "wss://stream.binance.com:9443"));
        assert_eq!(hosts("kind = \"usdm\""), own("https://fapi.binance.com", "wss://fstream.binance.com"));
        let coinm = "kind = \"coinm\"\nsymbols = [\"BTCUSD_PERP\"]\nrest_url = \"http://127.0.0.1:1\"";
        assert_eq!(hosts(coinm), own("http://127.0.0.1:1", "wss://dstream.binance.com"));
    }
}
