//! What each trial of a study returned, period by period: what the statistics against self-deception ask for. Trials are run
//! again over the swept part, those that were stopped early too: they were tried.

use std::io::Write;

use mesh_kernel::run::RunRules;
use mesh_optimize::Point;
use mesh_study::Spec;
use mesh_study::strategies::{self, Threaded, Visit};
use mesh_sweep::{History, Shared};

use crate::data::{Prepared, mb, too_little};
use crate::failure::Failure;
use crate::run::params;
use crate::store::Store;

/// Trials that run together.
const CHUNK: usize = 64;

/// Writes CSV: a row a period, a column a trial by number, those left out that have no run (contradicting parameters, amounts out
/// of range).
///
/// # Errors
/// Where there are several symbols and none is named, memory does not suffice, or it can't be written.
pub fn csv(
    spec: &Spec,
    prepared: &Prepared,
    store: &Store,
    symbol: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let history = history(prepared, symbol)?;
    let mut points = Vec::new();
    store.each(spec, |row| {
        points.push((row.number, row.point));
        Ok(())
    })?;
    let needed = (points.len() * history.period_ends().len() * size_of::<f64>()) as u64 + prepared.bytes();
    if needed > spec.limits.memory_bytes {
        return Err(too_little(spec, &format!("the returns of all trials take {} MB", mb(needed)), needed));
    }
    let run = Run { spec, history, rules: &prepared.rules, points: &points };
    let trials = strategies::with(&spec.strategy, run)
        .ok_or_else(|| Failure::usage(format!("no strategy is called {}", spec.strategy)))?;
    let names: Vec<String> = trials.iter().map(|trial| format!("trial_{}", trial.number)).collect();
    writeln!(out, "{}", names.join(","))?;
    for period in 0..history.period_ends().len() {
        let cells: Vec<String> =
            trials.iter().filter_map(|trial| trial.returns.get(period)).map(|x| format!("{x:?}")).collect();
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

/// The swept part of the symbol that is meant.
fn history<'a>(prepared: &'a Prepared, symbol: Option<&str>) -> Result<&'a History, Failure> {
    let parts = &prepared.train;
    let found = match symbol {
        None if parts.len() == 1 => parts.first(),
        None => None,
        Some(name) => parts.iter().find(|part| part.symbol == name),
    };
    found.map(|part| &part.history).ok_or_else(|| {
        let names: Vec<&str> = parts.iter().map(|part| part.symbol.as_str()).collect();
        Failure::usage(format!("--symbol: expected one of {}, found {}", names.join(", "), symbol.unwrap_or("none")))
    })
}

/// What a trial returned.
struct Trial {
    number: u64,
    returns: Vec<f64>,
}

struct Run<'a> {
    spec: &'a Spec,
    history: &'a History,
    rules: &'a RunRules,
    points: &'a [(u64, Point)],
}

impl Visit for Run<'_> {
    type Output = Vec<Trial>;

    fn visit<S: Threaded>(self) -> Self::Output {
        let mut trials = Vec::with_capacity(self.points.len());
        let valid = self.points.iter().filter_map(|(number, point)| Some((*number, params::<S>(self.spec, point)?)));
        let valid: Vec<(u64, S::Params)> = valid.collect();
        for chunk in valid.chunks(CHUNK) {
            let params: Vec<S::Params> = chunk.iter().map(|(_, params)| *params).collect();
            let shared = Shared::<S>::new(self.history, &params);
            let mut lanes = shared.begin(self.rules, 0..params.len());
            let start = self.rules.scale.money(self.rules.scale.money_of(self.rules.initial_cash));
            let mut made: Vec<(f64, Vec<f64>)> = vec![(start, Vec::new()); params.len()];
            for end in self.history.period_ends() {
                shared.advance(&mut lanes, self.rules, *end as usize + 1);
                for (lane, (last, returns)) in lanes.iter().zip(&mut made) {
                    let equity = lane.summary().returns.last_equity;
                    // As the kernel does: lost capital returns nothing.
                    returns.push(if *last > 0.0 { (equity - *last) / *last } else { 0.0 });
                    *last = equity;
                }
            }
            let whole = lanes.iter().map(|lane| lane.summary().overflows == 0);
            let made = chunk.iter().zip(made).zip(whole).filter(|(_, whole)| *whole);
            trials.extend(made.map(|(((number, _), (_, returns)), _)| Trial { number: *number, returns }));
        }
        trials
    }
}
