//! NSGA-II: Deb, Pratap, Agarwal, Meyarivan, 'A fast and elitist multiobjective genetic algorithm' (2002): non-dominated
//! sorting, crowding distance, constrained tournament, simulated binary crossover (Deb and Agrawal, 1995) and polynomial
//! mutation (Deb and Goyal, 1996), on each parameter's share of its domain.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::rng::Rng;
use crate::space::{Domain, Point, Space};

/// The settings; the defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nsga2 {
    /// Trials of a generation, and parents of the next.
    pub population: u32,
    /// Probability that two parents mix rather than one being copied.
    pub crossover: f64,
    /// How near children stay to their parents when mixing: larger is nearer.
    pub crossover_eta: f64,
    /// The same for mutation.
    pub mutation_eta: f64,
}

impl Default for Nsga2 {
    fn default() -> Self {
        Self { population: 48, crossover: 0.9, crossover_eta: 15.0, mutation_eta: 20.0 }
    }
}

/// What is known of a finished trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Individual {
    /// The trial.
    pub number: u64,
    /// Its point.
    pub point: Point,
    /// Its objectives, all to be minimised; empty where it has no result.
    pub objectives: Vec<f64>,
    /// By how much it breaks constraints; 0: not at all.
    pub violation: f64,
}

/// Whether `a` is better than `b` whatever the weights: feasible against not, less violation of two infeasible, else no
/// objective worse and one better. One without a result is dominated by all that have one.
pub fn dominates(a: &Individual, b: &Individual) -> bool {
    match (a.objectives.is_empty(), b.objectives.is_empty()) {
        (true, _) => return false,
        (false, true) => return true,
        (false, false) => {}
    }
    if a.violation > 0.0 || b.violation > 0.0 {
        return a.violation < b.violation;
    }
    costs_dominate(&a.objectives, &b.objectives)
}

/// Whether no cost of `a` is larger than `b`'s, and one is smaller.
pub fn costs_dominate(a: &[f64], b: &[f64]) -> bool {
    let mut pairs = a.iter().zip(b);
    pairs.clone().all(|(a, b)| a <= b) && pairs.any(|(a, b)| a < b)
}

/// The front of each individual: 0 for those that none dominates, 1 for those that only these do, and so on.
pub fn ranks(individuals: &[Individual]) -> Vec<usize> {
    let mut ranks = vec![usize::MAX; individuals.len()];
    let mut left: Vec<usize> = (0..individuals.len()).collect();
    for rank in 0.. {
        if left.is_empty() {
            break;
        }
        let free = |&&at: &&usize| !left.iter().any(|&other| dominates(&individuals[other], &individuals[at]));
        let front: Vec<usize> = left.iter().filter(free).copied().collect();
        front.iter().for_each(|&at| ranks[at] = rank);
        left.retain(|&at| ranks[at] == usize::MAX);
    }
    ranks
}

/// How much room each of a front has to its neighbours, summed over the objectives as shares of the front's range; infinite
/// at the ends.
pub fn crowding(front: &[&Individual]) -> Vec<f64> {
    let mut distance = vec![0.0; front.len()];
    let objectives = front.first().map_or(0, |individual| individual.objectives.len());
    for objective in 0..objectives {
        let value = |at: usize| front[at].objectives.get(objective).copied().unwrap_or(f64::INFINITY);
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|&a, &b| value(a).total_cmp(&value(b)).then(front[a].number.cmp(&front[b].number)));
        let (first, last) = (order[0], order[order.len() - 1]);
        distance[first] = f64::INFINITY;
        distance[last] = f64::INFINITY;
        let range = value(last) - value(first);
        if range > 0.0 {
            order.windows(3).for_each(|near| distance[near[1]] += (value(near[2]) - value(near[0])) / range);
        }
    }
    distance
}

/// A parent and how it compares: by front, then by room.
#[derive(Clone, Debug, PartialEq)]
pub struct Parent {
    individual: Individual,
    rank: usize,
    room: f64,
}

impl Parent {
    fn compare(&self, other: &Self) -> Ordering {
        let order = self.rank.cmp(&other.rank).then(other.room.total_cmp(&self.room));
        order.then(self.individual.number.cmp(&other.individual.number))
    }
}

