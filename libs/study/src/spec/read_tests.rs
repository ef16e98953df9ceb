use super::*;

const GOOD: &str = r#"
strategy = "momentum"
seed = 7
budget = 500

[data]
bars = ["BTCUSDT_5m.csv.gz", "ETH=eth.csv"]
split = 2024-06-01

[space]
ema_slow = { low = 20, high = 200, step = 5 }
ema_fast = { low = 5, high = 19 }
stop_atr = { low = 0.5, high = 8.0, log = true }
target_atr = [0, 2, 4]
partial_fraction = { grid = [0.25, 0.5], when = { target_atr = [2, 4] } }
min_tier = { choice = [1, 3] }
allow_short = [true, false]
reversal = { choice = [true, false], when = { allow_short = true } }

[fixed]
rsi_period = 10

[objective]
maximise = "sharpe"
constraints = ["trades >= 30", "max_drawdown <= 0.3"]

[sampler]
kind = "tpe"
round = 16

[pruning]
kind = "median"

[market]
fills = "intrabar"
fee_bps = 5
risk = 0.01

[limits]
memory_mb = 64
"#;

fn faults(text: &str) -> Vec<String> {
    Spec::parse("s.toml", text).unwrap_err().iter().map(ToString::to_string).collect()
}

fn fault_of(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    let faults = faults(&GOOD.replace(old, new));
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].clone()
}

#[test]
fn a_specification_is_read() {
    let spec = Spec::parse("s.toml", GOOD).unwrap();
    // 2024-06-01 is day 19,875 since 1970.
    assert_eq!(spec.data.split, Split::At(19_875 * 86_400 * 1_000_000_000));
    let names: Vec<&str> = spec.space().parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names[..3], ["ema_slow", "ema_fast", "stop_atr"], "in the order of the document");
    assert_eq!(spec.limits, Limits { memory_bytes: 64 << 20, chunk: None, best: 10 });
    assert_eq!(spec.pruning.unwrap().steps, 10);
    let point = spec.space().point_by(|_, domain| domain.at(0.0));
    let values = spec.values(&point);
    let of = |name: &str| values[spec.table.iter().position(|spec| spec.name == name).unwrap()];
    assert_eq!((of("ema_slow"), of("ema_fast"), of("stop_atr")), (20.0, 5.0, 0.5));
    assert_eq!((of("rsi_period"), of("allow_short"), of("adx_period")), (10.0, 1.0, 14.0));
    // Under its condition it is not there: the default.
    assert_eq!((of("target_atr"), of("partial_fraction")), (0.0, 0.5));
}

