//! A density over the points of a space: a mixture with one kernel for each observed point, and one for the prior.
//!
//! A kernel is a product over the parameters: a normal distribution cut off at the domain's ends (its mass over the cell of
//! a level where the domain has levels), or for unordered options a weight on the observed one. Its width in each parameter
//! is the distance to the farther of its two neighbours there, between a given share of the range and the range. A kernel whose point lacks a parameter has the prior there. Recent points weigh more than old ones.

use crate::normal;
use crate::rng::Rng;
use crate::space::{Domain, Point, Space};

/// Points that all weigh the same, counted from the newest; older ones weigh less the older they are.
const FLAT: usize = 25;

/// The parameters of a space as coordinates.
pub(super) struct Axes(Vec<Axis>);

/// A parameter as a coordinate.
#[derive(Clone, Copy, Debug)]
enum Axis {
    /// A range of real numbers; where there are levels, each is a cell of it.
    Line { low: f64, high: f64, scale: Scale },
    /// So many unordered options.
    Options(usize),
}

/// How a code becomes a coordinate.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// The number itself.
    Plain,
    /// Its logarithm.
    Log,
    /// Its level; cells are one wide.
    Level,
    /// The logarithm of a whole number, a cell from half below to half above.
    LogInt,
}

impl Axes {
    pub(super) fn new(space: &Space) -> Self {
        Self(space.parameters().iter().map(|parameter| Axis::of(&parameter.domain)).collect())
    }
}

impl Axis {
    fn of(domain: &Domain) -> Self {
        match domain {
            Domain::Choice(options) => Self::Options(options.len()),
            Domain::Int { low, high, log: true, .. } => {
                Self::Line { low: (*low as f64 - 0.5).ln(), high: (*high as f64 + 0.5).ln(), scale: Scale::LogInt }
            }
            Domain::Float { low, high, log: true, .. } if low < high => {
                Self::Line { low: low.ln(), high: high.ln(), scale: Scale::Log }
            }
            Domain::Float { low, high, step: None, .. } if low < high => {
                Self::Line { low: *low, high: *high, scale: Scale::Plain }
            }
            _ => {
                let levels = domain.levels().unwrap_or(1) as f64;
                Self::Line { low: -0.5, high: levels - 0.5, scale: Scale::Level }
            }
        }
    }
}

impl Scale {
    fn coordinate(self, domain: &Domain, code: f64) -> f64 {
        match self {
            Self::Plain => code,
            Self::Log | Self::LogInt => code.ln(),
            Self::Level => domain.level_of(code).unwrap_or(0) as f64,
        }
    }

    fn code(self, domain: &Domain, coordinate: f64) -> f64 {
        match (self, domain) {
            (Self::Level, _) => domain.code_of_level(coordinate.round().max(0.0) as u64),
            (Self::LogInt, Domain::Int { low, high, .. }) => coordinate.exp().round().clamp(*low as f64, *high as f64),
            (Self::Log, Domain::Float { low, high, .. }) => coordinate.exp().clamp(*low, *high),
            (Self::Plain, Domain::Float { low, high, .. }) => coordinate.clamp(*low, *high),
            _ => coordinate,
        }
    }

    /// The cell of a code, where there are levels.
    fn cell(self, coordinate: f64, code: f64) -> Option<(f64, f64)> {
        match self {
            Self::Plain | Self::Log => None,
            Self::Level => Some((coordinate - 0.5, coordinate + 0.5)),
            Self::LogInt => Some(((code - 0.5).ln(), (code + 0.5).ln())),
        }
    }
}

/// One parameter of all kernels.
enum Marginal {
    Line(Normals),
    Options {
        /// The option that each kernel has seen.
        observed: Vec<Option<usize>>,
        options: usize,
        /// Probability of the observed option, and of each other.
        hit: f64,
        miss: f64,
    },
}

/// One parameter's normal distributions, one for each kernel.
struct Normals {
    low: f64,
    high: f64,
    scale: Scale,
    mean: Vec<f64>,
    inverse_width: Vec<f64>,
    /// -ln of the mass that lies inside the range.
    ln_cut: Vec<f64>,
    /// ln of the density at the mean.
    ln_height: Vec<f64>,
    /// Kernels with the same mean and width share a group: where there are levels, most do.
    group: Vec<u32>,
    /// One kernel of each group.
    members: Vec<usize>,
}

