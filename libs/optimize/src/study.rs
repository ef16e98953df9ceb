//! A study: which trial next, and what came of each. Ask and tell, without I/O; its state can be written and read.
//!
//! The same specification gives the same trials whatever the number of workers and the order in which they end: trial n's
//! randomness comes from (seed, n), and the results it may see from n alone. Where those are not there yet, the answer is to
//! wait, never to go on with less.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::rng::Rng;
use crate::sampler::nsga2::{Individual, Parent};
use crate::sampler::sobol::{MAX_DIMENSIONS, Sobol};
use crate::sampler::tpe::Standing;
use crate::sampler::{Nsga2, Sampler, Tpe};
use crate::space::{Grid, Point, Space, SpaceError};

/// Which way an objective is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Smaller is better.
    Minimise,
    /// Larger is better.
    Maximise,
}

impl Direction {
    /// The value as one to be minimised.
    pub fn cost(self, value: f64) -> f64 {
        match self {
            Self::Minimise => value,
            Self::Maximise => -value,
        }
    }
}

/// What a study is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What may vary.
    pub space: Space,
    /// One for each objective.
    pub directions: Vec<Direction>,
    /// Who chooses the points.
    pub sampler: Sampler,
    /// Most trials.
    pub budget: u64,
    /// All randomness comes from it.
    pub seed: u64,
}

/// Why a specification is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpecError {
    /// The grid can't be laid out.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// Nothing to optimise.
    #[error("a study needs at least one objective")]
    NoObjective,
    /// A budget that allows nothing.
    #[error("the budget is 0 trials: give at least 1")]
    NoBudget,
    /// A sampler for one objective.
    #[error("tpe takes one objective, got {objectives}: use nsga2")]
    TpeObjectives {
        /// How many there are.
        objectives: usize,
    },
    /// More parameters than the Sobol table has dimensions.
    #[error("sobol takes at most {most} parameters, got {parameters}: use random or tpe")]
    SobolDimensions {
        /// How many there are.
        parameters: usize,
        /// How many there may be.
        most: usize,
    },
    /// A setting out of its range.
    #[error("{setting} must be {expected}, got {got}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Its range.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// A state that is not this study's.
    #[error("the state is not one of this study: {what}")]
    State {
        /// What does not fit.
        what: String,
    },
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to its end.
    Complete {
        /// A finite number for each objective.
        #[serde(with = "crate::exact::numbers")]
        values: Vec<f64>,
        /// By how much it breaks the constraints, summed; 0: not at all.
        #[serde(with = "crate::exact")]
        violation: f64,
    },
    /// It was stopped before its end.
    Pruned {
        /// Steps it had done.
        steps: u64,
        /// Its last value of the first objective.
        #[serde(with = "crate::exact")]
        value: f64,
    },
    /// It has no result: an error, or an objective that is not defined.
    Failed,
}

impl Outcome {
    /// A trial that broke no constraint and has one objective.
    pub fn value(value: f64) -> Self {
        Self::Complete { values: vec![value], violation: 0.0 }
    }
}

/// A trial that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number, counted from 0.
    pub number: u64,
    /// What was tried.
    pub point: Point,
    /// What came of it.
    pub outcome: Outcome,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Run this, and tell.
    Trial {
        /// Its number.
        number: u64,
        /// What to try.
        point: Point,
    },
    /// The next trial depends on this one, which has not ended.
    Wait {
        /// The first that has not.
        number: u64,
    },
    /// There are no more.
    Done,
}

/// A result that was not taken.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum TellError {
    /// Nobody asked for it, or it has been told.
    #[error("trial {number} is not under way: it was never asked for, or its result is there")]
    NotOpen {
        /// The trial.
        number: u64,
    },
    /// Not one finite number for each objective.
    #[error("trial {number}: expected {objectives} finite values, got {got}: tell `failed` where there are none")]
    Values {
        /// The trial.
        number: u64,
        /// How many objectives there are.
        objectives: usize,
        /// What came.
        got: String,
    },
}

/// All that a study must remember.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// How many trials were handed out.
    pub asked: u64,
    /// Those without a result.
    pub open: BTreeMap<u64, Point>,
    /// Those with one; only where the sampler learns from them.
    pub ended: BTreeMap<u64, Trial>,
    /// The best: one, or with several objectives all that no other dominates.
    pub front: BTreeMap<u64, Trial>,
}

/// A study under way.
#[derive(Clone, Debug)]
pub struct Study {
    spec: Spec,
    state: State,
    source: Source,
}

/// What a sampler keeps at hand; all of it follows from specification and state.
#[derive(Clone, Debug)]
enum Source {
    Grid(Grid),
    Random,
    Sobol(Sobol),
    Tpe(Tpe),
    Nsga2 { settings: Nsga2, generation: u64, parents: Vec<Parent> },
}

impl Study {
    /// A study from its beginning.
    pub fn new(spec: Spec) -> Result<Self, SpecError> {
        Self::resume(spec, State::default())
    }

