//! The engine over made-up markets: money, identity with the kernel, funding, ranking, look-ahead.

#![allow(clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

use mesh_backtest::fills::flat_fee;
use mesh_backtest::metrics::{by_regime, by_symbol, metrics};
use mesh_backtest::monthly::months;
use mesh_backtest::{
    Decider, Decimals, Fills, Funding, InitialPosition, Kernel, Series, Settings, Sizing, TimedBar, lookahead, run,
};
use mesh_kernel::run::{Fill, Run, RunRules};
use mesh_kernel::sizing::{Margin, SizingMethod, SizingRules};
use mesh_kernel::strategy::momentum::{Momentum, Params, State};
use mesh_kernel::strategy::{Indicators as _, Input};
use mesh_kernel::trader::{TradeRules, Trader};
use mesh_kernel::{Action, Bar, Context, Decision, ExitReason, Side, Tier};
use proptest::prelude::*;

const MINUTE_NS: u64 = 60_000_000_000;

/// A walk of prices from 64-bit steps: always valid bars.
fn walk(seeds: &[u32]) -> Series {
    let mut close: f64 = 100.0;
    let bars = seeds.iter().enumerate().map(|(i, seed)| {
        let open = (close * (1.0 + f64::from(seed % 7) * 0.001 - 0.003) * 100.0).round() / 100.0;
        let step = f64::from((seed >> 8) % 201) * 0.0002 - 0.02;
        close = ((open * (1.0 + step)).max(0.5) * 100.0).round() / 100.0;
        let high = open.max(close) + f64::from((seed >> 16) % 100) * 0.01;
        let low = (open.min(close) - f64::from((seed >> 24) % 100) * 0.01).max(0.01);
        TimedBar { open_ns: (i as u64 + 1) * MINUTE_NS, bar: Bar { open, high, low, close, volume: 1.0 } }
    });
    Series { symbol: "X".into(), bars: bars.collect(), ..Series::default() }
}

fn market(length: u32) -> Series {
    walk(&(0..length).map(|i| i.wrapping_mul(2_654_435_761) ^ (i / 40).wrapping_mul(97_531)).collect::<Vec<_>>())
}

fn quick() -> Params {
    Params {
        ema_fast: 3,
        ema_slow: 8,
        atr_period: 5,
        adx_period: 3,
        rsi_period: 3,
        bb_period: 5,
        volume_period: 5,
        ..Params::default()
    }
}

fn settings(fills: Fills) -> Settings {
    Settings { fills, costs: flat_fee(5.0), ..Settings::new(Decimals::new(2, 4).unwrap(), 10_000.0) }
}

fn momentum(params: &Params) -> Kernel<Momentum> {
    params.validate().unwrap();
    Kernel::new(params)
}

fn any_params() -> impl Strategy<Value = Params> {
    (0.0..4.0, 0.0..4.0, 0.0..3.0, 0.0..2.0, 0u32..20, 0u32..3, any::<bool>(), 0u32..4).prop_map(
        |(stop_atr, target_atr, trail_atr, partial_atr, time_stop_bars, pyramid_max, reversal, cooldown_bars)| Params {
            stop_atr,
            target_atr,
            trail_atr,
            partial_atr,
            time_stop_bars,
            pyramid_max,
            reversal,
            cooldown_bars,
            ..quick()
        },
    )
}

fn any_fills() -> impl Strategy<Value = Fills> {
    prop::sample::select(Fills::PRESETS.iter().map(|(_, fills)| *fills).collect::<Vec<_>>())
}

