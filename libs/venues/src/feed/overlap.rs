//! A connection that takes over from another one, which is to end: planned, before the venue cuts it off, or because the
//! venue said that it goes.
//!
//! Both are open for a while. What the old one says is told; what the new one says is kept, until both have met: its books
//! have come as far as the old one's, each stream that spoke on the old one has spoken on it, and the old one has told the first
//! trade that it heard, before which it knows nothing. Then it takes over: trades that only it has heard are told, its books and
//! quotes go on where they are, and the old one can be closed. If the old one ends before, the new one takes over as it is.
//!
//! Invariants: where both have met, every trade is told, once, and in the venue's order
//! (`tests::every_trade_is_told_once_and_in_order`); no book steps back.

use std::collections::{BTreeMap, VecDeque};

use mesh_types::market::TradeGap;
use mesh_types::{BookHealth, InstrumentId};

use super::watch::Stream;
use super::{Feed, SECOND_NS, Subscription, subscription_of};
use crate::message::Message;
use crate::reader::{BookView, Language, Said};

/// Trades and closed candles that are kept at most; the old connection has told the oldest of so many long since.
const MAX_KEPT: usize = 20_000;

/// A stream that says nothing on either connection has so long to be subscribed on the new one.
const SETTLE_NS: u64 = 2 * SECOND_NS;

/// The new connection, and what it has said that was not told.
#[derive(Debug)]
pub struct Successor {
    feed: Feed,
    opened_ns: u64,
    /// The first trade of each instrument that it heard.
    first: BTreeMap<InstrumentId, u64>,
    /// Trades, liquidations, closed candles.
    kept: VecDeque<Message<'static>>,
    /// The last of each stream whose messages replace each other.
    latest: BTreeMap<Subscription, Message<'static>>,
    /// The same of the old one since this one is there.
    told: BTreeMap<Subscription, Message<'static>>,
}

impl Successor {
    /// One that follows the same as `old`, and is not connected.
    pub fn of(old: &Feed) -> Self {
        Self {
            feed: old.again(),
            opened_ns: 0,
            first: BTreeMap::new(),
            kept: VecDeque::new(),
            latest: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    /// Its socket is open.
    pub fn on_open(&mut self, now_ns: u64) {
        self.opened_ns = now_ns;
        self.feed.on_open(now_ns);
    }

    /// Its connection.
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The same, to send what it wants to.
    pub const fn feed_mut(&mut self) -> &mut Feed {
        &mut self.feed
    }

    /// A frame of the new connection came.
    pub fn on_frame(&mut self, now_ns: u64, frame: &[u8], old: &Feed) {
        let Self { feed, first, kept, latest, .. } = self;
        feed.on_frame(now_ns, frame, &mut |said| {
            let Said::Message(message) = said else { return };
            if let Message::Trade { trade, past: false } = message {
                first.entry(trade.instrument).or_insert(trade.trade_id.get());
            }
            match message {
                Message::Trade { trade, .. } if old.knows_trade(trade.instrument, trade.trade_id.get()) => {}
                Message::Trade { .. } | Message::Liquidation(_) => keep(kept, message),
                Message::Candle { candle, .. } if candle.closed == 1 => keep(kept, message),
                _ => {
                    if let Some((key, message)) = subscription_of(message).zip(owned(message)) {
                        latest.insert(key, message);
                    }
                }
            }
        });
    }

    /// The old one has told this.
    pub fn on_told(&mut self, message: &Message<'_>) {
        match message {
            Message::Trade { trade, .. } => {
                let is_it = |kept: &Message<'_>| {
                    matches!(kept, Message::Trade { trade: known, .. }
                        if (known.instrument, known.trade_id.get()) == (trade.instrument, trade.trade_id.get()))
                };
                // Both tell them in the same order: it is the first, or not there.
                if let Some(at) = self.kept.iter().position(is_it) {
                    self.kept.remove(at);
                }
            }
            Message::Liquidation(one) => {
                let same = |kept: &Message<'_>| {
                    matches!(kept, Message::Liquidation(known) if (known.instrument, known.venue_ns.get(), known.price.get(), known.quantity.get())
                        == (one.instrument, one.venue_ns.get(), one.price.get(), one.quantity.get()))
                };
                if let Some(at) = self.kept.iter().position(same) {
                    self.kept.remove(at);
                }
            }
            _ => {
                if let Some((key, message)) = subscription_of(message).zip(owned(message)) {
                    self.told.insert(key, message);
                }
            }
        }
    }

    /// True once both have met.
    pub fn is_ready(&self, old: &Feed, now_ns: u64) -> bool {
        self.feed.is_open()
            && now_ns.saturating_sub(self.opened_ns) >= SETTLE_NS
            && old.streams.iter().all(|(key, there)| {
                let spoke = there.has_spoken_after(self.opened_ns);
                !spoke || self.feed.streams.get(key).is_some_and(Stream::has_spoken)
            })
            && self.first.iter().all(|(instrument, id)| old.knows_trade(*instrument, *id))
            && self.has_books_of(old)
    }

