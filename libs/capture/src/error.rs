//! What can go wrong with the files of a log. Damage inside a segment is no error: it is reported as an item between the
//! records, and reading goes on.

use std::io;
use std::path::{Path, PathBuf};

/// Why a log can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The operating system refused.
    #[error("can't {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no capture log here.
    #[error("expected a capture (a run's directory, a directory of runs, or a segment file) at {}, found {found}; `mesh capture ls` lists what is there", path.display())]
    NotACapture {
        /// Where.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// The manifest is no manifest of this version.
    #[error("{} is damaged or of another version: {reason}; the segments beside it can be read without it", path.display())]
    Manifest {
        /// Where.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A file that is no journal, or whose header is damaged.
    #[error("expected a journal at {}, found {found}", path.display())]
    NotAJournal {
        /// Where.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// The bytes to be decoded stopped coming.
    #[error("can't read the input: {0}")]
    Input(#[source] io::Error),
    /// Nobody takes what is written.
    #[error("can't write the output: {0}")]
    Output(#[source] io::Error),
    /// A time that can't be read.
    #[error("expected a time as 14:03, 14:03:07.5, 2026-11-01T14:03:07Z or ns since the Unix epoch, found {found:?}")]
    Time {
        /// What was given.
        found: String,
    },
    /// A name that no message type has.
    #[error("expected the name of a message type, found {found:?}; docs/protocol.md lists them")]
    Type {
        /// What was given.
        found: String,
    },
}

impl CaptureError {
    /// Makes an error of what the system said.
    pub(crate) fn io<'p>(doing: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> Self + 'p {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// True where the disk is full or a quota is reached: retrying later can help.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}
