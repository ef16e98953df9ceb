//! One order's way, in times.

/// The ways between those that say when they had it.
pub(super) const HOPS: [&str; 5] =
    ["packet_to_adapter", "adapter_to_strategy", "strategy_to_portfolio", "portfolio_to_executor", "executor_to_venue"];

/// When one message was where, ns since the Unix epoch: sent by the venue; had by the adapter, the strategy, the portfolio,
/// the executor; and back at the venue as an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample(pub(super) [u64; 6]);

impl Sample {
    /// How long a hop took; past the last hop: the whole way.
    pub(super) fn hop_ns(&self, hop: usize) -> u64 {
        let Self(times) = self;
        let (from, to) = if hop < HOPS.len() { (hop, hop + 1) } else { (0, HOPS.len()) };
        times[to].saturating_sub(times[from])
    }

    /// From the venue's packet to the strategy.
    pub(super) fn until_signal_ns(&self) -> u64 {
        let Self([sent, _, signal, ..]) = self;
        signal.saturating_sub(*sent)
    }
}

/// This share of the samples took at most so many microseconds. The first tenth is left out: everything is cold then.
pub(super) fn share_us(samples: &[Sample], share: f64, of: impl Fn(&Sample) -> u64) -> f64 {
    let mut times: Vec<u64> = samples.iter().skip(samples.len() / 10).map(of).collect();
    times.sort_unstable();
    let place = (times.len() as f64 * share) as usize;
    times.get(place.min(times.len().saturating_sub(1))).map_or(0.0, |ns| *ns as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_sum_to_the_whole_way() {
        let sample = Sample([10, 13, 20, 21, 40, 41]);
        let hops: Vec<u64> = (0..HOPS.len()).map(|hop| sample.hop_ns(hop)).collect();
        assert_eq!((hops.iter().sum::<u64>(), sample.hop_ns(HOPS.len()), sample.until_signal_ns()), (31, 31, 10));
        let samples: Vec<Sample> = (0..100).map(|n| Sample([0, 0, 0, 0, 0, n * 1_000])).collect();
        assert_eq!(share_us(&samples, 0.5, |of| of.hop_ns(HOPS.len())), 55.0, "of the ninety last");
    }
}
