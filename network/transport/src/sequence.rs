//! What a receiver has seen of each source: duplicates are told apart from losses and from restarts.
//!
//! A source numbers its messages of a domain from 1 without holes, and starts again from 1 with later times when it is
//! restarted. So, against the last message seen of the same source and domain:
//!
//! - a number not above the last, with a time not after the last's: a duplicate;
//! - a number not above the last, with a later time: the source was restarted;
//! - the next number: in order; a greater one: the numbers between are missing, unless the relay has declared them.
//!
//! The last values that a relay gives first are no continuous stream: within a snapshot no loss is judged. A subscription
//! with a filter leaves holes by its nature, so a tracker is told whether to judge losses at all.

use std::collections::BTreeMap;

use mesh_codec::Header;
use mesh_types::system::GapRange;
use mesh_types::wire::Coded;
use mesh_types::{Domain, MessageId, SourceId};

/// Declared ranges kept for each source; beyond it the two oldest are taken together.
const MAX_DECLARED: usize = 1024;

/// Messages that did not come and that nobody declared as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// How many of these are missing.
    pub count: u64,
    /// True when all of them are.
    pub exact: bool,
}

/// What a message is to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// New, and nothing is missing before it.
    New,
    /// Seen before: to be passed over.
    Duplicate,
    /// New, and these are missing before it.
    After(Missing),
}

#[derive(Clone, Debug)]
struct Source {
    key: (SourceId, u8),
    /// Last message seen, in a snapshot or live.
    sequence: u64,
    timestamp_ns: u64,
    /// Last number up to which losses have been judged; `None` until the first live message.
    judged: Option<u64>,
    /// Losses that the relay declared ahead, in order and apart from each other.
    declared: Vec<(u64, u64)>,
}

/// What has been seen of each source and domain.
#[derive(Clone, Debug)]
pub struct SequenceTracker {
    judges_losses: bool,
    in_snapshot: bool,
    sources: Vec<Source>,
    places: BTreeMap<(u16, u8), usize>,
    /// Where the last message's source is: messages come in runs.
    current: usize,
}

impl SequenceTracker {
    /// One that has seen nothing.
    pub const fn new(judges_losses: bool) -> Self {
        Self { judges_losses, in_snapshot: false, sources: Vec::new(), places: BTreeMap::new(), current: 0 }
    }

    /// From here to [`SequenceTracker::end_snapshot`] come last values.
    pub const fn begin_snapshot(&mut self) {
        self.in_snapshot = true;
    }

    /// What follows is live.
    pub const fn end_snapshot(&mut self) {
        self.in_snapshot = false;
    }

    /// Takes a position from elsewhere, as from a ledger: what is not after it will be a duplicate.
    pub fn resume_from(&mut self, position: &MessageId) {
        let source = self.source((position.source, position.domain));
        source.sequence = position.sequence.get();
        source.timestamp_ns = position.timestamp_ns.get();
        source.judged = Some(position.sequence.get());
    }

    /// The last message seen of a source.
    pub fn position(&self, source: SourceId, domain: Domain) -> Option<MessageId> {
        let place = *self.places.get(&(source.get(), Coded::new(domain).raw()))?;
        self.sources.get(place).map(Source::position)
    }

    /// Whether anything has come of a source.
    pub fn knows(&self, source: SourceId, domain: u8) -> bool {
        self.places.contains_key(&(source.get(), domain))
    }

    /// How many sources, each in its domains, are known.
    #[inline]
    pub const fn source_count(&self) -> usize {
        self.sources.len()
    }

    /// A source has told that it was restarted: whatever it says next is new, and counts from 1.
    pub fn restart(&mut self, source: SourceId) {
        for known in self.sources.iter_mut().filter(|known| known.key.0 == source) {
            known.restart();
            known.timestamp_ns = 0;
        }
    }

    /// The last message seen of each source.
    pub fn positions(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.sources.iter().map(Source::position)
    }

    /// Takes note of a loss that the relay declared, before the messages after it come.
    pub fn declare(&mut self, range: &GapRange) {
        let (first, last) = (range.first_sequence.get(), range.last_sequence.get());
        if first > last || range.domain.get().is_none() {
            return;
        }
        let declared = &mut self.source((range.source, range.domain.raw())).declared;
        let place = declared.partition_point(|known| known.0 < first);
        declared.insert(place, (first, last));
        if declared.len() > MAX_DECLARED {
            let oldest = declared.remove(0);
            if let Some(next) = declared.first_mut() {
                *next = (oldest.0, next.1.max(oldest.1));
            }
        }
    }

