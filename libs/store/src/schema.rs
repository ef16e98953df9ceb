//! The tables. Each row keeps the frame it came from, so that recovery is exact, and columns for people and tools.
//!
//! Exact decimals are text with the sender's digits. `seq` orders all rows of all tables. Times are ns since the Unix
//! epoch. A change of the schema is a new entry in [`MIGRATIONS`]; entries are never edited. What a migration changes in a
//! table must be what the audit log's frames give in it ([`crate::audit()`]).

use rusqlite::{Connection, TransactionBehavior};

use crate::error::ErrorKind;

/// `AMSH`: marks the file as ours.
pub const APPLICATION_ID: i64 = 0x414d_5348;

/// Tables of what was said, in the rows of one order, `seq`; the audit makes them from the log again.
pub(crate) const TABLES: [&str; 11] = [
    "intents",
    "orders",
    "reports",
    "fills",
    "positions",
    "flat_positions",
    "signals",
    "risk_decisions",
    "risk_accounts",
    "kill_switches",
    NET_POSITIONS,
];
/// The last of them: made from the fills.
pub(crate) const NET_POSITIONS: &str = "net_positions";

/// What brings a database from version n to n + 1.
pub const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE intents (
    seq INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL UNIQUE,
    instrument TEXT NOT NULL,
    strategy TEXT NOT NULL,
    signal TEXT NOT NULL,
    action TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    time_in_force TEXT NOT NULL,
    reduce_only INTEGER NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    worst_price TEXT NOT NULL,
    decided_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    frame BLOB NOT NULL
) STRICT;
CREATE TABLE orders (
    seq INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL UNIQUE,
    instrument TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    worst_price TEXT NOT NULL,
    decided_ns INTEGER NOT NULL,
    open INTEGER NOT NULL,
    frame BLOB NOT NULL
) STRICT;
CREATE INDEX orders_open ON orders (seq) WHERE open = 1;
CREATE TABLE reports (
    seq INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    final INTEGER NOT NULL,
    filled_quantity TEXT NOT NULL,
    reason TEXT NOT NULL,
    venue_ns INTEGER NOT NULL,
    frame BLOB NOT NULL,
    UNIQUE (client_order_id, kind)
) STRICT;
CREATE TABLE fills (
    seq INTEGER PRIMARY KEY,
    instrument TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    strategy TEXT,
    side TEXT NOT NULL,
    maker INTEGER NOT NULL,
    price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    fee TEXT NOT NULL,
    fee_asset TEXT NOT NULL,
    venue_ns INTEGER NOT NULL,
    frame BLOB NOT NULL,
    UNIQUE (instrument, trade_id, client_order_id)
) STRICT;
CREATE INDEX fills_of_order ON fills (client_order_id);
CREATE INDEX fills_of_owner ON fills (instrument, strategy, seq);
CREATE TABLE positions (
    instrument TEXT NOT NULL,
    strategy TEXT NOT NULL,
    seq INTEGER NOT NULL,
    quantity TEXT NOT NULL,
    entry_price TEXT NOT NULL,
    realized_pnl TEXT NOT NULL,
    fees TEXT NOT NULL,
    fill_count INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL,
    frame BLOB NOT NULL,
    PRIMARY KEY (instrument, strategy)
) STRICT;
CREATE TABLE flat_positions (
    instrument TEXT NOT NULL,
    strategy TEXT NOT NULL,
    seq INTEGER NOT NULL,
    frame BLOB NOT NULL,
    PRIMARY KEY (instrument, strategy)
) STRICT;
CREATE TABLE signals (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    instrument TEXT NOT NULL,
    strategy TEXT NOT NULL,
    action TEXT NOT NULL,
    bar_ns INTEGER NOT NULL,
    interval_ns INTEGER NOT NULL,
    score REAL,
    reference_price TEXT NOT NULL,
    frame BLOB NOT NULL,
    UNIQUE (instrument, strategy, action, bar_ns, interval_ns)
) STRICT;
CREATE TABLE risk_decisions (
    seq INTEGER PRIMARY KEY,
    signal TEXT NOT NULL,
    instrument TEXT NOT NULL,
    strategy TEXT NOT NULL,
    action TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    reason TEXT NOT NULL,
    actual TEXT NOT NULL,
    allows TEXT NOT NULL,
    text TEXT NOT NULL,
    decided_ns INTEGER NOT NULL,
    frame BLOB NOT NULL
) STRICT;
CREATE INDEX risk_decisions_of_signal ON risk_decisions (signal);
CREATE TABLE kill_switches (
    scope TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    level TEXT NOT NULL,
    set_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    frame BLOB NOT NULL
) STRICT;
",
    "
