//! One connection's requests, and what it follows.

use std::collections::BTreeSet;

use mesh_venues::time::rfc3339_ms;
use serde_json::Value;

use super::{Protocol, hyperliquid, kraken, stream};

/// Streams of one connection at most.
const MOST_STREAMS: usize = 4_096;

/// What a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A stream; the answers where there is such a stream, and where not.
    Begin {
        /// Its name.
        stream: String,
        /// It is acknowledged so.
        answer: String,
        /// There is none.
        refusal: String,
    },
    /// A stream no more.
    End {
        /// Its name.
        stream: String,
        /// It is acknowledged so.
        answer: String,
    },
    /// Only this answer.
    Say(String),
    /// This answer to what could not be understood.
    Refuse(String),
}

/// A connection to one of the venues.
#[derive(Clone, Debug)]
pub struct Session {
    protocol: Protocol,
    /// OKX's socket of candles.
    business: bool,
    streams: BTreeSet<String>,
}

/// The stream of Kraken's heartbeats.
pub const HEARTBEATS: &str = "kraken:heartbeat:";

/// The name of the list of instruments of a type.
pub fn instruments(protocol: Protocol, kind: &str) -> String {
    stream::name(protocol, "instruments", kind)
}

impl Session {
    /// A connection that follows nothing yet.
    pub const fn new(protocol: Protocol, business: bool) -> Self {
        Self { protocol, business, streams: BTreeSet::new() }
    }

    /// What it is greeted with.
    pub fn greeting(&self) -> Option<String> {
        match self.protocol {
            Protocol::Kraken => Some(kraken::greeting()),
            Protocol::Okx => None,
            Protocol::Hyperliquid => Some(hyperliquid::GREETING.to_owned()),
        }
    }

    /// Whether it follows a stream.
    pub fn wants(&self, stream: &str) -> bool {
        self.streams.contains(stream)
            || stream == HEARTBEATS && self.protocol == Protocol::Kraken && !self.streams.is_empty()
    }

    /// It follows a stream from now on; false where it follows too many.
    pub fn begin(&mut self, stream: String) -> bool {
        let room = self.streams.len() < MOST_STREAMS;
        if room {
            self.streams.insert(stream);
        }
        room
    }

    /// It follows a stream no more.
    pub fn end(&mut self, stream: &str) {
        self.streams.remove(stream);
    }

    /// What a text wants.
    pub fn read(&self, text: &str, now_ns: u64) -> Vec<Order> {
        if self.protocol == Protocol::Okx && text == "ping" {
            return vec![Order::Say("pong".to_owned())];
        }
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return vec![Order::Refuse(self.refusal("Invalid request", text))];
        };
        let orders = match self.protocol {
            Protocol::Kraken => read_kraken(&request, now_ns),
            Protocol::Okx => self.read_okx(&request),
            Protocol::Hyperliquid => read_hyperliquid(&request),
        };
        match orders {
            Some(orders) => orders.into_iter().take(MOST_STREAMS).collect(),
            None => vec![Order::Refuse(self.refusal("Invalid request", text))],
        }
    }

    fn refusal(&self, what: &str, about: &str) -> String {
        let shown: String = about.chars().take(100).collect();
        let text = Value::from(format!("{what}: {shown}"));
        match self.protocol {
            Protocol::Kraken => format!("{{\"error\":{text},\"success\":false}}"),
            Protocol::Okx => format!("{{\"event\":\"error\",\"code\":\"60012\",\"msg\":{text},\"connId\":\"sim\"}}"),
            Protocol::Hyperliquid => format!("{{\"channel\":\"error\",\"data\":{text}}}"),
        }
    }

    fn read_okx(&self, request: &Value) -> Option<Vec<Order>> {
        let operation = request.get("op")?.as_str()?;
        let id = request
            .get("id")
            .and_then(Value::as_str)
            .map_or_else(String::new, |id| format!("\"id\":{},", Value::from(id)));
        let order = |arg: &Value| {
            let channel = arg.get("channel")?.as_str()?;
            let symbol = arg.get("instId").or_else(|| arg.get("instType")).and_then(Value::as_str).unwrap_or_default();
            let answer = format!("{{{id}\"event\":\"{operation}\",\"arg\":{arg},\"connId\":\"sim\"}}");
            let stream = stream::name(Protocol::Okx, channel, symbol);
            let refusal = format!(
                "{{{id}\"event\":\"error\",\"code\":\"60018\",\"msg\":{},\"connId\":\"sim\"}}",
                Value::from(format!("Wrong URL or channel:{channel},instId:{symbol} doesn't exist"))
            );
            Some(match operation {
                _ if channel.starts_with("candle") != self.business => Order::Refuse(refusal),
                "subscribe" => Order::Begin { stream, answer, refusal },
                "unsubscribe" => Order::End { stream, answer },
                _ => return None,
            })
        };
        request.get("args")?.as_array()?.iter().map(order).collect()
    }
}

