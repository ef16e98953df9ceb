//! A seed's run: a storm, then calm; and the smallest storm that still breaks what it broke.

use mesh_actor::faults::Faults;

use crate::Violation;
use crate::planted::Planted;
use crate::world::{Ledgers, SECOND, World, in_memory};

/// What can go wrong. Chances are in a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// Bars of ten seconds.
    pub bars: u64,
    /// On the way between nodes.
    pub faults: Faults,
    /// Of a batch.
    pub crash_permille: u16,
    /// Of a commit.
    pub full_disk_permille: u16,
    /// Are nodes cut off for a second now and then?
    pub partitions: bool,
    /// Do nodes' clocks jump now and then?
    pub clocks: bool,
}

impl Default for Storm {
    fn default() -> Self {
        let faults = Faults {
            drop_permille: 100,
            duplicate_permille: 150,
            reorder_permille: 150,
            ..Faults::delays(100_000, 400_000_000)
        };
        Self { bars: 20, faults, crash_permille: 15, full_disk_permille: 5, partitions: true, clocks: true }
    }
}

impl Storm {
    /// Each with one thing less, in the order in which a reader would rather do without.
    fn weaker(self) -> [Self; 9] {
        let faults = self.faults;
        [
            Self { bars: self.bars / 2, ..self },
            Self { bars: self.bars.saturating_sub(1), ..self },
            Self { partitions: false, ..self },
            Self { clocks: false, ..self },
            Self { full_disk_permille: 0, ..self },
            Self { crash_permille: 0, ..self },
            Self { faults: Faults { reorder_permille: 0, ..faults }, ..self },
            Self { faults: Faults { duplicate_permille: 0, ..faults }, ..self },
            Self { faults: Faults { drop_permille: 0, ..faults }, ..self },
        ]
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Batches handled.
    pub steps: u64,
    /// Time that passed in it, ns.
    pub simulated_ns: u64,
    /// Fills at the exchange.
    pub fills: usize,
    /// The first invariant that was broken.
    pub violation: Option<Violation>,
}

/// Runs a seed on these disks.
pub fn run_on(seed: u64, storm: &Storm, planted: Option<Planted>, ledgers: Ledgers) -> Outcome {
    let mut world = World::new(seed, ledgers, planted);
    let start_ns = world.sim.now_ns();
    world.sim.set_faults(storm.faults);
    world.sim.set_crashes(storm.crash_permille);
    world.disk.set(storm.full_disk_permille);
    for bar in 1..=storm.bars {
        world.bar(bar, storm.partitions, storm.clocks);
    }
    // Then the weather clears, and everything must come to its end.
    world.sim.set_faults(Faults::delays(100_000, 1_000_000));
    world.sim.set_crashes(0);
    world.disk.set(0);
    world.clear_cuts();
    world.set_clocks_right();
    world.close(&["a", "b"], storm.bars + 1);
    world.check_rest();
    Outcome {
        steps: world.sim.steps(),
        simulated_ns: world.sim.now_ns() - start_ns,
        fills: world.fills(),
        violation: world.violation().cloned(),
    }
}

/// Runs a seed in memory.
pub fn run(seed: u64, storm: &Storm, planted: Option<Planted>) -> Outcome {
    run_on(seed, storm, planted, in_memory())
}

/// Takes away from `storm` what is not needed for the seed to break the same invariant. Each try is a run.
pub fn shrink(seed: u64, storm: Storm, planted: Option<Planted>, invariant: &str) -> Storm {
    let mut smallest = storm;
    loop {
        let breaks = |storm: &Storm| {
            *storm != smallest && run(seed, storm, planted).violation.is_some_and(|v| v.invariant == invariant)
        };
        match smallest.weaker().into_iter().find(breaks) {
            Some(weaker) => smallest = weaker,
            None => return smallest,
        }
    }
}

/// Seconds of a run's time.
pub const fn seconds(simulated_ns: u64) -> u64 {
    simulated_ns / SECOND
}
