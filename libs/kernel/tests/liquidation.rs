//! Positions that a venue closes by force, inside the bar that touches their liquidation price.
#![allow(clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

use mesh_kernel::account::Scale;
use mesh_kernel::fills::{Costs, FillRules, Levels};
use mesh_kernel::run::{Fill, Run, RunRules, Summary};
use mesh_kernel::sizing::{Margin, SizingMethod, SizingRules};
use mesh_kernel::strategy::momentum::{self, Momentum, Params};
use mesh_kernel::strategy::{Indicators, Input};
use mesh_kernel::{Bar, Context, ExitReason};

/// Falls, then rises: one crossing up, filled at 108.
const CLOSES: [f64; 10] = [110., 108., 106., 104., 102., 100., 104., 108., 110., 111.];

fn bar(close: f64) -> Bar {
    Bar { open: close, high: close + 1.0, low: close - 1.0, close, volume: 1.0 }
}

fn params(stop_atr: f64) -> Params {
    Params {
        ema_fast: 2,
        ema_slow: 4,
        atr_period: 3,
        adx_period: 2,
        rsi_period: 2,
        bb_period: 4,
        volume_period: 4,
        stop_atr,
        cooldown_bars: 5,
        ..Params::default()
    }
}

fn run(params: &Params, levels: Levels, last: Bar) -> (Summary, Vec<Fill>) {
    let scale = Scale::new(4, 4).unwrap();
    let rules = RunRules {
        fills: FillRules { levels, ..FillRules::default() },
        costs: Costs { taker_fee_rate: 50_000, ..Costs::default() },
        sizing: SizingRules {
            method: SizingMethod::FixedFraction { fraction: 1.0 },
            tier_factors: [1.0; 3],
            leverage_max: 10.0,
            notional_max: 0.0,
            notional_min: 0.0,
        },
        margin: Margin { leverage: 10.0, maintenance_rate: 0.005, fee_rate: 500_000 },
        scale,
        initial_cash: 10_000.0,
    };
    let (mut indicators, mut run, mut fills) =
        (momentum::Indicators::new(params), Run::<Momentum>::new(&rules), vec![]);
    for bar in CLOSES.iter().map(|close| bar(*close)).chain([last, last]) {
        let features = indicators.update(&bar);
        let input = Input { bar: &bar, features: &features, context: &Context::default() };
        run.step(params, &rules, &input, None, false, &mut |fill| fills.push(*fill));
    }
    (run.summary(), fills)
}

fn entry_price() -> f64 {
    let (_, fills) = run(&params(0.0), Levels::Inside, bar(111.0));
    assert_eq!(fills.len(), 1, "one entry, still held");
    fills[0].price as f64 / 1e4
}

#[test]
fn the_position_is_closed_at_its_liquidation_price() {
    let entry = entry_price();
    let level = entry * 0.9 / 0.995;
    let crash = Bar { open: 105.0, high: 105.0, low: 80.0, close: 90.0, volume: 1.0 };
    let (summary, fills) = run(&params(0.0), Levels::Inside, crash);
    assert_eq!((summary.liquidations, summary.trades, fills.len()), (1, 1, 2));
    let closed = fills[1];
    assert_eq!((closed.exit, closed.position), (ExitReason::Liquidation, 0));
    assert!((closed.price as f64 / 1e4 - level).abs() < 2e-4, "{} {level}", closed.price);
    // The taker's fee and that for being closed by force: 0.55 %.
    let notional = i128::from(closed.price) * i128::from(closed.quantity.unsigned_abs());
    assert_eq!(closed.booked.fee, notional * 550_000);
}

#[test]
fn a_gap_through_it_is_closed_at_the_open() {
    let gap = Bar { open: 85.0, high: 86.0, low: 80.0, close: 84.0, volume: 1.0 };
    let (_, fills) = run(&params(0.0), Levels::Inside, gap);
    assert_eq!((fills[1].exit, fills[1].price), (ExitReason::Liquidation, 850_000));
}

#[test]
fn a_nearer_stop_comes_first_where_it_rests_at_the_venue() {
    let crash = Bar { open: 109.0, high: 109.0, low: 80.0, close: 90.0, volume: 1.0 };
    let (summary, fills) = run(&params(1.0), Levels::Inside, crash);
    assert_eq!((summary.liquidations, fills[1].exit), (0, ExitReason::Stop));
    let (summary, fills) = run(&params(1.0), Levels::AtMarket, crash);
    assert_eq!((summary.liquidations, fills[1].exit), (1, ExitReason::Liquidation));
    let (summary, fills) = run(&params(9.0), Levels::Inside, crash);
    assert_eq!((summary.liquidations, fills[1].exit), (1, ExitReason::Liquidation), "a stop beyond it");
}