fn read_kraken(request: &Value, now_ns: u64) -> Option<Vec<Order>> {
    let method = request.get("method")?.as_str()?;
    let time = rfc3339_ms(now_ns);
    let id = request.get("req_id").and_then(Value::as_u64).map_or_else(String::new, |id| format!(",\"req_id\":{id}"));
    let times = format!("\"time_in\":\"{time}\",\"time_out\":\"{time}\"{id}");
    if method == "ping" {
        return Some(vec![Order::Say(format!("{{\"method\":\"pong\",{times}}}"))]);
    }
    let parameters = request.get("params")?;
    let channel = parameters.get("channel")?.as_str()?;
    let number = |name: &str, default: u64| parameters.get(name).and_then(Value::as_u64).unwrap_or(default);
    let (own, extra) = match channel {
        "book" => {
            let depth = number("depth", 10);
            (format!("book:{depth}"), format!(",\"depth\":{depth}"))
        }
        "ohlc" => {
            let minutes = number("interval", 1);
            (format!("ohlc:{minutes}"), format!(",\"interval\":{minutes}"))
        }
        _ => (channel.to_owned(), String::new()),
    };
    let order = |symbol: &str| {
        let named = if symbol.is_empty() { String::new() } else { format!(",\"symbol\":{}", Value::from(symbol)) };
        let channel = Value::from(channel);
        let stream = match own.as_str() {
            "instrument" => instruments(Protocol::Kraken, ""),
            own => stream::name(Protocol::Kraken, own, symbol),
        };
        let answer = format!(
            "{{\"method\":\"{method}\",\"result\":{{\"channel\":{channel}{named}{extra},\"snapshot\":true}},\"success\":true,{times}}}"
        );
        let error = Value::from(format!("Currency pair not supported {symbol}"));
        let refusal = format!("{{\"error\":{error},\"method\":\"{method}\",\"success\":false{named},{times}}}");
        match method {
            "subscribe" => Some(Order::Begin { stream, answer, refusal }),
            "unsubscribe" => Some(Order::End { stream, answer }),
            _ => None,
        }
    };
    match parameters.get("symbol").and_then(Value::as_array) {
        Some(symbols) => symbols.iter().map(|symbol| order(symbol.as_str()?)).collect(),
        None => Some(vec![order("")?]),
    }
}

fn read_hyperliquid(request: &Value) -> Option<Vec<Order>> {
    let method = request.get("method")?.as_str()?;
    if method == "ping" {
        return Some(vec![Order::Say("{\"channel\":\"pong\"}".to_owned())]);
    }
    let subscription = request.get("subscription")?;
    let (kind, coin) = (subscription.get("type")?.as_str()?, subscription.get("coin")?.as_str()?);
    let channel = match subscription.get("interval").and_then(Value::as_str) {
        Some(interval) => format!("{kind}:{interval}"),
        None => kind.to_owned(),
    };
    let stream = stream::name(Protocol::Hyperliquid, &channel, coin);
    let data = format!("{{\"method\":\"{method}\",\"subscription\":{subscription}}}");
    let answer = format!("{{\"channel\":\"subscriptionResponse\",\"data\":{data}}}");
    let refusal = Value::from(format!("Invalid subscription {subscription}"));
    let refusal = format!("{{\"channel\":\"error\",\"data\":{refusal}}}");
    Some(vec![match method {
        "subscribe" => Order::Begin { stream, answer, refusal },
        "unsubscribe" => Order::End { stream, answer },
        _ => return None,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_of_the_adapters_are_understood() {
        use mesh_venues::{hyperliquid, kraken, okx};
        let first = |protocol, business, text: &str| match Session::new(protocol, business).read(text, 0).remove(0) {
            Order::Begin { stream, .. } | Order::End { stream, .. } => stream,
            Order::Say(text) | Order::Refuse(text) => text,
        };
        let text = kraken::subscribe::request(
            kraken::subscribe::Method::Subscribe,
            kraken::subscribe::Channel::Book(25),
            ["BTC/USDT"],
            1,
        );
        assert_eq!(first(Protocol::Kraken, false, &text), "kraken:book:25:BTC/USDT");
        let candle = [(okx::subscribe::Channel::Candle(60), "BTC-USDT")];
        let text = okx::subscribe::request(okx::subscribe::Operation::Subscribe, candle, 1);
        assert_eq!(first(Protocol::Okx, true, &text), "okx:candle1H:BTC-USDT");
        assert!(first(Protocol::Okx, false, &text).contains("60018"), "the other socket");
        assert_eq!(first(Protocol::Okx, false, "ping"), "pong");
        let candle = hyperliquid::subscribe::Channel::Candle("1m");
        let text = hyperliquid::subscribe::request(hyperliquid::subscribe::Method::Unsubscribe, candle, "BTC");
        assert_eq!(first(Protocol::Hyperliquid, false, &text), "hyperliquid:candle:1m:BTC");
        assert!(first(Protocol::Kraken, false, "nonsense").contains("error"));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,300}") {
            for protocol in Protocol::ALL {
                Session::new(protocol, false).read(&text, 0);
            }
        }
    }
}
