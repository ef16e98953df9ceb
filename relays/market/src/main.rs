#![doc = include_str!("../README.md")]

use std::process::ExitCode;

use mesh_relay::{RelayKind, RelaySettings};
use mesh_runtime::About;
use mesh_types::Domain;

struct MarketRelay;

impl RelayKind for MarketRelay {
    const ABOUT: About = About {
        name: "relay-market",
        kind: "relay",
        about: "The relay of the market domain: checks every message and passes it on to those who want it",
    };
    const DOMAIN: Domain = Domain::Market;
    const DEFAULTS: RelaySettings = RelaySettings::CONFLATE;
}

fn main() -> ExitCode {
    mesh_relay::run::<MarketRelay>()
}
