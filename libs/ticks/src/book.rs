//! A book for replay, fed by a tape.

use mesh_book::Level;
use mesh_types::Side;

use crate::ladder::{Ladder, NONE};
use crate::matching::rank;
use crate::tape::{Head, Kind, Tape};

/// A book for replay.
#[derive(Clone, Debug)]
pub struct TickBook {
    bids: Ladder,
    asks: Ladder,
    known: bool,
}

impl TickBook {
    /// An empty book whose arrays reach over so many ticks ([`Tape::window`]).
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self { bids: Ladder::new(window), asks: Ladder::new(window), known: false }
    }

    /// True from a snapshot, or a quote, on until the book is lost.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.known
    }

    #[inline]
    pub(crate) const fn side(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    #[inline]
    pub(crate) const fn side_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Best level of a side.
    #[must_use]
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        let ladder = self.side(side);
        let best = ladder.best();
        (best != NONE).then(|| Level::new(rank(side, best), ladder.get(best)))
    }

    /// Best bid and best ask, where both are there and not crossed.
    #[must_use]
    #[inline]
    pub fn touch(&self) -> Option<(Level, Level)> {
        self.best(Side::Buy).zip(self.best(Side::Sell)).filter(|(bid, ask)| bid.price < ask.price)
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.side(side).iter().map(move |level| Level::new(rank(side, level.price), level.quantity))
    }

    /// Takes a message; `on_change` is told each level of a delta: side, rank, quantity before and after. A snapshot and a
    /// quote replace what was there and tell nothing.
    #[inline]
    pub(crate) fn apply_with(&mut self, tape: &Tape, head: &Head, mut on_change: impl FnMut(Side, i64, i64, i64)) {
        match head.kind {
            Kind::Delta => {
                let (bids, asks) = tape.levels(head);
                for level in bids {
                    let before = self.bids.set(level.price, level.quantity);
                    on_change(Side::Buy, level.price, before, level.quantity);
                }
                for level in asks {
                    let rank = level.price.wrapping_neg();
                    let before = self.asks.set(rank, level.quantity);
                    on_change(Side::Sell, rank, before, level.quantity);
                }
            }
            Kind::Trade => {}
            Kind::Snapshot | Kind::Quote => {
                let (bids, asks) = tape.levels(head);
                self.clear();
                for level in bids {
                    self.bids.set(level.price, level.quantity);
                }
                for level in asks {
                    self.asks.set(level.price.wrapping_neg(), level.quantity);
                }
                self.known = true;
            }
            Kind::Unknown => self.clear(),
        }
    }

    /// Takes a message.
    #[inline]
    pub fn apply(&mut self, tape: &Tape, head: &Head) {
        self.apply_with(tape, head, |_, _, _, _| {});
    }

    fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.known = false;
    }
}
