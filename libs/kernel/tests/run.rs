//! Whole runs: against another program's trades, against independent books, and over random parameters and bars:
//! streaming and shared indicators make the same decisions to the last bit.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking

mod data;

use mesh_kernel::account::{Account, RATE_ONE, Scale};
use mesh_kernel::fills::{Anchor, Costs, FillRules, Gap};
use mesh_kernel::run::{Fill, Run, RunRules, Settlement};
use mesh_kernel::sizing::{Margin, SizingMethod, SizingRules};
use mesh_kernel::strategy::momentum::{self, Momentum, Params};
use mesh_kernel::strategy::{Indicators, Input, decision_digest};
use mesh_kernel::{Bar, Context, Decision};
use proptest::prelude::*;
use serde_json::Value;

/// A small part of equity in all weathers: the vectors trade one unit, and sizes are not compared.
fn small_size(scale: Scale, fills: FillRules, fee: f64) -> RunRules {
    let taker_fee_rate = (fee * RATE_ONE as f64).round() as i64;
    RunRules {
        fills,
        costs: Costs { taker_fee_rate, ..Costs::default() },
        sizing: SizingRules {
            method: SizingMethod::FixedFraction { fraction: 0.1 },
            tier_factors: [1.0; 3],
            leverage_max: 1e12,
            notional_max: 0.0,
            notional_min: 0.0,
        },
        margin: Margin::default(),
        scale,
        initial_cash: 1e6,
    }
}

fn fills_of(params: &Params, rules: &RunRules, bars: &[Bar]) -> (Run<Momentum>, Vec<Fill>) {
    let mut indicators = momentum::Indicators::new(params);
    let mut run = Run::<Momentum>::new(rules);
    let mut fills = Vec::new();
    for bar in bars {
        let features = indicators.update(bar);
        let input = Input { bar, features: &features, context: &Context::default() };
        run.step(params, rules, &input, None, false, &mut |fill| fills.push(*fill));
    }
    (run, fills)
}

/// Entries and exits by turns, as (bar, price): sizes are not compared, the peer trades one unit.
fn pairs(fills: &[Fill], scale: &Scale) -> Vec<[(u32, f64); 2]> {
    let at = |fill: &Fill| (fill.bar, scale.price(fill.price));
    fills.chunks_exact(2).map(|pair| [at(&pair[0]), at(&pair[1])]).collect()
}

fn compare_peer(file: &str, fills: FillRules, sets: &[&str]) {
    let (Some(csv), Some(params), Some(peer)) = (
        data::conformance("backtest/bars.csv"),
        data::conformance("backtest/params.json"),
        data::conformance(&format!("backtest/{file}")),
    ) else {
        return;
    };
    let bars = data::bars(&csv);
    let (params, peer): (Value, Value) = (serde_json::from_str(&params).unwrap(), serde_json::from_str(&peer).unwrap());
    // Stops fall between ticks: more decimals than the bars have.
    let scale = Scale::new(9, 0).unwrap();
    for set in params["sets"].as_array().unwrap() {
        let id = set["id"].as_str().unwrap();
        if !sets.contains(&id) {
            continue;
        }
        let number = |key: &str| set[key].as_f64().unwrap_or(0.0);
        let (ema_fast, ema_slow, atr_period) =
            (number("ema_fast") as u32, number("ema_slow") as u32, number("atr") as u32);
        let p = Params {
            ema_fast,
            ema_slow,
            atr_period,
            stop_atr: number("sl_atr"),
            target_atr: number("tp_atr"),
            // Shorter than the averages, so that they don't delay the first crossing.
            adx_period: 2,
            rsi_period: 2,
            bb_period: 2,
            volume_period: 2,
            ..Params::default()
        };
        let rules = small_size(scale, fills, number("fee"));
        let (_, found) = fills_of(&p, &rules, &bars);
        let found = pairs(&found, &scale);
        let results = peer["results"].as_array().unwrap();
        let expected = results.iter().find(|r| r["set"] == id).unwrap()["trades"].as_array().unwrap();
        let field = |trade: &Value, key: &str| trade[key].as_f64().unwrap();
        let mut same = 0;
        for trade in expected {
            let wanted = [
                (field(trade, "entry_bar") as u32, field(trade, "entry_price")),
                (field(trade, "exit_bar") as u32, field(trade, "exit_price")),
            ];
            let equal = |found: &[(u32, f64); 2]| {
                found.iter().zip(&wanted).all(|(f, w)| f.0 == w.0 && (f.1 - w.1).abs() <= 1e-8)
            };
            same += u32::from(found.iter().any(equal));
        }
        println!("{file} {id}: {same} of {} trades, {} here", expected.len(), found.len());
        assert_eq!(same as usize, expected.len(), "{file} {id}");
        assert!(found.len() <= expected.len() + 1, "{file} {id}: {} trades here", found.len());
    }
}

#[test]
fn makes_the_trades_of_backtesting_py() {
    let fills = FillRules { anchor: Anchor::SignalClose, target_gap: Gap::Open, ..FillRules::default() };
    compare_peer("backtesting_py.json", fills, &["A", "B", "C"]);
}

