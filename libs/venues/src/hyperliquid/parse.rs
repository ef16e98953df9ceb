//! Frames to messages: one pass, in place.
//!
//! A frame is `{"channel":…,"data":…}`, in either order; the first one of a connection may be bare text. Books are whole
//! each time, without a sequence: their block's time orders them.

use mesh_types::market::{Candle, OpenInterest, Quote, Trade};
use mesh_types::{Decimal64, InstrumentId, Side};

use super::time_ns;
use crate::json::{JsonError, Scanner};
use crate::message::{BookUpdate, Continuity, Funding, MarkUpdate, Message, PriceLevel, Reply};

type Result<T> = core::result::Result<T, JsonError>;
type On<'o> = &'o mut dyn FnMut(&Message<'_>);

/// What a new connection is greeted with.
const GREETING: &[u8] = b"Websocket connection established.";
/// Levels a side of `l2Book`.
const BOOK_DEPTH: usize = 20;
/// Funding is paid each hour.
const FUNDING_INTERVAL_NS: u64 = 3_600_000_000_000;

/// Reads frames; keeps the memory of levels between them.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    bids: Vec<PriceLevel>,
    asks: Vec<PriceLevel>,
}

impl Parser {
    /// A parser.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `on` with each message of a frame.
    ///
    /// # Errors
    /// When the frame is not what Hyperliquid sends, with the place. A list's messages before the place have been told.
    pub fn parse(&mut self, frame: &[u8], received_ns: u64, on: On<'_>) -> Result<()> {
        if frame == GREETING {
            on(&Message::Ignored { kind: "greeting" });
            return Ok(());
        }
        let mut scanner = Scanner::new(frame);
        let (mut channel, mut data, mut told, mut levels) = (None, None, false, false);
        scanner.object(|s, key| {
            match key {
                b"channel" => channel = Some(s.text()?),
                b"data" => match channel {
                    Some(channel) => {
                        told = true;
                        self.data(s, channel, received_ns, on)?;
                    }
                    None => {
                        s.peek();
                        data = Some(*s);
                        s.skip()?;
                    }
                },
                b"levels" => {
                    levels = true;
                    s.skip()?;
                }
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        scanner.end()?;
        match (channel, data) {
            _ if told => Ok(()),
            (Some(channel), Some(mut data)) => self.data(&mut data, channel, received_ns, on),
            (Some("pong"), None) => {
                on(&Message::Reply(Reply::new("pong")));
                Ok(())
            }
            // The answer to `l2Book` over HTTP is what the channel's data is.
            (None, None) if levels => self.book(&mut Scanner::new(frame), on),
            _ => Err(scanner.error("the fields \"channel\" and \"data\"")),
        }
    }

    fn data(&mut self, scanner: &mut Scanner<'_>, channel: &str, received_ns: u64, on: On<'_>) -> Result<()> {
        match channel {
            "l2Book" => self.book(scanner, on),
            "bbo" => {
                let quote = best(scanner, received_ns)?;
                on(&Message::Quote(quote));
                Ok(())
            }
            "trades" => scanner.array(|s| {
                on(&Message::Trade { trade: trade(s, received_ns)?, past: false });
                Ok(())
            }),
            "candle" => one_or_many(scanner, |s| {
                on(&Message::Candle { candle: candle(s, received_ns)?, past: false });
                Ok(())
            }),
            "activeAssetCtx" | "activeSpotAssetCtx" => context(scanner, received_ns, on),
            "subscriptionResponse" => {
                let reply = response(scanner)?;
                on(&Message::Reply(reply));
                Ok(())
            }
            "error" => {
                let text = core::str::from_utf8(scanner.raw_text()?).unwrap_or("text that is no UTF-8");
                on(&Message::Reply(Reply { error: Some(text), ..Reply::new("error") }));
                Ok(())
            }
            "pong" => {
                scanner.skip()?;
                on(&Message::Reply(Reply::new("pong")));
                Ok(())
            }
            _ => {
                scanner.skip()?;
                on(&Message::Ignored { kind: channel });
                Ok(())
            }
        }
    }

    fn book(&mut self, scanner: &mut Scanner<'_>, on: On<'_>) -> Result<()> {
        let start = *scanner;
        let (mut id, mut time, mut sides) = (None, 0, 0);
        scanner.object(|s, key| {
            match key {
                b"coin" => id = Some(coin(s)?),
                b"time" => time = s.unsigned()?,
                b"levels" => s.array(|s| {
                    sides += 1;
                    match sides {
                        1 => levels(s, &mut self.bids),
                        2 => levels(s, &mut self.asks),
                        _ => Err(s.error("two sides of levels")),
                    }
                })?,
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        let (Some(instrument), 2) = (id, sides) else {
            return Err(start.error("a book with coin, levels of two sides"));
        };
        on(&Message::Book(BookUpdate {
            instrument,
            channel: "l2Book",
            snapshot: true,
            depth: Some(BOOK_DEPTH),
            continuity: Continuity::Block { sequence: time },
            checksum: None,
            venue_ns: time_ns(time),
            bids: &self.bids,
            asks: &self.asks,
        }));
        Ok(())
    }
}

/// A coin's name.
fn coin(scanner: &mut Scanner<'_>) -> Result<InstrumentId> {
    let start = *scanner;
    super::instrument(scanner.text()?).map_err(|_| start.error("a coin as \"BTC\" or \"@107\""))
}

/// Reads one item, or an array of them.
fn one_or_many(scanner: &mut Scanner<'_>, mut item: impl FnMut(&mut Scanner<'_>) -> Result<()>) -> Result<()> {
    if scanner.peek() == b'[' { scanner.array(item) } else { item(scanner) }
}

/// A level `{"px":"105055.0","sz":"3.03622","n":5}`.
fn level(scanner: &mut Scanner<'_>) -> Result<PriceLevel> {
    let start = *scanner;
    let (mut price, mut quantity) = (None, None);
    scanner.object(|s, key| {
        match key {
            b"px" => price = Some(s.decimal()?),
            b"sz" => quantity = Some(s.decimal()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    price.zip(quantity).ok_or_else(|| start.error("a level with px, sz"))
}

fn levels(scanner: &mut Scanner<'_>, out: &mut Vec<PriceLevel>) -> Result<()> {
    out.clear();
    scanner.array(|s| {
        out.push(level(s)?);
        Ok(())
    })
}

/// Best bid and ask; a side that is empty is `null`, or missing at the end.
fn best(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Quote> {
    let start = *scanner;
    let (mut id, mut time, mut sides, mut at) = (None, 0, [PriceLevel::default(); 2], None);
    scanner.object(|s, key| {
        match key {
            b"coin" => id = Some(coin(s)?),
            b"time" => time = s.unsigned()?,
            b"bbo" => {
                let mut index = 0;
                s.array(|s| {
                    let Some(side) = sides.get_mut(index) else { return Err(s.error("two sides")) };
                    index += 1;
                    if !s.take_null() {
                        *side = level(s)?;
                    }
                    Ok(())
                })?;
                at = Some(index);
            }
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), Some(_)) = (id, at) else { return Err(start.error("a bbo with coin, bbo")) };
    let [bid, ask] = sides;
    Ok(Quote {
        instrument,
        bid_price: bid.0.into(),
        bid_quantity: bid.1.into(),
        ask_price: ask.0.into(),
        ask_quantity: ask.1.into(),
        sequence: time.into(),
        venue_ns: time_ns(time).into(),
        received_ns: received_ns.into(),
    })
}

/// A trade; `side` is the taker's: `B` bought, `A` sold.
fn trade(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Trade> {
    let start = *scanner;
    let (mut id, mut side, mut price, mut quantity, mut trade_id, mut time) = (None, None, None, None, None, 0);
    scanner.object(|s, key| {
        match key {
            b"coin" => id = Some(coin(s)?),
            b"side" => {
                side = match s.raw_text()? {
                    b"B" => Some(Side::Buy),
                    b"A" => Some(Side::Sell),
                    _ => None,
                }
            }
            b"px" => price = Some(s.decimal()?),
            b"sz" => quantity = Some(s.decimal()?),
            b"tid" => trade_id = Some(s.unsigned()?),
            b"time" => time = s.unsigned()?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), Some(side), Some(price), Some(quantity), Some(trade_id)) =
        (id, side, price, quantity, trade_id)
    else {
        return Err(start.error("a trade with coin, side, px, sz, tid"));
    };
    Ok(Trade {
        instrument,
        price: price.into(),
        quantity: quantity.into(),
        side: side.into(),
        trade_id: trade_id.into(),
        venue_ns: time_ns(time).into(),
        received_ns: received_ns.into(),
        ..Trade::default()
    })
}

/// A candle; the venue does not say when one is closed: it is once another one has begun.
fn candle(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Candle> {
    let start = *scanner;
    let (mut id, mut interval, mut open_ns, mut trades) = (None, None, None, 0);
    let [mut open, mut high, mut low, mut close, mut volume] = [None::<Decimal64>; 5];
    scanner.object(|s, key| {
        match key {
            b"s" => id = Some(coin(s)?),
            b"i" => interval = Some(s.text()?),
            b"t" => open_ns = Some(time_ns(s.unsigned()?)),
            b"o" => open = Some(s.decimal()?),
            b"h" => high = Some(s.decimal()?),
            b"l" => low = Some(s.decimal()?),
            b"c" => close = Some(s.decimal()?),
            b"v" => volume = Some(s.decimal_cut()?),
            b"n" => trades = s.unsigned()?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), Some(interval), Some(open_ns)) = (id, interval, open_ns) else {
        return Err(start.error("a candle with s, i, t"));
    };
    let (Some(open), Some(high), Some(low), Some(close), Some(volume)) = (open, high, low, close, volume) else {
        return Err(start.error("a candle with o, h, l, c, v"));
    };
    Ok(Candle {
        instrument,
        // Spelled as Binance does; a month has none, because months differ.
        interval_ns: crate::binance::subscribe::interval_ns(interval).unwrap_or(0).into(),
        open_ns: open_ns.into(),
        open: open.into(),
        high: high.into(),
        low: low.into(),
        close: close.into(),
        volume: volume.into(),
        trade_count: u32::try_from(trades).unwrap_or(u32::MAX).into(),
        received_ns: received_ns.into(),
        ..Candle::default()
    })
}

/// The answer to `candleSnapshot`: calls `on` with each candle. Those that ended before `now_ns` are closed.
///
/// # Errors
/// When it is not what the venue sends, with the place; candles before it have been told.
pub fn candles(body: &[u8], now_ns: u64, mut on: impl FnMut(&Candle)) -> Result<()> {
    let mut scanner = Scanner::new(body);
    scanner.array(|s| {
        let mut candle = candle(s, now_ns)?;
        let end_ns = candle.open_ns.get().saturating_add(candle.interval_ns.get());
        candle.closed = u8::from(candle.interval_ns.get() > 0 && end_ns <= now_ns);
        on(&candle);
        Ok(())
    })?;
    scanner.end()
}

/// Mark, oracle and funding of a coin, and its open interest. The message has no time.
fn context(scanner: &mut Scanner<'_>, received_ns: u64, on: On<'_>) -> Result<()> {
    let start = *scanner;
    let (mut id, mut mark, mut index, mut rate, mut interest, mut found) = (None, None, None, None, None, false);
    scanner.object(|s, key| {
        match key {
            b"coin" => id = Some(coin(s)?),
            b"ctx" => {
                found = true;
                s.object(|s, key| {
                    match key {
                        b"markPx" => mark = decimal_or_null(s)?,
                        b"oraclePx" => index = decimal_or_null(s)?,
                        b"funding" => rate = decimal_or_null(s)?,
                        b"openInterest" if !s.take_null() => interest = Some(s.decimal_cut()?),
                        b"openInterest" => {}
                        _ => drop(s.skip()?),
                    }
                    Ok(())
                })?;
            }
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), true) = (id, found) else { return Err(start.error("a context with coin, ctx")) };
    let funding = rate.map(|rate| Funding { rate, interval_ns: FUNDING_INTERVAL_NS, next_ns: 0 });
    on(&Message::Mark(MarkUpdate { instrument, mark, index, funding, venue_ns: 0, received_ns }));
    if let Some(quantity) = interest {
        on(&Message::OpenInterest(OpenInterest {
            instrument,
            quantity: quantity.into(),
            received_ns: received_ns.into(),
            ..OpenInterest::default()
        }));
    }
    Ok(())
}

fn decimal_or_null(scanner: &mut Scanner<'_>) -> Result<Option<Decimal64>> {
    if scanner.take_null() { Ok(None) } else { scanner.decimal().map(Some) }
}

/// What a subscription was answered with.
fn response<'a>(scanner: &mut Scanner<'a>) -> Result<Reply<'a>> {
    let mut reply = Reply::new("subscribe");
    scanner.object(|s, key| {
        match key {
            b"method" => reply.kind = s.text()?,
            b"subscription" => s.object(|s, key| {
                match key {
                    b"type" => reply.channel = s.text()?,
                    b"coin" if s.peek() == b'"' => reply.instrument = Some(coin(s)?),
                    _ => drop(s.skip()?),
                }
                Ok(())
            })?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    Ok(reply)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
