//! Binance's integrity rules: a snapshot over HTTP, changes over the socket, and how the two are joined.
//!
//! Changes are buffered until the snapshot is there. Those it covers are dropped; the first that is kept must touch it;
//! every later one must continue the one before. The two rules differ only in how sequences say so:
//!
//! | | spot | USD-M and COIN-M |
//! |---|---|---|
//! | dropped after a snapshot `S` | `u <= S` | `u < S` |
//! | first kept | `U <= S + 1 <= u` | `U <= S <= u`, or `pu == S` |
//! | later ones | `U <= last + 1` | `pu == last` |
//!
//! `pu == S` says the same as the rule the venue publishes, from the other side: the change continues the very change that
//! the snapshot ends with, and which was sent before the buffer began.
//!
//! Invariants: a book is live only where sequences are continuous from a snapshot on and it is not crossed
//! (`tests::a_book_is_never_live_and_wrong`); it becomes live again once changes and a snapshot come in order
//! (`tests::a_clean_stream_heals_every_book`); while a refresh is on its way the old book goes on; the buffer is bounded
//! and loses its oldest change first, which the rule then sees as a snapshot that is too old.
//!
//! It does no I/O: [`BinanceBook::wants_snapshot`] says when to ask for one.
//!
//! Source: Binance spot API documentation, `web-socket-streams.md` (corrected 2025-11-12); USD-M documentation, "How to
//! manage a local order book correctly".

use std::collections::VecDeque;

use mesh_types::BookHealth;

use crate::book::Book;
use crate::health::Reason;
use crate::level::{Exponents, Level};

/// Which of the two rules a market follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinanceRule {
    /// Spot: `U` continues `u` of the change before.
    Spot,
    /// USD-M and COIN-M: `pu` names `u` of the change before.
    Futures,
}

/// One `depthUpdate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diff<'a> {
    /// `U`: first update id in it.
    pub first: u64,
    /// `u`: last update id in it.
    pub last: u64,
    /// `pu`: last update id of the change before; 0 on spot, which has none.
    pub previous: u64,
    /// Bid levels, at the book's exponents.
    pub bids: &'a [Level],
    /// Ask levels, at the book's exponents.
    pub asks: &'a [Level],
}

/// The answer to a depth request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot<'a> {
    /// `lastUpdateId`.
    pub last: u64,
    /// Bid levels, at the book's exponents.
    pub bids: &'a [Level],
    /// Ask levels, at the book's exponents.
    pub asks: &'a [Level],
    /// Levels a side that were asked for; where fewer came, the side is whole.
    pub limit: usize,
}

/// What a change or a snapshot did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The book changed and is live: publish it.
    Applied,
    /// Kept for later; the book that is shown did not change.
    Held,
    /// Older than the book: no effect.
    Ignored,
    /// The book was live and is not any more: publish its health.
    Broken,
}

/// How a change stands to a book.
enum Link {
    Old,
    Follows,
    Gap,
}

impl BinanceRule {
    /// How the first change after a snapshot stands to it.
    fn after_snapshot(self, snapshot: u64, diff: &Diff<'_>) -> Link {
        match self {
            Self::Spot => self.after_diff(snapshot, diff),
            Self::Futures if diff.last < snapshot => Link::Old,
            Self::Futures if diff.first <= snapshot || diff.previous == snapshot => Link::Follows,
            Self::Futures => Link::Gap,
        }
    }

    /// How a change stands to the one before.
    fn after_diff(self, last: u64, diff: &Diff<'_>) -> Link {
        if diff.last <= last {
            return Link::Old;
        }
        let follows = match self {
            Self::Spot => diff.first <= last.saturating_add(1),
            Self::Futures => diff.previous == last,
        };
        if follows { Link::Follows } else { Link::Gap }
    }
}

/// A change that waits for a snapshot.
#[derive(Clone, Debug)]
struct Held {
    first: u64,
    last: u64,
    previous: u64,
    levels: Box<[Level]>,
    bid_count: usize,
}

impl Held {
    fn new(diff: &Diff<'_>) -> Self {
        let levels = diff.bids.iter().chain(diff.asks).copied().collect();
        Self { first: diff.first, last: diff.last, previous: diff.previous, levels, bid_count: diff.bids.len() }
    }

    fn diff(&self) -> Diff<'_> {
        let (bids, asks) = self.levels.split_at_checked(self.bid_count).unwrap_or_default();
        Diff { first: self.first, last: self.last, previous: self.previous, bids, asks }
    }
}

/// A book that stands on a snapshot.
#[derive(Clone, Debug)]
struct Base {
    book: Book,
    last: u64,
    /// A change has continued the snapshot.
    bridged: bool,
    /// Worst bid and ask price that the snapshot told of; `None` where it told all.
    edges: [Option<i64>; 2],
}

