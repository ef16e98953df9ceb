//! Whether a parameter set is good because its surroundings are, or a lucky spike: a value is compared with those one step
//! away in every parameter (the Moore neighbourhood of a grid). Robust parameters stand among good ones: Pardo, 'The evaluation
//! and optimization of trading strategies' (2008), on the optimisation's profile.

use serde::{Deserialize, Serialize};

use super::{Stat, Undefined, check, finite, moments, quantile, ratio, sorted};

/// A value and its surroundings; larger values are better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Neighbourhood {
    /// The value itself.
    pub value: f64,
    /// How many neighbours there are.
    pub neighbours: usize,
    /// Their mean.
    pub mean: f64,
    /// The worst of them.
    pub worst: f64,
    /// Median of them and the value itself.
    pub median: f64,
    /// Share of them that reach half the value.
    pub share_at_half: f64,
    /// 1 less their mean over the value: 0 on a plateau, near 1 on a spike. For a value below 0 the sign has no meaning.
    pub relative_drop: Stat,
}

/// Compares a value with those around it.
pub fn of_values(value: f64, around: &[f64]) -> Result<Neighbourhood, Undefined> {
    check(&[value], "value", 1)?;
    check(around, "neighbours", 1)?;
    let mean = moments::mean(around)?;
    let with_itself: Vec<f64> = around.iter().copied().chain([value]).collect();
    let at_half = around.iter().filter(|other| **other >= 0.5 * value).count();
    Ok(Neighbourhood {
        value,
        neighbours: around.len(),
        mean,
        worst: around.iter().copied().fold(f64::INFINITY, f64::min),
        median: quantile(&sorted(&with_itself), 0.5)?,
        share_at_half: at_half as f64 / around.len() as f64,
        relative_drop: ratio(mean, value, "the value").and_then(|share| finite(1.0 - share)),
    })
}

/// Most dimensions: a point has up to 3^d - 1 neighbours.
const MAX_DIMENSIONS: usize = 12;

/// Values at all points of a grid, the last dimension running fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Surface {
    /// The values of a grid of this shape.
    pub fn new(shape: Vec<usize>, values: Vec<f64>) -> Result<Self, Undefined> {
        check(&values, "values", 1)?;
        if shape.len() > MAX_DIMENSIONS {
            return Err(Undefined::argument("the dimensions", &format!("at most {MAX_DIMENSIONS}"), shape.len()));
        }
        let points = shape.iter().try_fold(1usize, |points, length| points.checked_mul(*length));
        if points != Some(values.len()) {
            return Err(Undefined::argument(
                "the number of values",
                &format!("that of the shape {shape:?}"),
                values.len(),
            ));
        }
        Ok(Self { shape, values })
    }

    /// The point with the largest value, the first of equals.
    pub fn best(&self) -> Vec<usize> {
        self.largest(|at| self.values[at])
    }

    /// The point with the largest median over itself and its neighbours, the first of equals: the middle of a plateau.
    pub fn plateau(&self) -> Vec<usize> {
        self.largest(|at| {
            let index = self.index(at);
            let around: Vec<f64> = self.around(&index).chain([self.values[at]]).collect();
            quantile(&sorted(&around), 0.5).unwrap_or(self.values[at])
        })
    }

    /// A point and its surroundings.
    pub fn at(&self, index: &[usize]) -> Result<Neighbourhood, Undefined> {
        let inside = index.len() == self.shape.len() && index.iter().zip(&self.shape).all(|(at, length)| at < length);
        if !inside {
            return Err(Undefined::argument("the point", &format!("inside {:?}", self.shape), format!("{index:?}")));
        }
        of_values(self.values[self.position(index)], &self.around(index).collect::<Vec<f64>>())
    }

    fn largest(&self, score: impl Fn(usize) -> f64) -> Vec<usize> {
        let scores = (0..self.values.len()).map(score).enumerate();
        let best =
            scores.fold((0, f64::NEG_INFINITY), |best, (at, score)| if score > best.1 { (at, score) } else { best });
        self.index(best.0)
    }

    fn index(&self, position: usize) -> Vec<usize> {
        let mut left = position;
        let mut index = vec![0; self.shape.len()];
        for (at, length) in index.iter_mut().zip(&self.shape).rev() {
            *at = left % length;
            left /= length;
        }
        index
    }

    fn position(&self, index: &[usize]) -> usize {
        index.iter().zip(&self.shape).fold(0, |position, (at, length)| position * length + at)
    }

    /// The values at most one step away in each dimension, without the point itself, in the grid's order.
    fn around<'a>(&'a self, index: &'a [usize]) -> impl Iterator<Item = f64> + 'a {
        let moves = 3usize.pow(index.len() as u32);
        (0..moves).filter_map(move |code| {
            let mut left = code;
            let mut position = 0;
            let mut factor = 1;
            let mut moved = false;
            for (at, length) in index.iter().zip(&self.shape).rev() {
                let step = left % 3;
                left /= 3;
                moved |= step != 1;
                let at = (at + step).checked_sub(1).filter(|at| at < length)?;
                position += at * factor;
                factor *= length;
            }
            moved.then(|| self.values[position])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plateau_beats_a_spike() {
        #[rustfmt::skip]
        let surface = Surface::new(vec![4, 5], vec![
            9.0, 0.0, 0.0, 0.0, 0.0,
            0.0, 0.0, 5.0, 5.0, 5.0,
            0.0, 0.0, 5.0, 6.0, 5.0,
            0.0, 0.0, 5.0, 5.0, 5.0,
        ]).unwrap();
        assert_eq!((surface.best(), surface.plateau()), (vec![0, 0], vec![1, 3]));
        let spike = surface.at(&[0, 0]).unwrap();
        assert_eq!((spike.neighbours, spike.relative_drop, spike.share_at_half), (3, Ok(1.0), 0.0));
        let middle = surface.at(&[2, 3]).unwrap();
        assert_eq!((middle.neighbours, middle.mean, middle.worst, middle.median), (8, 5.0, 5.0, 5.0));
        assert!(surface.at(&[4, 0]).is_err() && surface.at(&[1]).is_err());
        assert!(Surface::new(vec![2, 2], vec![1.0; 5]).is_err());
        assert!(of_values(0.0, &[1.0]).unwrap().relative_drop.is_err());
    }
}
