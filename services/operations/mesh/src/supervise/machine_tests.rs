use super::*;
use proptest::prelude::*;

/// `relay` <- `adapter` <- `portfolio`, and `recorder`, which needs the relay and is started again on failure only.
const TOPOLOGY: &str = r#"
[mesh]
profile = "t"
mode = "paper"
[[process]]
name = "portfolio"
kind = "portfolio"
binary = "b"
source = 3
needs = ["adapter", "relay"]
[[process]]
name = "relay"
kind = "relay"
binary = "b"
source = 1
restart = { backoff_min_ms = 100, backoff_max_ms = 250, give_up_after = 4, window_ms = 10000 }
limits = { stop_timeout_ms = 1000 }
[[process]]
name = "adapter"
kind = "adapter"
binary = "b"
source = 2
needs = ["relay"]
[[process]]
name = "recorder"
kind = "operations"
binary = "b"
source = 4
needs = ["relay"]
restart = { policy = "on-failure" }
"#;
const PORTFOLIO: usize = 0;
const RELAY: usize = 1;
const ADAPTER: usize = 2;
const RECORDER: usize = 3;

/// A machine with the processes that its actions would have.
struct World {
    machine: Machine,
    now_ms: u64,
    running: [bool; 4],
    log: Vec<Action>,
}

impl World {
    fn new() -> Self {
        let topology = Topology::parse("t", TOPOLOGY).unwrap_or_else(|error| panic!("{error}"));
        Self { machine: Machine::new(&topology), now_ms: 0, running: [false; 4], log: Vec::new() }
    }

    /// Everything wanted and ready.
    fn up() -> Self {
        let mut world = Self::new();
        (0..4).for_each(|index| world.machine.start(index));
        for _ in 0..4 {
            world.step(Vec::new());
            (0..4).filter(|index| world.running[*index]).for_each(|index| world.machine.probed(index, true));
        }
        world.log.clear();
        world
    }

    fn step(&mut self, mut actions: Vec<Action>) {
        self.machine.advance(self.now_ms, &mut actions);
        for action in &actions {
            match *action {
                Action::Start(index) => {
                    assert!(!self.running[index], "{index} is started twice");
                    self.running[index] = true;
                }
                Action::Terminate(index) | Action::Kill(index) => assert!(self.running[index], "{index} does not run"),
            }
        }
        self.log.extend(actions);
        for (index, unit) in self.machine.units().iter().enumerate() {
            assert_eq!(unit.phase.runs(), self.running[index], "{index} is {:?}", unit.phase);
        }
    }

    fn end(&mut self, index: usize, end: End) {
        self.running[index] = false;
        self.machine.ended(index, self.now_ms, end);
        self.step(Vec::new());
    }

    fn ready(&mut self, index: usize) {
        self.machine.probed(index, true);
        self.step(Vec::new());
    }

    fn command(&mut self, command: impl FnOnce(&mut Machine, u64, &mut Vec<Action>)) {
        let mut actions = Vec::new();
        command(&mut self.machine, self.now_ms, &mut actions);
        self.step(actions);
    }

    fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        self.step(Vec::new());
    }

    fn phase(&self, index: usize) -> &Phase {
        &self.machine.units()[index].phase
    }

    fn take_log(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.log)
    }
}

fn killed() -> End {
    End::Failed("signal 9".to_owned())
}

#[test]
fn each_starts_once_what_it_needs_is_ready() {
    let mut world = World::new();
    (0..4).for_each(|index| world.machine.start(index));
    world.step(Vec::new());
    assert_eq!(world.take_log(), [Action::Start(RELAY)]);
    world.ready(RELAY);
    assert_eq!(world.take_log(), [Action::Start(ADAPTER), Action::Start(RECORDER)]);
    assert_eq!(world.machine.units()[PORTFOLIO].reason.as_deref(), Some("waits for adapter"));
    world.ready(ADAPTER);
    assert_eq!(world.take_log(), [Action::Start(PORTFOLIO)]);
}

#[test]
fn a_killed_process_comes_back_after_the_delay_and_the_others_stay() {
    let mut world = World::up();
    world.end(RELAY, killed());
    assert_eq!(*world.phase(RELAY), Phase::Backoff { until_ms: 100 });
    assert_eq!(world.machine.next_deadline_ms(), Some(100));
    world.wait(99);
    assert_eq!(world.take_log(), []);
    world.wait(1);
    assert_eq!((world.take_log(), world.machine.units()[RELAY].restarts), (vec![Action::Start(RELAY)], 1));
}