proptest! {
    /// Trades, what is still open, and cash say the same, to the last unit.
    #[test]
    fn money_adds_up(
        seeds in prop::collection::vec(any::<u32>(), 30..400),
        params in any_params(),
        fills in any_fills(),
        rate in -0.01f64..0.01,
    ) {
        let mut series = walk(&seeds);
        series.funding = (0..20).map(|i| Funding { time_ns: i * 13 * MINUTE_NS, rate }).collect();
        let settings = settings(fills);
        let outcome = run(&[series], &settings, |_| momentum(&params)).unwrap();
        let trades: i128 = outcome.trades.iter().map(|t| t.pnl).sum();
        let open: i128 = outcome.open.iter().map(|o| o.funding - o.fees).sum();
        let capital = settings.decimals.scale().money_of(settings.capital);
        prop_assert_eq!(outcome.cash, capital + trades + open);
        let last = outcome.equity.last().unwrap().equity;
        prop_assert_eq!(last, outcome.cash + outcome.open.iter().map(|o| o.unrealised).sum::<i128>());
        let fees: i128 = outcome.trades.iter().map(|t| t.fees).chain(outcome.open.iter().map(|o| o.fees)).sum();
        prop_assert_eq!(outcome.fees, fees);
        prop_assert!(outcome.trades.iter().all(|t| t.quantity > 0 && t.entry_ns <= t.exit_ns && t.entry_bar <= t.exit_bar));
    }

    /// One symbol under the kernel's own rules is the kernel's own run, fill for fill: what a sweep finds is what a
    /// backtest shows.
    #[test]
    fn one_symbol_is_the_kernels_run(
        seeds in prop::collection::vec(any::<u32>(), 30..400),
        params in any_params(),
        fills in any_fills().prop_filter("beyond the kernel's rules", |f| *f == Fills::of(f.rules)),
        leverage in prop::sample::select(vec![0.0, 5.0, 50.0]),
    ) {
        let margin = Margin { leverage, maintenance_rate: 0.005, fee_rate: 500_000 };
        let series = walk(&seeds);
        let sizing = SizingRules {
            method: SizingMethod::FixedFraction { fraction: 0.5 },
            tier_factors: [0.5, 0.8, 1.0],
            leverage_max: 0.9,
            notional_max: 0.0,
            notional_min: 0.0,
        };
        let settings = Settings { sizing: Sizing::Rules(sizing), margin, ..settings(fills) };
        let outcome = run(std::slice::from_ref(&series), &settings, |_| momentum(&params)).unwrap();
        let rules = RunRules {
            fills: fills.rules,
            costs: settings.costs,
            sizing,
            margin,
            scale: *settings.decimals.scale(),
            initial_cash: settings.capital,
        };
        let mut indicators = mesh_kernel::strategy::momentum::Indicators::new(&params);
        let mut alone = Run::<Momentum>::new(&rules);
        let mut exits: Vec<Fill> = Vec::new();
        for timed in &series.bars {
            let features = indicators.update(&timed.bar);
            let input = Input { bar: &timed.bar, features: &features, context: &Context::default() };
            alone.step(&params, &rules, &input, None, false, &mut |fill: &Fill| {
                if fill.exit != ExitReason::None {
                    exits.push(*fill);
                }
            });
        }
        prop_assert_eq!(outcome.cash, alone.account.cash);
        prop_assert_eq!(outcome.fees, alone.account.fees);
        let ours: Vec<_> = outcome.trades.iter().map(|t| (t.exit_bar, t.quantity, t.exit_price, t.reason)).collect();
        let kernels: Vec<_> = exits.iter().map(|f| (f.bar as usize, f.quantity.abs(), f.price, f.exit)).collect();
        prop_assert_eq!(ours, kernels);
    }

    #[test]
    fn equity_is_always_a_number(
        bars in prop::collection::vec(prop::array::uniform5(prop_oneof![any::<f64>(), 0.01f64..1e6]), 1..60),
        fills in any_fills(),
    ) {
        let bars = bars.iter().enumerate().map(|(i, [open, high, low, close, volume])| {
            let bar = Bar { open: *open, high: *high, low: *low, close: *close, volume: *volume };
            TimedBar { open_ns: (i as u64 + 1) * MINUTE_NS, bar }
        });
        let series = Series { symbol: "X".into(), bars: bars.collect(), ..Series::default() };
        let settings = settings(fills);
        if let Ok(outcome) = run(&[series], &settings, |_| momentum(&quick())) {
            prop_assert!(outcome.equity.iter().all(|point| settings.decimals.money(point.equity).is_finite()));
        }
    }
}

/// Ten times the margin is gone after a fall of a tenth, but for what must remain: then the venue closes, fee and all.
#[test]
fn a_position_without_margin_is_closed_by_force() {
    let flat = Bar { open: 100.0, high: 101.0, low: 99.0, close: 100.0, volume: 1.0 };
    let crash = Bar { open: 95.0, high: 95.0, low: 80.0, close: 90.0, volume: 1.0 };
    let bars = [flat, flat, crash, flat].into_iter().enumerate();
    let bars = bars.map(|(i, bar)| TimedBar { open_ns: (i as u64 + 1) * MINUTE_NS, bar }).collect();
    let series = Series { symbol: "X".into(), bars, ..Series::default() };
    let held =
        InitialPosition { symbol: "X".into(), side: Side::Long, quantity: 10.0, entry_price: 100.0, stop_price: 0.0 };
    let margin = Margin { leverage: 10.0, maintenance_rate: 0.005, fee_rate: 500_000 };
    let of = |margin| Settings { margin, initial: vec![held.clone()], ..settings(Fills::INTRABAR) };
    let outcome = run(std::slice::from_ref(&series), &of(margin), |_| momentum(&quick())).unwrap();
    let trade = outcome.trades.first().unwrap();
    // 100 * 0.9 / 0.995, the cent below.
    assert_eq!((trade.reason, trade.exit_bar, trade.exit_price), (ExitReason::Liquidation, 2, 9_045));
    assert_eq!(trade.fees, i128::from(trade.exit_price) * i128::from(trade.quantity) * 550_000);
    let without = run(&[series], &of(Margin::default()), |_| momentum(&quick())).unwrap();
    assert!(without.trades.is_empty());
}

