//! Names of one symbol's streams, and the frames that the simulated market makes for them.

use mesh_book::Level;
use mesh_types::Decimal64;
use mesh_venues::binance::Market;
use mesh_venues::binance::event::{self, PriceLevel};
use mesh_venues::binance::server::{TimeUnit, Writer};
use mesh_venues::binance::subscribe::{DepthSpeed, Stream};

use super::Frame;
use crate::core::candles::{Candle, Candles, INTERVALS, Interval};
use crate::core::diff::Diff;
use crate::core::units::decimal;
use crate::core::{Top, Trade};

/// Writes spot's payloads.
pub const WRITER: Writer = Writer { market: Market::Spot, unit: TimeUnit::Millisecond };

const SECOND: u64 = 1_000_000_000;

/// Answers whether a stream has a subscriber; frames that nobody wants are not made.
pub type Wanted<'a> = &'a dyn Fn(&str) -> bool;

/// Names of the streams of one symbol.
#[derive(Clone, Debug)]
pub struct Streams {
    symbol: String,
    trade: String,
    agg_trade: String,
    book_ticker: String,
    depth: String,
    depth_fast: String,
    klines: Vec<String>,
}

pub(crate) fn number(value: i64) -> Decimal64 {
    decimal(i128::from(value))
}

pub(crate) fn price_levels(levels: impl IntoIterator<Item = Level>) -> Vec<PriceLevel> {
    levels.into_iter().map(|level| (number(level.price), number(level.quantity))).collect()
}

/// A candle as the protocol has it.
pub fn kline<'a>(symbol: &'a str, interval: &'a str, candle: &Candle, closed: bool, event_ns: u64) -> event::Kline<'a> {
    event::Kline {
        symbol,
        interval,
        open_ns: candle.open_ns,
        open: number(candle.open),
        high: number(candle.high),
        low: number(candle.low),
        close: number(candle.close),
        volume: number(candle.volume),
        trade_count: candle.trade_count,
        closed,
        event_ns,
    }
}

impl Streams {
    /// Those of a symbol.
    pub fn new(symbol: &str) -> Self {
        Self {
            symbol: symbol.to_owned(),
            trade: Stream::Trade.name(symbol),
            agg_trade: Stream::AggTrade.name(symbol),
            book_ticker: Stream::BookTicker.name(symbol),
            depth: Stream::Depth(DepthSpeed::Default).name(symbol),
            depth_fast: Stream::Depth(DepthSpeed::Fast).name(symbol),
            klines: INTERVALS.iter().map(|interval| Stream::Kline(interval.name).name(symbol)).collect(),
        }
    }

    /// `trade` and `aggTrade`, one aggregate a trade.
    pub fn push_trade(&self, trade: &Trade, wanted: Wanted<'_>, out: &mut Vec<Frame>) {
        for (stream, aggregated) in [(&self.trade, false), (&self.agg_trade, true)] {
            if wanted(stream) {
                let payload = WRITER.trade(&event::Trade {
                    symbol: &self.symbol,
                    aggregated,
                    id: trade.id,
                    price: number(trade.price),
                    quantity: number(trade.quantity),
                    buyer_is_maker: trade.buyer_is_maker,
                    on_market: true,
                    trade_ns: trade.time_ns,
                    event_ns: trade.time_ns,
                });
                out.push(Frame { stream: stream.clone(), payload });
            }
        }
    }

    /// `bookTicker`.
    pub fn push_top(&self, top: &Top, wanted: Wanted<'_>, out: &mut Vec<Frame>) {
        if wanted(&self.book_ticker) {
            out.push(Frame { stream: self.book_ticker.clone(), payload: WRITER.book_ticker(&self.book_ticker(top)) });
        }
    }

    /// Best bid and ask as the protocol has them.
    pub fn book_ticker(&self, top: &Top) -> event::BookTicker<'_> {
        let side = |level: Level| (number(level.price), number(level.quantity));
        event::BookTicker {
            symbol: &self.symbol,
            update_id: top.update_id,
            bid: side(top.bid),
            ask: side(top.ask),
            transaction_ns: 0,
            event_ns: 0,
        }
    }

    /// `depth@100ms`, or `depth` where `slow`.
    pub fn push_depth(&self, diff: &Diff, slow: bool, event_ns: u64, wanted: Wanted<'_>, out: &mut Vec<Frame>) {
        let stream = if slow { &self.depth } else { &self.depth_fast };
        if wanted(stream) {
            let payload = WRITER.depth_update(&event::DepthUpdate {
                symbol: &self.symbol,
                first: diff.first,
                last: diff.last,
                previous: 0,
                transaction_ns: 0,
                event_ns,
                bids: &price_levels(diff.bids.iter().copied()),
                asks: &price_levels(diff.asks.iter().copied()),
            });
            out.push(Frame { stream: stream.clone(), payload });
        }
    }

    /// The kline stream of one interval.
    pub fn push_kline(
        &self,
        interval: Interval,
        candle: &Candle,
        closed: bool,
        event_ns: u64,
        wanted: Wanted<'_>,
        out: &mut Vec<Frame>,
    ) {
        let index = INTERVALS.iter().position(|known| known.name == interval.name);
        let Some(stream) = index.and_then(|index| self.klines.get(index)).filter(|stream| wanted(stream)) else {
            return;
        };
        let payload = WRITER.kline(&kline(&self.symbol, interval.name, candle, closed, event_ns));
        out.push(Frame { stream: stream.clone(), payload });
    }

    /// The open candles, where the clock has passed their time to be told since `before_ns`: each second for `1s`, every
    /// two seconds for the others.
    pub fn push_open_klines(
        &self,
        candles: &Candles,
        before_ns: u64,
        now_ns: u64,
        wanted: Wanted<'_>,
        out: &mut Vec<Frame>,
    ) {
        for (interval, candle) in candles.open() {
            let period_ns = if interval.length_ns == SECOND { SECOND } else { 2 * SECOND };
            if now_ns / period_ns > before_ns / period_ns {
                self.push_kline(interval, candle, false, now_ns, wanted, out);
            }
        }
    }
}
