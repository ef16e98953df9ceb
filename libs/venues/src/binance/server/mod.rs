//! The venue's side, for a simulated Binance: reading requests, checking signatures, and writing what the venue writes.
//!
//! [`check`] takes a query and body as they came and answers with the parameters or with the venue's own error.
//! [`Writer`] writes stream payloads and answers in the venue's field order; what it writes, the parsers of this crate read
//! back as the same events (`tests::what_is_written_is_read_back`). Orders are in [`orders`].
//!
//! Not here: matching, accounts, sockets, faults: those are the simulated venue's.

pub mod orders;

use core::fmt::Write as _;

use mesh_types::Decimal64;

use super::event::{BookTicker, Depth, DepthUpdate, Kline, Liquidation, MarkPrice, PriceLevel, Trade};
use super::format::side_name;
use super::instruments::{RateLimit, RateLimitKind, SymbolInfo, SymbolStatus};
use super::sign::Credentials;
use super::{Market, subscribe};

/// An error as the venue answers with: HTTP status, code and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Binance's code.
    pub code: i64,
    /// Its text.
    pub text: String,
}

impl Refusal {
    /// An error of status 400.
    pub fn new(code: i64, text: impl Into<String>) -> Self {
        Self { status: 400, code, text: text.into() }
    }

    /// The body.
    pub fn body(&self) -> String {
        format!("{{\"code\":{},\"msg\":{}}}", self.code, quoted(&self.text))
    }
}

/// Parameters of a request, decoded, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters of a query, or of a form body.
    ///
    /// # Errors
    /// The venue's -1100 where it is not well-formed.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let illegal = || Refusal::new(-1100, "Illegal characters found in a parameter.");
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(illegal)?;
            Ok((percent_decode(name).ok_or_else(illegal)?, percent_decode(value).ok_or_else(illegal)?))
        });
        decoded.collect::<Result<_, _>>().map(Self)
    }

    /// A parameter; the first of its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// The venue's -1102.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        let missing = || {
            let text = format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
            Refusal::new(-1102, text)
        };
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    }

    /// A decimal parameter that must be there.
    ///
    /// # Errors
    /// The venue's -1102 or -1100.
    pub fn decimal(&self, name: &str) -> Result<Decimal64, Refusal> {
        let illegal = |_| Refusal::new(-1100, format!("Illegal characters found in parameter '{name}'."));
        self.required(name)?.parse().map_err(illegal)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
                digit(rest.next()?)? * 16 + digit(rest.next()?)?
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Checks a signed request: key, time, window and signature, in the venue's order. `api_key` is the header's value,
/// `server_ms` the venue's clock. The signed text is the query followed at once by the body, without the signature.
///
/// # Errors
/// What the venue answers: -2014, -2015, -1102, -1021, -1022, -1131.
pub fn check(
    keys: &Credentials,
    api_key: Option<&str>,
    query: &str,
    body: &str,
    server_ms: u64,
) -> Result<Parameters, Refusal> {
    match api_key {
        None | Some("") => return Err(Refusal { status: 401, ..Refusal::new(-2014, "API-key format invalid.") }),
        Some(key) if key != keys.api_key() => {
            let text = "Invalid API-key, IP, or permissions for action.";
            return Err(Refusal { status: 401, ..Refusal::new(-2015, text) });
        }
        Some(_) => {}
    }
    let mut parameters = Parameters::parse(query)?;
    parameters.0.extend(Parameters::parse(body)?.0);
    let signature = parameters.required("signature")?;
    let timestamp: u64 = number("timestamp", parameters.required("timestamp")?)?;
    let window = parameters.get("recvWindow").map_or(Ok(5_000), |text| number("recvWindow", text))?;
    if window > 60_000 {
        return Err(Refusal::new(-1131, "recvWindow must be less than 60000."));
    }
    // Microseconds are taken too.
    let timestamp_ms = super::time_ns(timestamp) / 1_000_000;
    if timestamp_ms >= server_ms.saturating_add(1_000) {
        return Err(Refusal::new(-1021, "Timestamp for this request was 1000ms ahead of the server's time."));
    }
    if server_ms.saturating_sub(timestamp_ms) > window {
        return Err(Refusal::new(-1021, "Timestamp for this request is outside of the recvWindow."));
    }
    let payload = unsigned(query) + &unsigned(body);
    if !keys.verify(&payload, signature) {
        return Err(Refusal::new(-1022, "Signature for this request is not valid."));
    }
    Ok(parameters)
}

fn number(name: &str, text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::new(-1100, format!("Illegal characters found in parameter '{name}'.")))
}

