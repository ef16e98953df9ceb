//! Decisions of every strategy over random bars and contexts: no number in them is not finite, gates and actions
//! agree, and each bit of an input is in the digest.
#![allow(clippy::unwrap_used)] // a test says what broke by panicking

use mesh_kernel::strategy::e3::{self, E3};
use mesh_kernel::strategy::funding_fade::{self, FundingFade};
use mesh_kernel::strategy::momentum::{self, Momentum};
use mesh_kernel::strategy::{State, Strategy as KernelStrategy};
use mesh_kernel::{Action, Bar, Context, Decision, Gate};
use proptest::prelude::*;

fn any_input() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        6 => (-2.0..2.0f64).prop_map(Some),
        2 => (-100.0..100.0f64).prop_map(Some),
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        1 => Just(Some(f64::INFINITY)),
    ]
}

fn any_context() -> impl Strategy<Value = Context> {
    prop::array::uniform6(any_input()).prop_map(
        |[btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp, funding_bp_8h]| Context {
            btc_trend,
            breadth_pct,
            book_imbalance,
            premium_pct,
            spread_bp,
            funding_bp_8h,
        },
    )
}

fn any_series() -> impl Strategy<Value = Vec<(Bar, Context)>> {
    let step = (-0.03..0.03f64, 0.0..0.01f64, 0.0..0.01f64, 0.0..1e3f64, any_context());
    prop::collection::vec(step, 40..120).prop_map(|moves| {
        let mut price: f64 = 100.0;
        let bar = |(step, up, down, volume, context): (f64, f64, f64, f64, Context)| {
            let open = price;
            price *= 1.0 + step;
            let (high, low) = (open.max(price) * (1.0 + up), open.min(price) * (1.0 - down));
            (Bar { open, high, low, close: price, volume }, context)
        };
        moves.into_iter().map(bar).collect()
    })
}

fn check(d: &Decision) -> Result<(), TestCaseError> {
    let numbers = [d.score, d.stop_price, d.target_price, d.exit_price, d.fraction, d.gate_value, d.gate_threshold];
    prop_assert!(numbers.iter().all(|x| x.is_finite()), "{d:?}");
    prop_assert_eq!(d.gate == Gate::Passed, d.action != Action::None, "{:?}", d);
    prop_assert!(d.then == Action::None || (d.action.is_exit() && d.then.is_entry()));
    prop_assert_eq!(d.entry().is_entry(), d.confidence.rank() > 0, "{:?}", d);
    prop_assert_eq!(d.action.is_exit(), d.fraction > 0.0);
    Ok(())
}

fn run<S: KernelStrategy>(params: &S::Params, series: &[(Bar, Context)]) -> Result<(), TestCaseError> {
    let mut state = State::<S>::new(params);
    for (bar, context) in series {
        check(&state.on_bar_with(params, bar, context))?;
    }
    Ok(())
}

/// Flips one bit of one number.
fn flip(x: f64, bit: u32) -> f64 {
    f64::from_bits(x.to_bits() ^ 1 << bit)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_strategy_answers_in_finite_numbers(series in any_series()) {
        let fast = momentum::Params { ema_fast: 3, ema_slow: 8, adx_period: 3, target_atr: 3.0, pyramid_max: 2, btc_filter: true, reverse_mode: 2, ..Default::default() };
        run::<Momentum>(&fast, &series)?;
        run::<E3>(&e3::Params::high_trade(), &series)?;
        run::<E3>(&e3::Params { trail_atr: 1.0, break_even_atr: 0.5, partial_atr: 0.7, time_stop_bars: 9, ..e3::Params::high_trade() }, &series)?;
        run::<FundingFade>(&funding_fade::Params { funding_min_bp: 0.5, funding_exit_bp: 0.1, premium_min_pct: 0.0, spread_max_bp: 1000.0, ..Default::default() }, &series)?;
    }

    /// One flipped bit of one number of the last bar: another digest of the decision.
    #[test]
    fn each_bit_of_the_bar_is_in_the_digest(series in any_series(), field in 0usize..5, bit in 0u32..64) {
        let params = momentum::Params::default();
        let mut state = momentum::State::new(&params);
        let (last, before) = series.split_last().unwrap();
        before.iter().for_each(|(bar, context)| { state.on_bar_with(&params, bar, context); });
        let mut bar = last.0;
        let number = [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close, &mut bar.volume];
        *number.into_iter().nth(field).unwrap() = flip([last.0.open, last.0.high, last.0.low, last.0.close, last.0.volume][field], bit);
        let (mut a, mut b) = (state, state);
        prop_assert_ne!(a.on_bar_with(&params, &last.0, &last.1).digest, b.on_bar_with(&params, &bar, &last.1).digest);
    }

    /// The same of one parameter and of one input beside the bar.
    #[test]
    fn each_parameter_and_input_is_in_the_digest(series in any_series(), at in 0..momentum::Params::COUNT, spread in -5.0..5.0f64, bit in 0u32..52) {
        let params = momentum::Params::default();
        let spec = &momentum::Params::SPEC[at];
        let mut other = params;
        other.set(spec.name, if spec.default == spec.max { spec.min } else { spec.max }).unwrap();
        let (bar, context) = series[0];
        let digest = |params: &momentum::Params, context: &Context| momentum::State::new(params).on_bar_with(params, &bar, context).digest;
        prop_assert_ne!(digest(&params, &context), digest(&other, &context));
        let with = |x: f64| Context { spread_bp: Some(x), ..context };
        prop_assert_ne!(digest(&params, &with(spread)), digest(&params, &with(flip(spread, bit))));
        prop_assert_ne!(digest(&params, &with(0.0)), digest(&params, &Context { spread_bp: None, ..context }));
    }
}
