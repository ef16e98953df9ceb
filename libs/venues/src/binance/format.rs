//! Requests over HTTP: their paths, queries, weights, and whether they are signed.
//!
//! A [`Request`] is made without time and keys; [`Request::target`] adds both at the moment of sending, so that a request
//! that waited is signed with the time at which it goes out.
//!
//! Source: binance-spot-api-docs `rest-api.md`; USD-M and COIN-M documentation. Conditional orders are not here.

use core::fmt::{self, Write as _};

use mesh_types::{Decimal64, OrderType, Side, TimeInForce};

use super::Market;
use super::sign::Credentials;

/// Parameters in the form in which they are sent: percent-encoded, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(String);

impl Query {
    /// No parameters.
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// Adds a parameter; what RFC 3986 does not leave unreserved is percent-encoded.
    pub fn push(&mut self, name: &str, value: impl fmt::Display) -> &mut Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        for byte in value.to_string().bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                self.0.push(char::from(byte));
            } else {
                // Writing to a String can't fail.
                let _ = write!(self.0, "%{byte:02X}");
            }
        }
        self
    }

    /// The parameters as they are sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parameters with `recvWindow`, `timestamp` (the venue's clock, ms) and `signature`.
    pub fn signed(&self, keys: &Credentials, timestamp_ms: u64, receive_window_ms: Option<u64>) -> String {
        let mut query = self.clone();
        if let Some(window) = receive_window_ms {
            query.push("recvWindow", window);
        }
        query.push("timestamp", timestamp_ms);
        let signature = keys.sign(&query.0);
        query.push("signature", signature);
        query.0
    }
}

/// HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Asks.
    Get,
    /// Makes.
    Post,
    /// Changes.
    Put,
    /// Takes back.
    Delete,
}

impl Method {
    /// Its name in HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// What a request needs to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Nothing.
    Public,
    /// The API key in its header.
    Key,
    /// The key, a timestamp and a signature.
    Signed,
}

/// A request, without time and signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path, with its leading slash.
    pub path: &'static str,
    /// Parameters.
    pub query: Query,
    /// What it needs.
    pub security: Security,
    /// Weight against the limit of the address.
    pub weight: u64,
    /// Orders that it counts as.
    pub orders: u64,
}

impl Request {
    fn new(method: Method, path: &'static str, security: Security, weight: u64) -> Self {
        Self { method, path, query: Query::new(), security, weight, orders: 0 }
    }

    /// Path and query as they are sent. All methods take their parameters in the query.
    pub fn target(&self, keys: &Credentials, timestamp_ms: u64, receive_window_ms: Option<u64>) -> String {
        match self.security {
            Security::Signed => format!("{}?{}", self.path, self.query.signed(keys, timestamp_ms, receive_window_ms)),
            Security::Public | Security::Key => self.public_target(),
        }
    }

    /// Path and query of a request that is not signed.
    pub fn public_target(&self) -> String {
        if self.query.as_str().is_empty() {
            self.path.to_owned()
        } else {
            format!("{}?{}", self.path, self.query.as_str())
        }
    }
}

