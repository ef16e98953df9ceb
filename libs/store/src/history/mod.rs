//! Market history: candles with the holes in them, quotes, funding, open interest, and which instruments there were.
//!
//! One writer, any number of readers. What is written twice is one row. It can be had again from the venue, so a commit does
//! not wait for the disk (`synchronous=NORMAL`): a killed process loses nothing that was committed, a machine without power the
//! last moments; candles and last trades lie in one transaction and stay together.

mod read;
pub mod schema;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_candles::backfill::Reach;
use mesh_candles::{Hole, Position};
use mesh_types::market::{Candle, InstrumentInfo, Mark, OpenInterest, Quote};
use rusqlite::{Connection, TransactionBehavior};

use crate::error::{ErrorKind, StoreError};
use crate::schema::migrate;

pub use read::{Kept, candles, candles_of};

const BUSY_TIMEOUT: Duration = Duration::from_millis(2_000);

/// Who made a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The venue said it.
    Venue,
    /// It was built from the venue's trades.
    Trades,
}

impl Origin {
    /// Its name in the database and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Venue => "venue",
            Self::Trades => "trades",
        }
    }
}

/// A candle as it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptCandle {
    /// The candle.
    pub candle: Candle,
    /// Who made it.
    pub origin: Origin,
    /// Every trade of it was seen.
    pub whole: bool,
}

/// What is written at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// Candles, open ones too.
    pub candles: Vec<KeptCandle>,
    /// The last trades that the candles from trades hold.
    pub positions: Vec<Position>,
    /// Up to where candles of the past have been fetched.
    pub fetched: Vec<Reach>,
    /// Trades that were not seen.
    pub holes: Vec<Hole>,
    /// Best bids and offers.
    pub quotes: Vec<Quote>,
    /// Funding rates, with their prices.
    pub marks: Vec<Mark>,
    /// Open interest.
    pub open_interest: Vec<OpenInterest>,
    /// What is said of instruments; only changes are kept.
    pub instruments: Vec<InstrumentInfo>,
}

impl Batch {
    /// How many rows it has.
    pub fn len(&self) -> usize {
        let candles = self.candles.len() + self.positions.len() + self.fetched.len() + self.holes.len();
        candles + self.quotes.len() + self.marks.len() + self.open_interest.len() + self.instruments.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How long what is kept.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// Interval and age, ns; intervals that are not named stay for ever.
    pub candles_ns: Vec<(u64, u64)>,
    /// Age of quotes and open interest, ns; 0 for ever.
    pub samples_ns: u64,
}

/// The writer's connection.
#[derive(Debug)]
pub struct History {
    connection: Connection,
    path: PathBuf,
}

impl History {
    /// Opens the database at `path`, creates it where it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// When it can't be opened, is corrupt, another program's, or comes from a later build.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let open = || -> Result<Connection, ErrorKind> {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            migrate(&mut connection, schema::APPLICATION_ID, schema::MIGRATIONS)?;
            Ok(connection)
        };
        let connection = open().map_err(|kind| StoreError::new(path, kind))?;
        Ok(Self { connection, path: path.to_owned() })
    }

    fn in_transaction(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<usize, ErrorKind>,
    ) -> Result<usize, StoreError> {
        let run = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|kind| StoreError::new(&self.path, kind))
    }

    /// Writes all of a batch, or nothing.
    ///
    /// # Errors
    /// When it can't be written; the batch can be written again.
    pub fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.in_transaction(|connection| write::batch(connection, batch)).map(|_| ())
    }

    /// Deletes what is older than it may be at `now_ns`; answers with how many rows.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn prune(&mut self, retention: &Retention, now_ns: u64) -> Result<usize, StoreError> {
        self.in_transaction(|connection| write::prune(connection, retention, now_ns))
    }

    /// The newest candles from trades of each instrument and interval, and its last trade: where building goes on.
    ///
    /// # Errors
    /// When it can't be read, or holds what this build can't have written.
    pub fn resume(&self) -> Result<(Vec<KeptCandle>, Vec<Position>), StoreError> {
        read::resume(&self.connection).map_err(|kind| StoreError::new(&self.path, kind))
    }
    /// Up to where candles of the past have been fetched.
    ///
    /// # Errors
    /// When it can't be read, or holds what this build can't have written.
    pub fn fetched(&self) -> Result<Vec<Reach>, StoreError> {
        read::fetched(&self.connection).map_err(|kind| StoreError::new(&self.path, kind))
    }
}