/// The mixture.
pub(super) struct Parzen {
    weights: Vec<f64>,
    ln_weights: Vec<f64>,
    marginals: Vec<Marginal>,
}

impl Parzen {
    /// One kernel for each of `points`, which are in the order in which they were tried, and the prior's. No kernel is
    /// narrower than this share of the range.
    pub(super) fn fit(axes: &Axes, space: &Space, points: &[&Point], narrowest: f64) -> Self {
        let mut weights: Vec<f64> = (0..points.len()).map(|at| weight(at, points.len())).collect();
        weights.push(1.0);
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        let ln_weights = weights.iter().map(|weight| weight.ln()).collect();
        let marginal = |(at, axis): (usize, &Axis)| {
            let codes: Vec<Option<f64>> = points.iter().map(|point| point.codes()[at]).collect();
            match *axis {
                Axis::Line { low, high, scale } => {
                    let domain = &space.parameters()[at].domain;
                    let means = codes.iter().map(|code| code.map(|code| scale.coordinate(domain, code))).collect();
                    Marginal::Line(Normals::fit(low, high, scale, means, narrowest))
                }
                Axis::Options(options) => Marginal::of_options(options, &codes),
            }
        };
        let marginals = axes.0.iter().enumerate().map(marginal).collect();
        Self { weights, ln_weights, marginals }
    }

    /// A point drawn from the mixture.
    pub(super) fn sample(&self, space: &Space, rng: &mut Rng) -> Point {
        let kernel = rng.weighted(self.weights.iter().copied());
        space.point_by(|at, domain| self.draw(at, domain, kernel, rng))
    }

    /// A code of one parameter drawn from its mixture.
    pub(super) fn sample_of(&self, at: usize, domain: &Domain, rng: &mut Rng) -> f64 {
        let kernel = rng.weighted(self.weights.iter().copied());
        self.draw(at, domain, kernel, rng)
    }

    fn draw(&self, at: usize, domain: &Domain, kernel: usize, rng: &mut Rng) -> f64 {
        match &self.marginals[at] {
            Marginal::Line(normals) => normals.scale.code(domain, normals.sample(kernel, rng)),
            Marginal::Options { observed, options, hit, miss } => {
                let weight = |option| match observed[kernel] {
                    Some(seen) if seen == option => *hit,
                    Some(_) => *miss,
                    None => 1.0,
                };
                rng.weighted((0..*options).map(weight)) as f64
            }
        }
    }

    /// ln of the density at a point.
    pub(super) fn ln_density(&self, space: &Space, point: &Point) -> f64 {
        let mut terms = self.ln_weights.clone();
        for (at, parameter) in space.parameters().iter().enumerate() {
            if let Some(code) = point.codes()[at] {
                self.add_ln_density(at, &parameter.domain, code, &mut terms);
            }
        }
        ln_sum_exp(&terms)
    }

    /// ln of the density of one parameter at a code.
    pub(super) fn ln_density_of(&self, at: usize, domain: &Domain, code: f64) -> f64 {
        let mut terms = self.ln_weights.clone();
        self.add_ln_density(at, domain, code, &mut terms);
        ln_sum_exp(&terms)
    }

    /// Adds to each kernel's term what it says of a parameter's code.
    fn add_ln_density(&self, at: usize, domain: &Domain, code: f64, terms: &mut [f64]) {
        match &self.marginals[at] {
            Marginal::Line(normals) => normals.add_ln_density(domain, code, terms),
            Marginal::Options { observed, options, hit, miss } => {
                let (hit, miss, prior) = (hit.ln(), miss.ln(), -(*options as f64).ln());
                for (term, observed) in terms.iter_mut().zip(observed) {
                    *term += observed.map_or(prior, |option| if option == code as usize { hit } else { miss });
                }
            }
        }
    }
}

/// Weight of the observation at `at` of `count`: the newest weigh 1, the oldest 1 / count, on a ramp between.
fn weight(at: usize, count: usize) -> f64 {
    let ramp = count.saturating_sub(FLAT);
    if at >= ramp {
        return 1.0;
    }
    let oldest = 1.0 / count as f64;
    oldest + (1.0 - oldest) * at as f64 / (ramp.max(2) - 1) as f64
}

