//! Words that another program of this project answers: research and venues have their own, so that the command line stays
//! small.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use mesh_topology::Layout;

use crate::failure::{Failure, Outcome};
use crate::home;

/// Becomes `program` with `words` and the rest of the command line, for this home. Returns only when it can't.
pub(crate) fn forward(program: &str, words: &[&str], arguments: &[OsString], layout: &Layout) -> Outcome {
    let path = find(program)?;
    let mut command = Command::new(&path);
    let error = command.args(words).args(arguments).env("ALPHAMESH_HOME", layout.home()).exec();
    Err(Failure::usage(format!("{} can't be started: {error}; ./manage.sh build builds it", path.display())))
}

/// Among the mesh's binaries, else beside this program.
fn find(program: &str) -> Outcome<PathBuf> {
    let among = home::binaries()?.join(program);
    let beside = std::env::current_exe()?.with_file_name(program);
    Ok(if among.exists() { among } else { beside })
}
