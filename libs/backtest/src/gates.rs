//! Why not: which gate was the first to stop an entry, how often, and how near it came to letting one pass.

use mesh_kernel::{Decision, Gate};

use crate::inputs::NAMES;

/// How many of a gate's nearest misses are kept.
pub const NEAREST: usize = 3;

/// A decision that a gate stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Miss {
    /// Index of the series.
    pub symbol: usize,
    /// Open time of the bar, ns.
    pub time_ns: u64,
    /// What the gate saw.
    pub value: f64,
    /// What it asks for.
    pub threshold: f64,
}

impl Miss {
    /// How far it was from passing, in the gate's unit.
    #[must_use]
    pub fn distance(&self) -> f64 {
        (self.value - self.threshold).abs()
    }
}

/// What one gate stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stopped {
    /// Decisions in which it was the first that failed.
    pub bars: usize,
    /// The nearest misses, the nearest first, of equals the earlier; none of a gate that measures nothing.
    pub nearest: Vec<Miss>,
    /// Of the gate of missing inputs: the bits of all that were missing (`mesh_kernel::context::input`).
    missing: u32,
}

impl Stopped {
    /// The inputs whose lack stopped something.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().enumerate().filter(|(bit, _)| self.missing & (1 << bit) != 0).map(|(_, name)| name)
    }
}

/// What stopped entries, gate by gate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gates {
    /// By the gate's code.
    stopped: Vec<Stopped>,
    /// Wanted entries for which no position was free.
    pub no_position_free: usize,
    /// Wanted entries whose size came to nothing: by the method, its limits, or the lot.
    pub no_size: usize,
}

impl Gates {
    /// Counts a decision that did nothing.
    pub(crate) fn count(&mut self, symbol: usize, time_ns: u64, decision: &Decision) {
        let gate = decision.gate;
        if gate == Gate::Passed {
            return;
        }
        let code = gate as usize;
        if self.stopped.len() <= code {
            self.stopped.resize_with(code + 1, Stopped::default);
        }
        let Some(stopped) = self.stopped.get_mut(code) else { return };
        stopped.bars += 1;
        if gate == Gate::MissingInput {
            stopped.missing |= decision.gate_value as u32;
        }
        if !is_measured(gate) {
            return;
        }
        let miss = Miss { symbol, time_ns, value: decision.gate_value, threshold: decision.gate_threshold };
        let nearest = &mut stopped.nearest;
        let at = nearest.partition_point(|held| held.distance() <= miss.distance());
        if at < NEAREST {
            nearest.insert(at, miss);
            nearest.truncate(NEAREST);
        }
    }

    /// The gates that stopped something, the most frequent first, of equals in the order of their codes.
    #[must_use]
    pub fn by_frequency(&self) -> Vec<(Gate, &Stopped)> {
        let of = |gate: &Gate| Some((*gate, self.stopped.get(*gate as usize)?));
        let mut gates: Vec<_> = Gate::ALL.iter().filter_map(of).filter(|(_, stopped)| stopped.bars > 0).collect();
        gates.sort_by_key(|(_, stopped)| core::cmp::Reverse(stopped.bars));
        gates
    }

    /// Wanted entries that were not taken.
    #[must_use]
    pub const fn refused(&self) -> usize {
        self.no_position_free + self.no_size
    }
}

/// Whether a gate compares two figures of one unit: of others a distance says nothing.
#[must_use]
pub const fn is_measured(gate: Gate) -> bool {
    !matches!(
        gate,
        Gate::Passed
            | Gate::BadBar
            | Gate::WarmUp
            | Gate::InPosition
            | Gate::Trend
            | Gate::Regime
            | Gate::Cooldown
            | Gate::MissingInput
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_kernel::context::input;

    #[test]
    fn the_nearest_misses_are_kept() {
        let mut gates = Gates::default();
        for (time_ns, value) in [(1, 9.0), (2, 19.0), (3, 24.0), (4, 19.0), (5, 21.0)] {
            gates.count(0, time_ns, &Decision::blocked(Gate::Adx, value, 25.0));
        }
        gates.count(1, 6, &Decision::blocked(Gate::WarmUp, 24.0, 25.0));
        gates.count(1, 7, &Decision::default());
        for missing in [input::SPREAD, input::SPREAD | input::BTC_TREND] {
            gates.count(0, 8, &Decision::blocked(Gate::MissingInput, f64::from(missing), 63.0));
        }
        let found = gates.by_frequency();
        assert_eq!(
            found.iter().map(|(gate, stopped)| (*gate, stopped.bars)).collect::<Vec<_>>(),
            [(Gate::Adx, 5), (Gate::MissingInput, 2), (Gate::WarmUp, 1)]
        );
        let times: Vec<u64> = found[0].1.nearest.iter().map(|miss| miss.time_ns).collect();
        assert_eq!(times, [3, 5, 2], "the nearest first, of equals the earlier");
        assert!(found[2].1.nearest.is_empty(), "bars seen are no distance");
        assert_eq!(found[1].1.missing().collect::<Vec<_>>(), ["btc_trend", "spread_bp"]);
    }
}
