//! Each windowed indicator against the plain computation over its window, and none ever gives NaN.
#![allow(clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

use mesh_kernel::Bar;
use mesh_kernel::indicators::*;
use proptest::prelude::*;

const N: usize = 64;

/// Valid bars of every size, with still stretches and spikes.
fn bars() -> impl Strategy<Value = Vec<Bar>> {
    let step = prop_oneof![4 => -0.02..0.02f64, 1 => Just(0.0), 1 => -0.5..1.0f64];
    let volume = prop_oneof![3 => 0.0..1e3f64, 1 => Just(0.0), 1 => Just(1e9)];
    let moves = prop::collection::vec((step, 0.0..0.01f64, 0.0..0.01f64, volume), 1..200);
    (prop_oneof![Just(1e-8), Just(1.0), Just(1e5)], moves).prop_map(|(start, moves)| {
        let mut price: f64 = start;
        let bar = |(step, up, down, volume): (f64, f64, f64, f64)| {
            let open = price;
            price = (price * (1.0 + step)).clamp(start * 1e-3, start * 1e3);
            let (top, bottom) = (open.max(price), open.min(price));
            Bar { open, high: top * (1.0 + up), low: bottom * (1.0 - down), close: price, volume }
        };
        moves.into_iter().map(bar).collect()
    })
}

fn close_to(found: f64, expected: f64, scale: f64, relative: f64) -> bool {
    (found - expected).abs() <= relative * scale.abs().max(expected.abs())
}

/// Mean and population deviation in two passes.
fn two_pass(window: &[f64]) -> (f64, f64) {
    let n = window.len() as f64;
    let mean = window.iter().sum::<f64>() / n;
    let variance = window.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn windows_equal_the_plain_computation(bars in bars(), period in 1..=N) {
        let n = period as u32;
        let (mut sma, mut deviation, mut volatility) = (Sma::<N>::new(n), StandardDeviation::<N>::new(n), RealisedVolatility::<N>::new(n));
        let (mut donchian, mut cci, mut vwap) = (Donchian::<N>::new(n), Cci::<N>::new(n), RollingVwap::<N>::new(n));
        for (i, bar) in bars.iter().enumerate() {
            let found = (sma.update(bar.close), deviation.update(bar.close), donchian.update(bar), cci.update(bar), vwap.update(bar));
            let volatility = volatility.update(bar.close);
            if i + 1 < period {
                prop_assert_eq!(found, (None, None, None, None, None));
                continue;
            }
            let window = &bars[i + 1 - period..=i];
            let closes: Vec<f64> = window.iter().map(|b| b.close).collect();
            let (mean, sd) = two_pass(&closes);
            prop_assert!(close_to(found.0.unwrap(), mean, mean, 1e-14));
            // The two-pass form itself is sure to about 1e-15 of the mean.
            prop_assert!(close_to(found.1.unwrap(), sd, mean * 1e-6, 1e-8), "{:?} {sd}", found.1);
            let channel = found.2.unwrap();
            prop_assert_eq!(channel.upper, window.iter().fold(f64::MIN, |a, b| a.max(b.high)));
            prop_assert_eq!(channel.lower, window.iter().fold(f64::MAX, |a, b| a.min(b.low)));
            let typical: Vec<f64> = window.iter().map(Bar::typical).collect();
            let (mean, _) = two_pass(&typical);
            let mad = typical.iter().map(|x| (x - mean).abs()).sum::<f64>() / period as f64;
            if mad > mean * 1e-9 {
                let expected = (typical[period - 1] - mean) / (0.015 * mad);
                prop_assert!(close_to(found.3.unwrap(), expected, 100.0, 1e-5), "{:?} {expected}", found.3);
            }
            let turnover: f64 = window.iter().map(|b| b.typical() * b.volume).sum();
            let volume: f64 = window.iter().map(|b| b.volume).sum();
            let expected = if volume > 0.0 { turnover / volume } else { bar.typical() };
            prop_assert!(close_to(found.4.unwrap(), expected, expected, 1e-13));
            if i >= period {
                let squares: f64 = bars[i - period..=i].windows(2).map(|w| (w[1].close / w[0].close - 1.0).powi(2)).sum();
                prop_assert!(close_to(volatility.unwrap(), (squares / period as f64).sqrt(), 1e-6, 1e-8));
            } else {
                prop_assert_eq!(volatility, None);
            }
        }
    }

    #[test]
    fn a_window_does_not_remember_where_the_run_began(bars in bars(), skip in 0usize..100, period in 1u32..40) {
        prop_assume!(bars.len() > skip + period as usize);
        let (mut whole, mut late) = (ZScore::<N>::new(period), ZScore::<N>::new(period));
        let mut last = (None, None);
        for (i, bar) in bars.iter().enumerate() {
            last.0 = whole.update(bar.volume);
            if i >= skip {
                last.1 = late.update(bar.volume);
            }
        }
        let (Some(a), Some(b)) = last else { return Err(TestCaseError::fail("both are warm")) };
        prop_assert!(close_to(a, b, 1.0, 1e-12), "{a} {b}");
    }

    #[test]
    fn nothing_gives_nan(bars in bars(), period in 1u32..40) {
        let (mut rsi, mut atr, mut adx) = (Rsi::new(period), Atr::new(period), Adx::new(period));
        let (mut bollinger, mut macd) = (Bollinger::<N>::new(period, 2.0), Macd::new(period, period * 2, 3));
        let (mut stochastic, mut cci, mut obv) = (Stochastic::<N>::new(period, 3, 3), Cci::<N>::new(period), Obv::new());
        let (mut z, mut roc, mut mfi) = (ZScore::<N>::new(period), Roc::<N>::new(period), Mfi::<N>::new(period));
        let (mut vwap, mut volatility) = (Vwap::new(), RealisedVolatility::<N>::new(period));
        for bar in &bars {
            prop_assert!(bar.is_valid());
            let directional = adx.update(bar);
            let bands = bollinger.update(bar.close);
            let lines = stochastic.update(bar);
            let macd = macd.update(bar.close);
            let mut bounded = vec![rsi.update(bar.close), mfi.update(bar)];
            bounded.extend(directional.map(|d| [Some(d.plus_di), Some(d.minus_di), d.adx]).into_iter().flatten());
            bounded.extend(lines.map(|l| [Some(l.k), Some(l.d)]).into_iter().flatten());
            prop_assert!(bounded.iter().flatten().all(|x| (-1e-9..=100.0 + 1e-9).contains(x)), "{bounded:?}");
            let mut all = vec![atr.update(bar), cci.update(bar), z.update(bar.volume), roc.update(bar.close)];
            all.extend([volatility.update(bar.close), Some(obv.update(bar)), Some(vwap.update(bar))]);
            all.extend([bands.map(|b| b.upper), bands.map(|b| b.width()), bands.map(|b| b.position(bar.close))]);
            all.extend([macd.map(|m| m.macd), macd.map(|m| m.histogram)]);
            prop_assert!(all.iter().flatten().all(|x| x.is_finite()), "{all:?}");
        }
    }
}
