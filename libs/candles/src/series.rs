//! The candles of one instrument, in all intervals.

use mesh_types::market::{Candle, Trade};
use mesh_types::{InstrumentId, Venue};

use crate::bar::Bar;

/// A candle that has changed since it was told last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Built {
    /// The candle.
    pub candle: Candle,
    /// Every trade of it was seen.
    pub whole: bool,
}

/// Trades that were not seen, between two that were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Of what.
    pub instrument: InstrumentId,
    /// Time of the trade before, ns since the Unix epoch.
    pub from_ns: u64,
    /// Time of the trade after, ns since the Unix epoch.
    pub to_ns: u64,
    /// How many are missing; `None` where the venue's numbers do not say.
    pub missing: Option<u64>,
}

/// The last trade that was seen of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Of what.
    pub instrument: InstrumentId,
    /// The venue's number of it.
    pub trade_id: u64,
    /// When it happened, ns since the Unix epoch.
    pub time_ns: u64,
}

/// What a trade was to the candles.
pub(crate) enum Taken {
    New(Option<Hole>),
    Repeat,
    /// Of a candle that is no longer held.
    Late(Hole),
}

#[derive(Clone, Debug, Default)]
struct Slot {
    interval_ns: u64,
    open: Option<Bar>,
    /// The one before the open one, or the last where none is open.
    before: Option<Bar>,
    /// Those before it that were not told yet.
    ready: Vec<Bar>,
}

#[derive(Clone, Debug)]
pub(crate) struct Series {
    instrument: InstrumentId,
    /// The venue numbers its trades one by one.
    numbered: bool,
    last: Option<Position>,
    /// Trades may have been lost since the last.
    doubt: bool,
    slots: Vec<Slot>,
}

/// When a trade happened: as the venue says, else when it was received.
pub(crate) fn time_ns(trade: &Trade) -> u64 {
    Some(trade.venue_ns.get()).filter(|ns| *ns > 0).unwrap_or(trade.received_ns.get())
}

impl Series {
    pub(crate) fn new(instrument: InstrumentId, intervals_ns: &[u64]) -> Self {
        Self {
            instrument,
            numbered: matches!(instrument.venue(), Some(Venue::Binance | Venue::Kraken)),
            last: None,
            doubt: false,
            slots: intervals_ns.iter().map(|ns| Slot { interval_ns: *ns, ..Slot::default() }).collect(),
        }
    }

    pub(crate) const fn position(&self) -> Option<Position> {
        self.last
    }

    pub(crate) fn is_of(&self, venue: Venue) -> bool {
        self.instrument.venue() == Some(venue)
    }

    /// Takes up a candle, or the last trade, that was told before.
    pub(crate) fn resume(&mut self, candle: &Candle, whole: bool) {
        let bar = Bar::told(candle, whole);
        let slot = self.slots.iter_mut().find(|slot| slot.interval_ns == candle.interval_ns.get());
        let Some(slot) = slot else { return };
        let place = if bar.closed { &mut slot.before } else { &mut slot.open };
        if place.is_none_or(|there| there.open_ns < bar.open_ns) {
            *place = Some(bar);
        }
    }

    pub(crate) const fn resume_position(&mut self, position: Position) {
        self.last = Some(position);
        self.doubt = true;
    }

    pub(crate) const fn doubt(&mut self) {
        self.doubt = true;
    }

    pub(crate) fn trade(&mut self, trade: &Trade) -> Taken {
        let (id, now_ns) = (trade.trade_id.get(), time_ns(trade));
        if let Some(last) = self.last
            && ((self.numbered && id <= last.trade_id && now_ns <= last.time_ns)
                || (id == last.trade_id && now_ns == last.time_ns))
        {
            return Taken::Repeat;
        }
        let hole = self.last.and_then(|last| self.hole(last, id, now_ns));
        // What came before the first trade is not known.
        let whole = self.last.is_some() && hole.is_none();
        self.doubt = false;
        let mut late = false;
        for slot in &mut self.slots {
            if hole.is_some() {
                slot.open.iter_mut().for_each(Bar::lacks_trades);
                let from_ns = self.last.map_or(0, |last| last.time_ns);
                let reaches = |bar: &&mut Bar| bar.open_ns.saturating_add(slot.interval_ns) > from_ns;
                slot.before.iter_mut().filter(reaches).for_each(Bar::lacks_trades);
            }
            late |= !slot.add(trade, now_ns, whole);
        }
        let time_ns = self.last.map_or(now_ns, |last| last.time_ns.max(now_ns));
        self.last = Some(Position { instrument: self.instrument, trade_id: id, time_ns });
        if late {
            let hole = Hole { instrument: self.instrument, from_ns: now_ns, to_ns: now_ns, missing: Some(1) };
            return Taken::Late(hole);
        }
        Taken::New(hole)
    }

    /// What was lost between the last trade and this one, as far as it can be known.
    fn hole(&self, last: Position, id: u64, now_ns: u64) -> Option<Hole> {
        let missing = if self.numbered { id.checked_sub(last.trade_id.saturating_add(1)) } else { None };
        let lost = if self.numbered { missing != Some(0) } else { self.doubt };
        let (from_ns, to_ns) = (last.time_ns.min(now_ns), last.time_ns.max(now_ns));
        lost.then_some(Hole { instrument: self.instrument, from_ns, to_ns, missing })
    }

    /// Closes candles that ended at `now_ns` or before. While trades may be missing they are not whole.
    pub(crate) fn on_time(&mut self, now_ns: u64) {
        let doubt = self.doubt;
        for slot in &mut self.slots {
            let over = |bar: &Bar| bar.open_ns.saturating_add(slot.interval_ns) <= now_ns;
            if slot.open.as_ref().is_some_and(over) {
                slot.close(doubt);
            }
        }
    }

    pub(crate) fn drain(&mut self, on: &mut impl FnMut(Built)) {
        for slot in &mut self.slots {
            let interval_ns = slot.interval_ns;
            let held = slot.before.iter_mut().chain(&mut slot.open);
            for bar in slot.ready.iter_mut().chain(held).filter(|bar| bar.untold) {
                bar.untold = false;
                on(Built { candle: bar.candle(self.instrument, interval_ns), whole: bar.whole });
            }
            slot.ready.clear();
        }
    }
}

impl Slot {
    /// Adds a trade to its candle; false where that is no longer held.
    fn add(&mut self, trade: &Trade, now_ns: u64, whole: bool) -> bool {
        let open_ns = now_ns - now_ns % self.interval_ns;
        if let Some(bar) = self.open.iter_mut().chain(&mut self.before).find(|bar| bar.open_ns == open_ns) {
            if !whole {
                bar.lacks_trades();
            }
            bar.add(trade);
            return true;
        }
        if self.open.or(self.before).is_some_and(|newest| newest.open_ns > open_ns) {
            return false;
        }
        self.close(false);
        self.open = Some(Bar::begin(trade, open_ns, whole));
        true
    }

    fn close(&mut self, doubt: bool) {
        let Some(mut bar) = self.open.take() else { return };
        if doubt {
            bar.lacks_trades();
        }
        bar.close();
        self.ready.extend(self.before.replace(bar).filter(|before| before.untold));
    }
}
