//! One connection to a venue as a state machine: bytes, time and what happens to the socket go in; requests to send,
//! messages and the wish for a new connection come out. It knows no socket and no clock.
//!
//! - On a new connection everything is subscribed, at the venue's pace.
//! - A book that is suspect is subscribed again, each time after a longer pause; Hyperliquid's is healed by its next block,
//!   Binance's by a snapshot over HTTP ([`http`]).
//! - A stream that is silent for longer than is usual for it is subscribed again once, its book being suspect; if it stays
//!   silent, or the whole connection does, a new connection is wanted (`watch`).
//! - Before the venue cuts the connection off another one takes over ([`overlap`]).
//! - A trade is told once, also where a subscription brings recent ones again; a candle is told closed when the next one of
//!   its interval begins, where the venue does not say so itself.
//!
//! Invariants: no book is live while disconnected (`tests::no_book_is_live_without_its_connection`); whatever comes is
//! survived, and queues are bounded (`tests::any_frames_are_survived`).

mod answers;
pub mod http;
pub mod overlap;
pub mod requests;
mod trades;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_types::market::{Candle, InstrumentInfo};
use mesh_types::{BookHealth, InstrumentId};

use crate::counts::Counts;
use crate::limits::{Priority, Sliding};
use crate::message::Message;
use crate::reader::{Language, Reader, Said};
use crate::{binance, hyperliquid, kraken, okx};
use http::Asking;
use requests::{binance_requests, hyperliquid_requests, kraken_requests, okx_requests, path, served};
use trades::Trades;
use watch::{Silence, Stream};

const SECOND_NS: u64 = 1_000_000_000;
/// First and longest pause before a book is subscribed again.
const RESYNC_PAUSES_NS: (u64, u64) = (SECOND_NS / 4, 60 * SECOND_NS);

/// What is followed of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// The book.
    Book,
    /// Best bid and ask.
    Quotes,
    /// Trades.
    Trades,
    /// Candles of so many seconds.
    Candles(u64),
    /// Funding; on Hyperliquid mark price and open interest come with it.
    Funding,
    /// Mark price.
    Mark,
    /// Open interest.
    OpenInterest,
    /// What may be ordered, and changes of it; its silence means nothing.
    Instruments,
}

/// One channel of one instrument.
pub type Subscription = (Channel, InstrumentId);

/// Why a new connection is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// Nothing at all was heard for too long.
    Silent,
    /// A stream stays silent though it was subscribed twice.
    StreamSilent(Subscription),
    /// The venue said that it will close.
    Asked,
}

/// How long silence is borne.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Of the whole connection, ns.
    pub connection_ns: u64,
    /// Of one stream of which it is not known yet what is usual, ns.
    pub stream_ns: u64,
    /// Of a book whose messages are whole, ns: older ones are suspect.
    pub block_ns: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connection_ns: 45 * SECOND_NS, stream_ns: 300 * SECOND_NS, block_ns: 20 * SECOND_NS }
    }
}

#[derive(Clone, Copy, Debug)]
struct Resync {
    at_ns: u64,
    pause_ns: u64,
    due: bool,
}

/// One connection.
#[derive(Debug)]
pub struct Feed {
    language: Language,
    reader: Reader,
    patience: Patience,
    book_depth: usize,
    streams: BTreeMap<Subscription, Stream>,
    trades: BTreeMap<InstrumentId, Trades>,
    candles: BTreeMap<(InstrumentId, u64), Candle>,
    resyncs: BTreeMap<InstrumentId, Resync>,
    out: VecDeque<String>,
    pace: Sliding,
    open: bool,
    heard_ns: u64,
    sent_ns: u64,
    next_id: u64,
    reconnect: Option<Reconnect>,
    counts: Counts,
    unknown: VecDeque<String>,
    malformed: u64,
    /// What is followed, whether a stream tells it or not.
    subscriptions: Vec<Subscription>,
    instruments: BTreeSet<InstrumentId>,
    /// Those that Binance's lists have named.
    listed: BTreeMap<InstrumentId, InstrumentInfo>,
    asking: Asking,
    /// Levels of the books that are shown: those of them that the last snapshot did not tell of want another one.
    shown_depth: usize,
}

/// Kinds that say only that the connection is alive.
const ALIVE: &[&str] = &["heartbeat", "greeting"];
/// Characters of an unknown frame that are shown.
const SHOWN: usize = 200;
/// Unknown frames that wait to be shown.
const MAX_UNKNOWN: usize = 16;

