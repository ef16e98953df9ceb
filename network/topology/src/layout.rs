//! Where everything of a mesh lies: one home directory, and in it one directory of sockets.
//!
//! ```text
//! HOME/mesh.id             the mesh's id and mode, written once
//! HOME/run/                0700: NAME.toml, NAME.lock, NAME.status.sock, {market,signal,execution}.sock,
//!                          mesh.json (the supervisor's state), mesh.sock, mesh.lock, topology.toml
//! HOME/logs/NAME.log       standard output and error
//! HOME/data/               databases
//! HOME/capture/            capture logs
//! HOME/journal/NAME/       what actors were given, in order
//! ```
//!
//! A socket's path has at most 107 bytes. Where `HOME/run` would exceed that, `HOME/run` is a link to a short directory
//! ([`Layout::short_run_dir`]). It is not under `XDG_RUNTIME_DIR`: that one goes away when the user logs out, and the mesh
//! does not.

use std::path::{Path, PathBuf};

use mesh_types::Domain;
use sha2::{Digest, Sha256};

use crate::model::MAX_NAME_BYTES;

/// Longest path of a Unix socket on Linux, without the final zero.
pub const MAX_SOCKET_PATH_BYTES: usize = 107;

const LONGEST_SUFFIX: &str = ".status.sock";

/// The paths of one mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    home: PathBuf,
    run: PathBuf,
}

impl Layout {
    /// A mesh in `home` with its sockets in `run`.
    pub fn new(home: impl Into<PathBuf>, run: impl Into<PathBuf>) -> Self {
        Self { home: home.into(), run: run.into() }
    }

    /// The usual directory of sockets.
    pub fn default_run_dir(home: &Path) -> PathBuf {
        home.join("run")
    }

    /// The short directory for a home whose own path is too long, the same for the same home and user.
    pub fn short_run_dir(home: &Path, user: u32) -> PathBuf {
        let digest = Sha256::digest(home.as_os_str().as_encoded_bytes());
        PathBuf::from(format!("/tmp/alphamesh-{user}-{}", hex::encode(digest.get(..6).unwrap_or_default())))
    }

    /// Whether every socket in `run` has a path that is short enough.
    pub fn fits(run: &Path) -> bool {
        run.as_os_str().len() + 1 + MAX_NAME_BYTES + LONGEST_SUFFIX.len() <= MAX_SOCKET_PATH_BYTES
    }

    /// Everything lies here.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Sockets, locks and configuration lie here.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The directories that must be there before anything starts.
    pub fn directories(&self) -> [PathBuf; 4] {
        [self.logs(), self.home.join("data"), self.home.join("capture"), self.home.join("journal")]
    }

    /// Where a domain's relay listens.
    pub fn relay_socket(&self, domain: Domain) -> PathBuf {
        self.run.join(format!("{}.sock", domain.name()))
    }

    /// The ledger of a process that has one.
    pub fn ledger(&self, name: &str) -> PathBuf {
        self.home.join("data").join(format!("{name}.db"))
    }

    /// Where a process tells how it is.
    pub fn status_socket(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}{LONGEST_SUFFIX}"))
    }

    /// A process's configuration.
    pub fn config_file(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.toml"))
    }

    /// The file that a process holds locked while it lives.
    pub fn lock_file(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.lock"))
    }

    /// The directory of logs.
    pub fn logs(&self) -> PathBuf {
        self.home.join("logs")
    }

    /// A process's log.
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// The directory of a process's journals.
    pub fn journal(&self, name: &str) -> PathBuf {
        self.home.join("journal").join(name)
    }

    /// The directory of capture logs.
    pub fn capture(&self) -> PathBuf {
        self.home.join("capture")
    }

    /// The mesh's id and mode.
    pub fn id_file(&self) -> PathBuf {
        self.home.join("mesh.id")
    }

    /// The supervisor's state.
    pub fn state_file(&self) -> PathBuf {
        self.run.join("mesh.json")
    }

    /// Where the supervisor listens.
    pub fn control_socket(&self) -> PathBuf {
        self.run.join("mesh.sock")
    }

    /// The topology that runs.
    pub fn topology_file(&self) -> PathBuf {
        self.run.join("topology.toml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_up_to_the_kernel_s_limit() {
        let longest = MAX_SOCKET_PATH_BYTES - 1 - MAX_NAME_BYTES - LONGEST_SUFFIX.len();
        assert!(Layout::fits(Path::new(&"x".repeat(longest))));
        assert!(!Layout::fits(Path::new(&"x".repeat(longest + 1))));
    }

    #[test]
    fn the_short_directory_is_short_and_each_home_has_its_own() {
        let (a, b) = (PathBuf::from("/a".repeat(80)), PathBuf::from("/b".repeat(80)));
        let short = Layout::short_run_dir(&a, 1000);
        assert!(Layout::fits(&short), "{}", short.display());
        assert_eq!(short, Layout::short_run_dir(&a, 1000));
        assert_ne!(short, Layout::short_run_dir(&b, 1000));
        assert_ne!(short, Layout::short_run_dir(&a, 1001));
    }
}
