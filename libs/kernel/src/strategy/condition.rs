//! Conditions of an entry. All of a strategy's are evaluated on every bar, so that each has its bit; the first that
//! fails is the gate.

use crate::decision::Gate;

/// One condition: what was seen, what is asked for, and where it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    pub(super) gate: Gate,
    /// Bit of `Decision::reasons`.
    pub(super) bit: u64,
    pub(super) holds: bool,
    pub(super) value: f64,
    pub(super) threshold: f64,
}

pub(super) const fn condition(gate: Gate, bit: u64, holds: bool, value: f64, threshold: f64) -> Condition {
    Condition { gate, bit, holds, value, threshold }
}

pub(super) const fn at_least(gate: Gate, bit: u64, value: f64, threshold: f64) -> Condition {
    condition(gate, bit, value >= threshold, value, threshold)
}

pub(super) const fn at_most(gate: Gate, bit: u64, value: f64, threshold: f64) -> Condition {
    condition(gate, bit, value <= threshold, value, threshold)
}

/// The bits of those that hold.
pub(super) fn bits(conditions: &[Condition]) -> u64 {
    conditions.iter().fold(0, |bits, c| if c.holds { bits | c.bit } else { bits })
}

/// Gate, value and threshold of the first that fails; `Passed` where none does.
pub(super) fn first_failed<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> (Gate, f64, f64) {
    let failed = conditions.into_iter().find(|c| !c.holds);
    failed.map_or((Gate::Passed, 0.0, 0.0), |c| (c.gate, c.value, c.threshold))
}
