//! The trades of other programs over the same bars, each under its own assumptions. Skips, and says so, where the
//! vectors are not there.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use mesh_backtest::fills::flat_fee;
use mesh_backtest::{Decider, Decimals, Fills, Kernel, Outcome, Series, Settings, Sizing, TimedBar, run};
use mesh_kernel::indicators::Wilder;
use mesh_kernel::indicators::atr::true_range;
use mesh_kernel::strategy::momentum::{Features, Indicators, Momentum, Params};
use mesh_kernel::strategy::{Core, Indicators as _, Input, decision_digest};
use mesh_kernel::trader::{TradeRules, Trader};
use mesh_kernel::{Bar, Context, Decision, Side};
use serde_json::Value;

fn conformance(file: &str) -> Option<String> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var("ALPHAMESH_DATA").unwrap_or_else(|_| default.into());
    let path = PathBuf::from(root).join("conformance").join(file);
    let Ok(file) = File::open(&path) else {
        println!("SKIPPED: no vectors at {}; set ALPHAMESH_DATA", path.display());
        return None;
    };
    let mut text = String::new();
    if path.extension().is_some_and(|e| e == "gz") {
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        (&file).read_to_string(&mut text).unwrap();
    }
    Some(text)
}

fn series(csv: &str) -> Series {
    let bar = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let x = |i: usize| cells[i].parse::<f64>().unwrap();
        let open_ns = cells[0].parse::<u64>().unwrap() * 1_000_000;
        TimedBar { open_ns, bar: Bar { open: x(1), high: x(2), low: x(3), close: x(4), volume: x(5) } }
    };
    Series { symbol: "X".into(), bars: csv.lines().skip(1).map(bar).collect(), ..Series::default() }
}

fn decimals() -> Decimals {
    Decimals::new(8, 2).unwrap()
}

/// One unit a trade, and capital that never limits.
fn settings(fills: Fills, fee: f64) -> Settings {
    let sizing = Sizing::Quantity(1.0);
    Settings { fills, costs: flat_fee(fee * 1e4), sizing, ..Settings::new(decimals(), 1e9) }
}

/// A bare crossing: the indicators that nothing asks for are warm at once.
fn crossing(fast: u64, slow: u64) -> Params {
    Params {
        ema_fast: fast as u32,
        ema_slow: slow as u32,
        atr_period: 1,
        adx_period: 2,
        rsi_period: 2,
        bb_period: 2,
        volume_period: 2,
        stop_atr: 0.0,
        ..Params::default()
    }
}

fn params(set: &Value) -> Params {
    let number = |key: &str| set[key].as_f64().unwrap_or(0.0);
    Params {
        atr_period: set["atr"].as_u64().unwrap() as u32,
        stop_atr: number("sl_atr"),
        target_atr: number("tp_atr"),
        trail_bp: number("trail_pct") * 1e4,
        ..crossing(set["ema_fast"].as_u64().unwrap(), set["ema_slow"].as_u64().unwrap())
    }
}

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * a.abs().max(b.abs()).max(1.0)
}

/// True where a trade is the peer's; a price may differ by `price`, relative.
fn same(ours: &mesh_backtest::Trade, peer: &Value, price: f64) -> bool {
    let side = if peer["dir"].as_i64() == Some(1) { Side::Long } else { Side::Short };
    ours.side == side
        && ours.entry_bar as u64 == peer["entry_bar"].as_u64().unwrap()
        && ours.exit_bar as u64 == peer["exit_bar"].as_u64().unwrap()
        && close(decimals().scale().price(ours.entry_price), peer["entry_price"].as_f64().unwrap(), price)
        && close(decimals().scale().price(ours.exit_price), peer["exit_price"].as_f64().unwrap(), price)
        && close(decimals().money(ours.fees), peer["fees"].as_f64().unwrap(), 1e-6_f64.max(price))
        && close(decimals().money(ours.pnl), peer["pnl"].as_f64().unwrap(), 1e-6_f64.max(price * 1e4))
}

