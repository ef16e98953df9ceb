//! The view of a book that is published: its best levels, and the changes between two of them.
//!
//! A consumer that starts from the view's snapshot and applies its deltas has exactly the best `depth` levels after each
//! message (`tests::a_consumer_has_exactly_the_producer_s_top`). A delta names levels that changed or entered with their
//! quantity, and levels that left, because they went or because better ones pushed them out, with 0.
//!
//! Changes beyond the view are not told: then there is nothing to publish, and the next delta continues the message before,
//! whatever the venue's sequence did in between.

use mesh_types::limits::MAX_ORDER_LEVELS;
use mesh_types::market::{BookDelta, BookLevel, BookSnapshot};
use mesh_types::wire::U16;
use mesh_types::{BookHealth, InstrumentId, Side};

use crate::book::Book;
use crate::level::{Exponents, Level};

/// What was published last of one book.
#[derive(Clone, Debug)]
pub struct TopView {
    depth: usize,
    exponents: Exponents,
    /// As [`Book::top`] gives them: best last, ranks in place of prices.
    bids: Vec<Level>,
    asks: Vec<Level>,
    sequence: u64,
    health: BookHealth,
    /// The next message must be a snapshot.
    fresh: bool,
    levels: Vec<BookLevel>,
    ask_levels: Vec<BookLevel>,
}

/// A message to publish: the head and the levels that follow it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Publication<'a> {
    /// The body, instrument and times not filled in yet.
    pub head: PublicationHead,
    /// Bids, then asks, each best first.
    pub levels: &'a [BookLevel],
}

/// The body of a [`Publication`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PublicationHead {
    /// The whole view.
    Snapshot(BookSnapshot),
    /// What changed in it.
    Delta(BookDelta),
}

impl PublicationHead {
    /// The body with its instrument and times, ns since the Unix epoch; the venue's is 0 where it does not say.
    #[must_use]
    pub fn stamped(mut self, instrument: InstrumentId, venue_ns: u64, received_ns: u64) -> Self {
        match &mut self {
            Self::Snapshot(body) => {
                body.instrument = instrument;
                body.venue_ns = venue_ns.into();
                body.received_ns = received_ns.into();
            }
            Self::Delta(body) => {
                body.instrument = instrument;
                body.venue_ns = venue_ns.into();
                body.received_ns = received_ns.into();
            }
        }
        self
    }
}

impl TopView {
    /// A view of the best `depth` levels a side, 1 to [`MAX_ORDER_LEVELS`]; a depth outside is moved to the nearest bound.
    pub fn new(depth: usize) -> Self {
        Self {
            depth: depth.clamp(1, MAX_ORDER_LEVELS),
            exponents: Exponents::default(),
            bids: Vec::new(),
            asks: Vec::new(),
            sequence: 0,
            health: BookHealth::Resyncing,
            fresh: true,
            levels: Vec::new(),
            ask_levels: Vec::new(),
        }
    }

    /// Levels a side.
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// The next publication will be a whole snapshot, as for a subscriber that asks for one.
    pub const fn start_again(&mut self) {
        self.fresh = true;
    }

