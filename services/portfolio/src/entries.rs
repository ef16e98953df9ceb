//! Entries: collected over a short window, ranked, sized, checked, placed.

use mesh_actor::{Context, TimerId};
use mesh_oms::{OrderKey, PositionKey};
use mesh_risk::{Held, RiskApproved, RiskView, Veto};
use mesh_types::execution::Intent;
use mesh_types::signal::Signal;
use mesh_types::{Decimal64, MessageId, OrderType, RejectReason, Rounding, SignalAction, TimeInForce};

use crate::market::Market;
use crate::portfolio::Portfolio;
use crate::settings::ns;
use crate::verdicts::Verdict;

pub(crate) const WINDOW: TimerId = TimerId(1);

/// A signal with its identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) signal: Signal,
    pub(crate) action: SignalAction,
    pub(crate) id: MessageId,
}

impl Candidate {
    pub(crate) fn owner(&self) -> PositionKey {
        (self.signal.instrument, self.signal.strategy)
    }

    pub(crate) fn made_ns(&self) -> u64 {
        self.id.timestamp_ns.get()
    }

    pub(crate) fn bar_ns(&self) -> u64 {
        self.signal.bar_ns.get()
    }
}

/// The kernel's rule over score and the instrument's text, then strategy and action.
pub(crate) fn rank(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| {
        let text = |candidate: &Candidate| candidate.signal.instrument.to_string();
        let score = |candidate: &Candidate| candidate.signal.score.get();
        mesh_kernel::rank::compare((score(a), &text(a)), (score(b), &text(b)))
            .then_with(|| (a.signal.strategy, a.action).cmp(&(b.signal.strategy, b.action)))
    });
}

impl Portfolio {
    /// An entry waits for the end of the window.
    pub(crate) fn collect(&mut self, candidate: Candidate, context: &mut Context<'_>) {
        if self.candidates.is_empty() {
            context.set_timer(WINDOW, context.now_ns().saturating_add(ns(self.settings.selection_window_ms)));
        }
        self.candidates.push(candidate);
    }

    /// The window ends. While orders of an earlier run are unresolved, entries wait as long as they are fresh.
    pub(crate) fn on_window(&mut self, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        let fresh_ns = ns(self.settings.risk.mesh.signal_max_age_ms.unwrap_or(u64::MAX));
        let mut candidates = core::mem::take(&mut self.candidates);
        if !self.unresolved.is_empty() {
            let waits = |c: &Candidate| now_ns.saturating_sub(c.made_ns()) <= fresh_ns;
            let (waiting, late) = candidates.into_iter().partition(waits);
            (self.candidates, candidates) = (waiting, late);
            if !self.candidates.is_empty() {
                context.set_timer(WINDOW, now_ns.saturating_add(ns(self.settings.selection_window_ms).max(1_000_000)));
            }
        }
        rank(&mut candidates);
        for (index, candidate) in candidates.iter().enumerate() {
            self.note_decided(candidate);
            if index < self.settings.entries_per_window {
                self.decide_entry(candidate, context);
            } else {
                let (rank, most) = (count(index + 1), count(self.settings.entries_per_window));
                let verdict = Verdict::beyond_budget(rank, most);
                context.count("signals_vetoed", 1);
                self.say_verdict(candidate, &verdict, context);
            }
        }
    }

    fn decide_entry(&mut self, candidate: &Candidate, context: &mut Context<'_>) {
        let signal = &candidate.signal;
        let market = self.markets.get(&signal.instrument);
        let bps = self.settings.entry_slippage_bps;
        let price = market.and_then(|market| market.worst_price(candidate.action.side(), bps)).unwrap_or_default();
        let hint = signal.notional.get();
        let most = self.settings.entry_notional;
        let notional = if hint.is_positive() { hint.min(most) } else { most };
        let quantity = market.map(|market| market.quantity(notional, price));
        // Without a book or information there is no size; risk says which of the two is missing.
        let quantity = quantity.and_then(Result::ok).unwrap_or_default();
        let intent = self.intent(candidate, quantity, price, 0, context.now_ns());
        self.submit(candidate, &intent, Decimal64::ZERO, None, context);
    }

    /// The intent of a candidate: a market order that takes what there is up to its worst price.
    pub(crate) fn intent(
        &self,
        candidate: &Candidate,
        quantity: Decimal64,
        worst_price: Decimal64,
        attempt: u32,
        now_ns: u64,
    ) -> Intent {
        let signal = &candidate.signal;
        Intent {
            client_order_id: self.order_key(candidate, attempt).client_order_id(),
            instrument: signal.instrument,
            strategy: signal.strategy,
            signal: candidate.id,
            action: candidate.action.into(),
            side: candidate.action.side().into(),
            order_type: OrderType::Market.into(),
            time_in_force: TimeInForce::Ioc.into(),
            reduce_only: u8::from(!candidate.action.is_entry() && self.reduces(candidate, quantity)),
            quantity: quantity.into(),
            worst_price: worst_price.into(),
            decided_ns: now_ns.into(),
            expires_ns: now_ns.saturating_add(ns(self.settings.order_lifetime_ms)).into(),
            ..Intent::default()
        }
    }

