//! Rows of market history, read.

use std::path::Path;

use mesh_candles::Position;
use mesh_candles::backfill::Reach;
use mesh_types::market::Candle;
use mesh_types::{Decimal64, InstrumentId};
use rusqlite::{Connection, Row, params};

use super::schema::APPLICATION_ID;
use super::{KeptCandle, Origin};
use crate::error::{ErrorKind, StoreError};
use crate::ledger::SqliteLedger;

const COLUMNS: &str = "instrument, interval_ns, open_ns, open, high, low, close, volume, trade_count, closed, whole, \
                       venue_ns, received_ns, origin";

/// A number that was written as another type, or a text that is none: somebody else has been at the file.
fn wrong(what: impl core::fmt::Display) -> ErrorKind {
    ErrorKind::Corrupt(format!("a row that this program does not write: {what}"))
}

fn ns(row: &Row<'_>, column: usize) -> Result<u64, ErrorKind> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| wrong("a time before 1970"))
}

fn instrument(row: &Row<'_>, column: usize) -> Result<InstrumentId, ErrorKind> {
    row.get_ref(column)?.as_str().map_err(wrong)?.parse().map_err(wrong)
}

fn candle(row: &Row<'_>) -> Result<KeptCandle, ErrorKind> {
    let decimal = |column: usize| -> Result<Decimal64, ErrorKind> {
        row.get_ref(column)?.as_str().map_err(wrong)?.parse().map_err(wrong)
    };
    let origin = match row.get_ref(13)?.as_str().map_err(wrong)? {
        "venue" => Origin::Venue,
        _ => Origin::Trades,
    };
    let candle = Candle {
        instrument: instrument(row, 0)?,
        interval_ns: ns(row, 1)?.into(),
        open_ns: ns(row, 2)?.into(),
        open: decimal(3)?.into(),
        high: decimal(4)?.into(),
        low: decimal(5)?.into(),
        close: decimal(6)?.into(),
        volume: decimal(7)?.into(),
        trade_count: row.get::<_, u32>(8)?.into(),
        closed: u8::from(row.get::<_, bool>(9)?),
        venue_ns: ns(row, 11)?.into(),
        received_ns: ns(row, 12)?.into(),
        ..Candle::default()
    };
    Ok(KeptCandle { candle, origin, whole: row.get(10)? })
}

pub(super) fn resume(connection: &Connection) -> Result<(Vec<KeptCandle>, Vec<Position>), ErrorKind> {
    // Two of each: the open one and the one before it.
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT *, row_number() OVER (PARTITION BY instrument, interval_ns ORDER BY open_ns DESC) \
         AS place FROM candles WHERE origin = 'trades') WHERE place <= 2 ORDER BY instrument, interval_ns, open_ns"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut candles = Vec::new();
    while let Some(row) = rows.next()? {
        candles.push(candle(row)?);
    }
    let mut statement =
        connection.prepare("SELECT instrument, trade_id, time_ns FROM positions ORDER BY instrument")?;
    let mut rows = statement.query([])?;
    let mut positions = Vec::new();
    while let Some(row) = rows.next()? {
        let trade_id = row.get_ref(1)?.as_str().map_err(wrong)?.parse().map_err(wrong)?;
        positions.push(Position { instrument: instrument(row, 0)?, trade_id, time_ns: ns(row, 2)? });
    }
    Ok((candles, positions))
}

pub(super) fn fetched(connection: &Connection) -> Result<Vec<Reach>, ErrorKind> {
    let sql = "SELECT instrument, interval_ns, from_ns, upto_ns FROM fetched ORDER BY instrument, interval_ns";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let [interval_ns, from_ns, upto_ns] = [ns(row, 1)?, ns(row, 2)?, ns(row, 3)?];
        found.push(Reach { instrument: instrument(row, 0)?, interval_ns, from_ns, upto_ns });
    }
    Ok(found)
}

/// A history, to be read: another program's database is named as such.
fn open(path: &Path) -> Result<Connection, ErrorKind> {
    let connection = SqliteLedger::open_reader(path).map_err(|error| error.kind)?;
    let found = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if found == APPLICATION_ID { Ok(connection) } else { Err(ErrorKind::Foreign { expected: APPLICATION_ID, found }) }
}

/// The candles of an instrument and interval that begin at `from_ns` or later and before `to_ns`, in the order of time, of
/// one origin or, where the venue and the trades both have one, the venue's.
///
/// # Errors
/// When the database is not there or can't be read.
pub fn candles(
    path: &Path,
    instrument: InstrumentId,
    interval_ns: u64,
    origin: Option<Origin>,
    times_ns: core::ops::Range<u64>,
) -> Result<Vec<KeptCandle>, StoreError> {
    let int = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let read = || -> Result<Vec<KeptCandle>, ErrorKind> {
        let connection = open(path)?;
        let sql = format!(
            "SELECT {COLUMNS} FROM candles WHERE instrument = ?1 AND interval_ns = ?2 AND open_ns >= ?3 AND open_ns < ?4 \
             ORDER BY open_ns, origin"
        );
        let mut statement = connection.prepare(&sql)?;
        let (from, to) = (int(times_ns.start), int(times_ns.end));
        let mut rows = statement.query(params![instrument.to_string(), int(interval_ns), from, to])?;
        let mut found: Vec<KeptCandle> = Vec::new();
        while let Some(row) = rows.next()? {
            let kept = candle(row)?;
            let same = |last: &KeptCandle| last.candle.open_ns == kept.candle.open_ns;
            match found.last_mut().filter(|last| same(last)) {
                _ if origin.is_some_and(|origin| origin != kept.origin) => {}
                // By name, trades come first.
                Some(last) => *last = kept,
                None => found.push(kept),
            }
        }
        Ok(found)
    };
    read().map_err(|kind| StoreError::new(path, kind))
}

/// The candles that are kept of an instrument in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of what.
    pub instrument: InstrumentId,
    /// Their length, ns.
    pub interval_ns: u64,
    /// How many.
    pub count: u64,
    /// When the first begins, ns since the Unix epoch.
    pub first_ns: u64,
    /// When the last begins, ns since the Unix epoch.
    pub last_ns: u64,
}

/// What candles there are.
///
/// # Errors
/// When the database is not there or can't be read.
pub fn candles_of(path: &Path) -> Result<Vec<Kept>, StoreError> {
    let read = || -> Result<Vec<Kept>, ErrorKind> {
        let connection = open(path)?;
        let sql = "SELECT instrument, interval_ns, count(DISTINCT open_ns), min(open_ns), max(open_ns) FROM candles \
                   GROUP BY 1, 2 ORDER BY 1, 2";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let [interval_ns, count, first_ns, last_ns] = [ns(row, 1)?, ns(row, 2)?, ns(row, 3)?, ns(row, 4)?];
            found.push(Kept { instrument: instrument(row, 0)?, interval_ns, count, first_ns, last_ns });
        }
        Ok(found)
    };
    read().map_err(|kind| StoreError::new(path, kind))
}
