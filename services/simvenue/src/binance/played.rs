//! The market of a recording: its frames verbatim, at their pace, with a book and candles kept beside them.
//!
//! The book starts from the recording's own snapshot, even before the moment at which that was taken: who follows the
//! documented procedure drops the events that it covers. A gap in the recording leaves the book without answer until its
//! next snapshot.

use std::collections::{BTreeMap, BTreeSet};

use mesh_book::{Book, Exponents, Level, Step as BookStep};
use mesh_types::{BookHealth, Decimal64, Side};
use mesh_venues::binance::Market;
use mesh_venues::binance::depth::DepthBook;
use mesh_venues::binance::event::{self, Event};
use mesh_venues::binance::parse::Decoder;
use mesh_venues::binance::subscribe::symbol_of;
use mesh_venues::json::Scanner;

use super::Frame;
use super::catalogue::{self, Step};
use super::frames::{Streams, Wanted};
use crate::core::Trade;
use crate::core::candles::Candles;
use crate::core::exchange::Exchange;
use crate::core::instrument::Instrument;
use crate::core::recording::Line;
use crate::core::units::{EXPONENT, from_decimal};

/// Depth events that wait for a snapshot.
const HELD: usize = 1_000;
/// Recorded trades may come so much later than events of the same time.
const GRACE_NS: u64 = 150_000_000;

/// A line with its meaning.
enum Content<'a> {
    /// A frame of a stream: the stream's name, and the payload.
    Frame(&'a str, &'a str),
    /// A snapshot of a symbol's book; none where the line does not say of which.
    Snapshot(Option<&'a str>, &'a str),
}

/// The meaning of a line; `None` for what is no market data, as the answer to a subscription.
fn content(line: &Line) -> Option<Content<'_>> {
    let (mut stream, mut data, mut snapshot) = (None, None, false);
    let read = Scanner::new(line.payload.as_bytes()).object(|scanner, key| {
        match key {
            b"stream" => stream = Some(scanner.text()?),
            b"data" => data = Some(scanner.skip()?),
            b"lastUpdateId" => {
                snapshot = true;
                scanner.skip()?;
            }
            _ => drop(scanner.skip()?),
        }
        Ok(())
    });
    read.ok()?;
    match (stream, data) {
        (Some(stream), Some(data)) => Some(Content::Frame(stream, core::str::from_utf8(data).ok()?)),
        _ if snapshot => Some(Content::Snapshot(line.url_parameter("symbol"), &line.payload)),
        _ => None,
    }
}

/// What a recording holds, found by reading it once before it is played.
#[derive(Default)]
pub struct Survey {
    symbols: BTreeMap<String, Surveyed>,
    streams: BTreeSet<String>,
    decoder: Decoder,
}

#[derive(Default)]
struct Surveyed {
    prices: Step,
    quantities: Step,
    snapshot: Option<String>,
}

impl Surveyed {
    fn include(&mut self, levels: &[(Decimal64, Decimal64)]) {
        for (price, quantity) in levels {
            self.prices.include(from_decimal(*price).unwrap_or(1));
            self.quantities.include(from_decimal(*quantity).unwrap_or(1));
        }
    }
}

impl Survey {
    /// Takes a line.
    pub fn on_line(&mut self, line: &Line) {
        let Some(content) = content(line) else { return };
        let (symbol, payload) = match content {
            Content::Frame(stream, payload) => {
                if !self.streams.contains(stream) {
                    self.streams.insert(stream.to_owned());
                }
                (symbol_of(stream), payload)
            }
            // A recording of one symbol does not name it in its snapshots.
            Content::Snapshot(symbol, payload) => {
                (symbol.map(str::to_owned).or_else(|| self.symbols.keys().next().cloned()), payload)
            }
        };
        let Some(symbol) = symbol else { return };
        let surveyed = self.symbols.entry(symbol).or_default();
        let mut is_snapshot = false;
        // What can't be read is counted when it is played.
        let _ = self.decoder.decode(payload.as_bytes(), |_, event| match event {
            Event::Trade(trade) => surveyed.include(&[(trade.price, trade.quantity)]),
            Event::BookTicker(ticker) => surveyed.include(&[ticker.bid, ticker.ask]),
            Event::DepthUpdate(update) => {
                surveyed.include(update.bids);
                surveyed.include(update.asks);
            }
            Event::Depth(depth) => {
                surveyed.include(depth.bids);
                surveyed.include(depth.asks);
                is_snapshot = true;
            }
            _ => {}
        });
        if is_snapshot && surveyed.snapshot.is_none() {
            surveyed.snapshot = Some(payload.to_owned());
        }
    }

