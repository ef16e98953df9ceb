//! What a subscriber takes.

use std::collections::HashSet;
use std::ops::Range;

use mesh_codec::{Header, entry};
use mesh_transport::TypeSet;
use mesh_types::InstrumentId;
use mesh_types::system::Subscribe;
use zerocopy::FromBytes;

use crate::state_key::{BuildWordHasher, first_tlv};

/// A subscriber's filter.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    types: TypeSet,
    instruments: HashSet<InstrumentId, BuildWordHasher>,
}

impl Filter {
    pub(crate) fn new(subscribe: &Subscribe, instruments: &[InstrumentId]) -> Self {
        Self { types: TypeSet::from_wire(subscribe.types), instruments: instruments.iter().copied().collect() }
    }

    /// Whether it takes everything: the one test of the fast path.
    pub(crate) fn takes_all(&self) -> bool {
        self.types.is_all() && self.instruments.is_empty()
    }

    /// Whether messages of this type can pass.
    pub(crate) fn takes_type(&self, number: u8) -> bool {
        self.types.contains(number)
    }

    /// Its instruments; none for all.
    pub(crate) fn instruments(&self) -> impl Iterator<Item = &InstrumentId> {
        self.instruments.iter()
    }

    /// Whether a frame passes. One without an instrument passes by its type alone.
    #[inline]
    pub(crate) fn takes(&self, frame: &[u8]) -> bool {
        let Some((number, value)) = first_tlv(frame) else { return self.types.is_all() };
        if !self.types.contains(number) {
            return false;
        }
        if self.instruments.is_empty() {
            return true;
        }
        match entry(number).and_then(|entry| entry.instrument(value)) {
            Some(instrument) => self.instruments.contains(instrument),
            None => true,
        }
    }

    /// Where in whole frames those lie that pass, neighbours together.
    pub(crate) fn ranges(&self, frames: &[u8], ranges: &mut Vec<Range<usize>>) -> u64 {
        ranges.clear();
        let mut messages = 0;
        each_frame(frames, |range, frame| {
            if !self.takes(frame) {
                return;
            }
            messages += 1;
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        });
        messages
    }
}

/// Walks valid frames that lie one after the other.
#[inline]
pub(crate) fn each_frame<'a>(frames: &'a [u8], mut each: impl FnMut(Range<usize>, &'a [u8])) {
    let mut position = 0;
    while let Some(header) = header_at(frames, position) {
        let range = position..position + header.frame_bytes();
        let Some(frame) = frames.get(range.clone()) else { return };
        position = range.end;
        each(range, frame);
    }
}

/// The header at a place in valid frames.
#[inline]
pub(crate) fn header_at(frames: &[u8], position: usize) -> Option<&Header> {
    Header::ref_from_prefix(frames.get(position..)?).ok().map(|(header, _)| header)
}
