//! Rate limits that several venues share: a counter that drains, and a window that slides. Time is an argument.
//!
//! A part of each limit is kept back for what must get through, see [`Priority`].

use std::collections::VecDeque;

/// How important a request is: less important ones leave a share of each limit to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Data: leaves 30 %.
    Data,
    /// Orders that take risk, questions about orders: leave 10 %.
    Order,
    /// Cancels and exits: take all there is.
    Exit,
}

impl Priority {
    /// How much of a limit it may use.
    pub const fn usable(self, limit: u64) -> u64 {
        match self {
            Self::Data => limit - limit * 3 / 10,
            Self::Order => limit - limit / 10,
            Self::Exit => limit,
        }
    }
}

/// Thousandths of a unit in one unit.
const MILLI: u64 = 1_000;
const SECOND_NS: u128 = 1_000_000_000;

/// A counter that each request raises and time lowers; requests that would raise it above the limit wait.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    limit: u64,
    /// Thousandths that drain in a second.
    drain_milli: u64,
    /// Millionths of a unit that are in it.
    level: u64,
    at_ns: u64,
}

impl Counter {
    /// An empty counter; `drain_milli` thousandths drain each second.
    pub const fn new(limit: u64, drain_milli: u64) -> Self {
        Self { limit, drain_milli, level: 0, at_ns: 0 }
    }

    fn drain(&mut self, now_ns: u64) {
        let rate = u128::from(self.drain_milli * MILLI);
        let elapsed = u128::from(now_ns.saturating_sub(self.at_ns));
        let drained = elapsed * rate / SECOND_NS;
        if drained >= u128::from(self.level) {
            (self.level, self.at_ns) = (0, self.at_ns.max(now_ns));
        } else if drained > 0 {
            // Both fit: no more than was there, and no later than now.
            self.level -= u64::try_from(drained).unwrap_or(0);
            self.at_ns += u64::try_from(drained * SECOND_NS / rate).unwrap_or(0);
        }
    }

    /// Takes `cost` units.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch. A cost above the usable limit is told a time far away.
    pub fn acquire(&mut self, now_ns: u64, cost: u64, priority: Priority) -> Result<(), u64> {
        self.drain(now_ns);
        let micro = MILLI * MILLI;
        let (cost, usable) = (cost * micro, priority.usable(self.limit) * micro);
        let Some(over) = (self.level + cost).checked_sub(usable).filter(|over| *over > 0) else {
            self.level += cost;
            return Ok(());
        };
        if cost > usable || self.drain_milli == 0 {
            return Err(u64::MAX);
        }
        let rate = u128::from(self.drain_milli * MILLI);
        let wait = (u128::from(over) * SECOND_NS).div_ceil(rate);
        Err(self.at_ns.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX)).max(now_ns + 1))
    }

    /// What the venue says that is in it, or what an event cost that could not be refused.
    pub fn observe(&mut self, now_ns: u64, used: u64) {
        self.drain(now_ns);
        self.level = self.level.max(used * MILLI * MILLI);
    }

    /// Adds what something cost that happened anyway.
    pub fn charge(&mut self, now_ns: u64, cost: u64) {
        self.drain(now_ns);
        self.level = self.level.saturating_add(cost * MILLI * MILLI);
    }

    /// Whole units that are in it, rounded up.
    pub fn used(&mut self, now_ns: u64) -> u64 {
        self.drain(now_ns);
        self.level.div_ceil(MILLI * MILLI)
    }
}

/// So much in any stretch of time of one length, wherever it begins: right for venues whose windows are fixed and for those
/// whose windows slide. Remembers one entry a request, at most `limit` of them.
#[derive(Clone, Debug)]
pub struct Sliding {
    limit: u64,
    length_ns: u64,
    used: u64,
    sent: VecDeque<(u64, u64)>,
}

impl Sliding {
    /// An empty window.
    pub const fn new(limit: u64, length_ns: u64) -> Self {
        Self { limit, length_ns, used: 0, sent: VecDeque::new() }
    }

    fn forget(&mut self, now_ns: u64) {
        while let Some((at, cost)) = self.sent.front().copied()
            && at.saturating_add(self.length_ns) <= now_ns
        {
            self.used -= cost;
            self.sent.pop_front();
        }
    }

