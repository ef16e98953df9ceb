//! The supervisor with real processes, killed for real.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use common::{Mesh, Ran, is_alive, kill, until};
use rustix::process::Signal;

fn started_in_order(mesh: &Mesh) -> Vec<String> {
    let log = mesh.log("mesh");
    let lines = log.lines().filter_map(|line| line.split_once("started name=\"")?.1.split('"').next());
    lines.map(str::to_owned).collect()
}

#[test]
fn each_starts_after_what_it_needs_and_up_waits_for_all() {
    let mesh = Mesh::new(&[("adapter", "settings = { ready_after_ms = 300 }")]);
    let up = mesh.up().succeeds();
    assert!(up.out.contains("3 processes") && up.out.contains("down"), "{up:?}");
    assert_eq!(started_in_order(&mesh), ["relay", "adapter", "portfolio"]);
    let status = mesh.run(&["status", "--json"]).succeeds();
    assert!(status.out.contains("\"ready\":true"), "{status:?}");
    let people = mesh.run(&["status"]).succeeds();
    assert!(people.out.contains("portfolio") && !people.out.contains('\x1b'), "{people:?}");
}

#[test]
fn up_twice_and_at_once_is_harmless() {
    let mesh = Mesh::new(&[]);
    let words = ["up", "--topology", mesh.topology.to_str().expect("UTF-8")];
    let children: Vec<_> = (0..3)
        .map(|_| mesh.command(&words).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn())
        .collect();
    for child in children {
        Ran::of(child.expect("started").wait_with_output().expect("ended")).succeeds();
    }
    let pids = mesh.pids();
    mesh.up().succeeds();
    mesh.run(&["up"]).succeeds();
    assert_eq!(mesh.pids(), pids);
}

#[test]
fn a_killed_process_comes_back_and_the_others_stay() {
    let mesh = Mesh::ready(&[]);
    let [relay, adapter, portfolio] = mesh.pids();
    kill(adapter.expect("runs"), Signal::KILL);
    until("a new adapter", || mesh.pid("adapter").filter(|pid| Some(*pid) != adapter));
    let process = mesh.wait_for("adapter", "ready");
    assert_eq!(process["restarts"], 1);
    assert_eq!([mesh.pid("relay"), mesh.pid("portfolio")], [relay, portfolio]);
}

#[test]
fn a_crash_loop_fails_and_up_shows_why() {
    let mesh = Mesh::new(&[("adapter", "settings = { crash = true }")]);
    mesh.up().fails_with(
        1,
        &["adapter", "failed", "told to crash", "it ended 4 times", "portfolio is starting: waits for adapter"],
    );
    assert_eq!(mesh.process("adapter")["state"], "failed");
    assert_eq!(mesh.run(&["status"]).code, 1);
}

#[test]
fn a_refused_configuration_is_not_tried_again() {
    let mesh = Mesh::new(&[("relay", "settings = { no_such_setting = 1 }")]);
    mesh.up().fails_with(1, &["configuration is refused", "no_such_setting"]);
    assert_eq!(started_in_order(&mesh), ["relay"]);
}

#[test]
fn the_supervisor_s_death_ends_nothing_and_the_next_one_adopts() {
    let mesh = Mesh::ready(&[]);
    let (pids, first) = (mesh.pids(), mesh.supervisor());
    kill(first, Signal::KILL);
    until("the supervisor is dead", || (!is_alive(first)).then_some(()));
    let status = mesh.run(&["status", "--json"]).succeeds();
    assert!(status.err.contains("supervisor is dead"), "{status:?}");
    assert_eq!(mesh.pids(), pids);
    mesh.run(&["up"]).succeeds();
    assert_ne!(mesh.supervisor(), first);
    assert_eq!(mesh.pids(), pids);
    // An adopted process is watched like any other.
    kill(pids[0].expect("runs"), Signal::KILL);
    until("a new relay", || mesh.pid("relay").filter(|pid| Some(*pid) != pids[0]));
    mesh.wait_for("relay", "ready");
}

#[test]
fn what_died_with_its_supervisor_is_started_by_the_next_one() {
    let mesh = Mesh::ready(&[]);
    let [relay, adapter, portfolio] = mesh.pids();
    mesh.run(&["stop", "portfolio"]).succeeds();
    kill(mesh.supervisor(), Signal::KILL);
    kill(adapter.expect("runs"), Signal::KILL);
    until("the adapter is dead", || (!is_alive(adapter.expect("ran"))).then_some(()));
    // Any word that needs a supervisor brings one back; what was stopped stays so.
    mesh.run(&["restart", "adapter"]).succeeds();
    assert_eq!((mesh.pid("relay"), mesh.pid("portfolio")), (relay, None));
    mesh.run(&["start", "portfolio"]).succeeds();
    assert_ne!(mesh.pid("portfolio"), portfolio);
}

