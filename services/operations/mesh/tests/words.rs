//! The words of the command line: each has help, wrong ones are refused with a suggestion.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::Mesh;

/// Words that another program answers.
const ELSEWHERE: [&str; 7] = ["help", "backtest", "flatten", "indicators", "stats", "sweep", "venue"];

#[test]
fn every_word_has_help() {
    let mesh = Mesh::new(&[]);
    let help = mesh.run(&["--help"]).succeeds().out;
    let words =
        help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1).take_while(|line| !line.is_empty());
    let words: Vec<&str> = words
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        // Programs of their own answer for themselves: see `programs_of_their_own_are_reached_through_mesh`.
        .filter(|word| !word.is_empty() && !ELSEWHERE.contains(word))
        .collect();
    assert!(words.len() > 20, "{words:?}");
    for word in words {
        let help = mesh.run(&[word, "--help"]).succeeds().out;
        assert!(help.contains("Usage: mesh"), "{word}: {help}");
    }
    assert!(help.contains("Exit codes: 0 done, 1"), "{help}");
}

#[test]
fn wrong_words_are_refused_with_a_suggestion() {
    let mesh = Mesh::new(&[]);
    mesh.run(&["statu"]).fails_with(2, &["status"]);
    mesh.run(&["up", "papper"]).fails_with(2, &["did you mean \"paper\""]);
    mesh.run(&["tap", "markets"]).fails_with(2, &["did you mean \"market\""]);
    mesh.run(&["up", "--topology", "/nowhere.toml"]).fails_with(2, &["/nowhere.toml", "can't be read"]);
    mesh.run(&["new", "strategy", "../x"]).fails_with(2, &["lower-case letters"]);
    mesh.run(&["logs"]).fails_with(1, &["no logs"]);
    mesh.run(&["tap", "market"]).fails_with(1, &["no mesh was started"]);
    for words in [&["venues"][..], &["instruments"], &["book", "binance:spot:BTCUSDT"]] {
        mesh.run(words).fails_with(1, &["no mesh was started"]);
    }
    mesh.run(&["candles"]).fails_with(1, &["the process `history` never ran here"]);
    mesh.run(&["candles", "binance:spot:BTCUSDT", "1m", "--plot", "--json"]).fails_with(2, &["cannot be used with"]);
    assert!(!mesh.home.exists(), "asking makes nothing");
}

#[test]
fn a_topology_with_errors_is_refused_with_their_places() {
    let mesh = Mesh::new(&[("adapter", "surce = 3")]);
    mesh.up().fails_with(2, &["fake.toml:19:1: unknown field `surce`"]);
    let mesh = Mesh::new(&[]);
    let text = std::fs::read_to_string(&mesh.topology).expect("there").replacen("\"fake\"", "\"fak\"", 2);
    std::fs::write(&mesh.topology, text).expect("written");
    mesh.up().fails_with(2, &["no binary \"fak\" is built for process \"relay\"; did you mean \"fake\"?"]);
}

#[test]
fn check_asks_each_binary_and_doctor_looks_around() {
    let mesh = Mesh::new(&[("adapter", "settings = { no_such_setting = 1 }")]);
    let topology = mesh.topology.to_str().expect("UTF-8").to_owned();
    let words = ["check", "--topology", topology.as_str()];
    mesh.run(&words).fails_with(1, &["✓ relay", "✗ adapter: adapter.toml:", "no_such_setting"]);
    let doctor = mesh.run(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&doctor.out).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    let binaries = findings.iter().find(|finding| finding["name"] == "binaries").expect("looked at");
    assert_eq!((binaries["verdict"].as_str(), doctor.code), (Some("bad"), 1), "{binaries}");
    assert!(binaries["advice"].as_str().is_some_and(|advice| advice.contains("build")));
}

