//! Subscription requests. A connection on which nothing was sent for a minute is closed: [`PING`].
//!
//! Subscribing twice is answered with an error and harmless; a subscription is renewed by ending it first.

/// Path of the socket.
pub const PATH: &str = "/ws";
/// Lengths of candles, in minutes.
pub const CANDLE_MINUTES: [u64; 11] = [1, 3, 5, 15, 30, 60, 120, 240, 480, 720, 1_440];
/// What keeps a connection open; the answer is the channel `pong`.
pub const PING: &str = r#"{"method":"ping"}"#;
/// After how long without traffic it is sent; the venue closes after 60 s.
pub const PING_AFTER_NS: u64 = 30_000_000_000;

/// A channel of market data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel<'a> {
    /// 20 levels, whole each time.
    Book,
    /// Best bid and ask, with each block that changes them.
    Best,
    /// Trades.
    Trades,
    /// Candles of an interval, as `1m`.
    Candle(&'a str),
    /// Mark, oracle, funding, open interest.
    Context,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Begins.
    Subscribe,
    /// Ends.
    Unsubscribe,
}

/// A request for a channel of a coin.
pub fn request(method: Method, channel: Channel<'_>, coin: &str) -> String {
    let method = if method == Method::Subscribe { "subscribe" } else { "unsubscribe" };
    let name = match channel {
        Channel::Book => "l2Book",
        Channel::Best => "bbo",
        Channel::Trades => "trades",
        Channel::Candle(_) => "candle",
        Channel::Context => "activeAssetCtx",
    };
    // Coins come from outside: JSON quotes them.
    let coin = serde_json::Value::from(coin);
    let interval = match channel {
        Channel::Candle(interval) => format!(",\"interval\":{}", serde_json::Value::from(interval)),
        _ => String::new(),
    };
    format!("{{\"method\":\"{method}\",\"subscription\":{{\"type\":\"{name}\",\"coin\":{coin}{interval}}}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_of_the_documentation() {
        assert_eq!(
            request(Method::Subscribe, Channel::Book, "BTC"),
            r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC"}}"#
        );
        assert_eq!(
            request(Method::Unsubscribe, Channel::Candle("1m"), "@107"),
            r#"{"method":"unsubscribe","subscription":{"type":"candle","coin":"@107","interval":"1m"}}"#
        );
    }
}
