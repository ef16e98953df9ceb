//! The Hyperliquid adapter as a process.

use std::process::ExitCode;

use adapter_hyperliquid::Hyperliquid;
use mesh_adapter::Adapter;
use mesh_runtime::actor::run_actor;

fn main() -> ExitCode {
    run_actor::<Adapter<Hyperliquid>>()
}
