//! The live book as orders meet it: what it shows, less what orders of ours took.
//!
//! A displayed quantity is taken once. What was taken of a level is remembered until the level shows another quantity or
//! goes: only then has somebody else acted on it.

use std::collections::BTreeMap;

use mesh_actor::Digest;
use mesh_ticks::matching::{Depth, NONE};
use mesh_types::Side;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    rank: i64,
    quantity: i64,
    taken: i64,
}

/// Levels in ticks and lots, by rank, best first.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveDepth {
    bids: Vec<Shown>,
    asks: Vec<Shown>,
    /// What an earlier run took: side of the level (true for bids) and rank.
    earlier: BTreeMap<(bool, i64), i64>,
}

impl LiveDepth {
    const fn side(&self, side: Side) -> &Vec<Shown> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    /// Takes over what a side shows, (rank, quantity) from the best; tells each level that changed, with its quantity before
    /// and after.
    pub(crate) fn show(&mut self, side: Side, levels: &[(i64, i64)], mut on_change: impl FnMut(i64, i64, i64)) {
        let before = core::mem::take(match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        });
        let mut after: Vec<Shown> = Vec::with_capacity(levels.len());
        let mut before = before.into_iter().peekable();
        for (rank, quantity) in levels.iter().copied().filter(|(_, quantity)| *quantity > 0) {
            if let Some(last) = after.last_mut().filter(|last| last.rank == rank) {
                // Two prices that are one when rounded to ticks.
                last.quantity = last.quantity.saturating_add(quantity);
                continue;
            }
            while let Some(gone) = before.next_if(|old| old.rank > rank) {
                on_change(gone.rank, gone.quantity, 0);
            }
            let known = before.next_if(|old| old.rank == rank);
            let was = known.map_or(0, |old| old.quantity);
            if was != quantity {
                on_change(rank, was, quantity);
            }
            let taken = known.filter(|old| old.quantity == quantity).map_or(0, |old| old.taken);
            after.push(Shown { rank, quantity, taken });
        }
        before.for_each(|gone| on_change(gone.rank, gone.quantity, 0));
        match side {
            Side::Buy => self.bids = after,
            Side::Sell => self.asks = after,
        }
    }

    /// An earlier run took this of a level.
    pub(crate) fn restore_taken(&mut self, side: Side, rank: i64, quantity: i64) {
        let taken = self.earlier.entry((side == Side::Buy, rank)).or_default();
        *taken = taken.saturating_add(quantity);
    }

    /// Forgets what earlier runs took.
    pub(crate) fn forget_restored(&mut self) {
        self.earlier.clear();
    }

    /// Prices of the best bid and the best ask that are shown, in ticks.
    pub(crate) fn touch(&self) -> Option<(i64, i64)> {
        let (bid, ask) = (self.bids.first()?, self.asks.first()?);
        Some((bid.rank, ask.rank.checked_neg()?))
    }

    fn left(&self, side: Side, level: &Shown) -> i64 {
        let earlier = match self.earlier.is_empty() {
            true => 0,
            false => self.earlier.get(&(side == Side::Buy, level.rank)).copied().unwrap_or(0),
        };
        level.quantity.saturating_sub(level.taken).saturating_sub(earlier).max(0)
    }

    fn find(&self, side: Side, rank: i64) -> Option<&Shown> {
        let levels = self.side(side);
        let at = levels.partition_point(|level| level.rank > rank);
        levels.get(at).filter(|level| level.rank == rank)
    }

    pub(crate) fn digest_into(&self, digest: Digest) -> Digest {
        let levels = self.bids.iter().chain(&self.asks);
        let digest = levels.fold(digest, |digest, level| digest.i64(level.rank).i64(level.quantity).i64(level.taken));
        let earlier = self.earlier.iter();
        earlier.fold(digest, |digest, ((bids, rank), taken)| digest.u64(u64::from(*bids)).i64(*rank).i64(*taken))
    }
}

impl Depth for LiveDepth {
    fn best(&self, side: Side) -> i64 {
        self.side(side).iter().find(|level| self.left(side, level) > 0).map_or(NONE, |level| level.rank)
    }

    fn shown(&self, side: Side, rank: i64) -> i64 {
        self.find(side, rank).map_or(0, |level| level.quantity)
    }

    fn free(&self, side: Side, rank: i64) -> i64 {
        self.find(side, rank).map_or(0, |level| self.left(side, level))
    }

    fn take(&mut self, side: Side, rank: i64, quantity: i64) {
        let levels = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        let at = levels.partition_point(|level| level.rank > rank);
        if let Some(level) = levels.get_mut(at).filter(|level| level.rank == rank) {
            level.taken = level.taken.saturating_add(quantity);
        }
    }

    fn reach(&self, side: Side, floor: i64, enough: i64) -> i64 {
        let mut there = 0i64;
        for level in self.side(side).iter().take_while(|level| level.rank >= floor) {
            there = there.saturating_add(self.left(side, level));
            if there >= enough {
                break;
            }
        }
        there
    }

    fn is_seen(&self, side: Side, rank: i64) -> bool {
        // An empty side is one of which nothing is known: a live book has levels.
        self.side(side).first().is_some_and(|best| rank > best.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(depth: &mut LiveDepth, quantities: [i64; 2]) -> Vec<(i64, i64, i64)> {
        let mut told = Vec::new();
        let levels = [(-100, quantities[0]), (-101, quantities[1])];
        depth.show(Side::Sell, &levels, |rank, before, after| told.push((rank, before, after)));
        told
    }

    #[test]
    fn a_displayed_quantity_is_taken_once_until_the_level_changes() {
        let mut depth = LiveDepth::default();
        asks(&mut depth, [3, 4]);
        depth.take(Side::Sell, -100, 3);
        depth.take(Side::Sell, -101, 1);
        assert_eq!((depth.best(Side::Sell), depth.free(Side::Sell, -101)), (-101, 3));
        assert_eq!((asks(&mut depth, [3, 4]), depth.best(Side::Sell)), (vec![], -101), "shown the same again");
        assert_eq!(asks(&mut depth, [2, 4]), [(-100, 3, 2)]);
        assert_eq!((depth.free(Side::Sell, -100), depth.reach(Side::Sell, -101, 99)), (2, 5));
        assert_eq!((asks(&mut depth, [0, 4]), depth.free(Side::Sell, -100)), (vec![(-100, 2, 0)], 0));
        assert_eq!(depth.best(Side::Buy), NONE);
    }

    #[test]
    fn what_an_earlier_run_took_is_gone_for_a_while() {
        let mut depth = LiveDepth::default();
        depth.restore_taken(Side::Sell, -100, 2);
        asks(&mut depth, [3, 4]);
        assert_eq!((depth.free(Side::Sell, -100), depth.shown(Side::Sell, -100)), (1, 3));
        depth.forget_restored();
        assert_eq!(depth.free(Side::Sell, -100), 3);
    }
}
