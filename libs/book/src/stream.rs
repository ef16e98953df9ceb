//! Books whose snapshot comes in the stream itself: Kraken, OKX, Hyperliquid, and Drift's order book server.
//!
//! Snapshots and changes come over one ordered connection, so a snapshot needs no bridge; what must be seen is loss. Each
//! venue shows it in another way, and a change says which apply to it:
//!
//! | | continues the change before where | and after it |
//! |---|---|---|
//! | Kraken v2 | (no sequence) | the checksum over the ten best is the venue's |
//! | OKX | `prevSeqId` is the book's `seqId`; the ids may fall | the checksum, where it is not 0 |
//! | Hyperliquid | each message is a whole snapshot; one of an older block is ignored | |
//!
//! After every message a book that is crossed is suspect too. Venues that keep `depth` levels send no removal for those
//! that are pushed out: the book is cut to `depth` after each message.
//!
//! Invariants: a book is live only from a snapshot on, while its rule holds and it is not crossed
//! (`tests::a_chained_book_is_never_live_and_wrong`, `tests::a_checksummed_book_is_never_live_and_wrong`); it is live again
//! with the next snapshot (`tests::a_snapshot_heals_every_book`); a book that is not live changes with a snapshot only.
//!
//! It does no I/O: [`StreamBook::wants_snapshot`] says when to subscribe again.

use mesh_types::BookHealth;

use crate::binance::Step;
use crate::book::Book;
use crate::health::Reason;
use crate::level::{Exponents, Level};

/// What a message says of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// True where it is the whole book.
    pub snapshot: bool,
    /// Where the book must stand for the change to continue it; `None` where the venue has no sequences. A snapshot needs
    /// none.
    pub previous: Option<u64>,
    /// Where the book stands after it: the venue's own number, else one that only grows.
    pub sequence: u64,
    /// Bid levels, at the book's exponents.
    pub bids: &'a [Level],
    /// Ask levels, at the book's exponents.
    pub asks: &'a [Level],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Idle,
    Wanted,
    InFlight,
}

/// One instrument's book from a stream, with its health.
#[derive(Clone, Debug)]
pub struct StreamBook {
    book: Book,
    depth: usize,
    health: BookHealth,
    reason: Option<Reason>,
    request: Request,
    sequence: u64,
    heard_ns: u64,
}

impl StreamBook {
    /// An empty book that waits for its snapshot; `depth` is how many levels a side the venue keeps.
    pub fn new(exponents: Exponents, depth: usize) -> Self {
        Self {
            book: Book::new(exponents),
            depth,
            health: BookHealth::Resyncing,
            reason: Some(Reason::NoSnapshot),
            request: Request::InFlight,
            sequence: 0,
            heard_ns: 0,
        }
    }

    /// The book as far as it is known; trust it only where [`StreamBook::health`] is live.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Where it stands.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether the book can be trusted.
    pub const fn health(&self) -> BookHealth {
        self.health
    }

    /// Why it is not live.
    pub const fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// When a message of it came last, ns since the Unix epoch; 0 before the first.
    pub const fn heard_ns(&self) -> u64 {
        self.heard_ns
    }

    /// Levels a side that the venue keeps from now on, as its acknowledgement says.
    pub fn set_depth(&mut self, depth: usize) {
        self.depth = depth;
        self.book.truncate(depth);
    }

    /// Moves the book to finer exponents, which the instrument's information tells or a level needs. A book that does not
    /// fit them is emptied and wants a snapshot.
    pub fn refine(&mut self, exponents: Exponents) {
        match self.book.refined(exponents) {
            Some(refined) => self.book = refined,
            None => {
                self.book = Book::new(exponents);
                if self.reason != Some(Reason::NoSnapshot) {
                    self.lose(Reason::Precision);
                }
            }
        }
    }

    /// True where the subscription should be renewed now: a snapshot is needed and none is on its way.
    pub fn wants_snapshot(&self) -> bool {
        self.request == Request::Wanted
    }

    /// The subscription is being renewed.
    pub fn snapshot_requested(&mut self) {
        self.request = Request::InFlight;
        if self.health == BookHealth::Suspect {
            self.health = BookHealth::Resyncing;
        }
    }

    /// Renewing failed; [`StreamBook::wants_snapshot`] is true again.
    pub fn snapshot_failed(&mut self) {
        if self.request == Request::InFlight && self.health != BookHealth::Live {
            self.request = Request::Wanted;
        }
    }

    /// The connection ended. A new one brings its own snapshot.
    pub fn disconnected(&mut self) {
        self.lose(Reason::Disconnected);
        self.request = Request::InFlight;
    }

    /// The subscription was ended; one that is begun brings its own snapshot.
    pub fn unsubscribed(&mut self) {
        self.lose(Reason::Unsubscribed);
        self.request = Request::InFlight;
    }

    /// A message of this book could not be read, so its content is missing.
    pub fn malformed(&mut self) -> Step {
        self.lose(Reason::Malformed)
    }

    /// Nothing may be silent for longer than `max_age_ns`: a live book that is becomes suspect.
    pub fn on_time(&mut self, now_ns: u64, max_age_ns: u64) -> Step {
        let age_ns = now_ns.saturating_sub(self.heard_ns);
        if self.health == BookHealth::Live && age_ns > max_age_ns {
            self.lose(Reason::Stale { age_ns })
        } else {
            Step::Ignored
        }
    }

    /// Takes a message. `verify` compares the book after it with the venue's checksum: `None` where there is none, else what
    /// was expected and what was found.
    pub fn on_change(
        &mut self,
        change: &Change<'_>,
        received_ns: u64,
        verify: impl FnOnce(&Book) -> Option<(u32, u32)>,
    ) -> Step {
        self.heard_ns = self.heard_ns.max(received_ns);
        if change.snapshot {
            self.book.replace(change.bids, change.asks);
        } else {
            if self.health != BookHealth::Live {
                return Step::Held;
            }
            if let Some(previous) = change.previous.filter(|previous| *previous != self.sequence) {
                // The very message again, after which the book stands where it does.
                if change.sequence == self.sequence {
                    return Step::Ignored;
                }
                return self.lose(Reason::Gap { last: self.sequence, found: previous });
            }
            self.book.set_all(change.bids, change.asks);
        }
        self.book.truncate(self.depth);
        self.sequence = change.sequence;
        let broken = match verify(&self.book) {
            Some((expected, found)) if expected != found => Some(Reason::Checksum { expected, found }),
            _ => (!self.book.is_coherent()).then_some(Reason::Crossed),
        };
        match broken {
            None => {
                self.health = BookHealth::Live;
                self.reason = None;
                self.request = Request::Idle;
                Step::Applied
            }
            Some(reason) => {
                let step = self.lose(reason);
                // A snapshot that is wrong itself is asked for again, whatever the book was before.
                self.request = Request::Wanted;
                step
            }
        }
    }

    /// Takes a snapshot of a block: ignored where the book has a newer one.
    pub fn on_block(&mut self, change: &Change<'_>, received_ns: u64) -> Step {
        if self.reason != Some(Reason::NoSnapshot) && change.sequence < self.sequence {
            return Step::Ignored;
        }
        self.on_change(change, received_ns, |_| None)
    }

    fn lose(&mut self, reason: Reason) -> Step {
        let was_live = self.health == BookHealth::Live;
        if was_live {
            self.health = BookHealth::Suspect;
            self.request = Request::Wanted;
        }
        self.reason = Some(reason);
        if was_live { Step::Broken } else { Step::Held }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
