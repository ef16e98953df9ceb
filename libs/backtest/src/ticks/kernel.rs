//! The kernel's strategies on ticks: the same decisions at the close of bars, carried out at the market.
//!
//! Entries and exits are market orders, sent when the bar was seen to close. Stops and targets are watched on closed bars, as
//! with the preset `next_open`, or rest at the venue, as with `intrabar`: see `levels`. What the book does not fill is
//! cancelled: a position that its strategy has given up is sent to the market again at each close until it is gone; an entry
//! of which nothing was filled is taken back. Where a target rests in a queue that left some of it unfilled, the strategy,
//! which saw its price, has given the position up too: the rest goes to the market at the close.

use mesh_kernel::fills::{Anchor, Levels};
use mesh_kernel::indicators::market::{book_imbalance, spread_bp};
use mesh_kernel::sizing::SizingInput;
use mesh_kernel::trader::Trader;
use mesh_kernel::{Action, Context, Decision, ExitReason, Side};
use mesh_ticks::{OrderKind, Report};
use mesh_types::Side as OrderSide;

use super::desk::{Desk, Market, TickStrategy, fill_of};
use super::levels::RestingLevels;
use crate::data::TimedBar;
use crate::engine::Settings;
use crate::strategy::Decider;

/// Levels a side that the imbalance is made of.
const IMBALANCE_LEVELS: usize = 5;

/// An entry on its way.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u64,
    /// To a position that was held.
    adds: bool,
    filled: bool,
}

/// A strategy of the kernel on ticks.
#[derive(Clone, Debug)]
pub struct KernelTrader<'a, D> {
    decider: D,
    settings: &'a Settings,
    entry: Option<Entry>,
    exit: Option<u64>,
    why: ExitReason,
    levels: RestingLevels,
}

impl<'a, D: Decider> KernelTrader<'a, D> {
    /// Before the first bar.
    #[must_use]
    pub const fn new(decider: D, settings: &'a Settings) -> Self {
        let levels = RestingLevels::new();
        Self { decider, settings, entry: None, exit: None, why: ExitReason::None, levels }
    }

    /// Stops and targets rest at the venue.
    fn has_resting_levels(&self) -> bool {
        self.settings.fills.rules.levels == Levels::Inside
    }

    /// What ends with a decision, in lots: what the levels' orders still had to fill, or so much of the position.
    fn ending(&mut self, fraction: f64, desk: &mut Desk) -> i64 {
        let position = desk.account.position;
        if fraction >= 1.0 {
            self.levels.clear(desk);
            return position;
        }
        let part = (position as f64 * fraction) as i64;
        self.levels.end_partial(desk).map_or(part, |left| left.min(position.saturating_abs()) * position.signum())
    }

    /// The strategy is told what its resting orders did without a trade that its bars show; they follow its levels.
    fn follow(&mut self, desk: &mut Desk) {
        let rules = *self.decider.rules();
        let is_working = self.entry.is_some() || self.exit.is_some();
        let trader = self.decider.trader();
        if trader.position.side != Side::Flat && desk.account.position == 0 && !is_working {
            trader.position = Default::default();
            trader.cooldown = rules.cooldown_bars;
        }
        trader.position.partial_taken |= self.levels.has_taken_partial();
        let position = trader.position;
        self.levels.place(&position, &rules.exits, self.settings.decimals.scale(), desk);
    }

    fn context(&self, market: &Market<'_>) -> Context {
        let scale = self.settings.decimals.scale();
        let quantities = |side| {
            let mut top = [0.0; IMBALANCE_LEVELS];
            for (slot, level) in top.iter_mut().zip(market.book.levels(side)) {
                *slot = scale.quantity(level.quantity);
            }
            top
        };
        let touch = market.book.touch();
        let imbalance = |_| book_imbalance(&quantities(OrderSide::Buy), &quantities(OrderSide::Sell));
        Context {
            spread_bp: touch.map(|(bid, ask)| spread_bp(scale.price(bid.price), scale.price(ask.price))),
            book_imbalance: touch.map(imbalance),
            funding_bp_8h: market.funding_bp_8h,
            ..Context::default()
        }
    }

