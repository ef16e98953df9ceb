//! The audit log: every batch that changed something, as it came, chained by hash.
//!
//! A row holds the batch's frames and `SHA-256(hash of the row before ‖ first seq ‖ last seq ‖ frames)`; the first row's
//! predecessor is 32 zeros. Whoever changes, drops or inserts a row breaks the chain; whoever changes a table but not the log
//! is found by [`audit`], which makes all tables again from the log and compares them row by row. A ledger that was written
//! anew as a whole is recognised by its head, where that was noted elsewhere: [`Audit::head`].

use core::fmt;
use std::path::Path;

use mesh_codec::{Frames, Message};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use crate::error::{ErrorKind, StoreError};
use crate::ledger::SqliteLedger;
use crate::rows::Batch;
use crate::schema::{self, NET_POSITIONS, TABLES};

type Hash = [u8; 32];

/// The end of the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    batch: i64,
    last_seq: i64,
    hash: Hash,
}

impl Chain {
    /// Where the log of a ledger ends. `last_seq` is the greatest of the tables: none may be beyond the log's.
    pub(crate) fn open(connection: &Connection, last_seq: i64) -> Result<Self, ErrorKind> {
        let sql = "SELECT batch, last_seq, hash FROM audit ORDER BY batch DESC LIMIT 1";
        let last = connection
            .query_row(sql, [], |row| Ok(Self { batch: row.get(0)?, last_seq: row.get(1)?, hash: row.get(2)? }));
        match last.optional()? {
            Some(chain) if chain.last_seq < last_seq => Err(ErrorKind::Corrupt(format!(
                "its rows go on to {last_seq}, its audit log ends at {}: something else than the mesh wrote here",
                chain.last_seq
            ))),
            Some(chain) => Ok(chain),
            None => Ok(Self { batch: 0, last_seq, hash: Hash::default() }),
        }
    }

    pub(crate) const fn last_seq(&self) -> i64 {
        self.last_seq
    }

    /// Adds a batch; answers with the new end, which holds once the transaction is committed.
    pub(crate) fn append(
        &self,
        transaction: &Transaction<'_>,
        last_seq: i64,
        kept: &[Message<'_>],
    ) -> Result<Self, ErrorKind> {
        let frames: Vec<u8> = kept.iter().flat_map(|message| message.frame()).copied().collect();
        let first_seq = self.last_seq + 1;
        let next = Self { batch: self.batch + 1, last_seq, hash: link(&self.hash, (first_seq, last_seq), &frames) };
        transaction
            .prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![next.batch, first_seq, last_seq, frames, next.hash])?;
        Ok(next)
    }
}

fn link(before: &Hash, (first_seq, last_seq): (i64, i64), frames: &[u8]) -> Hash {
    let sha = Sha256::new().chain_update(before).chain_update(first_seq.to_le_bytes());
    sha.chain_update(last_seq.to_le_bytes()).chain_update(frames).finalize().into()
}

/// What a look at a whole ledger found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Batches in the audit log.
    pub batches: u64,
    /// Rows from before the audit log was kept: they are compared with nothing.
    pub earlier_rows: u64,
    /// The hash of the last batch in hex: noted elsewhere it proves later that nothing before was changed.
    pub head: String,
    /// What contradicts: empty for a sound ledger.
    pub faults: Vec<Fault>,
}

/// A contradiction inside a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SQLite's own check of pages and indices.
    Pages(String),
    /// A batch does not follow from the one before it.
    Chain {
        /// The batch.
        batch: i64,
    },
    /// A table does not hold what the log says.
    Table {
        /// The table.
        table: &'static str,
        /// Rows that the log does not give.
        extra: u64,
        /// Rows that the log gives, and that are not there.
        missing: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pages(text) => write!(f, "its pages contradict each other: {text}"),
            Self::Chain { batch } => write!(f, "batch {batch} of the audit log was changed, or one before it is gone"),
            Self::Table { table, extra, missing } => write!(
                f,
                "table {table}: {extra} rows that the audit log does not give, {missing} that it gives are not there"
            ),
        }
    }
}