impl Nsga2 {
    /// The parents of the next generation: the best of these parents and their children.
    pub fn select(&self, parents: Vec<Parent>, children: Vec<Individual>) -> Vec<Parent> {
        let all: Vec<Individual> = parents.into_iter().map(|parent| parent.individual).chain(children).collect();
        let ranks = ranks(&all);
        let mut room = vec![0.0; all.len()];
        for rank in 0..=ranks.iter().copied().max().unwrap_or(0) {
            let members: Vec<usize> = (0..all.len()).filter(|&at| ranks[at] == rank).collect();
            let front: Vec<&Individual> = members.iter().map(|&at| &all[at]).collect();
            members.iter().zip(crowding(&front)).for_each(|(&at, distance)| room[at] = distance);
        }
        let compared = all.into_iter().zip(ranks).zip(room);
        let mut selected: Vec<Parent> =
            compared.map(|((individual, rank), room)| Parent { individual, rank, room }).collect();
        selected.sort_by(Parent::compare);
        selected.truncate(self.population as usize);
        selected
    }

    /// A point of the next generation; a random one where there are no parents.
    pub fn propose(&self, space: &Space, parents: &[Parent], rng: &mut Rng) -> Point {
        if parents.is_empty() {
            return space.point_by(|_, domain| domain.at(rng.uniform()));
        }
        let mother = tournament(parents, rng);
        let father = tournament(parents, rng);
        let mixes = rng.uniform() < self.crossover;
        let mutation = 1.0 / space.len() as f64;
        space.point_by(|at, domain| {
            let gene = match (mother.individual.point.codes()[at], father.individual.point.codes()[at]) {
                (Some(a), Some(b)) if mixes => self.mix(domain, a, b, rng),
                (Some(gene), _) | (None, Some(gene)) => gene,
                (None, None) => return domain.at(rng.uniform()),
            };
            if rng.uniform() < mutation { self.mutate(domain, gene, rng) } else { gene }
        })
    }

    /// A code between or around those of two parents.
    fn mix(&self, domain: &Domain, a: f64, b: f64, rng: &mut Rng) -> f64 {
        let (first, second) = if rng.uniform() < 0.5 { (a, b) } else { (b, a) };
        // Half the parameters are handed on unmixed, as in the paper's program; options always are.
        if matches!(domain, Domain::Choice(_)) || rng.uniform() < 0.5 {
            return first;
        }
        let u = rng.uniform();
        let power = 1.0 / (self.crossover_eta + 1.0);
        let spread = if u <= 0.5 { (2.0 * u).powf(power) } else { (0.5 / (1.0 - u)).powf(power) };
        let (x, y) = (domain.share_of(first), domain.share_of(second));
        inside(domain, 0.5 * ((1.0 + spread) * x + (1.0 - spread) * y))
    }

    /// A code near another.
    fn mutate(&self, domain: &Domain, code: f64, rng: &mut Rng) -> f64 {
        let u = rng.uniform();
        if matches!(domain, Domain::Choice(_)) {
            return domain.at(u);
        }
        let power = 1.0 / (self.mutation_eta + 1.0);
        let step = if u < 0.5 { (2.0 * u).powf(power) - 1.0 } else { 1.0 - (2.0 - 2.0 * u).powf(power) };
        inside(domain, domain.share_of(code) + step)
    }
}

/// The code at a share, at the nearer end where it is outside.
fn inside(domain: &Domain, share: f64) -> f64 {
    domain.at(share.clamp(0.0, 1.0 - f64::EPSILON))
}

/// The better of two parents drawn at random.
fn tournament<'a>(parents: &'a [Parent], rng: &mut Rng) -> &'a Parent {
    let (a, b) = (&parents[rng.index(parents.len())], &parents[rng.index(parents.len())]);
    if a.compare(b) == Ordering::Greater { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn individual(number: u64, objectives: &[f64], violation: f64) -> Individual {
        Individual { number, point: Point(vec![]), objectives: objectives.to_vec(), violation }
    }

    #[test]
    fn fronts_peel_off_one_by_one() {
        let all = [
            individual(0, &[1.0, 4.0], 0.0),
            individual(1, &[2.0, 2.0], 0.0),
            individual(2, &[2.0, 3.0], 0.0),
            individual(3, &[3.0, 3.0], 0.0),
            individual(4, &[0.0, 0.0], 1.0),
            individual(5, &[9.0, 9.0], 0.5),
            individual(6, &[], 0.0),
        ];
        assert_eq!(ranks(&all), [0, 0, 1, 2, 4, 3, 5]);
    }

    #[test]
    fn the_ends_of_a_front_have_all_the_room() {
        let all = [[0.0, 10.0], [1.0, 5.0], [4.0, 4.0], [10.0, 0.0]];
        let all: Vec<Individual> = all.iter().enumerate().map(|(n, o)| individual(n as u64, o, 0.0)).collect();
        let room = crowding(&all.iter().collect::<Vec<_>>());
        assert_eq!(room, [f64::INFINITY, 0.4 + 0.6, 0.9 + 0.5, f64::INFINITY]);
    }
}
