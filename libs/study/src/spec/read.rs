//! From text to a checked specification. Every error has file, line and column, says what was expected and what was found;
//! what is wrong in several places is told at once.

use core::ops::Range;
use std::collections::BTreeMap;

use mesh_backtest::InputRules;
use mesh_config::ConfigError;
use mesh_kernel::ParamSpec;
use mesh_optimize::prune::{Pruner, Reports};
use mesh_optimize::{Direction, Nsga2, Rng, Sampler, Space, Study, Tpe};
use serde::Deserialize;
use toml::value::Datetime;
use toml::{Spanned, Value};

use super::{Data, Limits, Market, Pruning, Spec, Split, meant, parameters};
use crate::objective::{Across, Constraint, Goal, Objective, metric};
use crate::strategies;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    strategy: Spanned<String>,
    seed: Spanned<i64>,
    budget: Spanned<i64>,
    data: RawData,
    space: Spanned<BTreeMap<Spanned<String>, Spanned<Value>>>,
    #[serde(default)]
    fixed: BTreeMap<Spanned<String>, Spanned<Value>>,
    objective: Spanned<RawObjective>,
    sampler: Spanned<RawSampler>,
    pruning: Option<Spanned<RawPruning>>,
    market: Option<Spanned<Market>>,
    #[serde(default)]
    limits: RawLimits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawData {
    bars: Spanned<Vec<String>>,
    #[serde(default)]
    funding: Vec<String>,
    #[serde(default)]
    inputs: Vec<String>,
    input_max_age_s: Option<Spanned<Value>>,
    input_delay_s: Option<Spanned<f64>>,
    #[serde(default)]
    symbols: Vec<String>,
    split: Option<Spanned<Value>>,
    period_hours: Option<Spanned<i64>>,
    #[serde(default)]
    breadth: bool,
    leader: Option<String>,
}

/// One name, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawObjective {
    maximise: Option<Names>,
    minimise: Option<Names>,
    #[serde(default)]
    constraints: Vec<Spanned<String>>,
    #[serde(default)]
    symbols: Across,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum RawSampler {
    Grid { levels: Option<u32> },
    Random,
    Sobol,
    Tpe(Tpe),
    Nsga2(Nsga2),
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum RawPruning {
    Median {
        #[serde(default = "startup")]
        startup: u32,
        #[serde(default = "warmup")]
        warmup: u32,
        #[serde(default = "steps")]
        steps: u32,
    },
    SuccessiveHalving {
        #[serde(default = "first")]
        first: u32,
        #[serde(default = "factor")]
        factor: u32,
        #[serde(default = "steps")]
        steps: u32,
    },
}

const fn startup() -> u32 {
    16
}
const fn warmup() -> u32 {
    2
}
const fn steps() -> u32 {
    10
}
const fn first() -> u32 {
    1
}
const fn factor() -> u32 {
    3
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawLimits {
    memory_mb: Option<Spanned<i64>>,
    chunk: Option<Spanned<i64>>,
    best: Option<Spanned<i64>>,
}

/// Random points that are looked at before a sweep is believed to have any that can run.
const TRIED: u64 = 256;

/// Most steps of a pruned run: each is a number a trial.
const MAX_STEPS: u32 = 100;

impl Spec {
    /// Reads and checks a specification. `origin` names the text in errors.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Vec<ConfigError>> {
        let raw: Raw = toml::from_str(text).map_err(|error| vec![ConfigError::from_toml(origin, text, &error)])?;
        let mut reader = Reader { origin, text, errors: Vec::new() };
        let spec = reader.spec(&raw);
        reader.errors.sort_by_key(|error| error.place);
        match spec {
            Some(spec) if reader.errors.is_empty() => Ok(spec),
            _ => Err(reader.errors),
        }
    }
}

struct Reader<'a> {
    origin: &'a str,
    text: &'a str,
    errors: Vec<ConfigError>,
}

