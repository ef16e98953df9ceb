//! What a topology says, once it has been checked: every name is unique, every need exists, nothing needs itself.

use core::fmt;
use std::num::NonZeroU16;

use mesh_types::Mode;
use serde::Deserialize;
use toml::Table;

/// Longest name of a process: what a `Hello` has room for.
pub const MAX_NAME_BYTES: usize = 32;

/// The processes of a mesh, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// Its name.
    pub profile: String,
    /// What it does with money.
    pub mode: Mode,
    /// Its processes.
    pub processes: Vec<ProcessSpec>,
}

/// One process.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessSpec {
    /// Its unique name: lower-case letters, digits and hyphens.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The binary's file name.
    pub binary: String,
    /// Its unique source id.
    pub source: NonZeroU16,
    /// Names of the processes that must be ready before it starts.
    pub needs: Vec<String>,
    /// What happens when it ends by itself.
    pub restart: Restart,
    /// What it may use.
    pub limits: Limits,
    /// How its loop runs: journal, latency profile; passed on once checked.
    pub runtime: Table,
    /// Its own settings, passed on as they are.
    pub settings: Table,
}

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Fans messages of one domain out.
    Relay,
    /// Reads a venue.
    Adapter,
    /// Turns market messages into signals.
    Strategy,
    /// Turns signals into risk-checked orders.
    Portfolio,
    /// Sends orders to a venue.
    Executor,
    /// A simulated venue.
    Venue,
    /// Looks after the mesh: records, replays, reports.
    Operations,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Relay => "relay",
            Self::Adapter => "adapter",
            Self::Strategy => "strategy",
            Self::Portfolio => "portfolio",
            Self::Executor => "executor",
            Self::Venue => "venue",
            Self::Operations => "operations",
        })
    }
}

/// When a process that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// However it ended.
    Always,
    /// When it ended with an error or by a signal.
    OnFailure,
    /// Never.
    Never,
}

/// What happens when a process ends by itself.
///
/// The n-th end within the window is answered after `backoff_min_ms * 2^(n-1)`, at most `backoff_max_ms`; after
/// `give_up_after` ends within the window the process has failed and stays down until a person starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Restart {
    /// When it is started again.
    pub policy: Policy,
    /// The first delay.
    pub backoff_min_ms: u64,
    /// The longest delay.
    pub backoff_max_ms: u64,
    /// Ends within the window after which it has failed.
    pub give_up_after: u32,
    /// The window in which ends are counted.
    pub window_ms: u64,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            policy: Policy::Always,
            backoff_min_ms: 200,
            backoff_max_ms: 5_000,
            give_up_after: 10,
            window_ms: 60_000,
        }
    }
}

/// What a process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Resident memory above which the log warns; 0 for no bound.
    pub rss_warn_bytes: u64,
    /// Resident memory above which it is stopped and started again; 0 for no bound.
    pub rss_kill_bytes: u64,
    /// Open files; 0 leaves the user's limit.
    pub nofile: u64,
    /// Time between SIGTERM and SIGKILL.
    pub stop_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rss_warn_bytes: 512 << 20, rss_kill_bytes: 0, nofile: 0, stop_timeout_ms: 5_000 }
    }
}

impl Topology {
    /// The process of this name.
    pub fn process(&self, name: &str) -> Option<&ProcessSpec> {
        self.processes.iter().find(|process| process.name == name)
    }

    /// Names of all processes, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.processes.iter().map(|process| process.name.as_str())
    }
}
