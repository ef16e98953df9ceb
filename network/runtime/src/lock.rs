//! A process's own lock file: a second instance of the same name does not start.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Holds the lock until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct ProcessLock {
    _file: File,
}

/// Why the lock was not had.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    Held {
        /// The lock file.
        path: PathBuf,
        /// What the file says of its holder: a process id.
        holder: String,
    },
    /// The file can't be used.
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl core::fmt::Display for LockError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Held { path, holder } => write!(
                f,
                "{} is locked by process {holder}: an instance of this name runs already; stop it, or use another home",
                path.display()
            ),
            Self::Io { path, error } => write!(f, "the lock file {} can't be used: {error}", path.display()),
        }
    }
}

impl core::error::Error for LockError {}

impl ProcessLock {
    /// Takes the lock and writes this process's id into the file.
    ///
    /// # Errors
    /// When another process has it, or the file can't be written.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |error: std::io::Error| LockError::Io { path: path.to_owned(), error };
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(io)?;
            return Err(LockError::Held { path: path.to_owned(), holder: holder.trim().to_owned() });
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.lock");
        let first = ProcessLock::take(&path).expect("free");
        let refused = ProcessLock::take(&path).expect_err("held").to_string();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        drop(first);
        assert!(ProcessLock::take(&path).is_ok());
    }
}
