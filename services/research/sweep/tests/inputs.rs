//! E3 and funding fade on inputs from files: a sweep decides on what a backtest decides on, and neither knows the future.

#![allow(clippy::panic, clippy::unwrap_used)] // a test says what broke by panicking

use std::fs;
use std::path::Path;

use mesh_backtest::fills::rate_of_bp;
use mesh_backtest::{Decider, Decimals, Fills, Kernel, Series, Settings, lookahead, run};
use mesh_bars::{Source, Wanted};
use mesh_kernel::fills::Costs;
use mesh_kernel::strategy::e3::{self, E3};
use mesh_kernel::strategy::funding_fade::{self, FundingFade};
use mesh_kernel::strategy::{Strategy, StrategyParams};
use mesh_kernel::trader::{TradeRules, Trader};
use mesh_kernel::{Bar, Context, Decision};
use mesh_optimize::Rng;
use mesh_study::Spec;
use mesh_sweep::{Swept, streaming};
use sweep::data::Prepared;

const BAR_MS: u64 = 300_000;
const START_MS: u64 = 1_704_067_200_000;

/// Bars, and inputs at times of their own: some between closes, some on them, some cells empty, an hour missing.
fn write(folder: &Path, bars: u64) {
    let mut rng = Rng::seeded(7);
    let (mut csv, mut inputs) = (String::from("ts_ms,open,high,low,close,volume\n"), String::new());
    inputs += "ts_ms,book_imbalance,premium_pct,spread_bp,funding_bp_8h\n";
    let mut open = 100.0;
    for i in 0..bars {
        let close = ((open * (1.0 + (rng.uniform() - 0.5) * 0.02)) * 100.0_f64).round() / 100.0;
        let (high, low) = (f64::max(open, close) + 0.1, f64::min(open, close) - 0.1);
        csv += &format!("{},{open},{high},{low},{close},{}\n", START_MS + i * BAR_MS, 1 + (i * 7) % 19);
        open = close;
        if (200..220).contains(&i) {
            continue;
        }
        let at = START_MS + i * BAR_MS + [0, 60_000, 299_999][(i % 3) as usize];
        let spread = if i % 5 == 0 { String::new() } else { format!("{:.3}", 1.0 + 5.0 * rng.uniform()) };
        let (lean, premium, funding) = (rng.uniform() - 0.5, rng.uniform() * 0.3 - 0.15, rng.uniform() * 40.0 - 20.0);
        inputs += &format!("{at},{lean:.4},{premium:.4},{spread},{funding:.3}\n");
    }
    fs::write(folder.join("AAA_5m.csv"), csv).unwrap();
    fs::write(folder.join("AAA_inputs.csv"), inputs).unwrap();
}

fn spec(strategy: &str) -> Spec {
    let text = format!(
        "strategy = '{strategy}'\nseed = 1\nbudget = 4\n[data]\nbars = ['AAA_5m.csv']\ninputs = ['AAA_inputs.csv']\n\
         input_max_age_s = {{ spread_bp = 600, book_imbalance = 700 }}\ninput_delay_s = 30.0\n[space]\n\
         stop_atr = [1, 2]\n[objective]\nmaximise = 'total_return'\n[sampler]\nkind = 'grid'\n\
         [market]\nfee_bps = 5\nprice_decimals = 2\nquantity_decimals = 4\n"
    );
    Spec::parse("spec", &text).unwrap()
}

fn series(folder: &Path) -> Vec<Series> {
    let of = |name: &str| vec![Source { symbol: None, path: folder.join(name) }];
    mesh_bars::series(&Wanted { bars: of("AAA_5m.csv"), inputs: of("AAA_inputs.csv"), ..Wanted::default() }).unwrap()
}

fn settings(spec: &Spec) -> Settings {
    let fee = rate_of_bp(5.0);
    let costs = Costs { taker_fee_rate: fee, maker_fee_rate: fee, targets_rest: true, ..Costs::default() };
    let inputs = spec.data.input_rules.unwrap();
    Settings { fills: Fills::NEXT_OPEN, costs, inputs, ..Settings::new(Decimals::new(2, 4).unwrap(), 10_000.0) }
}

/// Writes down what its strategy is told.
struct Told<'a, S: Strategy>(Kernel<S>, &'a std::cell::RefCell<Vec<Context>>);

