//! What is better, and what is allowed: from a trial's figures to what its study is told.

use mesh_optimize::{Direction, Outcome};
use serde::Serialize;

use crate::metric::{Measures, Metric};
use crate::spec::meant;

/// One thing to be made large or small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Goal {
    /// The figure.
    pub metric: Metric,
    /// Which way is better.
    pub direction: Direction,
}

/// A bound that a figure must keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Constraint {
    /// The figure.
    pub metric: Metric,
    /// Whether it must be at least, else at most, the bound.
    pub is_least: bool,
    /// The bound.
    pub bound: f64,
}

/// How the figures of several symbols become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Across {
    /// Their mean; counts and amounts are summed.
    #[default]
    Mean,
    /// The worst of them, as the goals and constraints see it: the least of what should be large, the most of what should
    /// be small. What none of them names is the mean.
    Worst,
}

/// Goals and constraints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Objective {
    /// At least one.
    pub goals: Vec<Goal>,
    /// All must hold.
    pub constraints: Vec<Constraint>,
    /// Several symbols.
    pub across: Across,
}

impl Constraint {
    /// From `max_drawdown <= 0.3` or `trades >= 30`.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = || format!("expected a constraint such as `trades >= 30` or `max_drawdown <= 0.3`, found `{text}`");
        let (name, is_least, bound) = match (text.split_once(">="), text.split_once("<=")) {
            (Some((name, bound)), None) => (name, true, bound),
            (None, Some((name, bound))) => (name, false, bound),
            _ => return Err(found()),
        };
        let bound = bound.trim().parse::<f64>().ok().filter(|bound| bound.is_finite()).ok_or_else(found)?;
        Ok(Self { metric: metric(name.trim())?, is_least, bound })
    }

    /// By how much it is broken, as a share of the bound where that is not 0; 0 where it holds.
    fn violation(&self, measures: &Measures) -> Option<f64> {
        let value = measures.get(self.metric)?;
        let short = if self.is_least { self.bound - value } else { value - self.bound };
        let scale = if self.bound == 0.0 { 1.0 } else { self.bound.abs() };
        Some(if short > 0.0 { short / scale } else { 0.0 }).filter(|violation| violation.is_finite())
    }
}

/// The metric of a name.
pub(crate) fn metric(name: &str) -> Result<Metric, String> {
    Metric::named(name)
        .ok_or_else(|| format!("no figure is called `{name}`; {}", meant(name, Metric::all().map(Metric::name))))
}

/// What stands for a value that is not there where numbers are compared on the way: the worst there is.
pub const WORST: f64 = f64::MAX;

impl Objective {
    /// What comes of a trial with these figures. A goal or a constraint without a value: it has no result.
    #[must_use]
    pub fn outcome(&self, measures: &Measures) -> Outcome {
        let values: Option<Vec<f64>> = self.goals.iter().map(|goal| measures.get(goal.metric)).collect();
        let violation = self.violation(measures);
        match values.zip(violation) {
            Some((values, violation)) => Outcome::Complete { values, violation },
            None => Outcome::Failed,
        }
    }

    /// By how much the constraints are broken, summed; `None` where one can't be told.
    #[must_use]
    pub fn violation(&self, measures: &Measures) -> Option<f64> {
        self.constraints.iter().try_fold(0.0, |sum, constraint| Some(sum + constraint.violation(measures)?))
    }

    /// What a trial on its way is compared by: the first goal's figure, or the worst there is.
    #[must_use]
    pub fn on_the_way(&self, measures: &Measures) -> f64 {
        let Some(goal) = self.goals.first() else { return WORST };
        measures.get(goal.metric).unwrap_or_else(|| goal.direction.cost(WORST))
    }

    /// One set of figures of several symbols'.
    #[must_use]
    pub fn combine(&self, symbols: &[Measures]) -> Measures {
        if let [one] = symbols {
            return one.clone();
        }
        Measures::by(|metric| {
            let values: Option<Vec<f64>> = symbols.iter().map(|measures| measures.get(metric)).collect();
            let values = values.filter(|values| !values.is_empty())?;
            let combined = match self.wanted(metric) {
                Some(direction) if self.across == Across::Worst => {
                    let cost = values.iter().map(|value| direction.cost(*value)).fold(f64::NEG_INFINITY, f64::max);
                    direction.cost(cost)
                }
                _ if metric.is_sum() => values.iter().sum(),
                _ => values.iter().sum::<f64>() / values.len() as f64,
            };
            Some(combined).filter(|value| value.is_finite())
        })
    }

    /// Which way a figure is wanted, where a goal or a constraint names it.
    fn wanted(&self, metric: Metric) -> Option<Direction> {
        let goal = self.goals.iter().find(|goal| goal.metric == metric).map(|goal| goal.direction);
        let constraint = || {
            let found = self.constraints.iter().find(|constraint| constraint.metric == metric)?;
            Some(if found.is_least { Direction::Maximise } else { Direction::Minimise })
        };
        goal.or_else(constraint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(values: &[(&str, f64)]) -> Measures {
        Measures::by(|metric| values.iter().find(|(name, _)| *name == metric.name()).map(|(_, value)| *value))
    }

    fn objective(constraints: &[&str], across: Across) -> Objective {
        let goal = Goal { metric: metric("sharpe").unwrap(), direction: Direction::Maximise };
        let constraints = constraints.iter().map(|text| Constraint::parse(text).unwrap()).collect();
        Objective { goals: vec![goal], constraints, across }
    }

    #[test]
    fn constraints_are_read_and_weighed() {
        let objective = objective(&["trades >= 30", "max_drawdown<=0.2"], Across::Mean);
        let of = |trades, drawdown| {
            objective.outcome(&measures(&[("sharpe", 1.5), ("trades", trades), ("max_drawdown", drawdown)]))
        };
        assert_eq!(of(30.0, 0.1), Outcome::Complete { values: vec![1.5], violation: 0.0 });
        assert_eq!(of(15.0, 0.3), Outcome::Complete { values: vec![1.5], violation: 0.5 + (0.3 - 0.2) / 0.2 });
        assert_eq!(objective.outcome(&measures(&[("sharpe", 1.0), ("trades", 1.0)])), Outcome::Failed);
        assert_eq!(objective.outcome(&measures(&[("trades", 40.0), ("max_drawdown", 0.1)])), Outcome::Failed);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(Constraint::parse("trades > 3").unwrap_err().contains("such as `trades >= 30`"));
        assert!(Constraint::parse("trads >= 3").unwrap_err().contains("did you mean `trades`?"));
        assert!(Constraint::parse("trades >= NaN").is_err());
    }

    #[test]
    fn symbols_are_combined() {
        let symbols = [
            measures(&[("sharpe", 1.0), ("trades", 10.0), ("max_drawdown", 0.1)]),
            measures(&[("sharpe", 2.0), ("trades", 30.0), ("max_drawdown", 0.4)]),
        ];
        let of = |across, name| objective(&["max_drawdown <= 1"], across).combine(&symbols).get(metric(name).unwrap());
        assert_eq!((of(Across::Mean, "sharpe"), of(Across::Worst, "sharpe")), (Some(1.5), Some(1.0)));
        assert_eq!((of(Across::Mean, "trades"), of(Across::Worst, "max_drawdown")), (Some(40.0), Some(0.4)));
        assert_eq!(of(Across::Mean, "win_rate"), None);
    }
}
