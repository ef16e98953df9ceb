//! One candle while it grows.

use mesh_types::market::{Candle, Trade};
use mesh_types::{Decimal64, InstrumentId};

/// A candle, and what has to be said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) open_ns: u64,
    open: Decimal64,
    high: Decimal64,
    low: Decimal64,
    close: Decimal64,
    volume: Decimal64,
    trade_count: u32,
    venue_ns: u64,
    received_ns: u64,
    pub(crate) closed: bool,
    /// All trades of it were seen.
    pub(crate) whole: bool,
    /// Has changed since it was told.
    pub(crate) untold: bool,
}

impl Bar {
    /// The candle that a trade begins.
    pub(crate) fn begin(trade: &Trade, open_ns: u64, whole: bool) -> Self {
        let price = trade.price.get();
        let mut bar = Self {
            open_ns,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Decimal64::ZERO,
            trade_count: 0,
            venue_ns: 0,
            received_ns: 0,
            closed: false,
            whole,
            untold: true,
        };
        bar.add(trade);
        bar
    }

    /// A candle that was told before.
    pub(crate) fn told(candle: &Candle, whole: bool) -> Self {
        Self {
            open_ns: candle.open_ns.get(),
            open: candle.open.get(),
            high: candle.high.get(),
            low: candle.low.get(),
            close: candle.close.get(),
            volume: candle.volume.get(),
            trade_count: candle.trade_count.get(),
            venue_ns: candle.venue_ns.get(),
            received_ns: candle.received_ns.get(),
            closed: candle.closed != 0,
            whole,
            untold: false,
        }
    }

    pub(crate) fn add(&mut self, trade: &Trade) {
        let price = trade.price.get();
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.close = price;
        // A volume that no longer fits is not whole, and says so.
        match self.volume.checked_add(trade.quantity.get()) {
            Ok(volume) => self.volume = volume,
            Err(_) => self.whole = false,
        }
        self.trade_count = self.trade_count.saturating_add(1);
        self.venue_ns = self.venue_ns.max(trade.venue_ns.get());
        self.received_ns = self.received_ns.max(trade.received_ns.get());
        self.untold = true;
    }

    pub(crate) fn close(&mut self) {
        self.untold |= !self.closed;
        self.closed = true;
    }

    pub(crate) fn lacks_trades(&mut self) {
        self.untold |= self.whole;
        self.whole = false;
    }

    pub(crate) fn candle(&self, instrument: InstrumentId, interval_ns: u64) -> Candle {
        Candle {
            instrument,
            interval_ns: interval_ns.into(),
            open_ns: self.open_ns.into(),
            open: self.open.into(),
            high: self.high.into(),
            low: self.low.into(),
            close: self.close.into(),
            volume: self.volume.into(),
            trade_count: self.trade_count.into(),
            closed: u8::from(self.closed),
            venue_ns: self.venue_ns.into(),
            received_ns: self.received_ns.into(),
            ..Candle::default()
        }
    }
}