impl Reader<'_> {
    fn fault(&mut self, span: Range<usize>, what: impl core::fmt::Display) {
        self.errors.push(ConfigError::at(self.origin, self.text, span, what));
    }

    fn or_fault<T>(&mut self, span: Range<usize>, result: Result<T, impl core::fmt::Display>) -> Option<T> {
        result.map_err(|what| self.fault(span, what)).ok()
    }

    fn spec(&mut self, raw: &Raw) -> Option<Spec> {
        let name = raw.strategy.get_ref();
        let table = strategies::parameters(name)
            .ok_or_else(|| format!("no strategy is called `{name}`; {}", meant(name, strategies::NAMES)));
        let table = self.or_fault(raw.strategy.span(), table);
        let data = self.data(&raw.data);
        let objective = self.objective(&raw.objective);
        let limits = self.limits(&raw.limits);
        let market = self.market(raw.market.as_ref());
        let pruning = self.pruning(raw);
        let seed = self.whole(&raw.seed, "seed", 0, i64::MAX);
        let budget = self.whole(&raw.budget, "budget", 1, 1 << 40);
        let table = table?;
        let fixed = self.fixed(table, raw);
        let space = self.space(table, raw);
        let study = self.study(raw, space?, objective.as_ref()?, budget?, seed?)?;
        let (data, market, limits) = (data?, market?, limits?);
        let (strategy, objective) = (name.clone(), objective?);
        let spec = Spec { strategy, data, fixed: fixed?, study, objective, pruning: pruning?, market, limits, table };
        self.some_point_can_run(&spec, raw.space.span())?;
        Some(spec)
    }

    fn whole(&mut self, value: &Spanned<i64>, key: &str, low: i64, high: i64) -> Option<u64> {
        let found = *value.get_ref();
        if (low..=high).contains(&found) {
            return u64::try_from(found).ok();
        }
        self.fault(value.span(), format!("{key}: expected a whole number of {low} to {high}, found {found}"));
        None
    }

    fn data(&mut self, raw: &RawData) -> Option<Data> {
        if raw.bars.get_ref().is_empty() {
            self.fault(raw.bars.span(), "bars: expected at least one file or folder of bars, found none");
        }
        let split = match &raw.split {
            None => Some(Split::Fraction(1.0)),
            Some(split) => self.or_fault(split.span(), read_split(split.get_ref())),
        };
        let period_hours = match &raw.period_hours {
            Some(hours) => self.whole(hours, "period_hours", 1, 24 * 366),
            None => Some(24),
        };
        let input_rules = self.input_rules(raw);
        Some(Data {
            bars: raw.bars.get_ref().clone(),
            funding: raw.funding.clone(),
            inputs: raw.inputs.clone(),
            input_rules: input_rules?,
            symbols: raw.symbols.clone(),
            split: split?,
            period_ns: period_hours? * 3_600_000_000_000,
            breadth: raw.breadth,
            leader: raw.leader.clone(),
        })
    }

    /// `Some(None)` where no inputs are given.
    fn input_rules(&mut self, raw: &RawData) -> Option<Option<InputRules>> {
        let spans = [raw.input_max_age_s.as_ref().map(Spanned::span), raw.input_delay_s.as_ref().map(Spanned::span)];
        if raw.inputs.is_empty() {
            let Some(span) = spans.into_iter().flatten().next() else { return Some(None) };
            self.fault(span, "expected `inputs`, the files that this is about, found none");
            return None;
        }
        let mut rules = InputRules::DEFAULT;
        if let Some(delay) = &raw.input_delay_s {
            let set = rules.set_delay(*delay.get_ref()).map_err(|what| format!("input_delay_s: {what}"));
            self.or_fault(delay.span(), set)?;
        }
        if let Some(age) = &raw.input_max_age_s {
            self.or_fault(age.span(), max_ages(&mut rules, age.get_ref()))?;
        }
        Some(Some(rules))
    }

    fn fixed(&mut self, table: &'static [ParamSpec], raw: &Raw) -> Option<Vec<(String, f64)>> {
        let mut fixed = Vec::new();
        for (name, value) in &raw.fixed {
            if raw.space.get_ref().contains_key(name.get_ref().as_str()) {
                self.fault(name.span(), format!("`{}` is in [space] too: keep one of the two", name.get_ref()));
            }
            let spec = self.or_fault(name.span(), parameters::find(table, name.get_ref()))?;
            let number = self.or_fault(value.span(), parameters::fixed(spec, value.get_ref()))?;
            fixed.push((name.get_ref().clone(), number));
        }
        Some(fixed)
    }

    fn space(&mut self, table: &'static [ParamSpec], raw: &Raw) -> Option<Space> {
        // In the order of the document: a parameter may depend on those that stand before it.
        let mut entries: Vec<_> = raw.space.get_ref().iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let mut parameters = Vec::new();
        let before = self.errors.len();
        for (name, domain) in entries {
            let Some(spec) = self.or_fault(name.span(), parameters::find(table, name.get_ref())) else { continue };
            let parameter = parameters::parameter(table, spec, domain.get_ref());
            parameters.extend(self.or_fault(domain.span(), parameter));
        }
        if self.errors.len() > before {
            return None;
        }
        self.or_fault(raw.space.span(), Space::new(parameters).map_err(|error| format!("[space]: {error}")))
    }

    fn objective(&mut self, raw: &Spanned<RawObjective>) -> Option<Objective> {
        let mut goals: Vec<Goal> = Vec::new();
        let of = raw.get_ref();
        for (names, direction) in [(&of.maximise, Direction::Maximise), (&of.minimise, Direction::Minimise)] {
            let names = match names {
                None => &[],
                Some(Names::One(name)) => std::slice::from_ref(name),
                Some(Names::Several(names)) => names.as_slice(),
            };
            for name in names {
                let metric = self.or_fault(raw.span(), metric(name))?;
                if goals.iter().any(|goal| goal.metric == metric) {
                    self.fault(raw.span(), format!("`{name}` is a goal twice: keep one"));
                }
                goals.push(Goal { metric, direction });
            }
        }
        if goals.is_empty() {
            self.fault(raw.span(), "[objective]: expected a figure in `maximise` or `minimise`, found none");
            return None;
        }
        let mut constraints = Vec::new();
        for text in &of.constraints {
            constraints.extend(self.or_fault(text.span(), Constraint::parse(text.get_ref())));
        }
        Some(Objective { goals, constraints, across: of.symbols })
    }

    fn market(&mut self, raw: Option<&Spanned<Market>>) -> Option<Market> {
        let Some(raw) = raw else { return Some(Market::default()) };
        self.or_fault(raw.span(), raw.get_ref().check().map_err(|(_, what)| format!("[market] {what}")))?;
        Some(raw.get_ref().clone())
    }

    fn study(
        &mut self,
        raw: &Raw,
        space: Space,
        objective: &Objective,
        budget: u64,
        seed: u64,
    ) -> Option<mesh_optimize::Spec> {
        let sampler = match raw.sampler.get_ref() {
            RawSampler::Grid { levels } => Sampler::Grid { levels: *levels },
            RawSampler::Random => Sampler::Random,
            RawSampler::Sobol => Sampler::Sobol,
            RawSampler::Tpe(tpe) => Sampler::Tpe(tpe.clone()),
            RawSampler::Nsga2(nsga2) => Sampler::Nsga2(nsga2.clone()),
        };
        let directions = objective.goals.iter().map(|goal| goal.direction).collect();
        let spec = mesh_optimize::Spec { space, directions, sampler, budget, seed };
        let checked = Study::new(spec.clone()).map(drop).map_err(|error| format!("[sampler]: {error}"));
        self.or_fault(raw.sampler.span(), checked)?;
        Some(spec)
    }

    /// `Some(None)` where nothing is stopped early.
    fn pruning(&mut self, raw: &Raw) -> Option<Option<Pruning>> {
        let Some(pruning) = &raw.pruning else { return Some(None) };
        let (pruner, steps) = match *pruning.get_ref() {
            RawPruning::Median { startup, warmup, steps } => {
                (Pruner::Median { startup, warmup: u64::from(warmup) }, steps)
            }
            RawPruning::SuccessiveHalving { first, factor, steps } => {
                (Pruner::SuccessiveHalving { first: u64::from(first), factor: u64::from(factor) }, steps)
            }
        };
        if !(2..=MAX_STEPS).contains(&steps) {
            self.fault(pruning.span(), format!("[pruning] steps: expected 2 to {MAX_STEPS}, found {steps}"));
            return None;
        }
        let several = |names: &Option<Names>| match names {
            None => 0,
            Some(Names::One(_)) => 1,
            Some(Names::Several(names)) => names.len(),
        };
        let goals = several(&raw.objective.get_ref().maximise) + several(&raw.objective.get_ref().minimise);
        if goals > 1 {
            self.fault(pruning.span(), format!("[pruning] takes one goal, found {goals}: drop the section, or goals"));
            return None;
        }
        let checked = Reports::new(pruner, Direction::Maximise).map(drop).map_err(|error| format!("[pruning] {error}"));
        self.or_fault(pruning.span(), checked)?;
        Some(Some(Pruning { pruner, steps }))
    }

    fn limits(&mut self, raw: &RawLimits) -> Option<Limits> {
        let mut of = |value: &Option<Spanned<i64>>, key, default, low, high| match value {
            Some(value) => self.whole(value, key, low, high),
            None => Some(default),
        };
        let memory_mb = of(&raw.memory_mb, "memory_mb", 512, 1, 1 << 24);
        let chunk = match &raw.chunk {
            Some(_) => Some(of(&raw.chunk, "chunk", 1, 1, 1 << 20)?),
            None => None,
        };
        let best = of(&raw.best, "best", 10, 1, 10_000);
        Some(Limits {
            memory_bytes: memory_mb? << 20,
            chunk: chunk.and_then(|chunk| u32::try_from(chunk).ok()),
            best: u32::try_from(best?).ok()?,
        })
    }

    /// A space of which no point can run is a mistake: it is better told now than after an hour.
    fn some_point_can_run(&mut self, spec: &Spec, span: Range<usize>) -> Option<()> {
        let mut rule = String::new();
        for number in 0..TRIED {
            let mut rng = Rng::stream(spec.study.seed, number);
            let point = spec.space().point_by(|_, domain| domain.at(rng.uniform()));
            match strategies::check(&spec.strategy, &spec.values(&point)) {
                Ok(()) => return Some(()),
                Err(what) => rule = what,
            }
        }
        self.fault(span, format!("[space]: none of {TRIED} random points can run: {rule}"));
        None
    }
}