#[test]
fn signals_end_the_supervisor_alone_and_a_hangup_not_even_that() {
    let mesh = Mesh::ready(&[]);
    let (pids, supervisor) = (mesh.pids(), mesh.supervisor());
    kill(supervisor, Signal::HUP);
    mesh.run(&["status"]).succeeds();
    assert_eq!(mesh.supervisor(), supervisor);
    kill(supervisor, Signal::TERM);
    until("the supervisor has ended", || (!is_alive(supervisor)).then_some(()));
    assert_eq!(mesh.pids(), pids);
}

#[test]
fn down_stops_in_reverse_and_without_a_supervisor_too() {
    let mesh = Mesh::ready(&[]);
    let pids = mesh.pids();
    mesh.run(&["down"]).succeeds();
    assert!(pids.iter().flatten().all(|pid| !is_alive(*pid)));
    let log = mesh.log("mesh");
    let stopped: Vec<_> = log.lines().filter_map(|l| l.split_once("signalled name=\"")?.1.split('"').next()).collect();
    assert_eq!(stopped, ["portfolio", "adapter", "relay"]);
    assert_eq!(mesh.run(&["status"]).code, 1);
    mesh.run(&["down"]).succeeds();
    mesh.up().succeeds();
    let pids = mesh.pids();
    kill(mesh.supervisor(), Signal::KILL);
    mesh.run(&["down"]).succeeds();
    assert!(pids.iter().flatten().all(|pid| !is_alive(*pid)));
}

#[test]
fn one_that_does_not_stop_is_killed_at_its_timeout() {
    let stubborn = "limits = { stop_timeout_ms = 200 }\nsettings = { stubborn = true }";
    let mesh = Mesh::ready(&[("adapter", stubborn)]);
    let pid = mesh.pid("adapter").expect("runs");
    mesh.run(&["restart", "adapter"]).succeeds();
    assert!(!is_alive(pid));
    assert!(mesh.log("mesh").contains("signal=\"Signal::KILL\""), "{}", mesh.log("mesh"));
}

#[test]
fn one_that_uses_too_much_memory_is_started_again() {
    let large = "limits = { rss_warn_bytes = 0, rss_kill_bytes = 50000000 }\nsettings = { allocate_bytes = 100000000 }";
    let mesh = Mesh::ready(&[("portfolio", large)]);
    until("a restart", || Some(()).filter(|()| mesh.process("portfolio")["restarts"].as_u64() > Some(0)));
    assert!(mesh.log("mesh").contains("too large"));
}

#[test]
fn a_restart_replaces_one_process_and_leaves_the_others() {
    let mesh = Mesh::ready(&[]);
    let [relay, adapter, portfolio] = mesh.pids();
    mesh.run(&["restart", "relay"]).succeeds();
    assert_ne!(mesh.pid("relay"), relay);
    assert_eq!([mesh.pid("adapter"), mesh.pid("portfolio")], [adapter, portfolio]);
    mesh.run(&["restart", "relai"]).fails_with(2, &["did you mean \"relay\""]);
}

#[test]
fn two_supervisors_do_not_share_a_home() {
    let mesh = Mesh::ready(&[]);
    let first = mesh.supervisor();
    mesh.run(&["supervise"]).fails_with(1, &["locked by process", &first.to_string()]);
    assert_eq!(mesh.supervisor(), first);
}

#[test]
fn what_a_dead_mesh_left_behind_does_not_matter() {
    let mesh = Mesh::ready(&[]);
    let mut pids: Vec<i32> = mesh.pids().into_iter().flatten().collect();
    pids.insert(0, mesh.supervisor());
    pids.iter().for_each(|pid| kill(*pid, Signal::KILL));
    until("all are dead", || pids.iter().all(|pid| !is_alive(*pid)).then_some(()));
    std::fs::write(mesh.home.join("run/mesh.json"), "torn {").expect("written");
    assert!(mesh.home.join("run/mesh.sock").exists() && mesh.home.join("run/relay.status.sock").exists());
    mesh.run(&["status", "--json"]).fails_with(1, &["\"ready\":false"]);
    mesh.up().succeeds();
}

#[test]
fn a_home_with_a_long_path_works_and_says_where_its_sockets_are() {
    let mesh = Mesh::in_home(&"long-".repeat(20), &[]);
    mesh.up().succeeds();
    let run = std::fs::read_link(mesh.home.join("run")).expect("a link");
    let status = mesh.run(&["status"]).succeeds();
    assert!(status.out.contains(&format!("sockets in {}", run.display())), "{status:?}");
    assert!(run.join("relay.status.sock").exists());
}

