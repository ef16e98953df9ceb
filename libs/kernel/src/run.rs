//! One strategy on one instrument over bars: decisions, fills, costs and the books, in a few hundred bytes. The
//! sweep runs thousands of these beside each other, on the CPU and, compiled from this same file, on the GPU.
//!
//! In each bar, in this order:
//! 1. Funding that settles at the bar's start is paid on what is held.
//! 2. Market orders that the bar before decided on are filled at the open: exit, then entry.
//! 3. A position whose liquidation price the bar touches is closed there, unless its stop rests nearer.
//! 4. The strategy decides on the closed bar. Levels that it touched are filled inside the bar.
//! 5. Market orders that fill at the close are filled.
//! 6. The books are marked at the close.
//!
//! Not here: several symbols that share capital, resting orders in books, the conventions of other programs
//! (`libs/backtest`).

mod stretch;

pub use stretch::MAX_TICKS;

use crate::account::{Account, Booked, Money, Overflow, Scale, notional};
use crate::bar::Bar;
use crate::decision::{Action, Decision, Side};
use crate::digest::Digest;
use crate::exits::ExitReason;
use crate::fills::{Anchor, Costs, FillRules, Levels, Liquidity, Market};
use crate::math::{abs, max, ratio};
use crate::returns::Returns;
use crate::sizing::{Margin, SizingInput, SizingRules, forced_price};
use crate::strategy::{Core, Input, Strategy, Terms};
use crate::trader::Trader;
use crate::wide::to_f64;

/// What surrounds a strategy in a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunRules {
    /// Where orders are filled.
    pub fills: FillRules,
    /// What trading costs.
    pub costs: Costs,
    /// How much is entered with.
    pub sizing: SizingRules,
    /// When positions are closed by force.
    pub margin: Margin,
    /// Ticks and lots of the instrument.
    pub scale: Scale,
    /// Cash at the beginning, in the quote currency.
    pub initial_cash: f64,
}

/// Funding that settles at the start of a bar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct Settlement {
    /// Rate, 1e-8ths: positive where longs pay.
    pub rate: i64,
    /// Mark price that it is paid on.
    pub mark_price: f64,
}

/// A closed bar, and what falls due with it.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The bar.
    pub bar: &'a Bar,
    /// Funding that settles at its start.
    pub settlement: Option<&'a Settlement>,
    /// It ends a period whose return is taken.
    pub ends_period: bool,
}

/// An order that was filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// Number of the bar, from 0.
    pub bar: u32,
    /// Lots, negative for sold.
    pub quantity: i64,
    /// Price, in ticks.
    pub price: i64,
    /// What it did to the books.
    pub booked: Booked,
    /// Why, where it ends a position.
    pub exit: ExitReason,
    /// Lots held afterwards.
    pub position: i64,
}

/// What came of a run. Two paths that make the same run have the same summary, to the last bit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Bars, bad ones left out.
    pub bars: u32,
    /// Bars that ended with a position.
    pub bars_held: u32,
    /// Trades that ended: from flat to flat, or to the other side.
    pub trades: u32,
    /// Those that gained, after all costs.
    pub wins: u32,
    /// Sum of the gains of those.
    pub gained: Money,
    /// Sum of the losses of the others, positive.
    pub lost: Money,
    /// Notional of all fills.
    pub turnover: Money,
    /// Fees paid.
    pub fees: Money,
    /// Funding paid; negative where received.
    pub funding: Money,
    /// Equity at the last close.
    pub equity: Money,
    /// Highest equity at a close.
    pub peak: Money,
    /// Largest fall of equity from a peak, at closes, of that peak.
    pub drawdown: f64,
    /// Returns of whole periods.
    pub returns: Returns,
    /// Entries that the sizing refused.
    pub refused: u32,
    /// Positions that the venue closed by force.
    pub liquidations: u32,
    /// Bars that could not be booked: a number left its range. Anything but 0 makes the rest worthless.
    pub overflows: u32,
    /// Digest of every fill: two paths with the same digest made the same trades.
    pub digest: u64,
}