impl<S: Strategy> Decider for Told<'_, S> {
    fn on_bar(&mut self, bar: &Bar, context: &Context) -> Decision {
        self.1.borrow_mut().push(*context);
        self.0.on_bar(bar, context)
    }
    fn trader(&mut self) -> &mut Trader {
        self.0.trader()
    }
    fn rules(&self) -> &TradeRules {
        self.0.rules()
    }
}

fn are_the_same<S: Swept>(params: &S::Params) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 3_000);
    let (spec, series) = (spec(S::NAME), series(folder.path()));
    let settings = settings(&spec);
    let prepared = Prepared::read(&spec, folder.path()).unwrap();
    let history = &prepared.train[0].history;
    let told = std::cell::RefCell::default();
    let outcome = run(&series, &settings, |_| Told(Kernel::<S>::new(params), &told)).unwrap();
    let told = told.into_inner();
    assert_eq!(told.len(), history.len());
    for (bar, context) in told.iter().enumerate() {
        assert_eq!(history.context(bar), *context, "bar {bar}");
    }
    let known = |of: fn(&Context) -> Option<f64>| told.iter().filter(|context| of(context).is_some()).count();
    let (spread, funding) = (known(|context| context.spread_bp), known(|context| context.funding_bp_8h));
    assert!((2_500..2_990).contains(&spread) && funding > 2_990, "{spread} {funding}: stale spreads count as none");
    // The sweep's run and the backtest's are one, to the last unit.
    let summary = streaming::<S>(history, params, &prepared.rules);
    assert!(summary.trades > 20, "{}: {} trades", S::NAME, summary.trades);
    assert_eq!(summary.trades as usize, outcome.trades.len());
    assert_eq!((summary.equity, summary.fees), (outcome.equity.last().unwrap().equity, outcome.fees));
    // Without them nothing is entered.
    let bare: Vec<Series> = series.iter().map(|one| Series { inputs: Default::default(), ..one.clone() }).collect();
    assert_eq!(run(&bare, &settings, |_| Kernel::<S>::new(params)).unwrap().trades.len(), 0);
    // Decisions on cut data are those on the whole.
    assert_eq!(lookahead::find(&series, &settings, 8, |_| Kernel::<S>::new(params)).unwrap(), None);
    for count in [50, 201, 1_777] {
        let cut = Prepared::of(&spec, vec![series[0].truncated(count)]).unwrap();
        let cut = &cut.train[0].history;
        assert!((0..count).all(|bar| cut.context(bar) == history.context(bar)), "cut after {count}");
    }
}

#[test]
fn e3_on_inputs_is_the_same_in_backtest_and_sweep() {
    let params = e3::Params {
        body_over_atr_min: 0.5,
        volume_z_min: -0.5,
        realised_vol_max_bp: 1_000.0,
        funding_max_bp: 15.0,
        ..e3::Params::default()
    };
    are_the_same::<E3>(&params);
}

#[test]
fn funding_fade_on_inputs_is_the_same_in_backtest_and_sweep() {
    let mut values = Vec::new();
    funding_fade::Params::default().for_each_value(|value| values.push(value));
    let mut set = |name: &str, value: f64| {
        let at = funding_fade::Params::SPEC.iter().position(|spec| spec.name == name).unwrap();
        values[at] = value;
    };
    set("funding_min_bp", 5.0);
    set("premium_min_pct", 0.02);
    are_the_same::<FundingFade>(&funding_fade::Params::from_values(&values).unwrap());
}

/// A value that is moved to a later time changes nothing before that time.
#[test]
fn a_later_value_changes_nothing_before_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 400);
    let spec = spec("e3");
    let series = series(folder.path());
    let mut moved = series.clone();
    let at = 150;
    let changed_ns = moved[0].inputs[2][at].time_ns;
    moved[0].inputs[2].iter_mut().skip(at).for_each(|value| value.value = 0.123);
    let of = |series: &[Series]| Prepared::of(&spec, series.to_vec()).unwrap();
    let (before, after) = (of(&series), of(&moved));
    let (before, after) = (&before.train[0].history, &after.train[0].history);
    let first = (0..400).find(|bar| before.context(*bar) != after.context(*bar)).unwrap();
    let close_ns = series[0].bars[first].open_ns + BAR_MS * 1_000_000;
    let known_ns = changed_ns + 30_000_000_000;
    assert!(close_ns >= known_ns && close_ns - BAR_MS * 1_000_000 < known_ns);
}
