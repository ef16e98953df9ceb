//! How much one address may ask: weight in fixed minutes, refusals, and the ban of who goes on asking.
//!
//! A minute starts at a whole multiple of a minute. Over the limit the answer is 429 until the minute's end; who goes on
//! is banned (418), each time for longer, as the venue's documentation says: from 2 minutes up to 3 days.

/// Requests after a refusal that lead to a ban.
const PATIENCE: u32 = 10;
const LONGEST_BAN_NS: u64 = 3 * 86_400 * 1_000_000_000;
const MINUTE_NS: u64 = 60_000_000_000;
const SHORTEST_BAN_NS: u64 = 2 * MINUTE_NS;

/// A request may not be answered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// 429, or 418 for a ban.
    pub status: u16,
    /// Seconds to wait.
    pub retry_after_s: u64,
}

/// What one address has used.
#[derive(Clone, Debug)]
pub struct RequestLimit {
    limit: u64,
    minute: u64,
    used: u64,
    refusals: u32,
    bans: u32,
    banned_until_ns: u64,
}

impl RequestLimit {
    /// At most `limit` of weight a minute.
    pub const fn new(limit: u64) -> Self {
        Self { limit, minute: 0, used: 0, refusals: 0, bans: 0, banned_until_ns: 0 }
    }

    /// The weight that was used in this minute.
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// Takes a request's weight.
    ///
    /// # Errors
    /// When the limit is reached, or the address banned.
    pub fn take(&mut self, now_ns: u64, weight: u64) -> Result<(), Refused> {
        if now_ns < self.banned_until_ns {
            return Err(Refused { status: 418, retry_after_s: seconds_until(now_ns, self.banned_until_ns) });
        }
        if now_ns / MINUTE_NS > self.minute {
            self.minute = now_ns / MINUTE_NS;
            self.used = 0;
            self.refusals = 0;
        }
        self.used = self.used.saturating_add(weight);
        if self.used <= self.limit { Ok(()) } else { Err(self.refuse(now_ns)) }
    }

    /// Gives weight back that turned out not to be due.
    pub const fn give_back(&mut self, weight: u64) {
        self.used = self.used.saturating_sub(weight);
    }

    /// Refuses a request, as if the limit were reached.
    pub fn refuse(&mut self, now_ns: u64) -> Refused {
        self.refusals += 1;
        if self.refusals <= PATIENCE {
            let end_ns = (now_ns / MINUTE_NS + 1) * MINUTE_NS;
            return Refused { status: 429, retry_after_s: seconds_until(now_ns, end_ns) };
        }
        let length_ns = SHORTEST_BAN_NS.saturating_mul(1 << self.bans.min(20)).min(LONGEST_BAN_NS);
        self.bans += 1;
        self.refusals = 0;
        self.banned_until_ns = now_ns.saturating_add(length_ns);
        Refused { status: 418, retry_after_s: length_ns / 1_000_000_000 }
    }
}

/// Orders of one account that were placed in this window of 10 s and not filled: a fill gives the place back.
#[derive(Clone, Copy, Debug)]
pub struct OrderLimit {
    limit: u64,
    window: u64,
    used: u64,
}

impl OrderLimit {
    const WINDOW_NS: u64 = 10_000_000_000;

    /// At most `limit` in 10 s.
    pub const fn new(limit: u64) -> Self {
        Self { limit, window: 0, used: 0 }
    }

    /// The orders that count in this window.
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// Counts an order.
    ///
    /// # Errors
    /// When there are too many.
    pub const fn take(&mut self, now_ns: u64) -> Result<(), Refused> {
        if now_ns / Self::WINDOW_NS > self.window {
            self.window = now_ns / Self::WINDOW_NS;
            self.used = 0;
        }
        if self.used >= self.limit {
            let end_ns = (now_ns / Self::WINDOW_NS + 1) * Self::WINDOW_NS;
            return Err(Refused { status: 429, retry_after_s: seconds_until(now_ns, end_ns) });
        }
        self.used += 1;
        Ok(())
    }

    /// An order was filled.
    pub const fn filled(&mut self) {
        self.used = self.used.saturating_sub(1);
    }
}

const fn seconds_until(now_ns: u64, end_ns: u64) -> u64 {
    end_ns.saturating_sub(now_ns).div_ceil(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_minute_has_its_weight_and_who_goes_on_is_banned_for_longer_each_time() {
        let mut limit = RequestLimit::new(100);
        assert_eq!(limit.take(61 * SECOND, 100), Ok(()));
        assert_eq!(limit.take(70 * SECOND, 1), Err(Refused { status: 429, retry_after_s: 50 }));
        assert_eq!(limit.take(120 * SECOND, 60), Ok(()), "a new minute");
        for _ in 0..PATIENCE {
            assert_eq!(limit.take(121 * SECOND, 60).map_err(|refused| refused.status), Err(429));
        }
        assert_eq!(limit.take(121 * SECOND, 60), Err(Refused { status: 418, retry_after_s: 120 }));
        assert_eq!(limit.take(200 * SECOND, 1), Err(Refused { status: 418, retry_after_s: 41 }));
        assert_eq!(limit.take(241 * SECOND, 1), Ok(()));
        for _ in 0..PATIENCE {
            limit.refuse(241 * SECOND);
        }
        assert_eq!(limit.refuse(241 * SECOND), Refused { status: 418, retry_after_s: 240 });
    }
}