    /// Whether a message comes next from the source that the last one came from, so that nothing but [`Sighting::New`]
    /// can be said of it; then it is taken in. `false` says nothing.
    #[inline]
    pub fn follows(&mut self, header: &Header) -> bool {
        let Some(source) = self.sources.get_mut(self.current) else { return false };
        let (last, sequence) = (source.sequence, header.sequence.get());
        let follows = source.key == (header.source, header.domain.raw())
            && source.judged == Some(last)
            && sequence > last
            && (sequence - last == 1 || !self.judges_losses)
            && !self.in_snapshot;
        if follows {
            source.sequence = sequence;
            source.timestamp_ns = header.timestamp_ns.get();
            source.judged = Some(sequence);
        }
        follows
    }

    /// Takes a message in.
    pub fn observe(&mut self, header: &Header) -> Sighting {
        let key = (header.source, header.domain.raw());
        let (sequence, timestamp_ns) = (header.sequence.get(), header.timestamp_ns.get());
        let (in_snapshot, judges_losses) = (self.in_snapshot, self.judges_losses);
        let source = self.source(key);
        if sequence <= source.sequence {
            if timestamp_ns <= source.timestamp_ns {
                return Sighting::Duplicate;
            }
            source.restart();
        }
        let newest = source.sequence;
        source.sequence = sequence;
        source.timestamp_ns = timestamp_ns;
        if in_snapshot {
            return Sighting::New;
        }
        match source.judged.replace(sequence) {
            Some(judged) if judges_losses && sequence > judged.saturating_add(1) => {
                source.judge(judged + 1, sequence - 1, newest == judged)
            }
            _ => Sighting::New,
        }
    }

    #[inline]
    fn source(&mut self, key: (SourceId, u8)) -> &mut Source {
        if self.sources.get(self.current).is_none_or(|source| source.key != key) {
            self.current = self.place(key);
        }
        // `place` has made sure of it; indexing keeps this free of a second branch for nothing.
        &mut self.sources[self.current]
    }

    #[cold]
    fn place(&mut self, key: (SourceId, u8)) -> usize {
        let next = self.sources.len();
        let place = *self.places.entry((key.0.get(), key.1)).or_insert(next);
        if place == next {
            self.sources.push(Source { key, sequence: 0, timestamp_ns: 0, judged: None, declared: Vec::new() });
        }
        place
    }
}

impl Source {
    fn position(&self) -> MessageId {
        MessageId {
            domain: self.key.1,
            reserved: 0,
            source: self.key.0,
            sequence: self.sequence.into(),
            timestamp_ns: self.timestamp_ns.into(),
        }
    }

    #[cold]
    fn restart(&mut self) {
        self.sequence = 0;
        self.declared.clear();
        // The new run counts from 1: what it said before this message is missing.
        self.judged = self.judged.map(|_| 0);
    }

    /// What of `first..=last` was never declared.
    #[cold]
    fn judge(&mut self, first: u64, last: u64, exact: bool) -> Sighting {
        let mut missing: Option<Missing> = None;
        let mut add = |from: u64, to: u64| {
            let so_far = missing.get_or_insert(Missing { first: from, last: to, count: 0, exact });
            so_far.exact &= so_far.count == 0 || so_far.last + 1 == from;
            so_far.last = to;
            so_far.count += to - from + 1;
        };
        let mut next = first;
        for (from, to) in &self.declared {
            if *from > last {
                break;
            }
            if *from > next {
                add(next, from - 1);
            }
            next = next.max(to.saturating_add(1));
        }
        if next <= last {
            add(next, last);
        }
        self.declared.retain(|(_, to)| *to > last);
        missing.map_or(Sighting::New, Sighting::After)
    }
}

/// A range of one source's messages, for a gap notice.
pub fn gap_range(source: SourceId, domain: Coded<Domain>, first: u64, last: u64) -> GapRange {
    GapRange { source, domain, reserved: 0, first_sequence: first.into(), last_sequence: last.into() }
}
