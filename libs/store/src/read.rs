//! What user interfaces ask a ledger for, beside its writer: committed rows, never a lock that the writer waits for.

use std::path::{Path, PathBuf};

use mesh_codec::Message;
use mesh_codec::registry::TlvBody;
use mesh_types::execution::{Fill, Intent, Position, RiskVerdict};
use mesh_types::system::KillSwitch;
use mesh_types::{ClientOrderId, MessageId};
use rusqlite::{Connection, Params};

use crate::error::{ErrorKind, StoreError};
use crate::ledger::SqliteLedger;

/// An order with everything that was said of it.
#[derive(Clone, Debug)]
pub struct KeptOrder {
    /// As it was written down.
    pub intent: Intent,
    /// True until it is final and every fill that a report claims is here.
    pub open: bool,
    /// Frames of its fills and reports, in the order in which they came.
    pub reports: Vec<Vec<u8>>,
}

/// What must agree with each other, as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Every order.
    pub intents: Vec<Intent>,
    /// Every fill, in the order in which they came.
    pub fills: Vec<Fill>,
    /// Where each position stands.
    pub positions: Vec<Position>,
}

/// Reads a ledger.
#[derive(Debug)]
pub struct LedgerReader {
    connection: Connection,
    path: PathBuf,
}

const OPEN_ORDERS: &str = "SELECT intents.frame, orders.open FROM intents LEFT JOIN orders USING (client_order_id)
     WHERE coalesce(orders.open, 1) = 1 ORDER BY intents.seq";
const LAST_ORDERS: &str = "SELECT frame, open FROM
     (SELECT intents.seq, intents.frame, orders.open FROM intents LEFT JOIN orders USING (client_order_id)
      ORDER BY intents.seq DESC LIMIT ?1) ORDER BY seq";
const ONE_ORDER: &str = "SELECT intents.frame, orders.open FROM intents LEFT JOIN orders USING (client_order_id)
     WHERE intents.client_order_id = ?1";
const REPORTS: &str = "SELECT frame FROM (SELECT seq, frame FROM fills WHERE client_order_id = ?1
     UNION ALL SELECT seq, frame FROM reports WHERE client_order_id = ?1) ORDER BY seq";

impl LedgerReader {
    /// Opens a ledger that is there.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: SqliteLedger::open_reader(path)?, path: path.to_owned() })
    }

    fn named(&self, error: impl Into<ErrorKind>) -> StoreError {
        StoreError::new(&self.path, error.into())
    }

    /// The bodies of a query's frames.
    fn bodies<T: TlvBody + Copy>(&self, sql: &str, values: impl Params) -> Result<Vec<T>, StoreError> {
        let read = || -> Result<Vec<T>, ErrorKind> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(values)?;
            let mut bodies = Vec::new();
            while let Some(row) = rows.next()? {
                bodies.push(body(row.get_ref(0)?.as_blob().unwrap_or_default())?);
            }
            Ok(bodies)
        };
        read().map_err(|kind| self.named(kind))
    }

    /// Orders of which something may still come, the oldest first.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn open_orders(&self) -> Result<Vec<KeptOrder>, StoreError> {
        self.orders(OPEN_ORDERS, [])
    }

    /// The last orders, the oldest of them first.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn last_orders(&self, most: u32) -> Result<Vec<KeptOrder>, StoreError> {
        self.orders(LAST_ORDERS, [most])
    }

    /// One order.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn order(&self, id: &ClientOrderId) -> Result<Option<KeptOrder>, StoreError> {
        Ok(self.orders(ONE_ORDER, [id.to_string()])?.pop())
    }

    fn orders(&self, sql: &str, values: impl Params) -> Result<Vec<KeptOrder>, StoreError> {
        let read = || -> Result<Vec<KeptOrder>, ErrorKind> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(values)?;
            let mut orders = Vec::new();
            while let Some(row) = rows.next()? {
                let intent: Intent = body(row.get_ref(0)?.as_blob().unwrap_or_default())?;
                let open: Option<bool> = row.get(1)?;
                let mut reports = self.connection.prepare_cached(REPORTS)?;
                let frames = reports.query_map([intent.client_order_id.to_string()], |row| row.get(0))?;
                orders.push(KeptOrder {
                    intent,
                    open: open.unwrap_or(true),
                    reports: frames.collect::<rusqlite::Result<_>>()?,
                });
            }
            Ok(orders)
        };
        read().map_err(|kind| self.named(kind))
    }

    /// What risk said of a signal, and the order that came of it.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn verdict(&self, signal: &MessageId) -> Result<Option<(RiskVerdict, Option<Intent>)>, StoreError> {
        let sql = "SELECT frame FROM risk_decisions WHERE signal = ?1 ORDER BY seq DESC LIMIT 1";
        let Some(verdict) = self.bodies(sql, [signal.to_string()])?.pop() else { return Ok(None) };
        let sql = "SELECT frame FROM intents WHERE signal = ?1 ORDER BY seq DESC LIMIT 1";
        Ok(Some((verdict, self.bodies(sql, [signal.to_string()])?.pop())))
    }

    /// Where each position stands.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn positions(&self) -> Result<Vec<Position>, StoreError> {
        self.bodies("SELECT frame FROM positions ORDER BY instrument, strategy", [])
    }

    /// Orders, fills and positions of one moment.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn books(&self) -> Result<Books, StoreError> {
        // One transaction is one view.
        let _view = self.connection.unchecked_transaction().map_err(|error| self.named(error))?;
        Ok(Books {
            intents: self.bodies("SELECT frame FROM intents ORDER BY seq", [])?,
            fills: self.bodies("SELECT frame FROM fills ORDER BY seq", [])?,
            positions: self.positions()?,
        })
    }
}

