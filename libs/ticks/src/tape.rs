//! Recorded market events in memory: parsed once, of fixed size, replayed many times.
//!
//! One message of a venue is one [`Head`] and its levels, which lie one after the other for the whole tape. Prices are ticks
//! and quantities lots: powers of ten, the coarsest that hold every number of the tape.
//!
//! Both times are on every message. The tape's order is that of receiving; matching follows the venue's time, for which
//! [`Tape::venue_order`] has the order. In the same ns of the venue trades come before books, which show them already: the
//! other way a queue would be shortened twice. Where our clock was behind the venue's, times of receiving are moved so that
//! the fastest message took no less than asked for.

use core::fmt;

use mesh_book::{Exponents, Level};
use mesh_types::Decimal64;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The whole book: bids, then asks.
    Snapshot,
    /// Levels that changed: bids, then asks; quantity 0 is none.
    Delta,
    /// A trade: one level.
    Trade,
    /// Best bid and best ask.
    Quote,
    /// The book is not known from here to the next snapshot.
    Unknown,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// When it happened at the venue, ns.
    pub venue_ns: u64,
    /// When we received it, ns.
    pub local_ns: u64,
    /// Index of its first level.
    pub first: u32,
    /// Index of its first ask.
    pub split: u32,
    /// Index after its last level.
    pub end: u32,
    /// What it says.
    pub kind: Kind,
    /// Of a trade: the taker bought.
    pub taker_buys: bool,
}

/// What was read and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Book messages taken.
    pub books: u64,
    /// Trades taken.
    pub trades: u64,
    /// Quotes taken.
    pub quotes: u64,
    /// Messages that are not used: of other instruments or kinds, or before the book was known.
    pub skipped: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Times that the book was lost and had to wait for a snapshot.
    pub gaps: u64,
}

/// A tape that can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapeError {
    /// It holds no book or no message at all.
    Empty,
    /// A number leaves 63 bits at the exponents that the others need.
    Range,
    /// More than 2^32 levels.
    TooLong,
}

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "expected books, quotes or trades of the instrument, found none: check symbol and market",
            Self::Range => "a price or quantity is too large for the digits that others have: cut the tape there",
            Self::TooLong => "expected at most 2^32 levels: cut the tape by time",
        })
    }
}

impl core::error::Error for TapeError {}

/// A recorded stretch of one instrument's market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    heads: Vec<Head>,
    levels: Vec<Level>,
    venue_order: Vec<u32>,
    exponents: Exponents,
    view: u32,
    counts: Counts,
    shift_ns: u64,
}

impl Tape {
    /// Messages in the order of receiving.
    #[must_use]
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Levels of a message: bids, then asks.
    #[must_use]
    #[inline]
    pub fn levels(&self, head: &Head) -> (&[Level], &[Level]) {
        let bids = self.levels.get(head.first as usize..head.split as usize).unwrap_or_default();
        (bids, self.levels.get(head.split as usize..head.end as usize).unwrap_or_default())
    }

    /// Indices of the messages in the order of the venue's time.
    #[must_use]
    pub fn venue_order(&self) -> &[u32] {
        &self.venue_order
    }

    /// Level changes and trades: what rates are counted in.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.levels.len()
    }

    /// What a tick and a lot are: powers of ten.
    #[must_use]
    pub const fn exponents(&self) -> Exponents {
        self.exponents
    }

    /// Levels a side that its books show; 0 where they show all.
    #[must_use]
    pub const fn view(&self) -> u32 {
        self.view
    }

    /// What was read.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What was added to all times of receiving, ns.
    #[must_use]
    pub const fn shift_ns(&self) -> u64 {
        self.shift_ns
    }

    /// Ticks from the lowest to the highest price of the middle 98 % of levels: how wide a book's window should be.
    #[must_use]
    pub fn window(&self) -> usize {
        let mut prices: Vec<i64> = self.levels.iter().map(|level| level.price).collect();
        let cut = prices.len() / 100;
        let last = prices.len().saturating_sub(cut + 1);
        if prices.is_empty() {
            return 0;
        }
        let low = *prices.select_nth_unstable(cut).1;
        let high = *prices.select_nth_unstable(last).1;
        usize::try_from(high.saturating_sub(low)).unwrap_or(usize::MAX).clamp(1 << 10, 1 << 17)
    }

    /// The same as far as the venue had come at a time.
    #[must_use]
    pub fn until(&self, venue_ns: u64) -> Self {
        let heads: Vec<Head> = self.heads.iter().filter(|head| head.venue_ns <= venue_ns).copied().collect();
        let (venue_order, levels) = (order_at_venue(&heads), self.levels.clone());
        Self { heads, levels, venue_order, ..*self }
    }
}