/// A market order that waits for the next open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Waiting {
    /// Part of the position to close; 0 for none.
    fraction: f64,
    exit: ExitReason,
    /// Lots to enter, negative to sell; 0 for none.
    quantity: i64,
}

/// A run under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run<S> {
    /// The strategy, without its indicators.
    pub core: Core<S>,
    /// The books.
    pub account: Account,
    /// What came of it so far, less what `summary` adds.
    tally: Summary,
    waiting: Waiting,
    /// Cash before the open trade.
    cash_before: Money,
    /// Lowest equity at a close since the peak.
    trough: Money,
    /// Where the position is closed by force; 0 for nowhere.
    liquidation_price: f64,
}

impl Waiting {
    #[inline]
    fn is_none(&self) -> bool {
        self.fraction == 0.0 && self.quantity == 0
    }
}

impl<S: Strategy> Run<S> {
    /// Before the first bar.
    #[must_use]
    pub fn new(rules: &RunRules) -> Self {
        let cash = rules.scale.money_of(rules.initial_cash);
        let returns = Returns::new(rules.scale.money(cash));
        let digest = Digest::new().finish();
        let tally = Summary { equity: cash, peak: cash, returns, digest, ..Summary::default() };
        let (core, account, waiting) = (Core::default(), Account::new(cash), Waiting::default());
        Self { core, account, tally, waiting, cash_before: cash, trough: cash, liquidation_price: 0.0 }
    }

