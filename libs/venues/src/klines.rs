//! Candles of the past: what to ask a venue for over HTTP, and what it answers.
//!
//! | venue | request | candles of one answer | how far back |
//! |---|---|---|---|
//! | Binance | `GET …/klines`, oldest first from `startTime` | 1000 | to the listing |
//! | OKX | `GET /api/v5/market/history-candles`, newest first within `before`, `after` | 100 | years |
//! | Hyperliquid | `POST /info` `candleSnapshot` | 5000 at most; 500 are asked for | the last 5000 |
//! | Kraken | `GET /0/public/OHLC` | 720 | the last 720 |
//!
//! Prices and volumes are as the socket's candles have them: volumes of futures in contracts where the venue counts so.

use mesh_types::market::Candle;
use mesh_types::{Decimal64, InstrumentId, InstrumentKind, Venue};

use crate::binance::{Market, answers, format};
use crate::json::{JsonError, Scanner};
use crate::reader::Language;
use crate::{hyperliquid, okx};

const MINUTE_NS: u64 = 60_000_000_000;
const MS_NS: u64 = 1_000_000;

/// A request over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Path and query.
    pub target: String,
    /// What is posted; `None` for a GET.
    pub body: Option<String>,
    /// What it costs of the venue's budget, in the venue's own units.
    pub weight: u64,
}

/// The interval as a venue spells it; `None` where it does not have it.
fn spelled(language: Language, interval_ns: u64) -> Option<String> {
    const BINANCE: &[u64] = &[1, 3, 5, 15, 30, 60, 120, 240, 360, 480, 720, 1_440, 4_320, 10_080];
    const OKX: &[u64] = &[1, 3, 5, 15, 30, 60, 120, 240, 360, 720, 1_440];
    const HYPERLIQUID: &[u64] = &[1, 3, 5, 15, 30, 60, 120, 240, 480, 720, 1_440, 4_320, 10_080];
    const KRAKEN: &[u64] = &[1, 5, 15, 30, 60, 240, 1_440, 10_080];
    let minutes = interval_ns / MINUTE_NS;
    let known = match language {
        Language::Binance(_) => BINANCE,
        Language::Okx => OKX,
        Language::Hyperliquid => HYPERLIQUID,
        Language::Kraken => KRAKEN,
    };
    if minutes == 0 || !interval_ns.is_multiple_of(MINUTE_NS) || !known.contains(&minutes) {
        return None;
    }
    let okx = language == Language::Okx;
    Some(match minutes {
        _ if language == Language::Kraken => minutes.to_string(),
        0..60 => format!("{minutes}m"),
        60..1_440 => format!("{}{}", minutes / 60, if okx { "H" } else { "h" }),
        // OKX's days begin in Hong Kong but where it is asked for others.
        1_440..10_080 => format!("{}{}", minutes / 1_440, if okx { "Dutc" } else { "d" }),
        _ => format!("{}w", minutes / 10_080),
    })
}

/// Whom to ask about an instrument; `None` where its venue's candles are not known here.
pub fn language(instrument: InstrumentId) -> Option<Language> {
    match instrument.venue()? {
        Venue::Binance => {
            let is_margined_in_coin = || instrument.symbol().is_some_and(|symbol| symbol.as_str().contains("USD_"));
            Some(Language::Binance(match instrument.kind()? {
                InstrumentKind::Spot => Market::Spot,
                _ if is_margined_in_coin() => Market::CoinM,
                _ => Market::UsdM,
            }))
        }
        Venue::Kraken => Some(Language::Kraken),
        Venue::Okx => Some(Language::Okx),
        Venue::Hyperliquid => Some(Language::Hyperliquid),
        _ => None,
    }
}

/// How much of a venue's budget the past may take in a minute, in the units of [`Request::weight`]: a tenth, of
/// Hyperliquid's and Kraken's small ones more.
pub const fn weight_per_minute(language: Language) -> u64 {
    match language {
        Language::Binance(Market::Spot) => 600,
        Language::Binance(Market::UsdM | Market::CoinM) | Language::Hyperliquid => 240,
        Language::Okx => 60,
        Language::Kraken => 20,
    }
}

/// How many candles one answer may hold.
pub const fn most(language: Language) -> u64 {
    match language {
        Language::Binance(_) => 1_000,
        Language::Okx => 100,
        Language::Hyperliquid => 500,
        Language::Kraken => 720,
    }
}

/// How many of the last candles a venue has at all; `None` where it has them all.
pub const fn kept(language: Language) -> Option<u64> {
    match language {
        Language::Binance(_) | Language::Okx => None,
        Language::Hyperliquid => Some(5_000),
        Language::Kraken => Some(720),
    }
}

