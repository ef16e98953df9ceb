//! What an adapter does with a frame: read it, bring its book forward, and write messages of the mesh.

use std::error::Error;
use std::hint::black_box;

use mesh_book::{Exponents, Level, LevelError, PublicationHead, TopView};
use mesh_codec::{TailedTlv, TlvBody};
use mesh_types::InstrumentId;
use mesh_types::market::{BookDelta, BookLevel, Mark};
use mesh_types::wire::Tailed;
use mesh_venues::binance::event::Event;
use mesh_venues::binance::parse::Decoder;
use mesh_venues::binance::{Market, convert};
use mesh_venues::json::JsonError;
use mesh_venues::message::{BookUpdate, Continuity, Message, PriceLevel};
use mesh_venues::reader::{Language, Reader, Said};
use mesh_venues::{hyperliquid, kraken, okx};
use zerocopy::IntoBytes;

use super::corpus::Corpus;

/// Levels a side that are published, as adapters do by default.
const DEPTH: usize = 75;
/// A batch is handed on when it has so many bytes.
const BATCH_BYTES: usize = 64 << 10;
const RECEIVED_NS: u64 = 1_800_000_000_000_000_000;

/// TLVs, one after another; header and checksum of the messages that carry them are the codec's (`bench bus`). What was written
/// is written over, a batch later.
struct Out {
    bytes: Vec<u8>,
    written: u64,
}

impl Out {
    fn new() -> Self {
        Self { bytes: Vec::with_capacity(2 * BATCH_BYTES), written: 0 }
    }

    fn tlv(&mut self, number: u8, length: usize) {
        if self.bytes.len() > BATCH_BYTES {
            self.bytes.clear();
        }
        let [low, high] = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
        self.bytes.extend_from_slice(&[number, 0, low, high]);
        self.written += 1;
    }

    fn body<T: TlvBody>(&mut self, body: &T) {
        self.tlv(T::NUMBER, size_of::<T>());
        self.bytes.extend_from_slice(body.as_bytes());
    }

    fn tailed<T: TailedTlv>(&mut self, head: &T, items: &[T::Item]) {
        self.tlv(T::NUMBER, size_of::<T>() + size_of_val(items));
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(items.as_bytes());
    }

    /// Everything but books.
    fn message(&mut self, message: &Message<'_>) {
        match message {
            Message::Trade { trade, .. } => self.body(trade),
            Message::Quote(quote) => self.body(quote),
            Message::Candle { candle, .. } => self.body(candle),
            Message::OpenInterest(interest) => self.body(interest),
            Message::Liquidation(order) => self.body(order),
            Message::Instrument(info) => self.body(info),
            Message::Status(status) => self.body(status),
            Message::TradeGap(gap) => self.body(gap),
            Message::Mark(update) => {
                let mut mark = Mark::default();
                update.merge_into(&mut mark);
                self.body(&mark);
            }
            Message::Book(_) | Message::Reply(_) | Message::Ignored { .. } => {}
        }
    }

    fn finish(&mut self) -> u64 {
        black_box(&self.bytes);
        std::mem::take(&mut self.written)
    }
}

/// Books are told as the venue tells them: each change by itself, at the exponents that it needs.
pub(super) struct Messages {
    parser: Parser,
    out: Out,
    levels: Vec<BookLevel>,
    exponents: Exponents,
}

impl Messages {
    pub(super) fn new(corpus: &Corpus) -> Self {
        let parser = Parser::new(corpus.language);
        Self { parser, out: Out::new(), levels: Vec::new(), exponents: Exponents::default() }
    }

    /// Reads all frames; answers with how many messages were written.
    pub(super) fn pass(&mut self, corpus: &Corpus) -> Result<u64, Box<dyn Error>> {
        let Self { parser, out, levels, exponents } = self;
        for frame in &corpus.frames {
            parser.parse(frame, &mut |message| match message {
                Message::Book(update) => book(out, levels, exponents, update),
                message => out.message(message),
            })?;
        }
        Ok(out.finish())
    }
}

fn book(out: &mut Out, levels: &mut Vec<BookLevel>, exponents: &mut Exponents, update: &BookUpdate<'_>) {
    let most = BookDelta::MAX_ITEMS / 2;
    levels.clear();
    let mut convert = |side: &[PriceLevel]| -> u16 {
        let before = levels.len();
        for (price, quantity) in side.iter().take(most) {
            let level = match exponents.level(*price, *quantity) {
                Err(LevelError::Finer { needed, .. }) => {
                    *exponents = needed;
                    exponents.level(*price, *quantity)
                }
                level => level,
            };
            levels.push(level.unwrap_or(Level::new(0, 0)).into());
        }
        u16::try_from(levels.len() - before).unwrap_or(0)
    };
    let (bids, asks) = (convert(update.bids), convert(update.asks));
    let sequence = match update.continuity {
        Continuity::Chain { sequence, .. } | Continuity::Block { sequence } => sequence,
        Continuity::None => 0,
    };
    let head = BookDelta {
        instrument: update.instrument,
        last_sequence: sequence.into(),
        venue_ns: update.venue_ns.into(),
        received_ns: RECEIVED_NS.into(),
        price_exponent: exponents.price,
        quantity_exponent: exponents.quantity,
        bid_count: bids.into(),
        ask_count: asks.into(),
        ..BookDelta::default()
    };
    out.tailed(&head, levels);
}

