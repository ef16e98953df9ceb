//! Subscription requests, and which socket serves a channel. Sockets that hear nothing for 30 s are closed: [`PING`].

use core::fmt::Write as _;

/// What keeps a connection open; the answer is `pong`. Bare text, no JSON.
pub const PING: &str = "ping";
/// After how long without traffic it is sent; the venue closes after 30 s.
pub const PING_AFTER_NS: u64 = 20_000_000_000;
/// Path of the socket of market data.
pub const PUBLIC_PATH: &str = "/ws/v5/public";
/// Path of the socket of candles.
pub const BUSINESS_PATH: &str = "/ws/v5/business";
/// Lengths of candles, in minutes.
pub const CANDLE_MINUTES: [u64; 9] = [1, 3, 5, 15, 30, 60, 120, 240, 1_440];

/// A channel of market data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// 400 levels: a snapshot, then changes each 100 ms.
    Books,
    /// Five levels, whole each time.
    Books5,
    /// Best bid and ask, each 10 ms.
    Best,
    /// Trades of one taker at one price together.
    Trades,
    /// Prices of the day, with best bid and ask.
    Tickers,
    /// Candles of so many minutes.
    Candle(u64),
    /// Funding of a swap.
    FundingRate,
    /// Mark price.
    MarkPrice,
    /// Open interest.
    OpenInterest,
    /// Liquidations of all swaps; takes no instrument.
    Liquidations,
    /// Changes of instruments of one type; the argument is the type.
    Instruments,
    /// Maintenance; takes no instrument.
    Status,
}

impl Channel {
    /// The path of the socket that serves it; another one answers 60018.
    pub const fn path(self) -> &'static str {
        if matches!(self, Self::Candle(_)) { BUSINESS_PATH } else { PUBLIC_PATH }
    }

    fn write_name(self, out: &mut String) {
        out.push_str(match self {
            Self::Books => "books",
            Self::Books5 => "books5",
            Self::Best => "bbo-tbt",
            Self::Trades => "trades",
            Self::Tickers => "tickers",
            Self::FundingRate => "funding-rate",
            Self::MarkPrice => "mark-price",
            Self::OpenInterest => "open-interest",
            Self::Liquidations => "liquidation-orders",
            Self::Instruments => "instruments",
            Self::Status => "status",
            Self::Candle(_) => "candle",
        });
        if let Self::Candle(minutes) = self {
            // A text can't fail to be written to. Days of OKX's own are UTC+8.
            let _ = match minutes {
                0..60 => write!(out, "{minutes}m"),
                60..1_440 => write!(out, "{}H", minutes / 60),
                _ => write!(out, "{}Dutc", minutes / 1_440),
            };
        }
    }
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Begins.
    Subscribe,
    /// Ends.
    Unsubscribe,
}

/// A request for channels of instruments, which must be of one socket.
pub fn request<'a>(operation: Operation, channels: impl IntoIterator<Item = (Channel, &'a str)>, id: u64) -> String {
    let operation = if operation == Operation::Subscribe { "subscribe" } else { "unsubscribe" };
    let mut text = format!("{{\"id\":\"{id}\",\"op\":\"{operation}\",\"args\":[");
    for (index, (channel, instrument)) in channels.into_iter().enumerate() {
        text.push_str(if index == 0 { "{\"channel\":\"" } else { ",{\"channel\":\"" });
        channel.write_name(&mut text);
        // Instruments come from outside: JSON quotes them.
        let name = serde_json::Value::from(instrument);
        let _ = match channel {
            Channel::Liquidations => write!(text, "\",\"instType\":\"SWAP\"}}"),
            Channel::Status => write!(text, "\"}}"),
            Channel::Instruments => write!(text, "\",\"instType\":{name}}}"),
            _ => write!(text, "\",\"instId\":{name}}}"),
        };
    }
    text.push_str("]}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_of_the_documentation() {
        assert_eq!(
            request(Operation::Subscribe, [(Channel::Books, "BTC-USDT")], 1512),
            r#"{"id":"1512","op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}"#
        );
        let channels = [
            (Channel::Candle(240), "A-B"),
            (Channel::Liquidations, ""),
            (Channel::Instruments, "SWAP"),
            (Channel::Status, ""),
        ];
        assert_eq!(
            request(Operation::Unsubscribe, channels, 1),
            concat!(
                r#"{"id":"1","op":"unsubscribe","args":[{"channel":"candle4H","instId":"A-B"},"#,
                r#"{"channel":"liquidation-orders","instType":"SWAP"},{"channel":"instruments","instType":"SWAP"},{"channel":"status"}]}"#
            )
        );
        assert_eq!((Channel::Candle(1).path(), Channel::Best.path()), (BUSINESS_PATH, PUBLIC_PATH));
        for (minutes, ns) in [(1, 60), (240, 14_400), (1_440, 86_400)] {
            let mut name = String::new();
            Channel::Candle(minutes).write_name(&mut name);
            assert_eq!(crate::okx::parse::interval_ns(&name["candle".len()..]), ns * 1_000_000_000);
        }
    }
}
