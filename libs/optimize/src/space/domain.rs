//! What one parameter may be, and its codes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A word.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => write!(f, "\"{value}\""),
        }
    }
}

impl Eq for Value {}

/// What a parameter may be. Bounds are inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Domain {
    /// Whole numbers `low`, `low + step`, ... up to `high`. Code: the number.
    Int {
        /// The smallest.
        low: i64,
        /// None is larger.
        high: i64,
        /// Distance of two; 1 unless told.
        #[serde(default = "one")]
        step: u64,
        /// Whether ratios count rather than differences; needs `low` of at least 1 and no other step than 1.
        #[serde(default)]
        log: bool,
    },
    /// Numbers from `low` to `high`; all, or those at multiples of `step` from `low`. Code: the number.
    Float {
        /// The smallest.
        low: f64,
        /// The largest.
        high: f64,
        /// Distance of two; none: continuous.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<f64>,
        /// Whether ratios count rather than differences; needs `low` above 0 and no step.
        #[serde(default)]
        log: bool,
    },
    /// These numbers, in rising order. Code: the position.
    Grid(Vec<f64>),
    /// These options, in no order that means anything. Code: the position.
    Choice(Vec<Value>),
}

fn one() -> u64 {
    1
}

/// Whole numbers are codes too, so they must be exact as `f64`.
const EXACT: i64 = 1 << 53;

/// Most levels of a list or stepped range.
const MAX_LEVELS: f64 = 4_294_967_296.0;

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int { low, high, step, .. } => write!(f, "a whole number of {low}..={high} in steps of {step}"),
            Self::Float { low, high, step: None, .. } => write!(f, "a number of {low}..={high}"),
            Self::Float { low, high, step: Some(step), .. } => {
                write!(f, "a number of {low}..={high} in steps of {step}")
            }
            Self::Grid(values) => write!(f, "one of {values:?}"),
            Self::Choice(options) => {
                write!(f, "one of")?;
                options.iter().try_for_each(|option| write!(f, " {option}"))
            }
        }
    }
}

impl Domain {
    /// The whole numbers from `low` to `high`.
    pub fn int(low: i64, high: i64) -> Self {
        Self::Int { low, high, step: 1, log: false }
    }

    /// The numbers from `low` to `high`.
    pub fn float(low: f64, high: f64) -> Self {
        Self::Float { low, high, step: None, log: false }
    }

    /// The numbers from `low` to `high`, where ratios count.
    pub fn log(low: f64, high: f64) -> Self {
        Self::Float { low, high, step: None, log: true }
    }

