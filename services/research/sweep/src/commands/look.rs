//! `ls`, `show`, `top`, `export`.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use mesh_optimize::importance::importance;
use mesh_optimize::{Direction, Outcome, Point};
use mesh_study::{Measures, Metric, Spec};
use serde_json::{Map, Value, json};
use sweep::Failure;
use sweep::run::{Judged, judged};
use sweep::store::{Best, Home, Row, State, Store};
use sweep::{export as write, study};

use super::{save, say, say_json, shown, table};
use crate::cli::ExportOptions;

/// The study of a name, with its specification.
pub(super) fn open(home: &Home, name: &str) -> Result<(Spec, Store), Failure> {
    let store = home.open(name)?;
    let about = store.about()?;
    Ok((study::read_spec(&about.spec_path, &about.spec_text)?, store))
}

fn state(store: &Store) -> Result<&'static str, Failure> {
    Ok(if store.finished()?.is_some() { "done" } else { "unfinished" })
}

pub(crate) fn ls(home: &Home, as_json: bool) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut list = Vec::new();
    for one in home.list()? {
        let store = Store::open(&one.path)?;
        let (about, ended) = (store.about()?, store.ended()?);
        let state = state(&store)?;
        list.push(json!({
            "id": about.id, "state": state, "ended": ended, "trials": about.trials, "bars": about.bars,
            "started_ns": about.started_ns, "spec": about.spec_path,
        }));
        rows.push(vec![about.id, state.to_owned(), ended.to_string(), about.trials.to_string(), about.spec_path]);
    }
    if as_json {
        return say_json(&Value::Array(list));
    }
    if rows.is_empty() {
        return say("no studies yet: `sweep run SPEC.toml` begins one");
    }
    let head = ["study", "state", "ended", "trials", "specification"].map(str::to_owned);
    say(&table(&head, &rows))
}

pub(crate) fn show(home: &Home, name: &str, only_spec: bool, as_json: bool) -> Result<(), Failure> {
    let (spec, store) = open(home, name)?;
    if only_spec {
        return say(store.about()?.spec_text.trim_end());
    }
    if as_json { say_json(&described(&spec, &store)?) } else { say(&page(&spec, &store)?) }
}

/// How trials ended.
#[derive(Default)]
struct Counts {
    complete: u64,
    feasible: u64,
    pruned: u64,
    invalid: u64,
    /// Points with a value of the first goal.
    valued: Vec<(Point, f64)>,
}

/// Trials that importance is taken of: the first ones, so that it stays quick.
const IMPORTANCE: usize = 200_000;

fn counts(spec: &Spec, store: &Store) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    store.each(spec, |row| {
        match (row.state, row.outcome(spec)) {
            (State::Complete, Outcome::Complete { values, violation }) => {
                counts.complete += 1;
                counts.feasible += u64::from(violation <= 0.0);
                if let (Some(value), true) = (values.first(), counts.valued.len() < IMPORTANCE) {
                    counts.valued.push((row.point, *value));
                }
            }
            (State::Complete, _) => counts.complete += 1,
            (State::Pruned { .. }, _) => counts.pruned += 1,
            (State::Invalid, _) => counts.invalid += 1,
        }
        Ok(())
    })?;
    Ok(counts)
}

/// What each parameter explains of the first goal; nothing where that can't be told.
fn explained(spec: &Spec, counts: &Counts) -> Vec<(String, f64)> {
    let trials: Vec<(&Point, f64)> = counts.valued.iter().map(|(point, value)| (point, *value)).collect();
    let mut shares: Vec<(String, f64)> = importance(spec.space(), &trials)
        .map(|all| all.into_iter().map(|one| (one.parameter, one.share)).collect())
        .unwrap_or_default();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    shares
}