#[test]
fn books_equal_the_exact_vectors() {
    let Some(json) = data::conformance("overfit/accounting.json") else { return };
    let vectors: Value = serde_json::from_str(&json).unwrap();
    // A thousandth of a lot finer than the vectors' prices and quantities.
    let (price_decimals, quantity_decimals) = (4, 4);
    let fixed = |text: &Value, decimals: u32| -> i64 {
        let x: f64 = text.as_str().unwrap().parse().unwrap();
        let scaled = x * 10f64.powi(decimals as i32);
        assert!((scaled - scaled.round()).abs() < 1e-6, "{x} has more decimals than the scale");
        scaled.round() as i64
    };
    let unit = 10f64.powi((price_decimals + quantity_decimals) as i32) * RATE_ONE as f64;
    let mut checked = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let cash: f64 = case["initial_cash"].as_str().unwrap().parse().unwrap();
        let mut account = Account::new((cash * unit) as i128);
        let fee_rate = fixed(&case["fee_rate"], 8);
        for (event, after) in
            case["events"].as_array().unwrap().iter().zip(case["after_each_event"].as_array().unwrap())
        {
            let mut mark = None;
            match event["type"].as_str().unwrap() {
                "fill" => {
                    let (quantity, price) =
                        (fixed(&event["qty"], quantity_decimals), fixed(&event["price"], price_decimals));
                    account.fill(quantity, price, fee_rate).unwrap();
                }
                "mark" => mark = Some(fixed(&event["price"], price_decimals)),
                _ => {
                    let price = fixed(&event["mark"], price_decimals);
                    account.pay_funding(price, fixed(&event["rate"], 8)).unwrap();
                    mark = Some(price);
                }
            }
            let number = |key: &str| -> f64 { after[key].as_str().unwrap().parse().unwrap() };
            let close = |found: i128, key: &str| {
                let found = found as f64 / unit;
                assert!((found - number(key)).abs() < 1e-8, "{key}: {found}, expected {}", number(key));
            };
            assert_eq!(account.position, fixed(&after["position"], quantity_decimals));
            close(account.cash, "cash");
            if let Some(mark) = mark {
                close(account.unrealised(mark).unwrap(), "unrealised");
                close(account.equity(mark).unwrap(), "equity");
            }
            checked += 1;
        }
        let total = |key: &str| -> f64 { case["totals"][key].as_str().unwrap().parse().unwrap() };
        assert!((account.realised as f64 / unit - total("realised")).abs() < 1e-8);
        assert!((account.fees as f64 / unit - total("fees")).abs() < 1e-8);
        assert!((-account.funding as f64 / unit - total("funding")).abs() < 1e-8);
    }
    assert!(checked > 0);
}

fn any_params() -> impl Strategy<Value = Params> {
    // Each parameter anywhere in its range, now and then at its default; windows short enough for the bars.
    let values: Vec<_> = Params::SPEC
        .iter()
        .map(|spec| {
            let high = if spec.unit == "bars" && !spec.name.contains("stop") { spec.max.min(20.0) } else { spec.max };
            let low = spec.min;
            let anywhere = (low..=high).prop_map(move |x| match spec.kind {
                mesh_kernel::ParamKind::Real => x,
                mesh_kernel::ParamKind::Integer | mesh_kernel::ParamKind::Switch => x.round(),
            });
            prop_oneof![3 => Just(spec.default), 1 => anywhere]
        })
        .collect();
    values.prop_filter_map("parameters contradict each other", |values| {
        let mut p = Params::from_values(&[]).unwrap();
        for (spec, value) in Params::SPEC.iter().zip(values) {
            p.set(spec.name, value).ok()?;
        }
        p.validate().is_ok().then_some(p)
    })
}

fn any_bars() -> impl Strategy<Value = Vec<Bar>> {
    let step = prop_oneof![5 => -0.02..0.02f64, 1 => Just(0.0), 1 => -0.2..0.25f64];
    prop::collection::vec((step, 0.0..0.02f64, 0.0..0.02f64, 0.0..1e4f64, 0..40u8), 60..300).prop_map(|moves| {
        let mut price: f64 = 100.0;
        let bar = |(step, up, down, volume, odd): (f64, f64, f64, f64, u8)| {
            let open = price;
            price = (price * (1.0 + step)).clamp(0.01, 1e6);
            let high = open.max(price) * (1.0 + up);
            let low = open.min(price) * (1.0 - down);
            // Now and then a bar that can't be used.
            Bar { open, high, low, close: if odd == 0 { f64::NAN } else { price }, volume }
        };
        moves.into_iter().map(bar).collect()
    })
}

