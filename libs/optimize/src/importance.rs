//! How much of the differences between trials each parameter explains by itself.
//!
//! The trials are put in bins by one parameter; the share of the objective's variance that lies between the bins' means is
//! what the parameter explains (the main effects of functional ANOVA: Hutter, Hoos, Leyton-Brown, 'An efficient approach for
//! assessing hyperparameter importance', 2014, here on the trials themselves instead of a forest). Because bins of noise
//! differ too, the share is corrected for chance (epsilon squared: Kelley, 1935): it is about 0 for a parameter that does
//! nothing. Interactions show in no parameter's share.
//!
//! Trials of an adaptive sampler crowd where it is good, so shares say what mattered there; a random or Sobol study says what
//! matters everywhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::space::{Point, Space};
use crate::stats::moments::Moments;
use crate::stats::{Undefined, check, finite};

/// Most bins of a parameter with many values.
const MAX_BINS: usize = 8;

/// Fewest trials in a bin, on average.
const TRIALS_PER_BIN: usize = 8;

/// What one parameter explains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The parameter.
    pub parameter: String,
    /// Share of the variance that it explains, corrected for chance: 0..=1.
    pub share: f64,
    /// The bins, in the parameter's order: its mean share of the domain (or option), number of trials, mean objective. Trials
    /// without the parameter are a bin of their own, without a position.
    pub bins: Vec<Bin>,
}

/// Trials that have nearly the same value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Mean position in the domain, 0..=1; none where the parameter is not there.
    pub position: Option<f64>,
    /// How many trials.
    pub trials: u64,
    /// Their mean objective.
    pub mean: f64,
}

/// The importance of each parameter, in the space's order, from trials' points and objective.
pub fn importance(space: &Space, trials: &[(&Point, f64)]) -> Result<Vec<Importance>, Undefined> {
    let values: Vec<f64> = trials.iter().map(|(_, value)| *value).collect();
    check(&values, "trials", 2 * TRIALS_PER_BIN)?;
    let whole = Moments::of(&values);
    if finite(whole.squares)? == 0.0 {
        return Err(Undefined::zero("the variance of the objective"));
    }
    let of = |(index, parameter): (usize, &crate::space::Parameter)| {
        let position =
            |point: &Point| point.codes().get(index).copied().flatten().map(|code| parameter.domain.share_of(code));
        let positions: Vec<(Option<f64>, f64)> =
            trials.iter().map(|(point, value)| (position(point), *value)).collect();
        let bins = binned(&positions);
        Ok(Importance { parameter: parameter.name.clone(), share: explained(&whole, &bins)?, bins })
    };
    space.parameters().iter().enumerate().map(of).collect()
}

/// Bins of about equal count; equal positions stay together, and few different ones are bins of their own.
fn binned(trials: &[(Option<f64>, f64)]) -> Vec<Bin> {
    // The bits of numbers that are not negative are in their order.
    let mut groups: BTreeMap<Option<u64>, Moments> = BTreeMap::new();
    for (position, value) in trials {
        let group = groups.entry(position.map(|position| position.abs().to_bits())).or_default();
        *group = group.with(*value);
    }
    let most = (trials.len() / TRIALS_PER_BIN).clamp(2, MAX_BINS);
    let target = if groups.len() <= most { 0 } else { trials.len().div_ceil(most) as u64 };
    let mut bins: Vec<(Option<Moments>, Moments)> = Vec::new();
    for (position, values) in groups {
        let position = position.map(f64::from_bits);
        let at = position.map(|position| Moments { count: values.count, mean: position, squares: 0.0 });
        match bins.last_mut() {
            Some((Some(open_at), open)) if open.count < target => {
                *open_at = open_at.merge(at.unwrap_or_default());
                *open = open.merge(values);
            }
            _ => bins.push((at, values)),
        }
    }
    let bin = |(at, values): (Option<Moments>, Moments)| Bin {
        position: at.map(|at| at.mean),
        trials: values.count,
        mean: values.mean,
    };
    bins.into_iter().map(bin).collect()
}

/// Epsilon squared: share of the squares between bins, less what chance puts there.
fn explained(whole: &Moments, bins: &[Bin]) -> Result<f64, Undefined> {
    let (count, groups) = (whole.count as f64, bins.len() as f64);
    if bins.len() < 2 || count <= groups {
        return Ok(0.0);
    }
    let between: f64 = bins.iter().map(|bin| bin.trials as f64 * (bin.mean - whole.mean).powi(2)).sum();
    let share = finite(between / whole.squares)?;
    let within = (1.0 - share) / (count - groups);
    Ok(finite(share - (groups - 1.0) * within)?.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::space::{Domain, Parameter, Value};

    fn space() -> Space {
        Space::new(vec![
            Parameter::new("much", Domain::float(0.0, 1.0)),
            Parameter::new("little", Domain::int(0, 3)),
            Parameter::new("nothing", Domain::log(1.0, 1e6)),
            Parameter::new("mode", Domain::choice(["a", "b"])),
            Parameter::new("inner", Domain::int(0, 1)).when("mode", [Value::Text("b".into())]),
        ])
        .unwrap()
    }

    fn of(objective: impl Fn(&[Option<f64>]) -> f64) -> Result<Vec<Importance>, Undefined> {
        let space = space();
        let points: Vec<Point> = (0..2000)
            .map(|number| {
                let mut rng = Rng::stream(1, number);
                space.point_by(|_, domain| domain.at(rng.uniform()))
            })
            .collect();
        let trials: Vec<(&Point, f64)> = points.iter().map(|point| (point, objective(point.codes()))).collect();
        importance(&space, &trials)
    }

    #[test]
    fn shares_are_those_of_the_variances() {
        // Variances: 16 / 12 of a uniform, (1 + ... ) 1.25 / 4 of four levels, 1/4 of a coin.
        let found =
            of(|codes| 4.0 * codes[0].unwrap() + 0.5 * codes[1].unwrap() + f64::from(u8::from(codes[3] == Some(1.0))))
                .unwrap();
        let total = 16.0 / 12.0 + 1.25 / 4.0 + 0.25;
        let expected = [16.0 / 12.0 / total, 1.25 / 4.0 / total, 0.0, 0.25 / total, 0.25 / total];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found.share - expected).abs() < 0.04, "{}: {} and not {expected}", found.parameter, found.share);
        }
        assert!(
            found[0].bins.windows(2).all(|pair| pair[0].position < pair[1].position && pair[0].mean < pair[1].mean)
        );
        assert_eq!(found[1].bins.len(), 4);
        assert_eq!(found[4].bins[0].position, None);
        assert!(found.iter().all(|of| of.bins.iter().map(|bin| bin.trials).sum::<u64>() == 2000));
    }

    #[test]
    fn noise_explains_nothing() {
        let noise = of(|codes| Rng::seeded(codes[0].unwrap().to_bits()).uniform()).unwrap();
        assert!(noise.iter().all(|of| of.share < 0.02), "{noise:?}");
        assert_eq!(of(|_| 1.0).unwrap_err(), Undefined::zero("the variance of the objective"));
        assert!(importance(&space(), &[]).is_err());
    }
}
