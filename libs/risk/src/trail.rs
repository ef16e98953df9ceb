//! What each gate saw, as a candidate comes to them one after the other.

use core::fmt;

use mesh_types::risk::RiskMargin;
use mesh_types::{Decimal64, Gate, Outcome, RejectReason, Scope, Unit};

use crate::limits::Limit;

/// The gate that refused or cut a candidate: what it saw and what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Veto {
    /// Which gate.
    pub gate: Gate,
    /// The reason that the verdict has.
    pub reason: RejectReason,
    /// Which exactly, for people.
    pub text: &'static str,
    /// What it saw.
    pub actual: Decimal64,
    /// What it allows.
    pub limit: Decimal64,
}

impl Veto {
    /// A veto with nothing to measure.
    pub const fn plain(gate: Gate, text: &'static str) -> Self {
        Self { gate, reason: reason(gate), text, actual: Decimal64::ZERO, limit: Decimal64::ZERO }
    }
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (found {}, limit {})", self.gate, self.text, self.actual, self.limit)
    }
}

/// The reason that a gate gives to those who do not know the gates.
pub const fn reason(gate: Gate) -> RejectReason {
    match gate {
        Gate::None | Gate::Intent => RejectReason::Malformed,
        Gate::KillSwitch | Gate::Halt => RejectReason::KillSwitch,
        Gate::DailyLoss | Gate::Drawdown | Gate::LossStreak | Gate::StopGuard => RejectReason::Tripped,
        Gate::Unresolved | Gate::Working => RejectReason::OrderPending,
        Gate::SignalAge => RejectReason::Stale,
        Gate::BookHealth | Gate::BookCrossed | Gate::BookAge => RejectReason::BookNotLive,
        Gate::SpotShort => RejectReason::InsufficientFunds,
        Gate::Cooldown => RejectReason::Cooldown,
        Gate::Holding => RejectReason::NoPosition,
        Gate::EntryRate | Gate::ExitRate | Gate::CancelRate | Gate::BarBudget => RejectReason::RateLimit,
        Gate::OrderNotional => RejectReason::OrderNotional,
        Gate::PositionNotional | Gate::TotalNotional => RejectReason::PositionNotional,
        Gate::Instrument
        | Gate::PriceBand
        | Gate::Lot
        | Gate::Tick
        | Gate::LeastQuantity
        | Gate::GreatestQuantity
        | Gate::LeastNotional => RejectReason::Filter,
        Gate::ClockOffset
        | Gate::OracleGap
        | Gate::GasBudget
        | Gate::FundingCost
        | Gate::LiquidationDistance
        | Gate::Slippage
        | Gate::Leverage
        | Gate::Concentration
        | Gate::Correlation
        | Gate::Liquidity => RejectReason::RiskLimit,
    }
}

/// What the gates so far said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    margins: Vec<RiskMargin>,
}

impl Trail {
    pub(crate) fn into_margins(self) -> Vec<RiskMargin> {
        self.margins
    }

    /// Takes down what a gate saw.
    pub(crate) fn note(
        &mut self,
        gate: Gate,
        unit: Unit,
        (scope, outcome): (Scope, Outcome),
        [actual, limit, margin]: [Decimal64; 3],
    ) {
        self.margins.push(RiskMargin {
            gate: gate.into(),
            unit: unit.into(),
            scope: scope.into(),
            outcome: outcome.into(),
            actual: actual.into(),
            limit: limit.into(),
            margin: margin.into(),
        });
    }

    /// A gate that is passed or not, with nothing to measure.
    pub(crate) fn holds(&mut self, gate: Gate, holds: bool, text: &'static str) -> Result<(), Veto> {
        let outcome = if holds { Outcome::Allow } else { Outcome::Deny };
        self.note(gate, Unit::None, (Scope::Mesh, outcome), [Decimal64::ZERO; 3]);
        if holds { Ok(()) } else { Err(Veto::plain(gate, text)) }
    }

    /// What a gate asks about, where it is known: what is missing denies.
    pub(crate) fn known<T>(&mut self, gate: Gate, value: Option<T>, text: &'static str) -> Result<T, Veto> {
        let Some(value) = value else {
            self.holds(gate, false, text)?;
            return Err(Veto::plain(gate, text));
        };
        Ok(value)
    }

    /// A gate that allows so much and no more.
    pub(crate) fn at_most(
        &mut self,
        gate: Gate,
        unit: Unit,
        limit: Limit<Decimal64>,
        actual: Decimal64,
        text: &'static str,
    ) -> Result<(), Veto> {
        let margin = self.known(gate, limit.value.checked_sub(actual).ok(), "a number does not fit")?;
        self.measured(gate, unit, limit, (actual, margin), text)
    }

    /// A gate that asks for so much at least.
    pub(crate) fn at_least(
        &mut self,
        gate: Gate,
        unit: Unit,
        limit: Limit<Decimal64>,
        actual: Decimal64,
        text: &'static str,
    ) -> Result<(), Veto> {
        let margin = self.known(gate, actual.checked_sub(limit.value).ok(), "a number does not fit")?;
        self.measured(gate, unit, limit, (actual, margin), text)
    }

    fn measured(
        &mut self,
        gate: Gate,
        unit: Unit,
        limit: Limit<Decimal64>,
        (actual, margin): (Decimal64, Decimal64),
        text: &'static str,
    ) -> Result<(), Veto> {
        let outcome = if margin.is_negative() { Outcome::Deny } else { Outcome::Allow };
        self.note(gate, unit, (limit.scope, outcome), [actual, limit.value, margin]);
        if outcome == Outcome::Allow {
            return Ok(());
        }
        Err(Veto { gate, reason: reason(gate), text, actual, limit: limit.value })
    }
}