fn realistic(fills: FillRules, taker: i64, slippage_bp: f64) -> RunRules {
    RunRules {
        fills,
        costs: Costs { taker_fee_rate: taker, slippage_bp, impact_bp: 1.0, depth_notional: 1e5, ..Costs::default() },
        sizing: SizingRules {
            method: SizingMethod::Volatility { risk_fraction: 0.02 },
            tier_factors: [0.5, 0.75, 1.0],
            leverage_max: 3.0,
            notional_max: 1e6,
            notional_min: 10.0,
        },
        margin: Margin { leverage: 3.0, maintenance_rate: 0.005, fee_rate: 500_000 },
        scale: Scale::new(4, 3).unwrap(),
        initial_cash: 10_000.0,
    }
}

fn is_finite(d: &Decision) -> bool {
    [d.score, d.stop_price, d.target_price, d.exit_price, d.fraction, d.gate_value, d.gate_threshold]
        .iter()
        .all(|x| x.is_finite())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The same decisions, to the digest, from the streaming state and from features computed beforehand; none of
    /// them holds a number that is not finite.
    #[test]
    fn shared_features_decide_as_streaming(p in any_params(), bars in any_bars(), btc in prop::option::of(-1.0..1.0f64), breadth in prop::option::of(0.0..100.0f64)) {
        let context = Context { btc_trend: btc, breadth_pct: breadth, ..Context::default() };
        let valid: Vec<Bar> = bars.into_iter().filter(Bar::is_valid).collect();
        let mut indicators = momentum::Indicators::new(&p);
        let features: Vec<_> = valid.iter().map(|bar| indicators.update(bar)).collect();
        let mut state = momentum::State::new(&p);
        let mut core = mesh_kernel::strategy::Core::<Momentum>::default();
        let mut lean = core;
        for (bar, features) in valid.iter().zip(&features) {
            let input = Input { bar, features, context: &context };
            let before = core;
            let mut shared = core.step(&p, &input);
            shared.digest = decision_digest(&p, &input, [&before, &core], &shared);
            let streaming = state.on_bar_with(&p, bar, &context);
            // Without the reasons the same is done.
            let act = lean.act(&p, &input);
            let done = |d: &Decision| (d.action, d.then, d.confidence, d.score, d.stop_price, d.target_price, d.exit);
            prop_assert_eq!(done(&act), done(&streaming));
            prop_assert_eq!((act.exit_price, act.fraction, lean), (streaming.exit_price, streaming.fraction, core));
            prop_assert_eq!(shared, streaming);
            prop_assert!(is_finite(&streaming), "{streaming:?}");
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A dumb auditor recomputes the books from the fills; the strategy's idea of its position is the account's.
    #[test]
    fn books_follow_from_the_fills(p in any_params(), bars in any_bars(), taker in 0i64..200_000, slippage in 0.0..20.0f64, at_close: bool, at_market: bool, anchor_fill: bool) {
        let fills = FillRules {
            market: if at_close { mesh_kernel::fills::Market::Close } else { mesh_kernel::fills::Market::NextOpen },
            levels: if at_market { mesh_kernel::fills::Levels::AtMarket } else { mesh_kernel::fills::Levels::Inside },
            anchor: if anchor_fill { Anchor::Fill } else { Anchor::SignalClose },
            ..FillRules::default()
        };
        let rules = realistic(fills, taker, slippage);
        let (mut indicators, mut run) = (momentum::Indicators::new(&p), Run::<Momentum>::new(&rules));
        let (mut position, mut flow, mut seen) = (0i64, 0i128, Vec::new());
        let funding = Settlement { rate: 10_000, mark_price: 100.0 };
        for (i, bar) in bars.iter().enumerate() {
            let features = if bar.is_valid() { indicators.update(bar) } else { Default::default() };
            let input = Input { bar, features: &features, context: &Context::default() };
            let settlement = (i % 8 == 0).then_some(&funding);
            run.step(&p, &rules, &input, settlement, i % 7 == 6, &mut |fill| seen.push(*fill));
            for fill in seen.drain(..) {
                position += fill.quantity;
                flow -= i128::from(fill.quantity) * i128::from(fill.price) * i128::from(RATE_ONE) + fill.booked.fee;
                prop_assert_eq!(fill.position, position);
                prop_assert!(fill.price >= 0 && fill.quantity != 0);
            }
            if !bar.is_valid() {
                continue;
            }
            prop_assert_eq!(run.account.position, position);
            if at_close {
                let believed = run.core.trader.position.side.sign() as i64;
                prop_assert_eq!(position.signum(), believed, "bar {}", i);
            }
            let ticks = rules.scale.ticks(bar.close);
            let cash = rules.scale.money_of(rules.initial_cash);
            let worth = i128::from(position) * i128::from(ticks) * i128::from(RATE_ONE);
            prop_assert_eq!(run.account.equity(ticks).unwrap(), cash + flow - run.account.funding + worth);
        }
        prop_assert_eq!(run.summary().overflows, 0);
        prop_assert!(run.summary().trades >= run.summary().wins);
        let whole = run.account.cash - rules.scale.money_of(rules.initial_cash);
        if position == 0 {
            prop_assert_eq!(run.summary().gained - run.summary().lost, whole);
        }
    }
}