/// NautilusTrader fills an entry on a close that is the bar's low at the trigger of the stop that fired in that bar:
/// a known quirk, which no order could get. Such entries are put where they belong, at the close.
fn on_closes(trades: &[Value], fills: Fills, bars: &Series) -> Vec<Value> {
    let mut trades = trades.to_vec();
    for i in 1..trades.len() {
        let (before, entry_bar) = (trades[i - 1].clone(), trades[i]["entry_bar"].as_u64().unwrap());
        let bar = bars.bars[entry_bar as usize].bar;
        let at_trigger =
            before["exit_bar"] == trades[i]["entry_bar"] && before["exit_price"] == trades[i]["entry_price"];
        if fills == Fills::NAUTILUS && at_trigger && bar.close == bar.low {
            let (dir, entry) = (trades[i]["dir"].as_f64().unwrap(), trades[i]["entry_price"].as_f64().unwrap());
            let (exit, fees) = (trades[i]["exit_price"].as_f64().unwrap(), trades[i]["fees"].as_f64().unwrap());
            let fees = fees * (bar.close + exit) / (entry + exit);
            trades[i]["entry_price"] = bar.close.into();
            trades[i]["fees"] = fees.into();
            trades[i]["pnl"] = ((exit - bar.close) * dir - fees).into();
        }
    }
    trades
}

/// Compares every parameter set of a peer's file; answers the share of trades that agree, for each.
fn agreement<D: Decider>(
    file: &str,
    fills: Fills,
    level_step: f64,
    price: f64,
    make: impl Fn(&Params) -> D,
) -> Option<Vec<(String, f64)>> {
    let bars = series(&conformance("backtest/bars.csv")?);
    let sets: Value = serde_json::from_str(&conformance("backtest/params.json")?).unwrap();
    let peer: Value = serde_json::from_str(&conformance(file)?).unwrap();
    let results = peer["results"].as_array().unwrap().iter().map(|result| {
        let id = result["set"].as_str().unwrap();
        let set = sets["sets"].as_array().unwrap().iter().find(|set| set["id"] == id).unwrap();
        let fee = set["fee"].as_f64().unwrap();
        let settings = Settings { level_step, ..settings(fills, fee) };
        let outcome = run(std::slice::from_ref(&bars), &settings, |_| make(&params(set))).unwrap();
        let expected = &on_closes(result["trades"].as_array().unwrap(), fills, &bars);
        let agree = expected.iter().filter(|peer| outcome.trades.iter().any(|ours| same(ours, peer, price))).count();
        let most = expected.len().max(outcome.trades.len());
        for peer in expected.iter().filter(|peer| !outcome.trades.iter().any(|ours| same(ours, peer, price))).take(3) {
            let near = outcome.trades.iter().find(|t| t.entry_bar as u64 >= peer["entry_bar"].as_u64().unwrap());
            println!(
                "{file} {id}: {agree} of {} ({} ours), first {peer}, ours {near:?}",
                expected.len(),
                outcome.trades.len()
            );
        }
        (id.to_owned(), agree as f64 / most as f64)
    });
    Some(results.collect())
}

fn momentum(params: &Params) -> Kernel<Momentum> {
    params.validate().unwrap();
    Kernel::new(params)
}

fn assert_all(agreement: Option<Vec<(String, f64)>>, least: f64) {
    let Some(agreement) = agreement else { return };
    assert!(!agreement.is_empty());
    assert!(agreement.iter().all(|(_, share)| *share >= least), "{agreement:?}");
}

#[test]
fn backtesting_py() {
    assert_all(agreement("backtest/backtesting_py.json", Fills::BACKTESTING_PY, 0.0, 1e-9, momentum), 1.0);
}

#[test]
fn vectorbt() {
    assert_all(agreement("backtest/vectorbt.json", Fills::VECTORBT, 0.0, 1e-9, momentum), 1.0);
}

