//! Answers over HTTP that describe the market: exchange information, candles, time. The depth snapshot has the form of a
//! frame and is read by [`super::decode::Decoder`] as [`super::event::Event::Depth`].
//!
//! These are read now and then, so they are read with serde; unknown fields are skipped, missing ones are errors.

use std::borrow::Cow;

use mesh_types::Decimal64;
use serde::Deserialize;

use super::event::Kline;
use super::time_ns;
use crate::json::{JsonError, Scanner};

/// `GET /api/v3/exchangeInfo`, `/fapi/v1/exchangeInfo`, `/dapi/v1/exchangeInfo`.
#[derive(Clone, Debug)]
pub struct ExchangeInfo<'a> {
    /// The venue's clock, ns since the Unix epoch.
    pub server_ns: u64,
    /// Limits that the venue enforces.
    pub rate_limits: Vec<RateLimit>,
    /// What is traded.
    pub symbols: Vec<SymbolInfo<'a>>,
}

/// What a rate limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RateLimitKind {
    /// Weight of requests, by address.
    RequestWeight,
    /// Orders, by account.
    Orders,
    /// Requests, by address.
    RawRequests,
    /// New connections, by address.
    Connections,
    /// A kind that is not known here.
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum IntervalUnit {
    Second,
    Minute,
    Hour,
    Day,
}

/// One rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// What it counts.
    pub kind: RateLimitKind,
    /// Length of its windows, which start at whole multiples of it, in ns.
    pub interval_ns: u64,
    /// The most in one window.
    pub limit: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRateLimit {
    rate_limit_type: RateLimitKind,
    interval: IntervalUnit,
    interval_num: u64,
    limit: u64,
}

/// Whether a symbol can be traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum SymbolStatus {
    /// It can.
    #[serde(rename = "TRADING")]
    Trading,
    /// Orders can be cancelled only.
    #[serde(rename = "CANCEL_ONLY")]
    CancelOnly,
    /// Not yet.
    #[serde(rename = "PENDING_TRADING", alias = "PRE_TRADING")]
    PreTrading,
    /// Expired or closed.
    #[serde(rename = "CLOSE", alias = "SETTLING", alias = "DELIVERING", alias = "DELIVERED", alias = "PRE_SETTLE")]
    #[serde(alias = "PRE_DELIVERING")]
    Gone,
    /// Interrupted; also every state that is not known here.
    #[serde(other, rename = "HALT")]
    Halted,
}

/// One symbol. Steps and bounds are 0 where the venue sets none.
#[derive(Clone, Debug, PartialEq)]
pub struct SymbolInfo<'a> {
    /// Symbol.
    pub symbol: Cow<'a, str>,
    /// Whether it can be traded.
    pub status: SymbolStatus,
    /// Base asset.
    pub base: Cow<'a, str>,
    /// Quote asset.
    pub quote: Cow<'a, str>,
    /// Price step.
    pub tick: Decimal64,
    /// Quantity step.
    pub lot: Decimal64,
    /// Least quantity.
    pub min_quantity: Decimal64,
    /// Greatest quantity.
    pub max_quantity: Decimal64,
    /// Least notional.
    pub min_notional: Decimal64,
    /// Quote value of one contract; COIN-M only.
    pub contract_size: Option<Decimal64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawExchangeInfo<'a> {
    server_time: u64,
    #[serde(default)]
    rate_limits: Vec<RawRateLimit>,
    #[serde(borrow)]
    symbols: Vec<RawSymbol<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSymbol<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(alias = "contractStatus")]
    status: SymbolStatus,
    #[serde(borrow)]
    base_asset: Cow<'a, str>,
    #[serde(borrow)]
    quote_asset: Cow<'a, str>,
    contract_size: Option<Decimal64>,
    #[serde(default)]
    filters: Vec<RawFilter>,
}

#[derive(Deserialize)]
#[serde(tag = "filterType")]
enum RawFilter {
    #[serde(rename = "PRICE_FILTER", rename_all = "camelCase")]
    Price { tick_size: Decimal64 },
    #[serde(rename = "LOT_SIZE", rename_all = "camelCase")]
    Lot { min_qty: Decimal64, max_qty: Decimal64, step_size: Decimal64 },
    #[serde(rename = "MIN_NOTIONAL", alias = "NOTIONAL", rename_all = "camelCase")]
    Notional {
        #[serde(alias = "notional")]
        min_notional: Decimal64,
    },
    #[serde(other)]
    Other,
}