    /// What to publish now that `book` stands at the venue's `sequence`. `None` where a consumer would learn nothing.
    ///
    /// A book that is not live is published once with its health and without levels; once it is live again, whole.
    pub fn publish(&mut self, book: &Book, sequence: u64, health: BookHealth) -> Option<Publication<'_>> {
        let live = health == BookHealth::Live;
        if !live && !self.fresh {
            if health == self.health {
                return None;
            }
            self.health = health;
            self.levels.clear();
            return Some(self.delta(self.sequence, 0));
        }
        let whole = self.fresh || self.health != BookHealth::Live || self.exponents != book.exponents();
        let first = self.sequence.saturating_add(1).min(sequence);
        let bids = book.top(Side::Buy, self.depth);
        let asks = book.top(Side::Sell, self.depth);
        if !whole {
            self.levels.clear();
            self.ask_levels.clear();
            changes(&self.bids, bids, |rank| rank, &mut self.levels);
            changes(&self.asks, asks, i64::wrapping_neg, &mut self.ask_levels);
            if self.levels.is_empty() && self.ask_levels.is_empty() {
                return None;
            }
        }
        // A side whose levels did not change is what it was.
        if whole || !self.levels.is_empty() {
            copy_from(&mut self.bids, bids);
        }
        if whole || !self.ask_levels.is_empty() {
            copy_from(&mut self.asks, asks);
        }
        // A delta that is longer than the view says less than the view does.
        if whole || self.levels.len() + self.ask_levels.len() > bids.len() + asks.len() {
            (self.fresh, self.exponents, self.health) = (false, book.exponents(), health);
            return Some(self.snapshot(first, sequence));
        }
        let bid_count = self.levels.len();
        self.levels.extend_from_slice(&self.ask_levels);
        let publication_sequence = core::mem::replace(&mut self.sequence, sequence);
        Some(self.delta(publication_sequence, bid_count))
    }

    fn delta(&self, previous: u64, bid_count: usize) -> Publication<'_> {
        let body = BookDelta {
            first_sequence: previous.saturating_add(1).min(self.sequence).into(),
            last_sequence: self.sequence.into(),
            previous_sequence: previous.into(),
            price_exponent: self.exponents.price,
            quantity_exponent: self.exponents.quantity,
            health: self.health.into(),
            depth: depth_byte(self.depth),
            bid_count: count(bid_count),
            ask_count: count(self.levels.len() - bid_count),
            ..BookDelta::default()
        };
        Publication { head: PublicationHead::Delta(body), levels: &self.levels }
    }

    fn snapshot(&mut self, first: u64, sequence: u64) -> Publication<'_> {
        let previous = core::mem::replace(&mut self.sequence, sequence);
        self.levels.clear();
        self.levels.extend(self.bids.iter().rev().map(|level| BookLevel::from(*level)));
        self.levels.extend(self.asks.iter().rev().map(|level| wire(*level, i64::wrapping_neg)));
        let body = BookSnapshot {
            first_sequence: first.into(),
            last_sequence: sequence.into(),
            previous_sequence: previous.into(),
            price_exponent: self.exponents.price,
            quantity_exponent: self.exponents.quantity,
            health: self.health.into(),
            depth: depth_byte(self.depth),
            bid_count: count(self.bids.len()),
            ask_count: count(self.asks.len()),
            ..BookSnapshot::default()
        };
        Publication { head: PublicationHead::Snapshot(body), levels: &self.levels }
    }
}

/// The depth as the wire holds it: 255 stands for 256 too.
fn depth_byte(depth: usize) -> u8 {
    u8::try_from(depth).unwrap_or(u8::MAX)
}

fn count(levels: usize) -> U16 {
    u16::try_from(levels).unwrap_or(u16::MAX).into()
}

fn wire(level: Level, price: fn(i64) -> i64) -> BookLevel {
    Level::new(price(level.price), level.quantity).into()
}

fn copy_from(into: &mut Vec<Level>, from: &[Level]) {
    into.clear();
    into.extend_from_slice(from);
}

/// Appends what leads from `old` to `new`, best first. Both are sorted by rank with the best last.
fn changes(old: &[Level], new: &[Level], price: fn(i64) -> i64, out: &mut Vec<BookLevel>) {
    let (mut old, mut new) = skip_equal(old, new);
    loop {
        match (old.split_last(), new.split_last()) {
            (Some((was, old_rest)), Some((is, new_rest))) if was.price == is.price => {
                (old, new) = (old_rest, new_rest);
                if was.quantity != is.quantity {
                    out.push(wire(*is, price));
                    (old, new) = skip_equal(old, new);
                }
            }
            (Some((was, rest)), is) if is.is_none_or(|(is, _)| was.price > is.price) => {
                out.push(wire(Level::new(was.price, 0), price));
                (old, new) = skip_equal(rest, new);
            }
            (_, Some((is, rest))) => {
                out.push(wire(*is, price));
                (old, new) = skip_equal(old, rest);
            }
            _ => return,
        }
    }
}

