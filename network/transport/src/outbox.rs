//! Frames on their way out: those not written yet, and those written that may have to be sent again.
//!
//! ```text
//!  head             cursor        boundary         high_water          end
//!   |-- to be sent --|--- again ---|--------- again ---|-- never sent --|
//!   again one day      (rest of a frame)
//! ```
//!
//! Between connections the cursor goes back to the first frame that the relay does not have.

use mesh_codec::{HEADER_BYTES, Header};
use mesh_types::Domain;
use mesh_types::wire::Coded;
use zerocopy::FromBytes;

/// Whole frames in order, with a place up to which they are written.
#[derive(Debug)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    head: usize,
    cursor: usize,
    /// First start of a frame at or after the cursor.
    boundary: usize,
    high_water: usize,
    retain_bytes: usize,
}

impl Outbox {
    /// An empty one that keeps `retain_bytes` of what it has written.
    pub(crate) const fn new(retain_bytes: usize) -> Self {
        Self { bytes: Vec::new(), head: 0, cursor: 0, boundary: 0, high_water: 0, retain_bytes }
    }

    /// Bytes to write.
    pub(crate) const fn unsent_bytes(&self) -> usize {
        self.bytes.len() - self.cursor
    }

    /// Bytes that were never written on any connection.
    pub(crate) const fn fresh_bytes(&self) -> usize {
        self.bytes.len() - self.high_water
    }

    /// Whether another message may be written before the next byte.
    pub(crate) const fn at_boundary(&self) -> bool {
        self.cursor == self.boundary
    }

    /// Adds whole frames.
    pub(crate) fn push(&mut self, frames: &[u8]) {
        self.compact();
        self.bytes.extend_from_slice(frames);
    }

    /// Adds the rest of whole frames whose first `written` bytes were written from elsewhere. Only into an empty outbox.
    pub(crate) fn push_rest(&mut self, frames: &[u8], written: usize) {
        debug_assert_eq!(self.unsent_bytes(), 0, "what waits goes first");
        self.compact();
        let mut next = 0;
        while next < written {
            next += frame_bytes(frames, next);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frames.get(written..).unwrap_or_default());
        self.boundary = start + (next - written);
    }

    /// What to write next: up to the end of the frame at hand, or everything.
    pub(crate) fn next(&self, this_frame_only: bool) -> &[u8] {
        let end = if this_frame_only { self.boundary } else { self.bytes.len() };
        self.bytes.get(self.cursor..end).unwrap_or_default()
    }

    /// So many more bytes are written.
    pub(crate) fn advance(&mut self, count: usize) {
        self.cursor = (self.cursor + count).min(self.bytes.len());
        self.high_water = self.high_water.max(self.cursor);
        while self.boundary < self.cursor {
            self.boundary += frame_bytes(&self.bytes, self.boundary);
        }
        if self.retain_bytes == 0 {
            self.head = self.cursor;
            return;
        }
        while self.high_water - self.head > self.retain_bytes {
            let next = self.head + frame_bytes(&self.bytes, self.head);
            if next > self.cursor {
                break;
            }
            self.head = next;
        }
    }

    /// Goes back behind the last frame of `domain` with a sequence up to `last_sequence`: the relay has that one.
    pub(crate) fn rewind(&mut self, domain: Domain, last_sequence: u64) {
        let mut position = self.head;
        let mut from = self.head;
        while let Some(header) = header_at(&self.bytes, position) {
            position += header.frame_bytes();
            if header.domain == Coded::new(domain) && header.sequence.get() <= last_sequence {
                from = position;
            }
        }
        self.cursor = from;
        self.boundary = from;
        self.high_water = self.high_water.max(from);
    }

