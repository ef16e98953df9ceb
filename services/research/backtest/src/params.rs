//! Which strategy runs, with which parameters.

use std::path::Path;

use mesh_backtest::{Kernel, Outcome, RunError, Series, Settings, lookahead, run};
use mesh_kernel::strategy::e3::E3;
use mesh_kernel::strategy::funding_fade::FundingFade;
use mesh_kernel::strategy::momentum::Momentum;
use mesh_kernel::strategy::{Strategy, StrategyParams};
use mesh_kernel::{ParamError, ParamKind, ParamSpec};
use toml::{Table, Value};

use crate::report::decisions::{Decisions, Told};

use mesh_bars::text::{Fault, read};

/// What a strategy is asked to do.
pub(crate) struct Job<'a> {
    pub(crate) series: &'a [Series],
    pub(crate) settings: &'a Settings,
    /// Cut histories that are compared with the whole; 0 for none.
    pub(crate) lookahead_cuts: usize,
    /// Where each decision is written down, if anywhere.
    pub(crate) decisions: Option<&'a Decisions>,
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    /// Names and values of all parameters.
    pub(crate) params: Named,
    /// A decision that knew the future, if any was found.
    pub(crate) looked_ahead: Option<String>,
}

/// The strategies, by name.
pub(crate) const NAMES: [&str; 4] = [Momentum::NAME, E3::NAME, FundingFade::NAME, QUOTES];

/// The market maker, which has something to do on ticks alone.
pub(crate) const QUOTES: &str = "quotes";

/// Names and values of all parameters.
pub(crate) type Named = Vec<(&'static str, f64)>;

/// Parameters given in a file: at its top, or in a table `[params]`.
pub(crate) fn given(path: &Path) -> Result<Table, Fault> {
    let text = read(path)?;
    let table: Table = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text.get(..span.start).unwrap_or("").lines().count().max(1));
        Fault::at(path, line, error.message())
    })?;
    match table.get("params") {
        Some(Value::Table(params)) => Ok(params.clone()),
        _ => Ok(table),
    }
}

/// Runs the strategy of a name.
pub(crate) fn run_named(name: &str, given: &Table, job: &Job<'_>) -> Result<Done, String> {
    match name {
        Momentum::NAME => run_as::<Momentum>(given, job),
        E3::NAME => run_as::<E3>(given, job),
        FundingFade::NAME => run_as::<FundingFade>(given, job),
        QUOTES => Err("--strategy quotes: it quotes on a book: expected --ticks in place of --bars".to_owned()),
        _ => Err(format!("expected a strategy of {}, found `{name}`", NAMES.join(", "))),
    }
}

fn run_as<S: Strategy>(given: &Table, job: &Job<'_>) -> Result<Done, String> {
    let values = values(S::Params::SPEC, given)?;
    let params = S::Params::from_values(&values).map_err(|error: ParamError| format!("parameters: {error}"))?;
    let make = |_: &Series| Kernel::<S>::new(&params);
    let told = |series: &Series| {
        let found = job.series.iter().find(|one| one.symbol == series.symbol);
        Told::new(make(series), job.decisions.zip(found))
    };
    let says = |error: RunError| error.to_string();
    let outcome = run(job.series, job.settings, told).map_err(says)?;
    let looked_ahead = match job.lookahead_cuts {
        0 => None,
        cuts => lookahead::find(job.series, job.settings, cuts, make).map_err(says)?.map(|found| found.to_string()),
    };
    let params = S::Params::SPEC.iter().map(|spec| spec.name).zip(values).collect();
    Ok(Done { outcome, params, looked_ahead })
}

/// Names and values of a strategy's parameters: those given, else defaults.
pub(crate) fn named(spec: &'static [ParamSpec], given: &Table) -> Result<Named, String> {
    Ok(spec.iter().map(|spec| spec.name).zip(values(spec, given)?).collect())
}

/// Values in the order of the specification: those given, else defaults.
fn values(spec: &'static [ParamSpec], given: &Table) -> Result<Vec<f64>, String> {
    for name in given.keys() {
        if !spec.iter().any(|spec| spec.name == name) {
            let distance = |spec: &&ParamSpec| strsim::damerau_levenshtein(spec.name, name);
            let nearest = spec.iter().min_by_key(distance).map_or("", |spec| spec.name);
            return Err(format!("parameters: `{name}` is none of the strategy's; did you mean `{nearest}`?"));
        }
    }
    let value = |spec: &ParamSpec| match given.get(spec.name) {
        None => Ok(spec.default),
        Some(Value::Integer(value)) => Ok(*value as f64),
        Some(Value::Float(value)) => Ok(*value),
        Some(Value::Boolean(value)) if spec.kind == ParamKind::Switch => Ok(f64::from(u8::from(*value))),
        Some(other) => Err(format!("parameters: {}: expected a number of {}, found {other}", spec.name, spec.unit)),
    };
    spec.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn momentum(text: &str) -> Result<Vec<f64>, String> {
        values(<Momentum as Strategy>::Params::SPEC, &toml::from_str(text).unwrap())
    }

    #[test]
    fn given_values_replace_defaults() {
        let found = momentum("ema_fast = 5\nstop_atr = 1.5\nallow_short = false").unwrap();
        let names: Vec<_> = <Momentum as Strategy>::Params::SPEC.iter().map(|spec| spec.name).collect();
        let of = |name| found[names.iter().position(|n| *n == name).unwrap()];
        assert_eq!((of("ema_fast"), of("stop_atr"), of("allow_short"), of("ema_slow")), (5.0, 1.5, 0.0, 26.0));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(momentum("ema_fst = 5").unwrap_err().contains("did you mean `ema_fast`?"));
        assert!(momentum("ema_fast = \"5\"").unwrap_err().contains("ema_fast: expected a number of bars"));
    }
}
