//! The books of one connection, fed by [`BookUpdate`]s: levels to each book's exponents, checksums, what was lost.
//!
//! A book's exponents are those of its instrument where they are known, else those that the first snapshot was printed
//! with; they become finer when a level needs it, and the book stays. Memory: a book keeps the venue's depth and no more.

use std::collections::{BTreeMap, BTreeSet};

use mesh_book::{Change, Exponents, Level, LevelError, Reason, Step, StreamBook, Texts, checksum};
use mesh_types::{BookHealth, Decimal64, InstrumentId, Rounding, Side, Venue};

use crate::message::{BookUpdate, Checksum, Continuity, PriceLevel};

/// Levels a side of a book whose channel does not say how many it keeps.
const UNKNOWN_DEPTH: usize = 1_000;

/// Levels printed in an unusual form that are kept before those that have left the book are forgotten.
const MAX_PRINTED: usize = 4_096;

/// The form in which a venue prints the numbers of its books, where not with all of the book's decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// With all decimals: Kraken, Binance.
    Whole,
    /// Without zeros at the end: OKX.
    Shortest,
    /// The same, but with one decimal at least: Hyperliquid.
    OneDecimal,
}

impl Form {
    fn of(instrument: InstrumentId) -> Self {
        match instrument.venue() {
            Some(Venue::Okx) => Self::Shortest,
            Some(Venue::Hyperliquid) => Self::OneDecimal,
            _ => Self::Whole,
        }
    }

    fn print(self, value: Decimal64) -> Decimal64 {
        match self {
            Self::Whole => value,
            Self::Shortest => checksum::shortest(value),
            Self::OneDecimal => {
                let short = checksum::shortest(value);
                if short.exponent < 0 { short } else { short.rescale(-1, Rounding::Floor).unwrap_or(short) }
            }
        }
    }

    /// True where the value was printed in this form.
    const fn is(self, value: Decimal64) -> bool {
        match self {
            Self::Whole => true,
            Self::Shortest => value.exponent == 0 || value.exponent < 0 && value.mantissa % 10 != 0,
            Self::OneDecimal => value.exponent == -1 || value.exponent < -1 && value.mantissa % 10 != 0,
        }
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// To the book.
    pub step: Step,
    /// Whether the venue's checksum was the book's; `None` where there was none to compare.
    pub checksum_ok: Option<bool>,
}

/// One book of a connection.
#[derive(Clone, Debug)]
pub struct ChannelBook {
    inner: StreamBook,
    /// The venue's channel.
    channel: String,
    form: Form,
    /// Levels that were printed in another than the venue's form. OKX's checksum covers what was printed.
    printed: BTreeMap<(Side, i64), PriceLevel>,
    texts: Texts,
    venue_ns: u64,
}

impl ChannelBook {
    /// The book and its health.
    pub const fn get(&self) -> &StreamBook {
        &self.inner
    }

    /// The same, to tell it what happened to its subscription.
    pub const fn get_mut(&mut self) -> &mut StreamBook {
        &mut self.inner
    }

    /// The venue's channel.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// A level with the digits that the venue printed.
    pub fn printed(&self, side: Side, level: Level) -> PriceLevel {
        let exponents = self.inner.book().exponents();
        let print = |value| self.form.print(value);
        let known = self.printed.get(&(side, level.price)).copied();
        known.unwrap_or_else(|| (print(exponents.price(level)), print(exponents.quantity(level))))
    }

    /// The venue's time of the last message, ns since the Unix epoch.
    pub const fn venue_ns(&self) -> u64 {
        self.venue_ns
    }
}

/// The books of one connection.
#[derive(Clone, Debug, Default)]
pub struct Books {
    books: BTreeMap<InstrumentId, Vec<ChannelBook>>,
    exponents: BTreeMap<InstrumentId, Exponents>,
    depths: BTreeMap<InstrumentId, usize>,
    bids: Vec<Level>,
    asks: Vec<Level>,
    gaps: u64,
    checksum_failures: u64,
}

impl Books {
    /// No books yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The exponents of an instrument's prices and quantities: its book moves to them where they are finer.
    pub fn set_exponents(&mut self, instrument: InstrumentId, exponents: Exponents) {
        self.exponents.insert(instrument, exponents);
        for book in self.books.get_mut(&instrument).into_iter().flatten() {
            let have = book.inner.book().exponents();
            if exponents.price < have.price || exponents.quantity < have.quantity {
                let finer = Exponents::new(exponents.price.min(have.price), exponents.quantity.min(have.quantity));
                book.refine(finer);
            }
        }
    }

