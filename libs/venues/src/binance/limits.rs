//! Rate limits as a state machine: fixed calendar windows, a share kept back for what must get through, and the pauses
//! that the venue orders.
//!
//! Binance counts in windows that begin at whole multiples of their length (a minute's at :00), not in sliding ones. What
//! the venue reports of its own count (`X-MBX-USED-WEIGHT-1M`, `X-MBX-ORDER-COUNT-10S`) is taken over where it is higher
//! than ours: other processes use the same address and account. Time is an argument; nothing waits here.

use super::instruments::{RateLimit, RateLimitKind};
pub use crate::limits::Priority;
use crate::limits::Sliding;

/// What a connection may say: 5 messages a second on spot, pongs among them, 10 on futures.
pub const fn of_connection() -> Sliding {
    Sliding::new(4, 1_000_000_000)
}

#[derive(Clone, Debug)]
struct Window {
    limit: RateLimit,
    /// Number of the window: time over length.
    index: u64,
    used: u64,
}

impl Window {
    const fn start(&mut self, now_ns: u64) {
        let index = now_ns / self.limit.interval_ns;
        if index > self.index {
            self.index = index;
            self.used = 0;
        }
    }

    const fn end_ns(&self) -> u64 {
        self.index.saturating_add(1).saturating_mul(self.limit.interval_ns)
    }

    const fn cost(&self, weight: u64, orders: u64) -> u64 {
        match self.limit.kind {
            RateLimitKind::RequestWeight => weight,
            RateLimitKind::Orders => orders,
            RateLimitKind::RawRequests => 1,
            RateLimitKind::Connections | RateLimitKind::Other => 0,
        }
    }
}

/// The limits of one market, for one address and account.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    windows: Vec<Window>,
    paused_until_ns: u64,
}

impl RateLimiter {
    /// Limits as `exchangeInfo` tells them.
    pub fn new(limits: &[RateLimit]) -> Self {
        let windows = limits.iter().filter(|limit| limit.interval_ns > 0);
        Self { windows: windows.map(|limit| Window { limit: *limit, index: 0, used: 0 }).collect(), paused_until_ns: 0 }
    }

    /// Takes weight and orders for one request, all or nothing.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch, where it must not be sent now. A request that is larger
    /// than its share of an empty window is told the window's end for ever: it can't be sent at this priority.
    pub fn acquire(&mut self, now_ns: u64, weight: u64, orders: u64, priority: Priority) -> Result<(), u64> {
        if now_ns < self.paused_until_ns {
            return Err(self.paused_until_ns);
        }
        let mut wait_ns = 0;
        for window in &mut self.windows {
            window.start(now_ns);
            let cost = window.cost(weight, orders);
            if cost > 0 && window.used.saturating_add(cost) > priority.usable(window.limit.limit) {
                wait_ns = wait_ns.max(window.end_ns());
            }
        }
        if wait_ns > 0 {
            return Err(wait_ns);
        }
        for window in &mut self.windows {
            window.used = window.used.saturating_add(window.cost(weight, orders));
        }
        Ok(())
    }

    /// What the venue says that is used of the window of this kind and length, at the time of its answer.
    pub fn observe(&mut self, now_ns: u64, kind: RateLimitKind, interval_ns: u64, used: u64) {
        for window in &mut self.windows {
            if window.limit.kind == kind && window.limit.interval_ns == interval_ns {
                window.start(now_ns);
                window.used = window.used.max(used);
            }
        }
    }

    /// A header of an answer, in any case: `X-MBX-USED-WEIGHT-1M`, `X-MBX-ORDER-COUNT-10S`; others are ignored.
    pub fn observe_header(&mut self, now_ns: u64, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        let kinds =
            [("x-mbx-used-weight-", RateLimitKind::RequestWeight), ("x-mbx-order-count-", RateLimitKind::Orders)];
        for (prefix, kind) in kinds {
            let interval_ns = name.strip_prefix(prefix).and_then(super::subscribe::interval_ns);
            if let (Some(interval_ns), Ok(used)) = (interval_ns, value.trim().parse()) {
                self.observe(now_ns, kind, interval_ns, used);
            }
        }
    }