/// The request for the candles that begin in `from_ns..to_ns`, at most [`most`]; `None` where the venue has no such interval.
pub fn request(
    language: Language,
    instrument: InstrumentId,
    interval_ns: u64,
    from_ns: u64,
    to_ns: u64,
) -> Option<Request> {
    let interval = spelled(language, interval_ns)?;
    let symbol = instrument.symbol()?;
    let symbol = symbol.as_str();
    let (from_ms, to_ms) = (from_ns / MS_NS, to_ns / MS_NS);
    Some(match language {
        Language::Binance(market) => {
            let limit = usize::try_from(most(language)).unwrap_or(1_000);
            let mut asked = format::klines(market, symbol, &interval, Some(from_ms), limit);
            asked.query.push("endTime", to_ms.saturating_sub(1));
            Request { target: asked.public_target(), body: None, weight: asked.weight }
        }
        Language::Okx => {
            // Both ends are left out of the answer.
            let (before, limit) = (from_ms.saturating_sub(1), most(language));
            let path = "/api/v5/market/history-candles";
            let target = format!("{path}?instId={symbol}&bar={interval}&before={before}&after={to_ms}&limit={limit}");
            Request { target, body: None, weight: 1 }
        }
        Language::Hyperliquid => {
            let coin = serde_json::Value::from(symbol);
            let end = to_ms.saturating_sub(1);
            let asked = format!(r#"{{"coin":{coin},"interval":"{interval}","startTime":{from_ms},"endTime":{end}}}"#);
            let body = Some(format!(r#"{{"type":"candleSnapshot","req":{asked}}}"#));
            Request { target: hyperliquid::instruments::PATH.to_owned(), body, weight: 20 + most(language) / 60 }
        }
        Language::Kraken => {
            // Exclusive.
            let since = (from_ns / 1_000_000_000).saturating_sub(1);
            let pair = kraken_pair(symbol);
            let target = format!("/0/public/OHLC?pair={pair}&interval={interval}&since={since}");
            Request { target, body: None, weight: 1 }
        }
    })
}

/// A pair as Kraken's REST names it, which keeps older names of two assets than its socket.
fn kraken_pair(symbol: &str) -> String {
    let older = |asset: &str| match asset {
        "BTC" => "XBT".to_owned(),
        "DOGE" => "XDG".to_owned(),
        other => other.to_owned(),
    };
    symbol.split('/').map(older).collect()
}

/// Reads an answer: calls `on` with each candle, in the venue's order. Those that ended by `now_ns` are closed.
///
/// # Errors
/// When it is not what the venue sends, with the place; candles before it have been told.
pub fn parse(
    language: Language,
    instrument: InstrumentId,
    interval_ns: u64,
    body: &[u8],
    now_ns: u64,
    on: &mut dyn FnMut(&Candle),
) -> Result<(), JsonError> {
    let mut tell = |candle: &Candle| {
        let end_ns = candle.open_ns.get().saturating_add(interval_ns);
        let closed = u8::from(end_ns <= now_ns);
        on(&Candle { instrument, interval_ns: interval_ns.into(), closed, received_ns: now_ns.into(), ..*candle });
    };
    match language {
        // The answer names no symbol; `tell` does.
        Language::Binance(_) => answers::klines(body, "", "", now_ns, |kline| {
            tell(&Candle {
                open_ns: kline.open_ns.into(),
                open: kline.open.into(),
                high: kline.high.into(),
                low: kline.low.into(),
                close: kline.close.into(),
                volume: kline.volume.into(),
                trade_count: u32::try_from(kline.trade_count).unwrap_or(u32::MAX).into(),
                ..Candle::default()
            });
        }),
        Language::Okx => answer(body, b"data", |s| {
            s.array(|s| {
                tell(&okx::parse::candle(s, instrument, interval_ns, now_ns)?);
                Ok(())
            })
        }),
        Language::Hyperliquid => hyperliquid::parse::candles(body, now_ns, tell),
        Language::Kraken => answer(body, b"result", |s| {
            s.object(|s, key| match key {
                b"last" => s.skip().map(drop),
                _ => s.array(|s| {
                    tell(&kraken_row(s)?);
                    Ok(())
                }),
            })
        }),
    }
}

/// The field of an answer that holds what was asked for; an answer without it is the venue's refusal.
fn answer(
    body: &[u8],
    field: &[u8],
    mut read: impl FnMut(&mut Scanner<'_>) -> Result<(), JsonError>,
) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(body);
    let mut found = false;
    scanner.object(|s, key| {
        if key == field {
            found = true;
            return read(s);
        }
        s.skip().map(drop)
    })?;
    scanner.end()?;
    if found { Ok(()) } else { Err(scanner.error("candles, and not a refusal")) }
}

/// `[time, open, high, low, close, vwap, volume, count]`.
fn kraken_row(scanner: &mut Scanner<'_>) -> Result<Candle, JsonError> {
    scanner.expect(b'[', "a candle's row")?;
    let seconds = scanner.unsigned()?;
    let mut values = [Decimal64::ZERO; 6];
    for value in &mut values {
        scanner.expect(b',', "',' between a candle's values")?;
        *value = scanner.decimal()?;
    }
    scanner.expect(b',', "',' between a candle's values")?;
    let count = scanner.unsigned()?;
    scanner.expect(b']', "']' after a candle")?;
    let [open, high, low, close, _, volume] = values.map(Into::into);
    Ok(Candle {
        open_ns: seconds.saturating_mul(1_000_000_000).into(),
        open,
        high,
        low,
        close,
        volume,
        trade_count: u32::try_from(count).unwrap_or(u32::MAX).into(),
        ..Candle::default()
    })
}

#[cfg(test)]
#[path = "klines_tests.rs"]
mod tests;