    /// Levels a side that an instrument's subscription keeps, as its acknowledgement says.
    pub fn set_depth(&mut self, instrument: InstrumentId, depth: usize) {
        self.depths.insert(instrument, depth);
        for book in self.books.get_mut(&instrument).into_iter().flatten() {
            book.inner.set_depth(depth);
        }
    }

    /// The book of an instrument's channel.
    pub fn get(&self, instrument: InstrumentId, channel: &str) -> Option<&ChannelBook> {
        self.books.get(&instrument)?.iter().find(|book| book.channel == channel)
    }

    /// The same, to tell it what happened to its subscription.
    pub fn get_mut(&mut self, instrument: InstrumentId, channel: &str) -> Option<&mut StreamBook> {
        let book = self.books.get_mut(&instrument)?.iter_mut().find(|book| book.channel == channel)?;
        Some(&mut book.inner)
    }

    /// All books.
    pub fn iter(&self) -> impl Iterator<Item = (InstrumentId, &ChannelBook)> {
        self.books.iter().flat_map(|(instrument, books)| books.iter().map(|book| (*instrument, book)))
    }

    /// All books, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (InstrumentId, &mut ChannelBook)> {
        self.books.iter_mut().flat_map(|(instrument, books)| books.iter_mut().map(|book| (*instrument, book)))
    }

    /// How often a live book was broken by a gap.
    pub const fn gaps(&self) -> u64 {
        self.gaps
    }

    /// How often the venue's checksum was not the book's.
    pub const fn checksum_failures(&self) -> u64 {
        self.checksum_failures
    }

    /// The connection ended.
    pub fn disconnected(&mut self) {
        self.iter_mut().for_each(|(_, book)| book.inner.disconnected());
    }

    /// Takes an update.
    ///
    /// # Errors
    /// [`LevelError::Range`] for a level that can't be one: the book is suspect then, since the update is missing.
    pub fn on_update(&mut self, update: &BookUpdate<'_>, received_ns: u64) -> Result<Outcome, LevelError> {
        let depth = update.depth.or_else(|| self.depths.get(&update.instrument).copied());
        let books = self.books.entry(update.instrument).or_default();
        let at = match books.iter().position(|book| book.channel == update.channel) {
            Some(at) => at,
            None => {
                let exponents = self.exponents.get(&update.instrument).copied();
                let levels = update.bids.iter().chain(update.asks).copied();
                let exponents = exponents.unwrap_or_else(|| Exponents::of_levels(levels));
                let inner = StreamBook::new(exponents, depth.unwrap_or(UNKNOWN_DEPTH));
                let channel = update.channel.to_owned();
                let form = Form::of(update.instrument);
                let (printed, texts) = (BTreeMap::new(), Texts::default());
                books.push(ChannelBook { inner, channel, form, printed, texts, venue_ns: 0 });
                books.len() - 1
            }
        };
        // It was found, or pushed.
        let Some(book) = books.get_mut(at) else {
            return Err(LevelError::Range { price: Decimal64::ZERO, quantity: Decimal64::ZERO });
        };
        if depth.is_none() && update.snapshot && update.checksum.is_some() {
            book.inner.set_depth(kraken_depth(update.bids.len().max(update.asks.len())));
        }
        loop {
            let exponents = book.inner.book().exponents();
            let filled = fill(&mut self.bids, update.bids, exponents)
                .and_then(|()| fill(&mut self.asks, update.asks, exponents));
            match filled {
                Ok(()) => break,
                // Each turn is finer than the one before, and exponents are bounded.
                Err(LevelError::Finer { needed, .. }) => book.refine(needed),
                Err(error) => {
                    book.inner.malformed();
                    return Err(error);
                }
            }
        }
        book.venue_ns = update.venue_ns;
        let checksum = update.checksum.filter(|checksum| *checksum != Checksum::Okx(0));
        book.remember_printed(update);
        let outcome = book.apply(update, checksum, &self.bids, &self.asks, received_ns);
        self.gaps += u64::from(outcome.step == Step::Broken && matches!(book.inner.reason(), Some(Reason::Gap { .. })));
        self.checksum_failures += u64::from(outcome.checksum_ok == Some(false));
        Ok(outcome)
    }
}

