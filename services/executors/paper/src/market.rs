//! One instrument at the paper exchange: its live book, the orders that rest in it, and the position in it.

use std::collections::{BTreeMap, BTreeSet};

use mesh_actor::Digest;
use mesh_book::MirrorBook;
use mesh_ticks::matching::{Matching, Outcome, Part, Sink, rank};
use mesh_ticks::trigger::{Step, Trigger};
use mesh_ticks::{Level, Order, QueueModel, RejectReason};
use mesh_types::market::InstrumentInfo;
use mesh_types::{BookHealth, Decimal64, Side};

use crate::depth::LiveDepth;
use crate::units::Units;

/// An instrument's market.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) mirror: MirrorBook,
    pub(crate) info: Option<InstrumentInfo>,
    /// What all fills ever left: negative is short.
    pub(crate) position: Decimal64,
    /// Known from the instrument information on; nothing is matched before.
    pub(crate) units: Option<Units>,
    pub(crate) depth: LiveDepth,
    pub(crate) matching: Matching,
    /// Orders, by arrival, that may only reduce the position.
    pub(crate) reducing: BTreeSet<u64>,
    /// Orders, by arrival, that wait for a price.
    pub(crate) triggers: BTreeMap<u64, Trigger>,
    /// Fills of an earlier run, until they can be told in ticks and lots: side of the level, price, quantity.
    earlier: Vec<(Side, Decimal64, Decimal64)>,
    was_live: bool,
}

impl Default for Market {
    fn default() -> Self {
        Self {
            mirror: MirrorBook::new(),
            info: None,
            position: Decimal64::ZERO,
            units: None,
            depth: LiveDepth::default(),
            // A queue as unfavourable as can be: no fill here that the venue would not have given.
            matching: Matching::new(QueueModel::Conservative, true),
            reducing: BTreeSet::new(),
            triggers: BTreeMap::new(),
            earlier: Vec::new(),
            was_live: false,
        }
    }
}

/// Collects fills, and holds orders that may only reduce to the position.
struct Fills<'a> {
    /// Lots.
    position: i64,
    reducing: &'a BTreeSet<u64>,
    parts: Vec<Part>,
}

impl Sink for Fills<'_> {
    fn allowed(&self, id: u64, side: Side, quantity: i64) -> i64 {
        match side {
            _ if !self.reducing.contains(&id) => quantity,
            Side::Buy => quantity.min(self.position.saturating_neg()).max(0),
            Side::Sell => quantity.min(self.position).max(0),
        }
    }

    fn fill(&mut self, part: Part) {
        self.position = match part.side {
            Side::Buy => self.position.saturating_add(part.quantity),
            Side::Sell => self.position.saturating_sub(part.quantity),
        };
        self.parts.push(part);
    }
}

impl Market {
    /// Takes over what is known of the instrument; true where ticks or lots are others than before, so that resting orders
    /// must be placed anew.
    pub(crate) fn on_info(&mut self, info: &InstrumentInfo) -> bool {
        self.info = Some(*info);
        let units = Units::of(info);
        if units == self.units {
            return false;
        }
        (self.units, self.was_live) = (units, false);
        self.matching = Matching::new(QueueModel::Conservative, true);
        self.depth = LiveDepth::default();
        self.triggers.clear();
        for (side, price, quantity) in &self.earlier {
            let Some((ticks, lots)) = units.and_then(|units| units.ticks(*side, *price).zip(units.lots(*quantity)))
            else {
                continue;
            };
            self.depth.restore_taken(*side, rank(*side, ticks), lots);
        }
        self.show(false);
        true
    }

    /// The best price that an order of this side meets.
    pub(crate) fn best_opposite(&self, side: Side) -> Option<Decimal64> {
        let book = self.mirror.book();
        let level = if side == Side::Buy { book.best_ask() } else { book.best_bid() };
        level.map(|level| book.exponents().price(level))
    }