/// A query without its signature.
fn unsigned(query: &str) -> String {
    let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("signature=")).collect();
    pairs.join("&")
}

/// In which unit times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// The default.
    #[default]
    Millisecond,
    /// Where `timeUnit=MICROSECOND` was asked for.
    Microsecond,
}

impl TimeUnit {
    /// A time, ns since the Unix epoch, in this unit.
    pub const fn of_ns(self, time_ns: u64) -> u64 {
        match self {
            Self::Millisecond => time_ns / 1_000_000,
            Self::Microsecond => time_ns / 1_000,
        }
    }
}

/// A JSON text.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes payloads as one market does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The market.
    pub market: Market,
    /// The unit of times.
    pub unit: TimeUnit,
}

impl Writer {
    const fn t(self, time_ns: u64) -> u64 {
        self.unit.of_ns(time_ns)
    }

    fn futures(self) -> bool {
        self.market != Market::Spot
    }

    /// A payload as a combined stream wraps it.
    pub fn combined(stream: &str, payload: &str) -> String {
        format!("{{\"stream\":{},\"data\":{payload}}}", quoted(stream))
    }

    /// The answer to a subscription; `id` as the request printed it.
    pub fn reply(id: &str, result: &str) -> String {
        format!("{{\"result\":{result},\"id\":{id}}}")
    }

    /// The answer to a request on the socket that could not be understood.
    pub fn reply_error(id: &str, code: i64, text: &str) -> String {
        format!("{{\"error\":{{\"code\":{code},\"msg\":{}}},\"id\":{id}}}", quoted(text))
    }

    /// Notice that the venue is about to close connections.
    pub fn server_shutdown(self, event_ns: u64) -> String {
        format!("{{\"e\":\"serverShutdown\",\"E\":{}}}", self.t(event_ns))
    }

    /// `trade` or `aggTrade`. An aggregate stands for the one trade of its id.
    pub fn trade(self, trade: &Trade<'_>) -> String {
        let Trade { id, price, quantity, buyer_is_maker, .. } = trade;
        let (symbol, event, at) = (quoted(trade.symbol), self.t(trade.event_ns), self.t(trade.trade_ns));
        let kind = match (trade.on_market, self.futures()) {
            (true, true) => ",\"X\":\"MARKET\"",
            (false, true) => ",\"X\":\"NA\"",
            (_, false) => "",
        };
        let end = if self.futures() { "" } else { ",\"M\":true" };
        if trade.aggregated {
            format!(
                "{{\"e\":\"aggTrade\",\"E\":{event},\"s\":{symbol},\"a\":{id},\"p\":\"{price}\",\"q\":\"{quantity}\",\
                 \"f\":{id},\"l\":{id},\"T\":{at},\"m\":{buyer_is_maker}{end}}}"
            )
        } else {
            format!(
                "{{\"e\":\"trade\",\"E\":{event},\"s\":{symbol},\"t\":{id},\"p\":\"{price}\",\"q\":\"{quantity}\",\
                 \"T\":{at}{kind},\"m\":{buyer_is_maker}{end}}}"
            )
        }
    }

    /// `bookTicker`; spot's has neither type nor time.
    pub fn book_ticker(self, ticker: &BookTicker<'_>) -> String {
        let BookTicker { update_id, bid, ask, .. } = ticker;
        let sides = format!("\"b\":\"{}\",\"B\":\"{}\",\"a\":\"{}\",\"A\":\"{}\"", bid.0, bid.1, ask.0, ask.1);
        let symbol = quoted(ticker.symbol);
        if !self.futures() {
            return format!("{{\"u\":{update_id},\"s\":{symbol},{sides}}}");
        }
        let (at, event) = (self.t(ticker.transaction_ns), self.t(ticker.event_ns));
        format!("{{\"e\":\"bookTicker\",\"u\":{update_id},\"s\":{symbol},{sides},\"T\":{at},\"E\":{event}}}")
    }

