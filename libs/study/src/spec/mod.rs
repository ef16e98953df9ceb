//! The specification of a sweep: a TOML document, checked as a whole before anything runs. `examples/momentum.toml` shows
//! every section.
//!
//! Its identity ([`Spec::identity`]) is what its results depend on: where files lie, how much memory it may use, how large
//! its chunks are and how many of the best are kept are no part of it.

mod market;
mod names;
mod parameters;
mod read;

use mesh_backtest::InputRules;
use mesh_kernel::ParamSpec;
use mesh_optimize::prune::Pruner;
use mesh_optimize::{Point, Space, Value};
use serde::{Serialize, Serializer};

use crate::objective::Objective;

pub use market::Market;
pub(crate) use names::meant;

/// Where the part that is swept ends, and the part begins that only judges the best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// After this fraction of each symbol's bars; 1: everything is swept.
    Fraction(f64),
    /// At this time, ns since the Unix epoch.
    At(u64),
}

/// What is run over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Data {
    /// Files or folders of bars, `SYMBOL=PATH` or `PATH`.
    #[serde(skip)]
    pub bars: Vec<String>,
    /// Files of funding, likewise.
    #[serde(skip)]
    pub funding: Vec<String>,
    /// Files of inputs beside the bars, likewise.
    #[serde(skip)]
    pub inputs: Vec<String>,
    /// When their values count; nothing where there are none.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "input_rules")]
    pub input_rules: Option<InputRules>,
    /// Only these symbols; all, if empty.
    pub symbols: Vec<String>,
    /// Swept before, judged after.
    pub split: Split,
    /// Length of the periods whose returns ratios are made of, ns.
    pub period_ns: u64,
    /// Strategies are told the share of symbols that rise.
    pub breadth: bool,
    /// The symbol whose trend strategies are told as the leading market's.
    pub leader: Option<String>,
}

fn input_rules<S: Serializer>(rules: &Option<InputRules>, to: S) -> Result<S::Ok, S::Error> {
    rules.map(|InputRules { delay_ns, max_age_ns }| (delay_ns, max_age_ns)).serialize(to)
}

/// Stopping early.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pruning {
    /// Who is stopped.
    pub pruner: Pruner,
    /// In how many equal parts the bars are gone through; a trial is judged after each but the last.
    pub steps: u32,
}

/// How it is carried out: no result depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of bars, indicators and configurations in flight.
    pub memory_bytes: u64,
    /// Most trials of a chunk: what a kill can lose; as suits the machine where it is left out.
    pub chunk: Option<u32>,
    /// How many of the best are run again on the scalar path, and judged on the rest of the bars.
    pub best: u32,
}

/// A checked specification.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spec {
    /// The strategy's name.
    pub strategy: String,
    /// What is run over.
    pub data: Data,
    /// Values of parameters that do not vary.
    pub fixed: Vec<(String, f64)>,
    /// Space, directions, sampler, budget and seed.
    pub study: mesh_optimize::Spec,
    /// What is better, and what is allowed.
    pub objective: Objective,
    /// Stopping early, if any is.
    pub pruning: Option<Pruning>,
    /// Fills, costs, sizes.
    pub market: Market,
    /// How it is carried out.
    #[serde(skip)]
    pub limits: Limits,
    /// The strategy's parameters.
    #[serde(skip)]
    pub table: &'static [ParamSpec],
}

impl Spec {
    /// The document (JSON) whose digest names the study: everything that its results depend on but the data.
    ///
    /// # Errors
    /// Never in practice: no field is one that JSON lacks.
    pub fn identity(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The space.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.study.space
    }

    /// Values of all the strategy's parameters at a point, in the order of its table.
    #[must_use]
    pub fn values(&self, point: &Point) -> Vec<f64> {
        let mut values: Vec<f64> = self.table.iter().map(|spec| spec.default).collect();
        let mut set = |name: &str, number: f64| {
            if let Some(at) = self.table.iter().position(|spec| spec.name == name)
                && let Some(value) = values.get_mut(at)
            {
                *value = number;
            }
        };
        self.fixed.iter().for_each(|(name, number)| set(name, *number));
        self.space().values(point).iter().for_each(|(name, value)| set(name, number(value)));
        values
    }
}

/// The number of a value.
fn number(value: &Value) -> f64 {
    match value {
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Int(value) => *value as f64,
        Value::Float(value) => *value,
        // No parameter of a strategy is a word.
        Value::Text(_) => 0.0,
    }
}