/// A study as JSON.
pub(super) fn described(spec: &Spec, store: &Store) -> Result<Value, Failure> {
    let about = store.about()?;
    let finished = store.finished()?;
    let counts = counts(spec, store)?;
    let (spent_ns, configuration_bars) = store.spent()?;
    let mut best = Vec::new();
    for one in store.best()? {
        let row = store.trial(spec, one.number)?;
        best.push(json!({
            "rank": one.rank, "verified": true, "trial": row.map(|row| write::json_row(spec, &row)),
            "train": by_symbol(&one.train), "test": by_symbol(&one.test),
        }));
    }
    let explained: Vec<Value> = explained(spec, &counts)
        .into_iter()
        .map(|(parameter, share)| json!({ "parameter": parameter, "share": share }))
        .collect();
    Ok(json!({
        "id": about.id, "state": state(store)?, "strategy": spec.strategy, "spec": about.spec_path,
        "spec_hash": about.spec_hash, "data_hash": about.data_hash, "kernel": about.kernel, "version": about.version,
        "started_ns": about.started_ns, "ended_ns": finished.as_ref().map(|finished| finished.ended_ns),
        "trials": about.trials, "ended": store.ended()?, "bars": about.bars,
        "complete": counts.complete, "feasible": counts.feasible, "pruned": counts.pruned, "invalid": counts.invalid,
        "worker_ns": spent_ns, "configuration_bars": configuration_bars,
        "memory_bytes": spec.limits.memory_bytes, "importance": explained, "best": best,
        "digest": finished.map(|finished| finished.digest),
    }))
}

/// A study for people.
pub(super) fn page(spec: &Spec, store: &Store) -> Result<String, Failure> {
    let about = store.about()?;
    let counts = counts(spec, store)?;
    let (spent_ns, configuration_bars) = store.spent()?;
    let rate = configuration_bars as f64 / (spent_ns.max(1) as f64 / 1e9) / 1e6;
    let mut text = format!(
        "{}: {}, {} of {} trials: {} complete ({} feasible), {} stopped early, {} whose parameters can't run\n\
         {configuration_bars} configuration-bars, {rate:.1} M a second and worker\n",
        about.id,
        state(store)?,
        store.ended()?,
        about.trials,
        counts.complete,
        counts.feasible,
        counts.pruned,
        counts.invalid,
    );
    let explained = explained(spec, &counts);
    if !explained.is_empty() {
        let shares: Vec<String> =
            explained.iter().map(|(parameter, share)| format!("{parameter} {:.0} %", share * 100.0)).collect();
        text += &format!("explains: {}\n", shares.join(", "));
    }
    text.push('\n');
    text += &best_table(spec, &judged(spec, store, 10)?, &tests(store)?);
    Ok(text)
}

/// `{"all": figures, "symbols": {symbol: figures}}`; null where there are none.
fn by_symbol(symbols: &[(String, Measures)]) -> Value {
    let Some(((_, all), each)) = symbols.split_first() else { return Value::Null };
    let each: Map<String, Value> = each.iter().map(|(symbol, of)| (symbol.clone(), write::json_figures(of))).collect();
    json!({ "all": write::json_figures(all), "symbols": each })
}

/// Figures on the rest of the data, by trial.
fn tests(store: &Store) -> Result<Vec<(u64, Measures)>, Failure> {
    let of = |one: Best| one.test.into_iter().next().map(|(_, all)| (one.number, all));
    Ok(store.best()?.into_iter().filter_map(of).collect())
}

