//! The order book server (`dlob.drift.trade`) and the data API's socket: books, trades, candles.
//!
//! The server's books are raw integers, whole each time, and hold liquidity that is only `indicative`, which is left out;
//! their slot orders them. Its frames carry JSON as a text, once or twice. Its trades name a market by its index only: which
//! one that is, its books tell. The data API's numbers are decimals.

use std::collections::BTreeMap;

use mesh_types::market::{Candle, Trade};
use mesh_types::{Decimal64, InstrumentId, Rounding, Side};

use super::{BASE_EXPONENT, QUOTE_EXPONENT, time_ns};
use crate::json::{JsonError, Scanner};
use crate::message::{BookUpdate, Continuity, Message, PriceLevel, Reply};

type Result<T> = core::result::Result<T, JsonError>;
type On<'o> = &'o mut dyn FnMut(&Message<'_>);

/// How often a frame's data may be a text of a text.
const MAX_LAYERS: usize = 3;

/// Reads frames and answers; keeps the memory of levels between them.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    bids: Vec<PriceLevel>,
    asks: Vec<PriceLevel>,
    /// Markets by their index, of those that books named.
    markets: BTreeMap<u64, InstrumentId>,
}

/// Markets whose index is remembered.
const MAX_MARKETS: usize = 1_000;

