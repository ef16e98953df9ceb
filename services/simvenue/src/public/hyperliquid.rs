//! Hyperliquid's frames: numbers are texts with one decimal at least, books are whole.

use mesh_book::Level;
use mesh_venues::hyperliquid::subscribe::CANDLE_MINUTES;

use super::stream::{Channel, Moment, View, intervals};
use super::{decimals, joined, middle, short};
use crate::core::Trade;
use crate::core::candles::{Candle, Interval};
use crate::core::instrument::Instrument;

const MS_NS: u64 = 1_000_000;
/// Levels a side of `l2Book`.
const BOOK_DEPTH: usize = 20;

/// Channels and their names.
pub fn channels() -> Vec<(String, Channel)> {
    let candles = intervals(&CANDLE_MINUTES).map(|(_, i)| (format!("candle:{}", i.name), Channel::Candles(i)));
    let named = [
        ("l2Book", Channel::Book(BOOK_DEPTH)),
        ("bbo", Channel::Quotes),
        ("trades", Channel::Trades),
        ("activeAssetCtx", Channel::Funding),
    ];
    named.into_iter().map(|(name, channel)| (name.to_owned(), channel)).chain(candles).collect()
}

/// What a connection is greeted with: bare text.
pub const GREETING: &str = "Websocket connection established.";

fn number(value: i64) -> String {
    let short = short(value);
    if short.exponent < 0 { short.to_string() } else { format!("{short}.0") }
}

fn level(level: &Level) -> String {
    format!("{{\"px\":\"{}\",\"sz\":\"{}\",\"n\":1}}", number(level.price), number(level.quantity))
}

/// The whole view.
pub fn book(coin: &str, moment: &Moment<'_>, view: &View) -> String {
    format!(
        "{{\"channel\":\"l2Book\",\"data\":{{\"coin\":\"{coin}\",\"time\":{},\"levels\":[[{}],[{}]]}}}}",
        moment.now_ns / MS_NS,
        joined(&view.bids, level),
        joined(&view.asks, level),
    )
}

/// Best bid and ask; a side that is empty is `null`.
pub fn best(coin: &str, moment: &Moment<'_>) -> String {
    let (bid, ask) = moment.best();
    let side = |best: Option<Level>| best.map_or_else(|| "null".to_owned(), |best| level(&best));
    format!(
        "{{\"channel\":\"bbo\",\"data\":{{\"coin\":\"{coin}\",\"time\":{},\"bbo\":[{},{}]}}}}",
        moment.now_ns / MS_NS,
        side(bid),
        side(ask),
    )
}

/// Trades of a step.
pub fn trades(coin: &str, moment: &Moment<'_>) -> String {
    let trade = |trade: &Trade| {
        format!(
            "{{\"coin\":\"{coin}\",\"side\":\"{}\",\"px\":\"{}\",\"sz\":\"{}\",\"time\":{},\"hash\":\"0x0\",\"tid\":{},\"users\":[\"0x0\",\"0x0\"]}}",
            if trade.buyer_is_maker { "A" } else { "B" },
            number(trade.price),
            number(trade.quantity),
            trade.time_ns / MS_NS,
            trade.id,
        )
    };
    format!("{{\"channel\":\"trades\",\"data\":[{}]}}", joined(moment.trades, trade))
}

/// A candle.
pub fn candle(coin: &str, interval: Interval, candle: &Candle) -> String {
    format!(
        "{{\"channel\":\"candle\",\"data\":{{\"t\":{},\"T\":{},\"s\":\"{coin}\",\"i\":\"{}\",\"o\":\"{}\",\"c\":\"{}\",\"h\":\"{}\",\"l\":\"{}\",\"v\":\"{}\",\"n\":{}}}}}",
        candle.open_ns / MS_NS,
        (candle.open_ns + interval.length_ns) / MS_NS - 1,
        interval.name,
        number(candle.open),
        number(candle.close),
        number(candle.high),
        number(candle.low),
        number(candle.volume),
        candle.trade_count,
    )
}

/// Mark price, oracle, funding and open interest.
pub fn context(coin: &str, moment: &Moment<'_>) -> String {
    let (bid, ask) = moment.best();
    let middle = number(middle(bid, ask));
    format!(
        "{{\"channel\":\"activeAssetCtx\",\"data\":{{\"coin\":\"{coin}\",\"ctx\":{{\"funding\":\"0.0000125\",\"openInterest\":\"1000.0\",\"prevDayPx\":\"{middle}\",\"dayNtlVlm\":\"1000000.0\",\"premium\":\"0.0\",\"oraclePx\":\"{middle}\",\"markPx\":\"{middle}\",\"midPx\":\"{middle}\",\"impactPxs\":[\"{middle}\",\"{middle}\"],\"dayBaseVlm\":\"1000.0\"}}}}}}"
    )
}

/// The answer to `meta` and, without pairs, to `spotMeta`; `None` for other requests.
pub fn info(all: &[&Instrument], body: &str) -> Option<String> {
    let asked: serde_json::Value = serde_json::from_str(body).ok()?;
    match asked.get("type")?.as_str()? {
        "meta" => {
            let coins = all.iter().filter(|instrument| instrument.quote.starts_with("USD"));
            let coin = |instrument: &&Instrument| {
                format!(
                    "{{\"szDecimals\":{},\"name\":\"{}\",\"maxLeverage\":40,\"marginTableId\":56}}",
                    decimals(instrument.lot),
                    instrument.base
                )
            };
            Some(format!("{{\"universe\":[{}],\"marginTables\":[]}}", joined(coins, coin)))
        }
        "spotMeta" => Some("{\"universe\":[],\"tokens\":[]}".to_owned()),
        _ => None,
    }
}
