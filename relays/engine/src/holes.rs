//! Messages of publishers that never came here: a subscriber that returns can't be sent them, so it is told.
//!
//! A hole lies before a message. It is there when a publisher left numbers out, and when this relay began in the middle of a
//! publisher's run, as after a restart when the publisher no longer keeps what it said first. The tracker of a receiver
//! that takes everything finds such a hole by itself; one with a filter can't.

use std::collections::BTreeMap;

use mesh_transport::sequence::{Missing, gap_range};
use mesh_types::MessageId;
use mesh_types::system::GapRange;
use mesh_types::wire::Coded;

/// Holes kept for each source; past it the two oldest are taken together, which makes them inexact.
const MAX_HOLES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    missing: Missing,
    /// The message that came after it.
    before: MessageId,
}

/// What never came, by source and domain, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Holes {
    sources: BTreeMap<(u16, u8), Vec<Hole>>,
}

/// Source and domain of a message.
pub(crate) fn key(id: &MessageId) -> (u16, u8) {
    (id.source.get(), id.domain)
}

/// Whether `id` is not covered by having seen `seen`: as a sequence tracker judges it.
pub(crate) fn is_after(id: &MessageId, seen: &MessageId) -> bool {
    id.sequence.get() > seen.sequence.get() || id.timestamp_ns.get() > seen.timestamp_ns.get()
}

impl Holes {
    /// These did not come before that message.
    pub(crate) fn add(&mut self, missing: Missing, before: &MessageId) {
        let holes = self.sources.entry(key(before)).or_default();
        holes.push(Hole { missing, before: *before });
        if holes.len() > MAX_HOLES {
            let oldest = holes.remove(0);
            if let Some(next) = holes.first_mut() {
                let first = oldest.missing.first.min(next.missing.first);
                let count = oldest.missing.count + next.missing.count;
                next.missing = Missing { first, count, exact: false, ..next.missing };
            }
        }
    }

    /// What lies before this message need not be told any more.
    pub(crate) fn forget(&mut self, up_to: &MessageId) {
        if let Some(holes) = self.sources.get_mut(&key(up_to)) {
            holes.retain(|hole| is_after(&hole.before, up_to));
        }
    }

    /// What never came of what a subscriber that stopped at `position` would have been sent; and whether all of it is
    /// missing.
    pub(crate) fn after(&self, position: &MessageId) -> (Vec<GapRange>, bool) {
        let mut exact = true;
        let holes = self.sources.get(&key(position)).map_or(&[][..], Vec::as_slice);
        let ranges = holes.iter().filter(|hole| is_after(&hole.before, position)).filter_map(|hole| {
            let (stopped, Missing { first, last, .. }) = (position.sequence.get(), hole.missing);
            // A position that is not below the message after the hole is of an earlier run: none of this one was seen.
            let first = if stopped < hole.before.sequence.get() { first.max(stopped + 1) } else { first };
            if first > last {
                return None;
            }
            exact &= hole.missing.exact;
            Some(gap_range(position.source, Coded::from_raw(position.domain), first, last))
        });
        (ranges.collect(), exact)
    }
}

/// What a source said before the first of its messages that came here.
pub(crate) fn before_first(first: &MessageId) -> Option<Missing> {
    let last = first.sequence.get().checked_sub(1).filter(|last| *last > 0)?;
    Some(Missing { first: 1, last, count: last, exact: true })
}

#[cfg(test)]
mod tests {
    use mesh_types::{Domain, SourceId};

    use super::*;

    fn id(sequence: u64, timestamp_ns: u64) -> MessageId {
        MessageId::new(Domain::Signal, SourceId::new(10), sequence, timestamp_ns)
    }

    fn missing(first: u64, last: u64) -> Missing {
        Missing { first, last, count: last - first + 1, exact: true }
    }

    fn told(holes: &Holes, position: &MessageId) -> Vec<(u64, u64)> {
        let (ranges, _) = holes.after(position);
        ranges.iter().map(|range| (range.first_sequence.get(), range.last_sequence.get())).collect()
    }

    #[test]
    fn what_a_subscriber_has_not_passed_is_told_from_where_it_stopped() {
        let mut holes = Holes::default();
        let first = id(5_000, 1_000);
        holes.add(before_first(&first).expect("it began earlier"), &first);
        holes.add(missing(5_100, 5_109), &id(5_110, 1_100));
        // Sequence and time where it stopped, and what it is told.
        let cases: [(MessageId, &[(u64, u64)]); 6] = [
            (id(4_000, 900), &[(4_001, 4_999), (5_100, 5_109)]),
            (id(4_999, 999), &[(5_100, 5_109)]),
            (id(5_105, 1_050), &[(5_106, 5_109)]),
            (id(5_110, 1_100), &[]),
            // Of an earlier run, which had said more.
            (id(9_000, 500), &[(1, 4_999), (5_100, 5_109)]),
            // It asks for everything.
            (id(0, 0), &[(1, 4_999), (5_100, 5_109)]),
        ];
        for (position, expected) in cases {
            assert_eq!(told(&holes, &position), expected, "{position:?}");
        }
        holes.forget(&id(5_050, 1_050));
        assert_eq!(told(&holes, &id(0, 0)), [(5_100, 5_109)]);
        assert_eq!(told(&holes, &MessageId::new(Domain::Execution, SourceId::new(10), 0, 0)), []);
        assert_eq!(before_first(&id(1, 1)), None);
    }

    #[test]
    fn too_many_are_taken_together_and_nothing_is_left_out() {
        let mut holes = Holes::default();
        for n in 1..=100 {
            holes.add(missing(10 * n, 10 * n + 3), &id(10 * n + 4, n));
        }
        let (ranges, exact) = holes.after(&id(0, 0));
        assert_eq!((ranges.len(), exact), (MAX_HOLES, false));
        for n in 1..=100 {
            for sequence in 10 * n..10 * n + 4 {
                let holds =
                    |range: &GapRange| (range.first_sequence.get()..=range.last_sequence.get()).contains(&sequence);
                assert_eq!(ranges.iter().filter(|range| holds(range)).count(), 1, "{sequence}");
            }
        }
    }
}