fn best_table(spec: &Spec, best: &[Judged], tests: &[(u64, Measures)]) -> String {
    if best.is_empty() {
        return "no trial is complete and keeps the constraints".to_owned();
    }
    let goals = spec.objective.goals.iter().map(|goal| goal.metric);
    let bounds = spec.objective.constraints.iter().map(|constraint| constraint.metric);
    let mut metrics: Vec<Metric> = goals
        .chain(bounds)
        .chain(["total_return", "max_drawdown", "trades"].iter().filter_map(|name| Metric::named(name)))
        .collect();
    let mut seen = Vec::new();
    metrics.retain(|metric| {
        !seen.contains(metric) && {
            seen.push(*metric);
            true
        }
    });
    let first = metrics.first().copied();
    let mut head = vec!["trial".to_owned()];
    head.extend(metrics.iter().map(|metric| metric.name().to_owned()));
    if !tests.is_empty() {
        head.push(format!("test {}", first.map_or("", Metric::name)));
    }
    head.extend(spec.space().parameters().iter().map(|parameter| parameter.name.clone()));
    let rows: Vec<Vec<String>> = best
        .iter()
        .map(|judged| {
            let mut cells = vec![judged.row.number.to_string()];
            cells.extend(metrics.iter().map(|metric| shown(judged.row.measures.get(*metric))));
            if !tests.is_empty() {
                let test = tests.iter().find(|(number, _)| *number == judged.row.number);
                let value = test.and_then(|(_, test)| test.get(first?));
                cells.push(shown(value));
            }
            cells.extend(parameters(spec, &judged.row));
            cells
        })
        .collect();
    table(&head, &rows)
}

fn parameters(spec: &Spec, row: &Row) -> Vec<String> {
    let named = spec.space().values(&row.point);
    let of = |name: &str| named.iter().find(|(known, _)| *known == name);
    let cell = |name: &str| {
        of(name).map_or_else(
            || "–".to_owned(),
            |(_, value)| match value {
                mesh_optimize::Value::Float(value) => shown(Some(*value)),
                other => other.to_string(),
            },
        )
    };
    spec.space().parameters().iter().map(|parameter| cell(&parameter.name)).collect()
}

pub(crate) fn top(home: &Home, name: &str, count: usize, by: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let (mut spec, store) = open(home, name)?;
    if let Some(by) = by {
        let metric = Metric::named(by).ok_or_else(|| {
            let names: Vec<&str> = Metric::all().map(Metric::name).collect();
            Failure::usage(format!("no figure is called `{by}`; there is: {}", names.join(", ")))
        })?;
        // Losses and costs are wanted small.
        let is_small = ["max_drawdown", "fees", "volatility", "liquidations"].contains(&by);
        let direction = if is_small { Direction::Minimise } else { Direction::Maximise };
        spec.objective.goals = vec![mesh_study::objective::Goal { metric, direction }];
    }
    let best = judged(&spec, &store, count)?;
    if !as_json {
        return say(&best_table(&spec, &best, &tests(&store)?));
    }
    let rows: Vec<Value> = best
        .iter()
        .zip(1..)
        .map(|(judged, rank)| {
            let mut row = write::json_row(&spec, &judged.row);
            row["rank"] = json!(rank);
            row
        })
        .collect();
    say_json(&Value::Array(rows))
}

pub(crate) fn export(home: &Home, options: &ExportOptions) -> Result<(), Failure> {
    let (spec, store) = open(home, &options.id)?;
    if let Some(path) = &options.csv {
        text(path, |out| write::csv(&spec, &store, out))?;
    }
    if let Some(path) = &options.returns {
        let study = study::Study::resumed(home, &options.id)?;
        let symbol = options.symbol.as_deref();
        text(path, |out| sweep::returns::csv(&study.spec, &study.prepared, &store, symbol, out))?;
    }
    if let Some(path) = &options.parquet {
        save(path, |file| write::parquet(&spec, &store, file))?;
    }
    if options.json || [&options.csv, &options.parquet, &options.returns].iter().all(|path| path.is_none()) {
        to_stdout(|out| write::json_lines(&spec, &store, out))?;
    }
    Ok(())
}

/// Writes text to a file, or to standard output where that is `-`.
fn text(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        return to_stdout(write);
    }
    save(path, |file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        Ok(out.flush()?)
    })
}

fn to_stdout(write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    match out.flush() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