fn body<T: TlvBody + Copy>(frame: &[u8]) -> Result<T, ErrorKind> {
    let message = Message::parse(frame).ok();
    let body = message.as_ref().and_then(|message| message.get::<T>().copied());
    body.ok_or_else(|| ErrorKind::Corrupt("a row without its frame".to_owned()))
}

/// The kill switches as they were last committed, one for each scope, in the scopes' order; none where the ledger does not
/// exist yet.
///
/// # Errors
/// When the ledger can't be read.
pub fn kill_switches(path: &Path) -> Result<Vec<KillSwitch>, StoreError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    LedgerReader::open(path)?.bodies("SELECT frame FROM kill_switches ORDER BY scope", [])
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_actor::Ledger;
    use mesh_codec::{FrameBuilder, Frames, Stamp};
    use mesh_types::execution::OrderRequest;
    use mesh_types::{Domain, FixedStr, KillLevel, SourceId};

    #[test]
    fn what_is_switched_can_be_read_beside_the_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("portfolio.db");
        assert!(kill_switches(&path).expect("nothing").is_empty());
        let mut ledger = SqliteLedger::open(&path).expect("opens");
        assert!(kill_switches(&path).expect("nothing").is_empty());
        for (sequence, level, set_ns) in
            [(1, KillLevel::Hard, 5), (2, KillLevel::CloseOnly, 7), (3, KillLevel::None, 6)]
        {
            let stamp = Stamp { domain: Domain::Execution, source: SourceId::OPERATOR, sequence, timestamp_ns: set_ns };
            let reason = FixedStr::truncated("a drill");
            let switch = KillSwitch { level: level.into(), set_ns: set_ns.into(), reason, ..KillSwitch::default() };
            let mut frame = Vec::new();
            FrameBuilder::new(&mut frame, &stamp).body(&switch).finish().expect("fits");
            ledger.commit(Frames::new(&frame), Frames::new(&[])).expect("commits");
        }
        let found = kill_switches(&path).expect("reads");
        let [switch] = found.as_slice() else { panic!("one scope: {found:?}") };
        assert_eq!((switch.level.get(), switch.set_ns.get()), (Some(KillLevel::CloseOnly), 7), "the newest holds");
        std::fs::write(folder.path().join("torn.db"), b"no database at all").expect("written");
        assert!(kill_switches(&folder.path().join("torn.db")).is_err());
    }
    #[test]
    fn orders_come_with_all_that_was_said_of_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("portfolio.db");
        let mut ledger = SqliteLedger::open(&path).expect("opens");
        let signal = MessageId::new(Domain::Signal, SourceId::OPERATOR, 1, 9);
        let (mut frames, mut sequence) = (Vec::new(), 0);
        let mut stamp = || {
            sequence += 1;
            Stamp { domain: Domain::Execution, source: SourceId::new(3), sequence, timestamp_ns: 5 }
        };
        for id in 1..=3u8 {
            let client_order_id = ClientOrderId::new([id; 16]);
            let quantity = mesh_types::Decimal64::ONE.into();
            let intent = Intent { client_order_id, quantity, signal, ..Intent::default() };
            let verdict = RiskVerdict { signal, allowed: 1, ..RiskVerdict::default() };
            let request = OrderRequest { client_order_id, quantity, ..OrderRequest::default() };
            let fill = Fill { client_order_id, quantity, ..Fill::default() };
            FrameBuilder::new(&mut frames, &stamp()).body(&verdict).finish().expect("fits");
            FrameBuilder::new(&mut frames, &stamp()).body(&intent).finish().expect("fits");
            FrameBuilder::new(&mut frames, &stamp()).body(&request).finish().expect("fits");
            if id < 3 {
                FrameBuilder::new(&mut frames, &stamp()).body(&fill).finish().expect("fits");
            }
        }
        ledger.commit(Frames::new(&frames), Frames::new(&[])).expect("commits");
        let reader = LedgerReader::open(&path).expect("opens");
        let ids = |orders: Vec<KeptOrder>| -> Vec<(u8, bool, usize)> {
            orders.iter().map(|o| (o.intent.client_order_id.as_bytes()[0], o.open, o.reports.len())).collect()
        };
        assert_eq!(ids(reader.open_orders().expect("reads")), [(3, true, 0)]);
        assert_eq!(ids(reader.last_orders(2).expect("reads")), [(2, false, 1), (3, true, 0)]);
        let one = reader.order(&ClientOrderId::new([1; 16])).expect("reads").into_iter().collect();
        assert_eq!(ids(one), [(1, false, 1)]);
        assert!(reader.order(&ClientOrderId::new([9; 16])).expect("reads").is_none());
        let (verdict, intent) = reader.verdict(&signal).expect("reads").expect("one");
        assert_eq!((verdict.allowed, intent.map(|i| i.client_order_id.as_bytes()[0])), (1, Some(3)));
        assert!(reader.verdict(&MessageId::NONE).expect("reads").is_none());
        let books = reader.books().expect("reads");
        assert_eq!((books.intents.len(), books.fills.len(), books.positions.len()), (3, 2, 0));
    }
}
