//! What may vary and what is fixed: parameters of the strategy's table, with domains in the forms people write.

use mesh_kernel::{ParamKind, ParamSpec};
use mesh_optimize::{Domain, Parameter, Value};
use toml::{Table, Value as Toml};

use super::names::meant;

/// What is wrong with an entry.
type Wrong = String;

/// The parameter of a name.
pub(super) fn find(table: &'static [ParamSpec], name: &str) -> Result<&'static ParamSpec, Wrong> {
    table.iter().find(|spec| spec.name == name).ok_or_else(|| {
        format!("`{name}` is no parameter of the strategy; {}", meant(name, table.iter().map(|s| s.name)))
    })
}

/// A number of a fixed parameter.
pub(super) fn fixed(spec: &'static ParamSpec, value: &Toml) -> Result<f64, Wrong> {
    let number = number(spec, value)?;
    spec.check(number).map_err(|error| error.to_string())?;
    Ok(number)
}

fn number(spec: &ParamSpec, value: &Toml) -> Result<f64, Wrong> {
    match value {
        Toml::Integer(value) => Ok(*value as f64),
        Toml::Float(value) => Ok(*value),
        Toml::Boolean(value) if spec.kind == ParamKind::Switch => Ok(f64::from(u8::from(*value))),
        other => Err(format!("{}: expected a number of {}, found {}", spec.name, spec.unit, shown(other))),
    }
}

/// How a value is told in an error.
fn shown(value: &Toml) -> String {
    match value {
        Toml::Table(_) => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// A parameter that varies, from what stands at its name: a list, or a table of a range, a grid or a choice, with the
/// condition under which it is there.
pub(super) fn parameter(
    table: &'static [ParamSpec],
    spec: &'static ParamSpec,
    value: &Toml,
) -> Result<Parameter, Wrong> {
    let (domain, when) = match value {
        Toml::Array(list) => (listed(spec, list)?, None),
        Toml::Table(domain) => (of_table(spec, domain)?, domain.get("when")),
        other => {
            return Err(format!(
                "{}: expected a list of values, or a range {{ low, high }}, found {}; one value belongs into [fixed]",
                spec.name,
                shown(other)
            ));
        }
    };
    let parameter = Parameter::new(spec.name, domain);
    match when {
        None => Ok(parameter),
        Some(Toml::Table(when)) => conditional(table, parameter, when),
        Some(other) => Err(format!(
            "{}: expected `when` as {{ parameter = value }} or {{ parameter = [values] }}, found {}",
            spec.name,
            shown(other)
        )),
    }
}

/// The condition under which a parameter is there: one parameter, and its values that call for this one.
fn conditional(table: &'static [ParamSpec], parameter: Parameter, when: &Table) -> Result<Parameter, Wrong> {
    let mut entries = when.iter();
    let (Some((on, values)), None) = (entries.next(), entries.next()) else {
        return Err(format!("{}: expected one parameter in `when`, found {}", parameter.name, when.len()));
    };
    let spec = find(table, on)?;
    let value = |value: &Toml| fixed(spec, value).map(|number| as_value(spec, number));
    let values: Vec<Value> = match values {
        Toml::Array(list) => list.iter().map(value).collect::<Result<_, _>>()?,
        one => vec![value(one)?],
    };
    Ok(parameter.when(on.clone(), values))
}

fn as_value(spec: &ParamSpec, number: f64) -> Value {
    match spec.kind {
        ParamKind::Integer => Value::Int(number as i64),
        ParamKind::Real => Value::Float(number),
        ParamKind::Switch => Value::Bool(number != 0.0),
    }
}

/// A list: numbers in their order, or switches.
fn listed(spec: &'static ParamSpec, list: &[Toml]) -> Result<Domain, Wrong> {
    if spec.kind == ParamKind::Switch { choice(spec, list) } else { grid(spec, list) }
}

fn grid(spec: &'static ParamSpec, list: &[Toml]) -> Result<Domain, Wrong> {
    Ok(Domain::Grid(list.iter().map(|value| fixed(spec, value)).collect::<Result<_, _>>()?))
}

fn choice(spec: &'static ParamSpec, list: &[Toml]) -> Result<Domain, Wrong> {
    let option = |value| fixed(spec, value).map(|number| as_value(spec, number));
    Ok(Domain::Choice(list.iter().map(option).collect::<Result<_, _>>()?))
}

const KEYS: [&str; 7] = ["low", "high", "step", "log", "grid", "choice", "when"];

fn of_table(spec: &'static ParamSpec, table: &Table) -> Result<Domain, Wrong> {
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("{}: `{key}` is no part of a domain; {}", spec.name, meant(key, KEYS)));
    }
    let list = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(Toml::Array(list)) => Ok(Some(list.as_slice())),
        Some(other) => Err(format!("{}: expected a list in `{key}`, found {}", spec.name, shown(other))),
    };
    let is_range = ["low", "high", "step", "log"].iter().any(|key| table.contains_key(*key));
    match (list("grid")?, list("choice")?, is_range) {
        (Some(values), None, false) => grid(spec, values),
        (None, Some(options), false) => choice(spec, options),
        (None, None, true) => range(spec, table),
        (None, None, false) => {
            Err(format!("{}: expected a range {{ low, high }}, a `grid` or a `choice`, found none", spec.name))
        }
        _ => Err(format!(
            "{}: expected one of a range {{ low, high }}, a `grid` and a `choice`, found several",
            spec.name
        )),
    }
}

fn range(spec: &'static ParamSpec, table: &Table) -> Result<Domain, Wrong> {
    let bound = |key: &str| match table.get(key) {
        Some(value) => fixed(spec, value),
        None => Err(format!("{}: a range needs `low` and `high`, `{key}` is missing", spec.name)),
    };
    let (low, high) = (bound("low")?, bound("high")?);
    let log = match table.get("log") {
        None => false,
        Some(Toml::Boolean(log)) => *log,
        Some(other) => return Err(format!("{}: expected true or false in `log`, found {}", spec.name, shown(other))),
    };
    let step = table.get("step").map(|step| number(spec, step)).transpose()?;
    match spec.kind {
        ParamKind::Real => Ok(Domain::Float { low, high, step, log }),
        ParamKind::Integer => {
            let step = step.unwrap_or(1.0);
            if step.fract() != 0.0 || !(1.0..=1e9).contains(&step) {
                return Err(format!("{}: expected a whole step of 1 or more, found {step}", spec.name));
            }
            Ok(Domain::Int { low: low as i64, high: high as i64, step: step as u64, log })
        }
        ParamKind::Switch => Err(format!("{}: is on or off: write [true, false]", spec.name)),
    }
}