#[test]
fn a_home_that_can_t_be_made_is_named_with_what_to_do() {
    let mesh = Mesh::new(&[]);
    std::fs::write(&mesh.home, "a file").expect("written");
    mesh.up().fails_with(1, &[&*mesh.home.to_string_lossy(), "can't be made", "set ALPHAMESH_HOME"]);
    mesh.run(&["status"]).fails_with(2, &["can't be read"]);
    std::fs::remove_file(&mesh.home).expect("removed");
}

#[test]
fn a_home_keeps_its_mode_and_live_needs_confirmations() {
    let mesh = Mesh::ready(&[]);
    mesh.run(&["down"]).succeeds();
    let text = std::fs::read_to_string(&mesh.topology).expect("there").replace("\"paper\"", "\"live\"");
    std::fs::write(&mesh.topology, text).expect("written");
    mesh.up().fails_with(2, &["ALPHAMESH_LIVE_ENABLE=1", "ALPHAMESH_LIVE_CONFIRM="]);
    let live = mesh
        .command(&["up", "--topology", mesh.topology.to_str().expect("UTF-8")])
        .env("ALPHAMESH_LIVE_ENABLE", "1")
        .env("ALPHAMESH_LIVE_CONFIRM", "I_UNDERSTAND_THIS_CAN_LOSE_MONEY")
        .output();
    Ran::of(live.expect("runs")).fails_with(2, &["is the home of a mesh in mode \"paper\"", "Use another home"]);
}

#[test]
fn another_topology_is_refused_while_one_runs() {
    let mesh = Mesh::ready(&[]);
    let pids = mesh.pids();
    let text =
        std::fs::read_to_string(&mesh.topology).expect("there").replace("profile = \"fake\"", "profile = \"other\"");
    std::fs::write(&mesh.topology, text).expect("written");
    mesh.up().fails_with(2, &["profile \"fake\" runs", "down"]);
    assert_eq!(mesh.pids(), pids);
}

#[test]
fn garbage_on_the_control_socket_is_answered_and_changes_nothing() {
    let mesh = Mesh::ready(&[]);
    for garbage in
        [&b"not json\n"[..], b"\n", b"{\"do\":\"nothing\"}\n", &[0xff; 10_000], b"{\"do\":\"start\",\"name\":\"x\"}\n"]
    {
        let mut stream = UnixStream::connect(mesh.home.join("run/mesh.sock")).expect("listening");
        // The supervisor may have hung up on the rest of a line that is too long.
        let _ = stream.write_all(garbage);
        let mut answer = String::new();
        let _ = BufReader::new(stream).read_line(&mut answer);
        assert!(answer.is_empty() || answer.contains("refused"), "{answer}");
    }
    mesh.run(&["status"]).succeeds();
}

#[test]
fn status_of_nothing_is_a_contract_too() {
    let mesh = Mesh::new(&[]);
    let ran = mesh.run(&["status", "--json"]).fails_with(1, &[]);
    assert_eq!(ran.out, "{\"mesh\":{\"id\":null,\"mode\":null,\"profile\":null,\"ready\":false},\"processes\":[]}\n");
    mesh.run(&["status"]).fails_with(1, &["mesh: no mesh was started", "up"]);
    mesh.run(&["restart", "relay"]).fails_with(1, &["no mesh was started"]);
    assert!(!mesh.home.exists(), "asking makes nothing");
}

#[test]
fn a_frozen_process_is_not_ready_and_is_left_alone() {
    let mesh = Mesh::ready(&[]);
    let pids = mesh.pids();
    kill(pids[1].expect("runs"), Signal::STOP);
    mesh.wait_for("adapter", "starting");
    mesh.run(&["status", "--json"]).fails_with(1, &["\"ready\":false"]);
    kill(pids[1].expect("runs"), Signal::CONT);
    mesh.wait_for("adapter", "ready");
    assert_eq!(mesh.pids(), pids);
}

#[test]
fn down_ends_an_up_that_waits() {
    let mesh = Mesh::new(&[("adapter", "settings = { ready_after_ms = 60000 }\nlimits = { stop_timeout_ms = 100 }")]);
    let words = ["up", "--topology", mesh.topology.to_str().expect("UTF-8")];
    let up = mesh.command(&words).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    until("the adapter runs", || mesh.home.join("run/adapter.lock").exists().then_some(()));
    mesh.run(&["down"]).succeeds();
    Ran::of(up.expect("started").wait_with_output().expect("ended")).fails_with(1, &["has ended meanwhile"]);
    assert_eq!(mesh.pids(), [None; 3]);
}
