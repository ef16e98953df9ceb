//! The Binance adapter as a process.

use std::process::ExitCode;

use adapter_binance::Binance;
use mesh_adapter::Adapter;
use mesh_runtime::actor::run_actor;

fn main() -> ExitCode {
    run_actor::<Adapter<Binance>>()
}
