//! What is known of one instrument's market.

use mesh_book::{Exponents, Level, MirrorBook};
use mesh_codec::Message;
use mesh_types::market::{BookDelta, BookSnapshot, Trade};
use mesh_types::{Decimal64, InstrumentId};
use serde_json::{Value, json};

/// A book as it is followed, and the last trade.
#[derive(Debug)]
pub(crate) struct Ladder {
    pub(super) instrument: InstrumentId,
    pub(super) book: MirrorBook,
    pub(super) trade: Option<Trade>,
    /// Messages of the book.
    pub(super) updates: u64,
}

impl Ladder {
    /// Nothing is known yet.
    pub(super) fn new(instrument: InstrumentId) -> Self {
        Self { instrument, book: MirrorBook::new(), trade: None, updates: 0 }
    }

    /// Takes a message; true where it was of the book.
    pub(super) fn message(&mut self, message: &Message<'_>) -> bool {
        // A book that contradicts itself is suspect from then on, and shown so.
        if let Some(view) = message.get_tailed::<BookDelta>() {
            let _ = self.book.on_delta(view.head, view.items);
        } else if let Some(view) = message.get_tailed::<BookSnapshot>() {
            let _ = self.book.on_snapshot(view.head, view.items);
        } else {
            if let Some(trade) = message.get::<Trade>() {
                self.trade = Some(*trade);
            }
            return false;
        }
        self.updates += 1;
        true
    }

    /// Messages may have been missed; true where that makes the book another.
    pub(super) fn missed(&mut self) -> bool {
        let (before, last) = (self.book.health(), self.book.sequence());
        self.book.on_gap(last, last);
        self.book.health() != before
    }

    pub(super) fn exponents(&self) -> Exponents {
        self.book.book().exponents()
    }

    /// One object of `book --json`, as `venue decode --book` writes them.
    pub(super) fn to_json(&self, depth: usize) -> Value {
        let exponents = self.exponents();
        let pair = |level: Level| json!([text(exponents.price(level)), text(exponents.quantity(level))]);
        let book = self.book.book();
        let time = |ns: u64| Some(ns).filter(|ns| *ns > 0);
        json!({
            "kind": "book",
            "instrument": self.instrument.to_string(),
            "health": self.book.health().name(),
            "reason": self.book.reason().map(|reason| reason.to_string()),
            "sequence": self.book.sequence(),
            "bids": book.bids().take(depth).map(pair).collect::<Vec<_>>(),
            "asks": book.asks().take(depth).map(pair).collect::<Vec<_>>(),
            "venue_ns": time(self.book.venue_ns()),
            "recv_ns": time(self.book.received_ns()),
        })
    }
}

fn text(value: Decimal64) -> String {
    value.to_string()
}
