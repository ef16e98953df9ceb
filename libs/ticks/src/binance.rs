//! A tape from Binance's own frames, as they were recorded: `<ns when received> <frame>` a line.
//!
//! Books follow the venue's rule (`mesh_venues::binance::depth`): nothing is told of a book before its snapshot is joined to
//! its changes, and a gap makes it unknown until the next one.

use mesh_book::{BinanceBook, Exponents, LevelError, Step};
use mesh_types::BookHealth;
use mesh_venues::binance::Market;
use mesh_venues::binance::depth::DepthBook;
use mesh_venues::binance::event::{DepthUpdate, Event, PriceLevel};
use mesh_venues::binance::parse::Decoder;

use crate::tape::{Kind, Tape, TapeBuilder, TapeError};

/// Changes that are kept while a snapshot is on its way.
const HELD: usize = 10_000;
/// Levels a side that recorders ask for; with fewer in it, a snapshot is whole.
const SNAPSHOT_LIMIT: usize = 1_000;

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// Reads lines into a tape.
#[derive(Debug)]
pub struct Reader {
    market: Market,
    symbol: String,
    decoder: Decoder,
    book: DepthBook,
    was_live: bool,
    /// A newer snapshot waits for the change that joins it: the next one may show another book.
    renew: bool,
    line: usize,
    builder: TapeBuilder,
    first_malformed: Option<Malformed>,
    error: Option<TapeError>,
}

impl Reader {
    /// Before the first line; events of other symbols are counted as skipped.
    #[must_use]
    pub fn new(market: Market, symbol: &str) -> Self {
        Self {
            market,
            symbol: symbol.to_owned(),
            decoder: Decoder::new(),
            book: DepthBook::new(market, None, HELD),
            was_live: false,
            renew: false,
            line: 0,
            builder: TapeBuilder::new(0),
            first_malformed: None,
            error: None,
        }
    }

    /// Another file begins: lines are counted from 1 again.
    pub const fn next_file(&mut self) {
        self.line = 0;
    }

    /// Takes a line.
    pub fn line(&mut self, line: &[u8]) {
        self.line += 1;
        if line.is_empty() {
            return;
        }
        let space = line.iter().position(|byte| *byte == b' ');
        let parts = space.and_then(|at| line.split_at_checked(at));
        let time = parts.and_then(|(time, _)| core::str::from_utf8(time).ok()?.parse::<u64>().ok());
        let (Some(local_ns), Some((_, frame))) = (time, parts) else {
            return self
                .malformed("expected `<ns> <frame>`: the time of receiving, a space, the venue's JSON".to_owned());
        };
        let frame = frame.trim_ascii();
        let mut decoder = core::mem::take(&mut self.decoder);
        let decoded = decoder.decode(frame, |_, event| self.event(event, local_ns));
        self.decoder = decoder;
        if let Err(error) = decoded {
            self.malformed(error.to_string());
        }
    }

    fn malformed(&mut self, what: String) {
        self.builder.counts.malformed += 1;
        self.first_malformed.get_or_insert(Malformed { line: self.line, what });
    }

    /// The first line that could not be read.
    #[must_use]
    pub const fn first_malformed(&self) -> Option<&Malformed> {
        self.first_malformed.as_ref()
    }

    fn event(&mut self, event: &Event<'_>, local_ns: u64) {
        let outcome = match event {
            Event::Trade(trade) if trade.symbol == self.symbol && trade.on_market => {
                let times = (trade.trade_ns, local_ns);
                self.builder.trade(times, trade.price, trade.quantity, !trade.buyer_is_maker)
            }
            Event::BookTicker(ticker) if ticker.symbol == self.symbol => {
                let at_ns = if ticker.transaction_ns == 0 { ticker.event_ns } else { ticker.transaction_ns };
                self.builder.quote((at_ns, local_ns), ticker.bid, ticker.ask)
            }
            Event::DepthUpdate(update) if update.symbol == self.symbol => {
                let step = self.book.on_update(update);
                self.step(step, (update.venue_ns(), local_ns), Some(update))
            }
            Event::Depth(depth) if depth.symbol.is_none_or(|symbol| symbol == self.symbol) => {
                let step = self.book.on_snapshot(depth, SNAPSHOT_LIMIT);
                self.renew = true;
                self.step(step, (depth.transaction_ns.max(depth.event_ns), local_ns), None)
            }
            _ => {
                self.builder.counts.skipped += 1;
                Ok(())
            }
        };
        if let Err(error) = outcome {
            self.error.get_or_insert(error);
        }
    }

    fn step(
        &mut self,
        step: Result<Step, LevelError>,
        times: (u64, u64),
        update: Option<&DepthUpdate<'_>>,
    ) -> Result<(), TapeError> {
        if let Err(error) = &step {
            self.malformed(error.to_string());
        }
        let book = self.book.get();
        let is_live = book.is_some_and(|book| book.health() == BookHealth::Live);
        let was_live = core::mem::replace(&mut self.was_live, is_live);
        match (book, update) {
            (_, _) if !is_live && was_live => return self.builder.unknown(times),
            (Some(book), Some(update)) if is_live && was_live && !self.renew && step == Ok(Step::Applied) => {
                return delta(&mut self.builder, book.book().exponents(), times, update);
            }
            (Some(book), _) if is_live && step == Ok(Step::Applied) => {
                // Of a refresh that no change has joined yet the old book goes on.
                self.renew = update.is_none() && was_live;
                return whole(&mut self.builder, book, times);
            }
            _ => self.builder.counts.skipped += 1,
        }
        Ok(())
    }

    /// The tape, see [`TapeBuilder::finish`].
    ///
    /// # Errors
    /// Where there is nothing in it, or a number left its range.
    pub fn finish(self, least_feed_ns: u64) -> Result<Tape, TapeError> {
        match self.error {
            Some(error) => Err(error),
            None => self.builder.finish(least_feed_ns),
        }
    }

    /// The market that it reads.
    #[must_use]
    pub const fn market(&self) -> Market {
        self.market
    }
}

fn whole(builder: &mut TapeBuilder, book: &BinanceBook, times: (u64, u64)) -> Result<(), TapeError> {
    let (bids, asks): (Vec<_>, Vec<_>) = (book.book().bids().collect(), book.book().asks().collect());
    builder.book(Kind::Snapshot, times, book.book().exponents(), bids, asks)
}

fn delta(
    builder: &mut TapeBuilder,
    exponents: Exponents,
    times: (u64, u64),
    update: &DepthUpdate<'_>,
) -> Result<(), TapeError> {
    // The book took them at these exponents already.
    let level = |(price, quantity): &PriceLevel| exponents.level(*price, *quantity).ok();
    let bids: Vec<_> = update.bids.iter().filter_map(level).collect();
    let asks: Vec<_> = update.asks.iter().filter_map(level).collect();
    builder.book(Kind::Delta, times, exponents, bids, asks)
}
