//! Statistics of many trials: what is left of the best when all that were tried are counted.

use std::path::Path;

use mesh_optimize::stats::neighbourhood::Surface;
use mesh_optimize::stats::sharpe::{Observed, Trials};
use mesh_optimize::stats::{Undefined, overfitting as validation, performance};

use crate::Failure;
use crate::data::Table;
use crate::options::Dsr;
use crate::report::{Report, percent};

/// The Sharpe ratio of each trial; 0 where its returns do not vary, as in cross-validation.
fn sharpes(columns: &[&[f64]]) -> Result<Vec<f64>, Undefined> {
    let of = |column: &&[f64]| match performance::sharpe(column) {
        Err(Undefined::Zero { .. }) => Ok(0.0),
        other => other,
    };
    columns.iter().map(of).collect()
}

fn largest(values: &[f64]) -> usize {
    values.iter().enumerate().fold(0, |best, (at, value)| if *value > values[best] { at } else { best })
}

/// The trials of the options, and what is observed of the chosen one, with its name.
fn observed(options: &Dsr) -> Result<(Observed, Trials, Option<String>), Failure> {
    let mut observed = match &options.returns {
        Some(file) => {
            let returns = Table::read(file)?.series(options.column.as_deref(), &["return", "returns"])?;
            Some((Observed::of(&returns)?, None))
        }
        None => None,
    };
    let trials = if let Some(file) = &options.matrix {
        let table = Table::read(file)?;
        let (names, columns) = table.matrix()?;
        let sharpes = sharpes(&columns)?;
        let best = largest(&sharpes);
        if observed.is_none() {
            observed = Some((Observed::of(columns[best])?, Some(names[best].clone())));
        }
        Some(Trials::of(&sharpes)?)
    } else if let Some(file) = &options.trial_sharpes {
        Some(Trials::of(&Table::read(file)?.series(None, &["sharpe"])?)?)
    } else {
        options.variance.map(|variance| Trials { count: options.trials.unwrap_or(1), variance })
    };
    let trials = trials.ok_or_else(|| Undefined::TooFew { of: "trials".to_owned(), needed: 1, got: 0 })?;
    let trials = Trials { count: options.trials.unwrap_or(trials.count), ..trials };
    let (observed, name) = observed.ok_or_else(|| Undefined::TooFew { of: "returns".to_owned(), needed: 1, got: 0 })?;
    Ok((observed, trials, name))
}

pub(crate) fn deflated(options: &Dsr) -> Result<Report, Failure> {
    let (observed, trials, chosen) = observed(options)?;
    let value = observed.deflated(&trials);
    let reading = value.as_ref().map_or_else(
        |_| String::new(),
        |value| {
            format!(
                "That the true Sharpe ratio is above what luck alone shows at best among {} trials has a probability of {}; below 95 % the winner may well be luck.",
                trials.count,
                percent(*value)
            )
        },
    );
    Ok(Report::new("dsr", value, "Bailey and Lopez de Prado, 'The deflated Sharpe ratio', 2014")
        .with("n", observed.periods)
        .with("sharpe", observed.sharpe)
        .with("skew", observed.skewness)
        .with("kurtosis", observed.kurtosis)
        .with("trials", trials.count)
        .with("trial_variance", trials.variance)
        .stat("expected_max_sharpe", trials.expected_max_sharpe())
        .stat("psr", observed.probabilistic(0.0))
        .with("chosen", chosen)
        .read_as(reading))
}

