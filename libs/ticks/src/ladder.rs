//! One side of a book for replay: quantities in an array indexed by tick, around the best.
//!
//! Prices are ranks: the price for bids, its negation for asks, so that the best is the highest and one code serves both.
//! A bitmap says which ticks hold something; finding the next best reads words of 64 ticks. What lies below the window is in
//! a sorted map. The best always lies in the window: where it leaves, the window moves, which is rare and all that
//! allocates.

use std::collections::BTreeMap;

use mesh_book::Level;

const WORD: usize = 64;
/// No level.
pub const NONE: i64 = i64::MIN;

/// One side. Its ranks have one sign, as prices are positive.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    /// Rank of the window's first tick.
    base: i64,
    cells: Box<[i64]>,
    words: Box<[u64]>,
    best: i64,
    /// Ranks below the window.
    far: BTreeMap<i64, i64>,
}

impl Ladder {
    /// Empty, with a window of so many ticks, rounded up to a power of two.
    pub(crate) fn new(window: usize) -> Self {
        let window = window.clamp(WORD, 1 << 20).next_power_of_two();
        Self {
            base: 0,
            cells: vec![0; window].into(),
            words: vec![0; window / WORD].into(),
            best: NONE,
            far: BTreeMap::new(),
        }
    }

    /// Rank of the best level, [`NONE`] where there is none.
    #[inline]
    pub(crate) const fn best(&self) -> i64 {
        self.best
    }

    const fn index(&self, rank: i64) -> usize {
        // Ranks below the window become far too large for it.
        rank.wrapping_sub(self.base) as usize
    }

    /// Quantity at a rank.
    #[inline]
    pub(crate) fn get(&self, rank: i64) -> i64 {
        match self.cells.get(self.index(rank)) {
            Some(quantity) => *quantity,
            None => self.far.get(&rank).copied().unwrap_or(0),
        }
    }

    /// Sets the quantity at a rank, 0 to remove it; what was there before.
    #[inline]
    pub(crate) fn set(&mut self, rank: i64, quantity: i64) -> i64 {
        let index = self.index(rank);
        let (Some(cell), Some(word)) = (self.cells.get_mut(index), self.words.get_mut(index / WORD)) else {
            return self.set_outside(rank, quantity);
        };
        let before = core::mem::replace(cell, quantity);
        let bit = 1u64 << (index % WORD);
        if quantity > 0 {
            *word |= bit;
            if rank > self.best {
                self.best = rank;
            }
        } else if before > 0 {
            *word &= !bit;
            if rank == self.best {
                self.find_best(index);
            }
        }
        before
    }

    #[cold]
    fn set_outside(&mut self, rank: i64, quantity: i64) -> i64 {
        if quantity == 0 {
            return self.far.remove(&rank).unwrap_or(0);
        }
        if rank < self.base && self.best != NONE {
            return self.far.insert(rank, quantity).unwrap_or(0);
        }
        // Better than the window reaches, or the first of all.
        self.move_to(rank);
        self.set(rank, quantity)
    }

    /// The best below an index, in the window or else beyond it.
    fn find_best(&mut self, index: usize) {
        let highest = |words: &[u64]| words.iter().rposition(|word| *word != 0);
        self.best = match highest(self.words.get(..=index / WORD).unwrap_or_default()) {
            Some(at) => {
                let bit = self.words.get(at).map_or(0, |word| word.ilog2() as usize);
                self.base.wrapping_add((at * WORD + bit) as i64)
            }
            None => match self.far.last_key_value().map(|(rank, _)| *rank) {
                Some(rank) => {
                    self.move_to(rank);
                    rank
                }
                None => NONE,
            },
        };
    }

    /// Moves the window so that a rank lies in it, with more room below than above.
    #[cold]
    fn move_to(&mut self, rank: i64) {
        let held: Vec<Level> = self.iter_window().collect();
        self.far.extend(held.iter().map(|level| (level.price, level.quantity)));
        self.clear_window();
        let below = self.cells.len() as i64 / 8 * 5;
        self.base = rank.saturating_sub(below);
        for (rank, quantity) in self.far.split_off(&self.base) {
            let index = self.index(rank);
            if let (Some(cell), Some(word)) = (self.cells.get_mut(index), self.words.get_mut(index / WORD)) {
                *cell = quantity;
                *word |= 1 << (index % WORD);
                self.best = rank;
            }
        }
    }

