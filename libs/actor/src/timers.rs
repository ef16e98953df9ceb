//! Timers: an id and a time each, fired in order of time, then of id.

use std::collections::{BTreeMap, BTreeSet};

/// Names a timer of an actor; setting one again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u64);

impl TimerId {
    /// Fires once when the actor starts.
    pub const START: Self = Self(0);
}

/// The timers of one actor.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    by_time: BTreeSet<(u64, TimerId)>,
    by_id: BTreeMap<TimerId, u64>,
}

impl Timers {
    /// Sets a timer, or moves it.
    pub fn set(&mut self, timer: TimerId, at_ns: u64) {
        self.cancel(timer);
        self.by_id.insert(timer, at_ns);
        self.by_time.insert((at_ns, timer));
    }

    /// Takes a timer back; nothing happens where it is not set.
    pub fn cancel(&mut self, timer: TimerId) {
        if let Some(at_ns) = self.by_id.remove(&timer) {
            self.by_time.remove(&(at_ns, timer));
        }
    }

    /// When the next timer is due.
    pub fn next_ns(&self) -> Option<u64> {
        self.by_time.first().map(|(at_ns, _)| *at_ns)
    }

    /// Takes the next timer that is due at `now_ns`.
    pub fn pop_due(&mut self, now_ns: u64) -> Option<TimerId> {
        let (at_ns, timer) = *self.by_time.first()?;
        if at_ns > now_ns {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_and_once() {
        let mut timers = Timers::default();
        timers.set(TimerId(2), 20);
        timers.set(TimerId(1), 20);
        timers.set(TimerId(3), 10);
        timers.set(TimerId(3), 30);
        timers.set(TimerId(4), 5);
        timers.cancel(TimerId(4));
        assert_eq!(timers.next_ns(), Some(20));
        assert_eq!(timers.pop_due(19), None);
        let fired: Vec<_> = std::iter::from_fn(|| timers.pop_due(30)).collect();
        assert_eq!(fired, [TimerId(1), TimerId(2), TimerId(3)]);
        assert_eq!(timers.next_ns(), None);
    }
}
