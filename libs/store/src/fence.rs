//! Only the last who took over may write. A lock file keeps two from running; the number in the ledger stops one that was taken for
//! dead, and whose lock is gone, from writing when it wakes up.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::error::ErrorKind;

/// Takes the next number.
pub(crate) fn take(connection: &mut Connection, holder: &str) -> Result<i64, ErrorKind> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "INSERT INTO fence VALUES (1, 1, ?1)
        ON CONFLICT (id) DO UPDATE SET number = number + 1, holder = excluded.holder RETURNING number";
    let number = transaction.query_row(sql, params![holder], |row| row.get(0))?;
    transaction.commit()?;
    Ok(number)
}

/// Whether the number is still the last.
pub(crate) fn check(transaction: &Transaction<'_>, own: i64) -> Result<(), ErrorKind> {
    let mut statement = transaction.prepare_cached("SELECT number, holder FROM fence WHERE id = 1")?;
    match statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()? {
        Some((last, _)) if last == own => Ok(()),
        Some((last, holder)) => Err(ErrorKind::Fenced { own, last, holder }),
        None => Err(ErrorKind::Corrupt("the fence is gone".to_owned())),
    }
}
