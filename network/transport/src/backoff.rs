//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// Doubles from `min_ms` to `max_ms`; each delay is drawn from its upper half, so that processes that lost the same relay
/// do not return in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub min_ms: u64,
    /// At most.
    pub max_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { min_ms: 20, max_ms: 1_000 }
    }
}

impl Backoff {
    /// The delay before attempt `attempt`, counted from 0.
    pub(crate) fn delay(&self, attempt: u32, random: &mut fastrand::Rng) -> Duration {
        let doubled = self.min_ms.max(1).saturating_mul(1u64.checked_shl(attempt.min(32)).unwrap_or(u64::MAX));
        let full_us = doubled.min(self.max_ms.max(1)).saturating_mul(1_000);
        Duration::from_micros(random.u64(full_us / 2..=full_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_within_their_bounds() {
        let (backoff, mut random) = (Backoff { min_ms: 10, max_ms: 100 }, fastrand::Rng::with_seed(1));
        for (attempt, most_ms) in [(0, 10), (1, 20), (3, 80), (4, 100), (99, 100)] {
            for _ in 0..50 {
                let delay = backoff.delay(attempt, &mut random);
                assert!(delay >= Duration::from_millis(most_ms / 2) && delay <= Duration::from_millis(most_ms));
            }
        }
    }
}