fn order_at_venue(heads: &[Head]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..).take(heads.len()).collect();
    let key = |index: &u32| heads.get(*index as usize).map(|head| (head.venue_ns, head.kind != Kind::Trade));
    order.sort_by_key(key);
    order
}

/// Collects messages into a tape.
#[derive(Clone, Debug, Default)]
pub struct TapeBuilder {
    heads: Vec<Head>,
    levels: Vec<Level>,
    exponents: Option<Exponents>,
    view: u32,
    /// Counts of the reader.
    pub counts: Counts,
}

impl TapeBuilder {
    /// An empty one; `view` is how many levels a side the books show, 0 for all.
    #[must_use]
    pub fn new(view: u32) -> Self {
        Self { view, ..Self::default() }
    }

    /// Levels a side that the books show, as it turned out; 0 for all.
    pub const fn set_view(&mut self, view: u32) {
        self.view = view;
    }

    /// Takes whole books or changes of them, at their exponents; `kind` is a snapshot or a delta.
    ///
    /// # Errors
    /// Where a number leaves its range.
    pub fn book<I: IntoIterator<Item = Level>>(
        &mut self,
        kind: Kind,
        (venue_ns, local_ns): (u64, u64),
        exponents: Exponents,
        bids: I,
        asks: I,
    ) -> Result<(), TapeError> {
        let (price, quantity) = self.factors(exponents)?;
        let first = self.levels.len();
        let scaled = |level: Level| -> Result<Level, TapeError> {
            let price = level.price.checked_mul(price).ok_or(TapeError::Range)?;
            Ok(Level::new(price, level.quantity.checked_mul(quantity).ok_or(TapeError::Range)?))
        };
        for level in bids {
            self.levels.push(scaled(level)?);
        }
        let split = self.levels.len();
        for level in asks {
            self.levels.push(scaled(level)?);
        }
        self.counts.books += 1;
        self.push(kind, (venue_ns, local_ns), first, split, false)
    }

    /// Takes a trade.
    ///
    /// # Errors
    /// Where a number leaves its range, or is not positive.
    pub fn trade(
        &mut self,
        times: (u64, u64),
        price: Decimal64,
        quantity: Decimal64,
        taker_buys: bool,
    ) -> Result<(), TapeError> {
        let first = self.levels.len();
        self.decimals(&[(price, quantity)])?;
        self.counts.trades += 1;
        self.push(Kind::Trade, times, first, first, taker_buys)
    }

    /// Takes best bid and best ask.
    ///
    /// # Errors
    /// Where a number leaves its range.
    pub fn quote(
        &mut self,
        times: (u64, u64),
        bid: (Decimal64, Decimal64),
        ask: (Decimal64, Decimal64),
    ) -> Result<(), TapeError> {
        let first = self.levels.len();
        self.decimals(&[bid, ask])?;
        self.counts.quotes += 1;
        self.push(Kind::Quote, times, first, first + 1, false)
    }

    /// The book is not known any more.
    ///
    /// # Errors
    /// Where the tape is full.
    pub fn unknown(&mut self, times: (u64, u64)) -> Result<(), TapeError> {
        self.counts.gaps += 1;
        let at = self.levels.len();
        self.push(Kind::Unknown, times, at, at, false)
    }

