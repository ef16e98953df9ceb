//! The best of a study, run again: on the scalar path, which must agree to the last bit, and over the part that was not swept.

use mesh_kernel::run::Summary;
use mesh_optimize::Outcome;
use mesh_study::objective::Goal;
use mesh_study::strategies::Threaded;
use mesh_study::{Measures, Spec};
use mesh_sweep::{Figures, streaming};

use super::group;
use crate::backend::Backend;
use crate::data::{Part, Prepared};
use crate::failure::Failure;
use crate::store::{Best, BySymbol, Row, State, Store};

/// A trial that is complete and breaks no constraint, with its value of each goal.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The trial.
    pub row: Row,
    /// A value for each goal.
    pub values: Vec<f64>,
}

/// The best trials, at most so many, best first. With several goals: those that none dominates,
/// by their number.
///
/// # Errors
/// Where a trial can't be read.
pub fn judged(spec: &Spec, store: &Store, most: usize) -> Result<Vec<Judged>, Failure> {
    let goals = spec.objective.goals.as_slice();
    let mut best: Vec<Judged> = Vec::new();
    store.each(spec, |row| {
        if row.state != State::Complete {
            return Ok(());
        }
        if let Outcome::Complete { values, violation } = row.outcome(spec)
            && violation <= 0.0
        {
            offer(goals, &mut best, Judged { row, values }, most);
        }
        Ok(())
    })?;
    best.truncate(most);
    Ok(best)
}

fn offer(goals: &[Goal], best: &mut Vec<Judged>, next: Judged, most: usize) {
    let costs = |judged: &Judged| -> Vec<f64> {
        goals.iter().zip(&judged.values).map(|(goal, value)| goal.direction.cost(*value)).collect()
    };
    let cost = costs(&next);
    if let [cost] = cost.as_slice() {
        // Rows come by number: of equals the earlier stays before.
        let at = best.partition_point(|held| costs(held).first().is_some_and(|held| held <= cost));
        if at < most {
            best.insert(at, next);
            best.truncate(most);
        }
        return;
    }
    // Of equals the earlier stays.
    let is_as_good = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a <= b);
    if !best.iter().any(|held| is_as_good(&costs(held), &cost)) {
        best.retain(|held| !is_as_good(&cost, &costs(held)));
        best.push(next);
    }
}

/// Runs the best again.
pub(super) fn verify<S: Threaded>(
    spec: &Spec,
    prepared: &Prepared,
    judged: &[Judged],
    backend: &Backend,
) -> Result<Vec<Best>, Failure> {
    let mut best = Vec::with_capacity(judged.len());
    for (judged, rank) in judged.iter().zip(1..) {
        let row = &judged.row;
        let invalid = || Failure::bad(format!("trial {}: its parameters can't run", row.number));
        let params = group::params::<S>(spec, &row.point).ok_or_else(invalid)?;
        let mut summaries = Vec::with_capacity(prepared.train.len());
        for part in &prepared.train {
            let summary = streaming::<S>(&part.history, &params, &prepared.rules);
            let fast = backend.run::<S>(&part.history, &[params], &prepared.rules, &mut |_| true)?;
            agree(row.number, part, &summary, fast.unwrap_or_default().first(), backend)?;
            summaries.push(summary);
        }
        let came = group::measures(spec, prepared, &summaries);
        if !same_bits(&came.0, &row.measures) || came.1 != row.digest {
            return Err(Failure::bad(format!(
                "trial {}: what was kept of it differs from the scalar path: fills {:016x} and {:016x}, figures {:?} and {:?}; \
                 one of the two paths is wrong",
                row.number, row.digest, came.1, row.measures, came.0
            )));
        }
        let train = by_symbol(spec, prepared, &prepared.train, &summaries);
        let test: Vec<Summary> =
            prepared.test.iter().map(|part| streaming::<S>(&part.history, &params, &prepared.rules)).collect();
        let test = by_symbol(spec, prepared, &prepared.test, &test);
        best.push(Best { rank, number: row.number, train, test });
    }
    Ok(best)
}

fn agree(number: u64, part: &Part, scalar: &Summary, fast: Option<&Summary>, backend: &Backend) -> Result<(), Failure> {
    if fast == Some(scalar) {
        return Ok(());
    }
    Err(Failure::bad(format!(
        "trial {number}, {}: the {} path and the scalar path differ: {fast:?} and {scalar:?}; one of the two is wrong",
        part.symbol,
        backend.name()
    )))
}

fn same_bits(a: &Measures, b: &Measures) -> bool {
    a.values().zip(b.values()).all(|((_, a), (_, b))| a.map(f64::to_bits) == b.map(f64::to_bits))
}

/// Figures of all as one, then by symbol.
fn by_symbol(spec: &Spec, prepared: &Prepared, parts: &[Part], summaries: &[Summary]) -> BySymbol {
    let of = |(part, summary): (&Part, &Summary)| {
        (part.symbol.clone(), Measures::of(&Figures::of(summary, &part.history, &prepared.rules)))
    };
    let symbols: BySymbol = parts.iter().zip(summaries).map(of).collect();
    let each: Vec<Measures> = symbols.iter().map(|(_, measures)| measures.clone()).collect();
    let all = (!each.is_empty()).then(|| ("all".to_owned(), spec.objective.combine(&each)));
    all.into_iter().chain(symbols).collect()
}
