//! Momentum over small series, gate by gate.

extern crate std;

use std::vec::Vec;

use super::*;
use crate::Context;
use crate::decision::{Action, Decision, Gate, Tier};
use crate::exits::ExitReason;
use crate::params::ParamError;

fn flat_bar(close: f64) -> Bar {
    Bar { open: close, high: close + 1.0, low: close - 1.0, close, volume: 1.0 }
}

fn params() -> Params {
    Params {
        ema_fast: 2,
        ema_slow: 4,
        atr_period: 3,
        adx_period: 2,
        rsi_period: 2,
        bb_period: 4,
        volume_period: 4,
        ..Params::default()
    }
}

/// Falls, rises, falls: one crossing up, one down.
fn wave() -> Vec<Bar> {
    let closes = [110., 108., 106., 104., 102., 100., 104., 108., 112., 116., 120., 114., 108., 102., 96.];
    closes.iter().map(|c| flat_bar(*c)).collect()
}

#[test]
fn crossing_enters_and_turns() {
    let p = Params { stop_atr: 0.0, ..params() };
    let mut state = State::new(&p);
    let decisions: Vec<_> = wave().iter().map(|b| state.on_bar(&p, b)).collect();
    let acted: Vec<_> = decisions.iter().filter(|d| d.action != Action::None).collect();
    assert_eq!(acted[0].action, Action::EnterLong);
    assert_eq!((acted[1].action, acted[1].then), (Action::ExitLong, Action::EnterShort));
    assert_eq!(acted.len(), 2);
    assert_eq!(decisions[0].gate, Gate::WarmUp);
    assert!(decisions.iter().all(|d| (d.gate == Gate::Passed) == (d.action != Action::None)));
}

#[test]
fn stop_ends_the_position() {
    let p = params();
    let mut state = State::new(&p);
    let entry = wave().iter().map(|b| state.on_bar(&p, b)).find(|d| d.action.is_entry()).unwrap();
    let mut state = State::new(&p);
    for bar in &wave() {
        if state.on_bar(&p, bar).action.is_entry() {
            break;
        }
    }
    assert!(entry.stop_price > 0.0);
    let low = Bar { low: entry.stop_price, ..flat_bar(110.0) };
    let exit = state.on_bar(&p, &low);
    assert_eq!(exit.action, Action::ExitLong);
    assert_ne!(exit.reasons & reason::STOP, 0);
    assert_eq!(state.side(), Side::Flat);
}

#[test]
fn bad_bar_changes_nothing() {
    let p = params();
    let mut state = State::new(&p);
    let before = state;
    let decision = state.on_bar(&p, &Bar { close: f64::NAN, ..flat_bar(1.0) });
    assert_eq!(decision.gate, Gate::BadBar);
    assert_eq!(state, before);
}

#[test]
fn copy_is_a_checkpoint() {
    let p = params();
    let mut a = State::new(&p);
    let bars = wave();
    bars[..7].iter().for_each(|bar| {
        a.on_bar(&p, bar);
    });
    let mut b = a;
    for bar in &bars[7..] {
        assert_eq!(a.on_bar(&p, bar), b.on_bar(&p, bar));
    }
    assert_eq!(a.digest(), b.digest());
}

#[test]
fn params_are_checked() {
    assert_eq!(Params::from_values(&[]).unwrap(), Params::default());
    assert_eq!(Params::from_values(&Params::default().values()).unwrap(), Params::default());
    assert!(matches!(Params::from_values(&[30.0, 20.0]), Err(ParamError::Relation { .. })));
    assert!(matches!(Params::from_values(&[2.5]), Err(ParamError::NotWhole { .. })));
    assert!(matches!(Params::from_values(&[f64::NAN]), Err(ParamError::OutOfRange { .. })));
    assert!(matches!(Params::from_values(&[0.0; 99]), Err(ParamError::TooMany { .. })));
    assert!(matches!(Params::default().set("nope", 1.0), Err(ParamError::UnknownName)));
}

/// The decision on the bar of the first crossing, under changed parameters and context.
fn at_crossing(change: impl Fn(&mut Params), context: &Context) -> Decision {
    let mut p = params();
    change(&mut p);
    p.validate().unwrap();
    let mut state = State::new(&p);
    let crossing =
        wave().iter().map(|b| state.on_bar_with(&p, b, context)).find(|d| d.reasons & reason::CROSSED_UP != 0);
    crossing.unwrap()
}

type Case<'a> = (&'a dyn Fn(&mut Params), &'a Context, Gate);

#[test]
fn each_gate_answers_why_not() {
    let none = Context::default();
    let against = Context { btc_trend: Some(-1.0), breadth_pct: Some(10.0), ..none };
    // The low tier alone: nothing reaches the others.
    let low_only = |p: &mut Params| (p.volume_z_medium, p.volume_z_high) = (20.0, 20.0);
    assert_eq!(at_crossing(low_only, &none).action, Action::EnterLong);
    let cases: [Case<'_>; 12] = [
        (&|p| p.adx_low = 100.0, &none, Gate::Adx),
        (&|p| p.rsi_low = 100.0, &none, Gate::Rsi),
        (&|p| p.rsi_limit = 10.0, &none, Gate::RsiLimit),
        (&|p| p.bb_width_low = 10_000.0, &none, Gate::BandWidth),
        (&|p| p.volume_z_low = 5.0, &none, Gate::VolumeZ),
        (&|p| p.atr_floor_bp = 10_000.0, &none, Gate::AtrFloor),
        (&|p| p.volatile_atr_bp = 1.0, &none, Gate::Regime),
        (&|p| p.btc_filter = true, &none, Gate::MissingInput),
        (&|p| p.btc_filter = true, &against, Gate::BtcTrend),
        (&|p| p.breadth_min_pct = 20.0, &against, Gate::Breadth),
        (&|p| (p.regime_filter, p.regime_adx_trend, p.regime_adx_range) = (true, 100.0, 100.0), &none, Gate::Regime),
        (&|p| (p.reverse_mode, p.allow_short) = (1, false), &none, Gate::Trend),
    ];
    for (change, context, expected) in cases {
        let found = at_crossing(|p| (low_only(p), change(p)).1, context);
        assert_eq!((found.gate, found.action), (expected, Action::None));
        assert!(!found.gate_value.is_nan() && !found.gate_threshold.is_nan());
    }
}