impl Feed {
    /// A feed that is not connected yet. `book_depth` is the least depth of its books; the venue's next greater one is taken,
    /// of Binance's snapshots the next smaller one. What the venue does not have is left out. `None` where not all is served by
    /// the same socket ([`path`]).
    pub fn new(
        language: Language,
        subscriptions: &[Subscription],
        book_depth: usize,
        patience: Patience,
    ) -> Option<Self> {
        let paths: BTreeSet<&str> = subscriptions.iter().map(|(channel, _)| path(language, *channel)).collect();
        (paths.len() <= 1).then(|| Self::build(language, subscriptions, book_depth, patience))
    }

    fn build(language: Language, subscriptions: &[Subscription], book_depth: usize, patience: Patience) -> Self {
        let pace = match language {
            Language::Binance(_) => binance::limits::of_connection(),
            Language::Kraken => Sliding::new(10, SECOND_NS),
            Language::Okx => okx::limits::SocketLimiter::of_connection(),
            Language::Hyperliquid => Sliding::new(1_000, 60 * SECOND_NS),
        };
        let served = subscriptions.iter().filter_map(|(channel, id)| Some((served(language, *channel)?, *id)));
        let streams = served.map(|subscription| (subscription, Stream::new())).collect();
        Self {
            language,
            reader: Reader::new(language),
            patience,
            book_depth,
            streams,
            trades: BTreeMap::new(),
            candles: BTreeMap::new(),
            resyncs: BTreeMap::new(),
            out: VecDeque::new(),
            pace,
            open: false,
            heard_ns: 0,
            sent_ns: 0,
            next_id: 1,
            reconnect: None,
            counts: Counts::new(),
            unknown: VecDeque::new(),
            malformed: 0,
            subscriptions: subscriptions.to_vec(),
            instruments: subscriptions.iter().map(|(_, instrument)| *instrument).collect(),
            listed: BTreeMap::new(),
            asking: Asking::new(language, subscriptions, book_depth),
            shown_depth: 0,
        }
    }

    /// Whether the venue counts the trades of an instrument.
    const fn numbers_trades(&self) -> bool {
        matches!(self.language, Language::Binance(_) | Language::Kraken)
    }

    /// Whether the socket is open.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The same, of whose books so many levels a side are shown: those are kept whole.
    #[must_use]
    pub fn showing(mut self, levels: usize) -> Self {
        // A fresh snapshot must hold them, or it would be asked for for ever.
        self.shown_depth = levels.min(self.book_depth / 2);
        self
    }

    /// The books and their health.
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// How many messages of each kind came.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A frame of a kind that is not known, the first of it: for the log.
    pub fn poll_unknown(&mut self) -> Option<String> {
        self.unknown.pop_front()
    }

    /// How many frames could not be read.
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Why the connection should be replaced by a new one.
    pub const fn wants_reconnect(&self) -> Option<Reconnect> {
        self.reconnect
    }

    /// The socket is open.
    pub fn on_open(&mut self, now_ns: u64) {
        (self.open, self.heard_ns, self.sent_ns) = (true, now_ns, now_ns);
        self.reconnect = None;
        self.resyncs.clear();
        self.out.clear();
        for stream in self.streams.values_mut() {
            stream.subscribed(now_ns);
        }
        self.trades.values_mut().for_each(Trades::reopened);
        let all: Vec<Subscription> = self.streams.keys().copied().collect();
        self.request(true, &all);
    }

    /// The socket has closed.
    pub fn on_close(&mut self) {
        self.open = false;
        self.out.clear();
        self.resyncs.clear();
        // What happens while nobody listens is in no candle: it would be told as closed, and lack that.
        self.candles.clear();
        self.asking.closed();
        self.reader.disconnected();
    }

