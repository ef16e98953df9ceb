//! Starts a process detached: in a session of its own, its output appended to its log, so that it outlives the supervisor
//! and its terminal.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mesh_topology::{Layout, ProcessSpec};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::{Failure, Outcome};

/// A log, opened for appending: what several writers append stays whole lines, and a truncated file goes on at its start.
pub(crate) fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Starts a process by way of `mesh launch`, which needs no code between fork and exec.
pub(crate) fn start(process: &ProcessSpec, layout: &Layout, binaries: &Path) -> io::Result<Child> {
    let log = open_log(&layout.log_file(&process.name))?;
    Command::new("/proc/self/exe")
        .arg("launch")
        .args(["--nofile", &process.limits.nofile.to_string(), "--"])
        .arg(binaries.join(&process.binary))
        .arg("--config")
        .arg(layout.config_file(&process.name))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir(layout.home())
        .spawn()
}

/// `mesh launch`: becomes the process. Returns only when it can't.
pub(crate) fn launch(program: &Path, arguments: &[std::ffi::OsString], nofile: u64) -> Outcome {
    // Fails only where the session is its own already.
    let _ = rustix::process::setsid();
    if nofile > 0 {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let current = maximum.map_or(nofile, |maximum| nofile.min(maximum));
        setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum }).map_err(io::Error::from)?;
    }
    let error = Command::new(program).args(arguments).exec();
    Err(Failure::usage(format!("{} can't be started: {error}", program.display())))
}