CREATE TABLE net_positions (
    instrument TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    quantity TEXT NOT NULL,
    frame BLOB NOT NULL
) STRICT;
",
    // What risk measured: `margins` is a JSON array of the gates that a candidate came to, in order.
    "
ALTER TABLE risk_decisions ADD COLUMN outcome TEXT NOT NULL DEFAULT 'none';
ALTER TABLE risk_decisions ADD COLUMN requested TEXT NOT NULL DEFAULT '0';
ALTER TABLE risk_decisions ADD COLUMN allowed_quantity TEXT NOT NULL DEFAULT '0';
ALTER TABLE risk_decisions ADD COLUMN margins TEXT NOT NULL DEFAULT '[]';
CREATE INDEX risk_decisions_of_time ON risk_decisions (decided_ns);
CREATE INDEX signals_of_id ON signals (id);
CREATE TABLE risk_accounts (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    quote TEXT NOT NULL,
    seq INTEGER NOT NULL,
    profit TEXT NOT NULL,
    day_start TEXT NOT NULL,
    peak TEXT NOT NULL,
    loss_streak INTEGER NOT NULL,
    trip TEXT NOT NULL,
    tripped_ns INTEGER NOT NULL,
    until_ns INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL,
    frame BLOB NOT NULL,
    PRIMARY KEY (scope, name, quote)
) STRICT;
",
    // Who may write: the last who took it.
    "
CREATE TABLE fence (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL,
    holder TEXT NOT NULL
) STRICT;
",
    "
CREATE TABLE audit (
    batch INTEGER PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    frames BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE TABLE properties (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
",
];

/// The last version that this build knows.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Refuses what is not a database of this kind and version.
pub(crate) fn check(connection: &Connection, id: i64, version: i64) -> Result<(), ErrorKind> {
    let number = |pragma: &str| -> rusqlite::Result<i64> {
        connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
    };
    let (application, found) = (number("application_id")?, number("user_version")?);
    match (application == id, found.cmp(&version)) {
        (false, _) => Err(ErrorKind::Foreign { expected: id, found: application }),
        (true, core::cmp::Ordering::Equal) => Ok(()),
        (true, core::cmp::Ordering::Greater) => Err(ErrorKind::NewerSchema { found, known: version }),
        (true, core::cmp::Ordering::Less) => Err(ErrorKind::OlderSchema { found, known: version }),
    }
}

/// Brings a database to the last of its migrations; refuses another program's and a later build's.
pub(crate) fn migrate(connection: &mut Connection, id: i64, migrations: &[&str]) -> Result<(), ErrorKind> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let number = |connection: &Connection, pragma: &str| -> rusqlite::Result<i64> {
        connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = number(&transaction, "user_version")?;
    let application = number(&transaction, "application_id")?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != id && tables > 0 {
        return Err(ErrorKind::Foreign { expected: id, found: application });
    }
    if version > known {
        return Err(ErrorKind::NewerSchema { found: version, known });
    }
    let done = usize::try_from(version).unwrap_or(0);
    for migration in migrations.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    if version < known {
        transaction.execute_batch(&format!("PRAGMA user_version = {known}; PRAGMA application_id = {id};"))?;
    }
    transaction.commit()?;
    Ok(())
}
