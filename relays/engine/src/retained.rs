//! The latest messages, for subscribers that return.

use std::collections::BTreeMap;

use mesh_codec::Header;
use mesh_transport::control;
use mesh_transport::sequence::{Missing, gap_range};
use mesh_types::system::{Gap, GapRange};
use mesh_types::wire::{Coded, Tailed};
use mesh_types::{MessageId, SourceId};

use crate::filter::{each_frame, header_at};
use crate::holes::{Holes, before_first, is_after, key};

/// Frames in order of arrival, at most so many bytes; up to where each source's were given up; and what never came.
#[derive(Debug)]
pub(crate) struct Retained {
    limit_bytes: usize,
    bytes: Vec<u8>,
    head: usize,
    given_up: BTreeMap<(u16, u8), MessageId>,
    holes: Holes,
}

/// What a subscriber that stopped at some positions has missed.
#[derive(Debug)]
pub(crate) struct Missed<'a> {
    /// Kept frames after the positions.
    pub(crate) frames: Vec<&'a [u8]>,
    /// Messages after the positions that nobody keeps.
    pub(crate) lost: Lost,
}

/// Messages that a subscriber can't be sent.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) ranges: Vec<GapRange>,
    /// True when all of them are lost.
    pub(crate) exact: bool,
}

impl Retained {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, bytes: Vec::new(), head: 0, given_up: BTreeMap::new(), holes: Holes::default() }
    }

    /// Adds whole frames, and gives up the oldest past the bound.
    pub(crate) fn push(&mut self, frames: &[u8]) {
        if self.limit_bytes == 0 {
            return;
        }
        if self.head >= self.bytes.len() - self.head {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
        self.bytes.extend_from_slice(frames);
        while self.bytes.len() - self.head > self.limit_bytes
            && let Some(header) = header_at(&self.bytes, self.head)
        {
            let id = header.id();
            self.head += header.frame_bytes();
            self.given_up.insert(key(&id), id);
            self.holes.forget(&id);
        }
    }

    /// A source's first message has come: what it said before is kept nowhere here.
    pub(crate) fn begins_with(&mut self, first: &MessageId) {
        if let Some(missing) = before_first(first) {
            self.never_came(missing, first);
        }
    }

    /// A publisher left these out before that message.
    pub(crate) fn never_came(&mut self, missing: Missing, before: &MessageId) {
        if self.limit_bytes > 0 {
            self.holes.add(missing, before);
        }
    }

    /// Whether a message of this id would still be here.
    pub(crate) fn covers(&self, header: &Header) -> bool {
        let id = header.id();
        self.limit_bytes > 0 && self.given_up.get(&key(&id)).is_none_or(|given_up| is_after(&id, given_up))
    }

    /// What is to be sent to a subscriber that has seen up to `positions`.
    pub(crate) fn after(&self, positions: &[MessageId]) -> Missed<'_> {
        let seen: BTreeMap<(u16, u8), &MessageId> =
            positions.iter().map(|position| (key(position), position)).collect();
        let mut frames = Vec::new();
        each_frame(self.bytes.get(self.head..).unwrap_or_default(), |_, frame| {
            let Some(id) = header_at(frame, 0).map(Header::id) else { return };
            if seen.get(&key(&id)).is_some_and(|position| is_after(&id, position)) {
                frames.push(frame);
            }
        });
        let mut lost = Lost { ranges: Vec::new(), exact: true };
        for position in seen.into_values() {
            let of_source = self.lost_after(position);
            lost.ranges.extend(of_source.ranges);
            lost.exact &= of_source.exact;
        }
        Missed { frames, lost }
    }

    /// Messages of a source after a position that can't be sent.
    pub(crate) fn lost_after(&self, position: &MessageId) -> Lost {
        let given_up = self.given_up.get(&key(position)).filter(|given_up| is_after(given_up, position));
        // All up to there is told as one: a hole that reaches further back, since it was taken together with others, is
        // told only from there on.
        let (holes, exact) = self.holes.after(given_up.unwrap_or(position));
        let mut ranges = Vec::new();
        if let Some(given_up) = given_up {
            let (last, stopped) = (given_up.sequence.get(), position.sequence.get());
            // A lower number with a later time is of a new run, which counts from 1.
            let first = if stopped < last { stopped + 1 } else { 1 };
            ranges.push(gap_range(given_up.source, Coded::from_raw(given_up.domain), first, last));
        }
        ranges.extend(holes);
        Lost { ranges, exact }
    }
}

impl Lost {
    /// Writes the notices: as many as the ranges need. A subscriber with a filter did not want all of it.
    pub(crate) fn put(&self, buffer: &mut Vec<u8>, relay: SourceId, takes_all: bool) {
        let length =
            |range: &GapRange| range.last_sequence.get().saturating_sub(range.first_sequence.get()).saturating_add(1);
        for ranges in self.ranges.chunks(<Gap as Tailed>::MAX_ITEMS) {
            let count = ranges.iter().map(length).fold(0, u64::saturating_add);
            control::put_gap(buffer, relay, count, self.exact && takes_all, ranges);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mesh_codec::{FrameBuilder, Stamp};
    use mesh_types::Domain;
    use mesh_types::system::Heartbeat;
    use proptest::prelude::*;

    use super::*;

    const SOURCE: SourceId = SourceId::new(10);

    fn frame(sequence: u64) -> Vec<u8> {
        let mut frame = Vec::new();
        let stamp = Stamp { domain: Domain::Signal, source: SOURCE, sequence, timestamp_ns: sequence };
        FrameBuilder::new(&mut frame, &stamp).body(&Heartbeat::default()).finish().expect("fits");
        frame
    }

    fn sequence(frame: &[u8]) -> u64 {
        header_at(frame, 0).map_or(0, |header| header.sequence.get())
    }

    proptest! {
        /// Whatever never came, was given up, or was taken together: each number after a position is sent or told, none is
        /// told twice, and none is sent and told where the notice says that all of it is lost.
        #[test]
        fn what_a_returning_subscriber_is_told_is_told_once(
            steps in prop::collection::vec((0u64..3, 1u64..3), 1..250),
            limit_frames in 1usize..200,
            stopped in any::<prop::sample::Index>(),
        ) {
            let mut retained = Retained::new(limit_frames * frame(1).len());
            let mut last = 0;
            for (left_out, sent) in steps {
                let next = frame(last + left_out + 1);
                let before = header_at(&next, 0).map(Header::id).expect("a header");
                if left_out > 0 {
                    let missing = Missing { first: last + 1, last: last + left_out, count: left_out, exact: true };
                    retained.never_came(missing, &before);
                }
                for sequence in last + left_out + 1..=last + left_out + sent {
                    retained.push(&frame(sequence));
                }
                last += left_out + sent;
            }
            let stopped = stopped.index(last as usize + 1) as u64;
            let missed = retained.after(&[MessageId::new(Domain::Signal, SOURCE, stopped, stopped)]);
            let received: BTreeSet<u64> = missed.frames.iter().map(|frame| sequence(frame)).collect();
            let mut told = BTreeSet::new();
            for range in &missed.lost.ranges {
                for number in range.first_sequence.get()..=range.last_sequence.get() {
                    prop_assert!(told.insert(number), "{} is told twice", number);
                    prop_assert!(!missed.lost.exact || !received.contains(&number), "{} is sent and told", number);
                }
            }
            told.extend(received);
            prop_assert_eq!(told, (stopped + 1..=last).collect::<BTreeSet<_>>());
        }
    }
}