    /// A frame came. `on` is called with each message and each book that changed.
    pub fn on_frame(&mut self, now_ns: u64, frame: &[u8], on: &mut dyn FnMut(Said<'_>)) {
        if !self.open {
            return;
        }
        self.heard_ns = self.heard_ns.max(now_ns);
        let numbers_trades = self.numbers_trades();
        let Self { reader, streams, trades, candles, resyncs, counts, unknown, reconnect, language, asking, .. } = self;
        let resubscribes = matches!(language, Language::Kraken | Language::Okx);
        let says_closed = matches!(language, Language::Binance(_) | Language::Okx);
        let (mut changed, mut traded) = (None, None);
        let read = reader.on_frame(frame, now_ns, &mut |said| {
            match said {
                Said::Message(message) => {
                    let first = counts.add(message.kind());
                    if let Message::Ignored { kind } = message
                        && first
                        && !ALIVE.contains(kind)
                        && unknown.len() < MAX_UNKNOWN
                    {
                        let shown = frame.get(..SHOWN).unwrap_or(frame);
                        unknown.push_back(format!("{kind}: {}", shown.escape_ascii()));
                    }
                    if let Some(stream) = subscription_of(message).and_then(|key| streams.get_mut(&key)) {
                        stream.heard(now_ns);
                    }
                    match message {
                        Message::Trade { trade, .. } => {
                            let told = trades.entry(trade.instrument).or_default();
                            traded = traded.or(Some((*trade, told.last())));
                            let (is_new, missed) = told.hear(trade, numbers_trades);
                            if !is_new {
                                return;
                            }
                            if let Some(missed) = missed.and_then(|missed| asking.want_trades(missed, now_ns)) {
                                on(Said::Message(&Message::TradeGap(missed)));
                            }
                        }
                        Message::Candle { candle, past } if !says_closed => close_before(candles, candle, *past, on),
                        Message::Book(update) => changed = Some(update.instrument),
                        Message::Reply(reply) if matches!(reply.kind, "notice" | "serverShutdown") => {
                            *reconnect = Some(Reconnect::Asked);
                        }
                        _ => {}
                    }
                }
                Said::Book(view) if resubscribes => match view.health {
                    BookHealth::Live => drop(resyncs.remove(&view.instrument)),
                    BookHealth::Suspect => later(resyncs, view.instrument, now_ns),
                    BookHealth::Resyncing => {}
                },
                Said::Book(_) => {}
            }
            on(said);
        });
        self.malformed += u64::from(read.is_err());
        if !numbers_trades
            && let Some((trade, before)) = traded
            && let Some(missed) = trades.get_mut(&trade.instrument).and_then(|told| told.settle(before, &trade))
        {
            on(Said::Message(&Message::TradeGap(missed)));
        }
        if matches!(language, Language::Binance(_))
            && let Some(instrument) = changed
            && reader.wants_snapshot(instrument)
        {
            asking.want_book(instrument, now_ns);
        }
    }

    /// Time has passed. Call it at [`Feed::wake_ns`], or more often.
    pub fn on_time(&mut self, now_ns: u64, on: &mut dyn FnMut(Said<'_>)) {
        if !self.open {
            return;
        }
        if now_ns.saturating_sub(self.heard_ns) > self.patience.connection_ns {
            self.reconnect = Some(Reconnect::Silent);
        }
        if self.language == Language::Hyperliquid {
            self.reader.on_time(now_ns, self.patience.block_ns, on);
        }
        while let Some(lost) = self.asking.poll_lost() {
            on(Said::Message(&Message::TradeGap(lost)));
        }
        self.reader.refresh_depths(self.shown_depth);
        self.renew_books(now_ns);
        self.renew_streams(now_ns, on);
        if let Some((ping, after_ns)) = self.ping()
            && self.out.is_empty()
            && now_ns.saturating_sub(self.sent_ns) >= after_ns
        {
            self.out.push_back(ping.to_owned());
        }
    }

    /// When [`Feed::on_time`] should be called at the latest, ns since the Unix epoch.
    pub fn wake_ns(&self) -> u64 {
        let resync = self.resyncs.values().filter(|resync| resync.due).map(|resync| resync.at_ns).min();
        let ping = self.ping().map_or(u64::MAX, |(_, after_ns)| self.sent_ns.saturating_add(after_ns));
        let ping = if self.out.is_empty() { ping } else { ping.min(self.sent_ns.saturating_add(SECOND_NS / 10)) };
        let ask = self.asking.due_ns();
        resync.unwrap_or(u64::MAX).min(ping).min(ask).min(self.heard_ns.saturating_add(SECOND_NS))
    }

    /// The next request to send, if the venue's pace allows one now.
    pub fn poll_send(&mut self, now_ns: u64) -> Option<String> {
        self.out.front()?;
        self.pace.acquire(now_ns, 1, Priority::Exit).ok()?;
        self.sent_ns = now_ns;
        self.out.pop_front()
    }

    /// What keeps the connection open, and after how long without a request; Binance pings itself.
    const fn ping(&self) -> Option<(&'static str, u64)> {
        match self.language {
            Language::Okx => Some((okx::subscribe::PING, okx::subscribe::PING_AFTER_NS)),
            Language::Hyperliquid => Some((hyperliquid::subscribe::PING, hyperliquid::subscribe::PING_AFTER_NS)),
            Language::Kraken => Some((kraken::subscribe::PING, 30 * SECOND_NS)),
            Language::Binance(_) => None,
        }
    }

    /// Subscribes books again whose pause is over.
    fn renew_books(&mut self, now_ns: u64) {
        let due: Vec<InstrumentId> =
            self.resyncs.iter().filter(|(_, resync)| resync.due && resync.at_ns <= now_ns).map(|(id, _)| *id).collect();
        for instrument in due {
            if let Some(resync) = self.resyncs.get_mut(&instrument) {
                resync.due = false;
            }
            self.reader.resyncing(instrument);
            self.request(false, &[(Channel::Book, instrument)]);
            self.request(true, &[(Channel::Book, instrument)]);
        }
    }

    /// Subscribes silent streams again, once. A book whose stream is silent can't be trusted.
    fn renew_streams(&mut self, now_ns: u64, on: &mut dyn FnMut(Said<'_>)) {
        let Self { streams, patience, reconnect, language, reader, .. } = self;
        let mut silent = Vec::new();
        for (subscription, stream) in streams.iter_mut() {
            let (channel, instrument) = *subscription;
            // Instruments change when they change.
            if channel == Channel::Instruments {
                continue;
            }
            let begins = begins(*language, channel);
            let age_ns = stream.age_ns(now_ns);
            match stream.check(now_ns, channel, begins, patience.stream_ns) {
                Silence::Usual => continue,
                Silence::Renew => silent.push(*subscription),
                Silence::Reconnect => *reconnect = Some(Reconnect::StreamSilent(*subscription)),
            }
            if channel == Channel::Book {
                reader.stale(instrument, now_ns, age_ns, on);
                reader.resyncing(instrument);
            }
        }
        if self.reconnect.is_none() && !silent.is_empty() {
            self.request(false, &silent);
            self.request(true, &silent);
        }
    }

    /// Queues requests that begin or end subscriptions.
    fn request(&mut self, begin: bool, subscriptions: &[Subscription]) {
        let Self { language, out, next_id, book_depth, .. } = self;
        match language {
            Language::Kraken => kraken_requests(begin, subscriptions, *book_depth, next_id, out),
            Language::Okx => okx_requests(begin, subscriptions, next_id, out),
            Language::Hyperliquid => hyperliquid_requests(begin, subscriptions, out),
            Language::Binance(market) => binance_requests(*market, begin, subscriptions, next_id, out),
        }
    }
}

/// Whether a subscription of this channel begins with a message.
const fn begins(language: Language, channel: Channel) -> bool {
    match language {
        // Snapshots come over HTTP, and streams speak when there is something to say.
        Language::Binance(_) => false,
        Language::Kraken | Language::Okx | Language::Hyperliquid => matches!(channel, Channel::Book | Channel::Quotes),
    }
}

/// The stream that a message shows to be alive.
fn subscription_of(message: &Message<'_>) -> Option<Subscription> {
    Some(match message {
        Message::Book(update) => (Channel::Book, update.instrument),
        Message::Quote(quote) => (Channel::Quotes, quote.instrument),
        Message::Trade { trade, .. } => (Channel::Trades, trade.instrument),
        Message::Candle { candle, .. } => (Channel::Candles(candle.interval_ns.get() / SECOND_NS), candle.instrument),
        Message::Mark(update) if update.funding.is_some() => (Channel::Funding, update.instrument),
        Message::Mark(update) => (Channel::Mark, update.instrument),
        Message::OpenInterest(interest) => (Channel::OpenInterest, interest.instrument),
        Message::TradeGap(_) | Message::Liquidation(_) | Message::Instrument(_) | Message::Status(_) => return None,
        Message::Reply(_) | Message::Ignored { .. } => return None,
    })
}

/// Tells the candle before as closed, where this one begins later and the venue did not say so.
fn close_before(
    candles: &mut BTreeMap<(InstrumentId, u64), Candle>,
    candle: &Candle,
    past: bool,
    on: &mut dyn FnMut(Said<'_>),
) {
    let last = candles.entry((candle.instrument, candle.interval_ns.get())).or_insert(*candle);
    if candle.open_ns.get() > last.open_ns.get() && last.closed == 0 {
        let closed = Candle { closed: 1, ..*last };
        on(Said::Message(&Message::Candle { candle: closed, past }));
    }
    if candle.open_ns.get() >= last.open_ns.get() {
        *last = *candle;
    }
}

/// A book broke: it is subscribed again after a pause, which grows as long as it does not become live in between.
fn later(resyncs: &mut BTreeMap<InstrumentId, Resync>, instrument: InstrumentId, now_ns: u64) {
    let (first, longest) = RESYNC_PAUSES_NS;
    let pause_ns = resyncs.get(&instrument).map_or(first, |resync| (2 * resync.pause_ns).min(longest));
    resyncs.insert(instrument, Resync { at_ns: now_ns.saturating_add(pause_ns), pause_ns, due: true });
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "feed/binance_tests.rs"]
mod binance_tests;
