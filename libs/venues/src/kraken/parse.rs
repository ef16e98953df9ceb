//! Frames of WebSocket v2 to messages: one pass, in place.
//!
//! A frame is a channel's (`channel`, `type`, `data`), or the answer to a request (`method`). Fields may come in any order;
//! in the usual one nothing is read twice.

use mesh_types::market::{Candle, Quote, Trade, VenueStatus};
use mesh_types::{Decimal64, FixedStr, InstrumentId, Side, Venue, VenueState};

use super::instruments;
use crate::json::{JsonError, Scanner};
use crate::message::{BookUpdate, Checksum, Continuity, Message, PriceLevel, Reply};
use crate::time::parse_rfc3339;

type Result<T> = core::result::Result<T, JsonError>;

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
    /// When the frame is not what Kraken sends, with the place. A list's messages before the place have been told.
    pub fn parse(&mut self, frame: &[u8], received_ns: u64, on: &mut dyn FnMut(&Message<'_>)) -> Result<()> {
        let mut scanner = Scanner::new(frame);
        let (mut channel, mut kind, mut data, mut told) = (None, None, None, false);
        let mut reply: Option<Reply<'_>> = None;
        let (mut error, mut symbol, mut id) = (None, None, None);
        scanner.object(|s, key| {
            match key {
                b"channel" => channel = Some(s.text()?),
                b"type" => kind = Some(s.text()?),
                b"data" => match (channel, kind) {
                    (Some(channel), Some(kind)) => {
                        told = true;
                        self.data(s, channel, kind == "snapshot", received_ns, on)?;
                    }
                    _ => {
                        s.peek();
                        data = Some(*s);
                        s.skip()?;
                    }
                },
                b"method" => reply.get_or_insert(Reply::new("")).kind = s.text()?,
                b"result" if s.peek() == b'{' => result(s, reply.get_or_insert(Reply::new("")))?,
                b"error" if s.peek() == b'"' => error = core::str::from_utf8(s.raw_text()?).ok(),
                b"symbol" if s.peek() == b'"' => symbol = super::instrument(s.text()?).ok(),
                b"req_id" if s.peek().is_ascii_digit() => id = Some(s.unsigned()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        scanner.end()?;
        if let Some(mut reply) = reply {
            reply.error = error;
            reply.id = id;
            reply.instrument = reply.instrument.or(symbol);
            on(&Message::Reply(reply));
            return Ok(());
        }
        let Some(channel) = channel else {
            if error.is_none() {
                return Err(scanner.error("the field \"channel\" or \"method\""));
            }
            on(&Message::Reply(Reply { error, id, instrument: symbol, ..Reply::new("error") }));
            return Ok(());
        };
        match data {
            _ if told => Ok(()),
            Some(mut data) => self.data(&mut data, channel, kind == Some("snapshot"), received_ns, on),
            None if channel == "heartbeat" => {
                on(&Message::Ignored { kind: channel });
                Ok(())
            }
            None => Err(scanner.error("the field \"data\"")),
        }
    }

    fn data(
        &mut self,
        scanner: &mut Scanner<'_>,
        channel: &str,
        snapshot: bool,
        received_ns: u64,
        on: &mut dyn FnMut(&Message<'_>),
    ) -> Result<()> {
        match channel {
            "book" => scanner.array(|s| self.book(s, snapshot, on)),
            "trade" => scanner.array(|s| {
                on(&Message::Trade { trade: trade(s, received_ns)?, past: snapshot });
                Ok(())
            }),
            "ticker" => scanner.array(|s| {
                on(&Message::Quote(ticker(s, received_ns)?));
                Ok(())
            }),
            "ohlc" => scanner.array(|s| {
                on(&Message::Candle { candle: candle(s, received_ns)?, past: snapshot });
                Ok(())
            }),
            "instrument" => instruments::channel(scanner, received_ns, &mut |info| on(&Message::Instrument(*info))),
            "status" => scanner.array(|s| {
                on(&Message::Status(status(s, received_ns)?));
                Ok(())
            }),
            _ => {
                scanner.skip()?;
                on(&Message::Ignored { kind: channel });
                Ok(())
            }
        }
    }

    fn book(&mut self, scanner: &mut Scanner<'_>, snapshot: bool, on: &mut dyn FnMut(&Message<'_>)) -> Result<()> {
        let start = *scanner;
        let (mut instrument, mut checksum, mut venue_ns) = (None, None, 0);
        let (mut has_bids, mut has_asks) = (false, false);
        scanner.object(|s, key| {
            match key {
                b"symbol" => instrument = Some(symbol(s)?),
                b"bids" => {
                    levels(s, &mut self.bids)?;
                    has_bids = true;
                }
                b"asks" => {
                    levels(s, &mut self.asks)?;
                    has_asks = true;
                }
                b"checksum" => checksum = Some(Checksum::Kraken(unsigned_32(s)?)),
                b"timestamp" => venue_ns = timestamp(s)?,
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        let (Some(instrument), true, true, Some(_)) = (instrument, has_bids, has_asks, checksum) else {
            return Err(start.error("a book with symbol, bids, asks, checksum"));
        };
        on(&Message::Book(BookUpdate {
            instrument,
            channel: "book",
            snapshot,
            depth: None,
            continuity: Continuity::None,
            checksum,
            venue_ns,
            bids: &self.bids,
            asks: &self.asks,
        }));
        Ok(())
    }
}

/// The `result` of an answer.
fn result<'a>(scanner: &mut Scanner<'a>, reply: &mut Reply<'a>) -> Result<()> {
    scanner.object(|s, key| {
        match key {
            b"channel" => reply.channel = s.text()?,
            b"symbol" if s.peek() == b'"' => reply.instrument = Some(symbol(s)?),
            b"depth" => reply.depth = Some(s.unsigned()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })
}

fn unsigned_32(scanner: &mut Scanner<'_>) -> Result<u32> {
    let start = *scanner;
    u32::try_from(scanner.unsigned()?).map_err(|_| start.error("a checksum of 32 bits"))
}

/// A pair's name.
pub(super) fn symbol(scanner: &mut Scanner<'_>) -> Result<InstrumentId> {
    let start = *scanner;
    super::instrument(scanner.text()?).map_err(|_| start.error("a symbol as \"BTC/USD\""))
}

/// A time in RFC 3339.
fn timestamp(scanner: &mut Scanner<'_>) -> Result<u64> {
    scanner.peek();
    let start = *scanner;
    parse_rfc3339(scanner.raw_text()?).ok_or_else(|| start.error("a time as \"2026-08-01T02:53:53.398143Z\""))
}

/// Levels as `[{"price":45283.5,"qty":0.10000000}, …]`.
fn levels(scanner: &mut Scanner<'_>, out: &mut Vec<PriceLevel>) -> Result<()> {
    out.clear();
    scanner.array(|s| {
        if s.take_bytes(br#"{"price":"#) {
            let price = s.decimal()?;
            if s.take_bytes(br#","qty":"#) {
                out.push((price, s.decimal()?));
                return s.expect(b'}', "'}' after a level's quantity");
            }
            return Err(s.error("a level with price and qty"));
        }
        let start = *s;
        let (mut price, mut quantity) = (None, None);
        s.object(|s, key| {
            match key {
                b"price" => price = Some(s.decimal()?),
                b"qty" => quantity = Some(s.decimal()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        out.push(price.zip(quantity).ok_or_else(|| start.error("a level with price and qty"))?);
        Ok(())
    })
}

fn trade(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Trade> {
    let start = *scanner;
    let (mut instrument, mut side, mut price, mut quantity, mut id, mut venue_ns) = (None, None, None, None, None, 0);
    scanner.object(|s, key| {
        match key {
            b"symbol" => instrument = Some(symbol(s)?),
            b"side" => {
                side = match s.raw_text()? {
                    b"buy" => Some(Side::Buy),
                    b"sell" => Some(Side::Sell),
                    _ => None,
                }
            }
            b"price" => price = Some(s.decimal()?),
            b"qty" => quantity = Some(s.decimal()?),
            b"trade_id" => id = Some(s.unsigned()?),
            b"timestamp" => venue_ns = timestamp(s)?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), Some(side), Some(price), Some(quantity), Some(id)) = (instrument, side, price, quantity, id)
    else {
        return Err(start.error("a trade with symbol, side, price, qty, trade_id"));
    };
    Ok(Trade {
        instrument,
        price: price.into(),
        quantity: quantity.into(),
        side: side.into(),
        trade_id: id.into(),
        venue_ns: venue_ns.into(),
        received_ns: received_ns.into(),
        ..Trade::default()
    })
}

fn ticker(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Quote> {
    let start = *scanner;
    let (mut instrument, mut venue_ns) = (None, 0);
    let [mut bid, mut bid_quantity, mut ask, mut ask_quantity] = [None::<Decimal64>; 4];
    scanner.object(|s, key| {
        match key {
            b"symbol" => instrument = Some(symbol(s)?),
            b"bid" => bid = Some(s.decimal()?),
            b"bid_qty" => bid_quantity = Some(s.decimal()?),
            b"ask" => ask = Some(s.decimal()?),
            b"ask_qty" => ask_quantity = Some(s.decimal()?),
            b"timestamp" => venue_ns = timestamp(s)?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), Some(bid), Some(bid_quantity), Some(ask), Some(ask_quantity)) =
        (instrument, bid, bid_quantity, ask, ask_quantity)
    else {
        return Err(start.error("a ticker with symbol, bid, bid_qty, ask, ask_qty"));
    };
    Ok(Quote {
        instrument,
        bid_price: bid.into(),
        bid_quantity: bid_quantity.into(),
        ask_price: ask.into(),
        ask_quantity: ask_quantity.into(),
        venue_ns: venue_ns.into(),
        received_ns: received_ns.into(),
        ..Quote::default()
    })
}

/// A candle. Kraken does not say when one is closed: it is once another one has begun.
fn candle(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Candle> {
    let start = *scanner;
    let (mut instrument, mut open_ns, mut minutes, mut trades, mut venue_ns) = (None, None, None, 0, 0);
    let [mut open, mut high, mut low, mut close, mut volume] = [None::<Decimal64>; 5];
    scanner.object(|s, key| {
        match key {
            b"symbol" => instrument = Some(symbol(s)?),
            b"interval" => minutes = Some(s.unsigned()?),
            b"interval_begin" => open_ns = Some(timestamp(s)?),
            b"open" => open = Some(s.decimal()?),
            b"high" => high = Some(s.decimal()?),
            b"low" => low = Some(s.decimal()?),
            b"close" => close = Some(s.decimal()?),
            b"volume" => volume = Some(s.decimal()?),
            b"trades" => trades = s.unsigned()?,
            b"timestamp" => venue_ns = timestamp(s)?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), Some(open_ns), Some(minutes)) = (instrument, open_ns, minutes) else {
        return Err(start.error("a candle with symbol, interval_begin, interval"));
    };
    let (Some(open), Some(high), Some(low), Some(close), Some(volume)) = (open, high, low, close, volume) else {
        return Err(start.error("a candle with open, high, low, close, volume"));
    };
    Ok(Candle {
        instrument,
        interval_ns: minutes.saturating_mul(60_000_000_000).into(),
        open_ns: open_ns.into(),
        open: open.into(),
        high: high.into(),
        low: low.into(),
        close: close.into(),
        volume: volume.into(),
        trade_count: u32::try_from(trades).unwrap_or(u32::MAX).into(),
        venue_ns: venue_ns.into(),
        received_ns: received_ns.into(),
        ..Candle::default()
    })
}

fn status(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<VenueStatus> {
    let start = *scanner;
    let mut system = None;
    scanner.object(|s, key| {
        match key {
            b"system" => system = Some(s.text()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let system = system.ok_or_else(|| start.error("a status with system"))?;
    let state = match system {
        "online" => VenueState::Up,
        "maintenance" => VenueState::Maintenance,
        // cancel_only, post_only, limit_only, and what is not known here.
        _ => VenueState::Degraded,
    };
    Ok(VenueStatus {
        venue: Venue::Kraken.into(),
        state: state.into(),
        since_ns: received_ns.into(),
        reason: FixedStr::truncated(system),
        ..VenueStatus::default()
    })
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