/// Terms that are smaller than the largest by more than this do not show in a sum of 53 bits.
const NEGLIGIBLE: f64 = -45.0;

fn ln_sum_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let terms = terms.iter().map(|term| term - largest).filter(|&below| below > NEGLIGIBLE);
    largest + terms.map(f64::exp).sum::<f64>().ln()
}

impl Marginal {
    /// Each kernel adds one observation to the prior's even share of one over the number of kernels.
    fn of_options(options: usize, codes: &[Option<f64>]) -> Self {
        let observed: Vec<Option<usize>> =
            codes.iter().map(|code| code.map(|code| code as usize)).chain([None]).collect();
        let prior = 1.0 / observed.len() as f64;
        let total = 1.0 + prior * options as f64;
        Self::Options { observed, options, hit: (1.0 + prior) / total, miss: prior / total }
    }
}

impl Normals {
    /// A normal distribution around each of `means`, the prior's where there is none, and the prior's at the end.
    fn fit(low: f64, high: f64, scale: Scale, means: Vec<Option<f64>>, narrowest: f64) -> Self {
        let range = high - low;
        let mut sorted: Vec<(f64, usize)> =
            means.iter().enumerate().filter_map(|(kernel, mean)| mean.map(|mean| (mean, kernel))).collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let narrowest = range * narrowest;

        let kernels = means.len() + 1;
        let mut mean = vec![0.5 * (low + high); kernels];
        let mut width = vec![range; kernels];
        // Group 0 is the prior's.
        let mut group = vec![0u32; kernels];
        let mut members = vec![kernels - 1];
        let mut last = (f64::NAN, f64::NAN);
        for (rank, &(at, kernel)) in sorted.iter().enumerate() {
            let below = rank.checked_sub(1).map(|below| at - sorted[below].0);
            let above = sorted.get(rank + 1).map(|above| above.0 - at);
            // The ends of the range are neighbours only to one that is alone.
            let gap = match (below, above) {
                (Some(below), Some(above)) => below.max(above),
                (Some(gap), None) | (None, Some(gap)) => gap,
                (None, None) => (at - low).max(high - at),
            };
            (mean[kernel], width[kernel]) = (at, gap.clamp(narrowest, range));
            if last != (at, width[kernel]) {
                members.push(kernel);
                last = (at, width[kernel]);
            }
            group[kernel] = members.len() as u32 - 1;
        }
        let inverse_width: Vec<f64> = width.iter().map(|width| 1.0 / width).collect();
        let cut = |(mean, inverse): (&f64, &f64)| -ln_mass((low - mean) * inverse, (high - mean) * inverse);
        let ln_cut: Vec<f64> = mean.iter().zip(&inverse_width).map(cut).collect();
        // Most kernels have the same width: one logarithm serves a run of them.
        let mut known = (1.0, 0.0);
        let mut ln = |inverse: f64| {
            if inverse != known.0 {
                known = (inverse, inverse.ln());
            }
            known.1
        };
        let height = |(cut, inverse): (&f64, &f64)| cut + ln(*inverse) - normal::LN_SQRT_2PI;
        let ln_height = ln_cut.iter().zip(&inverse_width).map(height).collect();
        Self { low, high, scale, mean, inverse_width, ln_cut, ln_height, group, members }
    }

    fn sample(&self, kernel: usize, rng: &mut Rng) -> f64 {
        let (mean, inverse) = (self.mean[kernel], self.inverse_width[kernel]);
        let below = normal::cdf((self.low - mean) * inverse);
        let inside = normal::mass((self.low - mean) * inverse, (self.high - mean) * inverse);
        let z = normal::quantile(below + rng.uniform() * inside);
        (mean + z / inverse).clamp(self.low, self.high)
    }

    /// Adds each kernel's ln density at a code, or where there are levels the ln of its mass over the code's cell.
    fn add_ln_density(&self, domain: &Domain, code: f64, terms: &mut [f64]) {
        let x = self.scale.coordinate(domain, code);
        let Some((from, to)) = self.scale.cell(x, code) else {
            let kernels = self.mean.iter().zip(&self.inverse_width).zip(&self.ln_height);
            for (term, ((mean, inverse), height)) in terms.iter_mut().zip(kernels) {
                let z = (x - mean) * inverse;
                *term += height - 0.5 * z * z;
            }
            return;
        };
        let ln_width = (to - from).ln();
        let cells: Vec<f64> = self.members.iter().map(|&k| self.ln_cell(k, from, to, ln_width)).collect();
        for (term, &group) in terms.iter_mut().zip(&self.group) {
            *term += cells[group as usize];
        }
    }

