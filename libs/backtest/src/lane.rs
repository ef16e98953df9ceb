//! One symbol in a run: its strategy, its position, what waits to be filled.
//!
//! A bar is taken in three steps. `open_bar`: funding that fell due, then what waited for the open. `decide`: the
//! strategy sees the closed bar; levels that it touched are filled inside, the rest waits; what it wants to enter is
//! handed to the engine, which ranks it with the other symbols'. `close_bar`: what waits for the close.

use mesh_kernel::account::{Money, Overflow, notional};
use mesh_kernel::exits::Position;
use mesh_kernel::fills::{Anchor, Levels, Liquidity, Market};
use mesh_kernel::indicators::market::funding_bp_8h;
use mesh_kernel::sizing::forced_price;
use mesh_kernel::trader::Trader;
use mesh_kernel::{Action, Bar, Context, Decision, ExitReason, Side};

use crate::data::{Series, TimedBar};
use crate::engine::Settings;
use crate::fills::{Turn, rate_of_bp};
use crate::inputs;
use crate::ledger::{At, Books, Order, Trade};
use crate::strategy::Decider;
use crate::watch::Watch;

const HOUR_NS: f64 = 3_600e9;

/// What waits for the close, or for the next open.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    exit: Option<(ExitReason, f64)>,
    /// Lots to enter, negative to sell; 0 for none.
    entry: i64,
    /// The old position with the levels it has in the next bar, where a turn waits.
    turned_from: Option<Position>,
}

/// An entry that its strategy wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) side: Side,
    pub(crate) decision: Decision,
    /// An addition to a position that is held.
    pub(crate) adds: bool,
    /// What the strategy held before it decided.
    before: Trader,
}

/// One symbol.
#[derive(Debug)]
pub(crate) struct Lane<'a, D> {
    pub(crate) series: &'a Series,
    pub(crate) watch: Watch,
    pub(crate) books: Books,
    /// Last close, ticks: what the position is valued at.
    pub(crate) mark: i64,
    pub(crate) decider: D,
    /// Digest of each bar's decision.
    pub(crate) digests: Vec<u64>,
    pub(crate) trades: Vec<Trade>,
    funding_bp_8h: Option<f64>,
    /// Inputs that are given, a value a bar.
    inputs: [Vec<f64>; inputs::NAMES.len()],
    settings: &'a Settings,
    interval_ns: u64,
    symbol: usize,
    next_bar: usize,
    next_funding: usize,
    pending: Pending,
    /// The position began at the open of the bar in hand.
    began_now: bool,
}

impl<'a, D: Decider> Lane<'a, D> {
    pub(crate) fn new(symbol: usize, series: &'a Series, settings: &'a Settings, interval_ns: u64, decider: D) -> Self {
        let first = series.bars.iter().find(|timed| timed.bar.is_valid());
        Self {
            series,
            watch: Watch::default(),
            books: Books::default(),
            mark: first.map_or(0, |first| settings.decimals.scale().ticks(first.bar.open)),
            decider,
            digests: Vec::with_capacity(series.bars.len()),
            trades: Vec::new(),
            funding_bp_8h: None,
            inputs: settings.inputs.columns(&series.inputs, &series.bars, interval_ns),
            settings,
            interval_ns,
            symbol,
            next_bar: 0,
            next_funding: 0,
            pending: Pending::default(),
            began_now: false,
        }
    }

