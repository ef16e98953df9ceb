//! Which messages a subscriber misses: sets of sequence ranges, by source and domain.

use std::collections::BTreeMap;

use mesh_codec::Header;
use mesh_transport::control;
use mesh_transport::sequence::gap_range;
use mesh_types::SourceId;
use mesh_types::system::{Gap, GapRange};
use mesh_types::wire::{Coded, Tailed};

/// Ranges kept; past it they are taken together, which makes the notice inexact.
const MAX_RANGES: usize = 4 * <Gap as Tailed>::MAX_ITEMS;

/// Missing messages.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    sources: BTreeMap<(u16, u8), Vec<(u64, u64)>>,
    dropped: u64,
    ranges: usize,
    inexact: bool,
}

impl Gaps {
    /// How many are missing.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A message that is not given to the subscriber.
    pub(crate) fn add(&mut self, header: &Header) {
        let sequence = header.sequence.get();
        self.dropped += 1;
        self.insert((header.source.get(), header.domain.raw()), sequence, sequence);
    }

    /// Ranges that were told before and must be told again.
    pub(crate) fn add_notice(&mut self, dropped: u64, exact: bool, ranges: &[GapRange]) {
        self.dropped += dropped;
        self.inexact |= !exact;
        for range in ranges {
            let (first, last) = (range.first_sequence.get(), range.last_sequence.get());
            if first <= last {
                self.insert((range.source.get(), range.domain.raw()), first, last);
            }
        }
    }

    fn insert(&mut self, source: (u16, u8), first: u64, last: u64) {
        let ranges = self.sources.entry(source).or_default();
        match ranges.last_mut() {
            // Almost always messages are dropped in their order.
            Some(newest) if newest.1.checked_add(1) == Some(first) => newest.1 = last,
            Some(newest) if newest.1 >= first => {
                let before = ranges.len();
                self.inexact |= insert_within(ranges, first, last);
                self.ranges = self.ranges + ranges.len() - before;
            }
            _ => {
                ranges.push((first, last));
                self.ranges += 1;
            }
        }
        if self.ranges > MAX_RANGES {
            self.coalesce();
        }
    }

    /// Halves the ranges of the source that has most.
    fn coalesce(&mut self) {
        let Some(ranges) = self.sources.values_mut().max_by_key(|ranges| ranges.len()) else { return };
        let before = ranges.len();
        if before < 2 {
            return;
        }
        *ranges = ranges.chunks(2).filter_map(|pair| Some((pair.first()?.0, pair.last()?.1))).collect();
        self.ranges -= before - ranges.len();
        self.inexact = true;
    }

    /// Writes the notices: as many as the ranges need.
    pub(crate) fn put(&self, buffer: &mut Vec<u8>, relay: SourceId) {
        let ranges: Vec<GapRange> = self
            .sources
            .iter()
            .flat_map(|((source, domain), ranges)| {
                let (source, domain) = (SourceId::new(*source), Coded::from_raw(*domain));
                ranges.iter().map(move |(first, last)| gap_range(source, domain, *first, *last))
            })
            .collect();
        let mut left = self.dropped;
        for part in ranges.chunks(<Gap as Tailed>::MAX_ITEMS) {
            let covered = part.iter().map(|range| range.last_sequence.get() - range.first_sequence.get() + 1).sum();
            // Where ranges cover more than what is missing, the first notice tells the count of all.
            let told = if self.inexact { left } else { covered };
            left -= told.min(left);
            control::put_gap(buffer, relay, told, !self.inexact, part);
        }
    }
}

/// Inserts a range that does not simply follow the others; true when it overlaps one, as after a source's restart.
fn insert_within(ranges: &mut Vec<(u64, u64)>, first: u64, last: u64) -> bool {
    let from = ranges.partition_point(|range| range.1.saturating_add(1) < first);
    let to = ranges.partition_point(|range| range.0 <= last.saturating_add(1));
    let touched = ranges.get(from..to).unwrap_or_default();
    let overlaps = touched.iter().any(|range| range.0 <= last && range.1 >= first);
    let merged = touched.iter().fold((first, last), |all, range| (all.0.min(range.0), all.1.max(range.1)));
    ranges.splice(from..to, [merged]);
    overlaps
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mesh_codec::{Frames, Message};
    use mesh_transport::GapNotice;
    use mesh_types::Domain;
    use proptest::prelude::*;

    use super::*;

    fn header(sequence: u64) -> Header {
        let (domain, source) = (Coded::new(Domain::Market), SourceId::new(5));
        Header { domain, source, sequence: sequence.into(), ..zerocopy::FromZeros::new_zeroed() }
    }

    fn notices(gaps: &Gaps) -> Vec<u8> {
        let mut buffer = Vec::new();
        gaps.put(&mut buffer, SourceId::new(1));
        buffer
    }

    proptest! {
        #[test]
        fn any_order_of_drops_gives_the_same_ranges(mut sequences in prop::collection::vec(1u64..300, 1..200)) {
            let mut gaps = Gaps::default();
            let mut told = BTreeSet::new();
            sequences.retain(|sequence| told.insert(*sequence));
            sequences.iter().for_each(|sequence| gaps.add(&header(*sequence)));
            let bytes = notices(&gaps);
            let message = Message::parse(&bytes).expect("one notice");
            let notice = GapNotice::new(message).expect("a gap");
            prop_assert!(notice.is_exact());
            prop_assert_eq!(notice.dropped(), told.len() as u64);
            let ranges: Vec<_> =
                notice.ranges().iter().map(|range| (range.first_sequence.get(), range.last_sequence.get())).collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "apart and in order: {:?}", ranges);
            let covered: BTreeSet<u64> = ranges.iter().flat_map(|(first, last)| *first..=*last).collect();
            prop_assert_eq!(covered, told);
            // What is told again is the same.
            let mut again = Gaps::default();
            again.add_notice(notice.dropped(), notice.is_exact(), notice.ranges());
            prop_assert!(again.sources == gaps.sources && again.dropped == gaps.dropped);
        }
    }

    #[test]
    fn many_ranges_take_several_notices_and_too_many_are_rounded_outwards() {
        let (mut some, mut many) = (Gaps::default(), Gaps::default());
        (1..=1000).for_each(|n| some.add(&header(2 * n)));
        (1..=10_000).for_each(|n| many.add(&header(2 * n)));
        for (gaps, dropped, exact, count) in [(&some, 1000, true, 2), (&many, 10_000, false, 4)] {
            let bytes = notices(gaps);
            let parts: Vec<_> = Frames::new(&bytes)
                .map(|(_, message)| GapNotice::new(message.expect("valid")).expect("a gap"))
                .collect();
            assert!(parts.len() <= count && parts.iter().all(|part| part.is_exact() == exact));
            assert_eq!(parts.iter().map(GapNotice::dropped).sum::<u64>(), dropped);
            let ranges: Vec<_> = parts.iter().flat_map(|part| part.ranges()).collect();
            for n in 1..=dropped {
                let holds =
                    |range: &&&GapRange| (range.first_sequence.get()..=range.last_sequence.get()).contains(&(2 * n));
                assert_eq!(ranges.iter().filter(holds).count(), 1);
            }
        }
    }
}