#[test]
fn delays_double_to_a_bound_and_a_crash_loop_fails_until_a_person_starts_it() {
    let mut world = World::up();
    let mut delays = Vec::new();
    while *world.phase(RELAY) != Phase::Failed {
        world.end(RELAY, killed());
        if let Phase::Backoff { until_ms } = *world.phase(RELAY) {
            delays.push(until_ms - world.now_ms);
            world.wait(until_ms - world.now_ms);
        }
    }
    assert_eq!(delays, [100, 200, 250]);
    world.wait(1_000_000);
    assert_eq!(*world.phase(RELAY), Phase::Failed);
    world.command(|machine, _, _| machine.start(RELAY));
    assert_eq!(*world.phase(RELAY), Phase::Starting);
}

#[test]
fn ends_outside_the_window_are_forgotten() {
    let mut world = World::up();
    for _ in 0..20 {
        world.end(RELAY, killed());
        world.wait(100);
        assert_eq!(*world.phase(RELAY), Phase::Starting);
        world.wait(10_001);
    }
}

#[test]
fn policies_and_a_refused_configuration() {
    let mut world = World::up();
    world.end(RECORDER, End::Clean);
    assert_eq!((world.phase(RECORDER), world.machine.units()[RECORDER].wanted), (&Phase::Down, false));
    world.end(ADAPTER, End::Clean);
    assert!(matches!(world.phase(ADAPTER), Phase::Backoff { .. }));
    world.end(RELAY, End::Refused);
    assert_eq!(*world.phase(RELAY), Phase::Failed);
}

#[test]
fn a_restart_asks_first_and_kills_at_the_timeout() {
    let mut world = World::up();
    world.command(|machine, now, actions| machine.restart(RELAY, now, actions));
    assert_eq!(world.take_log(), [Action::Terminate(RELAY)]);
    world.wait(999);
    assert_eq!(world.take_log(), []);
    world.wait(1);
    assert_eq!(world.take_log(), [Action::Kill(RELAY)]);
    world.wait(1000);
    assert_eq!(world.take_log(), []);
    world.end(RELAY, killed());
    assert_eq!((world.take_log(), world.machine.units()[RELAY].restarts), (vec![Action::Start(RELAY)], 1));
}

#[test]
fn a_stopped_process_stays_down_and_is_not_waited_for() {
    let mut world = World::up();
    world.command(|machine, now, actions| machine.stop(RELAY, now, actions));
    world.end(RELAY, End::Clean);
    assert_eq!(*world.phase(RELAY), Phase::Down);
    world.take_log();
    world.end(ADAPTER, killed());
    world.wait(10_000);
    assert_eq!(world.take_log(), [Action::Start(ADAPTER)]);
}

#[test]
fn all_stop_in_reverse() {
    let mut world = World::up();
    world.command(|machine, _, _| machine.stop_all());
    assert_eq!(world.take_log(), [Action::Terminate(PORTFOLIO), Action::Terminate(RECORDER)]);
    world.end(PORTFOLIO, End::Clean);
    assert_eq!(world.take_log(), [Action::Terminate(ADAPTER)]);
    world.end(ADAPTER, End::Clean);
    assert_eq!(world.take_log(), []);
    world.end(RECORDER, End::Clean);
    assert_eq!(world.take_log(), [Action::Terminate(RELAY)]);
    assert!(!world.machine.all_stopped());
    world.end(RELAY, End::Clean);
    assert!(world.machine.all_stopped());
}

#[test]
fn one_that_uses_too_much_memory_is_started_again() {
    let mut world = World::up();
    world.command(|machine, now, actions| machine.too_large(ADAPTER, now, actions));
    world.end(ADAPTER, End::Clean);
    assert_eq!(world.take_log(), [Action::Terminate(ADAPTER), Action::Start(ADAPTER)]);
}

proptest! {
    /// Whatever happens in whatever order: `World::step` holds that none is started twice and none is signalled that does not
    /// run; and at the end all can be stopped.
    #[test]
    fn any_history_keeps_the_invariants(history in proptest::collection::vec((0u8..8, 0usize..4, 0u64..400), 0..200)) {
        let mut world = World::up();
        for (what, index, ms) in history {
            match what {
                0 => world.command(|machine, _, _| machine.start(index)),
                1 => world.command(|machine, now, actions| machine.stop(index, now, actions)),
                2 => world.command(|machine, now, actions| machine.restart(index, now, actions)),
                3 if world.running[index] => world.end(index, killed()),
                4 if world.running[index] => world.end(index, End::Clean),
                5 if world.running[index] => world.ready(index),
                6 if world.running[index] => world.command(|machine, _, _| machine.probed(index, false)),
                _ => world.wait(ms),
            }
        }
        world.command(|machine, _, _| machine.stop_all());
        for _ in 0..4 {
            for index in 0..4 {
                if matches!(world.phase(index), Phase::Stopping { .. }) {
                    world.end(index, End::Clean);
                }
            }
        }
        prop_assert!(world.machine.all_stopped());
    }
}
