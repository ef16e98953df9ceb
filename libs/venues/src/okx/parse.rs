//! Frames to messages: one pass, in place.
//!
//! A frame is a channel's (`arg`, `data`, for books `action` between them), an event (`event`), the answer to an operation
//! (`op`), or the bare text `pong`. Fields may come in any order; in the usual one nothing is read twice.

use mesh_types::market::{Candle, Liquidation, OpenInterest, Quote, Trade, VenueStatus};
use mesh_types::{Decimal64, FixedStr, InstrumentId, Side, Venue, VenueState};

use super::{instruments, time_ns};
use crate::json::{JsonError, Scanner};
use crate::message::{BookUpdate, Checksum, Continuity, Funding, MarkUpdate, Message, PriceLevel, Reply};

type Result<T> = core::result::Result<T, JsonError>;
type On<'o> = &'o mut dyn FnMut(&Message<'_>);

/// Reads frames; keeps the memory of levels between them.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    bids: Vec<PriceLevel>,
    asks: Vec<PriceLevel>,
}

/// What a channel's frame is about.
#[derive(Clone, Copy, Default)]
struct Arg<'a> {
    channel: &'a str,
    instrument: Option<InstrumentId>,
}

impl Parser {
    /// A parser.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `on` with each message of a frame.
    ///
    /// # Errors
    /// When the frame is not what OKX sends, with the place. A list's messages before the place have been told.
    pub fn parse(&mut self, frame: &[u8], received_ns: u64, on: On<'_>) -> Result<()> {
        if frame == b"pong" {
            on(&Message::Reply(Reply::new("pong")));
            return Ok(());
        }
        let mut scanner = Scanner::new(frame);
        let (mut arg, mut snapshot, mut data, mut told): (Option<Arg<'_>>, Option<bool>, _, _) =
            (None, None, None, false);
        let (mut event, mut operation, mut code, mut text, mut id) = (None, None, None, None, None);
        scanner.object(|s, key| {
            match key {
                b"arg" => arg = Some(read_arg(s)?),
                b"action" => snapshot = Some(s.raw_text()? == b"snapshot"),
                b"data" => match arg {
                    // A change of a book is told by `action` only, which may still come.
                    Some(arg) if snapshot.is_some() || !is_incremental(arg.channel) => {
                        told = true;
                        self.data(s, arg, snapshot, received_ns, on)?;
                    }
                    _ => {
                        s.peek();
                        data = Some(*s);
                        s.skip()?;
                    }
                },
                b"event" => event = Some(s.text()?),
                b"op" => operation = Some(s.text()?),
                b"code" if s.peek() == b'"' => code = Some(s.raw_text()?),
                b"msg" if s.peek() == b'"' => text = core::str::from_utf8(s.raw_text()?).ok(),
                b"id" if s.peek() == b'"' => id = number(s.raw_text()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        scanner.end()?;
        if let Some(kind) = event.or(operation) {
            let failed = kind == "error" || code.is_some_and(|code| code != b"0" && event != Some("notice"));
            let Arg { channel, instrument } = arg.unwrap_or_default();
            let error = failed.then(|| text.unwrap_or_default());
            on(&Message::Reply(Reply { channel, instrument, id, error, ..Reply::new(kind) }));
            return Ok(());
        }
        match (arg, data) {
            _ if told => Ok(()),
            (Some(arg), Some(mut data)) => self.data(&mut data, arg, snapshot, received_ns, on),
            // An answer over HTTP, which the caller knows what to do with.
            (None, Some(_)) if code.is_some() => {
                on(&Message::Ignored { kind: "answer" });
                Ok(())
            }
            _ => Err(scanner.error("the fields \"arg\" and \"data\", or \"event\"")),
        }
    }

    fn data(
        &mut self,
        scanner: &mut Scanner<'_>,
        arg: Arg<'_>,
        snapshot: Option<bool>,
        received_ns: u64,
        on: On<'_>,
    ) -> Result<()> {
        match arg.channel {
            channel if is_incremental(channel) => {
                let snapshot = snapshot.ok_or_else(|| scanner.error("the field \"action\""))?;
                scanner.array(|s| self.book(s, arg, snapshot, on))
            }
            "books5" => scanner.array(|s| self.book(s, arg, true, on)),
            "bbo-tbt" => scanner.array(|s| self.best(s, arg, received_ns, on)),
            "trades" | "trades-all" => {
                each(scanner, on, |s| Ok(Message::Trade { trade: trade(s, received_ns)?, past: false }))
            }
            "tickers" => each(scanner, on, |s| ticker(s, received_ns).map(Message::Quote)),
            "funding-rate" => each(scanner, on, |s| funding(s, received_ns).map(Message::Mark)),
            "mark-price" => each(scanner, on, |s| mark(s, received_ns).map(Message::Mark)),
            "open-interest" => each(scanner, on, |s| open_interest(s, received_ns).map(Message::OpenInterest)),
            "liquidation-orders" => scanner.array(|s| liquidations(s, received_ns, on)),
            "instruments" => scanner.array(|s| {
                on(&Message::Instrument(instruments::one(s, received_ns)?));
                Ok(())
            }),
            "status" => each(scanner, on, |s| status(s, received_ns).map(Message::Status)),
            channel if let Some(interval) = channel.strip_prefix("candle") => {
                let instrument = arg.instrument.ok_or_else(|| scanner.error("an \"arg\" with \"instId\""))?;
                let interval_ns = interval_ns(interval);
                each(scanner, on, |s| {
                    Ok(Message::Candle { candle: candle(s, instrument, interval_ns, received_ns)?, past: false })
                })
            }
            channel => {
                scanner.skip()?;
                on(&Message::Ignored { kind: channel });
                Ok(())
            }
        }
    }

    /// `asks`, `bids` and what stands beside them.
    fn levels(&mut self, scanner: &mut Scanner<'_>) -> Result<BookFields> {
        let start = *scanner;
        let mut fields = BookFields::default();
        let (mut has_bids, mut has_asks) = (false, false);
        scanner.object(|s, key| {
            match key {
                b"bids" => {
                    levels(s, &mut self.bids)?;
                    has_bids = true;
                }
                b"asks" => {
                    levels(s, &mut self.asks)?;
                    has_asks = true;
                }
                b"ts" => fields.venue_ns = time_ns(s.unsigned()?),
                b"checksum" => fields.checksum = Some(signed_32(s)?),
                b"prevSeqId" => fields.previous = Some(s.signed()?),
                b"seqId" => fields.sequence = Some(s.signed()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        if has_bids && has_asks { Ok(fields) } else { Err(start.error("a book with asks and bids")) }
    }

    fn book(&mut self, scanner: &mut Scanner<'_>, arg: Arg<'_>, snapshot: bool, on: On<'_>) -> Result<()> {
        let instrument = arg.instrument.ok_or_else(|| scanner.error("an \"arg\" with \"instId\""))?;
        let fields = self.levels(scanner)?;
        let continuity = match fields.sequence {
            // A number that no book stands at, where a change names none: it continues nothing.
            Some(sequence) => Continuity::Chain {
                previous: (!snapshot).then(|| fields.previous.and_then(|p| u64::try_from(p).ok()).unwrap_or(u64::MAX)),
                sequence: u64::try_from(sequence).unwrap_or(0),
            },
            None => Continuity::None,
        };
        let depth = match arg.channel {
            "books5" => 5,
            "books50-l2-tbt" => 50,
            _ => 400,
        };
        on(&Message::Book(BookUpdate {
            instrument,
            channel: arg.channel,
            snapshot,
            depth: Some(depth),
            continuity,
            checksum: fields.checksum.map(Checksum::Okx),
            venue_ns: fields.venue_ns,
            bids: &self.bids,
            asks: &self.asks,
        }));
        Ok(())
    }

    /// Best bid and ask; a side may be empty.
    fn best(&mut self, scanner: &mut Scanner<'_>, arg: Arg<'_>, received_ns: u64, on: On<'_>) -> Result<()> {
        let instrument = arg.instrument.ok_or_else(|| scanner.error("an \"arg\" with \"instId\""))?;
        let fields = self.levels(scanner)?;
        let (bid, ask) =
            (self.bids.first().copied().unwrap_or_default(), self.asks.first().copied().unwrap_or_default());
        on(&Message::Quote(Quote {
            instrument,
            bid_price: bid.0.into(),
            bid_quantity: bid.1.into(),
            ask_price: ask.0.into(),
            ask_quantity: ask.1.into(),
            sequence: fields.sequence.and_then(|s| u64::try_from(s).ok()).unwrap_or(0).into(),
            venue_ns: fields.venue_ns.into(),
            received_ns: received_ns.into(),
        }));
        Ok(())
    }
}

#[derive(Default)]
struct BookFields {
    venue_ns: u64,
    checksum: Option<i32>,
    previous: Option<i64>,
    sequence: Option<i64>,
}

/// Channels of changes, whose frames have an `action`.
fn is_incremental(channel: &str) -> bool {
    matches!(channel, "books" | "books-l2-tbt" | "books50-l2-tbt")
}

/// Calls `on` with what `read` makes of each item.
fn each(
    scanner: &mut Scanner<'_>,
    on: On<'_>,
    read: impl Fn(&mut Scanner<'_>) -> Result<Message<'static>>,
) -> Result<()> {
    scanner.array(|s| {
        on(&read(s)?);
        Ok(())
    })
}

fn number(digits: &[u8]) -> Option<u64> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

fn read_arg<'a>(scanner: &mut Scanner<'a>) -> Result<Arg<'a>> {
    let mut arg = Arg::default();
    scanner.object(|s, key| {
        match key {
            b"channel" => arg.channel = s.text()?,
            b"instId" => arg.instrument = Some(instrument(s)?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    Ok(arg)
}

/// An `instId`.
pub(super) fn instrument(scanner: &mut Scanner<'_>) -> Result<InstrumentId> {
    let start = *scanner;
    super::instrument(scanner.text()?).map_err(|_| start.error("an instId as \"BTC-USDT-SWAP\""))
}

fn signed_32(scanner: &mut Scanner<'_>) -> Result<i32> {
    let start = *scanner;
    i32::try_from(scanner.signed()?).map_err(|_| start.error("a checksum of 32 bits"))
}

/// A decimal; `None` for an empty text.
pub(super) fn decimal_or_empty(scanner: &mut Scanner<'_>) -> Result<Option<Decimal64>> {
    scanner.peek();
    if scanner.take_bytes(b"\"\"") { Ok(None) } else { scanner.decimal().map(Some) }
}

/// A time in ms; 0 for an empty text.
fn time_or_empty(scanner: &mut Scanner<'_>) -> Result<u64> {
    scanner.peek();
    if scanner.take_bytes(b"\"\"") { Ok(0) } else { scanner.unsigned().map(time_ns) }
}

/// Levels as `[["8476.98","415","0","13"], …]`: price, quantity, a zero, and the number of orders.
fn levels(scanner: &mut Scanner<'_>, out: &mut Vec<PriceLevel>) -> Result<()> {
    out.clear();
    scanner.array(|s| {
        if let Some(level) = s.take_level_of_orders() {
            out.push(level);
            return Ok(());
        }
        s.expect(b'[', "a level")?;
        let price = s.decimal()?;
        s.expect(b',', "',' after a level's price")?;
        let quantity = s.decimal()?;
        while s.take(b',') {
            s.skip()?;
        }
        out.push((price, quantity));
        s.expect(b']', "']' after a level")
    })
}

pub(super) fn side(scanner: &mut Scanner<'_>) -> Result<Option<Side>> {
    Ok(match scanner.raw_text()? {
        b"buy" => Some(Side::Buy),
        b"sell" => Some(Side::Sell),
        _ => None,
    })
}

fn trade(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Trade> {
    let start = *scanner;
    let (mut id, mut trade_id, mut price, mut quantity, mut taker, mut venue_ns) = (None, None, None, None, None, 0);
    scanner.object(|s, key| {
        match key {
            b"instId" => id = Some(instrument(s)?),
            b"tradeId" => trade_id = Some(s.unsigned()?),
            b"px" => price = Some(s.decimal()?),
            b"sz" => quantity = Some(s.decimal()?),
            b"side" => taker = side(s)?,
            b"ts" => venue_ns = time_ns(s.unsigned()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), Some(trade_id), Some(price), Some(quantity), Some(side)) =
        (id, trade_id, price, quantity, taker)
    else {
        return Err(start.error("a trade with instId, tradeId, px, sz, side"));
    };
    Ok(Trade {
        instrument,
        price: price.into(),
        quantity: quantity.into(),
        side: side.into(),
        trade_id: trade_id.into(),
        venue_ns: venue_ns.into(),
        received_ns: received_ns.into(),
        ..Trade::default()
    })
}

fn ticker(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Quote> {
    let start = *scanner;
    let mut id = None;
    let mut quote = Quote { received_ns: received_ns.into(), ..Quote::default() };
    scanner.object(|s, key| {
        match key {
            b"instId" => id = Some(instrument(s)?),
            b"bidPx" => quote.bid_price = decimal_or_empty(s)?.unwrap_or_default().into(),
            b"bidSz" => quote.bid_quantity = decimal_or_empty(s)?.unwrap_or_default().into(),
            b"askPx" => quote.ask_price = decimal_or_empty(s)?.unwrap_or_default().into(),
            b"askSz" => quote.ask_quantity = decimal_or_empty(s)?.unwrap_or_default().into(),
            b"ts" => quote.venue_ns = time_ns(s.unsigned()?).into(),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    quote.instrument = id.ok_or_else(|| start.error("a ticker with instId"))?;
    Ok(quote)
}

/// The rate that is paid at `fundingTime`; the interval is from there to the next.
fn funding(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<MarkUpdate> {
    let start = *scanner;
    let (mut id, mut rate, mut at_ns, mut next_ns, mut venue_ns) = (None, None, 0, 0, 0);
    scanner.object(|s, key| {
        match key {
            b"instId" => id = Some(instrument(s)?),
            b"fundingRate" => rate = decimal_or_empty(s)?,
            b"fundingTime" => at_ns = time_or_empty(s)?,
            b"nextFundingTime" => next_ns = time_or_empty(s)?,
            b"ts" => venue_ns = time_or_empty(s)?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let instrument = id.ok_or_else(|| start.error("a funding rate with instId"))?;
    let interval_ns = if at_ns == 0 { 0 } else { next_ns.saturating_sub(at_ns) };
    let funding = rate.map(|rate| Funding { rate, interval_ns, next_ns: at_ns });
    Ok(MarkUpdate { instrument, mark: None, index: None, funding, venue_ns, received_ns })
}

fn mark(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<MarkUpdate> {
    let start = *scanner;
    let (mut id, mut mark, mut venue_ns) = (None, None, 0);
    scanner.object(|s, key| {
        match key {
            b"instId" => id = Some(instrument(s)?),
            b"markPx" => mark = Some(s.decimal()?),
            b"ts" => venue_ns = time_ns(s.unsigned()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), true) = (id, mark.is_some()) else {
        return Err(start.error("a mark price with instId, markPx"));
    };
    Ok(MarkUpdate { instrument, mark, index: None, funding: None, venue_ns, received_ns })
}

fn open_interest(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<OpenInterest> {
    let start = *scanner;
    let (mut id, mut contracts, mut base, mut notional, mut venue_ns) = (None, None, None, None, 0);
    scanner.object(|s, key| {
        match key {
            b"instId" => id = Some(instrument(s)?),
            b"oi" => contracts = figure_or_empty(s)?,
            b"oiCcy" => base = figure_or_empty(s)?,
            b"oiUsd" => notional = figure_or_empty(s)?,
            b"ts" => venue_ns = time_ns(s.unsigned()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), Some(quantity)) = (id, base.or(contracts)) else {
        return Err(start.error("an open interest with instId, oiCcy"));
    };
    Ok(OpenInterest {
        instrument,
        quantity: quantity.into(),
        notional: notional.unwrap_or_default().into(),
        venue_ns: venue_ns.into(),
        received_ns: received_ns.into(),
    })
}

/// A figure of information, its digits cut where there are too many; `None` for an empty text.
fn figure_or_empty(scanner: &mut Scanner<'_>) -> Result<Option<Decimal64>> {
    scanner.peek();
    if scanner.take_bytes(b"\"\"") { Ok(None) } else { scanner.decimal_cut().map(Some) }
}

/// Liquidations of one instrument, of which `details` has each.
fn liquidations(scanner: &mut Scanner<'_>, received_ns: u64, on: On<'_>) -> Result<()> {
    let start = *scanner;
    let (mut id, mut details) = (None, None);
    scanner.object(|s, key| {
        match key {
            b"instId" => id = Some(instrument(s)?),
            b"details" => {
                s.peek();
                details = Some(*s);
                s.skip()?;
            }
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(instrument), Some(mut details)) = (id, details) else {
        return Err(start.error("liquidations with instId, details"));
    };
    details.array(|s| {
        let start = *s;
        let (mut price, mut quantity, mut order_side, mut venue_ns) = (None, None, None, 0);
        s.object(|s, key| {
            match key {
                b"bkPx" => price = Some(s.decimal()?),
                b"sz" => quantity = Some(s.decimal()?),
                b"side" => order_side = side(s)?,
                b"ts" => venue_ns = time_ns(s.unsigned()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        let (Some(price), Some(quantity), Some(side)) = (price, quantity, order_side) else {
            return Err(start.error("a liquidation with bkPx, sz, side"));
        };
        on(&Message::Liquidation(Liquidation {
            instrument,
            price: price.into(),
            quantity: quantity.into(),
            side: side.into(),
            venue_ns: venue_ns.into(),
            received_ns: received_ns.into(),
            ..Liquidation::default()
        }));
        Ok(())
    })
}

/// A row `[ts, open, high, low, close, volume, …, confirm]`; volume of contracts for derivatives. Rows of old have no
/// `confirm`, and are taken for open.
pub(crate) fn candle(
    scanner: &mut Scanner<'_>,
    instrument: InstrumentId,
    interval_ns: u64,
    received_ns: u64,
) -> Result<Candle> {
    scanner.expect(b'[', "a candle's row")?;
    let open_ns = time_ns(scanner.unsigned()?);
    let mut values = [Decimal64::ZERO; 5];
    for value in &mut values {
        scanner.expect(b',', "',' between a candle's values")?;
        *value = scanner.decimal()?;
    }
    let (mut last, mut more): (&[u8], u32) = (b"", 0);
    while scanner.take(b',') {
        last = scanner.skip()?;
        more += 1;
    }
    scanner.expect(b']', "']' after a candle")?;
    let [open, high, low, close, volume] = values.map(Into::into);
    Ok(Candle {
        instrument,
        interval_ns: interval_ns.into(),
        open_ns: open_ns.into(),
        open,
        high,
        low,
        close,
        volume,
        closed: u8::from(more >= 3 && last == b"\"1\""),
        received_ns: received_ns.into(),
        ..Candle::default()
    })
}

/// Length of an interval as OKX spells it (`1m`, `4H`, `1Dutc`), ns; 0 for months, which differ, and for what is none.
pub fn interval_ns(interval: &str) -> u64 {
    let interval = interval.strip_suffix("utc").unwrap_or(interval);
    let Some((unit_at, unit)) = interval.char_indices().next_back() else { return 0 };
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'H' => 3_600,
        'D' => 86_400,
        'W' => 604_800,
        _ => return 0,
    };
    let count: u64 = interval.get(..unit_at).and_then(|count| count.parse().ok()).unwrap_or(0);
    count.saturating_mul(seconds).saturating_mul(1_000_000_000)
}

fn status(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<VenueStatus> {
    let start = *scanner;
    let (mut state, mut title) = (None, "");
    scanner.object(|s, key| {
        match key {
            b"state" => state = Some(s.text()?),
            b"title" => title = core::str::from_utf8(s.raw_text()?).unwrap_or_default(),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let state = match state.ok_or_else(|| start.error("a status with state"))? {
        "ongoing" => VenueState::Maintenance,
        _ => VenueState::Up,
    };
    Ok(VenueStatus {
        venue: Venue::Okx.into(),
        state: state.into(),
        since_ns: received_ns.into(),
        reason: FixedStr::truncated(title),
        ..VenueStatus::default()
    })
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
