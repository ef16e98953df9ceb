//! Kraken's frames: numbers are JSON numbers with the pair's own decimals.

use mesh_book::{Book, Exponents, Level, checksum};
use mesh_types::Side;
use mesh_venues::kraken::subscribe::{CANDLE_MINUTES, DEPTHS};
use mesh_venues::time::rfc3339_ms;

use super::stream::{Changes, Channel, Moment, View, intervals};
use super::{decimals, fixed, joined};
use crate::core::Trade;
use crate::core::candles::{Candle, Interval};
use crate::core::instrument::Instrument;
use crate::core::units::{ONE, product};
use mesh_types::Rounding;

/// Channels and their names.
pub fn channels() -> Vec<(String, Channel)> {
    let books = DEPTHS.into_iter().map(|depth| (format!("book:{depth}"), Channel::Book(depth)));
    let candles = intervals(&CANDLE_MINUTES).map(|(minutes, i)| (format!("ohlc:{minutes}"), Channel::Candles(i)));
    let others = [("ticker".to_owned(), Channel::Quotes), ("trade".to_owned(), Channel::Trades)];
    books.chain(candles).chain(others).collect()
}

/// The first frame of a connection.
pub fn greeting() -> String {
    r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":1}]}"#
        .to_owned()
}

/// What shows that the connection is alive.
pub const HEARTBEAT: &str = r#"{"channel":"heartbeat"}"#;

struct Digits {
    price: i8,
    quantity: i8,
}

impl Digits {
    fn of(instrument: &Instrument) -> Self {
        Self { price: decimals(instrument.tick), quantity: decimals(instrument.lot) }
    }

    fn levels(&self, levels: &[Level]) -> String {
        joined(levels, |level| {
            format!("{{\"price\":{},\"qty\":{}}}", fixed(level.price, self.price), fixed(level.quantity, self.quantity))
        })
    }

    fn checksum(&self, view: &View) -> u32 {
        let mut book = Book::new(Exponents::new(-self.price, -self.quantity));
        for (side, levels) in [(Side::Buy, &view.bids), (Side::Sell, &view.asks)] {
            for level in levels.iter().take(checksum::KRAKEN_LEVELS) {
                let (price, quantity) = (fixed(level.price, self.price), fixed(level.quantity, self.quantity));
                book.set(side, Level::new(price.mantissa, quantity.mantissa));
            }
        }
        checksum::kraken(&book)
    }
}

/// The whole view, or what changed in it.
pub fn book(symbol: &str, moment: &Moment<'_>, view: &View, changes: Option<&Changes>) -> String {
    let digits = Digits::of(moment.instrument);
    let (kind, bids, asks) = match changes {
        None => ("snapshot", &view.bids, &view.asks),
        Some(changes) => ("update", &changes.bids, &changes.asks),
    };
    format!(
        "{{\"channel\":\"book\",\"type\":\"{kind}\",\"data\":[{{\"symbol\":\"{symbol}\",\"bids\":[{}],\"asks\":[{}],\"checksum\":{},\"timestamp\":\"{}\"}}]}}",
        digits.levels(bids),
        digits.levels(asks),
        digits.checksum(view),
        rfc3339_ms(moment.now_ns),
    )
}

/// Best bid and ask, and prices of the day.
pub fn ticker(symbol: &str, moment: &Moment<'_>) -> String {
    let digits = Digits::of(moment.instrument);
    let (bid, ask) = moment.best();
    let (bid, ask) = (bid.unwrap_or_default(), ask.unwrap_or_default());
    let price = |value| fixed(value, digits.price);
    let quantity = |value| fixed(value, digits.quantity);
    format!(
        "{{\"channel\":\"ticker\",\"type\":\"update\",\"data\":[{{\"symbol\":\"{symbol}\",\"bid\":{},\"bid_qty\":{},\"ask\":{},\"ask_qty\":{},\"last\":{},\"volume\":0,\"vwap\":{},\"low\":{},\"high\":{},\"change\":0,\"change_pct\":0,\"timestamp\":\"{}\"}}]}}",
        price(bid.price),
        quantity(bid.quantity),
        price(ask.price),
        quantity(ask.quantity),
        price(bid.price),
        price(bid.price),
        price(bid.price),
        price(ask.price),
        rfc3339_ms(moment.now_ns),
    )
}

/// Trades of a step.
pub fn trades(symbol: &str, moment: &Moment<'_>) -> String {
    let digits = Digits::of(moment.instrument);
    let trade = |trade: &Trade| {
        format!(
            "{{\"symbol\":\"{symbol}\",\"side\":\"{}\",\"price\":{},\"qty\":{},\"ord_type\":\"market\",\"trade_id\":{},\"timestamp\":\"{}\"}}",
            if trade.buyer_is_maker { "sell" } else { "buy" },
            fixed(trade.price, digits.price),
            fixed(trade.quantity, digits.quantity),
            trade.id,
            rfc3339_ms(trade.time_ns),
        )
    };
    format!("{{\"channel\":\"trade\",\"type\":\"update\",\"data\":[{}]}}", joined(moment.trades, trade))
}

/// A candle.
pub fn candle(symbol: &str, interval: Interval, candle: &Candle, now_ns: u64) -> String {
    let number = |value| fixed(value, 8);
    format!(
        "{{\"channel\":\"ohlc\",\"type\":\"update\",\"timestamp\":\"{now}\",\"data\":[{{\"symbol\":\"{symbol}\",\"open\":{},\"high\":{},\"low\":{},\"close\":{},\"trades\":{},\"volume\":{},\"vwap\":{},\"interval_begin\":\"{}\",\"interval\":{},\"timestamp\":\"{now}\"}}]}}",
        number(candle.open),
        number(candle.high),
        number(candle.low),
        number(candle.close),
        candle.trade_count,
        number(candle.volume),
        number(candle.close),
        rfc3339_ms(candle.open_ns),
        interval.length_ns / 60_000_000_000,
        now = rfc3339_ms(now_ns),
    )
}

/// All pairs.
pub fn instruments(all: &[&Instrument]) -> String {
    let pair = |instrument: &&Instrument| {
        let Instrument { base, quote, tick, lot, min_quantity, min_notional, .. } = instrument;
        let (price, quantity) = (decimals(*tick), decimals(*lot));
        let cost = product(i128::from(*min_notional), ONE, Rounding::Ceiling);
        format!(
            "{{\"symbol\":\"{base}/{quote}\",\"base\":\"{base}\",\"quote\":\"{quote}\",\"status\":\"online\",\"qty_precision\":{quantity},\"qty_increment\":{},\"price_precision\":{price},\"cost_precision\":8,\"marginable\":false,\"has_index\":false,\"cost_min\":{},\"price_increment\":{},\"qty_min\":{}}}",
            fixed(*lot, quantity),
            fixed(i64::try_from(cost).unwrap_or(i64::MAX), 8),
            fixed(*tick, price),
            fixed(*min_quantity, quantity),
        )
    };
    format!(
        "{{\"channel\":\"instrument\",\"type\":\"snapshot\",\"data\":{{\"assets\":[],\"pairs\":[{}]}}}}",
        joined(all, pair)
    )
}
