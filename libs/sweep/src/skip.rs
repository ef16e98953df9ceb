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
use mesh_kernel::run::{Fill, Moment, Run, RunRules};
use mesh_kernel::strategy::Terms;

use crate::past::Calendar;
use crate::pyramid::{Extremes, Pyramid};
use crate::swept::{Swept, View};

/// Bars in which the next signal is looked for ahead of the levels.
const AHEAD: usize = 512;

/// One configuration's way through bars.
#[derive(Debug)]
pub struct Skip<'a, S: Swept> {
    view: View<'a>,
    terms: Terms<'a, S::Params>,
    rules: &'a RunRules,
    /// First bar that may be decided on.
    warm: usize,
    /// The signal has a memory that counts.
    remembers: bool,
}

impl<'a, S: Swept> Skip<'a, S> {
    /// Over a history, or a part of one.
    #[must_use]
    pub fn new(view: View<'a>, params: &'a S::Params, rules: &'a RunRules) -> Self {
        let warm = view.past.warm(params);
        let remembers = S::remembers(params);
        Self { view, terms: Terms::of(params), rules, warm, remembers }
    }

    /// Takes a run from one bar to another.
    pub fn advance(&self, run: &mut Run<S>, bars: Range<usize>, on_fill: &mut impl FnMut(&Fill)) {
        let mut at = bars.start;
        let mut calendar = self.view.past.calendar(at);
        // The signal's memory is that before this bar.
        let mut known = at;
        while at < bars.end {
            let next =
                if self.view.past.fits && run.is_quiet() { self.pass(run, at..bars.end, &mut calendar) } else { at };
            if self.remembers {
                run.core.signal.remember(&self.view, self.terms.params, known, next);
            }
            known = next;
            at = next;
            if at < bars.end {
                self.step(run, at, &mut calendar, on_fill);
                at += 1;
                known = at;
            }
        }
    }

    fn step(&self, run: &mut Run<S>, at: usize, calendar: &mut Calendar<'_>, on_fill: &mut impl FnMut(&Fill)) {
        let past = self.view.past;
        let Some(bar) = past.bars.get(at) else { return };
        let moment = Moment { bar, settlement: calendar.settlement(at), ends_period: calendar.ends_period(at) };
        run.step_by(&self.terms, self.rules, &moment, on_fill, |core| {
            let rests = |signal: &mut S, held, adds| signal.passes(&self.view, self.terms.params, at, held, adds);
            let features = || S::features_to_act_on(&self.view, bar, at);
            core.act_lazily(&self.terms, bar, rests, features, || past.context(at))
        });
    }

    /// Passes over bars in which nothing happens; the first that may hold something.
    fn pass(&self, run: &mut Run<S>, bars: Range<usize>, calendar: &mut Calendar<'_>) -> usize {
        let mut closes = Extremes::NONE;
        let next = if run.is_flat() {
            let from = bars.start + run.core.trader.cooldown as usize;
            let next = self.next(from.max(self.warm)..bars.end, |word, asked| {
                S::enter(&self.view, self.terms.params, word, asked)
            });
            run.pass((next - bars.start) as u32, None);
            next
        } else {
            self.hold(run, bars.clone(), calendar, &mut closes)
        };
        if next > bars.start {
            self.mark(run, bars.start..next, calendar, &closes);
        }
        next
    }

    /// The first bar of a range whose bit is set; the range's end where none is.
    #[inline]
    fn next(&self, bars: Range<usize>, word: impl Fn(usize, u64) -> u64) -> usize {
        let mut at = bars.start;
        while at < bars.end {
            let bits = word(at / 64, u64::MAX << (at % 64));
            if bits != 0 {
                return (at / 64 * 64 + bits.trailing_zeros() as usize).min(bars.end);
            }
            at = (at / 64 + 1) * 64;
        }
        bars.end
    }

    fn hold(&self, run: &mut Run<S>, bars: Range<usize>, calendar: &mut Calendar<'_>, closes: &mut Extremes) -> usize {
        let past = self.view.past;
        let Some(mut watch) = run.watch(&self.terms.trade) else { return bars.start };
        let side = if watch.is_short() { Side::Short } else { Side::Long };
        let mut end = bars.end.min(bars.start.saturating_add(watch.bars_left() as usize));
        if run.account.position != 0 {
            end = calendar.next_settlement(bars.start).min(end);
        }
        let mut at = bars.start;
        while at < end {
            let ahead = end.min((at / AHEAD + 1) * AHEAD);
            let signal = self.next(at..ahead, |word, asked| S::leave(&self.view, self.terms.params, side, word, asked));
            at = past.pyramid.walk(&mut watch, past.bars, at..signal, closes);
            if at < ahead {
                break;
            }
        }
        run.pass((at - bars.start) as u32, Some(&watch));
        at
    }

    /// Marks the books at the closes of bars without a fill.
    fn mark(&self, run: &mut Run<S>, bars: Range<usize>, calendar: &mut Calendar<'_>, closes: &Extremes) {
        let past = self.view.past;
        let ends = calendar.ends_before(bars.end);
        if run.account.position == 0 {
            run.mark_rest(self.rules, bars.len() as u32, ends.len() as u32);
            return;
        }
        for end in ends {
            run.end_period(self.rules, past.close(*end as usize));
        }
        self.mark_closes(run, bars, closes);
    }

    fn mark_closes(&self, run: &mut Run<S>, bars: Range<usize>, closes: &Extremes) {
        let (past, scale) = (self.view.past, &self.view.past.scale);
        let (mut at, mut to, mut closes) = (bars.start, bars.end, *closes);
        while at < bars.end {
            let range = [scale.ticks(closes.bottom), scale.ticks(closes.top)];
            if run.mark_stretch((to - at) as u32, range, past.close(to - 1)) {
                (at, to) = (to, bars.end);
            } else {
                to = Pyramid::middle(at..to);
            }
            if at < to {
                closes = past.extremes(at..to);
            }
        }
    }
}
