//! A process's configuration file, as `mesh_config::ProcessConfig` reads it.

use std::path::Path;

use mesh_types::Domain;
use serde::Serialize;
use toml::Table;

use crate::layout::Layout;
use crate::model::{ProcessSpec, Topology};

const HEAD: &str = "# Written by `mesh` from the topology at each start; changes here are lost.\n\n";

#[derive(Serialize)]
struct File<'a> {
    process: ProcessPart<'a>,
    mesh: MeshPart<'a>,
    relays: RelaysPart<'a>,
    runtime: &'a Table,
    settings: &'a Table,
}

#[derive(Serialize)]
struct ProcessPart<'a> {
    name: &'a str,
    source: u16,
}

#[derive(Serialize)]
struct MeshPart<'a> {
    id: u64,
    mode: &'static str,
    profile: &'a str,
    home: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_dir: Option<&'a Path>,
}

#[derive(Serialize)]
struct RelaysPart<'a> {
    market: &'a Path,
    signal: &'a Path,
    execution: &'a Path,
}

/// The file's text.
///
/// # Errors
/// When a path is no UTF-8, or a number is beyond what TOML has.
pub fn process_config(
    topology: &Topology,
    process: &ProcessSpec,
    mesh_id: u64,
    layout: &Layout,
) -> Result<String, toml::ser::Error> {
    let sockets = [Domain::Market, Domain::Signal, Domain::Execution].map(|domain| layout.relay_socket(domain));
    let [market, signal, execution] = &sockets;
    let usual = layout.run() == Layout::default_run_dir(layout.home());
    let file = File {
        process: ProcessPart { name: &process.name, source: process.source.get() },
        mesh: MeshPart {
            id: mesh_id,
            mode: topology.mode.name(),
            profile: &topology.profile,
            home: layout.home(),
            run_dir: (!usual).then_some(layout.run()),
        },
        relays: RelaysPart { market, signal, execution },
        runtime: &process.runtime,
        settings: &process.settings,
    };
    toml::to_string(&file).map(|text| format!("{HEAD}{text}"))
}