impl Base {
    fn new(exponents: Exponents, snapshot: &Snapshot<'_>) -> Self {
        let mut book = Book::new(exponents);
        book.replace(snapshot.bids, snapshot.asks);
        let edge =
            |levels: &[Level]| (levels.len() >= snapshot.limit).then(|| levels.last().map(|l| l.price)).flatten();
        Self { book, last: snapshot.last, bridged: false, edges: [edge(snapshot.bids), edge(snapshot.asks)] }
    }

    fn link(&self, rule: BinanceRule, diff: &Diff<'_>) -> Link {
        if self.bridged { rule.after_diff(self.last, diff) } else { rule.after_snapshot(self.last, diff) }
    }

    fn apply(&mut self, diff: &Diff<'_>) {
        self.book.set_all(diff.bids, diff.asks);
        self.last = diff.last;
        self.bridged = true;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    /// No snapshot is needed.
    Idle,
    /// One should be asked for.
    Wanted,
    /// One was asked for.
    InFlight,
}

/// One instrument's book at Binance, with its health.
#[derive(Clone, Debug)]
pub struct BinanceBook {
    rule: BinanceRule,
    capacity: usize,
    health: BookHealth,
    reason: Option<Reason>,
    request: Request,
    /// The book that is shown.
    shown: Base,
    /// A newer one that no change has continued yet.
    next: Option<Base>,
    /// Changes since the snapshot was wanted, in order.
    held: VecDeque<Held>,
}

impl BinanceBook {
    /// An empty book that waits for its first change. `capacity` is the most changes that are kept while a snapshot is on
    /// its way.
    pub fn new(rule: BinanceRule, exponents: Exponents, capacity: usize) -> Self {
        let shown = Base { book: Book::new(exponents), last: 0, bridged: false, edges: [None; 2] };
        Self {
            rule,
            capacity: capacity.max(1),
            health: BookHealth::Resyncing,
            reason: Some(Reason::NoSnapshot),
            request: Request::Wanted,
            shown,
            next: None,
            held: VecDeque::new(),
        }
    }

    /// The book as far as it is known; trust it only where [`BinanceBook::health`] is live.
    pub const fn book(&self) -> &Book {
        &self.shown.book
    }

    /// Last update id of the book.
    pub const fn sequence(&self) -> u64 {
        self.shown.last
    }

    /// Whether the book can be trusted.
    pub const fn health(&self) -> BookHealth {
        self.health
    }

    /// Why it is not live.
    pub const fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// True where a snapshot should be asked for now: one is needed, none is on its way, and the changes that it will have
    /// to meet are being kept.
    pub fn wants_snapshot(&self) -> bool {
        self.request == Request::Wanted && !self.held.is_empty()
    }

    /// The snapshot was asked for.
    pub fn snapshot_requested(&mut self) {
        self.request = Request::InFlight;
        if self.health == BookHealth::Suspect {
            self.health = BookHealth::Resyncing;
        }
    }

    /// The request failed; [`BinanceBook::wants_snapshot`] is true again.
    pub fn snapshot_failed(&mut self) {
        if self.request == Request::InFlight {
            self.request = Request::Wanted;
        }
    }

    /// Wants a fresh snapshot of a live book, which goes on until the new one has been continued.
    pub fn refresh(&mut self) {
        if self.request == Request::Idle && self.next.is_none() {
            self.request = Request::Wanted;
        }
    }

    /// True where one of the best `depth` levels of a side lies beyond what the snapshot told of, so that levels between
    /// may be missing: time for [`BinanceBook::refresh`].
    pub fn needs_refresh(&self, depth: usize) -> bool {
        let [bid_edge, ask_edge] = self.shown.edges;
        let Some(last) = depth.checked_sub(1) else { return false };
        let bids = bid_edge.is_some_and(|edge| self.book().bids().nth(last).is_none_or(|worst| worst.price < edge));
        let asks = ask_edge.is_some_and(|edge| self.book().asks().nth(last).is_none_or(|worst| worst.price > edge));
        bids || asks
    }

    /// The connection ended: changes were missed, so the book starts again.
    pub fn disconnected(&mut self) {
        self.break_off(Reason::Disconnected);
        self.held.clear();
        self.next = None;
        self.request = Request::Wanted;
    }

    /// Its stream has been silent for longer than can be: what was missed is not known, so the book starts again.
    pub fn stale(&mut self, age_ns: u64) -> Step {
        let was_live = self.health == BookHealth::Live;
        self.break_off(Reason::Stale { age_ns });
        self.held.clear();
        self.next = None;
        self.request = Request::Wanted;
        if was_live { Step::Broken } else { Step::Held }
    }

