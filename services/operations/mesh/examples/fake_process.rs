//! The smallest process of a mesh: it gets ready, and stops when it is asked to. The supervisor's tests run it, and tell it to
//! misbehave.

use std::process::ExitCode;
use std::time::Duration;

use mesh_runtime::{About, Settings, run};
use serde::Deserialize;

const ABOUT: About = About { name: "fake-process", kind: "operations", about: "Gets ready, and does nothing." };

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fake {
    /// Time until it is ready.
    ready_after_ms: u64,
    /// Ends with an error instead of getting ready.
    crash: bool,
    /// Does not stop when it is asked to.
    stubborn: bool,
    /// Memory that it takes.
    allocate_bytes: usize,
}

impl Settings for Fake {}

fn main() -> ExitCode {
    run::<Fake>(&ABOUT, |process| {
        std::thread::sleep(Duration::from_millis(process.settings.ready_after_ms));
        if process.settings.crash {
            return Err("told to crash".into());
        }
        let memory = vec![1u8; process.settings.allocate_bytes];
        process.status.set_ready(true);
        process.shutdown.wait();
        if process.settings.stubborn {
            loop {
                std::thread::park();
            }
        }
        drop(memory);
        Ok(())
    })
}
