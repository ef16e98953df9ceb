//! Kraken's rate limits: counters that requests raise and time lowers, one of the API key and one of each pair.
//!
//! The REST counter rises by 1 a call, by 2 for ledgers and trade history; adding and cancelling orders is not in it. The
//! matching engine's counter of each pair is shared by all protocols: adding costs 1, and ending or changing an order costs
//! more the younger it is, so that a loop of cancels and adds is dear and amending is cheap.
//!
//! Source: docs.kraken.com "Spot REST rate limits", "Spot trading rate limits".

use std::collections::BTreeMap;

use mesh_types::InstrumentId;

use crate::limits::{Counter, Priority};

/// Verification tier of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Starter.
    Starter,
    /// Intermediate.
    Intermediate,
    /// Pro.
    Pro,
}

impl Tier {
    /// Limit and thousandths that drain in a second, of REST.
    const fn rest(self) -> (u64, u64) {
        match self {
            Self::Starter => (15, 330),
            Self::Intermediate => (20, 500),
            Self::Pro => (20, 1_000),
        }
    }

    /// Limit and thousandths that drain in a second, of one pair's engine.
    const fn engine(self) -> (u64, u64) {
        match self {
            Self::Starter => (60, 1_000),
            Self::Intermediate => (125, 2_340),
            Self::Pro => (180, 3_750),
        }
    }
}

/// What is done at the matching engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new order.
    Add,
    /// An order keeps its id and, where it becomes no better, its place.
    Amend,
    /// An order is replaced by a new one.
    Edit,
    /// An order is ended.
    Cancel,
}

impl Operation {
    /// What it costs with an order of this age.
    pub const fn cost(self, age_s: u64) -> u64 {
        match (self, age_s) {
            (Self::Add, _) => 1,
            (Self::Amend, 0..5) => 4,
            (Self::Amend, 5..10) => 3,
            (Self::Amend, 10..15) => 2,
            (Self::Amend, _) => 1,
            (Self::Edit, 0..5) => 7,
            (Self::Edit, 5..10) => 6,
            (Self::Edit, 10..15) => 5,
            (Self::Edit, 15..45) => 3,
            (Self::Edit, 45..90) => 2,
            (Self::Edit, _) => 1,
            (Self::Cancel, 0..5) => 8,
            (Self::Cancel, 5..10) => 6,
            (Self::Cancel, 10..15) => 5,
            (Self::Cancel, 15..45) => 4,
            (Self::Cancel, 45..90) => 2,
            (Self::Cancel, 90..300) => 1,
            (Self::Cancel, _) => 0,
        }
    }
}

/// The limits of one account.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    tier: Tier,
    rest: Counter,
    engines: BTreeMap<InstrumentId, Counter>,
    paused_until_ns: u64,
}

impl RateLimiter {
    /// Nothing used.
    pub const fn new(tier: Tier) -> Self {
        let (limit, drain) = tier.rest();
        Self { tier, rest: Counter::new(limit, drain), engines: BTreeMap::new(), paused_until_ns: 0 }
    }

    /// Takes a REST call of `cost` 1 or 2.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch.
    pub fn acquire_rest(&mut self, now_ns: u64, cost: u64, priority: Priority) -> Result<(), u64> {
        self.paused(now_ns)?;
        self.rest.acquire(now_ns, cost, priority)
    }

    /// Takes an operation on an order of this age.
    ///
    /// # Errors
    /// The time at which to ask again, ns since the Unix epoch.
    pub fn acquire_engine(
        &mut self,
        now_ns: u64,
        instrument: InstrumentId,
        operation: Operation,
        age_s: u64,
    ) -> Result<(), u64> {
        self.paused(now_ns)?;
        let priority = if operation == Operation::Cancel { Priority::Exit } else { Priority::Order };
        self.engine(instrument).acquire(now_ns, operation.cost(age_s), priority)
    }

    /// The count that the venue tells of a pair's engine (`ratecounter` of the executions).
    pub fn observe_engine(&mut self, now_ns: u64, instrument: InstrumentId, used: u64) {
        self.engine(instrument).observe(now_ns, used);
    }

    /// The venue refused for its limit: nothing is sent for so long, 5 s where it does not say.
    pub fn back_off(&mut self, now_ns: u64, retry_after_s: u64) {
        let seconds = if retry_after_s == 0 { 5 } else { retry_after_s };
        self.paused_until_ns = self.paused_until_ns.max(now_ns.saturating_add(seconds.saturating_mul(1_000_000_000)));
    }

    const fn paused(&self, now_ns: u64) -> Result<(), u64> {
        if now_ns < self.paused_until_ns { Err(self.paused_until_ns) } else { Ok(()) }
    }

    fn engine(&mut self, instrument: InstrumentId) -> &mut Counter {
        let (limit, drain) = self.tier.engine();
        self.engines.entry(instrument).or_insert_with(|| Counter::new(limit, drain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_loop_of_cancels_and_adds_is_dear() {
        let pair = crate::kraken::instrument("BTC/USD").expect("a pair");
        let mut limiter = RateLimiter::new(Tier::Starter);
        let mut turns = 0;
        while limiter.acquire_engine(0, pair, Operation::Add, 0).is_ok()
            && limiter.acquire_engine(0, pair, Operation::Cancel, 0).is_ok()
        {
            turns += 1;
        }
        assert_eq!(turns, 6, "6 * 9 = 54 of 60");
        let other = crate::kraken::instrument("ETH/USD").expect("a pair");
        assert_eq!(limiter.acquire_engine(0, other, Operation::Add, 0), Ok(()), "each pair has its own");
        assert_eq!(limiter.acquire_engine(0, pair, Operation::Cancel, 400), Ok(()), "an old order's cancel is free");
        assert!(limiter.acquire_engine(SECOND, pair, Operation::Cancel, 6).is_ok(), "one a second drains");
    }

    #[test]
    fn rest_and_pauses() {
        let mut limiter = RateLimiter::new(Tier::Starter);
        for _ in 0..7 {
            assert_eq!(limiter.acquire_rest(0, 2, Priority::Exit), Ok(()));
        }
        assert!(limiter.acquire_rest(0, 2, Priority::Exit).is_err());
        assert!(limiter.acquire_rest(4 * SECOND, 2, Priority::Exit).is_ok());
        limiter.back_off(4 * SECOND, 0);
        assert_eq!(limiter.acquire_rest(5 * SECOND, 1, Priority::Exit), Err(9 * SECOND));
        let pair = crate::kraken::instrument("BTC/USD").expect("a pair");
        limiter.observe_engine(10 * SECOND, pair, 60);
        assert!(limiter.acquire_engine(10 * SECOND, pair, Operation::Add, 0).is_err());
    }
}
