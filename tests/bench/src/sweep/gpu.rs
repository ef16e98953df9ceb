//! The full kernel on a GPU, where there is one: against what is asked for, and against what its instructions allow.

use std::time::Instant;

use mesh_kernel::run::RunRules;
use mesh_kernel::strategy::momentum::Momentum;
use mesh_sweep::Shared;
use sweep::gpu::Gpu;

use super::{Bench, MILLION, RATE, load};
use crate::bus::Outcome;
use crate::figure::Figure;

/// As many configurations as fill a large card several times.
const CONFIGURATIONS: usize = 1 << 17;

/// Million configuration-bars a second, PERF-SWEEP.
const ASKED: f64 = 1e5;

/// PTX instructions a configuration-bar of this load, as `a_usual_study_costs_few_instructions` of services/research/sweep
/// counts them. A card does more for some of them, and threads of a warp wait for each other: the floor is below any rate.
const INSTRUCTIONS: f64 = 75.0;

pub(super) fn run(bench: &Bench<'_>, rules: &RunRules) -> Outcome<()> {
    let gpu = match Gpu::open() {
        Ok(gpu) => gpu,
        Err(error) => {
            eprintln!("the GPU's figures are left out: {error}");
            return Ok(());
        }
    };
    let params = load::full(CONFIGURATIONS);
    let shared = Shared::<Momentum>::new(&bench.history, &params);
    let once = || gpu.run(&shared, rules, 0..params.len(), u64::MAX, &mut |_| true);
    // Not counted: the code comes to the card.
    once()?;
    let mut rates = Vec::new();
    for _ in 0..bench.options.output.runs {
        let start = Instant::now();
        once()?;
        rates.push((params.len() * bench.history.len()) as f64 / MILLION / start.elapsed().as_secs_f64());
    }
    let title = format!("sweep full kernel, {}", gpu.name());
    bench.print(Figure::new(title.as_str(), RATE, &rates, "1e11 a second", &[ASKED], Some(1.0)));
    let floor = gpu.instructions_a_second()? / INSTRUCTIONS / MILLION;
    bench.print(Figure::new(title, RATE, &rates, "its instructions, counted", &[floor], None));
    Ok(())
}
