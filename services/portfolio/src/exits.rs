//! Exits: at once, and again until the position is closed and nothing of it is on its way.
//!
//! An exit closes what is held and not yet being closed. Where an entry is still unknown, the exit stays wanted until the
//! entry's fate is known: what it brings is closed too.

use mesh_actor::Context;
use mesh_oms::PositionKey;
use mesh_risk::Candidate;
use mesh_types::{Decimal64, InstrumentStatus, RejectReason, SignalAction};

use crate::portfolio::Portfolio;
use crate::settings::ns;

/// Long and short exits of an owner do not touch each other.
pub(crate) type ExitKey = (PositionKey, SignalAction);

/// A position that shall be closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit {
    pub(crate) candidate: Candidate,
    /// When it is tried again, ns since the Unix epoch.
    pub(crate) retry_ns: u64,
    /// Why it was refused last: said once, not with every try.
    pub(crate) refused: Option<RejectReason>,
}

impl Portfolio {
    /// A strategy wants out.
    pub(crate) fn on_exit(&mut self, candidate: Candidate, context: &mut Context<'_>) {
        let owner = candidate.owner();
        // An older entry that still waits is void: the strategy has thought on.
        self.selector.void_before(&owner, candidate.bar_ns());
        let key = (owner, candidate.action);
        self.exits.insert(key, Exit { candidate, retry_ns: 0, refused: None });
        self.try_exit(key, context);
    }

    /// Held of the owner in the exit's direction and not yet being closed.
    fn closable(&self, (owner, action): &ExitKey) -> Decimal64 {
        let action = *action;
        let held = self.oms.quantity(owner);
        let long = action == SignalAction::ExitLong;
        let Some(held) = held.magnitude().ok().filter(|_| held.is_positive() == long) else { return Decimal64::ZERO };
        let closing = self
            .oms
            .unsettled()
            .filter(|order| (order.intent().instrument, order.intent().strategy) == *owner && order.action() == action)
            .try_fold(Decimal64::ZERO, |sum, order| sum.checked_add(order.open_quantity()?));
        // What can't be computed is taken as being closed: it is asked about and tried again.
        closing.and_then(|closing| held.checked_sub(closing)).unwrap_or_default().max(Decimal64::ZERO)
    }

    /// True where an exit of the owner is not done.
    pub(crate) fn is_leaving(&self, owner: &PositionKey) -> bool {
        [SignalAction::ExitLong, SignalAction::ExitShort]
            .iter()
            .any(|action| self.exits.contains_key(&(*owner, *action)))
    }

    /// Forgets exits of the owner that have nothing left to do.
    pub(crate) fn finish_exits(&mut self, owner: &PositionKey) {
        if self.is_leaving(owner) && !self.oms.is_working(owner) {
            for action in [SignalAction::ExitLong, SignalAction::ExitShort] {
                if self.closable(&(*owner, action)).is_zero() {
                    self.exits.remove(&(*owner, action));
                }
            }
        }
    }

    /// Sends the order of an exit, where there is something to close now.
    pub(crate) fn try_exit(&mut self, key: ExitKey, context: &mut Context<'_>) {
        let owner = key.0;
        let Some(exit) = self.exits.get_mut(&key) else { return };
        exit.retry_ns = context.now_ns().saturating_add(ns(self.settings.exit_retry_ms));
        let Exit { candidate, refused, .. } = *exit;
        let closable = self.closable(&key);
        if closable.is_zero() && self.oms.is_working(&owner) {
            return;
        }
        let side = candidate.action.side();
        let market = self.markets.get(&owner.0);
        let quantity = market.map_or(closable, |market| market.in_lots(closable));
        let worst_price = market.and_then(|market| market.worst_price(side, self.settings.exit_slippage_bps));
        let attempt = (0u32..)
            .find(|attempt| self.oms.order(&self.order_key(&candidate, *attempt).client_order_id()).is_none())
            .unwrap_or(u32::MAX);
        let intent = self.intent(&candidate, quantity, worst_price.unwrap_or_default(), attempt, context.now_ns());
        let signed = if candidate.action == SignalAction::ExitLong { Ok(closable) } else { closable.negated() };
        let veto = self.submit(&candidate, &intent, signed.unwrap_or_default(), refused, context);
        let reason = veto.map(|veto| veto.reason);
        let trading = market_trades(self, &owner);
        match reason {
            // Nothing is held, or what is held is too small to be sold.
            Some(RejectReason::NoPosition) => {
                self.exits.remove(&key);
            }
            Some(RejectReason::Filter) if trading => {
                context.count("exits_left_as_dust", 1);
                self.exits.remove(&key);
            }
            _ => {
                if let Some(exit) = self.exits.get_mut(&key) {
                    exit.refused = reason;
                }
            }
        }
    }
}

fn market_trades(portfolio: &Portfolio, owner: &PositionKey) -> bool {
    let info = portfolio.markets.get(&owner.0).and_then(|market| market.info);
    info.is_some_and(|info| info.status.get() == Some(InstrumentStatus::Trading))
}
