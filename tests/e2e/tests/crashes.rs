//! Every process is killed with SIGKILL in turn: the rest go on, it comes back, and no order is lost or doubled.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use test_e2e::{Mesh, audit};

#[test]
fn every_process_can_be_killed_and_no_order_is_lost_or_doubled() {
    let mesh = Mesh::up(&[]);
    mesh.wait("a first fill", || !mesh.captured("fill").is_empty());
    for victim in mesh.pids().into_keys().collect::<Vec<_>>() {
        let before = mesh.pids();
        let fills = audit::fill_count(&mesh);
        let old = mesh.kill(&victim);
        mesh.await_return(&victim, old);
        let after = mesh.pids();
        for (name, pid) in before.iter().filter(|(name, _)| **name != victim) {
            assert_eq!(after.get(name), Some(pid), "{name} goes on while {victim} is killed");
        }
        mesh.wait(&format!("trading after {victim} was killed"), || audit::fill_count(&mesh) > fills);
    }
    // No new signals; then everything that is under way must come to its end.
    assert!(mesh.run(&["stop", "strategy-momentum"]).status.success());
    mesh.wait("every order to be final", || audit::open_orders(&mesh) == 0);
    mesh.down();
    audit::assert_sound(&mesh);
}

#[test]
fn the_supervisor_is_no_single_point_of_failure() {
    let mesh = Mesh::up(&[]);
    let before = mesh.pids();
    let supervisor = std::fs::read_to_string(mesh.run_dir().join("mesh.lock")).expect("the supervisor's lock");
    let pid: i32 = supervisor.trim().parse().expect("a process id");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).expect("a process id"),
        rustix::process::Signal::KILL,
    )
    .expect("killed");
    mesh.up_again();
    assert_eq!(mesh.pids(), before, "all processes went on and were adopted");
    let old = mesh.kill("strategy-momentum");
    mesh.await_return("strategy-momentum", old);
}
