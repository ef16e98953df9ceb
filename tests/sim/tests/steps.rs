//! Candles through momentum, portfolio and exchange, and each node killed before each step.

#![allow(clippy::expect_used, reason = "a test ends at what it does not expect")]

use mesh_types::SourceId;
use test_sim::world::{MOMENTUM, PAPER, PORTFOLIO, SECOND, World, in_memory};

/// Waves of candles; `crash` names a node and the step before which it dies. Answers with fills and steps.
fn candles_to_fills(crash: Option<(SourceId, usize)>) -> (usize, usize) {
    let mut world = World::new(1, in_memory(), None).with_momentum();
    let mut step = 0;
    for (bar, close) in (1..).zip([112, 110, 108, 106, 104, 102, 106, 110, 114, 110, 104, 98, 94, 90, 96, 102, 108]) {
        world.market();
        world.candle(bar, close);
        // Small steps, so that a crash meets every stage of an order.
        for ns in [SECOND / 4; 8].iter().chain(&[5_000_000; 12]) {
            if let Some((node, _)) = crash.filter(|(_, at)| *at == step) {
                world.sim.crash(node, 300_000_000);
            }
            world.run_for(*ns);
            step += 1;
        }
    }
    world.close(&["momentum"], 900);
    world.check_rest();
    assert_eq!(world.violation(), None, "a crash of {crash:?}");
    (world.fills(), step)
}

#[test]
fn candles_become_fills_and_a_crash_at_any_step_changes_no_truth() {
    let (fills, steps) = candles_to_fills(None);
    assert!(fills >= 4, "entries and exits are filled: {fills}");
    for node in [MOMENTUM, PORTFOLIO, PAPER] {
        for step in 0..steps {
            candles_to_fills(Some((node, step)));
        }
    }
}