    /// Starts again at other exponents, because a level did not fit these.
    pub fn restart(&mut self, exponents: Exponents) {
        *self = Self {
            health: if self.health == BookHealth::Resyncing { BookHealth::Resyncing } else { BookHealth::Suspect },
            reason: Some(Reason::Precision),
            ..Self::new(self.rule, exponents, self.capacity)
        };
    }

    /// Takes a change.
    pub fn on_diff(&mut self, diff: &Diff<'_>) -> Step {
        let was_live = self.health == BookHealth::Live;
        if self.request != Request::Idle {
            self.hold(diff);
        }
        let shown = if was_live { self.follow(diff) } else { Step::Held };
        match self.continue_next(diff) {
            Some(step) => self.after_swap(was_live, step),
            None => shown,
        }
    }

    /// Takes a snapshot, asked for or not.
    pub fn on_snapshot(&mut self, snapshot: &Snapshot<'_>) -> Step {
        let was_live = self.health == BookHealth::Live;
        let mut base = Base::new(self.shown.book.exponents(), snapshot);
        if was_live && self.held.is_empty() && snapshot.last < self.shown.last {
            // Changes between it and the book were not kept, so it can't be brought forward.
            self.snapshot_failed();
            return Step::Ignored;
        }
        for held in &self.held {
            let diff = held.diff();
            match base.link(self.rule, &diff) {
                Link::Old => {}
                Link::Follows => base.apply(&diff),
                Link::Gap => {
                    self.request = Request::Wanted;
                    if !was_live {
                        self.reason = Some(Reason::StaleSnapshot { snapshot: snapshot.last, first: diff.first });
                    }
                    return Step::Held;
                }
            }
        }
        self.held.clear();
        self.request = Request::Idle;
        if base.bridged {
            let step = self.swap(base);
            return self.after_swap(was_live, step);
        }
        self.next = Some(base);
        if !was_live {
            self.health = BookHealth::Resyncing;
            self.reason = Some(Reason::Bridging);
        }
        Step::Held
    }

    /// Applies a change to the live book.
    fn follow(&mut self, diff: &Diff<'_>) -> Step {
        match self.shown.link(self.rule, diff) {
            Link::Old => Step::Ignored,
            Link::Follows => {
                self.shown.apply(diff);
                if self.shown.book.is_coherent() {
                    return Step::Applied;
                }
                self.lose(Reason::Crossed, diff)
            }
            Link::Gap => self.lose(Reason::Gap { last: self.shown.last, found: diff.first }, diff),
        }
    }

    /// Brings a snapshot that waits for its first change forward. `None` where nothing was swapped in.
    fn continue_next(&mut self, diff: &Diff<'_>) -> Option<Step> {
        let mut base = self.next.take()?;
        match base.link(self.rule, diff) {
            Link::Old => {
                self.next = Some(base);
                None
            }
            Link::Follows => {
                base.apply(diff);
                Some(self.swap(base))
            }
            Link::Gap => {
                if self.health != BookHealth::Live {
                    self.reason = Some(Reason::StaleSnapshot { snapshot: base.last, first: diff.first });
                }
                self.request = Request::Wanted;
                self.held.clear();
                self.hold(diff);
                None
            }
        }
    }

    /// Shows a book that a change has continued.
    fn swap(&mut self, base: Base) -> Step {
        self.next = None;
        self.shown = base;
        self.held.clear();
        if self.shown.book.is_coherent() {
            self.health = BookHealth::Live;
            self.reason = None;
            self.request = Request::Idle;
            return Step::Applied;
        }
        self.break_off(Reason::Crossed);
        self.request = Request::Wanted;
        Step::Broken
    }

    /// A book that was not live before the swap and is not after it has not been broken by it.
    fn after_swap(&self, was_live: bool, step: Step) -> Step {
        if step == Step::Broken && !was_live { Step::Held } else { step }
    }

    /// The live book can't be trusted any more; `diff` is the first change that the next snapshot must meet.
    fn lose(&mut self, reason: Reason, diff: &Diff<'_>) -> Step {
        self.break_off(reason);
        if self.request == Request::Idle && self.next.is_none() {
            self.request = Request::Wanted;
            self.hold(diff);
        }
        Step::Broken
    }

    fn break_off(&mut self, reason: Reason) {
        if self.health == BookHealth::Live {
            self.health = BookHealth::Suspect;
        }
        self.reason = Some(reason);
    }

    /// Keeps a change. A break in what is kept is seen when a snapshot is brought across it.
    fn hold(&mut self, diff: &Diff<'_>) {
        if self.held.back().is_some_and(|newest| diff.last <= newest.last) {
            return;
        }
        if self.held.len() >= self.capacity {
            self.held.pop_front();
        }
        self.held.push_back(Held::new(diff));
    }
}

#[cfg(test)]
#[path = "binance_tests.rs"]
mod tests;
