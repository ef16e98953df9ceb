//! What waits for one subscriber, within a bound.
//!
//! Up to the bound, bytes wait in the order in which they came. Past it, where the policy is to conflate, only what still
//! matters is kept: the last message of each state, and which messages are missing. Once the subscriber takes bytes again
//! it is given, in this order: the rest of the frame that was begun, the gap notice, the states in order of arrival, what
//! the relay itself had to say, and then live messages.

use std::collections::HashMap;

use mesh_codec::{Header, Message};
use mesh_transport::GapNotice;
use mesh_transport::control::is_control;
use mesh_types::SourceId;

use crate::filter::{each_frame, header_at};
use crate::gaps::Gaps;
use crate::settings::SlowPolicy;
use crate::state_key::{BuildWordHasher, StateKey};

/// What the relay itself says to a subscriber that takes nothing; more is left out.
const MAX_CONTROL_BYTES: usize = 64 * 1024;

/// The bound was passed, and the policy is to disconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

/// Messages lost to the bound, since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Events, and states for which there was no room.
    pub(crate) dropped: u64,
    /// States that a later one replaced.
    pub(crate) conflated: u64,
}

/// Bytes on their way to one subscriber.
#[derive(Debug)]
pub(crate) struct Backlog {
    limit_bytes: usize,
    policy: SlowPolicy,
    relay: SourceId,
    queue: Vec<u8>,
    cursor: usize,
    /// First start of a frame at or after the cursor.
    boundary: usize,
    /// 1 when the frame that was begun is a message, 0 when it is the relay's own.
    begun: u64,
    /// Bytes of snapshots and replays in the queue, which are bounded elsewhere.
    free_bytes: usize,
    conflation: Option<Box<Conflation>>,
    losses: Losses,
}

#[derive(Debug, Default)]
struct Conflation {
    states: HashMap<StateKey, State, BuildWordHasher>,
    state_bytes: usize,
    arrivals: u64,
    gaps: Gaps,
    controls: Vec<u8>,
}

#[derive(Debug)]
struct State {
    arrival: u64,
    frame: Vec<u8>,
}