/// Spot's path, USD-M's and COIN-M's.
const fn path(market: Market, paths: [&'static str; 3]) -> &'static str {
    let [spot, usdm, coinm] = paths;
    match market {
        Market::Spot => spot,
        Market::UsdM => usdm,
        Market::CoinM => coinm,
    }
}

/// Best levels a side of a snapshot, moved down to what the market takes: 5000 on spot, 1000 on futures.
pub const fn depth_limit(market: Market, limit: usize) -> usize {
    let steps: &[usize] = match market {
        Market::Spot => &[5, 10, 20, 50, 100, 500, 1000, 5000],
        Market::UsdM | Market::CoinM => &[5, 10, 20, 50, 100, 500, 1000],
    };
    let mut best = 5;
    let mut index = 0;
    while index < steps.len() {
        if steps[index] <= limit {
            best = steps[index];
        }
        index += 1;
    }
    best
}

/// The snapshot of a book.
pub fn depth(market: Market, symbol: &str, limit: usize) -> Request {
    let limit = depth_limit(market, limit);
    let weight = match (market, limit) {
        (Market::Spot, ..=100) => 5,
        (Market::Spot, ..=500) => 25,
        (Market::Spot, ..=1000) => 50,
        (Market::Spot, _) => 250,
        (_, ..=50) => 2,
        (_, ..=100) => 5,
        (_, ..=500) => 10,
        (..) => 20,
    };
    let at = path(market, ["/api/v3/depth", "/fapi/v1/depth", "/dapi/v1/depth"]);
    let mut request = Request::new(Method::Get, at, Security::Public, weight);
    request.query.push("symbol", symbol).push("limit", limit);
    request
}

/// What is traded, and the limits.
pub fn exchange_info(market: Market) -> Request {
    let at = path(market, ["/api/v3/exchangeInfo", "/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"]);
    Request::new(Method::Get, at, Security::Public, if market == Market::Spot { 20 } else { 1 })
}

/// The venue's clock.
pub fn server_time(market: Market) -> Request {
    Request::new(Method::Get, path(market, ["/api/v3/time", "/fapi/v1/time", "/dapi/v1/time"]), Security::Public, 1)
}

/// Candles that start at `start_ms` or later, oldest first, at most 1000.
pub fn klines(market: Market, symbol: &str, interval: &str, start_ms: Option<u64>, limit: usize) -> Request {
    let at = path(market, ["/api/v3/klines", "/fapi/v1/klines", "/dapi/v1/klines"]);
    let limit = limit.clamp(1, 1000);
    let weight = match (market, limit) {
        (Market::Spot, _) => 2,
        (_, ..100) => 1,
        (_, ..500) => 2,
        (..) => 5,
    };
    let mut request = Request::new(Method::Get, at, Security::Public, weight);
    request.query.push("symbol", symbol).push("interval", interval);
    if let Some(start) = start_ms {
        request.query.push("startTime", start);
    }
    request.query.push("limit", limit);
    request
}

/// Trades from this id on, oldest first, at most 1000: one by one on spot, aggregates on futures.
pub fn trades_from(market: Market, symbol: &str, first_id: u64) -> Request {
    let at = path(market, ["/api/v3/historicalTrades", "/fapi/v1/aggTrades", "/dapi/v1/aggTrades"]);
    let weight = if market == Market::Spot { 25 } else { 20 };
    let mut request = Request::new(Method::Get, at, Security::Public, weight);
    request.query.push("symbol", symbol).push("fromId", first_id).push("limit", 1_000);
    request
}

/// An order to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// Side.
    pub side: Side,
    /// How it is priced.
    pub order_type: OrderType,
    /// How long it stands; a market order has none.
    pub time_in_force: TimeInForce,
    /// Base quantity, a multiple of the lot.
    pub quantity: Decimal64,
    /// Price, a multiple of the tick; a market order has none.
    pub price: Decimal64,
    /// Our id: 1 to 36 of `a-zA-Z0-9-_`.
    pub client_order_id: &'a str,
    /// It may only reduce a position; futures only.
    pub reduce_only: bool,
}

/// The name that the venue has for a side.
pub const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

const fn time_in_force_name(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
    }
}

fn order_path(market: Market) -> &'static str {
    path(market, ["/api/v3/order", "/fapi/v1/order", "/dapi/v1/order"])
}

/// Places an order. Spot answers with its fills; futures with its state, the fills come on the private stream.
pub fn place_order(market: Market, order: &NewOrder<'_>) -> Request {
    let weight = if market == Market::Spot { 1 } else { 0 };
    let mut request = Request { orders: 1, ..Request::new(Method::Post, order_path(market), Security::Signed, weight) };
    let query = &mut request.query;
    query.push("symbol", order.symbol).push("side", side_name(order.side));
    match (order.order_type, market) {
        (OrderType::Market, _) => query.push("type", "MARKET"),
        (OrderType::Limit, _) => {
            query.push("type", "LIMIT").push("timeInForce", time_in_force_name(order.time_in_force))
        }
        (OrderType::PostOnly, Market::Spot) => query.push("type", "LIMIT_MAKER"),
        (OrderType::PostOnly, _) => query.push("type", "LIMIT").push("timeInForce", "GTX"),
    };
    query.push("quantity", order.quantity);
    if order.order_type != OrderType::Market {
        query.push("price", order.price);
    }
    if order.reduce_only && market != Market::Spot {
        query.push("reduceOnly", "true");
    }
    query.push("newClientOrderId", order.client_order_id);
    query.push("newOrderRespType", if market == Market::Spot { "FULL" } else { "RESULT" });
    request
}

/// Takes an order back, by our id.
pub fn cancel_order(market: Market, symbol: &str, client_order_id: &str) -> Request {
    let mut request = Request::new(Method::Delete, order_path(market), Security::Signed, 1);
    request.query.push("symbol", symbol).push("origClientOrderId", client_order_id);
    request
}

/// Takes back all working orders of a symbol. Spot answers with them, futures with a word.
pub fn cancel_open_orders(market: Market, symbol: &str) -> Request {
    let at = path(market, ["/api/v3/openOrders", "/fapi/v1/allOpenOrders", "/dapi/v1/allOpenOrders"]);
    let mut request = Request::new(Method::Delete, at, Security::Signed, 1);
    request.query.push("symbol", symbol);
    request
}