/// Of all inputs, or by name.
fn max_ages(rules: &mut InputRules, value: &Value) -> Result<(), String> {
    let seconds = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|s| s as f64));
    let expected = |found: &Value| format!("input_max_age_s: expected seconds, or {{ NAME = SECONDS }}, found {found}");
    let says = |what: String| format!("input_max_age_s: {what}");
    match value {
        Value::Table(table) => table.iter().try_for_each(|(name, value)| {
            rules.set_max_age(Some(name), seconds(value).ok_or_else(|| expected(value))?).map_err(says)
        }),
        value => rules.set_max_age(None, seconds(value).ok_or_else(|| expected(value))?).map_err(says),
    }
}

fn read_split(value: &Value) -> Result<Split, String> {
    let expected = "split: expected the fraction of the bars that is swept, above 0 and at most 1, or a date";
    match value {
        Value::Float(fraction) if *fraction > 0.0 && *fraction <= 1.0 => Ok(Split::Fraction(*fraction)),
        Value::Integer(1) => Ok(Split::Fraction(1.0)),
        Value::Datetime(at) => {
            instant_ns(at).map(Split::At).ok_or_else(|| format!("{expected} since 1970, found {at}"))
        }
        Value::String(text) => {
            let at = text.parse::<Datetime>().ok().as_ref().and_then(instant_ns);
            at.map(Split::At).ok_or_else(|| format!("{expected}, found \"{text}\""))
        }
        other => Err(format!("{expected}, found {other}")),
    }
}

/// Ns since 1970 of a date with or without time; without an offset it is UTC.
fn instant_ns(at: &Datetime) -> Option<u64> {
    let date = at.date?;
    let (hour, minute, second) = at.time.map_or((0, 0, 0), |time| (time.hour, time.minute, time.second.unwrap_or(0)));
    let offset_minutes = match at.offset {
        Some(toml::value::Offset::Custom { minutes }) => i64::from(minutes),
        Some(toml::value::Offset::Z) | None => 0,
    };
    let days = days_since_1970(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let minutes = (days * 24 + i64::from(hour)) * 60 + i64::from(minute) - offset_minutes;
    u64::try_from(minutes * 60 + i64::from(second)).ok()?.checked_mul(1_000_000_000)
}

/// Days of the proleptic Gregorian calendar (Hinnant, 'chrono-compatible low-level date algorithms').
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
