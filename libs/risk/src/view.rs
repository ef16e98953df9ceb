//! What risk is told, and what it answers. What is missing is `None`, and vetoes.

use core::fmt;

use mesh_oms::Exposure;
use mesh_types::market::InstrumentInfo;
use mesh_types::{Decimal64, RejectReason};

/// The best of a book, and whether it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookTop {
    /// Best bid.
    pub bid: Decimal64,
    /// Best ask.
    pub ask: Decimal64,
    /// Live by sequence and by the publisher's word.
    pub live: bool,
    /// When the packet behind its last message was received, ns since the Unix epoch.
    pub received_ns: u64,
}

/// The world at the moment of a check.
#[derive(Clone, Copy, Debug)]
pub struct RiskView<'a> {
    /// The time, ns since the Unix epoch.
    pub now_ns: u64,
    /// When the signal was made, ns since the Unix epoch.
    pub signal_ns: u64,
    /// What may be ordered of the instrument.
    pub info: Option<&'a InstrumentInfo>,
    /// Its book.
    pub book: Option<BookTop>,
    /// Position of the strategy in the instrument: what an exit may close.
    pub position: Decimal64,
    /// Worst-case bounds of the strategy in the instrument.
    pub exposure: Option<Exposure>,
    /// Worst-case quantity of all other strategies in the instrument.
    pub others_quantity: Option<Decimal64>,
    /// Worst-case notional of all other instruments with the same quote currency.
    pub others_notional: Option<Decimal64>,
    /// The strategy has an order in the instrument of which something may still come.
    pub working: bool,
    /// Orders of an earlier run whose fate is still asked for.
    pub unresolved: u64,
}

/// The first check that failed, what it saw and what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Veto {
    /// Which.
    pub reason: RejectReason,
    /// Which exactly, for people.
    pub text: &'static str,
    /// What it saw.
    pub actual: Decimal64,
    /// What it allows.
    pub limit: Decimal64,
}

impl Veto {
    pub(crate) fn new(reason: RejectReason, text: &'static str, actual: Decimal64, limit: Decimal64) -> Self {
        Self { reason, text, actual, limit }
    }

    /// A veto with nothing to measure.
    pub fn plain(reason: RejectReason, text: &'static str) -> Self {
        Self::new(reason, text, Decimal64::ZERO, Decimal64::ZERO)
    }
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (found {}, limit {})", self.reason, self.text, self.actual, self.limit)
    }
}
