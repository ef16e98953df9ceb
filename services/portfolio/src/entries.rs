//! Entries: chosen by the selector, sized, checked, placed.

use mesh_actor::{Context, TimerId};
use mesh_oms::{OrderKey, PositionKey};
use mesh_risk::{Candidate, Conditions, Held, RiskApproved, RiskView, Veto};
use mesh_types::execution::Intent;
use mesh_types::{Decimal64, OrderType, RejectReason, Rounding, Side, SignalAction, TimeInForce};

use crate::market::Market;
use crate::portfolio::Portfolio;
use crate::settings::ns;
use crate::verdicts::Verdict;

pub(crate) const WINDOW: TimerId = TimerId(1);

impl Portfolio {
    /// An entry waits for the end of the window.
    pub(crate) fn collect(&mut self, candidate: Candidate, context: &mut Context<'_>) {
        if self.selector.wait(candidate) {
            context.set_timer(WINDOW, context.now_ns().saturating_add(ns(self.settings.selection_window_ms)));
        }
    }

    /// The window ends. While orders of an earlier run are unresolved, entries wait as long as they are fresh.
    pub(crate) fn on_window(&mut self, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        let fresh_ns = ns(self.settings.risk.mesh.signal_max_age_ms.unwrap_or(u64::MAX));
        let unresolved = !self.unresolved.is_empty();
        let stays = |c: &Candidate| unresolved && now_ns.saturating_sub(c.made_ns()) <= fresh_ns;
        let ranked = self.selector.ranked(stays);
        if !self.selector.waiting().is_empty() {
            context.set_timer(WINDOW, now_ns.saturating_add(ns(self.settings.selection_window_ms).max(1_000_000)));
        }
        for candidate in &ranked {
            self.note_decided(candidate);
            match self.selector.room(candidate.bar()) {
                Ok(()) if self.decide_entry(candidate, context) => self.selector.take(candidate.bar()),
                Ok(()) => {}
                Err(none) => {
                    let verdict = Verdict::beyond_budget(count(none.taken + 1), count(none.budget));
                    context.count("signals_vetoed", 1);
                    self.say_verdict(candidate, &verdict, context);
                }
            }
        }
    }

    /// True where an entry adds to what its strategy holds: that was chosen before, and goes at once.
    pub(crate) fn adds(&self, candidate: &Candidate) -> bool {
        let held = self.oms.quantity(&candidate.owner());
        let adds = if candidate.action == SignalAction::EnterLong { held.is_positive() } else { held.is_negative() };
        adds && self.unresolved.is_empty()
    }

    /// Sizes an entry and asks risk; answers whether an order was placed.
    pub(crate) fn decide_entry(&mut self, candidate: &Candidate, context: &mut Context<'_>) -> bool {
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
        self.submit(candidate, &intent, Decimal64::ZERO, None, context).is_none()
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
            conditions: self.conditions(intent, candidate.action.side(), context.now_ns()),
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

    /// What risk asks of the market besides its book.
    fn conditions(&self, intent: &Intent, taker: Side, now_ns: u64) -> Conditions {
        let Some(market) = self.markets.get(&intent.instrument) else { return Conditions::default() };
        let chain = intent.instrument.chain_address().map(|(chain, _)| u64::from(chain));
        let block = chain.and_then(|chain| self.blocks.get(&chain));
        let gwei =
            block.and_then(|block| i64::try_from(block.base_fee_wei.get()).ok()).map(|wei| Decimal64::new(wei, -9));
        Conditions { gas_gwei: gwei, ..market.conditions(taker, intent.quantity.get(), now_ns) }
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