impl Backlog {
    /// An empty one; `relay` signs the gap notices.
    pub(crate) const fn new(limit_bytes: usize, policy: SlowPolicy, relay: SourceId) -> Self {
        Self {
            limit_bytes,
            policy,
            relay,
            queue: Vec::new(),
            cursor: 0,
            boundary: 0,
            begun: 0,
            free_bytes: 0,
            conflation: None,
            losses: Losses { dropped: 0, conflated: 0 },
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.cursor == self.queue.len() && self.conflation.is_none()
    }

    /// Whether a snapshot or replay still waits.
    pub(crate) const fn holds_replay(&self) -> bool {
        self.free_bytes > 0
    }

    /// Messages lost to the bound since the last call.
    pub(crate) fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    /// Adds whole frames.
    ///
    /// # Errors
    /// [`Overflow`] when the bound is passed and the policy is to disconnect.
    pub(crate) fn push(&mut self, frames: &[u8]) -> Result<(), Overflow> {
        if let Some(conflation) = &mut self.conflation {
            conflation.absorb(frames, self.limit_bytes, &mut self.losses);
            return Ok(());
        }
        self.compact();
        self.queue.extend_from_slice(frames);
        self.check_bound()
    }

    /// Adds the rest of whole frames whose first `written` bytes were written. Only into an empty backlog.
    ///
    /// # Errors
    /// [`Overflow`] when the bound is passed and the policy is to disconnect.
    pub(crate) fn push_rest(&mut self, frames: &[u8], written: usize) -> Result<(), Overflow> {
        debug_assert!(self.is_empty(), "what waits goes first");
        self.compact();
        let mut next = 0;
        while let Some(header) = header_at(frames, next).filter(|_| next < written) {
            next += header.frame_bytes();
        }
        self.queue.extend_from_slice(frames.get(written..).unwrap_or_default());
        self.boundary = self.cursor + (next - written);
        self.begun = 1;
        self.check_bound()
    }

    /// Adds a snapshot or replay, whose size is bounded by what the relay keeps.
    pub(crate) fn push_free(&mut self, frames: &[u8]) {
        self.compact();
        self.free_bytes += frames.len();
        match &mut self.conflation {
            Some(conflation) => conflation.absorb(frames, self.limit_bytes, &mut self.losses),
            None => self.queue.extend_from_slice(frames),
        }
    }

    /// Leaves only the rest of the frame that was begun, then `last`.
    pub(crate) fn end_with(&mut self, last: &[u8]) {
        self.conflation = None;
        self.queue.truncate(self.boundary);
        self.queue.extend_from_slice(last);
        // It may take long until this is read.
        self.queue.drain(..self.cursor);
        self.boundary -= self.cursor;
        self.cursor = 0;
        self.queue.shrink_to_fit();
    }

    /// The bytes to write next; empty when nothing waits.
    pub(crate) fn next(&mut self) -> &[u8] {
        if self.cursor == self.queue.len()
            && let Some(conflation) = self.conflation.take()
        {
            self.compact();
            conflation.put(&mut self.queue, self.relay);
        }
        self.queue.get(self.cursor..).unwrap_or_default()
    }

    /// So many more bytes are written; answers how many messages became whole by that, the relay's own aside.
    pub(crate) fn advance(&mut self, count: usize) -> u64 {
        let had_begun = self.boundary > self.cursor;
        self.cursor = (self.cursor + count).min(self.queue.len());
        let mut messages = if had_begun && self.boundary <= self.cursor { self.begun } else { 0 };
        while self.boundary < self.cursor
            && let Some(header) = header_at(&self.queue, self.boundary)
        {
            let counts = u64::from(!is_control(header));
            self.boundary += header.frame_bytes();
            if self.boundary <= self.cursor {
                messages += counts;
            } else {
                self.begun = counts;
            }
        }
        if self.cursor == self.queue.len() {
            self.free_bytes = 0;
        }
        messages
    }

    fn check_bound(&mut self) -> Result<(), Overflow> {
        if self.queue.len() - self.cursor <= self.limit_bytes + self.free_bytes {
            return Ok(());
        }
        if self.policy == SlowPolicy::Disconnect {
            return Err(Overflow);
        }
        let mut conflation = Box::<Conflation>::default();
        conflation.absorb(self.queue.get(self.boundary..).unwrap_or_default(), self.limit_bytes, &mut self.losses);
        self.queue.truncate(self.boundary);
        self.queue.shrink_to_fit();
        self.free_bytes = 0;
        self.conflation = Some(conflation);
        Ok(())
    }

    /// Gives back room when at least half of it is unused: the cost per byte stays constant.
    fn compact(&mut self) {
        let cursor = self.cursor;
        if cursor > 0 && cursor >= self.queue.len() - cursor {
            self.queue.drain(..cursor);
            self.cursor = 0;
            self.boundary -= cursor;
        }
    }
}

impl Conflation {
    fn absorb(&mut self, frames: &[u8], limit_bytes: usize, losses: &mut Losses) {
        each_frame(frames, |_, frame| {
            let Some(header) = header_at(frame, 0) else { return };
            if is_control(header) {
                self.absorb_control(frame);
                return;
            }
            match StateKey::of(frame) {
                Some(key) => self.absorb_state(key, header, frame, limit_bytes, losses),
                None => {
                    self.gaps.add(header);
                    losses.dropped += 1;
                }
            }
        });
    }

    fn absorb_state(&mut self, key: StateKey, header: &Header, frame: &[u8], limit_bytes: usize, losses: &mut Losses) {
        self.arrivals += 1;
        if let Some(state) = self.states.get_mut(&key) {
            if let Some(replaced) = header_at(&state.frame, 0) {
                self.gaps.add(replaced);
            }
            losses.conflated += 1;
            self.state_bytes = self.state_bytes + frame.len() - state.frame.len();
            state.arrival = self.arrivals;
            state.frame.clear();
            state.frame.extend_from_slice(frame);
        } else if self.state_bytes + frame.len() > limit_bytes {
            self.gaps.add(header);
            losses.dropped += 1;
        } else {
            self.state_bytes += frame.len();
            self.states.insert(key, State { arrival: self.arrivals, frame: frame.to_vec() });
        }
    }