    /// A study that goes on from where its state was written. Run [`Self::open`] again.
    pub fn resume(spec: Spec, state: State) -> Result<Self, SpecError> {
        check(&spec)?;
        check_state(&spec, &state)?;
        let source = match &spec.sampler {
            Sampler::Grid { levels } => Source::Grid(Grid::new(&spec.space, *levels)?),
            Sampler::Random => Source::Random,
            Sampler::Sobol => Source::Sobol(Sobol::shifted(spec.space.len(), spec.seed)),
            Sampler::Tpe(settings) => Source::Tpe(settings.clone()),
            Sampler::Nsga2(settings) => {
                Source::Nsga2 { settings: settings.clone(), generation: 0, parents: Vec::new() }
            }
        };
        Ok(Self { spec, state, source })
    }

    /// What it is about.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What to write down.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many trials there will be: the budget, or the whole grid where that is smaller.
    pub fn trials(&self) -> u64 {
        match &self.source {
            Source::Grid(grid) => grid.size().min(self.spec.budget),
            _ => self.spec.budget,
        }
    }

    /// Trials that were handed out and have no result, in order.
    pub fn open(&self) -> impl Iterator<Item = (u64, &Point)> {
        self.state.open.iter().map(|(number, point)| (*number, point))
    }

    /// The best trials, by number: one, or with several objectives all that no other dominates.
    pub fn front(&self) -> impl Iterator<Item = &Trial> {
        self.state.front.values()
    }

    /// The best trial of a study with one objective; the first of the front otherwise.
    pub fn best(&self) -> Option<&Trial> {
        self.front().next()
    }

    /// The next trial.
    pub fn ask(&mut self) -> Ask {
        let number = self.state.asked;
        if number >= self.trials() {
            return Ask::Done;
        }
        let sees = self.spec.sampler.sees(number);
        if let Some((&open, _)) = self.state.open.range(..sees).next() {
            return Ask::Wait { number: open };
        }
        let point = self.choose(number, sees);
        self.state.asked += 1;
        self.state.open.insert(number, point.clone());
        Ask::Trial { number, point }
    }

    /// The result of a trial that was asked for.
    pub fn tell(&mut self, number: u64, outcome: Outcome) -> Result<(), TellError> {
        if !self.state.open.contains_key(&number) {
            return Err(TellError::NotOpen { number });
        }
        self.check_outcome(number, &outcome)?;
        let Some(point) = self.state.open.remove(&number) else { return Err(TellError::NotOpen { number }) };
        let trial = Trial { number, point, outcome };
        self.offer(&trial);
        if self.spec.sampler.learns() {
            self.state.ended.insert(number, trial);
        }
        Ok(())
    }

    fn choose(&mut self, number: u64, sees: u64) -> Point {
        let Self { spec, state, source } = self;
        let mut rng = Rng::stream(spec.seed, number);
        match source {
            // `ask` stays below the grid's size.
            Source::Grid(grid) => grid.point(number).unwrap_or(Point(Vec::new())),
            Source::Random => spec.space.point_by(|_, domain| domain.at(rng.uniform())),
            Source::Sobol(sobol) => spec.space.point_by(|index, domain| domain.at(sobol.coordinate(number, index))),
            Source::Tpe(tpe) => {
                let direction = spec.directions[0];
                let seen: Vec<(&Point, Standing)> =
                    state.ended.range(..sees).map(|(_, trial)| (&trial.point, standing(trial, direction))).collect();
                // Of the trials of its own round it knows what they try, whether or not they have ended.
                let mut round: Vec<(u64, &Point)> =
                    state.ended.range(sees..number).map(|(number, trial)| (*number, &trial.point)).collect();
                round.extend(state.open.range(sees..number).map(|(number, point)| (*number, point)));
                round.sort_unstable_by_key(|(number, _)| *number);
                let round: Vec<&Point> = round.into_iter().map(|(_, point)| point).collect();
                tpe.propose(&spec.space, &seen, &round, &mut rng)
            }
            Source::Nsga2 { settings, generation, parents } => {
                let size = u64::from(settings.population);
                while *generation < sees / size {
                    let children = state.ended.range(*generation * size..(*generation + 1) * size);
                    let children = children.map(|(_, trial)| individual(trial, &spec.directions)).collect();
                    *parents = settings.select(std::mem::take(parents), children);
                    *generation += 1;
                }
                settings.propose(&spec.space, parents, &mut rng)
            }
        }
    }

    fn check_outcome(&self, number: u64, outcome: &Outcome) -> Result<(), TellError> {
        let objectives = self.spec.directions.len();
        let fits = match outcome {
            Outcome::Complete { values, violation } => {
                values.len() == objectives
                    && values.iter().chain([violation]).all(|value| value.is_finite())
                    && *violation >= 0.0
            }
            Outcome::Pruned { value, .. } => value.is_finite(),
            Outcome::Failed => true,
        };
        if fits { Ok(()) } else { Err(TellError::Values { number, objectives, got: format!("{outcome:?}") }) }
    }

