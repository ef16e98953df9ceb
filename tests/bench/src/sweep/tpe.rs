//! What the sampler itself takes for a trial, after many, against Optuna's.

use mesh_optimize::rng::Rng;
use mesh_optimize::sampler::tpe::Standing;
use mesh_optimize::{Domain, Parameter, Point, Space, Tpe};

use super::{Bench, busy};
use crate::bus::Outcome;
use crate::figure::{Figure, Sense};

/// As many as the Python's.
const PARAMETERS: usize = 10;
const PROPOSALS: usize = 50;

pub(super) fn run(bench: &Bench<'_>) -> Outcome<()> {
    let parameter = |i| Parameter::new(format!("x{i}"), Domain::float(-5.0, 5.0));
    let space = Space::new((0..PARAMETERS).map(parameter).collect())?;
    for finished in [1_000, 5_000] {
        let mut rng = Rng::seeded(finished as u64);
        let points: Vec<Point> = (0..finished).map(|_| space.point_by(|_, domain| domain.at(rng.uniform()))).collect();
        let value = |point: &Point| point.codes().iter().flatten().map(|x| x * x).sum();
        let seen: Vec<_> = points.iter().map(|point| (point, Standing::Complete(value(point)))).collect();
        let mut values = Vec::new();
        for _ in 0..bench.options.output.runs {
            let propose = || {
                for _ in 0..PROPOSALS {
                    std::hint::black_box(Tpe::default().propose(&space, &seen, &[], &mut rng));
                }
            };
            values.push(busy(propose)? * 1e3 / PROPOSALS as f64);
        }
        let (name, unit) = (format!("TPE, a trial after {finished}"), ("ms", Sense::Less));
        bench.print(Figure::new(&name, unit, &values, "1 ms", &[1.0], (finished == 1_000).then_some(1.0)));
        if let Some(seconds) = bench.peer(&format!("optuna-{finished}"))? {
            bench.print(Figure::new(&name, unit, &values, "Optuna", &[seconds * 1e3], Some(0.05)));
        }
    }
    Ok(())
}
