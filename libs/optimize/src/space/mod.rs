//! Parameter spaces: named parameters in a fixed order, each with a domain, some only there where an earlier one has a
//! certain value.
//!
//! A [`Point`] is one choice of all of them. Inside this crate a parameter's choice is a code, one `f64`: the number itself,
//! or the position in the list of options. [`Space::values`] gives what a strategy takes.

mod domain;
mod grid;

pub use domain::{Domain, Value};
pub use grid::Grid;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A parameter is there only where an earlier one has one of these values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The earlier parameter.
    pub parameter: String,
    /// Its values that call for this one.
    pub any_of: Vec<Value>,
}

/// A named parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name, unique in the space.
    pub name: String,
    /// What it may be.
    pub domain: Domain,
    /// Where it is there at all; always, if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

impl Parameter {
    /// A parameter that is always there.
    pub fn new(name: impl Into<String>, domain: Domain) -> Self {
        Self { name: name.into(), domain, when: None }
    }

    /// The same, only where `parameter` has one of these values.
    pub fn when(mut self, parameter: impl Into<String>, any_of: impl IntoIterator<Item = Value>) -> Self {
        self.when = Some(When { parameter: parameter.into(), any_of: any_of.into_iter().collect() });
        self
    }
}

/// Why a list of parameters is no space, or a list of values no point of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpaceError {
    /// Nothing to search.
    #[error("a space needs at least one parameter")]
    Empty,
    /// One name, two parameters.
    #[error("parameter `{name}` is given twice: rename one")]
    Twice {
        /// The name.
        name: String,
    },
    /// A domain that holds nothing, or is not what it says.
    #[error("parameter `{name}`: {what}")]
    Domain {
        /// The parameter.
        name: String,
        /// What is wrong and what to write instead.
        what: String,
    },
    /// A condition on something that is not there.
    #[error("parameter `{name}` depends on `{on}`, which is no earlier parameter: move it behind, or correct the name")]
    Unknown {
        /// The parameter.
        name: String,
        /// What it depends on.
        on: String,
    },
    /// A condition that can't be met.
    #[error("parameter `{name}` depends on `{on}` being {value}, which `{on}` never is")]
    Never {
        /// The parameter.
        name: String,
        /// What it depends on.
        on: String,
        /// The value.
        value: Value,
    },
    /// A grid of a continuous parameter.
    #[error(
        "a grid needs a number of steps for the continuous parameter `{name}`: give it a step, or the grid `levels`"
    )]
    Continuous {
        /// The parameter.
        name: String,
    },
    /// A grid that can't be counted.
    #[error("the grid has more than {limit} points: take larger steps, or another sampler")]
    TooLarge {
        /// Most points.
        limit: u64,
    },
    /// Values that do not fit the space.
    #[error("parameter `{name}`: {what}")]
    Value {
        /// The parameter.
        name: String,
        /// What was expected and what came.
        what: String,
    },
}

/// A condition with names resolved: the earlier parameter's index and the codes that call for this one.
type Gate = Option<(usize, Vec<f64>)>;

/// A validated list of parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Parameter>", into = "Vec<Parameter>")]
pub struct Space {
    parameters: Vec<Parameter>,
    gates: Vec<Gate>,
}

/// One choice of all parameters: a code for each in the space's order, none where the parameter is not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Point(#[serde(with = "crate::exact::list")] pub(crate) Vec<Option<f64>>);

impl Point {
    /// The codes, in the space's order.
    pub fn codes(&self) -> &[Option<f64>] {
        &self.0
    }
}

impl TryFrom<Vec<Parameter>> for Space {
    type Error = SpaceError;

    fn try_from(parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        Self::new(parameters)
    }
}

impl From<Space> for Vec<Parameter> {
    fn from(space: Space) -> Self {
        space.parameters
    }
}

