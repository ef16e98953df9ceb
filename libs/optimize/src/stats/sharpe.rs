//! How sure a Sharpe ratio is, and what is left of it when many strategies were tried.
//!
//! Probabilistic Sharpe ratio and minimum track record length: Bailey and Lopez de Prado, 'The Sharpe ratio efficient
//! frontier' (2012). Deflated Sharpe ratio: the same, 'The deflated Sharpe ratio' (2014). Ratios are per period, never
//! annualised.

use serde::{Deserialize, Serialize};

use super::{Stat, Undefined, check, finite, moments, performance};
use crate::normal;

/// The constant of Euler and Mascheroni.
const EULER: f64 = 0.577_215_664_901_532_9;

/// What is observed of one series of returns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Sharpe ratio per period.
    pub sharpe: f64,
    /// Number of periods.
    pub periods: u64,
    /// Skewness of the returns.
    pub skewness: f64,
    /// Kurtosis of the returns, 3 for a normal distribution.
    pub kurtosis: f64,
}

impl Observed {
    /// Of these returns.
    pub fn of(returns: &[f64]) -> Result<Self, Undefined> {
        Ok(Self {
            sharpe: performance::sharpe(returns)?,
            periods: returns.len() as u64,
            skewness: moments::skewness(returns)?,
            kurtosis: moments::kurtosis(returns)?,
        })
    }

    /// Variance of the estimate times the number of periods less one (Mertens, 2002).
    fn spread(&self) -> Stat {
        let spread = 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe * self.sharpe;
        if spread > 0.0 { finite(spread) } else { Err(Undefined::zero("the variance of the Sharpe ratio")) }
    }

    /// Probabilistic Sharpe ratio: probability that the true ratio is above `benchmark`.
    pub fn probabilistic(&self, benchmark: f64) -> Stat {
        if self.periods < 2 {
            return Err(Undefined::too_few("periods", 2, self.periods as usize));
        }
        let periods = (self.periods - 1) as f64;
        let z = finite((self.sharpe - benchmark) * periods.sqrt() / self.spread()?.sqrt())?;
        Ok(normal::cdf(z))
    }

    /// Deflated Sharpe ratio: probability that the true ratio is above the largest that luck alone would have shown among
    /// all `trials`.
    pub fn deflated(&self, trials: &Trials) -> Stat {
        self.probabilistic(trials.expected_max_sharpe()?)
    }

    /// Minimum track record length: periods it takes until the true ratio is above `benchmark` with this `confidence`.
    pub fn min_track_record(&self, benchmark: f64, confidence: f64) -> Stat {
        if !(confidence > 0.0 && confidence < 1.0) {
            return Err(Undefined::argument("confidence", "between 0 and 1", confidence));
        }
        if self.sharpe <= benchmark {
            return Err(Undefined::argument("the Sharpe ratio", &format!("above {benchmark}"), self.sharpe));
        }
        let z = normal::quantile(confidence) / (self.sharpe - benchmark);
        finite(1.0 + self.spread()? * z * z)
    }
}

/// All strategies that were tried, the discarded ones too: their number and how their Sharpe ratios spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trials {
    /// How many. Fewer, where many were nearly the same, is for the caller to say and to justify.
    pub count: u64,
    /// Variance of their Sharpe ratios per period (divisor n - 1).
    pub variance: f64,
}

impl Trials {
    /// Of the ratios of all trials.
    pub fn of(sharpes: &[f64]) -> Result<Self, Undefined> {
        check(sharpes, "trials", 2)?;
        let deviation = moments::deviation(sharpes)?;
        Ok(Self { count: sharpes.len() as u64, variance: finite(deviation * deviation)? })
    }

    /// Expected largest of so many ratios whose true value is zero (2014, equation 1); 0 for a single trial.
    pub fn expected_max_sharpe(&self) -> Stat {
        if !(self.variance >= 0.0 && self.variance.is_finite()) {
            return Err(Undefined::argument("the variance of the trials", "at least 0", self.variance));
        }
        match self.count {
            0 => return Err(Undefined::too_few("trials", 1, 0)),
            1 => return Ok(0.0),
            _ => {}
        }
        let tail = 1.0 / self.count as f64;
        // The upper quantile of 1 - x is minus the lower one of x, which keeps its digits for many trials.
        let largest = -(1.0 - EULER) * normal::quantile(tail) - EULER * normal::quantile(tail / std::f64::consts::E);
        finite(self.variance.sqrt() * largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numerical example of the 2014 paper: annual ratio 2.5 over 1250 days of 250 a year, 100 trials.
    #[test]
    fn the_papers_example() {
        let observed = Observed { sharpe: 2.5 / 250f64.sqrt(), periods: 1250, skewness: -3.0, kurtosis: 10.0 };
        let trials = Trials { count: 100, variance: 0.5 / 250.0 };
        assert!((trials.expected_max_sharpe().unwrap() - 0.1132).abs() < 5e-5);
        assert!((observed.deflated(&trials).unwrap() - 0.9004).abs() < 5e-5);
    }

    #[test]
    fn more_trials_leave_less() {
        let observed = Observed { sharpe: 0.1, periods: 1000, skewness: 0.0, kurtosis: 3.0 };
        let left = |count| observed.deflated(&Trials { count, variance: 0.001 }).unwrap();
        let counts = [1, 2, 10, 100, 10_000, 100_000_000];
        assert!(counts.map(left).is_sorted_by(|a, b| a > b));
        assert_eq!(left(1), observed.probabilistic(0.0).unwrap());
    }

    #[test]
    fn the_track_record_is_long_enough_when_the_probability_is() {
        let observed = Observed { sharpe: 0.08, periods: 0, skewness: -0.5, kurtosis: 7.0 };
        let periods = observed.min_track_record(0.01, 0.95).unwrap();
        let at = |periods: f64| Observed { periods: periods as u64, ..observed }.probabilistic(0.01).unwrap();
        assert!(at(periods.ceil()) >= 0.95 && at(periods.floor() - 1.0) < 0.95);
        assert!(observed.min_track_record(0.08, 0.95).is_err());
    }
}
