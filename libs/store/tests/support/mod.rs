//! Batches of a made-up day, and ledgers to keep them.
#![allow(clippy::expect_used, dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};

use mesh_actor::Ledger;
use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Frames, Stamp};
use mesh_store::SqliteLedger;
use mesh_types::execution::{Fill, Intent, OrderRequest, Position};
use mesh_types::signal::StrategyName;
use mesh_types::{
    ClientOrderId, Decimal64, FixedStr, InstrumentId, OrderType, Side, SignalAction, SourceId, TimeInForce,
};

pub(crate) fn instrument() -> InstrumentId {
    "binance:spot:BTCUSDT".parse().expect("an id")
}

pub(crate) fn strategy() -> StrategyName {
    StrategyName::truncated("momentum")
}

pub(crate) fn whole(value: i64) -> Decimal64 {
    Decimal64::new(value, 0)
}

/// Frames of one batch.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) bytes: Vec<u8>,
    sequence: u64,
}

impl Said {
    pub(crate) fn say<T: TlvBody>(mut self, body: &T) -> Self {
        self.sequence += 1;
        let stamp = Stamp { domain: T::DOMAIN, source: SourceId::new(3), sequence: self.sequence, timestamp_ns: 5 };
        FrameBuilder::new(&mut self.bytes, &stamp).body(body).finish().expect("fits");
        self
    }
}

pub(crate) fn said<T: TlvBody>(body: &T) -> Said {
    Said::default().say(body)
}

pub(crate) fn commit(ledger: &mut SqliteLedger, inbox: &Said, outbox: &Said) {
    ledger.commit(Frames::new(&inbox.bytes), Frames::new(&outbox.bytes)).expect("commits");
}

pub(crate) fn intent(id: u8, quantity: i64) -> Intent {
    Intent {
        client_order_id: ClientOrderId::new([id; 16]),
        instrument: instrument(),
        strategy: strategy(),
        action: SignalAction::EnterLong.into(),
        side: Side::Buy.into(),
        order_type: OrderType::Market.into(),
        time_in_force: TimeInForce::Ioc.into(),
        quantity: whole(quantity).into(),
        ..Intent::default()
    }
}

pub(crate) fn request(intent: &Intent) -> OrderRequest {
    OrderRequest {
        client_order_id: intent.client_order_id,
        instrument: intent.instrument,
        side: intent.side,
        quantity: intent.quantity,
        ..OrderRequest::default()
    }
}

pub(crate) fn placed(id: u8, quantity: i64) -> Said {
    let intent = intent(id, quantity);
    said(&intent).say(&request(&intent))
}

pub(crate) fn fill(id: u8, trade: &str, quantity: i64) -> Fill {
    Fill {
        client_order_id: ClientOrderId::new([id; 16]),
        instrument: instrument(),
        side: Side::Buy.into(),
        price: Decimal64::new(6_183_763, -2).into(),
        quantity: whole(quantity).into(),
        trade_id: FixedStr::truncated(trade),
        ..Fill::default()
    }
}

pub(crate) fn position(quantity: i64, fill_count: u64) -> Position {
    Position {
        instrument: instrument(),
        strategy: strategy(),
        quantity: whole(quantity).into(),
        fill_count: fill_count.into(),
        ..Position::default()
    }
}

pub(crate) fn open(path: &Path) -> SqliteLedger {
    SqliteLedger::open(path).expect("opens")
}

/// The database and its log, as they lie there, in a folder of their own.
pub(crate) fn copy_of(path: &Path, folder: &Path) -> PathBuf {
    std::fs::create_dir(folder).expect("a folder");
    let copy = folder.join("ledger.db");
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", path.display());
        if Path::new(&from).exists() {
            std::fs::copy(&from, format!("{}{suffix}", copy.display())).expect("copies");
        }
    }
    copy
}