    /// Takes over what the mirror shows; `told` where each change was told, so that queues can follow.
    fn show(&mut self, told: bool) {
        let Some(units) = self.units else { return };
        let Self { mirror, depth, matching, .. } = self;
        let book = mirror.book();
        let in_units = |side: Side, level: Level| {
            let price = units.ticks(side, book.exponents().price(level))?;
            Some((rank(side, price), units.lots(book.exponents().quantity(level))?))
        };
        let bids: Vec<_> = book.bids().filter_map(|level| in_units(Side::Buy, level)).collect();
        let asks: Vec<_> = book.asks().filter_map(|level| in_units(Side::Sell, level)).collect();
        for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
            depth.show(side, &levels, |rank, before, after| {
                if told {
                    matching.on_level(side, rank, before, after);
                }
            });
        }
    }

    /// The book has moved; what it fills. `whole` after a snapshot; `fresh` where its last message is not too old.
    pub(crate) fn on_book(&mut self, whole: bool, fresh: bool) -> Vec<Part> {
        let live = self.mirror.health() == BookHealth::Live;
        let told = live && !whole && self.was_live;
        self.was_live = live;
        self.show(told);
        if !(live && fresh) {
            return Vec::new();
        }
        self.with(
            |matching, depth, fills| {
                if told { matching.on_moved(depth, fills) } else { matching.on_shown(depth, fills) }
            },
        )
        .1
    }

    /// Others traded; what that fills.
    pub(crate) fn on_trade(&mut self, price: Decimal64, quantity: Decimal64, taker: Side) -> Vec<Part> {
        // Against whoever rested: the price that is less through.
        let hit = taker.opposite();
        let rounded = if hit == Side::Buy { Side::Sell } else { Side::Buy };
        let units = self.units;
        let Some((price, quantity)) =
            units.and_then(|units| units.ticks(rounded, price).zip(units.lots(quantity).filter(|lots| *lots > 0)))
        else {
            return Vec::new();
        };
        self.with(|matching, _, fills| {
            matching.on_trade(Level::new(price, quantity), taker == Side::Buy, fills);
        })
        .1
    }

    /// An order meets the book.
    pub(crate) fn submit(&mut self, order: &Order) -> Result<(Outcome, Vec<Part>), RejectReason> {
        self.matching.check(order, &self.depth)?;
        Ok(self.with(|matching, depth, fills| matching.submit(order, depth, fills)))
    }

    /// Waiting orders meet a price: those for which it did something, what, and where their levels are.
    pub(crate) fn step(&mut self, mut meet: impl FnMut(&mut Trigger) -> Step) -> Vec<(u64, Step, i64)> {
        let steps = self.triggers.iter_mut().map(|(arrival, trigger)| (*arrival, meet(trigger), trigger.level()));
        let done = steps.filter(|(_, step, _)| *step != Step::Waits);
        done.filter_map(|(arrival, step, level)| Some((arrival, step, level?))).collect()
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut Matching, &mut LiveDepth, &mut Fills<'_>) -> R) -> (R, Vec<Part>) {
        let position = self.units.and_then(|units| units.lots(self.position)).unwrap_or(0);
        let mut fills = Fills { position, reducing: &self.reducing, parts: Vec::new() };
        let result = run(&mut self.matching, &mut self.depth, &mut fills);
        (result, fills.parts)
    }

    /// An order of an earlier run took this.
    pub(crate) fn restore_taken(&mut self, side: Side, price: Decimal64, quantity: Decimal64) {
        self.earlier.push((side.opposite(), price, quantity));
    }

    /// Forgets what earlier runs took.
    pub(crate) fn forget_restored(&mut self) {
        self.earlier.clear();
        self.depth.forget_restored();
    }

    pub(crate) fn digest_into(&self, digest: Digest) -> Digest {
        let decimal = |digest: Digest, value: Decimal64| digest.i64(value.mantissa).i64(value.exponent.into());
        let mut digest = decimal(digest_book(&self.mirror, digest), self.position);
        if let Some(info) = &self.info {
            digest = digest.bytes(zerocopy::IntoBytes::as_bytes(info));
        }
        digest = self.depth.digest_into(digest.u64(u64::from(self.was_live)));
        for (side, price, quantity) in &self.earlier {
            digest = decimal(decimal(digest.u64(*side as u64), *price), *quantity);
        }
        let resting = self.matching.resting(Side::Buy).iter().chain(self.matching.resting(Side::Sell));
        let digest = resting.flat_map(|order| order.fingerprint()).fold(digest, Digest::i64);
        let digest = self.reducing.iter().fold(digest, |digest, arrival| digest.u64(*arrival));
        let triggers = self.triggers.iter();
        triggers.fold(digest, |digest, (arrival, trigger)| digest.u64(*arrival).i64(trigger.level().unwrap_or(0)))
    }
}

fn digest_book(mirror: &MirrorBook, digest: Digest) -> Digest {
    let book = mirror.book();
    let (price, quantity) = (book.exponents().price.into(), book.exponents().quantity.into());
    let head = digest.u64(mirror.sequence()).u64(mirror.received_ns()).u64(mirror.health() as u64);
    let levels = book.bids().chain(book.asks());
    levels.fold(head.i64(price).i64(quantity), |digest, level| digest.i64(level.price).i64(level.quantity))
}