    /// The bar that comes next.
    pub(crate) fn next(&self) -> Option<&'a TimedBar> {
        self.series.bars.get(self.next_bar)
    }

    /// What is known beside the next bar at its close.
    pub(crate) fn context(&self, shared: &Context) -> Context {
        inputs::known(&self.inputs, self.next_bar, &Context { funding_bp_8h: self.funding_bp_8h, ..*shared })
    }

    /// Funding, then what waited for this open. A bar that can't be used fills nothing: what waits goes on waiting.
    pub(crate) fn open_bar(&mut self, timed: &TimedBar) -> Result<(), Overflow> {
        self.began_now = false;
        if !timed.bar.is_valid() {
            return Ok(());
        }
        self.settle_funding(timed)?;
        self.watch.update(&timed.bar);
        let mut pending = core::mem::take(&mut self.pending);
        if let Some(old) = pending.turned_from.filter(|_| self.settings.fills.turn == Turn::LevelsFirst)
            && self.ends_before_turn(old, timed)?
        {
            pending = Pending::default();
        }
        self.fill(pending, timed.bar.open, At { time_ns: timed.open_ns, bar: self.next_bar })?;
        self.liquidate(timed)
    }

    /// The venue closes a position whose margin is gone, before a stop that rests further away: as a run of the kernel.
    fn liquidate(&mut self, timed: &TimedBar) -> Result<(), Overflow> {
        let (margin, rules) = (self.settings.margin, self.settings.fills.rules);
        let level = margin.level_of(&self.books.account, self.settings.decimals.scale());
        let rests = rules.levels == Levels::Inside && !self.levels_hidden();
        let stop = if rests { self.decider.trader().position.stop_price } else { 0.0 };
        let Some(price) = forced_price(self.books.side(), level, stop, &timed.bar) else { return Ok(()) };
        let at = At { time_ns: timed.open_ns, bar: self.next_bar };
        self.exit(ExitReason::Liquidation, 1.0, price, Liquidity::Taker, at)?;
        // Nothing is entered in this bar; the pause begins with the next.
        let cooldown = self.decider.rules().cooldown_bars.saturating_add(1);
        *self.decider.trader() = Trader { cooldown, ..Trader::default() };
        Ok(())
    }

    /// What was decided on this bar is filled at its close, where that is the rule.
    pub(crate) fn close_bar(&mut self, timed: &TimedBar) -> Result<(), Overflow> {
        if self.settings.fills.rules.market != Market::Close {
            return Ok(());
        }
        let pending = core::mem::take(&mut self.pending);
        let time_ns = timed.open_ns.saturating_add(self.interval_ns);
        self.fill(pending, timed.bar.close, At { time_ns, bar: self.next_bar.saturating_sub(1) })
    }

    fn fill(&mut self, pending: Pending, price: f64, at: At) -> Result<(), Overflow> {
        if let Some((reason, fraction)) = pending.exit {
            self.exit(reason, fraction, price, Liquidity::Taker, at)?;
        }
        if pending.entry != 0 {
            self.enter(pending.entry, price, at)?;
        }
        Ok(())
    }

    fn settle_funding(&mut self, timed: &TimedBar) -> Result<(), Overflow> {
        let funding = &self.series.funding;
        while let Some(due) = funding.get(self.next_funding).filter(|due| due.time_ns <= timed.open_ns) {
            let before = self.next_funding.checked_sub(1).and_then(|i| funding.get(i));
            let hours = before.map_or(8.0, |before| (due.time_ns - before.time_ns) as f64 / HOUR_NS);
            self.funding_bp_8h = Some(funding_bp_8h(due.rate, hours));
            let mark = self.settings.decimals.scale().ticks(timed.bar.open);
            self.books.settle(mark, rate_of_bp(due.rate * 1e4))?;
            self.next_funding += 1;
        }
        Ok(())
    }

    /// A turn waits, but the old position's levels come first: true where they end it, and the turn with it.
    fn ends_before_turn(&mut self, mut old: Position, timed: &TimedBar) -> Result<bool, Overflow> {
        let side = old.side;
        let exit = old.on_bar(&self.decider.rules().exits, &timed.bar);
        if !matches!(exit.reason, ExitReason::Stop | ExitReason::Target) {
            return Ok(false);
        }
        let price = self.settings.fills.rules.level_price(side, exit.reason, exit.price, &timed.bar);
        let at = At { time_ns: timed.open_ns, bar: self.next_bar };
        self.exit(exit.reason, 1.0, price, self.settings.costs.liquidity(exit.reason), at)?;
        self.decider.trader().position = Position::default();
        Ok(true)
    }

    /// The strategy's decision on the closed bar, and the entry that it wants.
    pub(crate) fn decide(
        &mut self,
        timed: &TimedBar,
        context: &Context,
    ) -> Result<(Decision, Option<Wanted>), Overflow> {
        let (bar, rules) = (&timed.bar, self.settings.fills.rules);
        let before = *self.decider.trader();
        let decision = if self.levels_hidden() {
            self.decide_without_levels(bar, context)
        } else {
            self.decider.on_bar(bar, context)
        };
        self.digests.push(decision.digest);
        if bar.is_valid() {
            self.mark = self.settings.decimals.scale().ticks(bar.close);
        }
        let inside = At { time_ns: timed.open_ns, bar: self.next_bar };
        self.next_bar += 1;
        if decision.action.is_exit() {
            let (reason, fraction) = (decision.exit, decision.fraction);
            if decision.exit_price > 0.0 && rules.levels == Levels::Inside {
                let price = rules.level_price(before.position.side, reason, decision.exit_price, bar);
                self.exit(reason, fraction, price, self.settings.costs.liquidity(reason), inside)?;
            } else {
                self.pending.exit = Some((reason, fraction));
                let turned = reason == ExitReason::Signal;
                self.pending.turned_from = turned.then(|| self.next_levels(before.position, bar));
            }
        }
        let side = match decision.entry() {
            Action::EnterLong => Side::Long,
            Action::EnterShort => Side::Short,
            _ => return Ok((decision, None)),
        };
        let adds = decision.action.is_entry() && before.position.side == side;
        Ok((decision, Some(Wanted { side, decision, adds, before })))
    }

    /// True in the bar at whose open the position was entered, where its levels are not watched there.
    const fn levels_hidden(&self) -> bool {
        self.began_now && !self.settings.fills.entry_bar_levels
    }

    /// What the levels of a position are after a bar that did not end it.
    fn next_levels(&self, mut position: Position, bar: &Bar) -> Position {
        if !self.levels_hidden() {
            // An end here would have been the decision, and a partial one changes no level.
            position.on_bar(&self.decider.rules().exits, bar);
        }
        position
    }

    /// Levels hidden for one bar, that at whose open the position was entered.
    fn decide_without_levels(&mut self, bar: &Bar, context: &Context) -> Decision {
        let kept = self.decider.trader().position;
        let hidden = Position { stop_price: 0.0, target_price: 0.0, partial_taken: true, ..kept };
        self.decider.trader().position = hidden;
        let decision = self.decider.on_bar(bar, context);
        let position = &mut self.decider.trader().position;
        if position.side == kept.side && !decision.action.is_exit() {
            *position = Position { adds: position.adds, last_entry_price: position.last_entry_price, ..kept };
        }
        decision
    }

    /// The wanted entry is taken.
    pub(crate) const fn accept(&mut self, lots: i64) {
        self.pending.entry = lots;
    }

    /// The wanted entry is not taken: the strategy learns what it holds in truth.
    pub(crate) fn refuse(&mut self, wanted: &Wanted) {
        let position = &mut self.decider.trader().position;
        if wanted.adds {
            position.adds = wanted.before.position.adds;
            position.last_entry_price = wanted.before.position.last_entry_price;
        } else {
            *position = Position::default();
        }
    }

    fn enter(&mut self, lots: i64, price: f64, at: At) -> Result<(), Overflow> {
        let begins = self.books.account.position == 0;
        if begins {
            (self.books.began, self.books.regime) = (at, self.watch.regime);
            self.began_now = self.settings.fills.rules.market == Market::NextOpen;
        }
        let order = Order { lots, price, liquidity: Liquidity::Taker, at };
        let filled = self.books.enter(&self.settings.costs, &self.settings.decimals, &order)?;
        if begins {
            self.place_levels(filled);
        }
        Ok(())
    }

    /// Stop and target of a position that was filled just now.
    fn place_levels(&mut self, filled: f64) {
        let (exits, step) = (self.decider.rules().exits, self.settings.level_step);
        let position = &mut self.decider.trader().position;
        if self.settings.fills.rules.anchor == Anchor::Fill {
            position.anchor(&exits, filled);
        }
        if step > 0.0 {
            position.stop_price = (position.stop_price / step).round() * step;
            position.target_price = (position.target_price / step).round() * step;
        }
    }

    fn exit(
        &mut self,
        reason: ExitReason,
        fraction: f64,
        price: f64,
        liquidity: Liquidity,
        at: At,
    ) -> Result<(), Overflow> {
        let position = self.books.account.position;
        let part = if fraction >= 1.0 { position } else { (position as f64 * fraction) as i64 };
        if part != 0 {
            let order = Order { lots: part.checked_neg().ok_or(Overflow)?, price, liquidity, at };
            let mut costs = self.settings.costs;
            if reason == ExitReason::Liquidation {
                costs.taker_fee_rate = costs.taker_fee_rate.saturating_add(self.settings.margin.fee_rate);
            }
            let trade = self.books.exit(self.symbol, reason, &costs, &self.settings.decimals, &order)?;
            self.trades.push(trade);
        }
        Ok(())
    }

    /// True where a position is held that no waiting order ends, or one waits to be entered.
    pub(crate) const fn is_taken(&self) -> bool {
        self.pending.entry != 0 || !(self.books.account.position == 0 || self.ends_soon())
    }

    /// Notional that is held and stays, at the mark.
    pub(crate) fn staying_notional(&self) -> Result<Money, Overflow> {
        if self.ends_soon() { Ok(0) } else { self.gross() }
    }

    /// Notional that is held, at the mark.
    pub(crate) fn gross(&self) -> Result<Money, Overflow> {
        Ok(notional(self.mark, self.books.account.position)?.saturating_abs())
    }

    const fn ends_soon(&self) -> bool {
        matches!(self.pending.exit, Some((_, fraction)) if fraction >= 1.0)
    }
}
