//! The kill switch of a running mesh: after it no order, whatever is restarted, until it is reset.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use serde_json::Value;
use test_e2e::{Mesh, audit};

fn intents(mesh: &Mesh) -> usize {
    mesh.query(audit::PORTFOLIO, "SELECT client_order_id FROM intents").len()
}

/// Signals that were refused because of a kill switch.
fn stopped(mesh: &Mesh) -> usize {
    mesh.query(audit::PORTFOLIO, "SELECT signal FROM risk_decisions WHERE reason = 'kill_switch'").len()
}

/// Runs `mesh kill` and answers with what is in force then.
fn kill(mesh: &Mesh, words: &[&str]) -> Value {
    let output = mesh.run(&[&["kill", "--json"], words].concat());
    assert!(output.status.success(), "{output:?}");
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let [switch] = value["kill_switches"].as_array().expect("a list").as_slice() else { panic!("one scope: {value}") };
    let keys: Vec<&String> = switch.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["level", "reason", "scope", "set_ns"]);
    switch.clone()
}

#[test]
fn after_halt_all_there_is_no_order_until_the_reset_whatever_is_restarted() {
    let mesh = Mesh::up(&[]);
    mesh.wait("an intent", || intents(&mesh) > 0);
    let switch = kill(&mesh, &["--halt-all", "--reason", "a drill"]);
    assert_eq!((&switch["level"], &switch["reason"]), (&"halt_all".into(), &"a drill".into()));
    let before = intents(&mesh);
    assert_eq!(mesh.status()["kill_switches"], Value::from(vec![switch.clone()]));
    let text = String::from_utf8_lossy(&mesh.run(&["status"]).stdout).into_owned();
    assert!(text.contains("kill switch halt_all since") && text.contains(": a drill"), "{text}");
    let text = String::from_utf8_lossy(&mesh.run(&["top", "--once"]).stdout).into_owned();
    assert!(text.contains("kill switch halt_all since"), "{text}");
    let text = String::from_utf8_lossy(&mesh.run(&["up"]).stdout).into_owned();
    assert!(text.contains("kill switch halt_all since") && text.contains("kill --reset"), "{text}");
    mesh.wait("a signal that is refused", || stopped(&mesh) > 0);
    for process in ["relay-execution", "portfolio"] {
        let old = mesh.kill(process);
        mesh.await_return(process, old);
        let refused = stopped(&mesh);
        mesh.wait("a signal that is refused after the restart", || stopped(&mesh) > refused);
    }
    assert_eq!(intents(&mesh), before, "no intent after the switch");
    let reset = kill(&mesh, &["--reset"]);
    assert_eq!(reset["level"], "none");
    assert!(reset["set_ns"].as_u64() > switch["set_ns"].as_u64());
    assert_eq!(mesh.status().get("kill_switches"), None);
    mesh.wait("an intent after the reset", || intents(&mesh) > before);
    assert!(mesh.run(&["stop", "strategy-momentum"]).status.success());
    mesh.wait("every order to be final", || audit::open_orders(&mesh) == 0);
    mesh.down();
    audit::assert_sound(&mesh);
    // Down, it is written into the ledger, and the next start begins with it.
    let strategy = mesh.run(&["kill", "--halt-all", "--strategy", "momentum", "--json"]);
    assert!(strategy.status.success(), "{strategy:?}");
    let scopes = mesh.query(audit::PORTFOLIO, "SELECT scope, level FROM kill_switches ORDER BY scope");
    assert_eq!(scopes, [["", "none"], ["momentum", "halt_all"]]);
    let text = String::from_utf8_lossy(&mesh.run(&["kill", "--status"]).stdout).into_owned();
    assert!(text.contains("kill switch of momentum halt_all"), "{text}");
    assert!(text.contains("kill --reset --strategy momentum"), "{text}");
    let before = intents(&mesh);
    let refused = stopped(&mesh);
    assert!(mesh.run(&["up"]).status.success());
    assert!(mesh.run(&["start", "strategy-momentum"]).status.success());
    mesh.wait("a signal that is refused after the start", || stopped(&mesh) > refused);
    assert_eq!(intents(&mesh), before, "no intent of the strategy");
}

#[test]
fn a_file_is_a_kill_switch_while_it_is_there_and_why_not_says_so() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("kill");
    let mesh = Mesh::up(&[("PORTFOLIO", "KILL_FILE", file.to_str().expect("UTF-8"))]);
    mesh.wait("an intent", || intents(&mesh) > 0);
    // Why it was made: from the packet to the order, with every gate.
    let order = mesh.query(audit::PORTFOLIO, "SELECT client_order_id FROM intents ORDER BY seq")[0][0].clone();
    let mut why = Value::Null;
    mesh.wait("the way of the order", || {
        let output = mesh.run(&["why", &order, "--json"]);
        why = serde_json::from_slice(&output.stdout).unwrap_or_default();
        why["complete"] == true
    });
    let said = why.to_string();
    for text in ["packet", "candle", "signal", "risk_verdict", "intent", "entry_rate", "total_notional"] {
        assert!(said.contains(text), "{text} is on the way: {said}");
    }
    std::fs::write(&file, "halt_all").expect("written");
    mesh.wait("a signal that is refused", || stopped(&mesh) > 0);
    let sql = "SELECT instrument FROM risk_decisions WHERE reason = 'kill_switch'";
    let instrument = mesh.query(audit::PORTFOLIO, sql)[0][0].clone();
    let output = mesh.run(&["why-not", &instrument, "--since", "10m", "--json"]);
    let missed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let gate = &missed["refused"].as_array().expect("a list").last().expect("one")["gate"];
    assert_eq!((&gate["gate"], &gate["unit"], &gate["actual"]), (&"kill_switch".into(), &"level".into(), &"2".into()));
    // Started anew it looks at the file before it hears of anything.
    let (before, refused) = (intents(&mesh), stopped(&mesh));
    let old = mesh.kill("portfolio");
    mesh.await_return("portfolio", old);
    mesh.wait("a signal that is refused after the restart", || stopped(&mesh) > refused);
    assert_eq!(intents(&mesh), before);
    std::fs::remove_file(&file).expect("removed");
    mesh.wait("an intent after the file has gone", || intents(&mesh) > before);
    assert!(mesh.run(&["stop", "strategy-momentum"]).status.success());
    mesh.wait("every order to be final", || audit::open_orders(&mesh) == 0);
    mesh.down();
    audit::assert_sound(&mesh);
}

#[test]
fn a_portfolio_that_is_down_takes_the_switch_when_it_starts() {
    let mesh = Mesh::up(&[]);
    assert!(mesh.run(&["stop", "portfolio"]).status.success());
    let output = mesh.run(&["kill", "--hard", "--timeout", "1"]);
    assert!(output.status.success(), "{output:?}");
    assert!(mesh.run(&["start", "portfolio"]).status.success());
    mesh.wait("the switch", || mesh.status()["kill_switches"][0]["level"] == "hard");
    let levels = mesh.query(audit::PORTFOLIO, "SELECT level FROM kill_switches");
    assert_eq!(levels, [["hard"]]);
}