    /// True where each book that is live on the old connection is live here too, and as far.
    fn has_books_of(&self, old: &Feed) -> bool {
        let here: BTreeMap<InstrumentId, BookView<'_>> =
            self.feed.reader().books().map(|view| (view.instrument, view)).collect();
        let mut live = old.reader().books().filter(|view| view.health == BookHealth::Live);
        live.all(|there| {
            here.get(&there.instrument).is_some_and(|here| {
                // A book without numbers of the venue's counts its own messages: time tells.
                let is_as_far = !old.numbers_books() || here.sequence >= there.sequence;
                here.health == BookHealth::Live && here.venue_ns >= there.venue_ns && is_as_far
            })
        })
    }

    /// Takes over from `old`, which goes on as this one; the answer is what only this one has said.
    pub fn take_over(mut self, old: &mut Feed, now_ns: u64) -> Vec<Message<'static>> {
        let is_newer = |(key, message): &(Subscription, Message<'static>)| {
            self.told.get(key).is_none_or(|told| place(message) > place(told))
        };
        let latest = self.latest.into_iter().filter(is_newer).map(|(_, message)| message);
        let mut said: Vec<Message<'static>> = self.kept.into_iter().chain(latest).collect();
        let between = self.first.iter().filter_map(|(instrument, id)| old.missed_before(*instrument, *id, now_ns));
        let between: Vec<TradeGap> = between.collect();
        core::mem::swap(old, &mut self.feed);
        old.inherit(self.feed);
        let lost = between.into_iter().filter_map(|missed| old.want_trades(missed, now_ns));
        said.extend(lost.map(Message::TradeGap));
        said
    }
}

/// What one connection hands on to another.
impl Feed {
    /// Another connection that follows the same, not open yet. What is known of instruments and of what is usual goes with it.
    pub(super) fn again(&self) -> Self {
        let mut feed = Self::build(self.language, &self.subscriptions, self.book_depth, self.patience);
        feed.shown_depth = self.shown_depth;
        feed.reader.know(&self.reader);
        feed.listed.clone_from(&self.listed);
        feed.streams.clone_from(&self.streams);
        // The lists have been told.
        feed.asking.take_lists(&self.asking);
        feed
    }

    /// What went before this connection: trades that were told are not told again, and counts go on.
    pub(super) fn inherit(&mut self, mut old: Self) {
        self.asking.inherit_trades(&mut old.asking);
        for (instrument, told) in old.trades {
            self.trades.entry(instrument).or_default().inherit(told);
        }
        for (key, candle) in old.candles {
            self.candles.entry(key).or_insert(candle);
        }
        self.counts.add_all(&old.counts);
        self.malformed += old.malformed;
        self.unknown.extend(old.unknown);
    }

    /// Whether a trade was told by this connection.
    pub(super) fn knows_trade(&self, instrument: InstrumentId, id: u64) -> bool {
        self.trades.get(&instrument).is_some_and(|trades| trades.knows(id))
    }

    /// What lies between the last trade that this connection told, and the first that another one heard.
    pub(super) fn missed_before(&self, instrument: InstrumentId, id: u64, now_ns: u64) -> Option<TradeGap> {
        let (last, after_ns) = self.trades.get(&instrument)?.last()?;
        let numbered = self.numbers_trades();
        let met = self.knows_trade(instrument, id) || if numbered { id <= last + 1 } else { id == last + 1 };
        let (first_id, last_id) = if numbered { (last + 1, id.saturating_sub(1)) } else { (0, 0) };
        (!met).then(|| TradeGap {
            instrument,
            first_trade_id: first_id.into(),
            last_trade_id: last_id.into(),
            after_ns: after_ns.into(),
            before_ns: now_ns.into(),
        })
    }

    /// Asks for trades that were missed; the answer is that they are lost.
    pub(super) fn want_trades(&mut self, missed: TradeGap, now_ns: u64) -> Option<TradeGap> {
        self.asking.want_trades(missed, now_ns)
    }

    /// Whether the venue numbers the states of its books.
    pub(super) const fn numbers_books(&self) -> bool {
        !matches!(self.language, Language::Kraken)
    }
}

fn keep(kept: &mut VecDeque<Message<'static>>, message: &Message<'_>) {
    if kept.len() >= MAX_KEPT {
        kept.pop_front();
    }
    kept.extend(owned(message));
}

/// Where a message stands among others of its stream.
const fn place(message: &Message<'_>) -> (u64, u64) {
    match message {
        Message::Quote(quote) => (quote.sequence.get(), quote.venue_ns.get()),
        Message::Candle { candle, .. } => (candle.open_ns.get(), candle.venue_ns.get()),
        Message::Mark(update) => (0, update.venue_ns),
        Message::OpenInterest(interest) => (0, interest.venue_ns.get()),
        _ => (0, 0),
    }
}

/// A message that borrows nothing; `None` for one that does.
const fn owned(message: &Message<'_>) -> Option<Message<'static>> {
    Some(match message {
        Message::Trade { trade, past } => Message::Trade { trade: *trade, past: *past },
        Message::Quote(quote) => Message::Quote(*quote),
        Message::Candle { candle, past } => Message::Candle { candle: *candle, past: *past },
        Message::Mark(update) => Message::Mark(*update),
        Message::OpenInterest(interest) => Message::OpenInterest(*interest),
        Message::Liquidation(one) => Message::Liquidation(*one),
        Message::Instrument(info) => Message::Instrument(*info),
        Message::TradeGap(_) | Message::Book(_) | Message::Status(_) | Message::Reply(_) | Message::Ignored { .. } => {
            return None;
        }
    })
}

#[cfg(test)]
#[path = "overlap_tests.rs"]
mod tests;