    /// The venue answered 429 or 418: nothing is sent before `retry_after_s` has passed; where it did not say, for a minute
    /// after 429 and two after 418, the shortest ban.
    pub fn back_off(&mut self, now_ns: u64, retry_after_s: u64, banned: bool) {
        let seconds = match (retry_after_s, banned) {
            (0, false) => 60,
            (0, true) => 120,
            (seconds, _) => seconds,
        };
        let until = now_ns.saturating_add(seconds.saturating_mul(1_000_000_000));
        self.paused_until_ns = self.paused_until_ns.max(until);
    }

    /// Until when nothing may be sent, ns since the Unix epoch; 0 where nothing was ordered.
    pub const fn paused_until_ns(&self) -> u64 {
        self.paused_until_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn limits() -> Vec<RateLimit> {
        vec![
            RateLimit { kind: RateLimitKind::RequestWeight, interval_ns: 60 * SECOND, limit: 100 },
            RateLimit { kind: RateLimitKind::Orders, interval_ns: 10 * SECOND, limit: 10 },
        ]
    }

    #[test]
    fn windows_are_those_of_the_calendar() {
        let mut limiter = RateLimiter::new(&limits());
        let now = 119 * SECOND;
        assert_eq!(limiter.acquire(now, 100, 0, Priority::Exit), Ok(()));
        assert_eq!(limiter.acquire(now, 1, 0, Priority::Exit), Err(120 * SECOND));
        assert_eq!(limiter.acquire(120 * SECOND, 100, 0, Priority::Exit), Ok(()), "a new minute, a second later");
        assert_eq!(
            limiter.acquire(now, 1, 0, Priority::Exit),
            Err(180 * SECOND),
            "a clock that goes back opens no window"
        );
    }

    #[test]
    fn cancels_find_room_where_data_has_none() {
        let mut limiter = RateLimiter::new(&limits());
        assert_eq!(limiter.acquire(0, 70, 0, Priority::Data), Ok(()));
        assert_eq!(limiter.acquire(0, 1, 0, Priority::Data), Err(60 * SECOND));
        assert_eq!(limiter.acquire(0, 1, 9, Priority::Order), Ok(()));
        assert_eq!(limiter.acquire(0, 1, 1, Priority::Order), Err(10 * SECOND));
        assert_eq!(limiter.acquire(0, 1, 1, Priority::Exit), Ok(()));
    }

    #[test]
    fn the_venue_s_count_and_pauses_are_obeyed() {
        let mut limiter = RateLimiter::new(&limits());
        limiter.observe_header(0, "X-Mbx-Used-Weight-1m", "99");
        assert_eq!(limiter.acquire(0, 2, 0, Priority::Exit), Err(60 * SECOND));
        limiter.observe_header(0, "X-MBX-ORDER-COUNT-10S", "10");
        assert_eq!(limiter.acquire(0, 0, 1, Priority::Exit), Err(10 * SECOND));
        limiter.back_off(70 * SECOND, 5, false);
        limiter.back_off(70 * SECOND, 0, true);
        assert_eq!(limiter.acquire(75 * SECOND, 1, 0, Priority::Exit), Err(190 * SECOND));
        assert_eq!(limiter.acquire(190 * SECOND, 1, 0, Priority::Exit), Ok(()));
    }

    proptest! {
        #[test]
        fn no_window_is_ever_overdrawn(steps in proptest::collection::vec((0u64..5_000_000_000, 0u64..40, 0u64..4, 0u8..3), 1..200)) {
            let mut limiter = RateLimiter::new(&limits());
            let mut now = 0;
            let mut sent: Vec<(u64, u64, u64)> = vec![];
            for (step, weight, orders, priority) in steps {
                now += step;
                let priority = [Priority::Data, Priority::Order, Priority::Exit][usize::from(priority)];
                match limiter.acquire(now, weight, orders, priority) {
                    Ok(()) => sent.push((now, weight, orders)),
                    Err(at) => prop_assert!(at > now),
                }
            }
            for (at, _, _) in &sent {
                let weight: u64 = sent.iter().filter(|s| s.0 / (60 * SECOND) == at / (60 * SECOND)).map(|s| s.1).sum();
                let orders: u64 = sent.iter().filter(|s| s.0 / (10 * SECOND) == at / (10 * SECOND)).map(|s| s.2).sum();
                prop_assert!(weight <= 100 && orders <= 10);
            }
        }
    }
}
