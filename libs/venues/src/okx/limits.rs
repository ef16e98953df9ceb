//! OKX's rate limits: so many in two seconds, of an instrument, an account or an address. Windows that slide are kept, which
//! is right whatever way the venue's begin.
//!
//! Source: okx.com/docs-v5, "Rate limits" and the limit of each endpoint.

use std::collections::BTreeMap;

use mesh_types::InstrumentId;

use crate::limits::{Priority, Sliding};

const SECOND_NS: u64 = 1_000_000_000;
/// Length of the windows of requests.
const WINDOW_NS: u64 = 2 * SECOND_NS;

/// What is done to orders; each has its own limit, shared by REST and socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// New orders.
    Place,
    /// Changes of orders.
    Amend,
    /// Cancels.
    Cancel,
}

/// Limits of one account and one address.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    /// 60 of each operation and instrument.
    orders: BTreeMap<(InstrumentId, Operation), Sliding>,
    /// 1000 new and changed orders of a sub-account.
    account: Sliding,
    /// 20 requests for market data of an address.
    public: Sliding,
    paused_until_ns: u64,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl RateLimiter {
    /// Nothing used.
    pub const fn new() -> Self {
        Self {
            orders: BTreeMap::new(),
            account: Sliding::new(1_000, WINDOW_NS),
            public: Sliding::new(20, WINDOW_NS),
            paused_until_ns: 0,
        }
    }

    /// Takes one operation on `count` orders of an instrument.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch.
    pub fn acquire_orders(
        &mut self,
        now_ns: u64,
        instrument: InstrumentId,
        operation: Operation,
        count: u64,
    ) -> Result<(), u64> {
        self.paused(now_ns)?;
        let priority = if operation == Operation::Cancel { Priority::Exit } else { Priority::Order };
        let orders = self.orders.entry((instrument, operation)).or_insert_with(|| Sliding::new(60, WINDOW_NS));
        // The account's limit is asked first: what it refuses has not been counted.
        let of_account = if operation == Operation::Cancel { 0 } else { count };
        let mut account = self.account.clone();
        account.acquire(now_ns, of_account, priority)?;
        orders.acquire(now_ns, count, priority)?;
        self.account = account;
        Ok(())
    }

    /// Takes one request for market data over HTTP.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch.
    pub fn acquire_public(&mut self, now_ns: u64) -> Result<(), u64> {
        self.paused(now_ns)?;
        self.public.acquire(now_ns, 1, Priority::Exit)
    }

    /// The venue refused for its limit; it never says for how long, so two windows.
    pub fn back_off(&mut self, now_ns: u64) {
        self.paused_until_ns = self.paused_until_ns.max(now_ns.saturating_add(2 * WINDOW_NS));
    }

    const fn paused(&self, now_ns: u64) -> Result<(), u64> {
        if now_ns < self.paused_until_ns { Err(self.paused_until_ns) } else { Ok(()) }
    }
}

/// Limits of one address's sockets.
#[derive(Clone, Debug)]
pub struct SocketLimiter {
    connections: Sliding,
}

impl Default for SocketLimiter {
    fn default() -> Self {
        Self { connections: Sliding::new(3, SECOND_NS) }
    }
}

impl SocketLimiter {
    /// Takes one connection: three a second.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch.
    pub fn acquire_connection(&mut self, now_ns: u64) -> Result<(), u64> {
        self.connections.acquire(now_ns, 1, Priority::Exit)
    }

    /// The limit of subscriptions, unsubscriptions and logins of one connection: 480 an hour.
    pub const fn of_connection() -> Sliding {
        Sliding::new(480, 3_600 * SECOND_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instruments_have_limits_of_their_own_and_cancels_are_kept_room_for() {
        let mut limiter = RateLimiter::new();
        let instrument = crate::okx::instrument("BTC-USDT-SWAP").expect("an instrument");
        let other = crate::okx::instrument("ETH-USDT").expect("an instrument");
        for _ in 0..54 {
            assert_eq!(limiter.acquire_orders(0, instrument, Operation::Place, 1), Ok(()));
        }
        assert_eq!(limiter.acquire_orders(0, instrument, Operation::Place, 1), Err(WINDOW_NS));
        assert_eq!(limiter.acquire_orders(0, other, Operation::Place, 20), Ok(()));
        assert_eq!(limiter.acquire_orders(0, instrument, Operation::Cancel, 60), Ok(()), "cancels have their own");
        assert_eq!(limiter.acquire_orders(WINDOW_NS, instrument, Operation::Place, 1), Ok(()));
        limiter.back_off(WINDOW_NS);
        assert_eq!(limiter.acquire_orders(WINDOW_NS, other, Operation::Cancel, 1), Err(3 * WINDOW_NS));
    }

    #[test]
    fn the_account_s_limit_counts_only_what_was_sent() {
        let mut limiter = RateLimiter::new();
        let ids: Vec<_> = (0..20).map(|n| crate::okx::instrument(&format!("C{n}-USDT")).expect("an id")).collect();
        for id in &ids {
            for _ in 0..2 {
                let _ = limiter.acquire_orders(0, *id, Operation::Place, 50);
            }
        }
        // 18 times 50 are 900, what orders may take of 1000.
        let more = crate::okx::instrument("MORE-USDT").expect("an id");
        assert_eq!(limiter.acquire_orders(0, more, Operation::Place, 1), Err(WINDOW_NS));
        let mut sockets = SocketLimiter::default();
        assert_eq!([0, 0, 0, 0].map(|at| sockets.acquire_connection(at).is_ok()), [true, true, true, false]);
        for _ in 0..20 {
            assert_eq!(limiter.acquire_public(0), Ok(()));
        }
        assert_eq!(limiter.acquire_public(0), Err(WINDOW_NS));
    }
}