impl ChannelBook {
    fn apply(
        &mut self,
        update: &BookUpdate<'_>,
        checksum: Option<Checksum>,
        bids: &[Level],
        asks: &[Level],
        received_ns: u64,
    ) -> Outcome {
        let Self { inner, printed, texts, .. } = self;
        let mut checksum_ok = None;
        let (previous, sequence) = match update.continuity {
            Continuity::None => (None, inner.sequence() + 1),
            Continuity::Chain { previous, sequence } => (previous, sequence),
            Continuity::Block { sequence } => (None, sequence),
        };
        let change = Change { snapshot: update.snapshot, previous, sequence, bids, asks };
        let step = match update.continuity {
            Continuity::Block { .. } => inner.on_block(&change, received_ns),
            _ => inner.on_change(&change, received_ns, |book| {
                let pair = match checksum? {
                    Checksum::Kraken(expected) => (expected, texts.kraken(book)),
                    Checksum::Okx(expected) if printed.is_empty() => {
                        (expected.cast_unsigned(), texts.okx(book).cast_unsigned())
                    }
                    Checksum::Okx(expected) => {
                        let found = checksum::okx(book, |side, level| printed.get(&(side, level.price)).copied());
                        (expected.cast_unsigned(), found.cast_unsigned())
                    }
                };
                checksum_ok = Some(pair.0 == pair.1);
                Some(pair)
            }),
        };
        Outcome { step, checksum_ok }
    }

    /// Moves the book to finer exponents.
    fn refine(&mut self, exponents: Exponents) {
        self.inner.refine(exponents);
        let printed = core::mem::take(&mut self.printed).into_iter();
        let moved = |((side, _), (price, quantity))| {
            let level = exponents.level(price, quantity).ok()?;
            Some(((side, level.price), (price, quantity)))
        };
        self.printed = printed.filter_map(moved).collect();
    }

    /// Keeps what was printed in another than the venue's form.
    fn remember_printed(&mut self, update: &BookUpdate<'_>) {
        if self.form == Form::Whole {
            return;
        }
        if update.snapshot {
            self.printed.clear();
        }
        let exponents = self.inner.book().exponents();
        for (side, levels) in [(Side::Buy, update.bids), (Side::Sell, update.asks)] {
            for (price, quantity) in levels {
                let usual = self.form.is(*price) && self.form.is(*quantity);
                if usual && self.printed.is_empty() {
                    continue;
                }
                let Ok(level) = exponents.level(*price, *quantity) else { continue };
                if level.quantity != 0 && !usual {
                    self.printed.insert((side, level.price), (*price, *quantity));
                } else {
                    self.printed.remove(&(side, level.price));
                }
            }
        }
        if self.printed.len() > MAX_PRINTED {
            // Levels that were pushed out are not told of: those that are left are kept.
            let book = self.inner.book();
            let bids = book.bids().map(|level| (Side::Buy, level.price));
            let left: BTreeSet<_> = bids.chain(book.asks().map(|level| (Side::Sell, level.price))).collect();
            self.printed.retain(|place, _| left.contains(place));
        }
    }

    /// True where it may be traded on.
    pub fn is_live(&self) -> bool {
        self.inner.health() == BookHealth::Live
    }
}

/// The least depth that Kraken serves and that holds so many levels.
fn kraken_depth(levels: usize) -> usize {
    [10, 25, 100, 500].into_iter().find(|depth| levels <= *depth).unwrap_or(1_000)
}

fn fill(levels: &mut Vec<Level>, from: &[PriceLevel], exponents: Exponents) -> Result<(), LevelError> {
    levels.clear();
    levels.reserve(from.len());
    for (price, quantity) in from {
        levels.push(exponents.level(*price, *quantity)?);
    }
    Ok(())
}
