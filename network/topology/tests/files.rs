//! The files that are written from a topology.

#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mesh_config::{JournalMode, ProcessConfig};
use mesh_topology::export::{Place, compose, systemd};
use mesh_topology::render::process_config;
use mesh_topology::{Layout, Topology, profiles};
use serde::Deserialize;

const TEXT: &str = r#"
[mesh]
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
restart = { policy = "on-failure" }
limits = { rss_kill_bytes = 1000000000, nofile = 4096 }
runtime = { journal = "whole" }
[process.settings]
symbols = ["BTCUSDT"]
rest = { url = "http://127.0.0.1:1" }
"#;

fn topology() -> Topology {
    Topology::parse("mine.toml", TEXT).unwrap_or_else(|error| panic!("{error}"))
}

#[derive(Debug, Deserialize, PartialEq)]
struct Settings {
    symbols: Vec<String>,
    rest: Rest,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Rest {
    url: String,
}

#[test]
fn a_process_reads_what_is_written_for_it() {
    let topology = topology();
    let process = topology.process("adapter").expect("it is there");
    let usual = Layout::new("/home/me/.mesh", "/home/me/.mesh/run");
    let text = process_config(&topology, process, (1 << 53) - 1, &usual).expect("TOML");
    let (config, settings) = ProcessConfig::parse::<Settings>("f", &text, []).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!((config.process.name.as_str(), config.process.source.get()), ("adapter", 2));
    assert_eq!((config.mesh.id, config.mesh.profile.as_str()), ((1 << 53) - 1, "mine"));
    assert_eq!(config.runtime.journal, JournalMode::Whole);
    assert_eq!(config.relays.signal, usual.run().join("signal.sock"));
    assert_eq!(
        (config.mesh.run_dir(), config.mesh.journal_dir("adapter")),
        (usual.run().to_owned(), usual.journal("adapter"))
    );
    assert_eq!((settings.symbols, settings.rest.url), (vec!["BTCUSDT".to_owned()], "http://127.0.0.1:1".to_owned()));
    let short = Layout::new("/home/me/.mesh", "/tmp/alphamesh-1-ab");
    let text = process_config(&topology, process, 7, &short).expect("TOML");
    let (config, _) = ProcessConfig::parse::<Settings>("f", &text, []).expect("good");
    assert_eq!(config.mesh.run_dir(), short.run());
}

#[test]
fn every_process_of_the_profiles_has_a_configuration_that_can_be_read() {
    #[derive(Deserialize)]
    struct Any {}
    let layout = Layout::new("/h", "/h/run");
    for profile in profiles::PROFILES {
        let topology = Topology::parse(profile.name, profile.text).expect("good");
        for process in &topology.processes {
            let text = process_config(&topology, process, 1, &layout).expect("TOML");
            ProcessConfig::parse::<Any>(&process.name, &text, []).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

fn export(write: fn(&Topology, &Place<'_>) -> Vec<(String, String)>) -> String {
    let layout = Layout::new("/srv/100% mesh", "/tmp/alphamesh-1-ab");
    let place = Place {
        layout: &layout,
        binaries: Path::new("/opt/mesh/bin"),
        out: Path::new("/etc/mesh"),
        user: (1000, 1001),
    };
    write(&topology(), &place).into_iter().map(|(name, text)| format!("=== {name}\n{text}")).collect()
}

#[test]
fn systemd_units() {
    insta::assert_snapshot!(export(systemd));
}

#[test]
fn compose_file() {
    insta::assert_snapshot!(export(compose));
}

/// What a container engine reads of a service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "that each is there, and of its type, is what is tested")]
struct Service {
    image: String,
    user: String,
    network_mode: String,
    command: Vec<String>,
    volumes: Vec<String>,
    restart: String,
    stop_grace_period: String,
    mem_limit: Option<u64>,
    ulimits: Option<BTreeMap<String, u64>>,
    #[serde(default)]
    depends_on: Vec<String>,
}

#[test]
fn a_compose_file_is_yaml_with_a_service_for_each_process() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Compose {
        services: BTreeMap<String, Service>,
    }
    let layout = Layout::new("/srv/a \"b\" # $c: é", "/tmp/alphamesh-1-ab");
    let place = Place { layout: &layout, binaries: Path::new("/opt"), out: Path::new("/etc"), user: (1, 2) };
    let texts = profiles::PROFILES.iter().map(|profile| Topology::parse(profile.name, profile.text).expect("good"));
    for topology in texts.chain([topology()]) {
        let text = compose(&topology, &place).remove(0).1;
        let found: Compose = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(found.services.keys().map(String::as_str).eq(topology.names().collect::<BTreeSet<_>>()), "{text}");
        for (name, service) in &found.services {
            let process = topology.process(name).expect("a process");
            assert_eq!(service.depends_on, process.needs);
            assert_eq!(service.command[0], format!("/opt/{}", process.binary));
            // A dollar is doubled for the engine, which reads variables.
            let home = "/srv/a \"b\" # $$c: é";
            assert!(service.volumes.contains(&format!("{home}:{home}:rw")), "{:?}", service.volumes);
        }
    }
}