#[test]
fn the_identity_is_what_results_depend_on() {
    let identity = |text: &str| Spec::parse("s.toml", text).unwrap().identity().unwrap();
    let good = identity(GOOD);
    for (old, new) in
        [("memory_mb = 64", "chunk = 8"), ("BTCUSDT_5m.csv.gz", "other/path.csv"), ("\n\n", "\n# more\n\n")]
    {
        assert_eq!(identity(&GOOD.replace(old, new)), good, "{old}");
    }
    for (old, new) in [("seed = 7", "seed = 8"), ("fee_bps = 5", "fee_bps = 6"), ("high = 19", "high = 18")] {
        assert_ne!(identity(&GOOD.replace(old, new)), good, "{old}");
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (old, new, expected) in [
        ("\"momentum\"", "\"momentun\"", "s.toml:2:12: no strategy is called `momentun`; did you mean `momentum`?"),
        ("seed = 7", "seed = -1", "s.toml:3:8: seed: expected a whole number of 0 to"),
        ("budget = 500", "budget = 0", "s.toml:4:10: budget: expected a whole number of 1 to"),
        ("budget = 500", "budgt = 500", "s.toml:4:1: unknown field `budgt`, expected one of"),
        ("ema_slow =", "ema_slo =", "s.toml:11:1: `ema_slo` is no parameter of the strategy; did you mean `ema_slow`?"),
        ("high = 200", "hihg = 200", "s.toml:11:12: ema_slow: `hihg` is no part of a domain; did you mean `high`?"),
        ("high = 19 ", "high = 4000 ", "s.toml:12:12: ema_fast: expected 2 to 400 bars, found 4000"),
        ("low = 5, high = 19", "low = 19, high = 5", "parameter `ema_fast`: low 19 is above high 5"),
        ("low = 5, high = 19", "low = 5.5, high = 19", "ema_fast: expected a whole number of bars, found 5.5"),
        ("[0, 2, 4]", "\"2\"", "target_atr: expected a list of values, or a range { low, high }, found \"2\""),
        ("[0, 2, 4]", "[2, 0, 4]", "parameter `target_atr`: [2.0, 0.0, 4.0] must be finite and in rising order"),
        ("when = { target_atr = [2, 4] }", "when = { target_atr = 3 }", "depends on `target_atr` being 3"),
        ("when = { allow_short = true }", "when = { allow_shor = true }", "did you mean `allow_short`?"),
        ("[true, false]\nrev", "{ low = 0, high = 1 }\nrev", "allow_short: is on or off: write [true, false]"),
        ("rsi_period = 10", "rsi_period = 0", "s.toml:21:14: rsi_period: expected 1 to 200 bars, found 0"),
        ("rsi_period = 10", "ema_slow = 50", "`ema_slow` is in [space] too"),
        ("\"sharpe\"", "\"sharp\"", "no figure is called `sharp`; did you mean `sharpe`?"),
        ("trades >= 30", "trades => 30", "expected a constraint such as `trades >= 30`"),
        ("maximise = \"sharpe\"", "", "expected a figure in `maximise` or `minimise`, found none"),
        ("round = 16", "round = 0", "[sampler]: tpe.round must be at least 1, got 0"),
        ("kind = \"median\"", "kind = \"median\"\nsteps = 1", "[pruning] steps: expected 2 to 100, found 1"),
        ("fills = \"intrabar\"", "fills = \"vectorbt\"", "`vectorbt` is for `mesh backtest` alone"),
        ("fee_bps = 5", "fee_bps = 5000", "[market] fee_bps: expected -1000 to 1000, found 5000"),
        ("risk = 0.01", "margin = { leverage = 0.5 }", "margin: expected 1 to 1000, found 0.5"),
        ("risk = 0.01", "margin = { leverage = 10, maintenance = 0.2 }", "margin: expected 0 to 0.099, found 0.2"),
        ("risk = 0.01", "risk = 0.01\nfraction = 1", "expected one of `fraction`, `risk` and `kelly`"),
        ("memory_mb = 64", "memory_mb = 0", "memory_mb: expected a whole number of 1 to"),
        ("2024-06-01", "1.5", "split: expected the fraction of the bars that is swept"),
        ("[space]", "input_delay_s = 1.0\n[space]", "expected `inputs`, the files that this is about, found none"),
        (
            "[space]",
            "inputs = [\"x.csv\"]\ninput_max_age_s = { sprd_bp = 1 }\n[space]",
            "input_max_age_s: expected btc_trend",
        ),
        (
            "[space]",
            "inputs = [\"x.csv\"]\ninput_max_age_s = \"1\"\n[space]",
            "expected seconds, or { NAME = SECONDS }",
        ),
        (
            "[space]",
            "inputs = [\"x.csv\"]\ninput_delay_s = -1.0\n[space]",
            "s.toml:11:17: input_delay_s: expected 0 to",
        ),
        ("bars = [", "bars = [] #", "bars: expected at least one file"),
    ] {
        let fault = fault_of(old, new);
        assert!(fault.contains(expected), "{old} -> {new}: {fault}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text =
        GOOD.replace("seed = 7", "seed = -1").replace("\"sharpe\"", "\"sharp\"").replace("risk = 0.01", "risk = 2");
    let faults = faults(&text);
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults[0].starts_with("s.toml:3:") && faults[2].contains("risk"), "{faults:?}");
}

#[test]
fn several_goals_need_nsga2_and_no_pruning() {
    let several = GOOD.replace("\"sharpe\"", "[\"sharpe\", \"calmar\"]");
    let faults = faults(&several);
    assert!(faults[0].contains("tpe takes one objective, got 2: use nsga2"), "{faults:?}");
    assert!(faults[1].contains("[pruning] takes one goal, found 2"), "{faults:?}");
    let nsga2 = several.replace("kind = \"tpe\"\nround = 16", "kind = \"nsga2\"");
    let spec = Spec::parse("s", &nsga2.replace("[pruning]\nkind = \"median\"", "")).unwrap();
    assert_eq!(spec.study.directions.len(), 2);
}

#[test]
fn a_space_that_can_t_run_is_told() {
    let text = GOOD.replace("low = 5, high = 19", "low = 300, high = 310");
    assert!(faults(&text)[0].contains("none of 256 random points can run: expected ema_fast < ema_slow"));
}

#[test]
fn a_margin_is_the_kernel_s_and_changes_the_identity_only_where_it_is_given() {
    let plain = Spec::parse("spec.toml", GOOD).unwrap();
    assert!(!plain.identity().unwrap().contains("margin"));
    let margin = "risk = 0.01\nmargin = { leverage = 10, maintenance = 0.005, fee_bps = 50 }";
    let spec = Spec::parse("spec.toml", &GOOD.replace("risk = 0.01", margin)).unwrap();
    assert_ne!(spec.identity().unwrap(), plain.identity().unwrap());
    let rules = spec.market.rules(&[]).unwrap();
    let expected = mesh_kernel::sizing::Margin { leverage: 10.0, maintenance_rate: 0.005, fee_rate: 500_000 };
    assert_eq!((rules.margin, plain.market.rules(&[]).unwrap().margin), (expected, Default::default()));
}
