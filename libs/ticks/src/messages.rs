//! A tape from our own market messages, as relays carried them and captures keep them.
//!
//! A consumer's book ([`MirrorBook`]) says whether each message continues the one before; a gap makes the book unknown until
//! the next snapshot.

use mesh_book::{Exponents, Level, MirrorBook};
use mesh_codec::Message;
use mesh_types::market::{BookDelta, BookLevel, BookSnapshot, Quote, Trade};
use mesh_types::{BookHealth, Decimal64, InstrumentId, Side};

use crate::tape::{Kind, Tape, TapeBuilder, TapeError};

/// Reads messages into a tape.
#[derive(Debug)]
pub struct Reader {
    instrument: InstrumentId,
    mirror: MirrorBook,
    view: u32,
    builder: TapeBuilder,
}

impl Reader {
    /// Before the first message; those of other instruments are counted as skipped.
    #[must_use]
    pub fn new(instrument: InstrumentId) -> Self {
        Self { instrument, mirror: MirrorBook::new(), view: 0, builder: TapeBuilder::new(0) }
    }

    /// Takes a message.
    ///
    /// # Errors
    /// Where a number leaves its range.
    pub fn message(&mut self, message: &Message<'_>) -> Result<(), TapeError> {
        if let Some(trade) = message.get::<Trade>().filter(|trade| trade.instrument == self.instrument) {
            let times = (trade.venue_ns.get(), trade.received_ns.get());
            let buys = trade.side.get() == Some(Side::Buy);
            return self.builder.trade(times, trade.price.get(), trade.quantity.get(), buys);
        }
        if let Some(quote) = message.get::<Quote>().filter(|quote| quote.instrument == self.instrument) {
            let times = (quote.venue_ns.get(), quote.received_ns.get());
            let level = |price: Decimal64, quantity: Decimal64| (price, quantity);
            let bid = level(quote.bid_price.get(), quote.bid_quantity.get());
            return self.builder.quote(times, bid, level(quote.ask_price.get(), quote.ask_quantity.get()));
        }
        if let Some(view) = message.get_tailed::<BookSnapshot>().filter(|v| v.head.instrument == self.instrument) {
            let head = view.head;
            let was_live = self.mirror.health() == BookHealth::Live;
            let taken = self.mirror.on_snapshot(head, view.items).is_ok();
            let exponents = Exponents::new(head.price_exponent, head.quantity_exponent);
            let times = (head.venue_ns.get(), head.received_ns.get());
            self.view = self.view.max(u32::from(head.depth));
            let bids = usize::from(head.bid_count.get());
            return self.book(Kind::Snapshot, (taken, was_live), times, exponents, view.items.split_at_checked(bids));
        }
        if let Some(view) = message.get_tailed::<BookDelta>().filter(|v| v.head.instrument == self.instrument) {
            let head = view.head;
            let was_live = self.mirror.health() == BookHealth::Live;
            let taken = self.mirror.on_delta(head, view.items).is_ok();
            let exponents = Exponents::new(head.price_exponent, head.quantity_exponent);
            let times = (head.venue_ns.get(), head.received_ns.get());
            let bids = usize::from(head.bid_count.get());
            return self.book(Kind::Delta, (taken, was_live), times, exponents, view.items.split_at_checked(bids));
        }
        self.builder.counts.skipped += 1;
        Ok(())
    }

    fn book(
        &mut self,
        kind: Kind,
        (taken, was_live): (bool, bool),
        times: (u64, u64),
        exponents: Exponents,
        levels: Option<(&[BookLevel], &[BookLevel])>,
    ) -> Result<(), TapeError> {
        let is_live = self.mirror.health() == BookHealth::Live;
        self.builder.counts.malformed += u64::from(!taken);
        match levels {
            Some((bids, asks)) if taken && is_live && (was_live || kind == Kind::Snapshot) => {
                let level = |level: &BookLevel| Level::from(*level);
                let (bids, asks): (Vec<_>, Vec<_>) =
                    (bids.iter().map(level).collect(), asks.iter().map(level).collect());
                self.builder.book(kind, times, exponents, bids, asks)
            }
            // A delta that made a book live again that was only held to be unwell.
            Some(_) if taken && is_live => {
                let book = self.mirror.book();
                let (bids, asks): (Vec<_>, Vec<_>) = (book.bids().collect(), book.asks().collect());
                self.builder.book(Kind::Snapshot, times, book.exponents(), bids, asks)
            }
            _ if was_live => self.builder.unknown(times),
            _ => {
                self.builder.counts.skipped += 1;
                Ok(())
            }
        }
    }

    /// Counts a stretch of bytes that held no message.
    pub const fn malformed(&mut self) {
        self.builder.counts.malformed += 1;
    }

    /// The tape, see [`TapeBuilder::finish`].
    ///
    /// # Errors
    /// Where there is nothing in it.
    pub fn finish(mut self, least_feed_ns: u64) -> Result<Tape, TapeError> {
        self.builder.set_view(self.view);
        self.builder.finish(least_feed_ns)
    }
}
