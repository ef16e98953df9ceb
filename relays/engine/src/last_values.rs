//! The last message of each state, for subscribers that join late.

use std::collections::HashMap;

use mesh_codec::entry;

use crate::filter::each_frame;
use crate::state_key::{BuildWordHasher, StateKey, first_tlv};

#[derive(Debug)]
struct Kept {
    arrival: u64,
    frame: Vec<u8>,
}

/// Last values by key, at most so many.
#[derive(Debug)]
pub(crate) struct LastValues {
    max_values: usize,
    values: HashMap<StateKey, Kept, BuildWordHasher>,
    arrivals: u64,
}

impl LastValues {
    pub(crate) fn new(max_values: usize) -> Self {
        Self { max_values, values: HashMap::default(), arrivals: 0 }
    }

    /// Takes the states out of whole frames; answers how many were not kept because their keys are new and there are as
    /// many as allowed.
    pub(crate) fn update(&mut self, frames: &[u8]) -> u64 {
        let mut refused = 0;
        each_frame(frames, |_, frame| {
            if bears_state(frame) {
                refused += u64::from(!self.keep(frame));
            }
        });
        refused
    }

    fn keep(&mut self, frame: &[u8]) -> bool {
        let Some(key) = StateKey::of(frame) else { return true };
        self.arrivals += 1;
        let arrival = self.arrivals;
        if let Some(kept) = self.values.get_mut(&key) {
            kept.arrival = arrival;
            kept.frame.clear();
            kept.frame.extend_from_slice(frame);
            return true;
        }
        let room = self.values.len() < self.max_values;
        if room {
            self.values.insert(key, Kept { arrival, frame: frame.to_vec() });
        }
        room
    }

    /// The frames that `wanted` takes, in the order in which they came: each source's own order.
    pub(crate) fn snapshot(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<&[u8]> {
        let mut kept: Vec<&Kept> = self.values.values().filter(|kept| wanted(&kept.frame)).collect();
        kept.sort_unstable_by_key(|kept| kept.arrival);
        kept.into_iter().map(|kept| kept.frame.as_slice()).collect()
    }
}

/// A look at the type alone: events, the bulk, cost no more than that.
#[inline]
fn bears_state(frame: &[u8]) -> bool {
    first_tlv(frame).and_then(|(number, _)| entry(number)).is_some_and(|entry| entry.last_value.is_some())
}
