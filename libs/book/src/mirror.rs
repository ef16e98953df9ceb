//! The consumer's side: a book rebuilt from the mesh's own messages.
//!
//! A delta must continue the message before (`previous_sequence`), else the book is suspect until the next snapshot. The
//! publisher's health is taken over, never improved on: the book is live only where the publisher says so, the messages are
//! continuous, and it is not crossed. Health by time is asked for with the time as an argument.

use core::fmt;

use mesh_types::limits::MAX_ORDER_LEVELS;
use mesh_types::market::{BookDelta, BookLevel, BookSnapshot};
use mesh_types::{BookHealth, Side};

use crate::book::Book;
use crate::health::Reason;
use crate::level::{Exponents, Level};

/// A message that its own head contradicts. The book is suspect after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorError {
    /// The head counts other levels than came with it.
    LevelCount {
        /// What the head says, both sides together.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// A price that is not positive, or a quantity that is negative.
    Level {
        /// Which of the levels.
        index: usize,
    },
    /// More levels a side than the head's depth.
    Depth {
        /// The head's depth.
        depth: usize,
    },
}

impl fmt::Display for MirrorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LevelCount { expected, found } => {
                write!(f, "expected {expected} levels after the head, found {found}: the publisher is at fault")
            }
            Self::Level { index } => {
                write!(
                    f,
                    "expected a positive price and a quantity of at least 0, level {index} has not: the publisher is at fault"
                )
            }
            Self::Depth { depth } => {
                write!(f, "expected at most {depth} levels a side, found more: the publisher is at fault")
            }
        }
    }
}

impl core::error::Error for MirrorError {}

/// One instrument's book as a consumer sees it.
#[derive(Clone, Debug)]
pub struct MirrorBook {
    book: Book,
    health: BookHealth,
    reason: Option<Reason>,
    sequence: u64,
    venue_ns: u64,
    received_ns: u64,
}

impl Default for MirrorBook {
    fn default() -> Self {
        Self::new()
    }
}

impl MirrorBook {
    /// An empty book that waits for its snapshot.
    pub fn new() -> Self {
        Self {
            book: Book::default(),
            health: BookHealth::Resyncing,
            reason: Some(Reason::NoSnapshot),
            sequence: 0,
            venue_ns: 0,
            received_ns: 0,
        }
    }

    /// The levels; trust them only where [`MirrorBook::is_live`].
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Health by sequence and by the publisher's word; see [`MirrorBook::is_live`] for health by time.
    pub const fn health(&self) -> BookHealth {
        self.health
    }

    /// Why it is not live.
    pub const fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// The venue's sequence of the last message.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The venue's time of the last message, ns since the Unix epoch; 0 where it does not say.
    pub const fn venue_ns(&self) -> u64 {
        self.venue_ns
    }

    /// When the packet behind the last message was received, ns since the Unix epoch.
    pub const fn received_ns(&self) -> u64 {
        self.received_ns
    }

    /// True where the book may be traded on at `now_ns`: live, and its last message not older than `max_age_ns`.
    pub fn is_live(&self, now_ns: u64, max_age_ns: u64) -> bool {
        self.health == BookHealth::Live && now_ns.saturating_sub(self.received_ns) <= max_age_ns
    }

    /// Messages may be missing, as after a gap notice of the relay: suspect until the next snapshot.
    pub fn on_gap(&mut self, last: u64, found: u64) {
        self.lose(Reason::Gap { last, found });
    }

    /// Takes a snapshot: the book is what it says.
    ///
    /// # Errors
    /// When head and levels contradict each other; the book is suspect then.
    pub fn on_snapshot(&mut self, head: &BookSnapshot, levels: &[BookLevel]) -> Result<(), MirrorError> {
        let counts = (usize::from(head.bid_count.get()), usize::from(head.ask_count.get()));
        let (bids, asks) = self.split(counts, levels)?;
        self.book.begin(Exponents::new(head.price_exponent, head.quantity_exponent));
        self.set(bids, asks);
        self.sequence = head.last_sequence.get();
        self.finish(head.health.get(), head.depth, head.venue_ns.get(), head.received_ns.get())
    }