/// Looks at every page, every batch and every row of a ledger, beside its writer and without ever blocking it. What is made
/// again lies in a temporary file of SQLite's, about as large as the ledger.
///
/// # Errors
/// When it can't be read at all.
pub fn audit(path: &Path) -> Result<Audit, StoreError> {
    let error = |kind| StoreError::new(path, kind);
    let reader = SqliteLedger::open_reader(path)?;
    schema::check(&reader, schema::APPLICATION_ID, schema::VERSION).map_err(error)?;
    let mut faults = pages(&reader).map_err(|kind| error(kind.into()))?;
    if !faults.is_empty() {
        return Ok(Audit { batches: 0, earlier_rows: 0, head: String::new(), faults });
    }
    let copy = || -> Result<Connection, ErrorKind> {
        // An empty name is a temporary file that is gone with its connection.
        let mut copy = Connection::open("")?;
        schema::migrate(&mut copy, schema::APPLICATION_ID, schema::MIGRATIONS)?;
        let address = format!("file:{}?mode=ro", escaped(path));
        copy.execute("ATTACH ?1 AS ledger", [address])?;
        Ok(copy)
    };
    let mut copy = copy().map_err(error)?;
    let (chain, earlier_rows, more) = rebuild(&mut copy).map_err(error)?;
    faults.extend(more);
    let head = chain.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Audit { batches: chain.batch.cast_unsigned(), earlier_rows, head, faults })
}

/// A path as an address has it.
fn escaped(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn pages(reader: &Connection) -> rusqlite::Result<Vec<Fault>> {
    let mut statement = reader.prepare("PRAGMA integrity_check(10)")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").map(Fault::Pages).collect())
}

/// Makes the tables again in `copy`, and compares them with those of the attached ledger, all in one view of it.
fn rebuild(copy: &mut Connection) -> Result<(Chain, u64, Vec<Fault>), ErrorKind> {
    let transaction = copy.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let first: Option<i64> = transaction.query_row("SELECT min(first_seq) FROM ledger.audit", [], |row| row.get(0))?;
    let first = first.unwrap_or(i64::MAX);
    let mut earlier_rows = 0;
    for table in TABLES.into_iter().filter(|table| *table != NET_POSITIONS) {
        let sql = format!("INSERT INTO main.{table} SELECT * FROM ledger.{table} WHERE seq < ?1");
        earlier_rows += transaction.execute(&sql, [first])? as u64;
    }
    let count = |sql: &str| -> rusqlite::Result<i64> { transaction.query_row(sql, [], |row| row.get(0)) };
    let net_positions = count("SELECT count(*) FROM ledger.net_positions")? > 0;
    let mut faults = Vec::new();
    let mut chain = Chain { batch: 0, last_seq: first.saturating_sub(1), hash: Hash::default() };
    {
        let mut statement =
            transaction.prepare("SELECT batch, first_seq, last_seq, frames, hash FROM ledger.audit ORDER BY batch")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (batch, first_seq, last_seq): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (frames, hash): (Vec<u8>, Hash) = (row.get(3)?, row.get(4)?);
            let follows = batch == chain.batch + 1 && first_seq == chain.last_seq + 1;
            let linked = follows && hash == link(&chain.hash, (first_seq, last_seq), &frames);
            if !linked || add_again(&transaction, first_seq, last_seq, &frames, net_positions).is_err() {
                faults.push(Fault::Chain { batch });
                break;
            }
            chain = Chain { batch, last_seq, hash };
        }
    }
    if faults.is_empty() {
        if net_positions {
            crate::net::add_missing(&transaction)?;
        }
        for table in TABLES {
            let rows = |of: &str, without: &str| {
                count(&format!(
                    "SELECT count(*) FROM (SELECT * FROM {of}.{table} EXCEPT SELECT * FROM {without}.{table})"
                ))
            };
            let (extra, missing) = (rows("ledger", "main")?.cast_unsigned(), rows("main", "ledger")?.cast_unsigned());
            if (extra, missing) != (0, 0) {
                faults.push(Fault::Table { table, extra, missing });
            }
        }
    }
    Ok((chain, earlier_rows, faults))
}

/// Adds a batch as its writer did.
fn add_again(
    transaction: &Transaction<'_>,
    first_seq: i64,
    last_seq: i64,
    frames: &[u8],
    net_positions: bool,
) -> Result<(), ErrorKind> {
    let mut batch = Batch::new(transaction, first_seq - 1, net_positions);
    for (offset, message) in Frames::new(frames) {
        let message = message.map_err(|error| ErrorKind::Frame(format!("at byte {offset}: {error}")))?;
        batch.add(&message)?;
    }
    match batch.finish()? {
        seq if seq == last_seq => Ok(()),
        seq => Err(ErrorKind::Frame(format!("its frames end at {seq}, not at {last_seq}"))),
    }
}