/// What the shares of a breakdown say adds up to the whole, and every figure is a number.
#[test]
fn figures_agree_with_the_trades() {
    let mut b = market(2_500);
    b.symbol = "B".into();
    b.bars.drain(..700);
    let series = [market(2_500), b];
    let settings = Settings { sizing: Sizing::Quantity(3.0), ..settings(Fills::INTRABAR) };
    let outcome = run(&series, &settings, |_| momentum(&quick())).unwrap();
    let figures = metrics(&outcome);
    let (symbols, regimes) = (by_symbol(&outcome, &series), by_regime(&outcome));
    for shares in [&symbols, &regimes] {
        assert_eq!(shares.iter().map(|share| share.trades).sum::<usize>(), outcome.trades.len());
        assert_eq!(shares.iter().map(|share| share.bars).sum::<usize>(), outcome.bars);
        let pnl: f64 = shares.iter().map(|share| share.pnl).sum();
        assert!((pnl - figures.expectancy.unwrap() * figures.trades as f64).abs() < 1e-6);
    }
    assert!(regimes.iter().filter(|share| share.trades > 0).count() > 1);
    assert_eq!(figures.total_return.unwrap(), figures.final_equity / figures.initial_equity - 1.0);
    assert!(figures.exposure > 0.5 && figures.exposure <= 1.0);
    let grown: f64 = months(&outcome).iter().map(|month| 1.0 + month.growth).product();
    assert!((grown - 1.0 - figures.total_return.unwrap()).abs() < 1e-12);
    let json = serde_json::to_string(&figures).unwrap();
    assert!(!json.contains("null"), "{json}");
}

/// Nothing traded: ratios have no value, and nothing is a NaN.
#[test]
fn a_run_without_trades_has_figures() {
    let outcome = run(&[flat("X", 3)], &settings(Fills::NEXT_OPEN), |_| momentum(&quick())).unwrap();
    let figures = metrics(&outcome);
    assert_eq!((figures.total_return, figures.max_drawdown), (Some(0.0), Some(0.0)));
    assert_eq!((figures.sharpe, figures.profit_factor, figures.calmar), (None, None, None));
    assert_eq!((figures.trades, figures.exposure), (0, 0.0));
}

#[test]
fn decisions_are_the_kernels() {
    let (series, params) = (market(2_000), quick());
    let outcome = run(std::slice::from_ref(&series), &settings(Fills::INTRABAR), |_| momentum(&params)).unwrap();
    let mut state = State::new(&params);
    let kernels: Vec<u64> = series.bars.iter().map(|timed| state.on_bar(&params, &timed.bar).digest).collect();
    assert!(outcome.trades.len() > 20);
    assert_eq!(outcome.decisions, [kernels]);
}

#[test]
fn later_symbols_and_gaps_are_no_trouble() {
    let (a, mut b) = (market(400), market(300));
    b.symbol = "B".into();
    b.bars.drain(..50);
    b.bars.retain(|timed| timed.open_ns % (17 * MINUTE_NS) != 0);
    let outcome = run(&[a.clone(), b.clone()], &settings(Fills::NEXT_OPEN), |_| momentum(&quick())).unwrap();
    assert_eq!(outcome.bars, a.bars.len() + b.bars.len());
    assert_eq!(outcome.equity.len(), 401);
    assert!(outcome.trades.iter().any(|t| t.symbol == 1));
}

#[test]
fn prices_must_fit_the_ticks() {
    let mut series = flat("X", 3);
    series.bars[1].bar.high = 1e12;
    let fine = Settings::new(Decimals::new(8, 2).unwrap(), 10_000.0);
    let error = run(std::slice::from_ref(&series), &fine, |_| momentum(&quick())).unwrap_err();
    assert!(error.to_string().contains("X: the prices of bar 1 are too large"), "{error}");
    assert!(run(&[series], &settings(Fills::NEXT_OPEN), |_| momentum(&quick())).is_ok());
}

/// Enters long on its first bar with the score that its symbol is given, and stays.
struct Eager {
    score: f64,
    trader: Trader,
    rules: TradeRules,
}

impl Eager {
    fn new(score: f64) -> Self {
        Self { score, trader: Trader::default(), rules: TradeRules::default() }
    }
}

impl Decider for Eager {
    fn on_bar(&mut self, bar: &Bar, _context: &Context) -> Decision {
        if self.trader.position.side != Side::Flat {
            return Decision::default();
        }
        self.trader.set_position(Side::Long, bar.close, 0.0);
        Decision { action: Action::EnterLong, confidence: Tier::High, score: self.score, ..Decision::default() }
    }