    /// Takes a delta. One that does not continue the message before changes no level and makes the book suspect.
    ///
    /// # Errors
    /// When head and levels contradict each other; the book is suspect then.
    pub fn on_delta(&mut self, head: &BookDelta, levels: &[BookLevel]) -> Result<(), MirrorError> {
        let counts = (usize::from(head.bid_count.get()), usize::from(head.ask_count.get()));
        let (bids, asks) = self.split(counts, levels)?;
        if self.reason == Some(Reason::NoSnapshot) {
            return Ok(());
        }
        let exponents = Exponents::new(head.price_exponent, head.quantity_exponent);
        if head.previous_sequence != self.sequence || exponents != self.book.exponents() {
            self.lose(Reason::Gap { last: self.sequence, found: head.first_sequence.get() });
            return Ok(());
        }
        if !matches!(self.reason, None | Some(Reason::Publisher)) {
            // Broken here, not at the publisher: only a snapshot heals it.
            return Ok(());
        }
        self.set(bids, asks);
        self.sequence = head.last_sequence.get();
        self.finish(head.health.get(), head.depth, head.venue_ns.get(), head.received_ns.get())
    }

    fn split<'a>(
        &mut self,
        (bids, asks): (usize, usize),
        levels: &'a [BookLevel],
    ) -> Result<(&'a [BookLevel], &'a [BookLevel]), MirrorError> {
        let error = match levels.split_at_checked(bids) {
            Some((bids, rest)) if rest.len() == asks => {
                match levels.iter().position(|l| l.price.get() <= 0 || l.quantity.get() < 0) {
                    None => return Ok((bids, rest)),
                    Some(index) => MirrorError::Level { index },
                }
            }
            _ => MirrorError::LevelCount { expected: bids + asks, found: levels.len() },
        };
        self.lose(Reason::Malformed);
        Err(error)
    }

    fn set(&mut self, bids: &[BookLevel], asks: &[BookLevel]) {
        bids.iter().rev().for_each(|level| self.book.set(Side::Buy, Level::from(*level)));
        asks.iter().rev().for_each(|level| self.book.set(Side::Sell, Level::from(*level)));
    }

    /// Takes over times and health.
    fn finish(
        &mut self,
        health: Option<BookHealth>,
        depth: u8,
        venue_ns: u64,
        received_ns: u64,
    ) -> Result<(), MirrorError> {
        (self.venue_ns, self.received_ns) = (venue_ns, received_ns);
        // 255 stands for 256 too, which does not fit the wire's byte.
        let depth = if depth == u8::MAX { MAX_ORDER_LEVELS } else { usize::from(depth) };
        if self.book.bid_count().max(self.book.ask_count()) > depth {
            self.lose(Reason::Malformed);
            self.book.clear();
            return Err(MirrorError::Depth { depth });
        }
        if !self.book.is_coherent() {
            self.lose(Reason::Crossed);
            return Ok(());
        }
        self.health = health.unwrap_or(BookHealth::Suspect);
        self.reason = (self.health != BookHealth::Live).then_some(Reason::Publisher);
        Ok(())
    }

    fn lose(&mut self, reason: Reason) {
        // A book that never had a snapshot waits for it still.
        if self.reason != Some(Reason::NoSnapshot) {
            self.health = BookHealth::Suspect;
            self.reason = Some(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn levels(levels: &[(i64, i64)]) -> Vec<BookLevel> {
        levels.iter().map(|(p, q)| Level::new(*p, *q).into()).collect()
    }

    fn snapshot(bids: u16, asks: u16, sequence: u64) -> BookSnapshot {
        BookSnapshot {
            last_sequence: sequence.into(),
            received_ns: 1_000.into(),
            health: BookHealth::Live.into(),
            depth: 2,
            bid_count: bids.into(),
            ask_count: asks.into(),
            ..BookSnapshot::default()
        }
    }

    fn delta(bids: u16, asks: u16, previous: u64, last: u64, health: BookHealth) -> BookDelta {
        BookDelta {
            previous_sequence: previous.into(),
            first_sequence: (previous + 1).into(),
            last_sequence: last.into(),
            received_ns: 2_000.into(),
            health: health.into(),
            depth: 2,
            bid_count: bids.into(),
            ask_count: asks.into(),
            ..BookDelta::default()
        }
    }

    fn live() -> MirrorBook {
        let mut mirror = MirrorBook::new();
        mirror.on_snapshot(&snapshot(1, 1, 10), &levels(&[(5, 1), (6, 1)])).expect("a snapshot");
        mirror
    }

    #[test]
    fn a_missed_delta_is_seen_and_only_a_snapshot_heals_it() {
        let mut mirror = live();
        assert_eq!(mirror.on_delta(&delta(1, 0, 11, 12, BookHealth::Live), &levels(&[(4, 1)])), Ok(()));
        assert_eq!(mirror.health(), BookHealth::Suspect);
        assert_eq!(mirror.reason(), Some(Reason::Gap { last: 10, found: 12 }));
        assert_eq!(mirror.on_delta(&delta(1, 0, 10, 13, BookHealth::Live), &levels(&[(4, 1)])), Ok(()));
        assert_eq!((mirror.health(), mirror.sequence()), (BookHealth::Suspect, 10));
        assert_eq!(mirror.on_snapshot(&snapshot(1, 1, 14), &levels(&[(5, 1), (6, 1)])), Ok(()));
        assert_eq!(mirror.health(), BookHealth::Live);
    }

    #[test]
    fn health_and_age_carry_over() {
        let mut mirror = live();
        assert!(mirror.is_live(1_500, 500) && !mirror.is_live(1_501, 500));
        assert!(mirror.is_live(900, 0), "a clock behind the packet's is no reason");
        mirror.on_delta(&delta(0, 0, 10, 10, BookHealth::Suspect), &[]).expect("health only");
        assert_eq!((mirror.health(), mirror.reason()), (BookHealth::Suspect, Some(Reason::Publisher)));
        mirror
            .on_delta(&delta(1, 0, 10, 11, BookHealth::Live), &levels(&[(5, 2)]))
            .expect("the publisher is live again");
        assert!(mirror.is_live(2_000, 0));
    }

    #[test]
    fn a_crossed_book_and_a_head_that_lies_are_suspect() {
        let mut mirror = live();
        mirror.on_delta(&delta(1, 0, 10, 11, BookHealth::Live), &levels(&[(6, 2)])).expect("well formed");
        assert_eq!(mirror.reason(), Some(Reason::Crossed));
        let mut mirror = live();
        let lie = mirror.on_delta(&delta(2, 0, 10, 11, BookHealth::Live), &levels(&[(4, 1)]));
        assert_eq!(lie, Err(MirrorError::LevelCount { expected: 2, found: 1 }));
        assert_eq!(mirror.health(), BookHealth::Suspect);
        let mut mirror = live();
        let lie = mirror.on_delta(&delta(2, 0, 10, 11, BookHealth::Live), &levels(&[(4, 1), (0, 1)]));
        assert_eq!(lie, Err(MirrorError::Level { index: 1 }));
        let mut mirror = live();
        let lie = mirror.on_delta(&delta(2, 0, 10, 11, BookHealth::Live), &levels(&[(4, 1), (3, 1)]));
        assert_eq!((lie, mirror.book().bid_count()), (Err(MirrorError::Depth { depth: 2 }), 0));
    }

    proptest! {
        #[test]
        fn any_messages_are_survived(messages in proptest::collection::vec(
            (any::<bool>(), 0u16..4, 0u16..4, 0u64..4, 0u64..4, 0u8..6, any::<u8>(), proptest::collection::vec((any::<i64>(), any::<i64>()), 0..8)), 0..20)
        ) {
            let mut mirror = MirrorBook::new();
            for (whole, bids, asks, previous, last, health, depth, prices) in messages {
                let levels = levels(&prices);
                let health = mesh_types::wire::Coded::from_raw(health);
                if whole {
                    let _ = mirror.on_snapshot(&BookSnapshot { health, depth, ..snapshot(bids, asks, last) }, &levels);
                } else {
                    let _ = mirror.on_delta(&BookDelta { health, depth, ..delta(bids, asks, previous, last, BookHealth::Live) }, &levels);
                }
                prop_assert!(mirror.health() != BookHealth::Live || mirror.book().is_coherent());
            }
        }
    }
}
