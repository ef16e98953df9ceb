//! One configuration alone, indicators and all: what every other path must equal to the last bit.

use mesh_kernel::run::{Fill, Moment, Run, RunRules, Summary};
use mesh_kernel::strategy::{Indicators, Strategy, Terms};

use crate::history::History;

/// Runs a configuration over a whole history.
pub fn streaming<S: Strategy>(history: &History, params: &S::Params, rules: &RunRules) -> Summary {
    streaming_with::<S>(history, params, rules, |_| ())
}

/// The same, with each fill.
pub fn streaming_with<S: Strategy>(
    history: &History,
    params: &S::Params,
    rules: &RunRules,
    mut on_fill: impl FnMut(&Fill),
) -> Summary {
    let mut indicators = S::Indicators::new(params);
    let mut run = Run::<S>::new(rules);
    let (past, terms) = (history.past(), Terms::of(params));
    let mut calendar = past.calendar(0);
    for (at, bar) in past.bars.iter().enumerate() {
        indicators.take(bar);
        let moment = Moment { bar, settlement: calendar.settlement(at), ends_period: calendar.ends_period(at) };
        run.step_by(&terms, rules, &moment, &mut on_fill, |core| {
            let rests = |signal: &mut S, held, adds| signal.rests(params, &indicators, bar, held, adds);
            core.act_lazily(&terms, bar, rests, || indicators.features(bar), || past.context(at))
        });
    }
    run.summary()
}
