//! Conditions of an entry. All of a strategy's are evaluated on every bar, so that each has its bit; the first that
//! fails is the gate.

use crate::context::Context;
use crate::decision::{Gate, Side, Tier};
use crate::math::{min, ratio};
use crate::trader::Wish;

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

/// Inputs that conditions need: where one is missing, none of those holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needed {
    needed: u32,
    missing: u32,
}

impl Needed {
    /// Inputs by their bits.
    pub(super) fn of(context: &Context, needed: u32) -> Self {
        Self { needed, missing: context.missing(needed) }
    }

    /// That none is missing.
    pub(super) fn are_there(self, bit: u64) -> Condition {
        let (missing, needed) = (f64::from(self.missing), f64::from(self.needed));
        condition(Gate::MissingInput, bit, self.missing == 0, missing, needed)
    }

    /// An input, where all are there: conditions on it are asked then.
    pub(super) fn known(self, input: Option<f64>) -> f64 {
        input.filter(|_| self.missing == 0).unwrap_or(0.0)
    }

    /// A condition on inputs.
    pub(super) const fn given(self, condition: Condition) -> Condition {
        Condition { holds: condition.holds && self.missing == 0, ..condition }
    }
}

/// The side that a figure points to; flat for 0.
pub(super) fn side_of(figure: f64) -> Side {
    match figure {
        up if up > 0.0 => Side::Long,
        down if down < 0.0 => Side::Short,
        _ => Side::Flat,
    }
}

/// What a side has.
pub(super) const fn of_side(side: Side, long: u64, short: u64) -> u64 {
    match side {
        Side::Flat => 0,
        Side::Long => long,
        Side::Short => short,
    }
}

/// The tier of an entry by two figures, each with its least: how often both contain it.
pub(super) fn tier_of(figures: [(f64, f64); 2], medium: f64, high: f64) -> Tier {
    let [a, b] = figures.map(|(figure, least)| if least > 0.0 { ratio(figure, least, 0.0) } else { f64::MAX });
    match min(a, b) {
        far if far >= high => Tier::High,
        far if far >= medium => Tier::Medium,
        _ => Tier::Low,
    }
}

/// What is wished where all conditions must hold for an entry on a side, and an entry alone speaks against the other side.
/// `direction` are the reasons' bits for the side that was judged.
pub(super) fn wish(
    conditions: &[Condition],
    side: Side,
    tier: impl FnOnce() -> Tier,
    strength: f64,
    direction: u64,
) -> Wish {
    let failed = conditions.iter().find(|c| !c.holds);
    let (gate, gate_value, gate_threshold) =
        failed.map_or((Gate::Passed, 0.0, 0.0), |c| (c.gate, c.value, c.threshold));
    let side = if gate == Gate::Passed { side } else { Side::Flat };
    Wish {
        enter: side,
        leave: side.opposite(),
        support: side,
        tier: if side == Side::Flat { Tier::None } else { tier() },
        strength,
        reasons: conditions.iter().fold(direction, |bits, c| if c.holds { bits | c.bit } else { bits }),
        gate,
        gate_value,
        gate_threshold,
    }
}
