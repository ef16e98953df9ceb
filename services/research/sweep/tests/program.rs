//! The program as people run it: specifications in, studies out; killed, resumed, with other workers.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)] // a test says what broke by panicking

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mesh_optimize::Rng;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a home, bars and a specification.
struct Place(TempDir);

impl Place {
    fn new(bars: u64, spec: &str) -> Self {
        let place = Self(TempDir::new().unwrap());
        fs::write(place.path("bars.csv"), walk(bars, 1)).unwrap();
        fs::write(place.path("spec.toml"), spec).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
        command.args(arguments).current_dir(self.0.path()).env("ALPHAMESH_HOME", self.path("home"));
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.succeeds(arguments)).unwrap()
    }

    /// Exit code and what was said.
    fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.output(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeded: {}", text(&output.stdout));
        (output.status.code().unwrap(), text(&output.stderr))
    }

    /// What is said in the end, and the most memory that was held on the way, MB.
    fn peak(&self, arguments: &[&str]) -> (String, u64) {
        let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut most_kb = 0;
        while child.try_wait().unwrap().is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kb = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            most_kb = kb.unwrap_or(0).max(most_kb);
            thread::yield_now();
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        (text(&output.stderr), most_kb.div_ceil(1 << 10))
    }

    /// Runs the specification, and everything that its export says.
    fn study(&self, more: &[&str]) -> String {
        let done = self.json(&[&["run", "spec.toml", "--cpu", "--json"], more].concat());
        assert_eq!(done["state"], "done");
        self.succeeds(&["export", done["id"].as_str().unwrap(), "--csv", "-"])
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Prices that go up and down by chance, with trends.
fn walk(bars: u64, seed: u64) -> String {
    let mut rng = Rng::seeded(seed);
    let mut csv = String::from("ts_ms,open,high,low,close,volume\n");
    let mut open = 100.0;
    for i in 0..bars {
        let drift = if (i / 150) % 2 == 0 { 0.45 } else { 0.55 };
        let close = ((open * (1.0 + (rng.uniform() - drift) * 0.02)) * 100.0_f64).round() / 100.0;
        let (high, low) = (f64::max(open, close) + 0.2, f64::min(open, close) - 0.2);
        csv += &format!("{},{open},{high},{low},{close},{}\n", 1_704_067_200_000 + i * 3_600_000, 1 + i % 9);
        open = close;
    }
    csv
}

fn spec(sampler: &str, pruning: &str, budget: u32, limits: &str) -> String {
    format!(
        "strategy = 'momentum'\nseed = 5\nbudget = {budget}\n[data]\nbars = ['AAA=bars.csv']\nsplit = 0.7\n[space]\n\
         ema_fast = {{ low = 3, high = 30 }}\nema_slow = {{ low = 20, high = 60, step = 2 }}\n\
         stop_atr = {{ low = 0.5, high = 6.0, log = true }}\ntarget_atr = [0, 2, 4]\nallow_short = [true, false]\n\
         partial_atr = {{ grid = [0.5, 1], when = {{ target_atr = [2, 4] }} }}\n\
         [objective]\nmaximise = 'sharpe'\nconstraints = ['trades >= 4']\n[sampler]\n{sampler}\n{pruning}\n\
         [market]\nfills = 'intrabar'\nfee_bps = 3\nfraction = 0.5\n[limits]\n{limits}\nbest = 4\n"
    )
}

const MEDIAN: &str = "[pruning]\nkind = 'median'\nstartup = 8\nsteps = 6";

#[test]
fn the_same_study_for_any_workers_and_chunks() {
    for (sampler, pruning) in [
        ("kind = 'random'", ""),
        ("kind = 'sobol'", MEDIAN),
        ("kind = 'tpe'\nround = 12", MEDIAN),
        ("kind = 'nsga2'\npopulation = 16", ""),
    ] {
        let with = |workers: &str, chunk: u32| {
            Place::new(900, &spec(sampler, pruning, 96, &format!("chunk = {chunk}"))).study(&["--workers", workers])
        };
        let alone = with("1", 8);
        assert_eq!(alone.lines().count(), 97, "{sampler}");
        for (workers, chunk) in [("2", 8), ("7", 5), ("7", 1), ("1", 1000)] {
            assert_eq!(with(workers, chunk), alone, "{sampler}: {workers} workers, chunks of {chunk}");
        }
    }
}

/// Trials that are kept.
fn kept(place: &Place) -> u64 {
    let list = place.json(&["ls", "--json"]);
    list[0]["ended"].as_u64().unwrap_or(0)
}

#[test]
fn killed_ten_times_it_is_the_same_study() {
    for (sampler, pruning) in [("kind = 'random'", ""), ("kind = 'tpe'\nround = 20", MEDIAN)] {
        let spec = spec(sampler, pruning, 600, "chunk = 4");
        let whole = Place::new(1_500, &spec).study(&["--workers", "2"]);
        let place = Place::new(1_500, &spec);
        let mut kills = 0;
        let mut last = 0;
        let begun = Instant::now();
        while kills < 10 && last < 560 {
            assert!(begun.elapsed() < Duration::from_secs(120), "the study makes no progress");
            let mut child = place
                .command(&["run", "spec.toml", "--cpu", "--json", "--workers", "2"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Killed as soon as something more than before is kept.
            while kept_of(&place) <= last && child.try_wait().unwrap().is_none() {
                thread::yield_now();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let now = kept(&place);
            assert!(now >= last, "{now} trials after {last}");
            (last, kills) = (now, kills + 1);
        }
        assert!(kills == 10, "only {kills} kills: it was too quick");
        let id = place.json(&["ls", "--json"])[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(place.json(&["ls", "--json"])[0]["state"], "unfinished");
        let done = place.json(&["resume", &id, "--cpu", "--json", "--workers", "3"]);
        assert_eq!(done["ended"], 600);
        assert_eq!(place.succeeds(&["export", &id, "--csv", "-"]), whole, "{sampler}");
    }
}

/// The same, read in this process: quick enough to be asked often.
fn kept_of(place: &Place) -> u64 {
    let home = sweep::store::Home::of(&place.path("home"));
    let list = home.list().unwrap();
    let Some(one) = list.first() else { return 0 };
    // It may be about to be made.
    sweep::store::Store::open(&one.path).and_then(|store| store.ended()).unwrap_or(0)
}

#[test]
fn what_changed_is_refused() {
    let text_of = spec("kind = 'random'", "", 40, "chunk = 8");
    let place = Place::new(600, &text_of);
    place.study(&[]);
    let id = place.json(&["ls", "--json"])[0]["id"].as_str().unwrap().to_owned();
    // Comments and limits may change, and it says so again what came of it.
    fs::write(place.path("spec.toml"), text_of.replace("chunk = 8", "chunk = 9 # more")).unwrap();
    assert_eq!(place.json(&["resume", &id, "--json"])["state"], "done");
    fs::write(place.path("spec.toml"), text_of.replace("fee_bps = 3", "fee_bps = 4")).unwrap();
    let (code, said) = place.fails(&["resume", &id, "--json"]);
    assert!(code == 1 && said.contains("is not the one that it was begun with"), "{said}");
    let kept: String = place.succeeds(&["show", &id, "--spec"]);
    assert_eq!(kept.trim(), text_of.trim());
    fs::write(place.path("spec.toml"), &text_of).unwrap();
    fs::write(place.path("bars.csv"), walk(600, 2)).unwrap();
    let (code, said) = place.fails(&["resume", &id, "--json"]);
    assert!(code == 1 && said.contains("its data is not what it was begun with"), "{said}");
    // A run with the new data is another study.
    place.study(&[]);
    assert_eq!(place.json(&["ls", "--json"]).as_array().unwrap().len(), 2);
}

#[test]
fn memory_is_bounded_or_refused() {
    // 200,000 bars are 9.2 MB as they are read; a configuration's indicators 1.5 MB each.
    let place = Place::new(200_000, "");
    let write = |memory_mb: u64| {
        let text = spec("kind = 'random'", "", 8, &format!("memory_mb = {memory_mb}"));
        fs::write(place.path("spec.toml"), text).unwrap();
    };
    let asked_for = |said: &str| -> u64 {
        assert!(said.contains("[limits] memory_mb: ") && said.contains(" are too few: "), "{said}");
        said.split("give at least ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
    };
    // Refused while it reads, with what is enough.
    write(9);
    let (code, said) = place.fails(&["run", "spec.toml", "--cpu", "--json"]);
    assert!(code == 2 && said.contains("the bars, funding and inputs alone take 10 MB"), "{said}");
    write(asked_for(&said));
    let check = place.json(&["check", "spec.toml", "--json"]);
    let memory = |name: &str| check["memory"][name].as_u64().unwrap();
    assert!(memory("least_bytes") >= memory("reading_bytes").max(memory("history_bytes")), "{check}");
    // One MB below the least it is refused, with that; with that it runs, and takes no more.
    let least = memory("least_bytes").div_ceil(1 << 20);
    write(least - 1);
    let (code, said) = place.fails(&["check", "spec.toml"]);
    assert!(code == 2 && asked_for(&said) == least, "{said}");
    write(least);
    let (said, peak) = place.peak(&["run", "spec.toml", "--cpu", "--workers", "4"]);
    assert!(said.contains(&format!("memory: at most {least} MB")) && said.contains("1 workers"), "{said}");
    let (_, program) = Place::new(300, &spec("kind = 'random'", "", 8, "")).peak(&["run", "spec.toml", "--cpu"]);
    assert!(peak <= program + least, "{peak} MB, of which the program alone {program}; the bound is {least}");
}

#[test]
fn a_check_tells_what_is_read_and_known() {
    let text = spec("kind = 'random'", "", 8, "")
        .replace("split = 0.7", "split = 0.7\nfunding = ['AAA=funding.csv']\ninputs = ['AAA=inputs.csv']");
    let place = Place::new(100, &text);
    let ms = |bar: u64| 1_704_067_200_000 + bar * 3_600_000;
    fs::write(place.path("funding.csv"), format!("ts_ms,rate\n{},0.0001\n", ms(10))).unwrap();
    let rows: String = (20..80).map(|bar| format!("{},1.5\n", ms(bar))).collect();
    fs::write(place.path("inputs.csv"), format!("ts_ms,spread_bp\n{rows}")).unwrap();
    let check = place.json(&["check", "spec.toml", "--json"]);
    let (train, test) = (&check["data"][0]["train"], &check["data"][0]["test"]);
    assert_eq!((train["bars"].as_u64(), test["bars"].as_u64()), (Some(70), Some(30)));
    assert_eq!(train["from_ns"].as_u64(), Some(ms(0) * 1_000_000));
    assert_eq!(test["to_ns"].as_u64(), Some(ms(99) * 1_000_000));
    // A bar knows what is of its close: that of bar 20 is known at bar 19; a value is good for an hour.
    assert_eq!((train["known"]["spread_bp"].as_u64(), test["known"]["spread_bp"].as_u64()), (Some(51), Some(10)));
    assert_eq!(train["known"]["funding_bp_8h"].as_u64(), Some(60));
    let names: Vec<&str> = check["reads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(names, ["bars.csv", "funding.csv", "inputs.csv"]);
    let said = place.succeeds(&["check", "spec.toml"]);
    for part in [
        "swept   AAA: 70 bars, 2024-01-01 to 2024-01-03",
        "spread_bp known at 51",
        "judges  AAA: 30",
        "memory  at most 512",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/momentum.toml")
}

#[test]
fn the_example_runs() {
    let place = Place::new(2_000, &fs::read_to_string(example()).unwrap());
    let check = place.json(&["check", "spec.toml", "--json"]);
    assert_eq!((check["trials"].as_u64(), check["train_bars"].as_u64()), (Some(400), Some(1_500)));
    let done = place.json(&["run", "spec.toml", "--json"]);
    let id = done["id"].as_str().unwrap();
    assert_eq!((done["state"].as_str(), done["ended"].as_u64()), (Some("done"), Some(400)));
    assert_eq!(done["best"].as_array().unwrap().len(), 5);
    assert!(done["pruned"].as_u64().unwrap() > 0, "{done}");
    for one in done["best"].as_array().unwrap() {
        assert!(
            one["train"]["all"]["sharpe"].is_f64() && one["test"]["symbols"]["BTCUSDT"]["trades"].is_f64(),
            "{one}"
        );
        assert_eq!(one["train"]["all"]["sharpe"], one["trial"]["metrics"]["sharpe"]);
    }
    // Words about a study that is there.
    let top = place.json(&["top", id, "-n", "3", "--json"]);
    let sharpe: Vec<f64> =
        top.as_array().unwrap().iter().map(|row| row["metrics"]["sharpe"].as_f64().unwrap()).collect();
    assert!(sharpe.len() == 3 && sharpe.is_sorted_by(|a, b| a >= b), "{sharpe:?}");
    assert_eq!(top[0]["number"], done["best"][0]["trial"]["number"]);
    let by = place.json(&["top", id, "--by", "max_drawdown", "-n", "2", "--json"]);
    assert!(by[0]["metrics"]["max_drawdown"].as_f64() <= by[1]["metrics"]["max_drawdown"].as_f64());
    for words in [vec!["ls"], vec!["show", id], vec!["top", id], vec!["show", &id[id.len() - 6..]]] {
        let said = place.succeeds(&words);
        assert!(said.contains("momentum-") || said.contains("ema_fast"), "{words:?}: {said}");
    }
    place.succeeds(&["plot", id, "--html", "plot.html", "--heat", "stop_atr", "ema_fast"]);
    let page = fs::read_to_string(place.path("plot.html")).unwrap();
    assert!(page.matches("<svg").count() == 3 && page.contains("Mean sharpe by stop_atr and ema_fast"));
    assert!(!page.contains("http") && !page.contains("NaN"), "self-contained, and numbers alone");
    // Again it runs nothing: the same study.
    assert_eq!(place.json(&["run", "spec.toml", "--json"])["digest"], done["digest"]);
}

#[test]
fn an_export_is_the_same_in_every_form() {
    let place = Place::new(700, &spec("kind = 'random'", MEDIAN, 60, "chunk = 8"));
    let csv = place.study(&[]);
    let id = place.json(&["ls", "--json"])[0]["id"].as_str().unwrap().to_owned();
    let lines = place.succeeds(&["export", &id, "--json"]);
    place.succeeds(&["export", &id, "--parquet", "out.parquet", "--csv", "out.csv"]);
    assert_eq!(fs::read_to_string(place.path("out.csv")).unwrap(), csv);
    let file = fs::File::open(place.path("out.parquet")).unwrap();
    let mut batches = mesh_columns::Reader::new(file).unwrap().read(&["sharpe", "ema_fast", "state"]).unwrap();
    let batch = batches.next_batch().unwrap().unwrap();
    assert_eq!((batch.rows(), lines.lines().count()), (60, 60));
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let place_of = |name: &str| head.iter().position(|known| *known == name).unwrap();
    for (row, (line, cells)) in lines.lines().zip(csv.lines().skip(1)).enumerate() {
        let json: Value = serde_json::from_str(line).unwrap();
        let cells: Vec<&str> = cells.split(',').collect();
        assert_eq!(json["number"].to_string(), cells[0]);
        let sharpe = cells[place_of("sharpe")];
        // Readers of JSON may round: the text has every digit.
        assert!(line.contains(&format!("\"sharpe\":{}", if sharpe.is_empty() { "null" } else { sharpe })), "{line}");
        assert_eq!(batch.number(0, row).ok(), sharpe.parse().ok());
        assert_eq!(batch.number(1, row).unwrap().to_string(), cells[place_of("ema_fast")]);
        assert_eq!(json["state"] == "complete", !cells[place_of("digest")].is_empty());
    }
}

/// The matrix of returns has the ratios that the study kept, trial by trial, those that were stopped early too.
#[test]
fn the_returns_of_all_trials_are_those_that_were_judged() {
    let place = Place::new(900, &spec("kind = 'random'", MEDIAN, 60, "chunk = 8"));
    let csv = place.study(&[]);
    let id = place.json(&["ls", "--json"])[0]["id"].as_str().unwrap().to_owned();
    place.succeeds(&["export", &id, "--returns", "returns.csv"]);
    let matrix = fs::read_to_string(place.path("returns.csv")).unwrap();
    let mut lines = matrix.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<f64>> = lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let (ratio, state) =
        ["sharpe_per_period", "state"].map(|name| head.iter().position(|n| *n == name).unwrap()).into();
    let mut compared = 0;
    for cells in csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>()) {
        let Some(column) = names.iter().position(|name| *name == format!("trial_{}", cells[0])) else {
            assert_eq!(cells[state], "invalid");
            continue;
        };
        let returns: Vec<f64> = rows.iter().map(|row| row[column]).collect();
        let Ok(expected) = cells[ratio].parse::<f64>() else { continue };
        let found = mesh_optimize::stats::performance::sharpe(&returns).unwrap();
        assert!(
            (found - expected).abs() < 1e-9 * expected.abs().max(1.0),
            "trial {}: {found} and {expected}",
            cells[0]
        );
        compared += 1;
    }
    assert!(compared > 20 && names.len() > compared, "{compared} of {}", names.len());
    let (code, said) = place.fails(&["export", &id, "--returns", "-", "--symbol", "BBB"]);
    assert!(code == 2 && said.contains("--symbol: expected one of AAA, found BBB"), "{said}");
}

#[test]
fn several_symbols_and_goals_are_swept() {
    let text = spec("kind = 'nsga2'\npopulation = 16", "", 64, "chunk = 8")
        .replace("['AAA=bars.csv']", "['AAA=bars.csv', 'BBB=other.csv']\nleader = 'AAA'\nbreadth = true")
        .replace("maximise = 'sharpe'", "maximise = 'total_return'\nminimise = 'max_drawdown'\nsymbols = 'worst'");
    let place = Place::new(800, &text);
    fs::write(place.path("other.csv"), walk(700, 3)).unwrap();
    let done = place.json(&["run", "spec.toml", "--cpu", "--json"]);
    let best = done["best"].as_array().unwrap();
    assert!(!best.is_empty());
    for one in best {
        let of = |symbol: &str, name: &str| one["train"]["symbols"][symbol][name].as_f64().unwrap();
        let all = |name: &str| one["train"]["all"][name].as_f64().unwrap();
        assert_eq!(all("total_return"), of("AAA", "total_return").min(of("BBB", "total_return")));
        assert_eq!(all("max_drawdown"), of("AAA", "max_drawdown").max(of("BBB", "max_drawdown")));
    }
    // What is as good as another is told once, and people see the best by the first goal.
    let value = |one: &Value, name: &str| one["train"]["all"][name].as_f64().unwrap();
    let mut pairs: Vec<_> = best.iter().map(|one| (value(one, "total_return"), value(one, "max_drawdown"))).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1), "{pairs:?}");
    let other = text.replace("seed = 5", "seed = 6").replace("best = 4", "best = 64");
    fs::write(place.path("spec.toml"), other).unwrap();
    let output = place.output(&["run", "spec.toml", "--cpu"]);
    let (table, said) = (self::text(&output.stdout), self::text(&output.stderr));
    let told = said.rsplit("best total_return ").next().unwrap().split(' ').next().unwrap().to_owned();
    let rows =
        table.lines().skip_while(|line| !line.starts_with("trial  ")).skip(1).take_while(|line| !line.is_empty());
    let returns: Vec<f64> = rows.map(|row| row.split_whitespace().nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(told.parse::<f64>().ok(), returns.iter().copied().reduce(f64::max), "{said}{table}");
}

#[test]
fn mistakes_have_their_exit_codes() {
    let place = Place::new(300, "strategy = 'momentun'\n");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["run", "spec.toml"], 2, "missing field"),
        (&["run", "nowhere.toml"], 2, "can't be read"),
        (&["show", "x"], 2, "expected the name of one study, found `x`; there is none yet"),
        (&["frobnicate"], 2, "unrecognized subcommand"),
        (&["run", "spec.toml", "--cpu", "--gpu"], 2, "cannot be used with"),
        (&["top", "x", "-n", "many"], 2, "invalid value"),
    ];
    for (words, code, expected) in cases {
        let (found, said) = place.fails(words);
        assert!(found == code && said.contains(expected), "{words:?}: {found}: {said}");
    }
    let late = spec("kind = 'random'", "", 10, "chunk = 2").replace("split = 0.7", "split = 2050-01-01");
    fs::write(place.path("spec.toml"), late).unwrap();
    let (code, said) = place.fails(&["check", "spec.toml"]);
    assert!(code == 2 && said.contains("expected a date before the last bar (2024-01-13)"), "{said}");
    fs::write(place.path("spec.toml"), spec("kind = 'random'", "", 10, "chunk = 2").replace("bars.csv", "none.csv"))
        .unwrap();
    let (code, said) = place.fails(&["run", "spec.toml"]);
    assert!(code == 2 && said.contains("none.csv: can't be read"), "{said}");
}

/// A result that was tampered with, or made by another path, does not pass as verified.
#[test]
fn a_changed_bit_is_an_error() {
    let place = Place::new(600, &spec("kind = 'random'", "", 40, "chunk = 8"));
    place.study(&[]);
    let list = place.json(&["ls", "--json"]);
    let id = list[0]["id"].as_str().unwrap();
    let best = place.json(&["top", id, "-n", "1", "--json"])[0]["number"].as_u64().unwrap();
    let database = rusqlite::Connection::open(place.path(&format!("home/research/sweeps/{id}.sqlite"))).unwrap();
    database.execute("UPDATE study SET ended_ns = NULL, digest = NULL", []).unwrap();
    database.execute("UPDATE trials SET sharpe = sharpe * (1 + 2e-16) WHERE number = ?", [best as i64]).unwrap();
    let (code, said) = place.fails(&["resume", id, "--json"]);
    assert!(
        code == 1 && said.contains(&format!("trial {best}: what was kept of it differs from the scalar path")),
        "{said}"
    );
}

#[test]
fn a_margin_closes_by_force_on_both_paths() {
    let forced = |margin: &str| -> f64 {
        let text = spec("kind = 'random'", "", 64, "chunk = 16").replace("fraction = 0.5", margin);
        // The study ends well only where the scalar path agrees with the best.
        let csv = Place::new(900, &text).study(&[]);
        let at = csv.lines().next().unwrap().split(',').position(|name| name == "liquidations").unwrap();
        csv.lines().skip(1).filter_map(|line| line.split(',').nth(at)?.parse::<f64>().ok()).sum()
    };
    assert_eq!(forced("fraction = 0.5"), 0.0);
    assert!(forced("fraction = 0.5\nmargin = { leverage = 50, maintenance = 0.005, fee_bps = 50 }") > 0.0);
}