    /// Takes `cost` units; one of 0 is free.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch. A cost above the usable limit is told a time far away.
    pub fn acquire(&mut self, now_ns: u64, cost: u64, priority: Priority) -> Result<(), u64> {
        self.forget(now_ns);
        let usable = priority.usable(self.limit);
        let Some(mut over) = (self.used + cost).checked_sub(usable).filter(|over| *over > 0) else {
            if cost > 0 {
                self.used += cost;
                self.sent.push_back((now_ns, cost));
            }
            return Ok(());
        };
        for (at, spent) in &self.sent {
            if *spent >= over {
                return Err(at.saturating_add(self.length_ns));
            }
            over -= spent;
        }
        Err(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_counter_drains_at_its_rate() {
        let mut counter = Counter::new(15, 330);
        for _ in 0..15 {
            assert_eq!(counter.acquire(0, 1, Priority::Exit), Ok(()));
        }
        let at = counter.acquire(0, 1, Priority::Exit).expect_err("full");
        assert_eq!(at, 3_030_303_031);
        assert_eq!(counter.acquire(at - 10, 1, Priority::Exit).expect_err("not yet"), at);
        assert_eq!(counter.acquire(at, 1, Priority::Exit), Ok(()));
        assert_eq!(counter.acquire(at, 16, Priority::Exit), Err(u64::MAX), "never");
        counter.observe(100 * SECOND, 14);
        assert_eq!(counter.used(100 * SECOND), 14);
        assert!(counter.acquire(100 * SECOND, 1, Priority::Order).is_err(), "a tenth is kept for exits");
        assert_eq!(counter.acquire(100 * SECOND, 1, Priority::Exit), Ok(()));
    }

    #[test]
    fn a_window_slides() {
        let mut window = Sliding::new(3, 2 * SECOND);
        assert_eq!(window.acquire(0, 2, Priority::Exit), Ok(()));
        assert_eq!(window.acquire(SECOND, 1, Priority::Exit), Ok(()));
        assert_eq!(window.acquire(SECOND, 1, Priority::Exit), Err(2 * SECOND));
        assert_eq!(window.acquire(SECOND, 3, Priority::Exit), Err(3 * SECOND));
        assert_eq!(window.acquire(SECOND, 4, Priority::Exit), Err(u64::MAX));
        assert_eq!(window.acquire(SECOND, 0, Priority::Exit), Ok(()));
        assert_eq!(window.acquire(2 * SECOND, 2, Priority::Exit), Ok(()));
    }

    proptest! {
        #[test]
        fn no_limit_is_ever_overdrawn(steps in proptest::collection::vec((0u64..900_000_000, 0u64..5, 0u8..3), 1..200)) {
            let (mut counter, mut window) = (Counter::new(20, 500), Sliding::new(20, SECOND));
            let (mut now, mut counted, mut slid) = (0u64, vec![], vec![]);
            for (step, cost, priority) in steps {
                now += step;
                let priority = [Priority::Data, Priority::Order, Priority::Exit][usize::from(priority)];
                match counter.acquire(now, cost, priority) {
                    Ok(()) => counted.push((now, cost)),
                    Err(at) => prop_assert!(at > now),
                }
                match window.acquire(now, cost, priority) {
                    Ok(()) => slid.push((now, cost)),
                    Err(at) => prop_assert!(at > now),
                }
                prop_assert!(window.sent.len() <= 20);
            }
            for (at, _) in &slid {
                let within: u64 = slid.iter().filter(|(t, _)| t >= at && *t < at + SECOND).map(|(_, cost)| cost).sum();
                prop_assert!(within <= 20);
            }
            // The venue's own count, exact: it never passes the limit.
            let (mut level, mut last) = (0u128, 0u64);
            for (at, cost) in counted {
                level = level.saturating_sub(u128::from(at - last) / 2) + u128::from(cost) * 1_000_000_000;
                last = at;
                // Half a nanosecond of rounding each time.
                prop_assert!(level <= 20 * 1_000_000_000 + 200);
            }
        }
    }
}
