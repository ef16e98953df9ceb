//! A lane over stretches in which nothing happens. What may happen in a bar, for a run:
//!
//! | it is | what may happen |
//! |---|---|
//! | not quiet (an order waits, amounts are large, a number left its range) | anything: every bar is taken alone |
//! | flat | an entry, in the bars that `Swept::enter` names once warm-up and pause are over |
//! | holding | the signal's end (`Swept::leave`), what `Watch` watches for, the time stop, funding |
//!
//! Those bars go through `Run::step`, as in a run alone; the others pass at once, see `mesh_kernel::stretch`.

use core::ops::Range;

use mesh_kernel::Side;
use mesh_kernel::run::{Fill, Run, RunRules};
use mesh_kernel::strategy::{Input, StrategyParams};
use mesh_kernel::trader::TradeRules;

use crate::pyramid::Extremes;
use crate::swept::{Swept, View};

/// Bars in which the next signal is looked for ahead of the levels.
const AHEAD: usize = 512;

/// One configuration's way through bars.
pub(crate) struct Skip<'a, S: Swept> {
    pub(crate) view: View<'a>,
    pub(crate) params: &'a S::Params,
    pub(crate) rules: &'a RunRules,
    pub(crate) trade: TradeRules,
    /// First bar that may be decided on.
    pub(crate) warm: usize,
    /// The signal has a memory that counts.
    pub(crate) remembers: bool,
}

impl<'a, S: Swept> Skip<'a, S> {
    pub(crate) fn new(view: View<'a>, params: &'a S::Params, rules: &'a RunRules) -> Self {
        let warm = params.warm_up().saturating_sub(1) as usize;
        let remembers = S::remembers(params);
        Self { view, params, rules, trade: params.trade_rules(), warm, remembers }
    }

    /// Takes a run from one bar to another.
    pub(crate) fn advance(&self, run: &mut Run<S>, bars: Range<usize>, on_fill: &mut impl FnMut(&Fill)) {
        let mut at = bars.start;
        // The signal's memory is that before this bar.
        let mut known = at;
        while at < bars.end {
            let next = if self.view.history.fits() && run.is_quiet() { self.pass(run, at..bars.end) } else { at };
            if self.remembers {
                run.core.signal.remember(&self.view, self.params, known, next);
            }
            known = next;
            at = next;
            if at < bars.end {
                self.step(run, at, on_fill);
                at += 1;
                known = at;
            }
        }
    }

    fn step(&self, run: &mut Run<S>, at: usize, on_fill: &mut impl FnMut(&Fill)) {
        let history = self.view.history;
        let Some(bar) = history.bars().get(at) else { return };
        let features = S::features(bar, at, |slot, bar| self.view.value(slot, bar));
        let context = history.context(at);
        let input = Input { bar, features: &features, context: &context };
        run.step(self.params, self.rules, &input, history.settlement(at), history.ends_period(at), on_fill);
    }

    /// Passes over bars in which nothing happens; the first that may hold something.
    fn pass(&self, run: &mut Run<S>, bars: Range<usize>) -> usize {
        let mut closes = Extremes::NONE;
        let next = if run.is_flat() {
            let from = bars.start + run.core.trader.cooldown as usize;
            let next = self.next(from.max(self.warm)..bars.end, |word| S::enter(&self.view, self.params, word));
            run.pass((next - bars.start) as u32, None);
            next
        } else {
            self.hold(run, bars.clone(), &mut closes)
        };
        if next > bars.start {
            self.mark(run, bars.start..next, &closes);
        }
        next
    }

    /// The first bar of a range whose bit is set; the range's end where none is.
    #[inline]
    fn next(&self, bars: Range<usize>, word: impl Fn(usize) -> u64) -> usize {
        let mut at = bars.start;
        while at < bars.end {
            let bits = word(at / 64) >> (at % 64);
            if bits != 0 {
                return (at + bits.trailing_zeros() as usize).min(bars.end);
            }
            at = (at / 64 + 1) * 64;
        }
        bars.end
    }

    fn hold(&self, run: &mut Run<S>, bars: Range<usize>, closes: &mut Extremes) -> usize {
        let history = self.view.history;
        let Some(mut watch) = run.watch(&self.trade) else { return bars.start };
        let side = if watch.is_short() { Side::Short } else { Side::Long };
        let mut end = bars.end.min(bars.start.saturating_add(watch.bars_left() as usize));
        if run.account.position != 0 {
            end = history.next_settlement(bars.start).min(end);
        }
        let mut at = bars.start;
        while at < end {
            let ahead = end.min((at / AHEAD + 1) * AHEAD);
            let signal = self.next(at..ahead, |word| S::leave(&self.view, self.params, side, word));
            at = history.pyramid().walk(&mut watch, history.bars(), at..signal, closes);
            if at < ahead {
                break;
            }
        }
        run.pass((at - bars.start) as u32, Some(&watch));
        at
    }

    /// Marks the books at the closes of bars without a fill.
    fn mark(&self, run: &mut Run<S>, bars: Range<usize>, closes: &Extremes) {
        let history = self.view.history;
        let ends = history.period_ends_in(bars.clone());
        if run.account.position == 0 {
            run.mark_rest(self.rules, bars.len() as u32, ends.len() as u32);
            return;
        }
        for end in ends {
            run.end_period(self.rules, history.close(*end as usize));
        }
        self.mark_closes(run, bars, closes);
    }

    fn mark_closes(&self, run: &mut Run<S>, bars: Range<usize>, closes: &Extremes) {
        let (history, scale) = (self.view.history, self.view.history.scale());
        let range = [scale.ticks(closes.bottom), scale.ticks(closes.top)];
        if !run.mark_stretch(bars.len() as u32, range, history.close(bars.end - 1)) {
            let middle = bars.start + bars.len() / 2;
            for half in [bars.start..middle, middle..bars.end] {
                self.mark_closes(run, half.clone(), &history.extremes(half));
            }
        }
    }
}