    /// Forgets everything: what waits is worth nothing on the next connection.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        (self.head, self.cursor, self.boundary, self.high_water) = (0, 0, 0, 0);
    }

    /// Gives back room when at least half of it is unused: the cost per byte stays constant.
    fn compact(&mut self) {
        let head = self.head;
        if head > 0 && head >= self.bytes.len() - head {
            self.bytes.drain(..head);
            self.head = 0;
            self.cursor -= head;
            self.boundary -= head;
            self.high_water -= head;
        }
    }
}

fn header_at(bytes: &[u8], position: usize) -> Option<&Header> {
    Header::ref_from_prefix(bytes.get(position..)?).ok().map(|(header, _)| header)
}

/// Size of the frame at `position`; at least a header, so that walking always ends.
fn frame_bytes(bytes: &[u8], position: usize) -> usize {
    header_at(bytes, position).map_or(HEADER_BYTES, Header::frame_bytes)
}

#[cfg(test)]
mod tests {
    use mesh_codec::{Frames, Stamp, encode_one};
    use mesh_types::SourceId;
    use mesh_types::system::Heartbeat;
    use proptest::prelude::*;

    use super::*;

    fn frames(sequences: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for sequence in sequences {
            let mut frame = [0; 128];
            let stamp = Stamp { domain: Domain::Signal, source: SourceId::new(1), sequence, timestamp_ns: sequence };
            let size = encode_one(&mut frame, &stamp, &Heartbeat::default()).expect("fits");
            bytes.extend_from_slice(&frame[..size]);
        }
        bytes
    }

    fn sequences(bytes: &[u8]) -> Vec<u64> {
        Frames::new(bytes).map(|(_, message)| message.expect("whole").sequence()).collect()
    }

    #[test]
    fn after_a_disconnect_it_goes_on_behind_what_the_relay_has() {
        let mut outbox = Outbox::new(1 << 20);
        outbox.push(&frames(1..=5));
        outbox.advance(frames(1..=3).len() + 7);
        assert!(!outbox.at_boundary());
        assert_eq!(outbox.next(true).len(), frames(1..=1).len() - 7);
        outbox.rewind(Domain::Signal, 2);
        assert_eq!(sequences(outbox.next(false)), [3, 4, 5]);
        assert_eq!(outbox.fresh_bytes(), frames(4..=5).len() - 7);
        outbox.rewind(Domain::Signal, 0);
        assert_eq!(sequences(outbox.next(false)), [1, 2, 3, 4, 5]);
        outbox.rewind(Domain::Signal, 99);
        assert_eq!(outbox.unsent_bytes(), 0);
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_every_frame_once_and_what_is_kept_is_bounded(
            steps in prop::collection::vec((1u64..20, 0usize..3000), 1..60),
            retain_bytes in prop_oneof![Just(0usize), Just(500), Just(5000)],
        ) {
            let mut outbox = Outbox::new(retain_bytes);
            let (mut written, mut next) = (Vec::new(), 1);
            for (count, room) in steps {
                outbox.push(&frames(next..=next + count - 1));
                next += count;
                let part = outbox.next(false);
                let part = part[..part.len().min(room)].to_vec();
                outbox.advance(part.len());
                written.extend_from_slice(&part);
                let frame = frames(1..=1).len();
                prop_assert!(outbox.cursor - outbox.head <= retain_bytes + frame);
                prop_assert_eq!((outbox.boundary - outbox.cursor) % frame, (frame - written.len() % frame) % frame);
            }
            written.extend_from_slice(outbox.next(false));
            prop_assert_eq!(sequences(&written), (1..next).collect::<Vec<_>>());
        }

        #[test]
        fn the_rest_of_a_cut_batch_ends_its_frame_first(count in 1u64..10, cut in 0usize..500) {
            let batch = frames(1..=count);
            let written = cut.min(batch.len());
            let mut outbox = Outbox::new(0);
            outbox.push_rest(&batch, written);
            let frame = frames(1..=1).len();
            prop_assert_eq!(outbox.next(true).len(), (frame - written % frame) % frame);
            prop_assert_eq!(outbox.next(false), &batch[written..]);
        }
    }
}