    fn clear_window(&mut self) {
        for (at, word) in self.words.iter_mut().enumerate().filter(|(_, word)| **word != 0) {
            *word = 0;
            self.cells.iter_mut().skip(at * WORD).take(WORD).for_each(|cell| *cell = 0);
        }
        self.best = NONE;
    }

    /// Removes all levels.
    pub(crate) fn clear(&mut self) {
        self.clear_window();
        self.far.clear();
    }

    /// Levels of the window, best first, ranks in place of prices.
    fn iter_window(&self) -> impl Iterator<Item = Level> + '_ {
        self.words.iter().enumerate().rev().filter(|(_, word)| **word != 0).flat_map(move |(at, word)| {
            let bits = (0..WORD).rev().filter(move |bit| word >> bit & 1 == 1);
            bits.filter_map(move |bit| {
                let index = at * WORD + bit;
                Some(Level::new(self.base.wrapping_add(index as i64), *self.cells.get(index)?))
            })
        })
    }

    /// All levels, best first, ranks in place of prices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        let far = self.far.iter().rev().map(|(rank, quantity)| Level::new(*rank, *quantity));
        self.iter_window().chain(far)
    }

    /// Rank of the worst level, [`NONE`] where there is none.
    pub(crate) fn worst(&self) -> i64 {
        if let Some((rank, _)) = self.far.first_key_value() {
            return *rank;
        }
        let at = self.words.iter().position(|word| *word != 0);
        at.zip(at.and_then(|at| self.words.get(at)))
            .map_or(NONE, |(at, word)| self.base.wrapping_add((at * WORD) as i64 + i64::from(word.trailing_zeros())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is set wherever, it is the sorted map, and the best is its last.
        #[test]
        fn it_is_a_sorted_map(
            changes in prop::collection::vec((-400i64..400, 0i64..3, any::<bool>()), 0..400),
            negative: bool,
        ) {
            let mut ladder = Ladder::new(64);
            let mut plain: BTreeMap<i64, i64> = BTreeMap::new();
            for (at, quantity, far) in changes {
                let rank = if far { at * 97 } else { at / 4 } - if negative { 1_000_000 } else { 0 };
                let before = ladder.set(rank, quantity);
                let expected = if quantity > 0 { plain.insert(rank, quantity) } else { plain.remove(&rank) };
                prop_assert_eq!(before, expected.unwrap_or(0));
                prop_assert_eq!(ladder.best(), plain.last_key_value().map_or(NONE, |(rank, _)| *rank));
                prop_assert_eq!(ladder.worst(), plain.first_key_value().map_or(NONE, |(rank, _)| *rank));
                prop_assert_eq!(ladder.get(rank), quantity);
            }
            let held: Vec<(i64, i64)> = ladder.iter().map(|level| (level.price, level.quantity)).collect();
            prop_assert_eq!(held, plain.into_iter().rev().collect::<Vec<_>>());
            ladder.clear();
            prop_assert_eq!((ladder.best(), ladder.iter().count()), (NONE, 0));
        }
    }

    #[test]
    fn the_ends_of_the_range_are_survived() {
        let mut ladder = Ladder::new(64);
        [i64::MAX, 1, 5].into_iter().for_each(|rank| {
            ladder.set(rank, 1);
        });
        assert_eq!((ladder.best(), ladder.worst(), ladder.iter().count()), (i64::MAX, 1, 3));
        ladder.set(i64::MAX, 0);
        assert_eq!(ladder.best(), 5);
        let mut ladder = Ladder::new(64);
        [-i64::MAX, -1, -5].into_iter().for_each(|rank| {
            ladder.set(rank, 1);
        });
        assert_eq!((ladder.best(), ladder.worst(), ladder.iter().count()), (-1, -i64::MAX, 3));
    }
}
