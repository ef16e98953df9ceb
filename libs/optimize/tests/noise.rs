//! The statistics do what they are for: the winner of a search among strategies without any skill is refused at the stated
//! rate, and a strategy with skill is not.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking

use mesh_optimize::stats::overfitting::cross_validate;
use mesh_optimize::stats::performance::sharpe;
use mesh_optimize::stats::sharpe::{Observed, Trials};
use mesh_optimize::{Rng, normal};

const STRATEGIES: usize = 50;
const PERIODS: usize = 500;
const SEARCHES: u64 = 300;

/// Strategies of so much skill each (Sharpe ratio per period), the first of `first`.
fn search(seed: u64, first: f64) -> Vec<Vec<f64>> {
    let series = |strategy: usize| -> Vec<f64> {
        let mut rng = Rng::stream(seed, strategy as u64);
        let skill = if strategy == 0 { first } else { 0.0 };
        (0..PERIODS).map(|_| 0.01 * (skill + normal::quantile(rng.uniform().max(1e-12)))).collect()
    };
    (0..STRATEGIES).map(series).collect()
}

/// Of all searches, the share whose winner passes by its own Sharpe ratio, and by the deflated one, at 95 %.
fn pass_rates(first: f64) -> (f64, f64) {
    let passes = (0..SEARCHES).map(|seed| {
        let strategies = search(seed, first);
        let sharpes: Vec<f64> = strategies.iter().map(|returns| sharpe(returns).unwrap()).collect();
        let best = (0..STRATEGIES).max_by(|&a, &b| sharpes[a].total_cmp(&sharpes[b])).unwrap();
        let observed = Observed::of(&strategies[best]).unwrap();
        let deflated = observed.deflated(&Trials::of(&sharpes).unwrap()).unwrap();
        (f64::from(u8::from(observed.probabilistic(0.0).unwrap() > 0.95)), f64::from(u8::from(deflated > 0.95)))
    });
    let (alone, deflated) = passes.fold((0.0, 0.0), |sum, pass| (sum.0 + pass.0, sum.1 + pass.1));
    (alone / SEARCHES as f64, deflated / SEARCHES as f64)
}

#[test]
fn the_winner_among_noise_is_refused() {
    let (alone, deflated) = pass_rates(0.0);
    println!("of winners among noise pass: {alone:.3} by their own ratio, {deflated:.3} by the deflated one");
    assert!(alone > 0.8, "luck alone no longer looks good: {alone}");
    assert!(deflated <= 0.05, "{deflated}");
}

#[test]
fn skill_is_not() {
    let (_, deflated) = pass_rates(0.25);
    println!("of winners with skill pass: {deflated:.3} by the deflated ratio");
    assert!(deflated > 0.8, "{deflated}");
}

#[test]
fn overfitting_is_even_among_noise_and_none_with_skill() {
    let mean = |first: f64| -> f64 {
        let of = |seed| {
            let strategies = search(seed, first);
            cross_validate(&strategies.iter().map(Vec::as_slice).collect::<Vec<_>>(), 8).unwrap().probability
        };
        (0..40).map(of).sum::<f64>() / 40.0
    };
    let (noise, skill) = (mean(0.0), mean(0.25));
    println!("probability of overfitting: noise {noise:.3}, skill {skill:.4}");
    assert!((0.4..=0.7).contains(&noise) && skill < 0.05);
}