    fn absorb_control(&mut self, frame: &[u8]) {
        match Message::parse(frame).ok().and_then(GapNotice::new) {
            Some(notice) => self.gaps.add_notice(notice.dropped(), notice.is_exact(), notice.ranges()),
            None if self.controls.len() + frame.len() <= MAX_CONTROL_BYTES => self.controls.extend_from_slice(frame),
            None => {}
        }
    }

    fn put(&self, queue: &mut Vec<u8>, relay: SourceId) {
        if self.gaps.dropped() > 0 {
            self.gaps.put(queue, relay);
        }
        let mut states: Vec<&State> = self.states.values().collect();
        states.sort_unstable_by_key(|state| state.arrival);
        states.iter().for_each(|state| queue.extend_from_slice(&state.frame));
        queue.extend_from_slice(&self.controls);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use mesh_codec::{FrameBuilder, Frames, Stamp};
    use mesh_types::market::{Quote, Trade};
    use mesh_types::system::EndOfSnapshot;
    use mesh_types::{Domain, InstrumentId};
    use proptest::prelude::*;

    use super::*;

    const RELAY: SourceId = SourceId::new(1);
    const LIMIT_BYTES: usize = 3_000;

    /// A trade, or the quote of one of a few instruments.
    fn frame(source: u16, sequence: u64, instrument: Option<u8>) -> Vec<u8> {
        let mut frame = Vec::new();
        let source = SourceId::new(source);
        let stamp = Stamp { domain: Domain::Market, source, sequence, timestamp_ns: sequence };
        let builder = FrameBuilder::new(&mut frame, &stamp);
        let done = match instrument {
            Some(number) => {
                let instrument: InstrumentId = format!("binance:spot:S{number}").parse().expect("an instrument");
                builder.body(&Quote { instrument, ..Quote::default() }).finish()
            }
            None => builder.body(&Trade::default()).finish(),
        };
        done.expect("fits");
        frame
    }

    /// What a subscriber makes of the stream.
    #[derive(Default)]
    struct Reader {
        received: BTreeMap<u16, Vec<u64>>,
        missing: BTreeMap<u16, BTreeSet<u64>>,
        dropped: u64,
        controls: usize,
        last_quotes: BTreeMap<StateKeyBytes, u64>,
    }
    type StateKeyBytes = Vec<u8>;

    impl Reader {
        fn read(&mut self, bytes: &[u8]) {
            for (_, message) in Frames::new(bytes) {
                let message = message.expect("whole and valid");
                let source = message.source().get();
                if let Some(notice) = GapNotice::new(message) {
                    assert!(notice.is_exact());
                    self.dropped += notice.dropped();
                    for range in notice.ranges() {
                        for sequence in range.first_sequence.get()..=range.last_sequence.get() {
                            assert!(self.missing.entry(range.source.get()).or_default().insert(sequence), "told once");
                        }
                    }
                } else if is_control(message.header()) {
                    self.controls += 1;
                } else {
                    if let Some(quote) = message.get::<Quote>() {
                        self.last_quotes.insert(quote.instrument.to_string().into_bytes(), message.sequence());
                    }
                    let received = self.received.entry(source).or_default();
                    assert!(received.last().is_none_or(|last| *last < message.sequence()), "in order, once");
                    received.push(message.sequence());
                }
            }
        }
    }

    proptest! {
        /// The promise: whatever a subscriber reads and when, received and declared missing are exactly what was sent, and
        /// the last value of every state arrives.
        #[test]
        fn received_and_missing_together_are_what_was_sent(
            steps in prop::collection::vec(
                (1u16..3, 1usize..30, prop::option::of(0u8..4), 0usize..4000, prop::bool::weighted(0.1)), 1..80),
        ) {
            let mut backlog = Backlog::new(LIMIT_BYTES, SlowPolicy::Conflate, RELAY);
            let mut sent: BTreeMap<u16, u64> = BTreeMap::new();
            let mut last_quotes = BTreeMap::new();
            let (mut stream, mut controls, mut counted, mut losses) = (Vec::new(), 0, 0, Losses::default());
            for (source, count, instrument, room, control) in steps {
                for _ in 0..count {
                    let sequence = sent.entry(source).or_default();
                    *sequence += 1;
                    let frame = frame(source, *sequence, instrument);
                    if let Some(quote) = Message::parse(&frame).expect("valid").get::<Quote>() {
                        last_quotes.insert(quote.instrument.to_string().into_bytes(), *sequence);
                    }
                    backlog.push(&frame).expect("conflates");
                }
                if control {
                    let mut end = Vec::new();
                    mesh_transport::control::put(&mut end, RELAY, &EndOfSnapshot::default());
                    backlog.push(&end).expect("conflates");
                    controls += 1;
                }
                let part = backlog.next();
                let part = part[..part.len().min(room)].to_vec();
                counted += backlog.advance(part.len());
                stream.extend(part);
                let bound = 3 * LIMIT_BYTES + controls * 100;
                prop_assert!(backlog.queue.len() - backlog.cursor <= bound, "memory is bounded");
                let more = backlog.take_losses();
                losses.dropped += more.dropped;
                losses.conflated += more.conflated;
            }
            while !backlog.is_empty() {
                let part = backlog.next().to_vec();
                counted += backlog.advance(part.len());
                stream.extend(part);
            }
            let mut reader = Reader::default();
            reader.read(&stream);
            let mut received = 0;
            for (source, count) in sent {
                let got = reader.received.remove(&source).unwrap_or_default();
                received += got.len() as u64;
                let mut all = reader.missing.remove(&source).unwrap_or_default();
                for sequence in got {
                    prop_assert!(all.insert(sequence), "received and missing at once");
                }
                prop_assert_eq!(all, (1..=count).collect::<BTreeSet<_>>());
            }
            prop_assert_eq!((counted, reader.dropped), (received, losses.dropped + losses.conflated));
            prop_assert_eq!(reader.controls, controls);
            prop_assert_eq!(reader.last_quotes, last_quotes);
        }
    }

    #[test]
    fn the_rest_of_a_begun_frame_goes_out_before_a_gap() {
        let mut backlog = Backlog::new(LIMIT_BYTES, SlowPolicy::Conflate, RELAY);
        let first = [frame(9, 1, None), frame(9, 2, None)].concat();
        backlog.push_rest(&first, 10).expect("fits");
        for sequence in 3..100 {
            backlog.push(&frame(9, sequence, None)).expect("conflates");
        }
        let mut stream = first[..10].to_vec();
        while !backlog.is_empty() {
            let part = backlog.next().to_vec();
            backlog.advance(part.len());
            stream.extend(part);
        }
        let mut reader = Reader::default();
        reader.read(&stream);
        assert_eq!(reader.received[&9], [1]);
        assert_eq!(reader.missing[&9], (2..100).collect::<BTreeSet<_>>());
    }

    #[test]
    fn where_nothing_may_be_dropped_the_bound_is_an_error() {
        let mut backlog = Backlog::new(LIMIT_BYTES, SlowPolicy::Disconnect, RELAY);
        let outcomes: Vec<_> = (1..200).map(|sequence| backlog.push(&frame(9, sequence, None))).collect();
        assert_eq!(outcomes.iter().position(Result::is_err), Some(LIMIT_BYTES / frame(9, 1, None).len()));
        backlog.end_with(b"");
        assert!(backlog.is_empty());
        // What a returning subscriber is owed does not count.
        backlog.push_free(&vec![0; 2 * LIMIT_BYTES]);
        assert_eq!(backlog.push(&frame(9, 1, None)), Ok(()));
    }
}