    fn decimals(&mut self, levels: &[(Decimal64, Decimal64)]) -> Result<(), TapeError> {
        for (price, quantity) in levels {
            let own = Exponents::default().with(price.normalized(), quantity.normalized());
            self.factors(own)?;
            let level = self.exponents.unwrap_or_default().level(*price, *quantity).map_err(|_| TapeError::Range)?;
            self.levels.push(level);
        }
        Ok(())
    }

    /// By what numbers at `exponents` are multiplied here; the tape becomes finer where they are.
    fn factors(&mut self, exponents: Exponents) -> Result<(i64, i64), TapeError> {
        let have = *self.exponents.get_or_insert(exponents);
        if have == exponents {
            return Ok((1, 1));
        }
        let fine = Exponents::new(have.price.min(exponents.price), have.quantity.min(exponents.quantity));
        let power = |from: i8, to: i8| 10i64.checked_pow((from - to).unsigned_abs().into()).ok_or(TapeError::Range);
        if fine != have {
            let (price, quantity) = (power(have.price, fine.price)?, power(have.quantity, fine.quantity)?);
            for level in &mut self.levels {
                level.price = level.price.checked_mul(price).ok_or(TapeError::Range)?;
                level.quantity = level.quantity.checked_mul(quantity).ok_or(TapeError::Range)?;
            }
            self.exponents = Some(fine);
        }
        Ok((power(exponents.price, fine.price)?, power(exponents.quantity, fine.quantity)?))
    }

    fn push(
        &mut self,
        kind: Kind,
        (venue_ns, local_ns): (u64, u64),
        first: usize,
        split: usize,
        taker_buys: bool,
    ) -> Result<(), TapeError> {
        let index = |at: usize| u32::try_from(at).map_err(|_| TapeError::TooLong);
        let (first, split, end) = (index(first)?, index(split)?, index(self.levels.len())?);
        self.heads.push(Head { venue_ns, local_ns, first, split, end, kind, taker_buys });
        Ok(())
    }

    /// The tape. `least_feed_ns` is what the fastest message is taken to have needed at least.
    ///
    /// # Errors
    /// Where there is nothing in it.
    pub fn finish(mut self, least_feed_ns: u64) -> Result<Tape, TapeError> {
        if self.heads.iter().all(|head| head.kind == Kind::Unknown) {
            return Err(TapeError::Empty);
        }
        // Quotes are a check of books where there are any, and the book where there are none.
        if self.counts.books > 0 && self.counts.quotes > 0 {
            self.heads.retain(|head| head.kind != Kind::Quote);
            self.counts.skipped += core::mem::take(&mut self.counts.quotes);
        }
        self.heads.sort_by_key(|head| head.local_ns);
        self.venue_times();
        let shift_ns = self.shift(least_feed_ns);
        let exponents = self.coarsen();
        let heads = self.heads;
        let venue_order = order_at_venue(&heads);
        let view = if self.counts.books == 0 { 1 } else { self.view };
        Ok(Tape { heads, levels: self.levels, venue_order, exponents, view, counts: self.counts, shift_ns })
    }

    /// A message without a venue's time has that of the one before; books never go back, as their changes follow each other.
    fn venue_times(&mut self) {
        let (mut last_ns, mut book_ns) = (0, 0);
        for head in &mut self.heads {
            if head.venue_ns == 0 {
                head.venue_ns = if last_ns == 0 { head.local_ns } else { last_ns };
            }
            if head.kind != Kind::Trade {
                head.venue_ns = head.venue_ns.max(book_ns);
                book_ns = head.venue_ns;
            }
            last_ns = last_ns.max(head.venue_ns);
        }
    }

    fn shift(&mut self, least_feed_ns: u64) -> u64 {
        let missing = |head: &Head| head.venue_ns.saturating_add(least_feed_ns).saturating_sub(head.local_ns);
        let shift_ns = self.heads.iter().map(missing).max().unwrap_or(0);
        self.heads.iter_mut().for_each(|head| head.local_ns = head.local_ns.saturating_add(shift_ns));
        shift_ns
    }

