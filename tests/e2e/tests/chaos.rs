//! Processes are killed with SIGKILL at random, several at once and while they start, for as long as it is asked for
//! (`ALPHAMESH_CHAOS_S`, 20 s by default): afterwards portfolio and paper exchange agree to the last unit.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use test_e2e::{Mesh, audit, note};

/// The longest pause between two blows: some meet processes that have not come back yet.
const PAUSE_MS: u64 = 3_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn random_kills_under_load_lose_and_double_nothing() {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let seed = number("ALPHAMESH_CHAOS_SEED").unwrap_or(clock);
    let length = Duration::from_secs(number("ALPHAMESH_CHAOS_S").unwrap_or(20));
    note(&format!("ALPHAMESH_CHAOS_SEED={seed} ALPHAMESH_CHAOS_S={}", length.as_secs()));
    let mut random = fastrand::Rng::with_seed(seed);
    let mesh = Mesh::up(&[]);
    mesh.wait("a first fill", || audit::fill_count(&mesh) > 0);
    let names: Vec<String> = mesh.pids().into_keys().collect();
    let (begun, mut kills) = (Instant::now(), 0);
    while begun.elapsed() < length {
        for _ in 0..random.usize(1..=2) {
            let victim = &names[random.usize(..names.len())];
            // It may be down from the blow before.
            kills += u32::from(mesh.kill_if_running(victim));
        }
        std::thread::sleep(Duration::from_millis(random.u64(..PAUSE_MS)));
        start_what_was_given_up(&mesh);
    }
    start_what_was_given_up(&mesh);
    note(&format!("{kills} kills, {} fills", audit::fill_count(&mesh)));
    mesh.wait("every process to come back", || mesh.status()["mesh"]["ready"] == true);
    let before = audit::fill_count(&mesh);
    mesh.wait("trading after all of it", || audit::fill_count(&mesh) > before);
    assert!(mesh.run(&["stop", "strategy-momentum"]).status.success());
    mesh.wait("every order to be final", || audit::open_orders(&mesh) == 0);
    mesh.down();
    audit::assert_sound(&mesh);
}

/// The supervisor leaves a process down that ends too often; a person starts it again.
fn start_what_was_given_up(mesh: &Mesh) {
    let status = mesh.status();
    for process in status["processes"].as_array().into_iter().flatten().filter(|process| process["state"] == "failed") {
        let name = process["name"].as_str().expect("a name");
        assert!(mesh.run(&["start", name]).status.success(), "{name} was started: {}", mesh.all_logs());
    }
}