pub(crate) fn overfitting(file: &Path, blocks: usize) -> Result<Report, Failure> {
    let table = Table::read(file)?;
    let (_, columns) = table.matrix()?;
    let found = validation::cross_validate(&columns, blocks)?;
    Ok(Report::new("pbo", Ok(found.probability), "Bailey, Borwein, Lopez de Prado, Zhu, 'The probability of backtest overfitting', 2017")
        .with("trials", columns.len())
        .with("n", columns.first().map_or(0, |column| column.len()))
        .with("blocks", blocks)
        .with("combinations", found.combinations)
        .with("mean_logit", found.mean_logit)
        .with("median_logit", found.median_logit)
        .with("degradation_slope", found.degradation_slope)
        .with("degradation_intercept", found.degradation_intercept)
        .with("probability_of_loss", found.probability_of_loss)
        .read_as(format!(
            "In {} of {} ways to halve the periods, the best of one half is no better than the middle in the other; above 50 % choosing is worth nothing, below 5 % is good.",
            percent(found.probability),
            found.combinations
        )))
}

pub(crate) fn neighbourhood(file: &Path) -> Result<Report, Failure> {
    let table = Table::read(file)?;
    let (names, columns) = table.matrix()?;
    let Some(((result, values), parameters)) = names.last().zip(columns.last()).zip(columns.split_last()) else {
        return Err(table.missing(&["parameters", "result"]).into());
    };
    let parameters = parameters.1;
    let axes: Vec<Vec<f64>> = parameters.iter().map(|column| axis(column)).collect();
    let grid = grid(&table, parameters, &axes, values)?;
    let surface = Surface::new(axes.iter().map(Vec::len).collect(), grid)?;
    let best = surface.best();
    let plateau = surface.plateau();
    let at_best = surface.at(&best)?;
    let at_plateau = surface.at(&plateau)?;
    let point = |index: &[usize]| -> serde_json::Map<String, serde_json::Value> {
        let values = index.iter().zip(&axes).map(|(at, axis)| serde_json::Value::from(axis[*at]));
        names.iter().cloned().zip(values).collect()
    };
    let reading = at_best.relative_drop.as_ref().map_or_else(
        |_| String::new(),
        |drop| {
            format!(
                "Around the best {result} of {:.4} the mean is lower by {}: near 0 it stands on a plateau, near 100 % on a spike. The middle of the best plateau has {:.4}.",
                at_best.value,
                percent(*drop),
                at_plateau.value
            )
        },
    );
    Ok(Report::new(
        "neighbourhood",
        at_best.relative_drop.clone(),
        "Pardo, 'The evaluation and optimization of trading strategies', 2008",
    )
    .with("best", point(&best))
    .with("best_value", at_best.value)
    .with("neighbours", at_best.neighbours)
    .with("neighbour_mean", at_best.mean)
    .with("neighbour_min", at_best.worst)
    .with("median", at_best.median)
    .with("share_at_half", at_best.share_at_half)
    .with("plateau", point(&plateau))
    .with("plateau_value", at_plateau.value)
    .with("n", values.len())
    .read_as(reading))
}

/// The values of a parameter, rising, each once.
fn axis(column: &[f64]) -> Vec<f64> {
    let mut axis = column.to_vec();
    axis.sort_unstable_by(f64::total_cmp);
    axis.dedup();
    axis
}

/// The results at all points of the grid, the last parameter running fastest; each must be there once.
fn grid(table: &Table, parameters: &[&[f64]], axes: &[Vec<f64>], values: &[f64]) -> Result<Vec<f64>, Failure> {
    let points = axes.iter().try_fold(1usize, |points, axis| points.checked_mul(axis.len()));
    if points != Some(values.len()) {
        let expected =
            points.map_or_else(|| "more rows than there can be".to_owned(), |points| format!("{points} rows"));
        let expected = format!("{expected}, one for each point of the grid of its parameters");
        return Err(table.wrong(values.len() - 1, &expected, &format!("{}", values.len())).into());
    }
    let mut grid = vec![None; values.len()];
    for (row, value) in values.iter().enumerate() {
        let place = parameters
            .iter()
            .zip(axes)
            .fold(0, |place, (column, axis)| place * axis.len() + axis.partition_point(|other| *other < column[row]));
        if grid[place].replace(*value).is_some() {
            return Err(table.wrong(row, "a point that is not there yet", "one that is").into());
        }
    }
    // As many as there are points, none twice: all are there.
    Ok(grid.into_iter().flatten().collect())
}
