//! A tape from the raw frames of any venue whose language is read (`mesh_venues::reader`): trades and quotes as they were said,
//! and the best levels of the book after each message that changed it, while it is live.
//!
//! [`crate::binance`] reads Binance's changes of books as changes; here each becomes a book of its own.

use std::collections::{BTreeMap, BTreeSet};

use mesh_book::Level;
use mesh_types::{BookHealth, InstrumentId, Side};
use mesh_venues::message::Message;
use mesh_venues::reader::{BookView, Language, Reader as Frames, Said};
use mesh_venues::tape::{self, Kind as LineKind};

use crate::binance::Malformed;
use crate::tape::{Kind, Tape, TapeBuilder, TapeError};

/// Levels of a side that are kept.
const LEVELS: usize = 25;
/// Connections that are told apart; more share one reader.
const CONNECTIONS_MAX: usize = 100;
/// Other instruments that are named where the one that is meant does not come.
const OTHERS_MAX: usize = 16;

/// Reads lines into a tape.
#[derive(Debug)]
pub struct Reader {
    language: Language,
    connections: BTreeMap<String, Frames>,
    line: usize,
    first_malformed: Option<Malformed>,
    into: Into,
}

/// Where messages of the instrument go.
#[derive(Debug)]
struct Into {
    instrument: InstrumentId,
    others: BTreeSet<InstrumentId>,
    /// The channel whose books are taken: the first that is live.
    channel: Option<String>,
    was_live: bool,
    builder: TapeBuilder,
    error: Option<TapeError>,
}

impl Reader {
    /// Before the first line; messages of other instruments are counted as skipped.
    #[must_use]
    pub fn new(language: Language, instrument: InstrumentId) -> Self {
        let into = Into {
            instrument,
            others: BTreeSet::new(),
            channel: None,
            was_live: false,
            builder: TapeBuilder::new(LEVELS as u32),
            error: None,
        };
        Self { language, connections: BTreeMap::new(), line: 0, first_malformed: None, into }
    }

    /// Another file begins: lines are counted from 1 again.
    pub const fn next_file(&mut self) {
        self.line = 0;
    }

    /// Takes a line, in any form that `mesh_venues::tape` knows.
    pub fn line(&mut self, bytes: &[u8]) {
        self.line += 1;
        let line = match tape::line(bytes) {
            Ok(Some(line)) => line,
            Ok(None) => return,
            Err(error) => return self.malformed(error.to_string()),
        };
        let name = if self.connections.len() < CONNECTIONS_MAX { line.connection.as_ref() } else { "" };
        match line.kind {
            LineKind::Connect => {
                self.connections.remove(name);
            }
            LineKind::Frame => {
                let frames = self.connections.entry(name.to_owned()).or_insert_with(|| Frames::new(self.language));
                let into = &mut self.into;
                let read =
                    frames.on_frame(&line.frame, line.received_ns, &mut |said| into.take(said, line.received_ns));
                if let Err(error) = read {
                    self.malformed(error.to_string());
                }
            }
            LineKind::Http | LineKind::Other => self.into.builder.counts.skipped += 1,
        }
    }

    fn malformed(&mut self, what: String) {
        self.into.builder.counts.malformed += 1;
        self.first_malformed.get_or_insert(Malformed { line: self.line, what });
    }

    /// The first line that could not be read.
    #[must_use]
    pub const fn first_malformed(&self) -> Option<&Malformed> {
        self.first_malformed.as_ref()
    }

    /// Other instruments that came, some of them.
    pub fn others(&self) -> impl Iterator<Item = &InstrumentId> {
        self.into.others.iter()
    }

    /// The tape, see [`TapeBuilder::finish`].
    ///
    /// # Errors
    /// Where there is nothing in it, or a number left its range.
    pub fn finish(self, least_feed_ns: u64) -> Result<Tape, TapeError> {
        match self.into.error {
            Some(error) => Err(error),
            None => self.into.builder.finish(least_feed_ns),
        }
    }
}

impl Into {
    fn take(&mut self, said: Said<'_>, received_ns: u64) {
        // Of lines without a time of receiving the venue's is taken.
        let times = |venue_ns: u64| (venue_ns, if received_ns == 0 { venue_ns } else { received_ns });
        let made = match said {
            Said::Message(Message::Trade { trade, past: false }) if self.is_it(trade.instrument) => {
                let buys = trade.side.get() == Some(Side::Buy);
                let at = times(trade.venue_ns.get());
                self.builder.trade(at, trade.price.get(), trade.quantity.get(), buys)
            }
            Said::Message(Message::Quote(quote)) if self.is_it(quote.instrument) => {
                let bid = (quote.bid_price.get(), quote.bid_quantity.get());
                let ask = (quote.ask_price.get(), quote.ask_quantity.get());
                self.builder.quote(times(quote.venue_ns.get()), bid, ask)
            }
            Said::Book(view) if self.is_it(view.instrument) => self.book(&view, times(view.venue_ns)),
            // Its book follows.
            Said::Message(Message::Book(_)) => Ok(()),
            Said::Message(_) | Said::Book(_) => {
                self.builder.counts.skipped += 1;
                Ok(())
            }
        };
        if let Err(error) = made {
            self.error.get_or_insert(error);
        }
    }

    fn is_it(&mut self, instrument: InstrumentId) -> bool {
        let is_it = instrument == self.instrument;
        if !is_it && self.others.len() < OTHERS_MAX {
            self.others.insert(instrument);
        }
        is_it
    }

    fn book(&mut self, view: &BookView<'_>, times: (u64, u64)) -> Result<(), TapeError> {
        let is_live = view.health == BookHealth::Live;
        if is_live && self.channel.is_none() {
            self.channel = Some(view.channel.to_owned());
        }
        if self.channel.as_deref() != Some(view.channel) {
            self.builder.counts.skipped += 1;
            return Ok(());
        }
        let was_live = core::mem::replace(&mut self.was_live, is_live);
        if is_live {
            let (bids, asks): (Vec<Level>, Vec<Level>) =
                (view.book.bids().take(LEVELS).collect(), view.book.asks().take(LEVELS).collect());
            return self.builder.book(Kind::Snapshot, times, view.book.exponents(), bids, asks);
        }
        if was_live { self.builder.unknown(times) } else { Ok(()) }
    }
}
