//! Every error of a topology has its line and column, and says what to do.

#![allow(clippy::expect_used, clippy::panic)]

use mesh_topology::{Topology, profiles};

const GOOD: &str = r#"[mesh]
profile = "mine"
mode = "paper"

[[process]]
name = "relay-market"
kind = "relay"
binary = "relay-market"
source = 1

[[process]]
name = "adapter"
kind = "adapter"
binary = "adapter-binance"
source = 2
needs = ["relay-market"]
"#;

/// What is said of GOOD with one text replaced by another.
fn errors(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    Topology::parse("mine.toml", &GOOD.replacen(from, to, 1)).expect_err(to).to_string()
}

#[test]
fn the_good_one_is_good() {
    let topology = Topology::parse("mine.toml", GOOD).expect("good");
    assert_eq!(topology.names().collect::<Vec<_>>(), ["relay-market", "adapter"]);
}

#[test]
fn each_error_has_its_place() {
    let cases = [
        ("kind = \"relay\"", "kind = \"rely\""),
        ("mode = \"paper\"", "mode = \"papr\""),
        ("source = 2", "source = 1"),
        ("source = 2", "source = 0"),
        ("source = 2", "source = 70000"),
        ("source = 2", "source = 65535"),
        ("source = 2", "source = \"two\""),
        ("source = 2", "surce = 2"),
        ("name = \"adapter\"", "name = \"relay-market\""),
        ("name = \"adapter\"", "name = \"Adapter One\""),
        ("name = \"adapter\"", "name = \"mesh\""),
        ("needs = [\"relay-market\"]", "needs = [\"relay-markt\"]"),
        ("needs = [\"relay-market\"]", "needs = [\"adapter\"]"),
        ("needs = [\"relay-market\"]", "needs = [\"relay-market\", \"relay-market\"]"),
        ("binary = \"relay-market\"", "binary = \"../sh\""),
        ("binary = \"relay-market\"", "needs = [\"adapter\"]\nbinary = \"relay-market\""),
        ("source = 1", "source = 1\nrestart = { backoff_min_ms = 9, backoff_max_ms = 5 }"),
        ("source = 1", "source = 1\nrestart = { policy = \"sometimes\" }"),
        ("source = 1", "source = 1\nlimits = { rss_warn_bytes = 9, rss_kill_bytes = 5 }"),
        ("source = 1", "source = 1\nlimits = { stop_timeout_ms = 0 }"),
        ("source = 1", "source = 1\nruntime = { journal = \"wole\" }"),
        ("[mesh]", "[mesh"),
        ("profile = \"mine\"\n", ""),
    ];
    let said: Vec<String> = cases.iter().map(|(from, to)| errors(from, to)).collect();
    for error in &said {
        assert!(error.starts_with("mine.toml:"), "{error}");
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn all_errors_are_told_at_once_in_order() {
    let text = GOOD.replace("source = 2", "source = 0").replace("\"mine\"", "\"M\"").replace("[\"relay-", "[\"rely-");
    let errors = Topology::parse("f", &text).expect_err("three errors");
    let lines: Vec<_> = errors.errors().iter().filter_map(|error| error.place).map(|(line, _)| line).collect();
    assert_eq!(lines, [2, 15, 16]);
}

#[test]
fn a_binary_that_is_not_built_is_named_at_its_place() {
    let topology = Topology::parse("mine.toml", GOOD).expect("good");
    let known = ["relay-market".to_owned(), "adapter-binances".to_owned()];
    let error = topology.check_binaries("mine.toml", GOOD, &known).expect_err("one is missing").to_string();
    assert!(error.starts_with("mine.toml:14:10: no binary \"adapter-binance\""), "{error}");
    assert!(error.contains("did you mean \"adapter-binances\""), "{error}");
}

#[test]
fn profiles_that_come_with_the_program_are_good() {
    for profile in profiles::PROFILES {
        let topology = Topology::parse(profile.name, profile.text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(topology.profile, profile.name);
    }
    assert!(profiles::find(profiles::DEFAULT).is_some());
}
