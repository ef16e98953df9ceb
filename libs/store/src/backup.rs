//! A copy of a ledger while it is written.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use crate::error::{ErrorKind, StoreError};
use crate::ledger::SqliteLedger;

/// Copies a ledger, as its last committed batch left it, to a file that is not there yet. Its writer goes on meanwhile and
/// waits for nothing. The copy is whole or not there at all, and is opened as the ledger itself is: put in its place, it is
/// restored.
///
/// # Errors
/// When the ledger can't be read or the copy not be written, or when something has the copy's name.
pub fn backup(path: &Path, to: &Path) -> Result<(), StoreError> {
    if to.exists() {
        return Err(StoreError::new(to, ErrorKind::Exists));
    }
    let reader = SqliteLedger::open_reader(path)?;
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let copy = || -> Result<(), ErrorKind> {
        remove(partial)?;
        let mut copy = Connection::open(partial)?;
        // In one step: one view of the ledger, however fast it is written.
        Backup::new(&reader, &mut copy)?.step(-1)?;
        // A file alone, without a log beside it.
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        let check: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(ErrorKind::Corrupt(check));
        }
        drop(copy);
        std::fs::File::open(partial)?.sync_all()?;
        std::fs::rename(partial, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    copy().map_err(|kind| {
        let _ = remove(partial);
        StoreError::new(to, kind)
    })
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