impl Space {
    /// Checks the parameters, and resolves what depends on what.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        if parameters.is_empty() {
            return Err(SpaceError::Empty);
        }
        let mut gates = Vec::with_capacity(parameters.len());
        for (index, parameter) in parameters.iter().enumerate() {
            let earlier = &parameters[..index];
            if earlier.iter().any(|other| other.name == parameter.name) {
                return Err(SpaceError::Twice { name: parameter.name.clone() });
            }
            let domain = |what| SpaceError::Domain { name: parameter.name.clone(), what };
            if parameter.name.is_empty() {
                return Err(domain(format!("parameter {index} has no name")));
            }
            parameter.domain.check().map_err(domain)?;
            gates.push(resolve(parameter, earlier)?);
        }
        Ok(Self { parameters, gates })
    }

    /// The parameters, in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// How many parameters.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Never: a space has at least one parameter.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Whether parameter `index` is there, given the codes of those before it.
    pub fn is_active(&self, index: usize, earlier: &[Option<f64>]) -> bool {
        match self.gates.get(index) {
            Some(Some((on, codes))) => earlier.get(*on).copied().flatten().is_some_and(|code| codes.contains(&code)),
            Some(None) => true,
            None => false,
        }
    }

    /// The point whose code at each parameter that is there comes from `choose`, asked in order.
    pub fn point_by(&self, mut choose: impl FnMut(usize, &Domain) -> f64) -> Point {
        let mut codes: Vec<Option<f64>> = Vec::with_capacity(self.len());
        for (index, parameter) in self.parameters.iter().enumerate() {
            let code = self.is_active(index, &codes).then(|| choose(index, &parameter.domain));
            codes.push(code);
        }
        Point(codes)
    }

    /// What a point stands for: name and value of each parameter that is there, in order.
    pub fn values(&self, point: &Point) -> Vec<(&str, Value)> {
        let named = self.parameters.iter().zip(&point.0);
        named.filter_map(|(p, code)| Some((p.name.as_str(), p.domain.value((*code)?)))).collect()
    }

    /// The point that these values stand for. Parameters that are not there are left out.
    pub fn point(&self, values: &[(&str, Value)]) -> Result<Point, SpaceError> {
        let wrong = |name: &str, what: String| SpaceError::Value { name: name.to_owned(), what };
        let mut codes: Vec<Option<f64>> = Vec::with_capacity(self.len());
        for (index, parameter) in self.parameters.iter().enumerate() {
            let given = values.iter().find(|(name, _)| *name == parameter.name);
            let code = match (given, self.is_active(index, &codes)) {
                (Some((_, value)), true) => Some(
                    parameter
                        .domain
                        .code(value)
                        .ok_or_else(|| wrong(&parameter.name, format!("expected {}, got {value}", parameter.domain)))?,
                ),
                (None, true) => return Err(wrong(&parameter.name, format!("missing: expected {}", parameter.domain))),
                (Some(_), false) => return Err(wrong(&parameter.name, "is not there under its condition".to_owned())),
                (None, false) => None,
            };
            codes.push(code);
        }
        let unknown = |(name, _): &&(&str, Value)| !self.parameters.iter().any(|p| p.name == *name);
        match values.iter().find(unknown) {
            Some((name, _)) => Err(wrong(name, "no such parameter in this space".to_owned())),
            None => Ok(Point(codes)),
        }
    }

    /// The points one step away: each parameter that is there moved up and down by one level, or by `fraction` of its
    /// range where it is continuous. Unordered choices stay.
    pub fn neighbours(&self, point: &Point, fraction: f64) -> Vec<Point> {
        let mut points = Vec::new();
        for (index, parameter) in self.parameters.iter().enumerate() {
            let Some(code) = point.0.get(index).copied().flatten() else { continue };
            for code in parameter.domain.steps_from(code, fraction) {
                let moved = self.point_by(|at, domain| match point.0.get(at).copied().flatten() {
                    _ if at == index => code,
                    Some(kept) => kept,
                    None => domain.at(0.5),
                });
                points.push(moved);
            }
        }
        points
    }
}

/// The condition of `parameter` among `earlier` ones.
fn resolve(parameter: &Parameter, earlier: &[Parameter]) -> Result<Gate, SpaceError> {
    let Some(when) = &parameter.when else { return Ok(None) };
    let name = parameter.name.clone();
    let Some(on) = earlier.iter().position(|other| other.name == when.parameter) else {
        return Err(SpaceError::Unknown { name, on: when.parameter.clone() });
    };
    let controller = &earlier[on].domain;
    if controller.levels().is_none() {
        let what = format!("depends on `{}`, which is continuous: give that a step, or a list", when.parameter);
        return Err(SpaceError::Domain { name, what });
    }
    if when.any_of.is_empty() {
        let what = format!("depends on `{}` with an empty list: name the values", when.parameter);
        return Err(SpaceError::Domain { name, what });
    }
    let codes = when.any_of.iter().map(|value| {
        let never = || SpaceError::Never { name: name.clone(), on: when.parameter.clone(), value: value.clone() };
        controller.code(value).ok_or_else(never)
    });
    Ok(Some((on, codes.collect::<Result<_, _>>()?)))
}

#[cfg(test)]
mod tests;
