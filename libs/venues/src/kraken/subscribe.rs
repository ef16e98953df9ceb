//! Subscription requests of WebSocket v2. Each symbol is acknowledged on its own, with the request's id.

use core::fmt::Write as _;

/// Path of the socket of market data.
pub const PATH: &str = "/v2";
/// Depths that a book can be subscribed with.
pub const DEPTHS: [usize; 5] = [10, 25, 100, 500, 1_000];
/// Lengths of candles, in minutes.
pub const CANDLE_MINUTES: [u64; 9] = [1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600];
/// Asks for an answer, so that the connection is known to be alive.
pub const PING: &str = r#"{"method":"ping"}"#;

/// A channel of market data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Levels, of one of [`DEPTHS`].
    Book(usize),
    /// Trades.
    Trade,
    /// Best bid and ask, with each change of them.
    Quote,
    /// Candles of one of [`CANDLE_MINUTES`].
    Candle(u64),
    /// All pairs; takes no symbols.
    Instrument,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Begins.
    Subscribe,
    /// Ends.
    Unsubscribe,
}

/// A request. Depth and interval name the subscription when it is ended too.
pub fn request<'a>(method: Method, channel: Channel, symbols: impl IntoIterator<Item = &'a str>, id: u64) -> String {
    let (method, begins) = match method {
        Method::Subscribe => ("subscribe", true),
        Method::Unsubscribe => ("unsubscribe", false),
    };
    let name = match channel {
        Channel::Book(_) => "book",
        Channel::Trade => "trade",
        Channel::Quote => "ticker",
        Channel::Candle(_) => "ohlc",
        Channel::Instrument => "instrument",
    };
    let mut text = format!("{{\"method\":\"{method}\",\"params\":{{\"channel\":\"{name}\"");
    if channel != Channel::Instrument {
        text.push_str(",\"symbol\":[");
        for (index, symbol) in symbols.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Symbols come from outside: JSON quotes them. A text can't fail to be written to.
            let _ = write!(text, "{comma}{}", serde_json::Value::from(symbol));
        }
        text.push(']');
    }
    let _ = match channel {
        Channel::Book(depth) => write!(text, ",\"depth\":{depth}"),
        Channel::Candle(minutes) => write!(text, ",\"interval\":{minutes}"),
        Channel::Quote => write!(text, ",\"event_trigger\":\"bbo\""),
        Channel::Trade | Channel::Instrument => Ok(()),
    };
    if begins {
        text.push_str(",\"snapshot\":true");
    }
    let _ = write!(text, "}},\"req_id\":{id}}}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_of_the_documentation() {
        assert_eq!(
            request(Method::Subscribe, Channel::Book(10), ["BTC/USD"], 11),
            r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10,"snapshot":true},"req_id":11}"#
        );
        assert_eq!(
            request(Method::Unsubscribe, Channel::Candle(60), ["ETH/USD", "BTC/USD"], 3),
            r#"{"method":"unsubscribe","params":{"channel":"ohlc","symbol":["ETH/USD","BTC/USD"],"interval":60},"req_id":3}"#
        );
        assert_eq!(
            request(Method::Subscribe, Channel::Instrument, [], 0),
            r#"{"method":"subscribe","params":{"channel":"instrument","snapshot":true},"req_id":0}"#
        );
    }
}