    /// `depthUpdate`.
    pub fn depth_update(self, update: &DepthUpdate<'_>) -> String {
        let mut text = format!("{{\"e\":\"depthUpdate\",\"E\":{},", self.t(update.event_ns));
        if self.futures() {
            let _ = write!(text, "\"T\":{},", self.t(update.transaction_ns));
        }
        let _ = write!(text, "\"s\":{},\"U\":{},\"u\":{},", quoted(update.symbol), update.first, update.last);
        if self.futures() {
            let _ = write!(text, "\"pu\":{},", update.previous);
        }
        text.push_str("\"b\":");
        push_levels(&mut text, update.bids);
        text.push_str(",\"a\":");
        push_levels(&mut text, update.asks);
        text.push('}');
        text
    }

    /// The answer to a depth request, and spot's partial depth.
    pub fn depth(self, depth: &Depth<'_>) -> String {
        let mut text = format!("{{\"lastUpdateId\":{}", depth.last);
        if self.futures() {
            let _ = write!(text, ",\"E\":{},\"T\":{}", self.t(depth.event_ns), self.t(depth.transaction_ns));
        }
        if let Some(symbol) = depth.symbol {
            let _ = write!(text, ",\"symbol\":{}", quoted(symbol));
        }
        text.push_str(",\"bids\":");
        push_levels(&mut text, depth.bids);
        text.push_str(",\"asks\":");
        push_levels(&mut text, depth.asks);
        text.push('}');
        text
    }

    /// `kline`. What the mesh does not use of it (quote volume, taker's share) is 0.
    pub fn kline(self, kline: &Kline<'_>) -> String {
        let Kline { open, high, low, close, volume, trade_count, closed, .. } = kline;
        let (symbol, interval) = (quoted(kline.symbol), quoted(kline.interval));
        let (event, start, end) = (self.t(kline.event_ns), self.t(kline.open_ns), self.t(close_ns(kline)));
        format!(
            "{{\"e\":\"kline\",\"E\":{event},\"s\":{symbol},\"k\":{{\"t\":{start},\"T\":{end},\"s\":{symbol},\
             \"i\":{interval},\"f\":-1,\"L\":-1,\"o\":\"{open}\",\"c\":\"{close}\",\"h\":\"{high}\",\"l\":\"{low}\",\
             \"v\":\"{volume}\",\"n\":{trade_count},\"x\":{closed},\"q\":\"0\",\"V\":\"0\",\"Q\":\"0\",\"B\":\"0\"}}}}"
        )
    }