    fn trader(&mut self) -> &mut Trader {
        &mut self.trader
    }

    fn rules(&self) -> &TradeRules {
        &self.rules
    }
}

fn flat(symbol: &str, bars: u64) -> Series {
    let bar = Bar { open: 100.0, high: 101.0, low: 99.0, close: 100.0, volume: 1.0 };
    let bars = (1..=bars).map(|i| TimedBar { open_ns: i * MINUTE_NS, bar }).collect();
    Series { symbol: symbol.into(), bars, ..Series::default() }
}

#[test]
fn the_best_ranked_are_taken() {
    let series = ["ADA", "BTC", "ETH", "XRP"].map(|symbol| flat(symbol, 3));
    let score = |series: &Series| if series.symbol == "XRP" { 310.0 } else { 120.0 };
    let limited = Settings { max_positions: 2, sizing: Sizing::Quantity(1.0), ..settings(Fills::NEXT_OPEN) };
    let outcome = run(&series, &limited, |one| Eager::new(score(one))).unwrap();
    assert_eq!(outcome.open.iter().map(|open| open.symbol).collect::<Vec<_>>(), [0, 3]);
    // All equity goes to the first, so the limit of leverage refuses the others, bar after bar.
    let outcome = run(&series, &settings(Fills::NEXT_OPEN), |one| Eager::new(score(one))).unwrap();
    assert_eq!(outcome.open.iter().map(|open| open.symbol).collect::<Vec<_>>(), [3]);
    assert_eq!(outcome.gates.refused(), 9);
}

#[test]
fn funding_is_paid_by_longs_at_its_time() {
    let mut series = flat("X", 5);
    let due = |minute: u64, rate| Funding { time_ns: minute * MINUTE_NS, rate };
    // The entry fills at the second open, after the funding of that time.
    series.funding = vec![due(1, 0.01), due(2, 0.01), due(3, 0.001), due(5, -0.002)];
    let settings = Settings { sizing: Sizing::Quantity(2.0), ..Settings::new(Decimals::new(2, 4).unwrap(), 10_000.0) };
    let outcome = run(&[series], &settings, |_| Eager::new(1.0)).unwrap();
    assert_eq!(settings.decimals.money_text(outcome.funding), "0.2");
    assert_eq!(settings.decimals.money_text(outcome.cash), "10000.2");
}

#[test]
fn a_position_from_before_is_held() {
    let initial =
        InitialPosition { symbol: "X".into(), side: Side::Long, quantity: 2.0, entry_price: 90.0, stop_price: 99.0 };
    let settings = Settings { initial: vec![initial], ..settings(Fills::INTRABAR) };
    // The stop is touched once the indicators are warm.
    let outcome = run(&[flat("X", 30)], &settings, |_| momentum(&quick())).unwrap();
    let trade = outcome.trades[0];
    let text = |ticks| settings.decimals.price_text(ticks);
    assert_eq!((text(trade.entry_price), text(trade.exit_price)), ("90".into(), "99".into()));
    assert_eq!((trade.side, trade.reason), (Side::Long, ExitReason::Stop));
    let unknown = Settings { leader: Some("BTC".into()), ..settings };
    assert!(run(&[flat("X", 30)], &unknown, |_| momentum(&quick())).is_err());
}

/// Knows the close of the bar after, where there is one.
struct Cheat {
    next_closes: Vec<f64>,
    at: usize,
    honest: Kernel<Momentum>,
}

impl Decider for Cheat {
    fn on_bar(&mut self, bar: &Bar, context: &Context) -> Decision {
        self.at += 1;
        let mut decision = self.honest.on_bar(bar, context);
        let next = self.next_closes.get(self.at).copied().unwrap_or(bar.close);
        decision.digest ^= u64::from(next > bar.close);
        decision
    }

    fn trader(&mut self) -> &mut Trader {
        self.honest.trader()
    }

    fn rules(&self) -> &TradeRules {
        self.honest.rules()
    }
}

#[test]
fn the_cheat_is_found() {
    let (mut b, params) = (market(500), quick());
    b.symbol = "B".into();
    b.bars.drain(..300);
    let series = [market(500), b];
    let settings = settings(Fills::NEXT_OPEN);
    let cheat = |one: &Series| Cheat {
        next_closes: one.bars.iter().map(|timed| timed.bar.close).collect(),
        at: 0,
        honest: momentum(&params),
    };
    let found = lookahead::find(&series, &settings, 10, cheat).unwrap().unwrap();
    assert_eq!(found.bar + 1, found.cut, "the last bar before the cut can't know what comes");
    assert_eq!(lookahead::find(&series, &settings, 10, |_| momentum(&params)).unwrap(), None);
}
