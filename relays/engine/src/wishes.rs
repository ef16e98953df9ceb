//! Snapshots that subscribers wish for, asked of the publishers together and not too often.

use std::time::{Duration, Instant};

use mesh_types::InstrumentId;

/// Past it, all instruments are asked for.
const MAX_INSTRUMENTS: usize = 64;

/// Wishes that were not passed on yet.
#[derive(Debug)]
pub(crate) struct Wishes {
    instruments: Vec<InstrumentId>,
    all: bool,
    interval: Duration,
    next: Instant,
}

impl Wishes {
    pub(crate) const fn new(interval: Duration, now: Instant) -> Self {
        Self { instruments: Vec::new(), all: false, interval, next: now }
    }

    /// A snapshot of an instrument; zero for all.
    pub(crate) fn add(&mut self, instrument: InstrumentId) {
        if instrument == InstrumentId::default() || self.instruments.len() >= MAX_INSTRUMENTS {
            self.all = true;
        } else if !self.instruments.contains(&instrument) {
            self.instruments.push(instrument);
        }
    }

    /// Snapshots of some instruments; none for all.
    pub(crate) fn add_all<'i>(&mut self, instruments: impl Iterator<Item = &'i InstrumentId>) {
        let mut any = false;
        for instrument in instruments {
            any = true;
            self.add(*instrument);
        }
        self.all |= !any;
    }

    /// Gives out what is wished for, if the last time is long enough ago.
    pub(crate) fn take(&mut self, now: Instant, mut each: impl FnMut(InstrumentId)) {
        if now < self.next || (!self.all && self.instruments.is_empty()) {
            return;
        }
        self.next = now + self.interval;
        if std::mem::take(&mut self.all) {
            self.instruments.clear();
            each(InstrumentId::default());
        } else {
            self.instruments.drain(..).for_each(each);
        }
    }
}
