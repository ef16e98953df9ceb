//! The supervisor's state on disk: what it needs to find the processes again after its own death.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use mesh_topology::Layout;

use crate::home;
use crate::procfs;

/// What is written down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// The directory of binaries.
    pub(crate) binaries: PathBuf,
    /// The processes.
    pub(crate) processes: Vec<SavedProcess>,
}

/// One process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedProcess {
    /// Its name.
    pub(crate) name: String,
    /// Whether it should run.
    pub(crate) wanted: bool,
    /// How often it was started again.
    pub(crate) restarts: u64,
    /// Its process id, while it runs.
    pub(crate) pid: Option<i32>,
    /// Its start in ticks since boot: a process id is used again, the two together are not.
    pub(crate) start_ticks: u64,
}

impl Saved {
    /// What is on disk; `None` where there is nothing that can be read.
    pub(crate) fn read(layout: &Layout) -> Option<Self> {
        let text = fs::read(layout.state_file()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(crate) fn write(&self, layout: &Layout) -> std::io::Result<()> {
        home::replace(&layout.state_file(), &serde_json::to_vec_pretty(self)?)
    }

    /// What is known of the process of this name.
    pub(crate) fn process(&self, name: &str) -> Option<&SavedProcess> {
        self.processes.iter().find(|process| process.name == name)
    }
}

/// A running process, held by a descriptor that can't come to mean another one.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its process id.
    pub(crate) pid: Pid,
    /// Readable once it has ended.
    pub(crate) pidfd: OwnedFd,
    /// Its start in ticks since boot.
    pub(crate) start_ticks: u64,
}

/// Finds the process of this name, whoever started it: the holder of its lock file; else, for one that has not got that
/// far, the one that was written down.
pub(crate) fn find(layout: &Layout, name: &str, saved: Option<&SavedProcess>) -> Option<Found> {
    holder(&layout.lock_file(name)).or_else(|| {
        let saved = saved?;
        let found = open(saved.pid.and_then(Pid::from_raw)?)?;
        (found.start_ticks == saved.start_ticks).then_some(found)
    })
}

/// The living process that has this lock file open and is named in it.
pub(crate) fn holder(lock_file: &Path) -> Option<Found> {
    let pid = procfs::parse_pid(&fs::read_to_string(lock_file).ok()?)?;
    // The descriptor first: what is found after it is true of the process that it means.
    open(pid).filter(|_| procfs::has_open(pid, lock_file))
}

fn open(pid: Pid) -> Option<Found> {
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    Some(Found { pid, pidfd, start_ticks: procfs::start_ticks(pid)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_runtime::lock::ProcessLock;

    #[test]
    fn a_process_is_found_by_its_lock_or_by_what_was_written_down() {
        let dir = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(dir.path(), dir.path());
        let me = rustix::process::getpid();
        assert!(find(&layout, "x", None).is_none());
        let lock = ProcessLock::take(&layout.lock_file("x")).expect("free");
        assert_eq!(find(&layout, "x", None).map(|found| found.pid), Some(me));
        drop(lock);
        assert!(find(&layout, "x", None).is_none(), "the file still names this process, which does not hold it");
        let start_ticks = procfs::start_ticks(me).expect("alive");
        let mut saved = SavedProcess { pid: Some(me.as_raw_nonzero().get()), start_ticks, ..SavedProcess::default() };
        assert!(find(&layout, "x", Some(&saved)).is_some());
        saved.start_ticks += 1;
        assert!(find(&layout, "x", Some(&saved)).is_none(), "another process of the same id");
    }

    #[test]
    fn what_is_written_is_read_and_damage_is_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(dir.path(), dir.path());
        assert_eq!(Saved::read(&layout), None);
        let process = SavedProcess { name: "x".to_owned(), wanted: true, restarts: 3, pid: Some(9), start_ticks: 5 };
        let saved = Saved { binaries: "/bin".into(), processes: vec![process] };
        saved.write(&layout).expect("written");
        assert_eq!(Saved::read(&layout), Some(saved));
        fs::write(layout.state_file(), "{").expect("written");
        assert_eq!(Saved::read(&layout), None);
    }
}