    /// Takes zeros away that all prices, or all quantities, end with.
    fn coarsen(&mut self) -> Exponents {
        let have = self.exponents.unwrap_or_default();
        let zeros = |of: fn(&Level) -> i64, exponent: i8| {
            let common = self.levels.iter().map(of).filter(|x| *x != 0).fold(0, gcd);
            let mut zeros = 0;
            let mut rest = common;
            while rest != 0 && rest % 10 == 0 && exponent + zeros < 0 {
                rest /= 10;
                zeros += 1;
            }
            zeros
        };
        let (price, quantity) = (zeros(|level| level.price, have.price), zeros(|level| level.quantity, have.quantity));
        let power = |zeros: i8| 10i64.pow(zeros.unsigned_abs().into());
        let (by_price, by_quantity) = (power(price), power(quantity));
        for level in &mut self.levels {
            level.price /= by_price;
            level.quantity /= by_quantity;
        }
        Exponents::new(have.price + price, have.quantity + quantity)
    }
}

fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal64 {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_kept_at_the_coarsest_power_that_holds_all() {
        let mut builder = TapeBuilder::new(0);
        let book = [Level::new(10_150_000, 2_000_000)];
        builder.book(Kind::Snapshot, (5, 6), Exponents::new(-5, -6), book, [Level::new(10_160_000, 500_000)]).unwrap();
        builder.trade((7, 8), decimal("101.55000000"), decimal("0.25"), true).unwrap();
        let tape = builder.finish(0).unwrap();
        assert_eq!(tape.exponents(), Exponents::new(-2, -2));
        let (bids, asks) = tape.levels(&tape.heads()[0]);
        assert_eq!((bids, asks), (&[Level::new(10_150, 200)][..], &[Level::new(10_160, 50)][..]));
        assert_eq!(tape.levels(&tape.heads()[1]).1, [Level::new(10_155, 25)]);
    }

    #[test]
    fn a_clock_that_is_behind_is_moved_and_trades_come_before_books() {
        let mut builder = TapeBuilder::new(0);
        let level = || [Level::new(1, 1)];
        builder.book(Kind::Snapshot, (1_000, 400), Exponents::default(), level(), level()).unwrap();
        builder.book(Kind::Delta, (2_000, 1_500), Exponents::default(), level(), level()).unwrap();
        builder.trade((2_000, 1_501), decimal("1"), decimal("1"), false).unwrap();
        builder.trade((0, 1_502), decimal("1"), decimal("1"), false).unwrap();
        let tape = builder.finish(50).unwrap();
        assert_eq!((tape.shift_ns(), tape.heads()[0].local_ns, tape.heads()[1].local_ns), (650, 1_050, 2_150));
        assert_eq!(tape.venue_order(), [0, 2, 3, 1]);
        assert_eq!(tape.heads()[3].venue_ns, 2_000, "that of the message before");
    }

    #[test]
    fn quotes_are_the_book_only_where_there_is_none() {
        let quote = |builder: &mut TapeBuilder| {
            builder.quote((1, 1), (decimal("9"), decimal("1")), (decimal("10"), decimal("1"))).unwrap();
        };
        let mut alone = TapeBuilder::new(0);
        quote(&mut alone);
        let tape = alone.clone().finish(0).unwrap();
        assert_eq!((tape.heads().len(), tape.view(), tape.counts().quotes), (1, 1, 1));
        alone.book(Kind::Snapshot, (1, 1), Exponents::default(), [Level::new(1, 1)], [Level::new(2, 1)]).unwrap();
        let tape = alone.finish(0).unwrap();
        assert_eq!((tape.heads().len(), tape.view(), tape.counts().skipped), (1, 0, 1));
        assert_eq!(TapeBuilder::new(0).finish(0), Err(TapeError::Empty));
    }
}
