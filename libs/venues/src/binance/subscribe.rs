//! Names of streams, and the requests that subscribe to them.
//!
//! Source: binance-spot-api-docs `web-socket-streams.md`; USD-M "WebSocket market streams" (three paths since 2026-04).

use core::fmt::{self, Write as _};

use super::Market;

/// Streams of one connection at most, on every market.
pub const MAX_STREAMS: usize = 200;

/// Lengths of candles, in seconds; futures have none of a second.
pub const CANDLE_SECONDS: [u64; 14] =
    [1, 60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800, 43_200, 86_400, 259_200];

/// How often a diff stream of a book speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthSpeed {
    /// Every 100 ms.
    Fast,
    /// The market's own: 1000 ms on spot, 250 ms on futures.
    Default,
    /// With each change of the book; not documented, futures only.
    Each,
}

/// A stream of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream<'a> {
    /// Trades one by one. On futures not documented, and silent at times: take [`Stream::AggTrade`].
    Trade,
    /// Trades of one taker at one price together.
    AggTrade,
    /// Best bid and ask.
    BookTicker,
    /// Changes of the book.
    Depth(DepthSpeed),
    /// Candles of an interval, as `1m`.
    Kline(&'a str),
    /// Mark price and funding each second; futures only.
    MarkPrice,
    /// Liquidations; futures only.
    ForceOrder,
}

impl Stream<'_> {
    /// The stream's name for a symbol, spelled as Binance spells it elsewhere (`BTCUSDT`).
    pub fn name(self, symbol: &str) -> String {
        let mut name = symbol.to_lowercase();
        name.push_str(match self {
            Self::Trade => "@trade",
            Self::AggTrade => "@aggTrade",
            Self::BookTicker => "@bookTicker",
            Self::Depth(DepthSpeed::Fast) => "@depth@100ms",
            Self::Depth(DepthSpeed::Default) => "@depth",
            Self::Depth(DepthSpeed::Each) => "@depth@0ms",
            Self::Kline(_) => "@kline_",
            Self::MarkPrice => "@markPrice@1s",
            Self::ForceOrder => "@forceOrder",
        });
        if let Self::Kline(interval) = self {
            name.push_str(interval);
        }
        name
    }

    /// The path that serves it, with its leading slash. On USD-M a wrong path is acknowledged and stays silent.
    pub const fn path(self, market: Market) -> &'static str {
        match (market, self) {
            (Market::Spot | Market::CoinM, _) => "/stream",
            (Market::UsdM, Self::BookTicker | Self::Depth(_) | Self::Trade) => "/public/stream",
            (Market::UsdM, _) => "/market/stream",
        }
    }
}

/// The symbol in a stream's name, as Binance spells it elsewhere: `btcusdt@depth5` is of `BTCUSDT`.
pub fn symbol_of(stream: &str) -> Option<String> {
    let symbol = stream.split('@').next().filter(|symbol| !symbol.is_empty() && !symbol.starts_with('!'))?;
    Some(symbol.to_uppercase())
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Adds streams.
    Subscribe,
    /// Takes streams away.
    Unsubscribe,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscribe => "SUBSCRIBE",
            Self::Unsubscribe => "UNSUBSCRIBE",
        })
    }
}

/// A request for streams; the answer names the same `id`.
pub fn subscription<'a>(method: Method, streams: impl IntoIterator<Item = &'a str>, id: u64) -> String {
    let mut text = format!("{{\"method\":\"{method}\",\"params\":[");
    for (index, stream) in streams.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // A stream's name holds symbols, which come from outside: JSON quotes them.
        let _ = write!(text, "{comma}{}", serde_json::Value::from(stream));
    }
    let _ = write!(text, "],\"id\":{id}}}");
    text
}

/// Length of an interval as Binance spells it, in ns; a month is none, because months differ.
pub fn interval_ns(interval: &str) -> Option<u64> {
    let (count, unit) = interval.split_at_checked(interval.len().checked_sub(1)?)?;
    let unit_ns: u64 = match unit {
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "w" => 604_800_000_000_000,
        _ => return None,
    };
    count.parse::<u64>().ok().filter(|count| *count > 0)?.checked_mul(unit_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_requests_are_those_of_the_documentation() {
        assert_eq!(Stream::AggTrade.name("BTCUSDT"), "btcusdt@aggTrade");
        assert_eq!(Stream::Depth(DepthSpeed::Fast).name("BTCUSDT"), "btcusdt@depth@100ms");
        assert_eq!(Stream::Kline("1m").name("BNBBTC"), "bnbbtc@kline_1m");
        assert_eq!(symbol_of("btcusdt@depth5@100ms").as_deref(), Some("BTCUSDT"));
        assert_eq!(symbol_of("!markPrice@arr"), None);
        assert_eq!(
            subscription(Method::Subscribe, ["btcusdt@aggTrade", "btcusdt@depth"], 1),
            r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","btcusdt@depth"],"id":1}"#
        );
        assert_eq!(
            subscription(Method::Unsubscribe, ["btcusdt@depth"], 312),
            r#"{"method":"UNSUBSCRIBE","params":["btcusdt@depth"],"id":312}"#
        );
        assert_eq!(Stream::MarkPrice.path(Market::UsdM), "/market/stream");
        assert_eq!(Stream::BookTicker.path(Market::UsdM), "/public/stream");
    }

    #[test]
    fn intervals_have_lengths() {
        assert_eq!(interval_ns("1m"), Some(60_000_000_000));
        assert_eq!(interval_ns("12h"), Some(43_200_000_000_000));
        for bad in ["", "m", "0m", "1M", "1é", "99999999999999999999s"] {
            assert_eq!(interval_ns(bad), None, "{bad}");
        }
    }
}
