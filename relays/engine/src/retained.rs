//! The latest messages, for subscribers that return.

use std::collections::BTreeMap;

use mesh_codec::Header;
use mesh_transport::sequence::gap_range;
use mesh_types::MessageId;
use mesh_types::system::GapRange;

use crate::filter::{each_frame, header_at};

/// Frames in order of arrival, at most so many bytes, and up to where each source's were given up.
#[derive(Debug)]
pub(crate) struct Retained {
    limit_bytes: usize,
    bytes: Vec<u8>,
    head: usize,
    given_up: BTreeMap<(u16, u8), MessageId>,
}

/// What a subscriber that stopped at some positions has missed.
#[derive(Debug, Default)]
pub(crate) struct Missed<'a> {
    /// Kept frames after the positions.
    pub(crate) frames: Vec<&'a [u8]>,
    /// Messages after the positions that are kept no more.
    pub(crate) ranges: Vec<GapRange>,
}

fn key(id: &MessageId) -> (u16, u8) {
    (id.source.get(), id.domain)
}

/// Whether `id` is not covered by having seen `seen`: as a sequence tracker judges it.
fn is_after(id: &MessageId, seen: &MessageId) -> bool {
    id.sequence.get() > seen.sequence.get() || id.timestamp_ns.get() > seen.timestamp_ns.get()
}

impl Retained {
    pub(crate) const fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, bytes: Vec::new(), head: 0, given_up: BTreeMap::new() }
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
        let mut missed = Missed::default();
        each_frame(self.bytes.get(self.head..).unwrap_or_default(), |_, frame| {
            let Some(id) = header_at(frame, 0).map(Header::id) else { return };
            if seen.get(&key(&id)).is_some_and(|position| is_after(&id, position)) {
                missed.frames.push(frame);
            }
        });
        for (source, given_up) in &self.given_up {
            let Some(position) = seen.get(source).filter(|position| is_after(given_up, position)) else { continue };
            let (last, stopped) = (given_up.sequence.get(), position.sequence.get());
            // A lower number with a later time is of a new run, which counts from 1.
            let first = if stopped < last { stopped + 1 } else { 1 };
            missed.ranges.push(gap_range(
                given_up.source,
                mesh_types::wire::Coded::from_raw(given_up.domain),
                first,
                last,
            ));
        }
        missed
    }
}