    /// True where the order can only reduce what all strategies hold together: only then a venue takes it as reduce-only.
    fn reduces(&self, candidate: &Candidate, quantity: Decimal64) -> bool {
        let Ok(net) = self.oms.net_quantity(&candidate.signal.instrument) else { return false };
        let long = candidate.action == SignalAction::ExitLong;
        net.is_positive() == long && net.magnitude().is_ok_and(|held| quantity <= held)
    }

    pub(crate) fn order_key(&self, candidate: &Candidate, attempt: u32) -> OrderKey {
        OrderKey {
            mesh_id: self.mesh_id,
            strategy: candidate.signal.strategy,
            instrument: candidate.signal.instrument,
            action: candidate.action,
            bar_ns: candidate.bar_ns(),
            interval_ns: candidate.signal.interval_ns.get(),
            attempt,
        }
    }

    /// Asks risk, says what it answered, and places the order where it was approved. Answers with the veto; one for the
    /// reason `said` is not said again.
    pub(crate) fn submit(
        &mut self,
        candidate: &Candidate,
        intent: &Intent,
        closable: Decimal64,
        said: Option<RejectReason>,
        context: &mut Context<'_>,
    ) -> Option<Veto> {
        if candidate.action.is_entry() {
            self.observe(context);
        }
        let owner = candidate.owner();
        let market = self.markets.get(&intent.instrument);
        let others = self.others(&owner);
        let view = RiskView {
            now_ns: context.now_ns(),
            signal_ns: candidate.made_ns(),
            info: market.and_then(|market| market.info.as_ref()),
            book: market.and_then(Market::top),
            offered: market.and_then(|market| market.offered(candidate.action.side(), intent.worst_price.get())),
            position: closable,
            exposure: self.oms.exposure(&owner).ok(),
            others: others.as_deref(),
            working: self.oms.is_working(&owner) || self.is_leaving(&owner),
            unresolved: self.unresolved.len() as u64,
        };
        let decision = self.risk.check(intent, &view);
        let verdict = Verdict::new(&decision, intent.quantity.get());
        match &decision.answer {
            Ok(approved) => {
                self.place(candidate, approved, &verdict, context);
                None
            }
            Err(veto) => {
                if said != Some(veto.reason) {
                    context.count("signals_vetoed", 1);
                    self.say_verdict(candidate, &verdict, context);
                }
                Some(*veto)
            }
        }
    }

    /// Writes an approved order down and hands it out. Both are in one batch: the driver publishes neither before both are
    /// durable.
    fn place(
        &mut self,
        candidate: &Candidate,
        approved: &RiskApproved<Intent>,
        verdict: &Verdict<'_>,
        context: &mut Context<'_>,
    ) {
        let intent = approved.get();
        let verdict_id = self.say_verdict(candidate, verdict, context);
        match self.oms.intend(intent) {
            Ok(true) => {}
            Ok(false) => return context.count("orders_repeated", 1),
            Err(_) => return context.count("bad_intents", 1),
        }
        let causes = [verdict_id.unwrap_or(candidate.id), candidate.id];
        let intent_id = context.emit_because(&causes, intent);
        if let Some(order) = self.oms.order(&intent.client_order_id) {
            context.emit_because(&[intent_id.unwrap_or(candidate.id)], &order.request());
        }
        self.oms.on_sent(&intent.client_order_id, context.now_ns());
        context.count("orders_placed", 1);
    }

    /// What everybody else holds of the instrument, and of others with the same quote currency; `None` where it can't be told.
    fn others(&self, owner: &PositionKey) -> Option<Vec<Held>> {
        let quote = self.markets.get(&owner.0)?.info?.quote;
        let mut others = Vec::new();
        for other in self.oms.owners().filter(|other| other != owner) {
            let quantity = self.oms.exposure(&other).ok()?.worst().ok()?;
            if quantity.is_zero() {
                continue;
            }
            let market = self.markets.get(&other.0)?;
            if market.info?.quote == quote {
                let ask = market.top().map(|top| top.ask).filter(|ask| ask.is_positive());
                let notional = ask.and_then(|ask| quantity.mul_rounded(ask, -8, Rounding::Ceiling).ok());
                others.push(Held { owner: other, quantity, notional });
            }
        }
        Some(others)
    }
}

fn count(value: usize) -> Decimal64 {
    Decimal64::new(i64::try_from(value).unwrap_or(i64::MAX), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(instrument: &str, score: f64) -> Candidate {
        let instrument = instrument.parse().expect("an id");
        let signal = Signal { instrument, score: score.into(), ..Signal::default() };
        Candidate { signal, action: SignalAction::EnterLong, id: MessageId::NONE }
    }

    #[test]
    fn the_best_score_is_first_and_ties_go_by_the_instruments_text() {
        let mut candidates = vec![
            candidate("binance:spot:BTCUSDT", f64::NAN),
            candidate("binance:spot:ETHUSDT", 120.0),
            candidate("binance:spot:ADAUSDT", 120.0),
            candidate("binance:spot:XRPUSDT", 310.5),
        ];
        rank(&mut candidates);
        let order: Vec<_> = candidates.iter().map(|c| c.signal.instrument.to_string()).collect();
        let expected = ["XRPUSDT", "ADAUSDT", "ETHUSDT", "BTCUSDT"].map(|symbol| format!("binance:spot:{symbol}"));
        assert_eq!(order, expected);
    }
}