/// Its stops are rounded to the tick, and it has a quirk of its own: 98 % is what can be asked for.
#[test]
fn nautilus() {
    assert_all(agreement("backtest/nautilus.json", Fills::NAUTILUS, 0.1, 1e-9, momentum), 0.98);
}

#[test]
fn raptorbt() {
    assert_all(agreement("backtest/raptorbt.json", Fills::RAPTORBT, 0.0, 1e-9, Seeded::new), 1.0);
}

/// Momentum with raptorbt's average true range: the first bar's range (high less low) belongs to the seed.
struct Seeded {
    params: Params,
    rules: TradeRules,
    indicators: Indicators,
    atr: Wilder,
    previous_close: Option<f64>,
    core: Core<Momentum>,
}

impl Seeded {
    fn new(params: &Params) -> Self {
        Self {
            params: *params,
            rules: params.trade_rules(),
            indicators: Indicators::new(params),
            atr: Wilder::new(params.atr_period),
            previous_close: None,
            core: Core::default(),
        }
    }
}

impl Decider for Seeded {
    fn on_bar(&mut self, bar: &Bar, context: &Context) -> Decision {
        let before = self.core;
        let range = self.previous_close.replace(bar.close).map_or(bar.high - bar.low, |close| true_range(bar, close));
        let atr = self.atr.update(range).unwrap_or(0.0);
        let features = Features { atr, ..self.indicators.update(bar) };
        let input = Input { bar, features: &features, context };
        let mut decision = self.core.step(&self.params, &input);
        decision.digest = decision_digest(&self.params, &input, [&before, &self.core], &decision);
        decision
    }

    fn trader(&mut self) -> &mut Trader {
        &mut self.core.trader
    }

    fn rules(&self) -> &TradeRules {
        &self.rules
    }
}

/// 10,000 real bars, no stop, always in the market: vectorbt 1.2 and a plain loop.
#[test]
fn ema_cross() {
    let Some(bars) = conformance("ema_cross_bars.csv.gz") else { return };
    let expected: Value = serde_json::from_str(&conformance("ema_cross_trades.json").unwrap()).unwrap();
    let params = crossing(expected["fast"].as_u64().unwrap(), expected["slow"].as_u64().unwrap());
    let fee = expected["fee_rate_each_side"].as_f64().unwrap();
    let bars = series(&bars);
    for fills in [Fills::NEXT_OPEN, Fills::INTRABAR, Fills::VECTORBT] {
        let outcome: Outcome = run(std::slice::from_ref(&bars), &settings(fills, fee), |_| momentum(&params)).unwrap();
        let closed = expected["closed_trades"].as_u64().unwrap() as usize;
        assert_eq!((outcome.trades.len(), outcome.open.len()), (closed, 1));
        for (ours, peer) in outcome.trades.iter().zip(expected["trades"].as_array().unwrap()) {
            let side = if peer["side"] == "buy" { Side::Long } else { Side::Short };
            let ms = |key: &str| peer[key].as_u64().unwrap();
            assert_eq!((ours.entry_ns / 1_000_000, ours.exit_ns / 1_000_000), (ms("entry_ts_ms"), ms("exit_ts_ms")));
            assert_eq!(ours.side, side);
            assert_eq!(
                decimals().price_text(ours.entry_price).parse::<f64>(),
                peer["entry_price"].as_str().unwrap().parse()
            );
            assert_eq!(
                decimals().price_text(ours.exit_price).parse::<f64>(),
                peer["exit_price"].as_str().unwrap().parse()
            );
            assert!(close(decimals().money(ours.pnl), peer["pnl"].as_f64().unwrap(), 1e-9));
            assert!(close(decimals().money(ours.fees), peer["fees"].as_f64().unwrap(), 1e-9));
        }
        let sum: i128 = outcome.trades.iter().map(|t| t.pnl).sum();
        assert!(close(decimals().money(sum), expected["sum_pnl"].as_f64().unwrap(), 1e-6));
    }
}
