//! Requests about the market.

use std::borrow::Cow;

use mesh_venues::binance::event::{Depth, Kline};
use mesh_venues::binance::instruments::{RateLimit, RateLimitKind, SymbolInfo, SymbolStatus};
use mesh_venues::binance::server::{Parameters, Refusal};

use super::answer::Answer;
use super::frames::{WRITER, kline, number, price_levels};
use super::venue::Venue;
use crate::core::faults::Fault;
use crate::core::instrument::Instrument;

const SECOND: u64 = 1_000_000_000;

/// The book can't be told: a recording with a gap.
fn no_book() -> Refusal {
    let text =
        "Service Unavailable. The recording that is played has no continuous book of this symbol at this moment.";
    Refusal { status: 503, ..Refusal::new(-1001, text) }
}

fn limit(parameters: &Parameters, default: usize, most: usize) -> Result<usize, Refusal> {
    let illegal =
        || Refusal::new(-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.");
    let limit = parameters.get("limit").map_or(Ok(default), |text| text.parse().map_err(|_| illegal()))?;
    if limit == 0 { Err(illegal()) } else { Ok(limit.min(most)) }
}

fn time_ns(parameters: &Parameters, name: &str) -> Result<Option<u64>, Refusal> {
    let illegal = || Refusal::new(-1100, format!("Illegal characters found in parameter '{name}'."));
    let parse = |text: &str| text.parse().map(mesh_venues::binance::time_ns).map_err(|_| illegal());
    parameters.get(name).map(parse).transpose()
}

impl Venue {
    pub(super) fn time(now_ns: u64) -> Answer {
        Answer::ok(format!("{{\"serverTime\":{}}}", now_ns / 1_000_000))
    }

    pub(super) fn exchange_info(&self, parameters: &Parameters, now_ns: u64) -> Result<Answer, Refusal> {
        let named: Option<Vec<String>> = match (parameters.get("symbol"), parameters.get("symbols")) {
            (Some(symbol), _) => Some(vec![symbol.to_owned()]),
            (None, Some(list)) => Some(
                serde_json::from_str(list)
                    .map_err(|_| Refusal::new(-1100, "Illegal characters found in parameter 'symbols'."))?,
            ),
            (None, None) => None,
        };
        let known = |name: &String| self.instruments().iter().any(|instrument| instrument.symbol == *name);
        if named.as_ref().is_some_and(|named| !named.iter().all(known)) {
            return Err(Refusal::new(-1121, "Invalid symbol."));
        }
        let wanted = |instrument: &&Instrument| named.as_ref().is_none_or(|named| named.contains(&instrument.symbol));
        let symbols: Vec<SymbolInfo<'_>> = self.instruments().iter().filter(wanted).map(symbol_info).collect();
        let rate = |kind, seconds: u64, limit| RateLimit { kind, interval_ns: seconds * SECOND, limit };
        let limits = [
            rate(RateLimitKind::RequestWeight, 60, self.weight_limit),
            rate(RateLimitKind::Orders, 10, self.orders_limit),
        ];
        Ok(Answer::ok(WRITER.exchange_info(now_ns, &limits, &symbols)))
    }

    pub(super) fn depth(&mut self, parameters: &Parameters) -> Result<Answer, Refusal> {
        let index = self.symbol(parameters)?;
        let limit = limit(parameters, 100, 5_000)?;
        let late = self.faults.strikes(Fault::LateSnapshot);
        let stale = self.stale.get(index).and_then(Option::as_ref).map(|(book, sequence)| (book, *sequence));
        let now = || self.source.book(index);
        let (book, last) = if late { stale.or_else(now) } else { now() }.ok_or_else(no_book)?;
        let bids = price_levels(book.bids().take(limit));
        let asks = price_levels(book.asks().take(limit));
        let depth = Depth { symbol: None, last, transaction_ns: 0, event_ns: 0, bids: &bids, asks: &asks };
        Ok(Answer::ok(WRITER.depth(&depth)))
    }

    pub(super) fn klines(&self, parameters: &Parameters) -> Result<Answer, Refusal> {
        let index = self.symbol(parameters)?;
        let interval = parameters.required("interval")?;
        let limit = limit(parameters, 500, 1_000)?;
        let start_ns = time_ns(parameters, "startTime")?;
        let end_ns = time_ns(parameters, "endTime")?;
        let candles = self.source.candles(index).and_then(|candles| candles.of(interval));
        let (interval, candles) = candles.ok_or_else(|| Refusal::new(-1120, "Invalid interval."))?;
        let symbol = self.instruments().get(index).map_or("", |instrument| &instrument.symbol);
        let within = candles.filter(|candle| {
            start_ns.is_none_or(|start| candle.open_ns >= start) && end_ns.is_none_or(|end| candle.open_ns <= end)
        });
        let mut rows: Vec<Kline<'_>> = within.map(|candle| kline(symbol, interval.name, candle, false, 0)).collect();
        // From a start the oldest are answered, else the latest.
        let excess = rows.len().saturating_sub(limit);
        if start_ns.is_some() {
            rows.truncate(limit);
        } else {
            rows.drain(..excess);
        }
        Ok(Answer::ok(WRITER.klines(&rows)))
    }

    pub(super) fn historical_trades(&self, parameters: &Parameters) -> Result<Answer, Refusal> {
        let index = self.symbol(parameters)?;
        let limit = limit(parameters, 500, 1_000)?;
        let illegal = || Refusal::new(-1100, "Illegal characters found in parameter 'fromId'.");
        let from: Option<u64> = parameters.get("fromId").map(|text| text.parse().map_err(|_| illegal())).transpose()?;
        let known = || self.source.trades(index);
        // Without an id the latest are answered.
        let skipped = if from.is_some() { 0 } else { known().count().saturating_sub(limit) };
        let wanted = known().filter(|trade| from.is_none_or(|from| trade.id >= from)).skip(skipped).take(limit);
        let rows: Vec<String> = wanted
            .map(|trade| {
                format!(
                    "{{\"id\":{},\"price\":\"{}\",\"qty\":\"{}\",\"time\":{},\"isBuyerMaker\":{},\"isBestMatch\":true}}",
                    trade.id,
                    number(trade.price),
                    number(trade.quantity),
                    trade.time_ns / 1_000_000,
                    trade.buyer_is_maker,
                )
            })
            .collect();
        Ok(Answer::ok(format!("[{}]", rows.join(","))))
    }

    pub(super) fn book_ticker(&self, parameters: &Parameters) -> Result<Answer, Refusal> {
        if parameters.get("symbol").is_some() {
            let index = self.symbol(parameters)?;
            return self.ticker(index).map(Answer::ok).ok_or_else(no_book);
        }
        let all: Vec<String> = (0..self.instruments().len()).filter_map(|index| self.ticker(index)).collect();
        Ok(Answer::ok(format!("[{}]", all.join(","))))
    }

    fn ticker(&self, index: usize) -> Option<String> {
        let (book, _) = self.source.book(index)?;
        let (bid, ask) = (book.best_bid()?, book.best_ask()?);
        let symbol = serde_json::Value::from(self.instruments().get(index)?.symbol.as_str());
        Some(format!(
            "{{\"symbol\":{symbol},\"bidPrice\":\"{}\",\"bidQty\":\"{}\",\"askPrice\":\"{}\",\"askQty\":\"{}\"}}",
            number(bid.price),
            number(bid.quantity),
            number(ask.price),
            number(ask.quantity),
        ))
    }
}

fn symbol_info(instrument: &Instrument) -> SymbolInfo<'_> {
    SymbolInfo {
        symbol: Cow::Borrowed(&instrument.symbol),
        status: SymbolStatus::Trading,
        base: Cow::Borrowed(&instrument.base),
        quote: Cow::Borrowed(&instrument.quote),
        tick: number(instrument.tick),
        lot: number(instrument.lot),
        min_quantity: number(instrument.min_quantity),
        max_quantity: number(instrument.max_quantity),
        min_notional: number(instrument.min_notional),
        contract_size: None,
    }
}
