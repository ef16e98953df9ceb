//! Rate limits: weight of an address on the network, and actions of an account.
//!
//! The network address has 1200 of weight a minute, shared by all of its processes. An account begins with 10000 actions and
//! earns one with each USDC that it trades; once they are used up it has one each ten seconds. Cancels have more. A batch of
//! n counts once for the network and n times for the account. Where the pages differ the lower figure is kept.
//!
//! Source: hyperliquid.gitbook.io "Rate limits and user limits".

use crate::limits::{Priority, Sliding};

const SECOND_NS: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * SECOND_NS;
/// One action each so long once an account has used up its own.
const EXHAUSTED_NS: u64 = 10 * SECOND_NS;

/// A request over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `/exchange` with so many orders or cancels.
    Exchange(u64),
    /// `/info` of `l2Book`, `allMids`, `clearinghouseState`, `orderStatus`, `spotClearinghouseState`, `exchangeStatus`.
    LightInfo,
    /// Another `/info`; `items` that it is expected to return, which count more for lists.
    Info {
        /// How many.
        items: u64,
    },
    /// `/info` of `candleSnapshot`, with so many candles.
    Candles(u64),
}

impl Request {
    /// Its weight.
    pub const fn weight(self) -> u64 {
        match self {
            Self::Exchange(count) => 1 + count / 40,
            Self::LightInfo => 2,
            Self::Info { items } => 20 + items / 20,
            Self::Candles(items) => 20 + items / 60,
        }
    }
}

/// What one network address may send.
#[derive(Clone, Debug)]
pub struct AddressLimiter {
    weight: Sliding,
    messages: Sliding,
    connections: Sliding,
    paused_until_ns: u64,
}

impl Default for AddressLimiter {
    fn default() -> Self {
        Self {
            weight: Sliding::new(1_200, MINUTE_NS),
            messages: Sliding::new(2_000, MINUTE_NS),
            connections: Sliding::new(30, MINUTE_NS),
            paused_until_ns: 0,
        }
    }
}

impl AddressLimiter {
    /// Subscriptions of all connections together, at most.
    pub const SUBSCRIPTIONS: usize = 1_000;
    /// Connections at once, at most.
    pub const CONNECTIONS: usize = 10;

    /// Takes a request over HTTP.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch.
    pub fn acquire(&mut self, now_ns: u64, request: Request, priority: Priority) -> Result<(), u64> {
        if now_ns < self.paused_until_ns {
            return Err(self.paused_until_ns);
        }
        self.weight.acquire(now_ns, request.weight(), priority)
    }

    /// Takes a message on a socket.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch.
    pub fn acquire_message(&mut self, now_ns: u64) -> Result<(), u64> {
        self.messages.acquire(now_ns, 1, Priority::Exit)
    }

    /// Takes a new connection.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch.
    pub fn acquire_connection(&mut self, now_ns: u64) -> Result<(), u64> {
        self.connections.acquire(now_ns, 1, Priority::Exit)
    }

    /// The venue answered 429: nothing is sent for so long, 10 s where it does not say.
    pub fn back_off(&mut self, now_ns: u64, retry_after_s: u64) {
        let seconds = if retry_after_s == 0 { 10 } else { retry_after_s };
        self.paused_until_ns = self.paused_until_ns.max(now_ns.saturating_add(seconds.saturating_mul(SECOND_NS)));
    }
}

/// What one account may do, as `userRateLimit` tells it.
#[derive(Clone, Copy, Debug)]
pub struct AccountLimiter {
    used: u64,
    cap: u64,
    next_ns: u64,
}

impl Default for AccountLimiter {
    fn default() -> Self {
        Self { used: 0, cap: 10_000, next_ns: 0 }
    }
}

impl AccountLimiter {
    /// What the venue says: `nRequestsUsed` and `nRequestsCap`.
    pub const fn observe(&mut self, used: u64, cap: u64) {
        (self.used, self.cap) = (used, cap);
    }

    /// Takes so many orders or cancels.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch.
    pub fn acquire(&mut self, now_ns: u64, count: u64, cancel: bool) -> Result<(), u64> {
        let limit = if cancel { self.cap.saturating_add(100_000).min(self.cap.saturating_mul(2)) } else { self.cap };
        if self.used.saturating_add(count) <= limit {
            self.used += count;
            return Ok(());
        }
        if now_ns < self.next_ns {
            return Err(self.next_ns);
        }
        self.used = self.used.saturating_add(count);
        self.next_ns = now_ns.saturating_add(EXHAUSTED_NS.saturating_mul(count));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_windows() {
        assert_eq!(
            [Request::Exchange(1), Request::Exchange(79), Request::Exchange(80)].map(Request::weight),
            [1, 2, 3]
        );
        assert_eq!(Request::Candles(5_000).weight(), 103);
        let mut limiter = AddressLimiter::default();
        for _ in 0..42 {
            assert_eq!(limiter.acquire(0, Request::Info { items: 0 }, Priority::Data), Ok(()));
        }
        assert_eq!(limiter.acquire(0, Request::Info { items: 0 }, Priority::Data), Err(MINUTE_NS));
        assert_eq!(limiter.acquire(0, Request::Exchange(1), Priority::Exit), Ok(()), "exits find room");
        limiter.back_off(0, 0);
        assert_eq!(limiter.acquire(0, Request::Exchange(1), Priority::Exit), Err(10 * SECOND_NS));
        assert!((0..30).all(|_| limiter.acquire_connection(0).is_ok()) && limiter.acquire_connection(0).is_err());
        assert!((0..2_000).all(|_| limiter.acquire_message(0).is_ok()) && limiter.acquire_message(0).is_err());
    }

    #[test]
    fn an_exhausted_account_acts_each_ten_seconds_and_cancels_have_more() {
        let mut account = AccountLimiter::default();
        account.observe(9_999, 10_000);
        assert_eq!(account.acquire(0, 1, false), Ok(()));
        assert_eq!(account.acquire(0, 1, true), Ok(()), "cancels have twice as many");
        assert_eq!(account.acquire(0, 1, false), Ok(()), "one in ten seconds");
        assert_eq!(account.acquire(SECOND_NS, 1, false), Err(EXHAUSTED_NS));
        assert_eq!(account.acquire(EXHAUSTED_NS, 1, false), Ok(()));
    }
}