    /// ln of the mass of a kernel over a cell. Far from the mean it is density times width: the difference does not matter
    /// there. Where the cell is not wide it is Simpson's rule, which costs a tenth of the error function.
    fn ln_cell(&self, kernel: usize, from: f64, to: f64, ln_width: f64) -> f64 {
        let (mean, inverse) = (self.mean[kernel], self.inverse_width[kernel]);
        let z = (0.5 * (from + to) - mean) * inverse;
        let half = 0.5 * (to - from) * inverse;
        let by_density = self.ln_height[kernel] - 0.5 * z * z + ln_width;
        if z.abs() > FAR {
            by_density
        } else if half < 0.5 {
            // exp(-(z - h)^2 / 2) + exp(-(z + h)^2 / 2) is exp(-z^2 / 2) times this.
            let grown = (z * half).exp();
            let ends = (-0.5 * half * half).exp() * (grown + 1.0 / grown);
            by_density + ((4.0 + ends) / 6.0).ln()
        } else {
            ln_mass((from - mean) * inverse, (to - mean) * inverse) + self.ln_cut[kernel]
        }
    }
}

/// Widths of a kernel from its mean beyond which a cell's mass is taken from the density.
const FAR: f64 = 6.0;

/// ln of the normal distribution's mass between two values, 0 where next to nothing is outside.
fn ln_mass(low: f64, high: f64) -> f64 {
    if low < -8.3 && high > 8.3 {
        return 0.0;
    }
    normal::mass(low, high).max(f64::MIN_POSITIVE).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Parameter, Value};

    /// The mass of a mixture over all points of a discrete space is one, and over a continuous range too.
    #[test]
    fn densities_add_up_to_one() {
        let space = Space::new(vec![
            Parameter::new("n", Domain::int(0, 6)),
            Parameter::new("c", Domain::choice(["a", "b"])),
            Parameter::new("k", Domain::Int { low: 1, high: 9, step: 1, log: true })
                .when("c", [Value::Text("b".into())]),
        ])
        .unwrap();
        let grid = crate::space::Grid::new(&space, None).unwrap();
        let points: Vec<Point> = [3, 3, 4, 20, 69, 11].iter().map(|&n| grid.point(n).unwrap()).collect();
        let parzen = Parzen::fit(&Axes::new(&space), &space, &points.iter().collect::<Vec<_>>(), 0.05);
        let mass: f64 = (0..grid.size()).map(|n| parzen.ln_density(&space, &grid.point(n).unwrap()).exp()).sum();
        // Cells far from a kernel are taken from its density: a difference that does not matter, but shows here.
        assert!((mass - 1.0).abs() < 1e-3, "{mass}");

        let line = Space::new(vec![Parameter::new("x", Domain::float(-2.0, 3.0))]).unwrap();
        let points: Vec<Point> = [-1.9, 0.0, 0.1, 2.9].iter().map(|&x| Point(vec![Some(x)])).collect();
        let parzen = Parzen::fit(&Axes::new(&line), &line, &points.iter().collect::<Vec<_>>(), 0.02);
        let steps = 50_000;
        let at = |step: i32| Point(vec![Some(-2.0 + 5.0 * (f64::from(step) + 0.5) / f64::from(steps))]);
        let mass: f64 = (0..steps).map(|step| parzen.ln_density(&line, &at(step)).exp() * 5.0 / f64::from(steps)).sum();
        assert!((mass - 1.0).abs() < 1e-6, "{mass}");
    }

    #[test]
    fn old_observations_weigh_less() {
        assert_eq!(weight(0, 25), 1.0);
        let weights: Vec<f64> = (0..100).map(|at| weight(at, 100)).collect();
        assert_eq!((weights[0], weights[74], weights[75], weights[99]), (0.01, 1.0, 1.0, 1.0));
        assert!(weights.is_sorted());
    }
}