    /// The answer to a request for candles.
    pub fn klines<'k, 'a: 'k>(self, klines: impl IntoIterator<Item = &'k Kline<'a>>) -> String {
        let rows = klines.into_iter().map(|kline| {
            let Kline { open, high, low, close, volume, trade_count, .. } = kline;
            let (start, end) = (self.t(kline.open_ns), self.t(close_ns(kline)));
            format!(
                "[{start},\"{open}\",\"{high}\",\"{low}\",\"{close}\",\"{volume}\",{end},\"0\",{trade_count},\"0\",\"0\",\
                 \"0\"]"
            )
        });
        format!("[{}]", rows.collect::<Vec<_>>().join(","))
    }

    /// `markPriceUpdate`.
    pub fn mark_price(self, mark: &MarkPrice<'_>) -> String {
        let MarkPrice { mark: price, index, funding_rate, .. } = mark;
        let (event, next, symbol) = (self.t(mark.event_ns), self.t(mark.next_funding_ns), quoted(mark.symbol));
        let rate = funding_rate.map(|rate| rate.to_string()).unwrap_or_default();
        format!(
            "{{\"e\":\"markPriceUpdate\",\"E\":{event},\"s\":{symbol},\"p\":\"{price}\",\"i\":\"{index}\",\
             \"P\":\"{price}\",\"r\":\"{rate}\",\"T\":{next}}}"
        )
    }

    /// `forceOrder`, filled.
    pub fn liquidation(self, order: &Liquidation<'_>) -> String {
        let Liquidation { price, average_price, quantity, .. } = order;
        let (event, at) = (self.t(order.event_ns), self.t(order.trade_ns));
        let (symbol, side) = (quoted(order.symbol), side_name(order.side));
        format!(
            "{{\"e\":\"forceOrder\",\"E\":{event},\"o\":{{\"s\":{symbol},\"S\":\"{side}\",\"o\":\"LIMIT\",\"f\":\"IOC\",\
             \"q\":\"{quantity}\",\"p\":\"{price}\",\"ap\":\"{average_price}\",\"X\":\"FILLED\",\"l\":\"{quantity}\",\
             \"z\":\"{quantity}\",\"T\":{at}}}}}"
        )
    }

    /// The answer to a request for exchange information. Limits must have whole seconds.
    pub fn exchange_info(self, server_ns: u64, limits: &[RateLimit], symbols: &[SymbolInfo<'_>]) -> String {
        let limits: Vec<String> = limits.iter().map(rate_limit).collect();
        let symbols: Vec<String> = symbols.iter().map(|info| self.symbol(info)).collect();
        format!(
            "{{\"timezone\":\"UTC\",\"serverTime\":{},\"rateLimits\":[{}],\"exchangeFilters\":[],\"symbols\":[{}]}}",
            self.t(server_ns),
            limits.join(","),
            symbols.join(",")
        )
    }

    fn symbol(self, info: &SymbolInfo<'_>) -> String {
        let SymbolInfo { tick, lot, min_quantity, max_quantity, min_notional, .. } = info;
        let status = match info.status {
            SymbolStatus::Trading => "TRADING",
            SymbolStatus::CancelOnly => "CANCEL_ONLY",
            SymbolStatus::PreTrading => "PENDING_TRADING",
            SymbolStatus::Gone => "CLOSE",
            SymbolStatus::Halted => "HALT",
        };
        let status_key = if self.market == Market::CoinM { "contractStatus" } else { "status" };
        let size = info.contract_size.map(|size| format!("\"contractSize\":{size},")).unwrap_or_default();
        let notional = match self.market {
            Market::Spot => format!(
                "{{\"filterType\":\"NOTIONAL\",\"minNotional\":\"{min_notional}\",\"applyMinToMarket\":true,\"maxNotional\":\"9000000.00000000\",\"applyMaxToMarket\":false,\"avgPriceMins\":5}}"
            ),
            Market::UsdM | Market::CoinM => {
                format!("{{\"filterType\":\"MIN_NOTIONAL\",\"notional\":\"{min_notional}\"}}")
            }
        };
        format!(
            "{{\"symbol\":{},\"{status_key}\":\"{status}\",\"baseAsset\":{},\"quoteAsset\":{},{size}\"filters\":[\
             {{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"{tick}\",\"maxPrice\":\"1000000.00000000\",\
             \"tickSize\":\"{tick}\"}},{{\"filterType\":\"LOT_SIZE\",\"minQty\":\"{min_quantity}\",\
             \"maxQty\":\"{max_quantity}\",\"stepSize\":\"{lot}\"}},{notional}]}}",
            quoted(&info.symbol),
            quoted(&info.base),
            quoted(&info.quote),
        )
    }
}

fn close_ns(kline: &Kline<'_>) -> u64 {
    let length_ns = subscribe::interval_ns(kline.interval).unwrap_or(1_000_000);
    kline.open_ns.saturating_add(length_ns).saturating_sub(1_000_000)
}

fn push_levels(text: &mut String, levels: &[PriceLevel]) {
    text.push('[');
    for (index, (price, quantity)) in levels.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing to a String can't fail.
        let _ = write!(text, "{comma}[\"{price}\",\"{quantity}\"]");
    }
    text.push(']');
}

fn rate_limit(limit: &RateLimit) -> String {
    let kind = match limit.kind {
        RateLimitKind::RequestWeight => "REQUEST_WEIGHT",
        RateLimitKind::Orders => "ORDERS",
        RateLimitKind::RawRequests => "RAW_REQUESTS",
        RateLimitKind::Connections | RateLimitKind::Other => "CONNECTIONS",
    };
    let seconds = limit.interval_ns / 1_000_000_000;
    let (unit, count) = match seconds {
        s if s % 86_400 == 0 => ("DAY", s / 86_400),
        s if s % 3_600 == 0 => ("HOUR", s / 3_600),
        s if s % 60 == 0 => ("MINUTE", s / 60),
        s => ("SECOND", s),
    };
    format!(
        "{{\"rateLimitType\":\"{kind}\",\"interval\":\"{unit}\",\"intervalNum\":{count},\"limit\":{}}}",
        limit.limit
    )
}

#[cfg(test)]
mod tests;
