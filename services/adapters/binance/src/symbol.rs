//! One symbol: its book, the view of it that is published, and its instrument information.

use mesh_actor::{Context, Digest};
use mesh_book::{BinanceBook, Exponents, LevelError, PublicationHead, Step, TopView};
use mesh_types::InstrumentId;
use mesh_types::market::InstrumentInfo;
use mesh_venues::binance::Market;
use mesh_venues::binance::depth::DepthBook;
use mesh_venues::binance::event::{Depth, DepthUpdate};

/// Changes that are kept while a snapshot is on its way: 100 s at ten a second.
const HELD_CHANGES: usize = 1000;

/// One symbol.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// As Binance spells it.
    pub name: String,
    /// Its instrument.
    pub instrument: InstrumentId,
    book: DepthBook,
    view: TopView,
    info: Option<InstrumentInfo>,
    /// When its book's stream spoke last.
    heard_ns: u64,
    /// Venue's and receive time of the last change.
    times: (u64, u64),
    snapshot_failures: u32,
}

impl Symbol {
    /// A symbol without data.
    pub fn new(name: &str, instrument: InstrumentId, depth: usize) -> Self {
        Self {
            name: name.to_owned(),
            instrument,
            book: DepthBook::new(Market::Spot, None, HELD_CHANGES),
            view: TopView::new(depth),
            info: None,
            heard_ns: 0,
            times: (0, 0),
            snapshot_failures: 0,
        }
    }

    /// Takes a change of the book and publishes what it changes.
    ///
    /// # Errors
    /// When a level can't be one.
    pub fn on_update(
        &mut self,
        update: &DepthUpdate<'_>,
        received_ns: u64,
        context: &mut Context<'_>,
    ) -> Result<(), LevelError> {
        self.heard_ns = context.now_ns();
        let step = self.book.on_update(update);
        self.after(step, update.venue_ns(), received_ns, context)
    }

    /// Takes a snapshot and publishes the book if it is whole now.
    ///
    /// # Errors
    /// When a level can't be one.
    pub fn on_snapshot(
        &mut self,
        depth: &Depth<'_>,
        limit: usize,
        received_ns: u64,
        context: &mut Context<'_>,
    ) -> Result<(), LevelError> {
        self.snapshot_failures = 0;
        let step = self.book.on_snapshot(depth, limit);
        self.after(step, depth.event_ns, received_ns, context)
    }

    fn after(
        &mut self,
        step: Result<Step, LevelError>,
        venue_ns: u64,
        received_ns: u64,
        context: &mut Context<'_>,
    ) -> Result<(), LevelError> {
        let step = step?;
        self.times = (venue_ns, received_ns);
        if step == Step::Broken {
            context.count("book_breaks", 1);
        }
        if matches!(step, Step::Applied | Step::Broken) {
            self.publish(context);
        }
        Ok(())
    }

    /// Publishes what has changed in the view, if anything.
    pub fn publish(&mut self, context: &mut Context<'_>) {
        let Some(book) = self.book.get() else { return };
        let Some(publication) = self.view.publish(book.book(), book.sequence(), book.health()) else { return };
        match publication.head.stamped(self.instrument, self.times.0, self.times.1) {
            PublicationHead::Snapshot(head) => context.emit_tailed(&head, publication.levels),
            PublicationHead::Delta(head) => context.emit_tailed(&head, publication.levels),
        };
    }

    /// Publishes everything anew, for a relay or a subscriber that has nothing.
    pub fn publish_again(&mut self, context: &mut Context<'_>) {
        if let Some(info) = &self.info {
            context.emit(info);
        }
        self.view.start_again();
        self.publish(context);
    }

    /// Takes instrument information; publishes it where it is new.
    pub fn on_info(&mut self, info: InstrumentInfo, context: &mut Context<'_>) {
        let rules = |info: &InstrumentInfo| InstrumentInfo { venue_ns: 0.into(), received_ns: 0.into(), ..*info };
        if self.info.as_ref().map(rules) != Some(rules(&info)) {
            context.emit(&info);
        }
        if self.book.get().is_none() {
            let exponents = Exponents::new(info.price_exponent(), info.quantity_exponent());
            self.book = DepthBook::new(Market::Spot, Some(exponents), HELD_CHANGES);
        }
        self.info = Some(info);
    }

    /// The connection ended.
    pub fn disconnected(&mut self, context: &mut Context<'_>) {
        if let Some(book) = self.book.get_mut() {
            book.disconnected();
        }
        self.publish(context);
    }

    /// A new connection: silence counts from now.
    pub const fn connected(&mut self, now_ns: u64) {
        self.heard_ns = now_ns;
    }

    /// True where the book's stream has said nothing for too long.
    pub const fn is_silent(&self, now_ns: u64, silence_ns: u64) -> bool {
        now_ns.saturating_sub(self.heard_ns) >= silence_ns
    }

    /// True where a snapshot should be asked for now.
    pub fn wants_snapshot(&self) -> bool {
        self.book.get().is_some_and(BinanceBook::wants_snapshot)
    }

    /// A snapshot was asked for.
    pub fn snapshot_requested(&mut self) {
        if let Some(book) = self.book.get_mut() {
            book.snapshot_requested();
        }
    }

    /// The request failed; answers how often in a row.
    pub fn snapshot_failed(&mut self) -> u32 {
        if let Some(book) = self.book.get_mut() {
            book.snapshot_failed();
        }
        self.snapshot_failures += 1;
        self.snapshot_failures
    }

    /// Wants a fresh snapshot where prices have come near the edge of what the last one told of.
    pub fn refresh_if_needed(&mut self) {
        let depth = self.view.depth();
        if let Some(book) = self.book.get_mut().filter(|book| book.needs_refresh(depth)) {
            book.refresh();
        }
    }

    /// Adds the state to a digest.
    pub fn digest(&self, digest: Digest) -> Digest {
        let digest = digest.bytes(self.name.as_bytes()).u64(self.heard_ns).u64(u64::from(self.snapshot_failures));
        let Some(book) = self.book.get() else { return digest.u64(0) };
        let digest = digest.u64(book.sequence()).u64(book.health() as u64).u64(u64::from(book.wants_snapshot()));
        let levels = book.book().bids().chain(book.book().asks());
        levels.fold(digest, |digest, level| digest.i64(level.price).i64(level.quantity))
    }
}
