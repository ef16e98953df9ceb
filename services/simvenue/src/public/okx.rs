//! OKX's frames: every number is a text, without zeros at its end.

use mesh_book::{Level, checksum};
use mesh_venues::okx::subscribe::CANDLE_MINUTES;

use super::stream::{Changes, Channel, Moment, View, intervals};
use super::{joined, middle, short};
use crate::core::Trade;
use crate::core::candles::{Candle, Interval};
use crate::core::instrument::Instrument;

const MS_NS: u64 = 1_000_000;
const HOUR_MS: u64 = 3_600_000;
/// Levels a side of `books`.
const BOOK_DEPTH: usize = 400;

/// Channels and their names.
pub fn channels(symbol: &str) -> Vec<(String, Channel)> {
    let candles = intervals(&CANDLE_MINUTES).map(|(minutes, i)| (candle_name(minutes), Channel::Candles(i)));
    let mut named =
        vec![("books", Channel::Book(BOOK_DEPTH)), ("bbo-tbt", Channel::Quotes), ("trades", Channel::Trades)];
    if symbol.ends_with("-SWAP") {
        named.extend([
            ("funding-rate", Channel::Funding),
            ("mark-price", Channel::Mark),
            ("open-interest", Channel::OpenInterest),
        ]);
    }
    named.into_iter().map(|(name, channel)| (name.to_owned(), channel)).chain(candles).collect()
}

fn candle_name(minutes: u64) -> String {
    match minutes {
        0..60 => format!("candle{minutes}m"),
        60..1_440 => format!("candle{}H", minutes / 60),
        _ => format!("candle{}Dutc", minutes / 1_440),
    }
}

fn levels<'l>(levels: impl IntoIterator<Item = &'l Level>) -> String {
    joined(levels, |level| format!("[\"{}\",\"{}\",\"0\",\"1\"]", short(level.price), short(level.quantity)))
}

fn arg(channel: &str, symbol: &str) -> String {
    format!("\"arg\":{{\"channel\":\"{channel}\",\"instId\":\"{symbol}\"}}")
}

/// The whole view, or what changed in it.
pub fn book(symbol: &str, moment: &Moment<'_>, view: &View, changes: Option<&Changes>) -> String {
    let (action, bids, asks, previous) = match changes {
        None => ("snapshot", &view.bids, &view.asks, "-1".to_owned()),
        Some(changes) => ("update", &changes.bids, &changes.asks, changes.previous.to_string()),
    };
    format!(
        "{{{},\"action\":\"{action}\",\"data\":[{{\"asks\":[{}],\"bids\":[{}],\"ts\":\"{}\",\"checksum\":{},\"prevSeqId\":{previous},\"seqId\":{}}}]}}",
        arg("books", symbol),
        levels(asks),
        levels(bids),
        moment.now_ns / MS_NS,
        checksum::okx(moment.book, |_, _| None),
        view.sequence,
    )
}

/// Best bid and ask.
pub fn best(symbol: &str, moment: &Moment<'_>) -> String {
    let (bid, ask) = moment.best();
    format!(
        "{{{},\"data\":[{{\"asks\":[{}],\"bids\":[{}],\"ts\":\"{}\",\"seqId\":{}}}]}}",
        arg("bbo-tbt", symbol),
        levels(&ask),
        levels(&bid),
        moment.now_ns / MS_NS,
        moment.sequence,
    )
}

/// A trade.
pub fn trade(symbol: &str, trade: &Trade) -> String {
    format!(
        "{{{},\"data\":[{{\"instId\":\"{symbol}\",\"tradeId\":\"{}\",\"px\":\"{}\",\"sz\":\"{}\",\"side\":\"{}\",\"ts\":\"{}\",\"count\":\"1\"}}]}}",
        arg("trades", symbol),
        trade.id,
        short(trade.price),
        short(trade.quantity),
        if trade.buyer_is_maker { "sell" } else { "buy" },
        trade.time_ns / MS_NS,
    )
}

/// A candle.
pub fn candle(symbol: &str, interval: Interval, candle: &Candle, closed: bool) -> String {
    let name = candle_name(interval.length_ns / 60_000_000_000);
    format!(
        "{{{},\"data\":[[\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"0\",\"0\",\"{}\"]]}}",
        arg(&name, symbol),
        candle.open_ns / MS_NS,
        short(candle.open),
        short(candle.high),
        short(candle.low),
        short(candle.close),
        short(candle.volume),
        u8::from(closed),
    )
}

/// Funding, each eight hours.
pub fn funding(symbol: &str, moment: &Moment<'_>) -> String {
    let now_ms = moment.now_ns / MS_NS;
    let next_ms = (now_ms / (8 * HOUR_MS) + 1) * 8 * HOUR_MS;
    format!(
        "{{{},\"data\":[{{\"fundingRate\":\"0.0001\",\"fundingTime\":\"{next_ms}\",\"instId\":\"{symbol}\",\"instType\":\"SWAP\",\"method\":\"current_period\",\"nextFundingRate\":\"\",\"nextFundingTime\":\"{}\",\"ts\":\"{now_ms}\"}}]}}",
        arg("funding-rate", symbol),
        next_ms + 8 * HOUR_MS,
    )
}

/// Mark price: the middle of the book.
pub fn mark(symbol: &str, moment: &Moment<'_>) -> String {
    let (bid, ask) = moment.best();
    format!(
        "{{{},\"data\":[{{\"instId\":\"{symbol}\",\"instType\":\"SWAP\",\"markPx\":\"{}\",\"ts\":\"{}\"}}]}}",
        arg("mark-price", symbol),
        short(middle(bid, ask)),
        moment.now_ns / MS_NS,
    )
}

/// Open interest.
pub fn open_interest(symbol: &str, moment: &Moment<'_>) -> String {
    format!(
        "{{{},\"data\":[{{\"instId\":\"{symbol}\",\"instType\":\"SWAP\",\"oi\":\"1000\",\"oiCcy\":\"1000\",\"ts\":\"{}\"}}]}}",
        arg("open-interest", symbol),
        moment.now_ns / MS_NS,
    )
}

/// All instruments of a type.
pub fn instruments(all: &[&Instrument], kind: &str) -> String {
    let one = |instrument: &&Instrument| {
        let Instrument { base, quote, tick, lot, min_quantity, max_quantity, .. } = instrument;
        let own = match kind {
            "SWAP" => format!(
                "\"instId\":\"{base}-{quote}-SWAP\",\"uly\":\"{base}-{quote}\",\"baseCcy\":\"\",\"quoteCcy\":\"\",\"ctVal\":\"1\",\"ctMult\":\"1\",\"settleCcy\":\"{quote}\""
            ),
            _ => format!(
                "\"instId\":\"{base}-{quote}\",\"uly\":\"\",\"baseCcy\":\"{base}\",\"quoteCcy\":\"{quote}\",\"ctVal\":\"\",\"ctMult\":\"\",\"settleCcy\":\"\""
            ),
        };
        format!(
            "{{\"instType\":\"{kind}\",{own},\"tickSz\":\"{}\",\"lotSz\":\"{}\",\"minSz\":\"{}\",\"maxLmtSz\":\"{}\",\"state\":\"live\"}}",
            short(*tick),
            short(*lot),
            short(*min_quantity),
            short(*max_quantity),
        )
    };
    let known = if matches!(kind, "SPOT" | "SWAP") { joined(all, one) } else { String::new() };
    format!("{{\"arg\":{{\"channel\":\"instruments\",\"instType\":\"{kind}\"}},\"data\":[{known}]}}")
}
