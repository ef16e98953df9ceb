//! The low-latency profile: cores kept awake, the hot loop pinned, a short spin before sleeping. On a machine that
//! sleeps, the wake-up is most of a hop's time. Off by default: it costs power and wants a core of its own.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use mesh_config::LowLatency;
use rustix::thread::{CpuSet, sched_setaffinity};

/// What the profile holds for as long as it is kept.
#[derive(Debug, Default)]
pub struct Profile {
    /// Open for as long as deep idle states are to be avoided.
    _awake: Option<File>,
    /// How long to look for work before sleeping.
    pub spin: Duration,
}

impl Profile {
    /// Applies the profile to the calling thread. What can't be had is logged, and left.
    pub fn apply(settings: &LowLatency) -> Self {
        let awake = settings.keep_cores_awake.then(keep_awake).flatten();
        if let Some(core) = settings.core {
            pin(core);
        }
        Self { _awake: awake, spin: Duration::from_micros(settings.spin_us) }
    }
}

fn keep_awake() -> Option<File> {
    let opened = OpenOptions::new().write(true).open("/dev/cpu_dma_latency").and_then(|mut file| {
        file.write_all(&0i32.to_ne_bytes())?;
        Ok(file)
    });
    opened
        .inspect_err(|error| {
            tracing::warn!(%error, "cores can't be kept awake: /dev/cpu_dma_latency must be writable for this user");
        })
        .ok()
}

fn pin(core: usize) {
    let mut set = CpuSet::new();
    if core < CpuSet::MAX_CPU {
        set.set(core);
    }
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::warn!(core, %error, "the loop can't be pinned: give a core that this machine has");
    }
}