    /// The instruments of the recording, by name.
    pub fn instruments(&self) -> Vec<Instrument> {
        let instrument = |(symbol, found): (&String, &Surveyed)| match catalogue::known(symbol) {
            Some((instrument, _)) => instrument,
            None => catalogue::concluded(symbol, found.prices, found.quantities),
        };
        self.symbols.iter().map(instrument).collect()
    }
}

struct Symbol {
    streams: Streams,
    /// The stream whose changes make the book, and the one whose trades make candles.
    depth_stream: Option<String>,
    trade_stream: Option<String>,
    /// The recording's first snapshot.
    snapshot: Option<String>,
    /// The same as a book, until the recording comes to it.
    early: Option<(Book, u64)>,
    book: DepthBook,
    candles: Candles,
}

impl Symbol {
    fn new(name: &str, surveyed: Surveyed, recorded: &BTreeSet<String>) -> Self {
        let lower = name.to_lowercase();
        let first = |kinds: &[&str]| {
            kinds.iter().map(|kind| format!("{lower}@{kind}")).find(|stream| recorded.contains(stream))
        };
        let mut symbol = Self {
            streams: Streams::new(name),
            depth_stream: first(&["depth@100ms", "depth", "depth@0ms"]),
            trade_stream: first(&["trade", "aggTrade"]),
            snapshot: surveyed.snapshot,
            early: None,
            book: DepthBook::new(Market::Spot, None, HELD),
            candles: Candles::new(GRACE_NS),
        };
        symbol.restart();
        symbol
    }

    /// As before the first line.
    fn restart(&mut self) {
        self.book = DepthBook::new(Market::Spot, Some(Exponents::new(EXPONENT, EXPONENT)), HELD);
        self.candles = Candles::new(GRACE_NS);
        self.early = None;
        let Some(payload) = &self.snapshot else { return };
        let (book, early) = (&mut self.book, &mut self.early);
        let _ = Decoder::new().decode(payload.as_bytes(), |_, event| {
            if let Event::Depth(depth) = event {
                // A snapshot with impossible levels leaves the book waiting for the next one.
                let _ = book.on_snapshot(depth, usize::MAX);
                *early = Some((early_book(depth), depth.last));
            }
        });
    }

    fn book(&self) -> Option<(&Book, u64)> {
        let live = self.book.get().filter(|book| book.health() == BookHealth::Live);
        live.map(|book| (book.book(), book.sequence()))
            .or_else(|| self.early.as_ref().map(|(book, sequence)| (book, *sequence)))
    }
}

fn early_book(depth: &event::Depth<'_>) -> Book {
    let level =
        |(price, quantity): &(Decimal64, Decimal64)| Some(Level::new(from_decimal(*price)?, from_decimal(*quantity)?));
    let mut book = Book::new(Exponents::new(EXPONENT, EXPONENT));
    let bids: Vec<Level> = depth.bids.iter().filter_map(level).collect();
    let asks: Vec<Level> = depth.asks.iter().filter_map(level).collect();
    book.replace(&bids, &asks);
    book
}

/// A recording that is played.
pub struct Played {
    names: Vec<String>,
    symbols: Vec<Symbol>,
    recorded: BTreeSet<String>,
    decoder: Decoder,
    /// The venue's clock of the recording: the latest time of an event.
    clock_ns: u64,
    bad_lines: u64,
}

impl Played {
    /// What the survey found, before its first line.
    pub fn new(survey: Survey) -> Self {
        let recorded = survey.streams;
        let names = survey.symbols.keys().cloned().collect();
        let symbols =
            survey.symbols.into_iter().map(|(name, surveyed)| Symbol::new(&name, surveyed, &recorded)).collect();
        Self { names, symbols, recorded, decoder: Decoder::new(), clock_ns: 0, bad_lines: 0 }
    }

    /// Lines that could not be used.
    pub const fn bad_lines(&self) -> u64 {
        self.bad_lines
    }

    /// Counts a line that could not be read.
    pub const fn count_bad_line(&mut self) {
        self.bad_lines += 1;
    }

    /// Starts again before the first line.
    pub fn restart(&mut self) {
        self.clock_ns = 0;
        self.symbols.iter_mut().for_each(Symbol::restart);
    }

