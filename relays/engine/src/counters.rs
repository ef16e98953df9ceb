//! What a relay counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A relay's counts, for other threads to read.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages taken in.
    pub messages_in: AtomicU64,
    /// Messages written to subscribers.
    pub messages_out: AtomicU64,
    /// Messages that a slow subscriber did not get and that were replaced by nothing.
    pub dropped: AtomicU64,
    /// Messages that a slow subscriber did not get because a later one of the same key replaced them.
    pub conflated: AtomicU64,
    /// Messages that a publisher numbered and that never came.
    pub missing: AtomicU64,
    /// Connections now.
    pub connections: AtomicU64,
    /// Values of new keys that were not kept because as many as allowed are.
    pub last_values_refused: AtomicU64,
    /// Time from the building of a message to its forwarding, of the last chunk, ns.
    pub lag_ns: AtomicU64,
    bad_input: Mutex<BTreeMap<&'static str, u64>>,
}

/// A reading of the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// See [`Counters::messages_in`].
    pub messages_in: u64,
    /// See [`Counters::messages_out`].
    pub messages_out: u64,
    /// See [`Counters::dropped`].
    pub dropped: u64,
    /// See [`Counters::conflated`].
    pub conflated: u64,
    /// See [`Counters::missing`].
    pub missing: u64,
    /// See [`Counters::connections`].
    pub connections: u64,
    /// See [`Counters::last_values_refused`].
    pub last_values_refused: u64,
    /// Bad frames and refused connections, by kind.
    pub bad_input: BTreeMap<&'static str, u64>,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        if n > 0 {
            counter.fetch_add(n, Ordering::Relaxed);
        }
    }

    #[cold]
    pub(crate) fn bad_input(&self, kind: &'static str) {
        *self.bad_input.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// Everything at once.
    pub fn totals(&self) -> Totals {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            messages_in: load(&self.messages_in),
            messages_out: load(&self.messages_out),
            dropped: load(&self.dropped),
            conflated: load(&self.conflated),
            missing: load(&self.missing),
            connections: load(&self.connections),
            last_values_refused: load(&self.last_values_refused),
            bad_input: self.bad_input.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