/// Leaves out equal levels at the best end, eight at a time: most of a view does not change.
fn skip_equal<'a>(mut old: &'a [Level], mut new: &'a [Level]) -> (&'a [Level], &'a [Level]) {
    while let (Some((old_rest, was)), Some((new_rest, is))) = (old.split_last_chunk::<8>(), new.split_last_chunk::<8>())
    {
        // Without an early end, so that it is done in wide registers.
        let differs =
            was.iter().zip(is).fold(0, |bits, (was, is)| bits | (was.price ^ is.price) | (was.quantity ^ is.quantity));
        if differs != 0 {
            break;
        }
        (old, new) = (old_rest, new_rest);
    }
    (old, new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::any_change;
    use crate::mirror::MirrorBook;
    use proptest::prelude::*;

    fn deliver(mirror: &mut MirrorBook, publication: Publication<'_>) {
        match publication.head.stamped(InstrumentId::default(), 7, 8) {
            PublicationHead::Snapshot(body) => mirror.on_snapshot(&body, publication.levels).expect("a snapshot"),
            PublicationHead::Delta(body) => mirror.on_delta(&body, publication.levels).expect("a delta"),
        }
    }

    fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Book {
        let levels = |side: &[(i64, i64)]| side.iter().map(|(p, q)| Level::new(*p, *q)).collect::<Vec<_>>();
        let mut book = Book::new(Exponents::new(-2, -3));
        book.replace(&levels(bids), &levels(asks));
        book
    }

    #[test]
    fn a_level_that_is_pushed_out_leaves_with_quantity_0() {
        let mut view = TopView::new(2);
        let mut book = book(&[(10, 1), (9, 2), (8, 3)], &[(11, 1), (12, 1)]);
        assert!(matches!(
            view.publish(&book, 5, BookHealth::Live).map(|p| p.head),
            Some(PublicationHead::Snapshot(body)) if body.last_sequence == 5 && body.depth == 2 && body.bid_count == 2
        ));
        book.set(Side::Buy, Level::new(8, 9));
        assert_eq!(view.publish(&book, 6, BookHealth::Live), None, "beyond the view");
        book.set(Side::Sell, Level::new(11, 4));
        let publication = view.publish(&book, 9, BookHealth::Live).expect("a delta");
        let PublicationHead::Delta(body) = publication.head else { panic!("expected a delta") };
        assert_eq!((body.previous_sequence.get(), body.first_sequence.get(), body.last_sequence.get()), (5, 6, 9));
        assert_eq!(publication.levels, [Level::new(11, 4).into()]);
        book.set(Side::Buy, Level::new(10, 0));
        let publication = view.publish(&book, 10, BookHealth::Live).expect("a delta");
        assert_eq!(publication.levels, [Level::new(10, 0).into(), Level::new(8, 9).into()]);
    }

    #[test]
    fn a_book_that_is_not_live_is_told_once_and_comes_back_whole() {
        let mut view = TopView::new(2);
        let book = book(&[(10, 1)], &[(11, 1)]);
        view.publish(&book, 5, BookHealth::Live);
        let publication = view.publish(&book, 7, BookHealth::Suspect).expect("health");
        let PublicationHead::Delta(body) = publication.head else { panic!("expected a delta") };
        assert_eq!((body.last_sequence.get(), body.health.get()), (5, Some(BookHealth::Suspect)));
        assert!(publication.levels.is_empty());
        assert_eq!(view.publish(&book, 8, BookHealth::Suspect), None);
        let back = view.publish(&book, 9, BookHealth::Live).map(|p| p.head);
        assert!(matches!(back, Some(PublicationHead::Snapshot(_))));
    }

    proptest! {
        #[test]
        fn a_consumer_has_exactly_the_producer_s_top(
            depth in 1usize..6,
            steps in proptest::collection::vec((proptest::collection::vec(any_change(), 0..6), 0u8..30), 1..60),
        ) {
            let mut book = Book::new(Exponents::new(-2, -3));
            let (mut view, mut mirror) = (TopView::new(depth), MirrorBook::new());
            let mut sequence = 0;
            for (changes, dice) in steps {
                for (side, mut level) in changes {
                    // Asks above bids, so that the book is never crossed.
                    level.price += if side == Side::Sell { 40 } else { 0 };
                    book.set(side, level);
                }
                sequence += 1 + u64::from(dice % 3);
                if dice == 29 {
                    view.start_again();
                }
                let health = if dice == 28 { BookHealth::Suspect } else { BookHealth::Live };
                if let Some(publication) = view.publish(&book, sequence, health) {
                    deliver(&mut mirror, publication);
                }
                prop_assert_eq!(mirror.health(), health);
                if health == BookHealth::Live {
                    let top = |levels: &mut dyn Iterator<Item = Level>| levels.take(depth).collect::<Vec<_>>();
                    prop_assert_eq!(mirror.book().bids().collect::<Vec<_>>(), top(&mut book.bids()));
                    prop_assert_eq!(mirror.book().asks().collect::<Vec<_>>(), top(&mut book.asks()));
                }
            }
        }
    }
}
