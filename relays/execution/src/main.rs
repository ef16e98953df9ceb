#![doc = include_str!("../README.md")]

use std::process::ExitCode;

use mesh_relay::{RelayKind, RelaySettings};
use mesh_runtime::About;
use mesh_types::Domain;

struct ExecutionRelay;

impl RelayKind for ExecutionRelay {
    const ABOUT: About = About {
        name: "relay-execution",
        kind: "relay",
        about: "The relay of the execution domain: checks every message and passes it on to those who want it",
    };
    const DOMAIN: Domain = Domain::Execution;
    const DEFAULTS: RelaySettings = RelaySettings::DROP_NOTHING;
}

fn main() -> ExitCode {
    mesh_relay::run::<ExecutionRelay>()
}
