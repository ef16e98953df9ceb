//! Stops and targets that rest at the venue: a stop that a trade starts, and limits in the book's queue for target and partial
//! take-profit, all of which may only reduce the position. They are placed on the far side of the tick, so that whatever reaches
//! them has reached the strategy's level.

use mesh_kernel::account::Scale;
use mesh_kernel::exits::{ExitRules, Position};
use mesh_kernel::{ExitReason, Side};
use mesh_ticks::{OrderKind, Report};
use mesh_types::Side as OrderSide;

use super::desk::{Desk, fill_of};

/// An order of a level.
#[derive(Clone, Copy, Debug)]
struct Working {
    id: u64,
    /// Ticks.
    price: i64,
    /// Lots when it was sent, and still to be filled.
    lots: i64,
    left: i64,
}

/// The orders of a position's levels.
#[derive(Clone, Copy, Debug)]
pub(super) struct RestingLevels {
    stop: Option<Working>,
    target: Option<Working>,
    partial: Option<Working>,
}

/// How the orders of a level are sent.
#[derive(Clone, Copy)]
struct Manner {
    side: OrderSide,
    kind: OrderKind,
    reason: ExitReason,
}

impl RestingLevels {
    /// Nothing is at the venue.
    pub(super) const fn new() -> Self {
        Self { stop: None, target: None, partial: None }
    }

    /// Sends and cancels until the orders are those of the position, as far as it was filled.
    pub(super) fn place(&mut self, position: &Position, rules: &ExitRules, scale: &Scale, desk: &mut Desk) {
        let held = desk.account.position;
        let (side, lots) = match position.side {
            Side::Long if held > 0 => (OrderSide::Sell, held),
            Side::Short if held < 0 => (OrderSide::Buy, held.saturating_neg()),
            _ => return self.clear(desk),
        };
        let buys = side == OrderSide::Buy;
        let at = |price: f64, worse: bool| if price > 0.0 { scale.ticks_against(price, worse == buys) } else { 0 };
        let manner = |kind, reason| Manner { side, kind, reason };
        let partial_price = at(position.partial_price(rules), false);
        let part = match self.partial.filter(|partial| partial.price == partial_price && partial.left < partial.lots) {
            Some(begun) => begun.left,
            None => (lots as f64 * rules.partial_fraction) as i64,
        };
        let is_taken = self.partial.is_some_and(|partial| partial.left == 0 && partial.price == partial_price);
        if !is_taken {
            let manner = manner(OrderKind::Limit, ExitReason::Partial);
            set(&mut self.partial, manner, partial_price, part, desk);
        }
        let part = self.partial.map_or(0, |partial| partial.left);
        let target_price = at(position.target_price, false);
        set(&mut self.target, manner(OrderKind::Limit, ExitReason::Target), target_price, lots - part, desk);
        set(&mut self.stop, manner(OrderKind::Stop, ExitReason::Stop), at(position.stop_price, true), lots, desk);
    }

    /// Cancels all of them.
    pub(super) fn clear(&mut self, desk: &mut Desk) {
        let all = [self.stop.take(), self.target.take(), self.partial.take()];
        all.into_iter().flatten().filter(|working| working.left > 0).for_each(|working| desk.cancel(working.id));
    }

    /// Ends the partial take-profit's order; the lots that it still had to fill, `None` where there was none.
    pub(super) fn end_partial(&mut self, desk: &mut Desk) -> Option<i64> {
        let partial = self.partial.take()?;
        if partial.left > 0 {
            desk.cancel(partial.id);
        }
        Some(partial.left)
    }

    /// True where the partial take-profit was filled whole.
    pub(super) fn has_taken_partial(&self) -> bool {
        self.partial.is_some_and(|partial| partial.left == 0)
    }

    /// Takes a report; true where it is about one of these.
    pub(super) fn on_report(&mut self, report: &Report) -> bool {
        let slots = [&mut self.stop, &mut self.target, &mut self.partial];
        let is_it = |slot: &&mut Option<Working>| slot.is_some_and(|working| working.id == report.id);
        let Some(slot) = slots.into_iter().find(is_it) else { return false };
        match (fill_of(report), slot.as_mut()) {
            (Some((lots, ..)), Some(working)) => working.left -= lots.saturating_abs().min(working.left),
            _ if report.is_final() => *slot = None,
            _ => {}
        }
        true
    }
}

/// Brings one order to a price and lots; none where either is 0.
fn set(slot: &mut Option<Working>, manner: Manner, price: i64, lots: i64, desk: &mut Desk) {
    let is_wanted = price > 0 && lots > 0;
    if let Some(working) = slot {
        if is_wanted && (working.price, working.left) == (price, lots) {
            return;
        }
        if working.left > 0 {
            desk.cancel(working.id);
        }
    }
    *slot = is_wanted.then(|| {
        let id = desk.reduce(manner.side, manner.kind, price, lots, manner.reason);
        Working { id, price, lots, left: lots }
    });
}