#[test]
fn tiers_need_all_their_conditions() {
    let open = |p: &mut Params| {
        (p.adx_medium, p.rsi_medium, p.bb_width_medium, p.volume_z_medium) = (0.0, 0.0, 0.0, -20.0);
        (p.adx_high, p.rsi_high, p.bb_width_high, p.volume_z_high) = (0.0, 0.0, 0.0, -20.0);
    };
    let high = at_crossing(open, &Context::default());
    assert_eq!(high.confidence, Tier::High);
    assert!(high.score > 300.0 && high.score <= 400.0);
    let medium = at_crossing(|p| (open(p), p.volume_z_high = 20.0).0, &Context::default());
    assert_eq!(medium.confidence, Tier::Medium);
    let barred = at_crossing(|p| (open(p), p.volume_z_high = 20.0, p.min_tier = 3).0, &Context::default());
    assert_eq!((barred.gate, barred.gate_threshold), (Gate::VolumeZ, 20.0));
    assert_ne!(barred.reasons & reason::of_tier(3, 0), 0, "conditions after the failed one are evaluated too");
}

#[test]
fn a_faded_signal_enters_the_other_side() {
    assert_eq!(at_crossing(|p| p.reverse_mode = 1, &Context::default()).action, Action::EnterShort);
    let choppy = |p: &mut Params| (p.reverse_mode, p.regime_adx_range, p.regime_adx_trend) = (2, 100.0, 100.0);
    assert_eq!(at_crossing(choppy, &Context::default()).action, Action::EnterShort);
    let decided = Context { breadth_pct: Some(90.0), ..Context::default() };
    assert_eq!(at_crossing(choppy, &decided).action, Action::EnterLong);
}

/// Decisions over the wave, entry's bar first.
fn from_entry(p: &Params) -> Vec<Decision> {
    let mut state = State::new(p);
    let decisions: Vec<_> = wave().iter().map(|b| state.on_bar(p, b)).collect();
    let entry = decisions.iter().position(|d| d.action.is_entry()).unwrap();
    decisions[entry..].to_vec()
}

#[test]
fn position_is_managed() {
    let time = from_entry(&Params { time_stop_bars: 2, ..params() });
    assert_eq!((time[2].action, time[2].exit), (Action::ExitLong, ExitReason::Time));
    let target = from_entry(&Params { target_atr: 1.0, ..params() });
    assert_eq!((target[1].exit, target[1].exit_price), (ExitReason::Target, target[0].target_price));
    let partial = from_entry(&Params { partial_atr: 0.5, partial_fraction: 0.25, ..params() });
    assert_eq!((partial[1].action, partial[1].fraction), (Action::ExitLong, 0.25));
    assert_eq!(partial[2].gate, Gate::InPosition);
    let pyramid = from_entry(&Params { pyramid_max: 1, pyramid_step_atr: 0.5, ..params() });
    assert_eq!(pyramid[1].action, Action::EnterLong);
    assert_ne!(pyramid[1].reasons & reason::PYRAMID, 0);
    assert_eq!(pyramid[2].gate, Gate::InPosition);
    let steep = from_entry(&Params { pyramid_max: 1, pyramid_step_atr: 20.0, ..params() });
    assert_eq!(steep[1].gate, Gate::PyramidStep);
}

#[test]
fn a_fill_moves_the_levels() {
    let p = Params { target_atr: 3.0, ..params() };
    let mut state = State::new(&p);
    let entry = wave().iter().map(|b| state.on_bar(&p, b)).find(|d| d.action.is_entry()).unwrap();
    let before = State::new(&p);
    let mut state = before;
    for bar in &wave() {
        if state.on_bar(&p, bar).action.is_entry() {
            break;
        }
    }
    let close = state.core().trader.position.entry_price;
    state.on_fill(&p, close + 1.0);
    let position = state.core().trader.position;
    assert_eq!(position.stop_price, entry.stop_price + 1.0);
    assert_eq!(position.target_price, entry.target_price + 1.0);
}

#[test]
fn a_position_from_elsewhere_gets_its_levels() {
    let p = Params { trail_atr: 3.0, target_atr: 5.0, ..params() };
    let mut state = State::new(&p);
    let bars = wave();
    let flat = bars.iter().take_while(|b| !state.on_bar(&p, b).action.is_entry()).count();
    let mut state = State::new(&p);
    bars[..flat].iter().for_each(|bar| {
        state.on_bar(&p, bar);
    });
    state.set_position(Side::Long, 103.0, 0.0);
    let held = state.on_bar(&p, &bars[flat]);
    assert_eq!(held.gate, Gate::InPosition);
    assert!(held.stop_price > 0.0 && held.stop_price < 103.0 && held.target_price > 103.0);
}