/// What became of an order, by our id.
pub fn query_order(market: Market, symbol: &str, client_order_id: &str) -> Request {
    let weight = if market == Market::Spot { 4 } else { 1 };
    let mut request = Request::new(Method::Get, order_path(market), Security::Signed, weight);
    request.query.push("symbol", symbol).push("origClientOrderId", client_order_id);
    request
}

/// All working orders of a symbol, or of all symbols, which weighs more.
pub fn open_orders(market: Market, symbol: Option<&str>) -> Request {
    let at = path(market, ["/api/v3/openOrders", "/fapi/v1/openOrders", "/dapi/v1/openOrders"]);
    let weight = match (market, symbol) {
        (Market::Spot, Some(_)) => 6,
        (Market::Spot, None) => 80,
        (_, Some(_)) => 1,
        (_, None) => 40,
    };
    let mut request = Request::new(Method::Get, at, Security::Signed, weight);
    if let Some(symbol) = symbol {
        request.query.push("symbol", symbol);
    }
    request
}

/// The account's fills of a symbol, or of one order of it.
pub fn my_trades(market: Market, symbol: &str, order_id: Option<u64>) -> Request {
    let at = path(market, ["/api/v3/myTrades", "/fapi/v1/userTrades", "/dapi/v1/userTrades"]);
    let weight = match (market, order_id) {
        (Market::Spot, None) => 20,
        (Market::CoinM, _) => 20,
        (..) => 5,
    };
    let mut request = Request::new(Method::Get, at, Security::Signed, weight);
    request.query.push("symbol", symbol);
    if let Some(id) = order_id {
        request.query.push("orderId", id);
    }
    request
}

/// Balances, and positions on futures.
pub fn account(market: Market) -> Request {
    let at = path(market, ["/api/v3/account", "/fapi/v3/account", "/dapi/v1/account"]);
    Request::new(Method::Get, at, Security::Signed, if market == Market::Spot { 20 } else { 5 })
}

/// Cancels all orders of a symbol after `countdown_ms` unless it is asked again; 0 stops the countdown. Futures only:
/// spot has no dead man's switch.
pub fn countdown_cancel_all(market: Market, symbol: &str, countdown_ms: u64) -> Option<Request> {
    let at = match market {
        Market::Spot => return None,
        Market::UsdM => "/fapi/v1/countdownCancelAll",
        Market::CoinM => "/dapi/v1/countdownCancelAll",
    };
    let mut request = Request::new(Method::Post, at, Security::Signed, 10);
    request.query.push("symbol", symbol).push("countdownTime", countdown_ms);
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::sign::tests::documented;

    fn order(order_type: OrderType) -> NewOrder<'static> {
        NewOrder {
            symbol: "BTCUSDT",
            side: Side::Sell,
            order_type,
            time_in_force: TimeInForce::Ioc,
            quantity: Decimal64::new(1000, -5),
            price: Decimal64::new(5_200_000, -2),
            client_order_id: "a-1_b",
            reduce_only: true,
        }
    }

    #[test]
    fn orders_say_what_each_market_takes() {
        let query = |market, order_type| place_order(market, &order(order_type)).query.as_str().to_owned();
        assert_eq!(
            query(Market::Spot, OrderType::Limit),
            "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=IOC&quantity=0.01000&price=52000.00&newClientOrderId=a-1_b&\
             newOrderRespType=FULL"
        );
        assert!(query(Market::Spot, OrderType::PostOnly).contains("type=LIMIT_MAKER&quantity"));
        assert!(query(Market::UsdM, OrderType::PostOnly).contains("type=LIMIT&timeInForce=GTX&"));
        let market = query(Market::UsdM, OrderType::Market);
        assert!(!market.contains("price") && !market.contains("timeInForce") && market.contains("reduceOnly=true"));
    }

    #[test]
    fn targets_are_signed_when_they_are_sent() {
        let keys = documented();
        let cancel = cancel_order(Market::Spot, "BTCUSDT", "a b");
        let target = cancel.target(&keys, 1_700_000_000_000, None);
        assert!(
            target
                .starts_with("/api/v3/order?symbol=BTCUSDT&origClientOrderId=a%20b&timestamp=1700000000000&signature="),
            "{target}"
        );
        assert_eq!(depth(Market::Spot, "BTCUSDT", 4999).public_target(), "/api/v3/depth?symbol=BTCUSDT&limit=1000");
        assert_eq!(depth(Market::UsdM, "BTCUSDT", 5000).weight, 20);
        assert_eq!(exchange_info(Market::UsdM).public_target(), "/fapi/v1/exchangeInfo");
        assert_eq!(countdown_cancel_all(Market::Spot, "BTCUSDT", 1), None);
    }
}
