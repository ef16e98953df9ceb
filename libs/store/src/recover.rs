//! What an actor is given back, in the order that it needs.
//!
//! Orders that are open, the last thousand and those of positions that are open: their intents and requests, then
//! the fills up to the last flat position of each owner, that flat position, the fills since, and the reports. Then the last
//! signal of each kind with the verdicts on it, the accounts of the limits on loss, and the kill switches. Last, where it is kept, each instrument's net position.

use rusqlite::Connection;

use crate::error::ErrorKind;
use crate::net;

/// Closed orders that are given back, so that late repeats of their reports are recognised.
const RECENT_ORDERS: u32 = 1_000;

/// A temporary table of the orders to give back.
const CHOOSE: &str = "
DROP TABLE IF EXISTS temp.chosen;
CREATE TEMP TABLE chosen (client_order_id TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT OR IGNORE INTO temp.chosen SELECT client_order_id FROM orders WHERE open = 1;
INSERT OR IGNORE INTO temp.chosen
    SELECT fills.client_order_id FROM fills LEFT JOIN flat_positions USING (instrument, strategy)
    WHERE fills.strategy IS NOT NULL AND fills.seq > coalesce(flat_positions.seq, 0);
";

const CHOOSE_RECENT: &str =
    "INSERT OR IGNORE INTO temp.chosen SELECT client_order_id FROM orders ORDER BY seq DESC LIMIT ?1";

const QUERIES: [&str; 10] = [
    "SELECT frame FROM intents WHERE client_order_id IN temp.chosen ORDER BY seq",
    "SELECT frame FROM orders WHERE client_order_id IN temp.chosen ORDER BY seq",
    "SELECT fills.frame FROM fills JOIN flat_positions USING (instrument, strategy)
     WHERE fills.seq <= flat_positions.seq AND fills.client_order_id IN temp.chosen ORDER BY fills.seq",
    "SELECT frame FROM flat_positions ORDER BY seq",
    "SELECT fills.frame FROM fills LEFT JOIN flat_positions USING (instrument, strategy)
     WHERE fills.seq > coalesce(flat_positions.seq, 0) AND fills.client_order_id IN temp.chosen ORDER BY fills.seq",
    "SELECT frame FROM reports WHERE client_order_id IN temp.chosen ORDER BY seq",
    "SELECT frame FROM (SELECT seq, frame, max(bar_ns) FROM signals GROUP BY instrument, strategy, action) ORDER BY seq",
    "SELECT frame FROM risk_decisions WHERE signal IN
        (SELECT id FROM (SELECT id, max(bar_ns) FROM signals GROUP BY instrument, strategy, action)) ORDER BY seq",
    "SELECT frame FROM risk_accounts ORDER BY seq",
    "SELECT frame FROM kill_switches ORDER BY seq",
];

const NET_POSITIONS: &str = "SELECT frame FROM net_positions ORDER BY seq";

pub(crate) fn recover(
    connection: &Connection,
    net_positions: bool,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), ErrorKind> {
    if net_positions {
        net::add_missing(connection)?;
    }
    connection.execute_batch(CHOOSE)?;
    connection.execute(CHOOSE_RECENT, [RECENT_ORDERS])?;
    let last = net_positions.then_some(NET_POSITIONS);
    for query in QUERIES.into_iter().chain(last) {
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let frame =
                row.get_ref(0)?.as_blob().map_err(|_| ErrorKind::Corrupt("a row without its frame".to_owned()))?;
            each(frame);
        }
    }
    Ok(())
}
