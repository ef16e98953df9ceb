//! What risk said, as messages: the verdict on a candidate with every gate that it came to, and the accounts of the limits on loss.

use mesh_actor::Context;
use mesh_oms::Position;
use mesh_risk::gate::Decision;
use mesh_risk::trail::reason;
use mesh_risk::{Candidate, Standing, Veto};
use mesh_types::execution::RiskVerdict;
use mesh_types::limits::MAX_RISK_MARGINS;
use mesh_types::risk::{RiskMargin, RiskMargins};
use mesh_types::{Decimal64, FixedStr, Gate, MessageId, Outcome, Rounding, Scope, Unit};

use crate::market::Market;
use crate::portfolio::Portfolio;

/// What is said of a candidate.
#[derive(Clone, Debug)]
pub(crate) struct Verdict<'a> {
    outcome: Outcome,
    requested: Decimal64,
    allowed: Decimal64,
    /// The gate that refused it, or that cut it most.
    gate: Option<Veto>,
    margins: std::borrow::Cow<'a, [RiskMargin]>,
}

impl<'a> Verdict<'a> {
    pub(crate) fn new(decision: &'a Decision, requested: Decimal64) -> Self {
        let allowed = decision.answer.as_ref().map_or(Decimal64::ZERO, |approved| approved.get().quantity.get());
        let gate = decision.answer.as_ref().err().copied().or(decision.cut_by);
        Self { outcome: decision.outcome(), requested, allowed, gate, margins: decision.margins.as_slice().into() }
    }

    /// Of a candidate that others were ranked before.
    pub(crate) fn beyond_budget(rank: Decimal64, budget: Decimal64) -> Self {
        let gate = Gate::BarBudget;
        let text = "rank among the entries of the bar";
        let margin = RiskMargin {
            gate: gate.into(),
            unit: Unit::Count.into(),
            scope: Scope::Mesh.into(),
            outcome: Outcome::Deny.into(),
            actual: rank.into(),
            limit: budget.into(),
            margin: budget.checked_sub(rank).unwrap_or_default().into(),
        };
        let veto = Veto { gate, reason: reason(gate), text, actual: rank, limit: budget };
        let zero = Decimal64::ZERO;
        Self { outcome: Outcome::Deny, requested: zero, allowed: zero, gate: Some(veto), margins: vec![margin].into() }
    }
}

impl Portfolio {
    /// Says what becomes of a candidate, and why.
    pub(crate) fn say_verdict(
        &self,
        candidate: &Candidate,
        verdict: &Verdict<'_>,
        context: &mut Context<'_>,
    ) -> Option<MessageId> {
        let allowed = matches!(verdict.outcome, Outcome::Allow | Outcome::Reduce);
        let body = RiskVerdict {
            signal: candidate.id,
            instrument: candidate.signal.instrument,
            strategy: candidate.signal.strategy,
            action: candidate.action.into(),
            allowed: u8::from(allowed),
            reason: verdict.gate.map_or(mesh_types::RejectReason::None, |gate| gate.reason).into(),
            outcome: verdict.outcome.into(),
            requested_quantity: verdict.requested.into(),
            allowed_quantity: verdict.allowed.into(),
            actual: verdict.gate.map_or(Decimal64::ZERO, |gate| gate.actual).into(),
            limit: verdict.gate.map_or(Decimal64::ZERO, |gate| gate.limit).into(),
            text: FixedStr::truncated(verdict.gate.map_or("", |gate| gate.text)),
            decided_ns: context.now_ns().into(),
        };
        let margins = verdict.margins.get(..MAX_RISK_MARGINS).unwrap_or(&verdict.margins);
        let count = u16::try_from(margins.len()).unwrap_or(u16::MAX);
        let head = RiskMargins { signal: candidate.id, margin_count: count.into(), ..RiskMargins::default() };
        context.emit_with_items(&[candidate.id], &body, &head, margins)
    }