    fn leave(&mut self, lots: i64, reason: ExitReason, desk: &mut Desk) {
        if lots != 0 {
            let side = if lots > 0 { OrderSide::Sell } else { OrderSide::Buy };
            self.why = reason;
            self.exit = Some(desk.reduce(side, OrderKind::Market, 0, lots.saturating_abs(), reason));
        }
    }

    fn enter(&mut self, decision: &Decision, bar: &TimedBar, ends: bool, adds: bool, desk: &mut Desk) {
        let (scale, price) = (self.settings.decimals.scale(), bar.bar.close);
        let held = if ends { 0.0 } else { (scale.quantity(desk.account.position) * price).abs() };
        let input = SizingInput {
            equity: desk.account.equity(scale.ticks(price)).map_or(0.0, |equity| scale.money(equity)),
            open_notional: held,
            position_notional: held,
            price,
            stop_price: decision.stop_price,
            tier: decision.confidence,
        };
        let lots = self.settings.lots(&input);
        if lots <= 0 {
            desk.gates.no_size += 1;
            if !adds {
                self.decider.trader().position = Default::default();
            }
            return;
        }
        let side = if decision.entry() == Action::EnterLong { OrderSide::Buy } else { OrderSide::Sell };
        let id = desk.submit(side, OrderKind::Market, 0, lots, ExitReason::None);
        self.entry = Some(Entry { id, adds, filled: false });
    }
}

impl<D: Decider> TickStrategy for KernelTrader<'_, D> {
    fn on_bar(&mut self, bar: &TimedBar, market: &Market<'_>, desk: &mut Desk) -> u64 {
        let held = self.decider.trader().position.side;
        let is_working = self.entry.is_some() || self.exit.is_some();
        if held == Side::Flat && desk.account.position != 0 && !is_working {
            self.leave(desk.account.position, self.why, desk);
        }
        let decision = self.decider.on_bar(&bar.bar, &self.context(market));
        if decision.action == Action::None {
            desk.gates.count(0, bar.open_ns, &decision);
        }
        let mut ends = false;
        if decision.action.is_exit() {
            ends = decision.fraction >= 1.0;
            let part = self.ending(decision.fraction, desk);
            self.leave(part, decision.exit, desk);
        }
        let adds = decision.action.is_entry() && held != Side::Flat;
        // Nothing is added to what a resting order has ended already.
        let is_gone = adds && desk.account.position == 0 && self.has_resting_levels();
        if decision.entry() != Action::None && !is_gone {
            self.enter(&decision, bar, ends, adds, desk);
        }
        if self.has_resting_levels() {
            self.follow(desk);
        }
        decision.digest
    }

    fn on_report(&mut self, report: &Report, desk: &mut Desk) {
        if report.id == Report::FORCED_ID && desk.account.position == 0 {
            // Nothing is entered in this bar; the pause begins with the next.
            let cooldown = self.decider.rules().cooldown_bars.saturating_add(1);
            *self.decider.trader() = Trader { cooldown, ..Trader::default() };
        }
        let is_of_level = self.levels.on_report(report);
        if let Some(entry) = self.entry.as_mut().filter(|entry| entry.id == report.id) {
            if let Some((_, ticks, _)) = fill_of(report) {
                let begins = !entry.filled && !entry.adds;
                entry.filled = true;
                if begins && self.settings.fills.rules.anchor == Anchor::Fill {
                    let price = self.settings.decimals.scale().price(ticks);
                    let exits = self.decider.rules().exits;
                    self.decider.trader().position.anchor(&exits, price);
                }
            }
            if report.is_final() {
                if !entry.filled && !entry.adds {
                    self.decider.trader().position = Default::default();
                }
                self.entry = None;
            }
        } else if self.exit == Some(report.id) && report.is_final() {
            self.exit = None;
        }
        let is_filled = is_of_level && fill_of(report).is_some();
        if self.has_resting_levels() && (is_filled || (report.is_final() && !is_of_level)) {
            let position = self.decider.trader().position;
            let exits = self.decider.rules().exits;
            self.levels.place(&position, &exits, self.settings.decimals.scale(), desk);
        }
    }

    fn stop_price(&mut self) -> f64 {
        self.decider.trader().position.stop_price
    }

    fn on_initial(&mut self, side: Side, entry_price: f64, stop_price: f64) {
        self.decider.trader().set_position(side, entry_price, stop_price);
    }
}
