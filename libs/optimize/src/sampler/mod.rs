//! Who chooses the points: grid, random, Sobol, TPE, NSGA-II.
//!
//! A sampler is a function of (space, seed, number of the trial, results it may see). Which results those are is fixed by
//! the trial's number alone ([`Sampler::sees`]), never by what happens to be finished: so a study is the same for any number
//! of workers and any order of completion.

pub mod nsga2;
mod parzen;
pub mod sobol;
pub mod tpe;

pub use nsga2::Nsga2;
pub use tpe::Tpe;

use serde::{Deserialize, Serialize};

/// Who chooses the points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampler {
    /// All points in order, each once.
    Grid {
        /// Values of each continuous parameter, ends inside; needed where there is one.
        #[serde(default)]
        levels: Option<u32>,
    },
    /// Independent points, uniform over the space.
    Random,
    /// A Sobol sequence with a random digital shift: more even than chance.
    Sobol,
    /// Tree-structured Parzen estimator; one objective.
    Tpe(Tpe),
    /// Non-dominated sorting genetic algorithm; one or more objectives.
    Nsga2(Nsga2),
}

impl Sampler {
    /// How many of the first trials must have ended before trial `number` can be chosen; it sees their results and no
    /// others.
    pub fn sees(&self, number: u64) -> u64 {
        let rounds_of = |size: u32| number - number % u64::from(size.max(1));
        match self {
            Self::Grid { .. } | Self::Random | Self::Sobol => 0,
            Self::Tpe(tpe) => rounds_of(tpe.round),
            Self::Nsga2(nsga2) => rounds_of(nsga2.population),
        }
    }

    /// Whether it learns from results.
    pub fn learns(&self) -> bool {
        matches!(self, Self::Tpe(_) | Self::Nsga2(_))
    }
}
