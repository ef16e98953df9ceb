//! A run over stretches in which nothing happens; see [`crate::stretch`].

use super::{Run, RunRules};
use crate::account::{Account, Money, RATE_ONE};
use crate::decision::Side;
use crate::math::{max, ratio};
use crate::strategy::Strategy;
use crate::stretch::Watch;
use crate::trader::TradeRules;
use crate::wide::to_f64;

/// Lots, ticks and money within these can't leave their range in a stretch, and money as `f64` rises with money.
const MAX_LOTS: u64 = 1 << 44;
/// Ticks of closes, at most: what the caller of [`Run::mark_stretch`] sees to.
pub const MAX_TICKS: i64 = 1 << 45;
/// A power of two: two amounts are below it where their bits together are.
const MAX_MONEY: u128 = 1 << 110;

/// Equity at a close is a straight line while nothing is traded.
#[derive(Clone, Copy)]
struct Line {
    base: Money,
    slope: Money,
}

impl Line {
    fn of(account: &Account) -> Self {
        Self { base: account.cash - account.cost, slope: i128::from(account.position) * i128::from(RATE_ONE) }
    }

    #[inline]
    fn at(&self, ticks: i64) -> Money {
        // Far within i128, see the limits above.
        self.base.wrapping_add(self.slope.wrapping_mul(i128::from(ticks)))
    }
}

impl<S: Strategy> Run<S> {
    /// True where the next bar need not be taken alone: no order waits, nothing is held unwatched, and amounts are far from their limits.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.waiting.is_none()
            && (self.core.trader.position.side != Side::Flat || self.account.position == 0)
            && self.tally.overflows == 0
            && self.tally.peak > 0
            && self.account.position.unsigned_abs() < MAX_LOTS
            && self.account.cash.unsigned_abs() | self.account.cost.unsigned_abs() < MAX_MONEY
    }

    /// How the position watches for its next event; `None` where there is none, or every bar counts.
    #[must_use]
    pub fn watch(&self, rules: &TradeRules) -> Option<Watch> {
        Watch::new(&self.core.trader.position, rules, self.liquidation_price)
    }

    /// The strategy's side of `bars` bars in which nothing happened, `watch` brought past them.
    pub fn pass(&mut self, bars: u32, watch: Option<&Watch>) {
        self.core.bars = self.core.bars.saturating_add(bars);
        match watch {
            Some(watch) => watch.apply(&mut self.core.trader.position, bars),
            None => self.core.trader.rest(bars),
        }
    }

    /// True where no stop, target or addition of a position is at hand: only a signal matters.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.core.trader.position.side == Side::Flat
    }

    /// Marks the books at `bars` closes, the last of them given, without a position. `periods` of them end one.
    pub fn mark_rest(&mut self, rules: &RunRules, bars: u32, periods: u32) {
        self.tally.bars = self.tally.bars.saturating_add(bars);
        if periods > 0 {
            self.tally.returns.close(rules.scale.money(self.tally.equity));
            self.tally.returns.pass(periods - 1);
        }
    }

    /// Marks the books at `bars` closes within a range, with the position as it is; false, and nothing changes, where
    /// that is too little to tell their largest fall: take fewer. One close never fails.
    #[must_use]
    pub fn mark_stretch(&mut self, bars: u32, [lowest, highest]: [i64; 2], last: i64) -> bool {
        let line = Line::of(&self.account);
        let (a, b) = (line.at(lowest), line.at(highest));
        let (low, high) = if line.slope >= 0 { (a, b) } else { (b, a) };
        if high > self.tally.peak {
            let settled = self.drawdown();
            // No fall among them is larger than from the highest to the lowest, of a peak that is no lower than this.
            if bars > 1 && ratio(to_f64(high - low), to_f64(self.tally.peak), 0.0) > settled {
                return false;
            }
            self.tally.drawdown = max(self.tally.drawdown, settled);
            // What fell since the new peak is no larger than what is settled: only a later low can count.
            (self.tally.peak, self.trough) = (high, high);
        } else {
            self.trough = self.trough.min(low);
        }
        self.tally.equity = line.at(last);
        self.tally.bars = self.tally.bars.saturating_add(bars);
        if self.account.position != 0 {
            self.tally.bars_held = self.tally.bars_held.saturating_add(bars);
        }
        true
    }

    /// A period ends at a close, with the position as it is.
    pub fn end_period(&mut self, rules: &RunRules, close: i64) {
        self.tally.returns.close(rules.scale.money(Line::of(&self.account).at(close)));
    }
}
