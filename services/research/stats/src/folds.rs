//! Ways to choose on one part of the past and judge on another.

use std::ops::Range;
use std::path::Path;

use mesh_optimize::stats::purged as folds;
use mesh_optimize::stats::walk_forward::{Split, WalkForward};
use serde_json::{Value, json};

use crate::Failure;
use crate::data::Table;
use crate::options::Walk;
use crate::report::{Report, percent};

const WALK: &str = "Pardo, 'The evaluation and optimization of trading strategies', 2008";

fn count(of: u64) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}

fn range(range: &Range<usize>) -> Value {
    json!([range.start, range.end])
}

pub(crate) fn walk_forward(options: &Walk) -> Result<Report, Failure> {
    let walk = WalkForward {
        train: count(options.train),
        test: count(options.test),
        step: count(options.step.unwrap_or(options.test)),
        gap: options.gap,
        anchored: options.anchored,
    };
    let report = |value| {
        Report::new("walk-forward", value, WALK)
            .with("train", walk.train)
            .with("test", walk.test)
            .with("step", walk.step)
            .with("gap", walk.gap)
            .with("anchored", walk.anchored)
    };
    let file = options.matrix.as_deref().or(options.returns.as_deref());
    let Some(file) = file else {
        let splits = walk.splits(options.periods.unwrap_or(0))?;
        let shown: Vec<Value> =
            splits.iter().map(|split| json!({"train": range(&split.train), "test": range(&split.test)})).collect();
        let reading = "Half-open ranges of periods, counted from 0: choose on train, judge on test.";
        return Ok(report(Ok(splits.len() as f64)).with("n", options.periods).with("splits", shown).read_as(reading));
    };
    let table = Table::read(file)?;
    let one = options
        .returns
        .is_some()
        .then(|| table.series(options.column.as_deref(), &["return", "returns"]))
        .transpose()?;
    let (names, columns) = match &one {
        Some(series) => (vec![options.column.clone().unwrap_or_else(|| "returns".to_owned())], vec![series.as_slice()]),
        None => table.matrix()?,
    };
    let walked = walk.walk(&columns)?;
    let shown = walked.steps.iter().map(|step| {
        let Split { train, test } = &step.split;
        json!({
            "train": range(train), "test": range(test), "chosen": names[step.chosen],
            "in_sample": step.in_sample, "out_of_sample": step.out_of_sample,
        })
    });
    let shown: Vec<Value> = shown.collect();
    let reading = walked.efficiency.as_ref().map_or_else(
        |_| String::new(),
        |kept| {
            format!(
                "What was chosen kept {} of its mean return on the stretches after; half is good, above 100 % suspect.",
                percent(*kept)
            )
        },
    );
    Ok(report(walked.efficiency.clone())
        .stat("efficiency", walked.efficiency)
        .stat("sharpe", walked.sharpe)
        .with("n", columns.first().map_or(0, |column| column.len()))
        .with("trials", columns.len())
        .with("splits", shown)
        .read_as(reading))
}

pub(crate) fn purged(file: &Path, groups: u64, tested: u64, embargo: f64) -> Result<Report, Failure> {
    let table = Table::read(file)?;
    let column = table.series(None, &["end", "t1"])?;
    let mut ends = Vec::with_capacity(column.len());
    for (row, end) in column.iter().enumerate() {
        if end.fract() != 0.0 || !(0.0..=1e15).contains(end) || *end < row as f64 {
            return Err(table.wrong(row, &format!("a period from {row} on"), &end.to_string()).into());
        }
        ends.push(*end as usize);
    }
    if tested >= groups {
        return Err(Failure::Usage(format!("--tested: expected fewer than the {groups} folds, found {tested}")));
    }
    let (groups, tested) = (count(groups), count(tested));
    let found = if tested == 1 {
        folds::k_fold(&ends, groups, embargo)
    } else {
        folds::combinatorial(&ends, groups, tested, embargo)
    };
    let found: Vec<folds::Fold> = found?;
    let shown = found.iter().map(|fold| {
        json!({
            "groups": fold.groups,
            "test": fold.test.iter().map(range).collect::<Vec<_>>(),
            "train": fold.train.iter().map(range).collect::<Vec<_>>(),
            "train_count": fold.train.iter().map(Range::len).sum::<usize>(),
        })
    });
    let shown: Vec<Value> = shown.collect();
    Ok(Report::new("purged", Ok(found.len() as f64), "Lopez de Prado, 'Advances in financial machine learning', 2018, chapters 7 and 12")
        .with("n", ends.len())
        .with("folds", groups)
        .with("tested", tested)
        .with("embargo", embargo)
        .with("paths", folds::paths(groups, tested))
        .with("splits", shown)
        .read_as("Half-open ranges of periods, counted from 0: choose on train, judge on test; nothing chosen on overlaps what is judged."))
}
