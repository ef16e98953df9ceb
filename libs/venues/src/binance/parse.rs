//! Frames of the streams to events: one pass, in place.
//!
//! A frame is an event, or `{"stream": name, "data": event}`, or an array of events, or the answer to a request. Fields may
//! come in any order. Spot's `bookTicker` and partial depth have no event type and are known by their fields; on futures a
//! partial depth looks like a diff and is known by its stream's name. What is well-formed and not used is
//! [`Event::Ignored`]; what is not well-formed, or misses a field that its kind must have, is an error and nothing of it
//! is told.

use mesh_types::{Decimal64, Side};

use super::event::{BookTicker, Depth, DepthUpdate, Event, Kline, Liquidation, MarkPrice, PriceLevel, Reply, Trade};
use super::time_ns;
use crate::json::{JsonError, Scanner};

type Result<T> = core::result::Result<T, JsonError>;

/// Most events of one array frame (`!markPrice@arr` has one of each symbol).
const MAX_EVENTS: usize = 10_000;

/// Reads frames; keeps the memory of levels between them.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    bids: Vec<PriceLevel>,
    asks: Vec<PriceLevel>,
}

impl Decoder {
    /// A decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `on` with each event of a frame, and the name of its stream where the frame tells it.
    ///
    /// # Errors
    /// When the frame is not what Binance sends, with the place. An array's events before the place have been told.
    pub fn decode<'a>(&mut self, frame: &'a [u8], mut on: impl FnMut(Option<&'a str>, &Event<'_>)) -> Result<()> {
        let mut scanner = Scanner::new(frame);
        // As combined streams write it; other orders and white space take the general way below.
        if scanner.take_bytes(br#"{"stream":"#) {
            let stream = scanner.text()?;
            if scanner.take_bytes(br#","data":"#) {
                self.value(&mut scanner, Some(stream), &mut on)?;
                scanner.expect(b'}', "'}' after the field \"data\"")?;
                return scanner.end();
            }
            scanner = Scanner::new(frame);
        }
        let combined = first_key(scanner).is_some_and(|key| key == b"stream" || key == b"data");
        if !combined {
            self.value(&mut scanner, None, &mut on)?;
            return scanner.end();
        }
        let (mut stream, mut data, mut told) = (None, None, false);
        scanner.object(|s, key| {
            match key {
                b"stream" => stream = Some(s.text()?),
                b"data" if stream.is_some() => {
                    told = true;
                    self.value(s, stream, &mut on)?;
                }
                b"data" => {
                    s.peek();
                    data = Some(*s);
                    s.skip()?;
                }
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        scanner.end()?;
        match data {
            Some(mut data) if !told => self.value(&mut data, stream, &mut on),
            _ if told => Ok(()),
            _ => Err(scanner.error("the field \"data\"")),
        }
    }

    /// An event, or an array of them.
    #[inline]
    fn value<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        stream: Option<&'a str>,
        on: &mut impl FnMut(Option<&'a str>, &Event<'_>),
    ) -> Result<()> {
        if scanner.peek() != b'[' {
            let event = self.event(scanner, stream)?;
            on(stream, &event);
            return Ok(());
        }
        let mut count = 0;
        scanner.array(|s| {
            count += 1;
            if count > MAX_EVENTS {
                return Err(s.error("at most 10000 events in one frame"));
            }
            let event = self.event(s, stream)?;
            on(stream, &event);
            Ok(())
        })
    }

    /// One event. Its kind is in `e`, which is the first field nearly always.
    #[inline]
    fn event<'e, 'a: 'e>(&'e mut self, scanner: &mut Scanner<'a>, stream: Option<&str>) -> Result<Event<'e>> {
        scanner.peek();
        if scanner.is_at(br#"{"u":"#) {
            // Spot's and COIN-M's bookTicker start so; whether it is one is seen while it is read.
            let start = *scanner;
            if let Some(ticker) = book_ticker(scanner)? {
                return Ok(Event::BookTicker(ticker));
            }
            *scanner = start;
        }
        let kind = event_type(*scanner)?;
        let Some(kind) = kind else { return self.without_type(scanner) };
        match kind {
            "trade" => trade(scanner, false),
            "aggTrade" => trade(scanner, true),
            "depthUpdate" => self.depth_update(scanner, stream.is_some_and(is_partial_depth)),
            "bookTicker" => {
                let missing = scanner.error("a bookTicker with u, s, b, B, a, A");
                book_ticker(scanner)?.map(Event::BookTicker).ok_or(missing)
            }
            "kline" => kline(scanner),
            "markPriceUpdate" => mark_price(scanner),
            "forceOrder" => liquidation(scanner),
            "serverShutdown" => {
                let mut event_ns = 0;
                scanner.object(|s, key| match key {
                    b"E" => s.unsigned().map(|time| event_ns = time_ns(time)),
                    _ => s.skip().map(drop),
                })?;
                Ok(Event::ServerShutdown { event_ns })
            }
            _ if USER_EVENTS.contains(&kind) => Ok(Event::User { kind, json: scanner.skip()? }),
            _ => {
                scanner.skip()?;
                Ok(Event::Ignored { kind })
            }
        }
    }

    /// What has no `e`: a reply, an envelope of the WebSocket API, a depth or ticker in another order, or something else.
    #[cold]
    fn without_type<'e, 'a: 'e>(&'e mut self, scanner: &mut Scanner<'a>) -> Result<Event<'e>> {
        let (mut depth, mut reply, mut envelope) = (false, false, None);
        let start = *scanner;
        scanner.object(|s, key| {
            match key {
                b"lastUpdateId" => depth = true,
                b"result" | b"error" | b"code" | b"id" => reply = true,
                b"event" => {
                    s.peek();
                    envelope = Some(*s);
                }
                _ => {}
            }
            s.skip().map(drop)
        })?;
        if depth {
            *scanner = start;
            return self.depth(scanner);
        }
        if let Some(mut inner) = envelope {
            return Ok(match event_type(inner)? {
                Some("serverShutdown") => self.event(&mut inner, None)?,
                Some(kind) => Event::User { kind, json: inner.skip()? },
                None => Event::Ignored { kind: "unknown" },
            });
        }
        if reply {
            *scanner = start;
            return self::reply(scanner).map(Event::Reply);
        }
        let mut again = start;
        if let Ok(Some(ticker)) = book_ticker(&mut again) {
            return Ok(Event::BookTicker(ticker));
        }
        Ok(Event::Ignored { kind: "unknown" })
    }

    fn depth_update<'e, 'a: 'e>(&'e mut self, scanner: &mut Scanner<'a>, partial: bool) -> Result<Event<'e>> {
        let start = *scanner;
        let (mut symbol, mut first, mut last, mut previous) = (None, None, None, 0);
        let (mut event_ns, mut transaction_ns) = (0, 0);
        let (mut has_bids, mut has_asks) = (false, false);
        scanner.object(|s, key| {
            match key {
                b"s" => symbol = Some(s.text()?),
                b"U" => first = Some(s.unsigned()?),
                b"u" => last = Some(s.unsigned()?),
                b"pu" => previous = s.unsigned()?,
                b"E" => event_ns = time_ns(s.unsigned()?),
                b"T" => transaction_ns = time_ns(s.unsigned()?),
                b"b" => {
                    levels(s, &mut self.bids)?;
                    has_bids = true;
                }
                b"a" => {
                    levels(s, &mut self.asks)?;
                    has_asks = true;
                }
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        let (Some(symbol), Some(first), Some(last), true, true) = (symbol, first, last, has_bids, has_asks) else {
            return Err(start.error("a depthUpdate with s, U, u, b, a"));
        };
        let (bids, asks) = (self.bids.as_slice(), self.asks.as_slice());
        Ok(if partial {
            Event::Depth(Depth { symbol: Some(symbol), last, transaction_ns, event_ns, bids, asks })
        } else {
            Event::DepthUpdate(DepthUpdate { symbol, first, last, previous, transaction_ns, event_ns, bids, asks })
        })
    }

    fn depth<'e, 'a: 'e>(&'e mut self, scanner: &mut Scanner<'a>) -> Result<Event<'e>> {
        let start = *scanner;
        let (mut symbol, mut last, mut event_ns, mut transaction_ns) = (None, None, 0, 0);
        let (mut has_bids, mut has_asks) = (false, false);
        scanner.object(|s, key| {
            match key {
                b"lastUpdateId" => last = Some(s.unsigned()?),
                b"symbol" => symbol = Some(s.text()?),
                b"E" => event_ns = time_ns(s.unsigned()?),
                b"T" => transaction_ns = time_ns(s.unsigned()?),
                b"bids" => {
                    levels(s, &mut self.bids)?;
                    has_bids = true;
                }
                b"asks" => {
                    levels(s, &mut self.asks)?;
                    has_asks = true;
                }
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        let (Some(last), true, true) = (last, has_bids, has_asks) else {
            return Err(start.error("a depth with lastUpdateId, bids, asks"));
        };
        Ok(Event::Depth(Depth { symbol, last, transaction_ns, event_ns, bids: &self.bids, asks: &self.asks }))
    }
}

/// Events of the account, on spot's WebSocket API and the futures' private streams.
const USER_EVENTS: &[&str] = &[
    "executionReport",
    "outboundAccountPosition",
    "balanceUpdate",
    "listStatus",
    "eventStreamTerminated",
    "externalLockUpdate",
    "ORDER_TRADE_UPDATE",
    "ACCOUNT_UPDATE",
    "TRADE_LITE",
    "ALGO_UPDATE",
    "CONDITIONAL_ORDER_TRIGGER_REJECT",
    "MARGIN_CALL",
    "ACCOUNT_CONFIG_UPDATE",
    "listenKeyExpired",
];

/// The first key of the object that starts here.
#[inline]
fn first_key(mut scanner: Scanner<'_>) -> Option<&[u8]> {
    (scanner.take(b'{') && scanner.peek() == b'"').then(|| scanner.raw_text().ok()).flatten()
}

/// The `e` of the object that starts here; reads on only as far as that.
#[inline]
fn event_type(mut scanner: Scanner<'_>) -> Result<Option<&str>> {
    scanner.expect(b'{', "an object")?;
    if scanner.take(b'}') {
        return Ok(None);
    }
    loop {
        let key = scanner.key()?;
        if key == b"e" && scanner.peek() == b'"' {
            return scanner.text().map(Some);
        }
        scanner.skip()?;
        if !scanner.take(b',') {
            scanner.expect(b'}', "',' or '}' after a field")?;
            return Ok(None);
        }
    }
}

/// True for the names of partial depth streams: `btcusdt@depth5`, `btcusdt@depth20@100ms`.
fn is_partial_depth(stream: &str) -> bool {
    let speed = stream.split('@').nth(1).and_then(|name| name.strip_prefix("depth"));
    speed.is_some_and(|levels| !levels.is_empty() && levels.bytes().all(|b| b.is_ascii_digit()))
}

/// Levels as `[["price", "quantity"], …]`.
#[inline]
fn levels(scanner: &mut Scanner<'_>, out: &mut Vec<PriceLevel>) -> Result<()> {
    out.clear();
    scanner.array(|s| {
        if let Some(level) = s.take_level() {
            out.push(level);
            return Ok(());
        }
        s.expect(b'[', "a level")?;
        let price = s.decimal()?;
        s.expect(b',', "',' after a level's price")?;
        let quantity = s.decimal()?;
        // Before 2019 an empty array followed.
        while s.take(b',') {
            s.skip()?;
        }
        s.expect(b']', "']' after a level")?;
        out.push((price, quantity));
        Ok(())
    })
}

/// A book ticker, or `None` where fields are missing or `e` says otherwise.
#[inline]
fn book_ticker<'a>(scanner: &mut Scanner<'a>) -> Result<Option<BookTicker<'a>>> {
    let (mut symbol, mut update_id, mut other) = (None, None, false);
    let (mut bid_price, mut bid_quantity, mut ask_price, mut ask_quantity) = (None, None, None, None);
    let (mut transaction_ns, mut event_ns) = (0, 0);
    let read = scanner.object(|s, key| {
        match key {
            b"u" => update_id = Some(s.unsigned()?),
            b"s" => symbol = Some(s.text()?),
            // In other events these are no decimals, or arrays.
            b"b" | b"a" | b"B" | b"A" if s.peek() != b'"' => {
                other = true;
                s.skip()?;
            }
            b"b" => bid_price = Some(s.decimal()?),
            b"B" => bid_quantity = Some(s.decimal()?),
            b"a" => ask_price = Some(s.decimal()?),
            b"A" => ask_quantity = Some(s.decimal()?),
            b"T" => transaction_ns = time_ns(s.unsigned()?),
            b"E" => event_ns = time_ns(s.unsigned()?),
            b"e" => other |= s.text()? != "bookTicker",
            _ => drop(s.skip()?),
        }
        Ok(())
    });
    if other {
        return Ok(None);
    }
    read?;
    Ok(match (symbol, update_id, bid_price.zip(bid_quantity), ask_price.zip(ask_quantity)) {
        (Some(symbol), Some(update_id), Some(bid), Some(ask)) => {
            Some(BookTicker { symbol, update_id, bid, ask, transaction_ns, event_ns })
        }
        _ => None,
    })
}

fn trade<'a>(scanner: &mut Scanner<'a>, aggregated: bool) -> Result<Event<'a>> {
    let start = *scanner;
    let (mut symbol, mut id, mut price, mut quantity, mut maker) = (None, None, None, None, None);
    let (mut trade_ns, mut event_ns, mut on_market) = (0, 0, true);
    let id_key: &[u8] = if aggregated { b"a" } else { b"t" };
    scanner.object(|s, key| {
        match key {
            b"s" => symbol = Some(s.text()?),
            b"p" => price = Some(s.decimal()?),
            b"q" => quantity = Some(s.decimal()?),
            b"m" => maker = Some(s.boolean()?),
            b"T" => trade_ns = time_ns(s.unsigned()?),
            b"E" => event_ns = time_ns(s.unsigned()?),
            b"X" => on_market = s.raw_text()? == b"MARKET",
            _ if key == id_key => id = Some(s.unsigned()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(symbol), Some(id), Some(price), Some(quantity), Some(buyer_is_maker)) =
        (symbol, id, price, quantity, maker)
    else {
        return Err(start.error("a trade with s, t or a, p, q, m"));
    };
    Ok(Event::Trade(Trade { symbol, aggregated, id, price, quantity, buyer_is_maker, on_market, trade_ns, event_ns }))
}

fn kline<'a>(scanner: &mut Scanner<'a>) -> Result<Event<'a>> {
    let start = *scanner;
    let (mut symbol, mut interval, mut open_ns, mut closed) = (None, None, None, None);
    let (mut open, mut high, mut low, mut close, mut volume) = (None, None, None, None, None);
    let (mut trade_count, mut event_ns) = (0, 0);
    scanner.object(|s, key| match key {
        b"E" => s.unsigned().map(|time| event_ns = time_ns(time)),
        b"s" => s.text().map(|text| symbol = Some(text)),
        b"k" => s.object(|s, key| {
            match key {
                b"i" => interval = Some(s.text()?),
                b"t" => open_ns = Some(time_ns(s.unsigned()?)),
                b"o" => open = Some(s.decimal()?),
                b"h" => high = Some(s.decimal()?),
                b"l" => low = Some(s.decimal()?),
                b"c" => close = Some(s.decimal()?),
                b"v" => volume = Some(s.decimal()?),
                b"n" => trade_count = s.unsigned()?,
                b"x" => closed = Some(s.boolean()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        }),
        _ => s.skip().map(drop),
    })?;
    let (Some(symbol), Some(interval), Some(open_ns), Some(closed)) = (symbol, interval, open_ns, closed) else {
        return Err(start.error("a kline with s, k.i, k.t, k.x"));
    };
    let (Some(open), Some(high), Some(low), Some(close), Some(volume)) = (open, high, low, close, volume) else {
        return Err(start.error("a kline with k.o, k.h, k.l, k.c, k.v"));
    };
    Ok(Event::Kline(Kline { symbol, interval, open_ns, open, high, low, close, volume, trade_count, closed, event_ns }))
}

fn mark_price<'a>(scanner: &mut Scanner<'a>) -> Result<Event<'a>> {
    let start = *scanner;
    let (mut symbol, mut mark, mut index, mut funding_rate) = (None, None, Decimal64::ZERO, None);
    let (mut next_funding_ns, mut event_ns) = (0, 0);
    scanner.object(|s, key| {
        match key {
            b"s" => symbol = Some(s.text()?),
            b"p" => mark = Some(s.decimal()?),
            b"i" => index = s.decimal()?,
            b"r" => funding_rate = decimal_or_empty(s)?,
            b"T" => next_funding_ns = time_ns(s.unsigned()?),
            b"E" => event_ns = time_ns(s.unsigned()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(symbol), Some(mark)) = (symbol, mark) else {
        return Err(start.error("a markPriceUpdate with s, p"));
    };
    Ok(Event::MarkPrice(MarkPrice { symbol, mark, index, funding_rate, next_funding_ns, event_ns }))
}

/// Futures with expiry have no funding: their rate is an empty text.
fn decimal_or_empty(scanner: &mut Scanner<'_>) -> Result<Option<Decimal64>> {
    let mut probe = *scanner;
    if probe.raw_text().is_ok_and(<[u8]>::is_empty) {
        *scanner = probe;
        return Ok(None);
    }
    scanner.decimal().map(Some)
}

fn liquidation<'a>(scanner: &mut Scanner<'a>) -> Result<Event<'a>> {
    let start = *scanner;
    let (mut symbol, mut side, mut price, mut quantity) = (None, None, None, None);
    let (mut average_price, mut trade_ns, mut event_ns) = (Decimal64::ZERO, 0, 0);
    scanner.object(|s, key| match key {
        b"E" => s.unsigned().map(|time| event_ns = time_ns(time)),
        b"o" => s.object(|s, key| {
            match key {
                b"s" => symbol = Some(s.text()?),
                b"S" => {
                    side = match s.raw_text()? {
                        b"BUY" => Some(Side::Buy),
                        b"SELL" => Some(Side::Sell),
                        _ => None,
                    }
                }
                b"q" => quantity = Some(s.decimal()?),
                b"p" => price = Some(s.decimal()?),
                b"ap" => average_price = s.decimal()?,
                b"T" => trade_ns = time_ns(s.unsigned()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        }),
        _ => s.skip().map(drop),
    })?;
    let (Some(symbol), Some(side), Some(price), Some(quantity)) = (symbol, side, price, quantity) else {
        return Err(start.error("a forceOrder with o.s, o.S, o.p, o.q"));
    };
    Ok(Event::Liquidation(Liquidation { symbol, side, price, average_price, quantity, trade_ns, event_ns }))
}

fn reply<'a>(scanner: &mut Scanner<'a>) -> Result<Reply<'a>> {
    let mut reply = Reply { id: b"", status: 0, error: None, result: b"" };
    let (mut code, mut text) = (None, None);
    scanner.object(|s, key| {
        match key {
            b"id" => reply.id = s.skip()?,
            b"status" => reply.status = s.unsigned()?,
            b"result" => reply.result = s.skip()?,
            b"code" => code = Some(s.signed()?),
            b"msg" => text = Some(s.raw_text()?),
            b"error" if s.peek() == b'{' => s.object(|s, key| {
                match key {
                    b"code" => code = Some(s.signed()?),
                    b"msg" => text = Some(s.raw_text()?),
                    _ => drop(s.skip()?),
                }
                Ok(())
            })?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    reply.error = code.map(|code| (code, text.unwrap_or_default()));
    Ok(reply)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
