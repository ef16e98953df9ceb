//! Statistics of returns and trades, and the ones that ask whether they are luck.
//!
//! All of them take plain numbers, never annualise unless told how many periods a year has, and answer a [`Stat`]: a finite
//! number, or the reason why there is none. They are computed the same way on every call: no threads, no order that varies.

pub mod bootstrap;
pub mod concentration;
pub mod drawdown;
pub mod moments;
pub mod monte_carlo;
pub mod neighbourhood;
pub mod overfitting;
pub mod performance;
pub mod purged;
pub mod random_entries;
pub mod sharpe;
pub mod stress;
pub mod walk_forward;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a statistic has no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(rename_all = "snake_case")]
pub enum Undefined {
    /// Not enough numbers.
    #[error("needs at least {needed} {of}, got {got}")]
    TooFew {
        /// Of what.
        of: String,
        /// How many it takes.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// Something to divide by is nothing.
    #[error("{what} is zero, so a ratio to it is not defined")]
    Zero {
        /// What is.
        what: String,
    },
    /// A number in the input is infinite or none.
    #[error("{what} number {index} is not finite: correct the input")]
    NotFinite {
        /// Which list.
        what: String,
        /// Where, from 0.
        index: usize,
    },
    /// An argument outside its range.
    #[error("{what} must be {expected}, got {got}")]
    Argument {
        /// Which.
        what: String,
        /// Its range.
        expected: String,
        /// What came.
        got: String,
    },
    /// Capital is lost: growth from there has no meaning.
    #[error("the capital is gone at number {index}, so growth is not defined")]
    Ruined {
        /// Where, from 0.
        index: usize,
    },
    /// The numbers are too large or too far apart for f64.
    #[error("the result leaves the range of floating-point numbers")]
    Overflow,
}

/// A finite number, or why there is none.
pub type Stat = Result<f64, Undefined>;

impl Undefined {
    pub(crate) fn too_few(of: &str, needed: usize, got: usize) -> Self {
        Self::TooFew { of: of.to_owned(), needed, got }
    }

    pub(crate) fn zero(what: &str) -> Self {
        Self::Zero { what: what.to_owned() }
    }

    pub(crate) fn argument(what: &str, expected: &str, got: impl ToString) -> Self {
        Self::Argument { what: what.to_owned(), expected: expected.to_owned(), got: got.to_string() }
    }
}

/// A computed number, unless it has left the range of numbers.
pub(crate) fn finite(value: f64) -> Stat {
    if value.is_finite() { Ok(value) } else { Err(Undefined::Overflow) }
}

/// `numerator / denominator`, where the latter is not zero.
pub(crate) fn ratio(numerator: f64, denominator: f64, what: &str) -> Stat {
    if denominator == 0.0 { Err(Undefined::zero(what)) } else { finite(numerator / denominator) }
}

/// Whether all numbers are finite, and there are enough.
pub(crate) fn check(values: &[f64], what: &str, needed: usize) -> Result<(), Undefined> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Undefined::NotFinite { what: what.to_owned(), index }),
        None if values.len() < needed => Err(Undefined::too_few(what, needed, values.len())),
        None => Ok(()),
    }
}

/// The value that a share `p` of the numbers is at or below, by linear interpolation between ranks (type 7 of Hyndman and
/// Fan, 'Sample quantiles in statistical packages', 1996). `sorted` is in rising order.
pub fn quantile(sorted: &[f64], p: f64) -> Stat {
    check(sorted, "values", 1)?;
    if !(0.0..=1.0).contains(&p) {
        return Err(Undefined::argument("p", "0..=1", p));
    }
    let rank = p * (sorted.len() - 1) as f64;
    let below = rank as usize;
    let above = (below + 1).min(sorted.len() - 1);
    finite(sorted[below] + (sorted[above] - sorted[below]) * (rank - below as f64))
}

/// The numbers in rising order.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}