    /// Puts a trial in the front if it belongs there. The front does not depend on the order of offers.
    fn offer(&mut self, trial: &Trial) {
        let Some(costs) = costs(trial, &self.spec.directions) else { return };
        // Of two with the same value of one objective the earlier counts.
        let beats = |a: (u64, &[f64]), b: (u64, &[f64])| {
            crate::sampler::nsga2::costs_dominate(a.1, b.1) || (a.1.len() == 1 && a.1 == b.1 && a.0 < b.0)
        };
        let directions = &self.spec.directions;
        let other = |trial: &Trial| (trial.number, self::costs(trial, directions).unwrap_or_default());
        let beaten = self.state.front.values().map(other).any(|(n, c)| beats((n, &c), (trial.number, &costs)));
        if !beaten {
            self.state.front.retain(|_, held| {
                let (number, held) = other(held);
                !beats((trial.number, &costs), (number, &held))
            });
            self.state.front.insert(trial.number, trial.clone());
        }
    }
}

/// What a trial costs in each objective; none where it is not complete, or breaks a constraint.
fn costs(trial: &Trial, directions: &[Direction]) -> Option<Vec<f64>> {
    match &trial.outcome {
        Outcome::Complete { values, violation } if *violation <= 0.0 => {
            Some(directions.iter().zip(values).map(|(direction, value)| direction.cost(*value)).collect())
        }
        _ => None,
    }
}

fn standing(trial: &Trial, direction: Direction) -> Standing {
    match &trial.outcome {
        Outcome::Complete { violation, .. } if *violation > 0.0 => Standing::Infeasible(*violation),
        Outcome::Complete { values, .. } => {
            values.first().map_or(Standing::Failed, |value| Standing::Complete(direction.cost(*value)))
        }
        Outcome::Pruned { steps, value } => Standing::Pruned { steps: *steps, value: direction.cost(*value) },
        Outcome::Failed => Standing::Failed,
    }
}

fn individual(trial: &Trial, directions: &[Direction]) -> Individual {
    let (objectives, violation) = match &trial.outcome {
        Outcome::Complete { values, violation } => {
            (directions.iter().zip(values).map(|(direction, value)| direction.cost(*value)).collect(), *violation)
        }
        Outcome::Pruned { .. } | Outcome::Failed => (Vec::new(), 0.0),
    };
    Individual { number: trial.number, point: trial.point.clone(), objectives, violation }
}

fn check(spec: &Spec) -> Result<(), SpecError> {
    if spec.directions.is_empty() {
        return Err(SpecError::NoObjective);
    }
    if spec.budget == 0 {
        return Err(SpecError::NoBudget);
    }
    let setting = |setting, expected, got: String| Err(SpecError::Setting { setting, expected, got });
    match &spec.sampler {
        Sampler::Sobol if spec.space.len() > MAX_DIMENSIONS => {
            Err(SpecError::SobolDimensions { parameters: spec.space.len(), most: MAX_DIMENSIONS })
        }
        Sampler::Tpe(_) if spec.directions.len() != 1 => {
            Err(SpecError::TpeObjectives { objectives: spec.directions.len() })
        }
        Sampler::Tpe(tpe) if tpe.round == 0 => setting("tpe.round", "at least 1", "0".to_owned()),
        Sampler::Tpe(tpe) if tpe.candidates == 0 => setting("tpe.candidates", "at least 1", "0".to_owned()),
        Sampler::Nsga2(nsga2) if nsga2.population < 2 => {
            setting("nsga2.population", "at least 2", nsga2.population.to_string())
        }
        Sampler::Nsga2(nsga2) if !(0.0..=1.0).contains(&nsga2.crossover) => {
            setting("nsga2.crossover", "a probability", nsga2.crossover.to_string())
        }
        Sampler::Nsga2(nsga2) if !(0.0..=1e3).contains(&nsga2.crossover_eta.min(nsga2.mutation_eta)) => {
            setting("nsga2.crossover_eta and mutation_eta", "0..=1000", format!("{nsga2:?}"))
        }
        _ => Ok(()),
    }
}

fn check_state(spec: &Spec, state: &State) -> Result<(), SpecError> {
    let wrong = |what: String| Err(SpecError::State { what });
    let ended = state.ended.values().chain(state.front.values()).map(|trial| (trial.number, &trial.point));
    for (number, point) in state.open.iter().map(|(number, point)| (*number, point)).chain(ended) {
        if number >= state.asked {
            return wrong(format!("trial {number} is there, but only {} were asked for", state.asked));
        }
        if point.codes().len() != spec.space.len() {
            let parameters = spec.space.len();
            return wrong(format!("trial {number} has {} parameters, expected {parameters}", point.codes().len()));
        }
    }
    if spec.sampler.learns() && (state.open.len() + state.ended.len()) as u64 != state.asked {
        let known = state.open.len() + state.ended.len();
        return wrong(format!("{} trials were asked for, {known} are there", state.asked));
    }
    Ok(())
}
