//! A study on the disk: one SQLite file (WAL), `HOME/research/sweeps/ID.sqlite`. A chunk of trials is one transaction: it is
//! there as a whole or not at all, whenever the process is killed.
//!
//! | table | rows | what |
//! |---|---|---|
//! | `study` | 1 | specification (text and digest), data (digest), kernel (fingerprint), when it began and ended, its digest |
//! | `chunks` | one a chunk | where it was computed, how long it took, how many configuration-bars |
//! | `trials` | one a trial | number, chunk, a column a parameter, state, steps, a column a figure, digest of all fills, reports |
//! | `best` | one of the best, part of the data and symbol | rank, trial, `train` or `test`, symbol (`all`: as one), a column a figure |
//!
//! `trials.state`: `complete`; `pruned`, stopped early after `steps`; `invalid`, parameters that contradict each other. Reports
//! (of early stopping) are little-endian numbers, a step each. Columns are for people too: `SELECT ema_fast, sharpe FROM trials
//! WHERE state = 'complete' ORDER BY sharpe DESC LIMIT 10`.

mod home;
mod rows;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_study::{Measures, Metric, Spec};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::failure::Failure;

pub use home::{Home, Listed};
pub(crate) use rows::values;
pub use rows::{Known, Row, State};

/// Of the tables; a file of another is refused.
const SCHEMA: i64 = 1;

/// How long a reader or writer waits for another.
const BUSY: Duration = Duration::from_secs(10);

/// What a study is, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub id: String,
    /// The specification's text.
    pub spec_text: String,
    /// Where that came from.
    pub spec_path: String,
    /// The folder that its paths are those of.
    pub folder: String,
    /// SHA-256 of the specification's identity, in hex.
    pub spec_hash: String,
    /// SHA-256 of the data, in hex.
    pub data_hash: String,
    /// The kernel's fingerprint, in hex.
    pub kernel: String,
    /// Version of the program that began it.
    pub version: String,
    /// When it began, ns since the Unix epoch.
    pub started_ns: u64,
    /// Trials there will be.
    pub trials: u64,
    /// Bars that each configuration runs over.
    pub bars: u64,
}

/// What marks a study as done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// When, ns since the Unix epoch.
    pub ended_ns: u64,
    /// SHA-256 over all trials as `export --csv` writes them.
    pub digest: String,
}

/// How a chunk was made.
#[derive(Clone, Copy, Debug)]
pub struct ChunkInfo {
    /// `cpu` or `gpu`.
    pub backend: &'static str,
    /// How long it took, ns.
    pub took_ns: u64,
    /// Configurations times bars.
    pub configuration_bars: u64,
}

/// Figures of some runs, by symbol; `all` first: the symbols as one.
pub type BySymbol = Vec<(String, Measures)>;

/// One of the best: the scalar path agreed with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// From 1.
    pub rank: u64,
    /// The trial.
    pub number: u64,
    /// Figures of what was swept.
    pub train: BySymbol,
    /// Figures of the rest; empty where there is none.
    pub test: BySymbol,
}

/// A study's file.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// Held while it is written to: two runs of one study would do the same work.
    _lock: Option<File>,
}

impl Store {
    /// Makes or opens a study for writing.
    ///
    /// # Errors
    /// Where another process works on it, or the file is none of a study.
    pub fn create(path: &Path, spec: &Spec, about: &About) -> Result<Self, Failure> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let store = Self::open_locked(path)?;
        if store.schema()? == 0 {
            store.connection.execute_batch(&format!("BEGIN; {} COMMIT;", tables(spec)))?;
        }
        store.check_schema()?;
        let columns =
            "id, spec_text, spec_path, folder, spec_hash, data_hash, kernel, version, started_ns, trials, bars";
        store.connection.execute(
            &format!("INSERT OR IGNORE INTO study (one, {columns}) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
            params![
                about.id,
                about.spec_text,
                about.spec_path,
                about.folder,
                about.spec_hash,
                about.data_hash,
                about.kernel,
                about.version,
                about.started_ns as i64,
                about.trials as i64,
                about.bars as i64
            ],
        )?;
        Ok(store)
    }

