#![doc = include_str!("../README.md")]

use std::process::ExitCode;

use mesh_relay::{RelayKind, RelaySettings};
use mesh_runtime::About;
use mesh_types::Domain;

struct SignalRelay;

impl RelayKind for SignalRelay {
    const ABOUT: About = About {
        name: "relay-signal",
        kind: "relay",
        about: "The relay of the signal domain: checks every message and passes it on to those who want it",
    };
    const DOMAIN: Domain = Domain::Signal;
    const DEFAULTS: RelaySettings = RelaySettings::DROP_NOTHING;
}

fn main() -> ExitCode {
    mesh_relay::run::<SignalRelay>()
}