    /// Looks at profits and losses, and says what has changed of the accounts.
    pub(crate) fn observe(&mut self, context: &mut Context<'_>) {
        let Some(standings) = self.standings() else {
            return self.risk.accounts_mut().lose_sight();
        };
        for key in self.risk.observe(&standings, context.now_ns()) {
            let account = self.risk.accounts().get(&key);
            if account.and_then(|account| account.trip()).is_some_and(|trip| trip.at_ns == context.now_ns()) {
                context.count("risk_trips", 1);
            }
            if let Some((head, losses)) = self.risk.accounts().message(&key) {
                context.emit_tailed(&head, &losses);
            }
        }
    }

    /// How every owner stands; `None` where it is not known what an instrument is quoted in.
    fn standings(&self) -> Option<Vec<Standing>> {
        let standing = |(owner, position): (&mesh_oms::PositionKey, &Position)| {
            let market = self.markets.get(&owner.0)?;
            let (profit, open) = (profit(position)?, !position.quantity().is_zero());
            let unrealized = unrealized(position, market);
            Some(Standing { owner: *owner, quote: market.info?.quote, profit, open, unrealized })
        };
        self.oms.positions().map(standing).collect()
    }

    /// What was closed in an earlier run is in the accounts that it left.
    pub(crate) fn take_over_accounts(&mut self) {
        let flat = self.oms.positions().filter(|(_, position)| position.quantity().is_zero());
        let flat: Vec<_> = flat.filter_map(|(owner, position)| Some((*owner, profit(position)?))).collect();
        flat.into_iter().for_each(|(owner, profit)| self.risk.accounts_mut().restore_flat(owner, profit));
    }

    /// True where an open position may pass a limit on loss while nothing else happens.
    pub(crate) fn watches_losses(&self) -> bool {
        self.risk.limits().limit_losses() && self.oms.positions().any(|(_, position)| !position.quantity().is_zero())
    }
}

/// Realised profit, fees taken off.
pub(crate) fn profit(position: &Position) -> Option<Decimal64> {
    position.realized_pnl().ok()?.checked_sub(position.fees().ok()?).ok()
}

/// Profit of what is held, at the price that it could be closed at.
fn unrealized(position: &Position, market: &Market) -> Option<Decimal64> {
    let top = market.top().filter(|top| top.live)?;
    let quantity = position.quantity();
    let price = if quantity.is_positive() { top.bid } else { top.ask };
    let cost = position.cost().ok()?;
    let value = mesh_oms::Exact::product(quantity.magnitude().ok()?, price);
    let gain = if quantity.is_positive() { value.checked_sub(cost) } else { cost.checked_sub(value) };
    gain.ok().filter(|_| price.is_positive() || quantity.is_zero())?.to_decimal(Rounding::Floor).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_worth_what_it_could_be_closed_at() {
        let market = crate::market::tests::market(9_990, 10_000, "0.01");
        let mut position = Position::default();
        let fill = |price: &str, quantity: &str| mesh_types::execution::Fill {
            price: price.parse::<Decimal64>().expect(price).into(),
            quantity: quantity.parse::<Decimal64>().expect(quantity).into(),
            fee: Decimal64::new(5, -1).into(),
            instrument: mesh_types::InstrumentId::default(),
            ..Default::default()
        };
        position.apply(mesh_types::Side::Buy, &fill("100", "2")).expect("fits");
        assert_eq!(unrealized(&position, &market), Some("-0.2".parse().expect("a decimal")));
        assert_eq!(profit(&position), Some("-0.5".parse().expect("a decimal")));
        position.apply(mesh_types::Side::Sell, &fill("101", "4")).expect("fits");
        assert_eq!(unrealized(&position, &market), Some("2".parse().expect("a decimal")), "short, at the ask");
        assert_eq!(profit(&position), Some(Decimal64::ONE));
        assert_eq!(unrealized(&position, &Market::default()), None);
    }
}