    fn open_locked(path: &Path) -> Result<Self, Failure> {
        let lock = File::create(path.with_extension("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = format!("{}: another process works on this study: let it end, or stop it", path.display());
                return Err(Failure::bad(text));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        // A process that is killed loses nothing of what is committed; a machine that loses power at most the last chunks.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        Ok(Self { connection, path: path.to_owned(), _lock: Some(lock) })
    }

    /// Opens a study for reading.
    ///
    /// # Errors
    /// Where it is none.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        let store = Self { connection, path: path.to_owned(), _lock: None };
        store.check_schema()?;
        Ok(store)
    }

    fn schema(&self) -> Result<i64, Failure> {
        Ok(self.connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
    }

    fn check_schema(&self) -> Result<(), Failure> {
        let found = self.schema()?;
        if found == SCHEMA {
            return Ok(());
        }
        let path = self.path.display();
        Err(Failure::bad(format!(
            "{path}: expected a study's file of schema {SCHEMA}, found {found}: it is of another program"
        )))
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn about(&self) -> Result<About, Failure> {
        let columns =
            "id, spec_text, spec_path, folder, spec_hash, data_hash, kernel, version, started_ns, trials, bars";
        Ok(self.connection.query_row(&format!("SELECT {columns} FROM study"), [], |row| {
            Ok(About {
                id: row.get(0)?,
                spec_text: row.get(1)?,
                spec_path: row.get(2)?,
                folder: row.get(3)?,
                spec_hash: row.get(4)?,
                data_hash: row.get(5)?,
                kernel: row.get(6)?,
                version: row.get(7)?,
                started_ns: row.get::<_, i64>(8)? as u64,
                trials: row.get::<_, i64>(9)? as u64,
                bars: row.get::<_, i64>(10)? as u64,
            })
        })?)
    }

    /// When it ended, and its digest, if it has.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn finished(&self) -> Result<Option<Finished>, Failure> {
        let query = "SELECT ended_ns, digest FROM study WHERE ended_ns IS NOT NULL";
        let of = |row: &rusqlite::Row<'_>| Ok(Finished { ended_ns: row.get::<_, i64>(0)? as u64, digest: row.get(1)? });
        Ok(self.connection.query_row(query, [], of).optional()?)
    }

    /// Trials with an outcome.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn ended(&self) -> Result<u64, Failure> {
        Ok(self.connection.query_row("SELECT COUNT(*) FROM trials", [], |row| row.get::<_, i64>(0))? as u64)
    }

    /// Time spent in chunks, ns, and their configuration-bars.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn spent(&self) -> Result<(u64, u64), Failure> {
        let query = "SELECT COALESCE(SUM(took_ns), 0), COALESCE(SUM(configuration_bars), 0) FROM chunks";
        let of = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
        Ok(self.connection.query_row(query, [], of)?)
    }

    /// Keeps a chunk, whole.
    ///
    /// # Errors
    /// Where it can't be written, a trial that is there already among it.
    pub fn keep(&mut self, spec: &Spec, info: ChunkInfo, trials: &[Row]) -> Result<(), Failure> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT INTO chunks (trials, backend, took_ns, configuration_bars) VALUES (?, ?, ?, ?)",
            params![trials.len() as i64, info.backend, info.took_ns as i64, info.configuration_bars as i64],
        )?;
        let chunk = transaction.last_insert_rowid();
        rows::insert(&transaction, spec, chunk, trials)?;
        transaction.commit()?;
        Ok(())
    }

    /// Keeps what came of the best, and that the study is done.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn finish(&mut self, best: &[Best], finished: &Finished) -> Result<(), Failure> {
        let transaction = self.connection.transaction()?;
        rows::replace_best(&transaction, best)?;
        transaction
            .execute("UPDATE study SET ended_ns = ?, digest = ?", params![finished.ended_ns as i64, finished.digest])?;
        transaction.commit()?;
        Ok(())
    }

    /// The best, by rank.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn best(&self) -> Result<Vec<Best>, Failure> {
        rows::best(&self.connection)
    }

    /// Each trial, by number.
    ///
    /// # Errors
    /// Where one can't be read, or `each` fails.
    pub fn each(&self, spec: &Spec, each: impl FnMut(Row) -> Result<(), Failure>) -> Result<(), Failure> {
        rows::each(&self.connection, spec, each)
    }

    /// One trial.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn trial(&self, spec: &Spec, number: u64) -> Result<Option<Row>, Failure> {
        Ok(rows::page(&self.connection, spec, number, number, 1)?.pop())
    }
}

/// The tables. Names of parameters and figures come from the program, not from people.
fn tables(spec: &Spec) -> String {
    let parameters: String =
        spec.space().parameters().iter().map(|parameter| format!(", \"{}\"", parameter.name)).collect();
    let figures: String = Metric::all().map(|metric| format!(", \"{}\" REAL", metric.name())).collect();
    format!(
        "CREATE TABLE study (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, spec_text TEXT NOT NULL,
            spec_path TEXT NOT NULL, folder TEXT NOT NULL, spec_hash TEXT NOT NULL, data_hash TEXT NOT NULL,
            kernel TEXT NOT NULL, version TEXT NOT NULL, started_ns INTEGER NOT NULL, trials INTEGER NOT NULL,
            bars INTEGER NOT NULL, ended_ns INTEGER, digest TEXT);
         CREATE TABLE chunks (chunk INTEGER PRIMARY KEY, trials INTEGER NOT NULL, backend TEXT NOT NULL,
            took_ns INTEGER NOT NULL, configuration_bars INTEGER NOT NULL);
         CREATE TABLE trials (number INTEGER PRIMARY KEY, chunk INTEGER NOT NULL, state TEXT NOT NULL, steps INTEGER,
            digest TEXT, reports BLOB{parameters}{figures});
         CREATE TABLE best (rank INTEGER NOT NULL, number INTEGER NOT NULL, part TEXT NOT NULL,
            symbol TEXT NOT NULL{figures});
         PRAGMA user_version = {SCHEMA};"
    )
}