impl Parser {
    /// A parser.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `on` with each message of a frame, or of the answer to `/l2`.
    ///
    /// # Errors
    /// When it is not what the servers send, with the place.
    pub fn parse(&mut self, frame: &[u8], received_ns: u64, on: On<'_>) -> Result<()> {
        let mut scanner = Scanner::new(frame);
        let (mut channel, mut data, mut message, mut error, mut is_book, mut symbol) =
            (None, None, false, None, false, None);
        scanner.object(|s, key| {
            match key {
                b"channel" | b"channelType" if channel.is_none() => channel = Some(s.text()?),
                b"data" => {
                    s.peek();
                    data = Some(s.skip()?);
                }
                b"message" => {
                    message = true;
                    s.skip()?;
                }
                b"error" => error = core::str::from_utf8(s.raw_text()?).ok(),
                b"bids" | b"asks" => {
                    is_book = true;
                    s.skip()?;
                }
                b"symbol" => symbol = Some(s.text()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        scanner.end()?;
        if is_book {
            return self.book(&mut Scanner::new(frame), on);
        }
        let Some(channel) = channel else {
            if !message {
                return Err(scanner.error("the field \"channel\", or a book with bids, asks"));
            }
            on(&Message::Reply(Reply::new("subscribe")));
            return Ok(());
        };
        if error.is_some() {
            on(&Message::Reply(Reply { channel, error, ..Reply::new("subscribe") }));
            return Ok(());
        }
        let Some(data) = data else {
            on(&Message::Ignored { kind: channel });
            return Ok(());
        };
        let layers = unwrapped(data);
        let data = layers.as_deref().unwrap_or(data);
        let kind = channel.split(['_', ':']).next().unwrap_or(channel);
        match kind {
            "orderbook" if Scanner::new(data).object(|s, _| s.skip().map(drop)).is_ok() && has_key(data, b"levels") => {
                self.api_book(&mut Scanner::new(data), on)
            }
            "orderbook" => self.book(&mut Scanner::new(data), on),
            "trades" => one_or_many(&mut Scanner::new(data), |s| {
                let trade = raw_trade(s, &self.markets, received_ns)?;
                on(&trade.map_or(Message::Ignored { kind: "trades" }, |trade| Message::Trade { trade, past: false }));
                Ok(())
            }),
            "candle" => {
                let candle = candle(&mut Scanner::new(data), received_ns)?;
                on(&Message::Candle { candle, past: false });
                Ok(())
            }
            _ => {
                on(&Message::Ignored { kind: channel });
                Ok(())
            }
        }
    }

    /// A book of raw integers.
    fn book(&mut self, scanner: &mut Scanner<'_>, on: On<'_>) -> Result<()> {
        let start = *scanner;
        let (mut id, mut index, mut time, mut slot, mut sides) = (None, None, 0, 0, 0);
        scanner.object(|s, key| {
            match key {
                b"marketIndex" => index = Some(s.unsigned()?),
                b"marketName" => id = Some(instrument(s)?),
                b"ts" => time = s.unsigned()?,
                b"slot" => slot = s.unsigned()?,
                b"bids" => {
                    sides |= 1;
                    raw_levels(s, &mut self.bids)?;
                }
                b"asks" => {
                    sides |= 2;
                    raw_levels(s, &mut self.asks)?;
                }
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        let (Some(instrument), 3) = (id, sides) else { return Err(start.error("a book with marketName, bids, asks")) };
        if let Some(index) = index
            && self.markets.len() < MAX_MARKETS
        {
            self.markets.insert(index, instrument);
        }
        on(&Message::Book(self.update(instrument, slot, time_ns(time))));
        Ok(())
    }

    /// A book of decimals.
    fn api_book(&mut self, scanner: &mut Scanner<'_>, on: On<'_>) -> Result<()> {
        let start = *scanner;
        let (mut id, mut sides) = (None, 0);
        scanner.object(|s, key| {
            match key {
                b"symbol" => id = Some(instrument(s)?),
                b"levels" => s.array(|s| {
                    sides += 1;
                    let out = if sides == 1 { &mut self.bids } else { &mut self.asks };
                    out.clear();
                    s.array(|s| {
                        out.push(s.take_level().ok_or_else(|| s.error("a level as [\"85.56\",\"2942.3\"]"))?);
                        Ok(())
                    })
                })?,
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        let (Some(instrument), 2) = (id, sides) else { return Err(start.error("a book with symbol, levels")) };
        on(&Message::Book(self.update(instrument, 0, 0)));
        Ok(())
    }

    fn update(&self, instrument: InstrumentId, slot: u64, venue_ns: u64) -> BookUpdate<'_> {
        BookUpdate {
            instrument,
            channel: "orderbook",
            snapshot: true,
            depth: None,
            continuity: Continuity::Block { sequence: slot },
            checksum: None,
            venue_ns,
            bids: &self.bids,
            asks: &self.asks,
        }
    }
}

fn has_key(object: &[u8], name: &[u8]) -> bool {
    let mut found = false;
    let read = Scanner::new(object).object(|s, key| {
        found |= key == name;
        s.skip().map(drop)
    });
    read.is_ok() && found
}

/// JSON inside of a text, or of a text of it.
fn unwrapped(data: &[u8]) -> Option<Vec<u8>> {
    let mut inner: Option<Vec<u8>> = None;
    for _ in 0..MAX_LAYERS {
        let now = inner.as_deref().unwrap_or(data);
        if !now.starts_with(b"\"") {
            break;
        }
        inner = Some(serde_json::from_slice::<String>(now).ok()?.into_bytes());
    }
    inner
}

fn one_or_many(scanner: &mut Scanner<'_>, mut item: impl FnMut(&mut Scanner<'_>) -> Result<()>) -> Result<()> {
    if scanner.peek() == b'[' { scanner.array(item) } else { item(scanner) }
}

fn instrument(scanner: &mut Scanner<'_>) -> Result<InstrumentId> {
    let start = *scanner;
    super::instrument(scanner.text()?).map_err(|_| start.error("a market as \"SOL-PERP\""))
}

fn raw(scanner: &mut Scanner<'_>, exponent: i8) -> Result<Decimal64> {
    let start = *scanner;
    let value = scanner.decimal()?;
    if value.exponent == 0 { Ok(Decimal64::new(value.mantissa, exponent)) } else { Err(start.error("a raw integer")) }
}

/// Levels `{"price":"80260400","size":"406202100000","sources":{"dlob":"…"}}`, of which what is only indicative is taken
/// away.
fn raw_levels(scanner: &mut Scanner<'_>, out: &mut Vec<PriceLevel>) -> Result<()> {
    out.clear();
    scanner.array(|s| {
        let start = *s;
        let (mut price, mut size, mut indicative) = (None, None, 0);
        s.object(|s, key| {
            match key {
                b"price" => price = Some(raw(s, QUOTE_EXPONENT)?),
                b"size" => size = Some(raw(s, BASE_EXPONENT)?),
                b"sources" => s.object(|s, key| {
                    match key {
                        b"indicative" => indicative = raw(s, BASE_EXPONENT)?.mantissa,
                        _ => drop(s.skip()?),
                    }
                    Ok(())
                })?,
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        let (price, size) = price.zip(size).ok_or_else(|| start.error("a level with price, size"))?;
        let firm = size.mantissa.saturating_sub(indicative);
        if firm > 0 {
            out.push((price, Decimal64::new(firm, size.exponent)));
        }
        Ok(())
    })
}

/// A trade of the server: an event of the program in raw integers. `None` where it is no fill, or of a market that no book
/// has named.
fn raw_trade(
    scanner: &mut Scanner<'_>,
    markets: &BTreeMap<u64, InstrumentId>,
    received_ns: u64,
) -> Result<Option<Trade>> {
    let start = *scanner;
    let (mut id, mut index, mut base, mut quote, mut side, mut time, mut fill, mut trade_id) =
        (None, None, None, None, None, 0, true, 0);
    scanner.object(|s, key| {
        match key {
            b"marketName" | b"symbol" => id = Some(instrument(s)?),
            b"marketIndex" => index = Some(s.unsigned()?),
            b"baseAssetAmountFilled" => base = Some(raw(s, BASE_EXPONENT)?),
            b"quoteAssetAmountFilled" => quote = Some(raw(s, QUOTE_EXPONENT)?),
            b"takerOrderDirection" if s.peek() == b'"' => {
                side = match s.raw_text()? {
                    b"long" => Some(Side::Buy),
                    b"short" => Some(Side::Sell),
                    _ => None,
                }
            }
            b"ts" => time = s.unsigned()?,
            b"action" if s.peek() == b'"' => fill = s.raw_text()? == b"fill",
            b"fillRecordId" => trade_id = s.unsigned()?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(base), Some(quote)) = (base, quote) else {
        return Err(start.error("a trade with baseAssetAmountFilled, quoteAssetAmountFilled"));
    };
    let Some(instrument) = id.or_else(|| markets.get(&index?).copied()) else { return Ok(None) };
    if !fill || !base.is_positive() || !quote.is_positive() {
        return Ok(None);
    }
    let price = quote.div_rounded(base, QUOTE_EXPONENT, Rounding::TowardsZero);
    let price = price.map_err(|_| start.error("amounts whose quotient fits"))?;
    let mut trade = Trade {
        instrument,
        price: price.into(),
        quantity: base.into(),
        trade_id: trade_id.into(),
        venue_ns: time_ns(time).into(),
        received_ns: received_ns.into(),
        ..Trade::default()
    };
    if let Some(side) = side {
        trade.side = side.into();
    }
    Ok(Some(trade))
}

/// A candle of the data API; `resolution` is in minutes, or `D`, `W`.
fn candle(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Candle> {
    let start = *scanner;
    let (mut id, mut resolution, mut time) = (None, None, None);
    let mut prices = [None::<Decimal64>; 5];
    let names: [&[u8]; 5] = [b"fillOpen", b"fillHigh", b"fillLow", b"fillClose", b"baseVolume"];
    scanner.object(|s, key| {
        match key {
            b"symbol" => id = Some(instrument(s)?),
            b"resolution" => resolution = Some(s.text()?),
            b"ts" => time = Some(s.unsigned()?),
            _ => match names.iter().position(|name| *name == key).and_then(|at| prices.get_mut(at)) {
                Some(price) => *price = Some(s.decimal_cut()?),
                None => drop(s.skip()?),
            },
        }
        Ok(())
    })?;
    let minutes = match resolution {
        Some("D") => 1_440,
        Some("W") => 10_080,
        Some(text) => text.parse().unwrap_or(0),
        None => 0,
    };
    let (Some(instrument), Some(time), [Some(open), Some(high), Some(low), Some(close), Some(volume)]) =
        (id, time, prices)
    else {
        return Err(start.error("a candle with symbol, ts, fillOpen, fillHigh, fillLow, fillClose, baseVolume"));
    };
    Ok(Candle {
        instrument,
        interval_ns: u64::saturating_mul(minutes, 60_000_000_000).into(),
        open_ns: time_ns(time).into(),
        open: open.into(),
        high: high.into(),
        low: low.into(),
        close: close.into(),
        volume: volume.into(),
        received_ns: received_ns.into(),
        ..Candle::default()
    })
}
