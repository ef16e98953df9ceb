//! What people ask a ledger: why an order was made, and why others were not.

use std::path::Path;

use mesh_codec::Message;
use mesh_types::execution::Intent;
use mesh_types::system::Cause;
use mesh_types::{ClientOrderId, MessageId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{ErrorKind, StoreError};
use crate::ledger::SqliteLedger;

/// What a ledger has of an order, as frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// The signal that proposed it, where it was kept.
    pub signal: Option<Vec<u8>>,
    /// The verdict on it, with every gate.
    pub verdict: Option<Vec<u8>>,
    /// The intent.
    pub intent: Vec<u8>,
    /// What came of it, in order.
    pub reports: Vec<Vec<u8>>,
}

/// What a ledger has of an order; `None` where it has no such order, or does not exist.
///
/// # Errors
/// When the ledger can't be read.
pub fn story(path: &Path, order: &ClientOrderId) -> Result<Option<Story>, StoreError> {
    read(path, |connection| {
        let id = order.to_string();
        let intent = one(connection, "SELECT frame FROM intents WHERE client_order_id = ?1", &id)?;
        let Some(intent) = intent else { return Ok(None) };
        let message = Message::parse(&intent).map_err(|error| ErrorKind::Corrupt(error.to_string()))?;
        let body =
            message.get::<Intent>().ok_or_else(|| ErrorKind::Corrupt("an intent without its body".to_owned()))?;
        let signal = one(connection, "SELECT frame FROM signals WHERE id = ?1", &body.signal.to_string())?;
        // An exit that is tried again has a verdict for each try: the intent names the one that made it.
        let causes: Vec<MessageId> = message
            .tlvs()
            .map_while(Result::ok)
            .filter_map(|tlv| tlv.body::<Cause>().map(|cause| cause.message))
            .collect();
        let sql = "SELECT frame FROM risk_decisions WHERE signal = ?1 ORDER BY seq";
        let verdicts = all(connection, sql, &body.signal.to_string())?;
        let names = |frame: &Vec<u8>| Message::parse(frame).is_ok_and(|verdict| causes.contains(&verdict.id()));
        let verdict = verdicts.into_iter().find(names);
        let sql = "SELECT frame FROM (
                SELECT seq, frame FROM fills WHERE client_order_id = ?1
                UNION ALL SELECT seq, frame FROM reports WHERE client_order_id = ?1
            ) ORDER BY seq";
        Ok(Some(Story { signal, verdict, intent, reports: all(connection, sql, &id)? }))
    })
}

/// Verdicts since a time that refused a candidate or cut its size, as frames, oldest first.
///
/// # Errors
/// When the ledger can't be read.
pub fn refusals(path: &Path, since_ns: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let found = read(path, |connection| {
        let sql = "SELECT frame FROM risk_decisions
            WHERE decided_ns >= ?1 AND (allowed = 0 OR outcome = 'reduce') ORDER BY seq";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map(params![i64::try_from(since_ns).unwrap_or(i64::MAX)], |row| row.get(0))?;
        Ok(Some(rows.collect::<rusqlite::Result<Vec<_>>>()?))
    })?;
    Ok(found.unwrap_or_default())
}

fn read<T>(
    path: &Path,
    ask: impl FnOnce(&Connection) -> Result<Option<T>, ErrorKind>,
) -> Result<Option<T>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = SqliteLedger::open_reader(path)?;
    ask(&connection).map_err(|kind| StoreError::new(path, kind))
}

fn one(connection: &Connection, sql: &str, value: &str) -> Result<Option<Vec<u8>>, ErrorKind> {
    Ok(connection.prepare(sql)?.query_row([value], |row| row.get(0)).optional()?)
}

fn all(connection: &Connection, sql: &str, value: &str) -> Result<Vec<Vec<u8>>, ErrorKind> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([value], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}
