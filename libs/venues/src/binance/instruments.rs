//! What is traded, and the limits: `exchangeInfo`.
//!
//! It is read now and then, so it is read with serde; unknown fields are skipped, missing ones are errors.

use std::borrow::Cow;

use mesh_types::Decimal64;
use serde::Deserialize;

use super::time_ns;

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
