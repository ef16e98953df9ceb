#![doc = include_str!("../README.md")]

use std::process::ExitCode;

use mesh_relay::{RelayKind, RelaySettings, SlowPolicy};
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
    const DEFAULTS: RelaySettings = RelaySettings {
        policy: SlowPolicy::Disconnect,
        backlog_bytes: 8 << 20,
        retain_bytes: 16 << 20,
        max_connections: 256,
        max_last_values: 16_384,
        send_buffer_bytes: 1 << 20,
        handshake_timeout_ms: 2_000,
        heartbeat_ms: 5_000,
        idle_timeout_ms: 60_000,
        linger_ms: 1_000,
        snapshot_interval_ms: 250,
    };
}

fn main() -> ExitCode {
    mesh_relay::run::<SignalRelay>()
}