/// A venue's language without its books.
enum Parser {
    Binance(Market, Decoder),
    Kraken(kraken::parse::Parser),
    Okx(okx::parse::Parser),
    Hyperliquid(hyperliquid::parse::Parser),
}

impl Parser {
    fn new(language: Language) -> Self {
        match language {
            Language::Binance(market) => Self::Binance(market, Decoder::new()),
            Language::Kraken => Self::Kraken(kraken::parse::Parser::new()),
            Language::Okx => Self::Okx(okx::parse::Parser::new()),
            Language::Hyperliquid => Self::Hyperliquid(hyperliquid::parse::Parser::new()),
        }
    }

    fn parse(&mut self, frame: &[u8], on: &mut dyn FnMut(&Message<'_>)) -> Result<(), JsonError> {
        match self {
            Self::Kraken(parser) => parser.parse(frame, RECEIVED_NS, on),
            Self::Okx(parser) => parser.parse(frame, RECEIVED_NS, on),
            Self::Hyperliquid(parser) => parser.parse(frame, RECEIVED_NS, on),
            Self::Binance(market, decoder) => decoder.decode(frame, |_, event| binance(*market, event, on)),
        }
    }
}

fn binance(market: Market, event: &Event<'_>, on: &mut dyn FnMut(&Message<'_>)) {
    let told = |symbol: &str,
                sequence,
                venue_ns,
                bids: &[PriceLevel],
                asks: &[PriceLevel],
                on: &mut dyn FnMut(&Message<'_>)| {
        let Ok(instrument) = market.instrument(symbol) else { return };
        let continuity = Continuity::Block { sequence };
        let (snapshot, depth, checksum) = (false, None, None);
        on(&Message::Book(BookUpdate {
            instrument,
            channel: "depth",
            snapshot,
            depth,
            continuity,
            checksum,
            venue_ns,
            bids,
            asks,
        }));
    };
    match event {
        Event::DepthUpdate(update) => told(update.symbol, update.last, update.venue_ns(), update.bids, update.asks, on),
        Event::Depth(depth) => {
            told(depth.symbol.unwrap_or("BTCUSDT"), depth.last, depth.event_ns, depth.bids, depth.asks, on)
        }
        Event::Trade(trade) => {
            if let Ok(trade) = convert::trade(market, trade, RECEIVED_NS) {
                on(&Message::Trade { trade, past: false });
            }
        }
        Event::BookTicker(ticker) => {
            if let Ok(quote) = convert::quote(market, ticker, RECEIVED_NS) {
                on(&Message::Quote(quote));
            }
        }
        Event::Kline(kline) => {
            if let Ok(candle) = convert::candle(market, kline, RECEIVED_NS) {
                on(&Message::Candle { candle, past: false });
            }
        }
        _ => {}
    }
}

/// Books are kept, checked by the venue's rule, and told by what changes in their best levels.
pub(super) struct Books {
    out: Out,
}

impl Books {
    pub(super) fn new() -> Self {
        Self { out: Out::new() }
    }

    /// Reads all frames from an empty book on; answers with how many messages were written.
    pub(super) fn pass(&mut self, corpus: &Corpus) -> Result<u64, Box<dyn Error>> {
        let mut reader = Reader::new(corpus.language);
        let mut views: Vec<(InstrumentId, TopView)> = Vec::new();
        let out = &mut self.out;
        for frame in &corpus.frames {
            reader.on_frame(frame, RECEIVED_NS, &mut |said| match said {
                Said::Message(message) => out.message(message),
                Said::Book(book) => {
                    let at = views.iter().position(|(instrument, _)| *instrument == book.instrument);
                    let at = at.unwrap_or_else(|| {
                        views.push((book.instrument, TopView::new(DEPTH)));
                        views.len() - 1
                    });
                    let Some((instrument, view)) = views.get_mut(at) else { return };
                    let Some(told) = view.publish(book.book, book.sequence, book.health) else { return };
                    match told.head.stamped(*instrument, book.venue_ns, RECEIVED_NS) {
                        PublicationHead::Snapshot(head) => out.tailed(&head, told.levels),
                        PublicationHead::Delta(head) => out.tailed(&head, told.levels),
                    }
                }
            })?;
        }
        Ok(out.finish())
    }
}
