//! What `top` knows: the mesh's report, and what the messages have told.

use std::collections::{BTreeMap, VecDeque};

use mesh_book::MirrorBook;
use mesh_codec::Message;
use mesh_types::InstrumentId;
use mesh_types::execution::{Fill, Position};
use mesh_types::market::{BookDelta, BookSnapshot, Trade};
use mesh_types::signal::Signal;

use crate::report::MeshReport;

/// Signals and fills that are kept.
const KEPT: usize = 50;

/// One instrument's market.
#[derive(Clone, Debug, Default)]
pub(crate) struct Market {
    /// Its book.
    pub(crate) book: MirrorBook,
    /// Its last trade.
    pub(crate) trade: Option<Trade>,
    /// Messages about it.
    pub(crate) messages: u64,
}

/// Everything that `top` shows.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// How the mesh is.
    pub(crate) report: Option<MeshReport>,
    /// Why there is no report.
    pub(crate) problem: Option<String>,
    /// Markets.
    pub(crate) markets: BTreeMap<InstrumentId, Market>,
    /// Positions, by instrument and strategy.
    pub(crate) positions: BTreeMap<(InstrumentId, String), Position>,
    /// The last signals with their times, newest first.
    pub(crate) signals: VecDeque<(u64, Signal)>,
    /// The last fills with their times, newest first.
    pub(crate) fills: VecDeque<(u64, Fill)>,
}

impl Model {
    /// Messages may have been missed: the books wait for their next snapshots.
    pub(crate) fn missed(&mut self) {
        for market in self.markets.values_mut() {
            let last = market.book.sequence();
            market.book.on_gap(last, last);
        }
    }

    /// A message came.
    pub(crate) fn message(&mut self, message: &Message<'_>) {
        // A book that contradicts itself is suspect from then on, and shown so.
        if let Some(view) = message.get_tailed::<BookDelta>() {
            let _ = self.market(view.head.instrument).book.on_delta(view.head, view.items);
        } else if let Some(view) = message.get_tailed::<BookSnapshot>() {
            let _ = self.market(view.head.instrument).book.on_snapshot(view.head, view.items);
        } else if let Some(trade) = message.get::<Trade>() {
            self.market(trade.instrument).trade = Some(*trade);
        } else if let Some(signal) = message.get::<Signal>() {
            keep(&mut self.signals, (message.timestamp_ns(), *signal));
        } else if let Some(fill) = message.get::<Fill>() {
            keep(&mut self.fills, (message.timestamp_ns(), *fill));
        } else if let Some(position) = message.get::<Position>() {
            self.positions.insert((position.instrument, position.strategy.to_string()), *position);
        }
    }

    fn market(&mut self, instrument: InstrumentId) -> &mut Market {
        let market = self.markets.entry(instrument).or_default();
        market.messages += 1;
        market
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    list.push_front(item);
    list.truncate(KEPT);
}