    /// What came of it so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let (fees, funding, drawdown) = (self.account.fees, self.account.funding, self.drawdown());
        Summary { fees, funding, drawdown, ..self.tally }
    }

    /// Takes a closed bar with its features; each fill goes to `on_fill`. A bar that is not valid is left out, so a
    /// period must end (`ends_period`) with its last valid one.
    pub fn step(
        &mut self,
        params: &S::Params,
        rules: &RunRules,
        input: &Input<'_, S::Features>,
        settlement: Option<&Settlement>,
        ends_period: bool,
        on_fill: &mut impl FnMut(&Fill),
    ) {
        if !input.bar.is_valid() {
            return;
        }
        let moment = Moment { bar: input.bar, settlement, ends_period };
        self.step_by(&Terms::of(params), rules, &moment, on_fill, |core| core.act(params, input));
    }

    /// The same for a bar that is known to be valid, with the decision of a function.
    #[inline]
    pub fn step_by(
        &mut self,
        terms: &Terms<'_, S::Params>,
        rules: &RunRules,
        moment: &Moment<'_>,
        on_fill: &mut impl FnMut(&Fill),
        decide: impl FnOnce(&mut Core<S>) -> Decision,
    ) {
        if let Err(Overflow) = self.try_step(terms, rules, moment, on_fill, decide) {
            self.tally.overflows = self.tally.overflows.saturating_add(1);
        }
    }

    #[inline]
    fn try_step(
        &mut self,
        terms: &Terms<'_, S::Params>,
        rules: &RunRules,
        moment: &Moment<'_>,
        on_fill: &mut impl FnMut(&Fill),
        decide: impl FnOnce(&mut Core<S>) -> Decision,
    ) -> Result<(), Overflow> {
        let bar = moment.bar;
        if let Some(settlement) = moment.settlement
            && self.account.position != 0
        {
            self.account.pay_funding(rules.scale.ticks(settlement.mark_price), settlement.rate)?;
        }
        if !self.waiting.is_none() {
            self.fill_waiting(terms, rules, bar.open, on_fill)?;
        }
        if self.liquidation_price > 0.0 {
            self.liquidate(terms, rules, bar, on_fill)?;
        }
        let held = self.core.trader.position.side;
        let decision = decide(&mut self.core);
        if decision.action != Action::None {
            self.order(rules, bar, held, &decision, on_fill)?;
            if rules.fills.market == Market::Close && !self.waiting.is_none() {
                self.fill_waiting(terms, rules, bar.close, on_fill)?;
            }
        }
        self.mark(rules, bar.close)?;
        if moment.ends_period {
            self.tally.returns.close(rules.scale.money(self.tally.equity));
        }
        Ok(())
    }

    /// The venue closes a position whose margin is gone, before a stop that rests further away.
    fn liquidate(
        &mut self,
        terms: &Terms<'_, S::Params>,
        rules: &RunRules,
        bar: &Bar,
        on_fill: &mut impl FnMut(&Fill),
    ) -> Result<(), Overflow> {
        let position = self.account.position;
        let side = if position > 0 { Side::Long } else { Side::Short };
        let rests = rules.fills.levels == Levels::Inside;
        let stop = if rests { self.core.trader.position.stop_price } else { 0.0 };
        let Some(price) = forced_price(side, self.liquidation_price, stop, bar) else { return Ok(()) };
        let quantity = position.checked_neg().ok_or(Overflow)?;
        self.trade(rules, price, quantity, ExitReason::Liquidation, Liquidity::Taker, on_fill)?;
        self.tally.liquidations = self.tally.liquidations.saturating_add(1);
        // Nothing is entered in this bar; the pause begins with the next.
        let cooldown = terms.trade.cooldown_bars.saturating_add(1);
        self.core.trader = Trader { cooldown, ..Trader::default() };
        Ok(())
    }

    /// Fills levels at once and leaves the rest waiting.
    fn order(
        &mut self,
        rules: &RunRules,
        bar: &Bar,
        held: Side,
        decision: &Decision,
        on_fill: &mut impl FnMut(&Fill),
    ) -> Result<(), Overflow> {
        if decision.action.is_exit() {
            if decision.exit_price > 0.0 && rules.fills.levels == Levels::Inside {
                let price = rules.fills.level_price(held, decision.exit, decision.exit_price, bar);
                let liquidity = rules.costs.liquidity(decision.exit);
                self.close(rules, price, decision.fraction, decision.exit, liquidity, on_fill)?;
            } else {
                self.waiting.fraction = decision.fraction;
                self.waiting.exit = decision.exit;
            }
        }
        let entry = decision.entry();
        if !entry.is_entry() {
            return Ok(());
        }
        let lots = self.entry_lots(rules, bar.close, decision)?;
        if lots == 0 {
            self.tally.refused = self.tally.refused.saturating_add(1);
            // An addition that is refused leaves the position; an entry leaves none.
            if held == Side::Flat || decision.then.is_entry() {
                self.core.trader.set_position(Side::Flat, 0.0, 0.0);
            }
        }
        self.waiting.quantity = if entry == Action::EnterLong { lots } else { -lots };
        Ok(())
    }

    fn entry_lots(&self, rules: &RunRules, price: f64, decision: &Decision) -> Result<i64, Overflow> {
        let ticks = rules.scale.ticks(price);
        // What a reversal closes first is no exposure beside it.
        let held_notional = match self.account.position {
            0 => 0.0,
            _ if decision.action.is_exit() => 0.0,
            held => abs(rules.scale.money(notional(ticks, held)?)),
        };
        let size = rules.sizing.size(&SizingInput {
            equity: rules.scale.money(self.account.equity(ticks)?),
            open_notional: held_notional,
            position_notional: held_notional,
            price,
            stop_price: decision.stop_price,
            tier: decision.confidence,
        });
        Ok(rules.scale.lots(size.notional / price))
    }

    /// Fills what waits at a price.
    fn fill_waiting(
        &mut self,
        terms: &Terms<'_, S::Params>,
        rules: &RunRules,
        price: f64,
        on_fill: &mut impl FnMut(&Fill),
    ) -> Result<(), Overflow> {
        let waiting = core::mem::take(&mut self.waiting);
        if waiting.fraction > 0.0 {
            self.close(rules, price, waiting.fraction, waiting.exit, Liquidity::Taker, on_fill)?;
        }
        if waiting.quantity == 0 {
            return Ok(());
        }
        let opens = self.account.position == 0;
        let filled = self.trade(rules, price, waiting.quantity, ExitReason::None, Liquidity::Taker, on_fill)?;
        if opens && rules.fills.anchor == Anchor::Fill {
            self.core.trader.position.anchor(&terms.trade.exits, filled);
        }
        Ok(())
    }

    fn close(
        &mut self,
        rules: &RunRules,
        price: f64,
        fraction: f64,
        exit: ExitReason,
        liquidity: Liquidity,
        on_fill: &mut impl FnMut(&Fill),
    ) -> Result<(), Overflow> {
        let position = self.account.position;
        let part = if fraction >= 1.0 { position } else { (position as f64 * fraction) as i64 };
        if part != 0 {
            self.trade(rules, price, -part, exit, liquidity, on_fill)?;
        }
        Ok(())
    }

    /// Books a fill; its price.
    fn trade(
        &mut self,
        rules: &RunRules,
        price: f64,
        quantity: i64,
        exit: ExitReason,
        liquidity: Liquidity,
        on_fill: &mut impl FnMut(&Fill),
    ) -> Result<f64, Overflow> {
        let is_buy = quantity > 0;
        let amount = abs(rules.scale.quantity(quantity)) * price;
        let slipped = rules.costs.slipped(price, is_buy, amount, liquidity);
        let ticks = rules.scale.ticks_against(slipped, is_buy);
        let was = self.account.position;
        let traded = notional(ticks, quantity)?;
        let forced = if exit == ExitReason::Liquidation { rules.margin.fee_rate } else { 0 };
        let fee_rate = rules.costs.fee_rate(liquidity).saturating_add(forced);
        let booked = self.account.fill(quantity, ticks, fee_rate)?;
        self.tally.turnover = self.tally.turnover.saturating_add(traded.saturating_abs());
        let position = self.account.position;
        if was != 0 && position == 0 {
            self.end_trade();
        }
        if rules.margin.leverage > 0.0 {
            self.liquidation_price = rules.margin.level_of(&self.account, &rules.scale);
        }
        let fill = Fill { bar: self.tally.bars, quantity, price: ticks, booked, exit, position };
        self.tally.digest = fill.digest_into(Digest::new().u64(self.tally.digest)).finish();
        on_fill(&fill);
        Ok(rules.scale.price(ticks))
    }

    fn end_trade(&mut self) {
        let gain = self.account.cash - self.cash_before;
        self.cash_before = self.account.cash;
        let tally = &mut self.tally;
        tally.trades = tally.trades.saturating_add(1);
        if gain > 0 {
            tally.wins = tally.wins.saturating_add(1);
            tally.gained = tally.gained.saturating_add(gain);
        } else {
            tally.lost = tally.lost.saturating_sub(gain);
        }
    }

    #[inline]
    fn mark(&mut self, rules: &RunRules, close: f64) -> Result<(), Overflow> {
        // Without a position there is nothing to value, and mostly nothing has changed.
        if self.account.position == 0 && self.account.cash == self.tally.equity {
            self.tally.bars = self.tally.bars.saturating_add(1);
            return Ok(());
        }
        let equity = match self.account.position {
            0 => self.account.cash,
            _ => self.account.equity(rules.scale.ticks(close))?,
        };
        if equity > self.tally.peak {
            self.tally.drawdown = self.drawdown();
            (self.tally.peak, self.trough) = (equity, equity);
        } else if equity < self.trough {
            self.trough = equity;
        }
        let tally = &mut self.tally;
        tally.equity = equity;
        tally.bars = tally.bars.saturating_add(1);
        tally.bars_held = tally.bars_held.saturating_add(u32::from(self.account.position != 0));
        Ok(())
    }

    /// The largest fall, that from the last peak included.
    fn drawdown(&self) -> f64 {
        let fall = to_f64(self.tally.peak.saturating_sub(self.trough));
        max(self.tally.drawdown, ratio(fall, to_f64(self.tally.peak), 0.0))
    }
}

impl Fill {
    fn digest_into(&self, digest: Digest) -> Digest {
        let digest = digest.u64(u64::from(self.bar) << 8 | self.exit as u64);
        let digest = digest.u64(self.quantity as u64).u64(self.price as u64).u64(self.position as u64);
        digest.u64(self.booked.realised as u64).u64(self.booked.fee as u64)
    }
}
