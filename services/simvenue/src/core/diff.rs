//! Changes of a book since they were last told: the last quantity of each level that changed.

use std::collections::BTreeMap;

use mesh_book::Level;
use mesh_types::Side;

/// Changes that were collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// First update id in it.
    pub first: u64,
    /// Last update id in it.
    pub last: u64,
    /// Bids that changed, best first; quantity 0 is a level that went.
    pub bids: Vec<Level>,
    /// Asks that changed, best first.
    pub asks: Vec<Level>,
}

/// Collects changes.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    first: Option<u64>,
    last: u64,
    changed: [BTreeMap<i64, i64>; 2],
}

impl Collector {
    /// A level was set by the update `id`.
    pub fn set(&mut self, id: u64, side: Side, level: Level) {
        self.first.get_or_insert(id);
        self.last = id;
        let [bids, asks] = &mut self.changed;
        let changed = if side == Side::Buy { bids } else { asks };
        changed.insert(level.price, level.quantity);
    }

    /// What was collected since the last call, if anything.
    pub fn take(&mut self) -> Option<Diff> {
        let Self { first, last, changed: [bids, asks] } = core::mem::take(self);
        let level = |(price, quantity)| Level::new(price, quantity);
        Some(Diff {
            first: first?,
            last,
            bids: bids.into_iter().rev().map(level).collect(),
            asks: asks.into_iter().map(level).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_quantity_of_each_level_is_told() {
        let mut collector = Collector::default();
        assert_eq!(collector.take(), None);
        for (id, price, quantity) in [(5, 10, 1), (6, 11, 2), (7, 10, 0)] {
            collector.set(id, Side::Buy, Level::new(price, quantity));
        }
        collector.set(8, Side::Sell, Level::new(12, 3));
        let diff = collector.take().expect("changes");
        assert_eq!((diff.first, diff.last), (5, 8));
        assert_eq!(diff.bids, [Level::new(11, 2), Level::new(10, 0)]);
        assert_eq!(diff.asks, [Level::new(12, 3)]);
        assert_eq!(collector.take(), None);
    }
}