    /// These words.
    pub fn choice<'a>(options: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Choice(options.into_iter().map(|option| Value::Text(option.to_owned())).collect())
    }

    /// What is wrong with it, and what to write instead.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Int { low, high, step, log } => {
                if low > high {
                    return Err(format!("low {low} is above high {high}"));
                }
                if *step == 0 {
                    return Err("step 0: give 1 or more".to_owned());
                }
                if *low < -EXACT || *high > EXACT {
                    return Err(format!("{low}..={high} leaves the range of exact numbers, -2^53..=2^53"));
                }
                if *log && (*low < 1 || *step != 1) {
                    return Err("a log range needs low of at least 1 and no step".to_owned());
                }
            }
            Self::Float { low, high, step, log } => {
                if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) || low > high {
                    return Err(format!("{low}..={high} is no range of finite numbers, low first"));
                }
                if *log && (*low <= 0.0 || step.is_some()) {
                    return Err("a log range needs low above 0 and no step".to_owned());
                }
                if step.is_some_and(|step| !step.is_finite() || step <= 0.0) {
                    return Err("step must be a finite number above 0".to_owned());
                }
                if step.is_some_and(|step| (high - low) / step >= MAX_LEVELS) {
                    return Err("more than 2^32 steps: take a larger step, or none".to_owned());
                }
            }
            Self::Grid(values) => {
                if values.is_empty() {
                    return Err("an empty list: name at least one number".to_owned());
                }
                if !values.iter().all(|value| value.is_finite()) || !values.is_sorted_by(|a, b| a < b) {
                    return Err(format!("{values:?} must be finite and in rising order, each once"));
                }
            }
            Self::Choice(options) => {
                if options.is_empty() {
                    return Err("an empty list: name at least one option".to_owned());
                }
                if let Some((at, again)) = options.iter().enumerate().find(|(at, o)| options[..*at].contains(o)) {
                    return Err(format!("option {again} at position {at} is there twice"));
                }
                if options.iter().any(|option| matches!(option, Value::Float(value) if !value.is_finite())) {
                    return Err("an option is no finite number".to_owned());
                }
            }
        }
        Ok(())
    }

    /// How many values; none where it is continuous.
    pub fn levels(&self) -> Option<u64> {
        match self {
            Self::Int { low, high, step, .. } => Some(high.abs_diff(*low) / step + 1),
            // A bound that is a step away but for rounding is inside.
            Self::Float { low, high, step: Some(step), .. } => Some(((high - low) / step + 1e-9) as u64 + 1),
            Self::Float { low, high, step: None, .. } => (low == high).then_some(1),
            Self::Grid(values) => Some(values.len() as u64),
            Self::Choice(options) => Some(options.len() as u64),
        }
    }

    /// The code of level `level`, counted from 0; the last where there are fewer. Continuous: the low end.
    pub fn code_of_level(&self, level: u64) -> f64 {
        let level = level.min(self.levels().unwrap_or(1) - 1);
        match self {
            Self::Int { low, step, .. } => *low as f64 + (level * step) as f64,
            Self::Float { low, high, step: Some(step), .. } => (low + level as f64 * step).min(*high),
            Self::Float { low, .. } => *low,
            Self::Grid(_) | Self::Choice(_) => level as f64,
        }
    }

    /// The level nearest to a code; none where it is continuous.
    pub fn level_of(&self, code: f64) -> Option<u64> {
        let last = self.levels()? - 1;
        let position = match self {
            Self::Int { low, step, .. } => (code - *low as f64) / *step as f64,
            Self::Float { low, step: Some(step), .. } => (code - low) / step,
            Self::Float { .. } => 0.0,
            Self::Grid(_) | Self::Choice(_) => code,
        };
        Some((position.round().max(0.0) as u64).min(last))
    }

    /// The code at share `u`, of [0, 1), of the domain: equal shares of it hold equal parts of the range, or of its
    /// logarithm.
    pub fn at(&self, u: f64) -> f64 {
        let between = |low: f64, high: f64| low + (high - low) * u;
        match self {
            Self::Int { low, high, log: true, .. } => {
                let (low, high) = (*low as f64, *high as f64);
                between((low - 0.5).ln(), (high + 0.5).ln()).exp().round().clamp(low, high)
            }
            Self::Float { low, high, log: true, .. } => between(low.ln(), high.ln()).exp().clamp(*low, *high),
            Self::Float { low, high, step: None, .. } => between(*low, *high).clamp(*low, *high),
            _ => self.code_of_level((u * self.levels().unwrap_or(1) as f64) as u64),
        }
    }

    /// The share of the domain at which a code stands: the inverse of [`Self::at`], in the middle of a level's share.
    pub fn share_of(&self, code: f64) -> f64 {
        let position = |x: f64, low: f64, high: f64| if high > low { (x - low) / (high - low) } else { 0.5 };
        let share = match self {
            Self::Int { low, high, log: true, .. } => {
                position(code.ln(), (*low as f64 - 0.5).ln(), (*high as f64 + 0.5).ln())
            }
            Self::Float { low, high, log: true, .. } => position(code.ln(), low.ln(), high.ln()),
            Self::Float { low, high, step: None, .. } => position(code, *low, *high),
            _ => {
                let levels = self.levels().unwrap_or(1) as f64;
                (self.level_of(code).unwrap_or(0) as f64 + 0.5) / levels
            }
        };
        share.clamp(0.0, 1.0)
    }

    /// The value of a code.
    pub fn value(&self, code: f64) -> Value {
        match self {
            Self::Int { .. } => Value::Int(code as i64),
            Self::Float { .. } => Value::Float(code),
            Self::Grid(values) => Value::Float(values.get(code as usize).copied().unwrap_or(code)),
            Self::Choice(options) => options.get(code as usize).cloned().unwrap_or(Value::Float(code)),
        }
    }

    /// The code of a value; none where the value is not in the domain. A whole number is also a number.
    pub fn code(&self, value: &Value) -> Option<f64> {
        let number = match value {
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            Value::Bool(_) | Value::Text(_) => None,
        };
        match self {
            Self::Int { .. } => number.filter(|&x| x.fract() == 0.0 && self.nearest(x) == Some(x)),
            Self::Float { low, high, step: None, .. } => number.filter(|x| (*low..=*high).contains(x)),
            // A number that was printed and read again is off by rounding.
            Self::Float { step: Some(step), .. } => {
                number.and_then(|x| self.nearest(x).filter(|code| (code - x).abs() <= 1e-9 * step))
            }
            Self::Grid(values) => values.iter().position(|&x| Some(x) == number).map(|at| at as f64),
            Self::Choice(options) => options.iter().position(|option| option == value).map(|at| at as f64),
        }
    }

    fn nearest(&self, code: f64) -> Option<f64> {
        self.level_of(code).map(|level| self.code_of_level(level))
    }

    /// The codes one step below and above: a level, or `fraction` of a continuous range; none where there is no order.
    pub(super) fn steps_from(&self, code: f64, fraction: f64) -> Vec<f64> {
        if matches!(self, Self::Choice(_)) {
            return Vec::new();
        }
        let Some(levels) = self.levels() else {
            let share = self.share_of(code);
            let shares = [share - fraction, share + fraction];
            return shares
                .into_iter()
                .filter(|share| (0.0..=1.0).contains(share))
                .map(|share| self.at(share))
                .collect();
        };
        let level = self.level_of(code).unwrap_or(0);
        let below = level.checked_sub(1);
        let above = Some(level + 1).filter(|&above| above < levels);
        below.into_iter().chain(above).map(|level| self.code_of_level(level)).collect()
    }
}