    /// A symbol's book and last update id, where it is continuous.
    pub fn book(&self, index: usize) -> Option<(&Book, u64)> {
        self.symbols.get(index)?.book()
    }

    /// A symbol's candles.
    pub fn candles(&self, index: usize) -> Option<&Candles> {
        self.symbols.get(index).map(|symbol| &symbol.candles)
    }

    /// Takes the next line.
    pub fn on_line(
        &mut self,
        line: &Line,
        now_ns: u64,
        wanted: Wanted<'_>,
        exchange: &mut Exchange,
        out: &mut Vec<Frame>,
    ) {
        match content(line) {
            Some(Content::Frame(stream, payload)) => {
                if wanted(stream) {
                    out.push(Frame { stream: stream.to_owned(), payload: payload.to_owned() });
                }
                self.follow(stream, payload, now_ns, wanted, exchange, out);
            }
            Some(Content::Snapshot(symbol, payload)) => {
                let index = symbol.map_or(Some(0), |symbol| self.index(symbol));
                if let Some(symbol) = index.and_then(|index| self.symbols.get_mut(index)) {
                    let read = self.decoder.decode(payload.as_bytes(), |_, event| {
                        if let Event::Depth(depth) = event {
                            let _ = symbol.book.on_snapshot(depth, usize::MAX);
                        }
                    });
                    self.bad_lines += u64::from(read.is_err());
                }
            }
            None => self.bad_lines += 1,
        }
    }

    fn index(&self, symbol: &str) -> Option<usize> {
        self.names.iter().position(|name| name == symbol)
    }

    /// Brings book and candles forward by one frame.
    fn follow(
        &mut self,
        stream: &str,
        payload: &str,
        now_ns: u64,
        wanted: Wanted<'_>,
        exchange: &mut Exchange,
        out: &mut Vec<Frame>,
    ) {
        let Some(index) = symbol_of(stream).and_then(|symbol| self.index(&symbol)) else { return };
        let Some(symbol) = self.symbols.get_mut(index) else { return };
        let recorded = &self.recorded;
        let wanted = |stream: &str| wanted(stream) && !recorded.contains(stream);
        let mut clock_ns = self.clock_ns;
        let read = self.decoder.decode(payload.as_bytes(), |_, event| match event {
            Event::Trade(trade) if symbol.trade_stream.as_deref() == Some(stream) => {
                clock_ns = clock_ns.max(trade.trade_ns);
                if let Some(trade) = public_trade(trade) {
                    symbol.candles.on_trade(&trade, |interval, candle| {
                        symbol.streams.push_kline(interval, candle, true, clock_ns, &wanted, out);
                    });
                    exchange.on_trade(index, &Trade { time_ns: now_ns, ..trade });
                }
            }
            Event::DepthUpdate(update) if symbol.depth_stream.as_deref() == Some(stream) => {
                clock_ns = clock_ns.max(update.event_ns);
                if symbol.book.on_update(update) == Ok(BookStep::Applied) {
                    symbol.early = None;
                }
                if let Some((book, _)) = symbol.book() {
                    exchange.on_book(index, book, Some(&touched(update)), now_ns);
                }
            }
            _ => {}
        });
        self.bad_lines += u64::from(read.is_err());
        if clock_ns > self.clock_ns {
            for symbol in &mut self.symbols {
                let Symbol { candles, streams, .. } = symbol;
                candles.on_time(clock_ns, |interval, candle| {
                    streams.push_kline(interval, candle, true, clock_ns, &wanted, out);
                });
                streams.push_open_klines(candles, self.clock_ns, clock_ns, &wanted, out);
            }
            self.clock_ns = clock_ns;
        }
    }
}

fn public_trade(trade: &event::Trade<'_>) -> Option<Trade> {
    Some(Trade {
        id: trade.id,
        price: from_decimal(trade.price)?,
        quantity: from_decimal(trade.quantity)?,
        buyer_is_maker: trade.buyer_is_maker,
        time_ns: trade.trade_ns,
    })
}

fn touched(update: &event::DepthUpdate<'_>) -> Vec<(Side, i64)> {
    let prices = |side: Side, levels: &[(Decimal64, Decimal64)]| -> Vec<(Side, i64)> {
        levels.iter().filter_map(|(price, _)| Some((side, from_decimal(*price)?))).collect()
    };
    [prices(Side::Buy, update.bids), prices(Side::Sell, update.asks)].concat()
}