/// Reads exchange information.
///
/// # Errors
/// When it is not what the venue sends; the text says where.
pub fn exchange_info(body: &[u8]) -> Result<ExchangeInfo<'_>, serde_json::Error> {
    let raw: RawExchangeInfo<'_> = serde_json::from_slice(body)?;
    Ok(ExchangeInfo {
        server_ns: time_ns(raw.server_time),
        rate_limits: raw.rate_limits.iter().map(rate_limit).collect(),
        symbols: raw.symbols.into_iter().map(symbol_info).collect(),
    })
}

fn rate_limit(raw: &RawRateLimit) -> RateLimit {
    let seconds: u64 = match raw.interval {
        IntervalUnit::Second => 1,
        IntervalUnit::Minute => 60,
        IntervalUnit::Hour => 3_600,
        IntervalUnit::Day => 86_400,
    };
    let interval_ns = seconds.saturating_mul(raw.interval_num.max(1)).saturating_mul(1_000_000_000);
    RateLimit { kind: raw.rate_limit_type, interval_ns, limit: raw.limit }
}

fn symbol_info(raw: RawSymbol<'_>) -> SymbolInfo<'_> {
    let zero = Decimal64::ZERO;
    let mut info = SymbolInfo {
        symbol: raw.symbol,
        status: raw.status,
        base: raw.base_asset,
        quote: raw.quote_asset,
        tick: zero,
        lot: zero,
        min_quantity: zero,
        max_quantity: zero,
        min_notional: zero,
        contract_size: raw.contract_size,
    };
    for filter in raw.filters {
        match filter {
            RawFilter::Price { tick_size } => info.tick = tick_size,
            RawFilter::Lot { min_qty, max_qty, step_size } => {
                (info.min_quantity, info.max_quantity, info.lot) = (min_qty, max_qty, step_size);
            }
            RawFilter::Notional { min_notional } => info.min_notional = min_notional,
            RawFilter::Other => {}
        }
    }
    info
}

/// `GET /api/v3/klines` and its like: calls `on` with each candle. The answer names neither symbol nor interval, so they are
/// given. The last candle is still open where its end is not before `now_ns`.
///
/// # Errors
/// When it is not what the venue sends, with the place; candles before it have been told.
pub fn klines<'a>(
    body: &[u8],
    symbol: &'a str,
    interval: &'a str,
    now_ns: u64,
    mut on: impl FnMut(&Kline<'a>),
) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(body);
    scanner.array(|s| {
        let comma = |s: &mut Scanner<'_>| s.expect(b',', "',' between a candle's 12 values");
        s.expect(b'[', "a candle")?;
        let open_ns = time_ns(s.unsigned()?);
        let mut prices = [Decimal64::ZERO; 5];
        for price in &mut prices {
            comma(s)?;
            *price = s.decimal()?;
        }
        comma(s)?;
        let end_ns = time_ns(s.unsigned()?);
        comma(s)?;
        s.decimal()?;
        comma(s)?;
        let trade_count = s.unsigned()?;
        while s.take(b',') {
            s.skip()?;
        }
        s.expect(b']', "']' after a candle")?;
        let [open, high, low, close, volume] = prices;
        let closed = end_ns < now_ns;
        on(&Kline { symbol, interval, open_ns, open, high, low, close, volume, trade_count, closed, event_ns: end_ns });
        Ok(())
    })?;
    scanner.end()
}

/// `GET /api/v3/time`: the venue's clock, ns since the Unix epoch.
///
/// # Errors
/// When it is not what the venue sends.
pub fn server_time(body: &[u8]) -> Result<u64, JsonError> {
    let mut scanner = Scanner::new(body);
    let mut time = None;
    scanner.object(|s, key| match key {
        b"serverTime" => s.unsigned().map(|ms| time = Some(time_ns(ms))),
        _ => s.skip().map(drop),
    })?;
    scanner.end()?;
    time.ok_or_else(|| scanner.error("the field \"serverTime\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_after_an_answer_are_refused() {
        assert_eq!(server_time(br#"{"serverTime":1499827319559}"#), Ok(1_499_827_319_559_000_000));
        assert!(server_time(br#"{"serverTime":1499827319559}7}"#).is_err());
        let candle = br#"[[1499040000000,"0.1","0.8","0.1","0.2","148",1499644799999,"2434",308,"1756","28","0"]]"#;
        assert!(klines(candle, "BTCUSDT", "1m", 0, |_| {}).is_ok());
        assert!(klines(&[&candle[..], b"]"].concat(), "BTCUSDT", "1m", 0, |_| {}).is_err());
    }
}
