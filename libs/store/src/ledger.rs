//! The ledger: one SQLite file, one transaction for a batch.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_actor::{Ledger, LedgerError};
use mesh_codec::{Frames, Message};
use mesh_types::Mode;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use crate::audit::Chain;
use crate::error::{ErrorKind, StoreError};
use crate::fence;
use crate::recover;
use crate::rows::{Batch, is_kept};
use crate::schema;

/// How long a commit waits for another writer; there should be none.
const BUSY_TIMEOUT: Duration = Duration::from_millis(2_000);

/// A durable ledger. A committed batch survives the loss of power.
#[derive(Debug)]
pub struct SqliteLedger {
    connection: Connection,
    path: PathBuf,
    chain: Chain,
    net_positions: bool,
    fence: Option<i64>,
}

impl SqliteLedger {
    /// Opens the ledger at `path`, creates it where it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// When it can't be opened, is corrupt, is held by another writer, or comes from a later build.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let open = || -> Result<(Connection, Chain), ErrorKind> {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            // The first statement reads the file: what is no database fails here.
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if check != "ok" {
                return Err(ErrorKind::Corrupt(check));
            }
            schema::migrate(&mut connection, schema::APPLICATION_ID, schema::MIGRATIONS)?;
            let chain = Chain::open(&connection, last_seq(&connection)?)?;
            Ok((connection, chain))
        };
        let (connection, chain) = open().map_err(|kind| StoreError::new(path, kind))?;
        Ok(Self { connection, path: path.to_owned(), chain, net_positions: false, fence: None })
    }

    /// The ledger of a mesh of this mode, and of no other ever: paper and live are separate files.
    ///
    /// # Errors
    /// When the file was written in another mode.
    pub fn of_mode(self, mode: Mode) -> Result<Self, StoreError> {
        let claim = || -> Result<(), ErrorKind> {
            let sql = "SELECT value FROM properties WHERE name = 'mode'";
            let found: Option<String> = self.connection.query_row(sql, [], |row| row.get(0)).optional()?;
            match found {
                None => {
                    let sql = "INSERT INTO properties VALUES ('mode', ?1)";
                    self.connection.execute(sql, [mode.name()])?;
                    Ok(())
                }
                Some(found) if found == mode.name() => Ok(()),
                Some(found) => Err(ErrorKind::OtherMode { expected: mode.name(), found }),
            }
        };
        claim().map_err(|kind| StoreError::new(&self.path, kind))?;
        Ok(self)
    }

    /// Keeps as well where each instrument stands over all fills ever, and gives it back last, as a `position` without a
    /// strategy: what an exchange must know exactly, however few of its orders come back.
    #[must_use]
    pub const fn with_net_positions(mut self) -> Self {
        self.net_positions = true;
        self
    }

    /// Takes over: from now on every commit of who took it before is refused, wherever that still runs. Each takes a greater
    /// number, which is in the file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn take_over(mut self, holder: &str) -> Result<Self, StoreError> {
        let mut take = || -> Result<(i64, Chain), ErrorKind> {
            let number = fence::take(&mut self.connection, holder)?;
            // What the one before has written until now.
            Ok((number, Chain::open(&self.connection, last_seq(&self.connection)?)?))
        };
        match take() {
            Ok((number, chain)) => Ok(Self { fence: Some(number), chain, ..self }),
            Err(kind) => Err(StoreError::new(&self.path, kind)),
        }
    }

    /// Opens the ledger for reading only, as a user interface does: it sees committed batches and never blocks the writer.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok(connection)
        };
        open().map_err(|error| StoreError::new(path, error.into()))
    }

    fn write(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), ErrorKind> {
        let mut kept: Vec<Message<'_>> = Vec::new();
        for (offset, message) in inbox.chain(outbox) {
            let message =
                message.map_err(|error| ErrorKind::Frame(format!("at byte {offset} of the batch: {error}")))?;
            if is_kept(&message) {
                kept.push(message);
            }
        }
        if kept.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(own) = self.fence {
            fence::check(&transaction, own)?;
        }
        let before = transaction.total_changes();
        let mut batch = Batch::new(&transaction, self.chain.last_seq(), self.net_positions);
        for message in &kept {
            batch.add(message)?;
        }
        let last_seq = batch.finish()?;
        if transaction.total_changes() == before {
            // Nothing but repeats: no row, and no wait for the disk.
            return Ok(());
        }
        let chain = self.chain.append(&transaction, last_seq, &kept)?;
        transaction.commit()?;
        self.chain = chain;
        Ok(())
    }
}

/// The greatest `seq` of all tables.
fn last_seq(connection: &Connection) -> rusqlite::Result<i64> {
    let unions: Vec<String> =
        schema::TABLES.iter().map(|table| format!("SELECT max(seq) AS seq FROM {table}")).collect();
    let sql = format!("SELECT coalesce(max(seq), 0) FROM ({})", unions.join(" UNION ALL "));
    connection.query_row(&sql, [], |row| row.get(0))
}

impl Ledger for SqliteLedger {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        self.write(inbox, outbox).map_err(|kind| StoreError::new(&self.path, kind).into())
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        recover::recover(&self.connection, self.net_positions, each)
            .map_err(|kind| StoreError::new(&self.path, kind).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_codec::{FrameBuilder, Stamp};
    use mesh_types::execution::RiskVerdict;
    use mesh_types::{Domain, SourceId};

    #[test]
    fn a_full_disk_is_named_and_the_batch_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).expect("opens");
        let pages: i64 = ledger.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("a number");
        ledger.connection.pragma_update(None, "max_page_count", pages).expect("sets");
        let mut batch = Vec::new();
        for sequence in 1..200 {
            let stamp = Stamp { domain: Domain::Execution, source: SourceId::new(1), sequence, timestamp_ns: 1 };
            FrameBuilder::new(&mut batch, &stamp).body(&RiskVerdict::default()).finish().expect("fits");
        }
        let error = ledger.commit(Frames::new(&[]), Frames::new(&batch)).expect_err("no room");
        assert!(error.reason.contains("no room left"), "{error}");
        let mut rows = 0;
        ledger.recover(&mut |_| rows += 1).expect("recovers");
        assert_eq!(rows, 0);
        ledger.connection.pragma_update(None, "max_page_count", 1_000_000).expect("sets");
        ledger.commit(Frames::new(&[]), Frames::new(&batch)).expect("commits once there is room");
    }
}
