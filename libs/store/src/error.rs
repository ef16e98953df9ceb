//! What can go wrong with the database, and what to do then.

use core::fmt;
use std::path::{Path, PathBuf};

use mesh_actor::LedgerError;
use rusqlite::ErrorCode;

/// Why the ledger can't be opened, written or read.
#[derive(Debug)]
pub struct StoreError {
    /// The database.
    pub path: PathBuf,
    /// What happened.
    pub kind: ErrorKind,
}

/// What happened.
#[derive(Debug)]
pub enum ErrorKind {
    /// A later build wrote it.
    NewerSchema {
        /// Its version.
        found: i64,
        /// The last version that this build knows.
        known: i64,
    },
    /// An earlier build wrote it, and only its owner brings it up to date.
    OlderSchema {
        /// Its version.
        found: i64,
        /// The version that this build reads.
        known: i64,
    },
    /// Another program's database.
    Foreign {
        /// The application id that it should have.
        expected: i64,
        /// Its application id.
        found: i64,
    },
    /// A mesh of another mode wrote it.
    OtherMode {
        /// The mode of this mesh.
        expected: &'static str,
        /// The mode that it was written in.
        found: String,
    },
    /// A backup would overwrite a file.
    Exists,
    /// Its pages contradict each other, or it is no database.
    Corrupt(String),
    /// Another process holds it.
    Locked,
    /// Another has taken over since.
    Fenced {
        /// The number that this one took.
        own: i64,
        /// The last that was taken.
        last: i64,
        /// By whom.
        holder: String,
    },
    /// No room to write.
    DiskFull,
    /// It can't be opened or created.
    CannotOpen(String),
    /// A row contradicts one that is there: a repeat with other contents.
    Conflict(String),
    /// A frame that should be kept can't be read.
    Frame(String),
    /// Anything else that SQLite says.
    Sqlite(rusqlite::Error),
}

impl StoreError {
    pub(crate) fn new(path: &Path, kind: ErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
    }
}

impl From<rusqlite::Error> for ErrorKind {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::CannotOpen(error.to_string())
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl From<std::io::Error> for ErrorKind {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull => Self::DiskFull,
            _ => Self::CannotOpen(error.to_string()),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.kind {
            ErrorKind::NewerSchema { found, known } => write!(
                f,
                "expected schema version {known} or older, found {found}: a later build wrote it; run that build, or move \
                 the file away to start an empty one (what it says is then unknown to the mesh)"
            ),
            ErrorKind::OlderSchema { found, known } => write!(
                f,
                "expected schema version {known}, found {found}: start the process that owns it once, which brings it up to date"
            ),
            ErrorKind::Foreign { expected, found } => write!(
                f,
                "expected a database of the mesh (application id {expected}), found one of another program or kind ({found}): \
                 check the path"
            ),
            ErrorKind::OtherMode { expected, found } => write!(
                f,
                "expected the ledger of a mesh of mode {expected}, found one of mode {found}: each mode has a home of its own"
            ),
            ErrorKind::Exists => f.write_str("it is there already, and a backup overwrites nothing: name another file"),
            ErrorKind::Corrupt(text) => write!(
                f,
                "the database is corrupt ({text}): keep a copy, restore a backup or run `sqlite3 FILE .recover`, and compare \
                 with the venue before trading again"
            ),
            ErrorKind::Locked => f.write_str(
                "another process holds the database for writing: stop it (only the ledger's owner writes; readers open it \
                 read-only and never block)",
            ),
            ErrorKind::Fenced { own, last, holder } => write!(
                f,
                "{holder} has taken over (fence {last}, this one has {own}): nothing of the batch was kept or sent; only one may \
                 decide, and this process must end"
            ),
            ErrorKind::DiskFull => f.write_str("no room left to write: free some, then start the process again"),
            ErrorKind::CannotOpen(text) => {
                write!(f, "it can't be opened or created ({text}): check that its folder exists and can be written")
            }
            ErrorKind::Conflict(text) | ErrorKind::Frame(text) => {
                write!(f, "{text}: this is a defect; nothing of the batch was kept or sent")
            }
            ErrorKind::Sqlite(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for StoreError {}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self { reason: error.to_string() }
    }
}
