//! From `mesh up` to a mesh that is ready, and what its processes hold in memory.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Output as Ended, Stdio};
use std::time::Instant;

use clap::Args;
use serde_json::Value;
use test_e2e::mesh::{free_address, venue_environment};

use crate::Output;
use crate::figure::{Figure, Sense};

/// Seconds from the command to the end of `up`, which ends when every process is ready.
const READY_WITHIN_S: f64 = 3.0;
/// What one process of an idle mesh may hold.
const IDLE_MIB: f64 = 30.0;

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    output: Output,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let binaries = std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default();
    if !binaries.join("mesh").exists() {
        return Err(format!("{} holds no mesh; `./manage.sh build` makes it", binaries.display()).into());
    }
    let (mut seconds, mut first_status) = (Vec::new(), None);
    for _ in 0..options.output.runs {
        let (taken_s, status) = start(&binaries)?;
        seconds.push(taken_s);
        first_status.get_or_insert(status);
    }
    let limit = |name: &str, unit, values: &[f64], limit: f64| {
        Figure::new(name, (unit, Sense::Less), values, "limit", &[limit], Some(1.0)).print(&options.output);
    };
    limit("start.ready", "s", &seconds, READY_WITHIN_S);
    let status = first_status.unwrap_or_default();
    for process in status["processes"].as_array().into_iter().flatten() {
        let resident = process["rss_bytes"].as_f64().unwrap_or(f64::INFINITY) / f64::from(1 << 20);
        let name = process["name"].as_str().unwrap_or_default();
        limit(&format!("start.memory.{name}"), "MiB", &[resident], IDLE_MIB);
    }
    Ok(())
}

/// Starts the default mesh in a fresh home and stops it: the seconds until it was ready, and its status then.
fn start(binaries: &Path) -> Result<(f64, Value), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let environment = venue_environment(&free_address());
    let mesh = |words: &[&str]| -> Result<Ended, Box<dyn Error>> {
        let mut command = Command::new(binaries.join("mesh"));
        command.args(words).envs(environment.clone()).stdin(Stdio::null());
        Ok(command.env("ALPHAMESH_HOME", home.path()).env("ALPHAMESH_BIN", binaries).output()?)
    };
    let begun = Instant::now();
    let up = mesh(&["up", "paper"])?;
    let taken_s = begun.elapsed().as_secs_f64();
    let status = mesh(&["status", "--json"])?;
    mesh(&["down"])?;
    if !up.status.success() {
        return Err(format!("`mesh up` failed: {}", String::from_utf8_lossy(&up.stderr)).into());
    }
    Ok((taken_s, serde_json::from_slice(&status.stdout)?))
}