#[test]
fn an_export_is_whole() {
    let mesh = Mesh::new(&[]);
    let out = mesh.home.join("units");
    let (topology, out_text) = (mesh.topology.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    mesh.run(&["export", "systemd", "--topology", topology, "--out", out_text]).succeeds();
    let unit = std::fs::read_to_string(out.join("alphamesh-fake-adapter.service")).expect("there");
    let config = out.join("config/adapter.toml");
    assert!(unit.contains(config.to_str().expect("UTF-8")), "{unit}");
    assert!(std::fs::read_to_string(config).expect("there").contains("name = \"adapter\""));
    systemd_takes_them(&out);
    mesh.run(&["export", "compose", "--topology", topology, "--out", out_text]).succeeds();
    assert!(out.join("compose.yaml").exists());
}

/// Asks systemd, where it is there, whether it would take the units in a directory.
fn systemd_takes_them(directory: &Path) {
    let units = std::fs::read_dir(directory).expect("units").map(|entry| entry.expect("an entry").path());
    let units: Vec<PathBuf> =
        units.filter(|path| path.extension().is_some_and(|kind| kind == "service" || kind == "target")).collect();
    assert_eq!(units.len(), 4);
    match Command::new("systemd-analyze").arg("verify").arg("--man=no").args(&units).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && !said.contains("alphamesh"), "{said}");
        }
        Err(error) => note(&format!("skipped: systemd-analyze can't be asked ({error})")),
    }
}

#[allow(clippy::print_stdout, reason = "the output of a test")]
fn note(text: &str) {
    println!("{text}");
}

#[test]
fn programs_get_json_from_every_word_that_says_something() {
    let mesh = Mesh::new(&[]);
    let topology = mesh.topology.to_str().expect("UTF-8").to_owned();
    let json = |words: &[&str]| -> serde_json::Value {
        serde_json::from_str(&mesh.run(words).succeeds().out).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    };
    assert_eq!(json(&["up", "--topology", &topology, "--json"])["mesh"]["ready"], true);
    assert_eq!(json(&["up", "--json"])["mesh"]["ready"], true);
    assert_eq!(json(&["restart", "relay", "--json"])["processes"][0]["restarts"], 1);
    assert_eq!(json(&["stop", "relay", "--json"])["processes"][0]["state"], "stopped");
    assert_eq!(json(&["start", "relay", "--json"])["processes"][0]["state"], "ready");
    assert_eq!(json(&["logs", "relay", "-n", "1", "--json"])["name"], "relay");
    assert_eq!(json(&["profiles", "--json"])[0]["name"], "paper");
    assert_eq!(json(&["check", "--topology", &topology, "--json"])["ok"], true);
    assert_eq!(json(&["down", "--json"])["processes"][2]["pid"], serde_json::Value::Null);
    assert_eq!(json(&["down", "--json"])["mesh"]["profile"], "fake");
}

#[test]
fn programs_of_their_own_are_reached_through_mesh() {
    let mesh = Mesh::new(&[]);
    for name in ["backtest", "flatten", "stats", "sweep", "venue"] {
        let program = mesh.binaries().join(name);
        std::fs::write(&program, "#!/bin/sh\necho \"$@\"\n").expect("written");
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("set");
    }
    assert_eq!(mesh.run(&["backtest", "--bars", "x.csv", "--json"]).succeeds().out.trim(), "run --bars x.csv --json");
    assert_eq!(mesh.run(&["indicators", "--spec", "s"]).succeeds().out.trim(), "indicators --spec s");
    assert_eq!(mesh.run(&["flatten", "--yes"]).succeeds().out.trim(), "--yes");
    assert_eq!(mesh.run(&["stats", "psr", "--help"]).succeeds().out.trim(), "psr --help");
    assert_eq!(mesh.run(&["sweep", "run", "s.toml", "--json"]).succeeds().out.trim(), "run s.toml --json");
    assert_eq!(mesh.run(&["venue", "decode", "--venue", "okx"]).succeeds().out.trim(), "decode --venue okx");
    assert_eq!(mesh.run(&["venue", "--help"]).succeeds().out.trim(), "--help");
}
