//! The actor around a venue's feeds: packets in, market messages and requests out.
//!
//! Symbols are spread over connections, of which each is a [`Feed`] of `mesh-venues`; that decides what to send, what to trust
//! and when to connect anew, and this carries it between the feed and the mesh.

mod publish;
mod renew;

use std::borrow::Cow;
use std::collections::BTreeMap;

use mesh_actor::{Actor, Context, Digest, TimerId};
use mesh_book::TopView;
use mesh_codec::{Message, packet};
use mesh_types::limits::Limits;
use mesh_types::market::{InstrumentInfo, Mark, VenueStatus};
use mesh_types::system::SnapshotRequest;
use mesh_types::{FixedStr, InstrumentId, InstrumentKind, VenueState};
use mesh_venues::feed::http::Request;
use mesh_venues::feed::overlap::Successor;
use mesh_venues::feed::requests::{path, streams_per_connection};
use mesh_venues::feed::{Channel, Feed, Patience, Reconnect, Subscription};
use mesh_venues::message::Message as Told;
use mesh_venues::reader::{BookView, Language, Said};

use crate::adapter::Exchange;
use crate::connection::{Connection, Socket};
use crate::settings::Settings;
use crate::wire;
use publish::{publish, tell};
use renew::OVERLAP_NS;

const MILLISECOND_NS: u64 = 1_000_000;
/// Snapshots for relays and subscribers are told at most so often; requests in between are answered together.
const PUBLISH_AGAIN_NS: u64 = 100 * MILLISECOND_NS;
/// A timer is not set nearer than this.
const LEAST_WAIT_NS: u64 = 5 * MILLISECOND_NS;

const PUBLISH_AGAIN: TimerId = TimerId(1);
/// Plus the link's index: its connection is made again.
const RECONNECT: u64 = 1_000_000;
/// Plus the link's index: its feed wants to be woken.
const WAKE: u64 = 2_000_000;

/// A connection that is to take over, and how long it may take its time.
#[derive(Debug)]
struct Next {
    connection: Connection,
    successor: Successor,
    until_ns: u64,
}

/// One connection and what it follows.
#[derive(Debug)]
struct Link {
    path: &'static str,
    /// Streams used so far.
    used: u32,
    connection: Connection,
    feed: Feed,
    next: Option<Next>,
    /// When another one should take over, ns; `u64::MAX` while it is not open.
    renew_ns: u64,
    /// It was open before: what its subscriptions bring of the past was missed, and not history.
    resumed: bool,
    wake_ns: u64,
}

impl Link {
    /// Whether a stream is of the connection, or of the one that is to take over.
    fn is_next(&self, used: u32) -> Option<bool> {
        if self.connection.is_current(used) {
            return Some(false);
        }
        self.next.as_ref().is_some_and(|next| next.connection.is_current(used)).then_some(true)
    }
}

/// What was published of an instrument.
#[derive(Debug)]
struct Published {
    view: TopView,
    info: Option<InstrumentInfo>,
    mark: Option<Mark>,
    /// Opening times of the last closed candles, by interval.
    closed_ns: BTreeMap<u64, u64>,
}

/// The feeds of a venue.
#[derive(Debug)]
pub struct Market {
    language: Language,
    life_ns: u64,
    salt: u64,
    links: Vec<Link>,
    published: BTreeMap<InstrumentId, Published>,
    /// Requests on their way: of which link, and of which of its streams.
    requests: BTreeMap<u32, (usize, u32, Request)>,
    /// Beginnings of answers that are too large for one packet.
    parts: BTreeMap<u32, Vec<u8>>,
    next_request: u32,
    /// What the venue says of itself.
    said: VenueState,
    state: VenueState,
    since_ns: u64,
    published_again_ns: u64,
}

/// What is followed of an instrument.
fn channels(instrument: InstrumentId, candles: &[u64]) -> Vec<Channel> {
    let mut channels = vec![Channel::Instruments, Channel::Book, Channel::Quotes, Channel::Trades];
    channels.extend(candles.iter().map(|seconds| Channel::Candles(*seconds)));
    if matches!(instrument.kind(), Some(InstrumentKind::Swap | InstrumentKind::Perpetual)) {
        channels.extend([Channel::Funding, Channel::Mark, Channel::OpenInterest]);
    }
    channels
}

impl Market {
    /// Feeds that are not connected. `salt` tells the delays of several adapters apart.
    ///
    /// # Errors
    /// When the settings can't be used.
    pub fn new<E: Exchange>(settings: &Settings<E>, limits: Limits, salt: u64) -> Result<Self, String> {
        let place = settings.place()?;
        let language = place.language;
        let (instruments, candles) = (settings.instruments()?, settings.candle_seconds()?);
        let depth = settings.depth.unwrap_or(limits.order_levels).min(limits.order_levels);
        let book_depth = settings.book_depth.unwrap_or(place.book_depth);
        let patience = Patience {
            connection_ns: settings.silence_ms.saturating_mul(MILLISECOND_NS),
            stream_ns: settings.stream_silence_ms.saturating_mul(MILLISECOND_NS),
            ..Patience::default()
        };
        let mut links = Vec::new();
        let streams = instruments.iter().map(|instrument| channels(*instrument, &candles).len()).max().unwrap_or(1);
        let fit = streams_per_connection(language) / streams.max(1);
        for instruments in instruments.chunks(settings.symbols_per_connection.min(fit).max(1)) {
            let mut by_path: BTreeMap<&'static str, Vec<Subscription>> = BTreeMap::new();
            for instrument in instruments {
                for channel in channels(*instrument, &candles) {
                    by_path.entry(path(language, channel)).or_default().push((channel, *instrument));
                }
            }
            for (path, subscriptions) in by_path {
                let feed = Feed::new(language, &subscriptions, book_depth, patience)
                    .ok_or_else(|| format!("{path} of {} does not serve all that it should", language.venue()))?
                    .showing(depth);
                let connection = Connection::new(
                    settings.reconnect_min_ms.saturating_mul(MILLISECOND_NS),
                    settings.reconnect_max_ms.saturating_mul(MILLISECOND_NS),
                    salt.wrapping_add((links.len() as u64) << 32),
                );
                links.push(Link {
                    path,
                    used: 0,
                    connection,
                    feed,
                    next: None,
                    renew_ns: u64::MAX,
                    resumed: false,
                    wake_ns: u64::MAX,
                });
            }
        }
        let nothing = || Published { view: TopView::new(depth), info: None, mark: None, closed_ns: BTreeMap::new() };
        Ok(Self {
            language,
            life_ns: settings.connection_life_s.saturating_mul(1_000 * MILLISECOND_NS),
            salt,
            links,
            published: instruments.into_iter().map(|instrument| (instrument, nothing())).collect(),
            requests: BTreeMap::new(),
            parts: BTreeMap::new(),
            next_request: wire::FIRST_REQUEST,
            said: VenueState::Up,
            state: VenueState::Down,
            since_ns: 0,
            published_again_ns: 0,
        })
    }

    /// How many of each kind of message the venue told, and frames that could not be read.
    pub fn counts(&self) -> (BTreeMap<String, u64>, u64) {
        let mut counts = BTreeMap::new();
        for (kind, count) in self.links.iter().flat_map(|link| link.feed.counts().iter()) {
            *counts.entry(kind.to_owned()).or_default() += count;
        }
        (counts, self.links.iter().map(|link| link.feed.malformed()).sum())
    }

    /// Calls `on` with each book.
    pub fn books(&self, mut on: impl FnMut(&BookView<'_>)) {
        self.links.iter().flat_map(|link| link.feed.reader().books()).for_each(|view| on(&view));
    }

    /// The stream of a link's connection, as the bridge knows it.
    fn stream(&self, link: usize, used: u32) -> u32 {
        let links = u32::try_from(self.links.len()).unwrap_or(u32::MAX);
        used.saturating_mul(links).saturating_add(u32::try_from(link).unwrap_or(u32::MAX))
    }

    /// The link of a stream, and whether it is of the connection that is to take over.
    fn link_of(&self, stream: u32) -> Option<(usize, u32, bool)> {
        let links = u32::try_from(self.links.len()).ok()?;
        let (index, used) = ((stream % links) as usize, stream / links);
        Some((index, used, self.links.get(index)?.is_next(used)?))
    }

    /// Asks for a stream of a link's.
    fn ask(&self, index: usize, used: u32, kind: u8, text: &str, context: &mut Context<'_>) {
        context.emit_tailed(&wire::request(self.stream(index, used), kind, text.as_bytes()), text.as_bytes());
    }

    fn connect(&mut self, index: usize, context: &mut Context<'_>) {
        let Some(link) = self.links.get_mut(index) else { return };
        if link.connection.stream().is_some() {
            return;
        }
        link.used += 1;
        link.connection.open(link.used, context.now_ns());
        let (used, path) = (link.used, link.path);
        self.ask(index, used, wire::CONNECT, path, context);
    }

    fn reconnect(&mut self, index: usize, reason: Reconnect, context: &mut Context<'_>) {
        let Some(link) = self.links.get(index) else { return };
        if let Some(used) = link.connection.stream() {
            self.ask(index, used, wire::CLOSE, "", context);
        }
        let reason = match reason {
            Reconnect::Silent => "silent: the connection is made again".to_owned(),
            Reconnect::StreamSilent((channel, instrument)) => format!("{channel:?} of {instrument} is silent"),
            Reconnect::Asked => "the venue is going down".to_owned(),
        };
        self.lost(index, &reason, context);
    }

    fn lost(&mut self, index: usize, reason: &str, context: &mut Context<'_>) {
        context.count("disconnects", 1);
        let Self { links, published, .. } = self;
        let Some(link) = links.get_mut(index) else { return };
        let delay_ns = link.connection.lost();
        link.resumed |= link.feed.counts().total() > 0;
        link.renew_ns = u64::MAX;
        link.feed.on_close();
        for view in link.feed.reader().books() {
            publish(published, &view, context.now_ns(), context);
        }
        if link.next.is_some() {
            return self.take_over(index, reason, context);
        }
        context.set_timer(TimerId(RECONNECT + index as u64), context.now_ns() + delay_ns);
        self.set_state(reason, context);
    }

    /// Tells what the venue is, where that has changed.
    fn set_state(&mut self, reason: &str, context: &mut Context<'_>) {
        let open = self.links.iter().filter(|link| link.connection.is_open()).count();
        let state = match open {
            0 => VenueState::Down,
            open if open < self.links.len() => VenueState::Degraded,
            _ => self.said,
        };
        if self.state != state || self.since_ns == 0 {
            self.state = state;
            self.since_ns = context.now_ns();
            context.emit(&self.status(reason));
        }
    }

    fn status(&self, reason: &str) -> VenueStatus {
        VenueStatus {
            venue: self.language.venue().into(),
            state: self.state.into(),
            since_ns: self.since_ns.into(),
            reason: FixedStr::truncated(reason),
            ..VenueStatus::default()
        }
    }

    fn on_packet(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        let Some((head, bytes)) = packet::join(message) else { return };
        match head.kind {
            wire::ANSWER => return self.on_answer(head.stream, &bytes, head.received_ns, context),
            wire::ANSWER_PART => return self.on_part(head.stream, &bytes, context),
            _ => {}
        }
        let Some((index, used, is_next)) = self.link_of(head.stream) else { return context.count("late_packets", 1) };
        match head.kind {
            wire::CONNECTED => self.on_open(index, used, is_next, context),
            wire::DISCONNECTED if is_next => self.lost_next(index, context),
            wire::DISCONNECTED => self.lost(index, &String::from_utf8_lossy(&bytes), context),
            wire::TEXT if is_next => self.on_text_of_next(index, &bytes, head.received_ns, context),
            wire::TEXT => self.on_text(index, &bytes, head.received_ns, context),
            _ => context.count("bad_packet_kind", 1),
        }
    }

    fn on_open(&mut self, index: usize, used: u32, is_next: bool, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        let renew_ns = self.renew_at(index, now_ns);
        let Some(link) = self.links.get_mut(index) else { return };
        match link.next.as_mut().filter(|_| is_next) {
            Some(next) => {
                next.connection.opened(used, now_ns);
                next.successor.on_open(now_ns);
            }
            None => {
                link.connection.opened(used, now_ns);
                link.feed.on_open(now_ns);
                link.renew_ns = renew_ns;
            }
        }
        self.set_state("", context);
        self.after(index, context);
    }

    fn on_text_of_next(&mut self, index: usize, bytes: &[u8], received_ns: u64, context: &mut Context<'_>) {
        let Some(Link { feed, next: Some(next), .. }) = self.links.get_mut(index) else { return };
        next.successor.on_frame(received_ns, bytes, feed);
        next.connection.heard(context.now_ns());
        self.after(index, context);
    }

    fn on_text(&mut self, index: usize, bytes: &[u8], received_ns: u64, context: &mut Context<'_>) {
        let Self { links, published, said, .. } = self;
        let Some(link) = links.get_mut(index) else { return };
        let (malformed, before) = (link.feed.malformed(), *said);
        let mut reason = None;
        let resumed = link.resumed;
        let mut next = link.next.as_mut();
        link.feed.on_frame(received_ns, bytes, &mut |told| match told {
            Said::Message(Told::Status(status)) => {
                *said = status.state.get().unwrap_or(VenueState::Up);
                reason = Some(status.reason);
            }
            told => {
                if let (Some(next), Said::Message(message)) = (next.as_deref_mut(), told) {
                    next.successor.on_told(message);
                }
                tell(published, told, resumed, received_ns, context);
            }
        });
        if link.feed.malformed() == malformed {
            link.connection.heard(context.now_ns());
        } else {
            context.count("bad_payload", 1);
        }
        while link.feed.poll_unknown().is_some() {
            context.count("unknown_kinds", 1);
        }
        if *said != before {
            self.set_state(reason.unwrap_or_default().as_str().unwrap_or_default(), context);
        }
        self.after(index, context);
    }

    fn on_part(&mut self, stream: u32, bytes: &[u8], context: &mut Context<'_>) {
        if !self.requests.contains_key(&stream) {
            return context.count("late_packets", 1);
        }
        let body = self.parts.entry(stream).or_default();
        // One that is too large for all parts has lost its beginning, and can't be read.
        if body.len() + bytes.len() > wire::MAX_ANSWER_BYTES {
            body.clear();
        }
        body.extend_from_slice(bytes);
    }

    fn on_answer(&mut self, stream: u32, bytes: &[u8], received_ns: u64, context: &mut Context<'_>) {
        let Some((index, used, request)) = self.requests.remove(&stream) else {
            return context.count("late_packets", 1);
        };
        let begun = self.parts.remove(&stream);
        let Self { links, published, .. } = self;
        let Some(link) = links.get_mut(index) else { return };
        let is_next = link.is_next(used) == Some(true);
        let feed = match link.next.as_mut().filter(|_| is_next) {
            Some(next) => next.successor.feed_mut(),
            None => &mut link.feed,
        };
        match wire::parse_answer(bytes) {
            Some((200, _, last)) => {
                let malformed = feed.malformed();
                let body = begun.map_or(Cow::Borrowed(last), |begun| Cow::Owned([&begun, last].concat()));
                feed.on_answer(received_ns, &request, &body, &mut |told| {
                    // Books of one that is to take over are not shown yet.
                    if !is_next || matches!(told, Said::Message(_)) {
                        // Trades of the past are only asked for where they were missed.
                        tell(published, told, true, received_ns, context);
                    }
                });
                if feed.malformed() > malformed {
                    context.count("bad_payload", 1);
                }
            }
            // The feed asks again later.
            answer => {
                context.count("failed_requests", 1);
                let (status, retry_after_s, _) = answer.unwrap_or_default();
                if let Some(until_ns) = feed.on_failure(context.now_ns(), &request, status, retry_after_s) {
                    // The address is refused, not the connection.
                    links.iter_mut().for_each(|link| link.feed.pause_requests(until_ns));
                }
            }
        }
        self.after(index, context);
    }

    /// Carries out what a link's feeds want now, and has them woken when they want more.
    fn after(&mut self, index: usize, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        self.renew_or_take_over(index, context);
        if let Some(link) = self.links.get(index)
            && let Some(reason) = link.feed.wants_reconnect()
            && link.connection.is_open()
        {
            match (reason, &link.next) {
                // It still speaks: another one is there before it ends.
                (Reconnect::Asked, None) => self.renew(index, OVERLAP_NS, context),
                (Reconnect::Asked, Some(_)) => {}
                _ => return self.reconnect(index, reason, context),
            }
        }
        self.send(index, false, context);
        self.send(index, true, context);
        let Some(link) = self.links.get_mut(index) else { return };
        let mut wake_ns = u64::MAX;
        if link.connection.is_open() {
            wake_ns = link.feed.wake_ns().min(link.renew_ns);
        }
        if let Some(next) = &link.next {
            wake_ns = wake_ns.min(next.successor.feed().wake_ns()).min(next.until_ns);
        }
        let wake_ns = wake_ns.max(now_ns + LEAST_WAIT_NS);
        if wake_ns != u64::MAX && (wake_ns < link.wake_ns || link.wake_ns <= now_ns) {
            link.wake_ns = wake_ns;
            context.set_timer(TimerId(WAKE + index as u64), wake_ns);
        }
    }

    /// Sends and asks for what a feed wants to, of the connection or of the one that is to take over.
    fn send(&mut self, index: usize, is_next: bool, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        let Self { links, requests, next_request, .. } = self;
        let Some(Link { connection, feed, next, .. }) = links.get_mut(index) else { return };
        let (connection, feed) = match next.as_mut().filter(|_| is_next) {
            Some(next) => (next.connection, next.successor.feed_mut()),
            None if is_next => return,
            None => (*connection, feed),
        };
        let Socket::Open(used) = connection.socket() else { return };
        let mut texts = Vec::new();
        while let Some(text) = feed.poll_send(now_ns) {
            texts.push(text);
        }
        while let Some(request) = feed.poll_request(now_ns) {
            let (kind, text) = match request.body {
                Some(body) => (wire::POST, format!("{}\n{body}", request.path)),
                None => (wire::GET, request.path.clone()),
            };
            context.emit_tailed(&wire::request(*next_request, kind, text.as_bytes()), text.as_bytes());
            requests.insert(*next_request, (index, used, request));
            *next_request = next_request.checked_add(1).unwrap_or(wire::FIRST_REQUEST);
        }
        for text in texts {
            self.ask(index, used, wire::SEND, &text, context);
        }
    }

    fn on_wake(&mut self, index: usize, context: &mut Context<'_>) {
        let Self { links, published, .. } = self;
        let Some(link) = links.get_mut(index) else { return };
        let now_ns = context.now_ns();
        link.wake_ns = u64::MAX;
        link.feed.on_time(now_ns, &mut |told| tell(published, told, false, now_ns, context));
        if let Some(next) = &mut link.next {
            next.successor.feed_mut().on_time(now_ns, &mut |_| {});
            let dead = next.successor.feed().wants_reconnect().is_some();
            if dead && let Some(used) = next.connection.stream() {
                self.ask(index, used, wire::CLOSE, "", context);
                self.lost_next(index, context);
            }
        }
        self.after(index, context);
    }

    fn publish_again(&mut self, instrument: InstrumentId, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        if now_ns.saturating_sub(self.published_again_ns) < PUBLISH_AGAIN_NS {
            return context.set_timer(PUBLISH_AGAIN, self.published_again_ns + PUBLISH_AGAIN_NS);
        }
        self.published_again_ns = now_ns;
        context.emit(&self.status(""));
        let all = instrument == InstrumentId::default();
        let Self { links, published, .. } = self;
        for (_, published) in published.iter_mut().filter(|(id, _)| all || **id == instrument) {
            if let Some(info) = &published.info {
                context.emit(info);
            }
            if let Some(mark) = &published.mark {
                context.emit(mark);
            }
            published.view.start_again();
        }
        for view in links.iter().flat_map(|link| link.feed.reader().books()) {
            if all || view.instrument == instrument {
                publish(published, &view, now_ns, context);
            }
        }
    }
}

impl Actor for Market {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        match message.get::<SnapshotRequest>() {
            Some(request) => self.publish_again(request.instrument, context),
            None => self.on_packet(message, context),
        }
    }

    fn on_timer(&mut self, timer: TimerId, context: &mut Context<'_>) {
        let index = |base: u64, id: u64| usize::try_from(id - base).unwrap_or(usize::MAX);
        match timer {
            TimerId::START => (0..self.links.len()).for_each(|index| self.connect(index, context)),
            PUBLISH_AGAIN => self.publish_again(InstrumentId::default(), context),
            TimerId(id @ WAKE..) => self.on_wake(index(WAKE, id), context),
            TimerId(id @ RECONNECT..) => self.connect(index(RECONNECT, id), context),
            TimerId(_) => {}
        }
    }

    fn state_digest(&self) -> u64 {
        let digest = Digest::default().u64(self.state as u64).u64(self.since_ns).u64(u64::from(self.next_request));
        let digest = self.links.iter().fold(digest, |digest, link| {
            let digest = link.connection.digest(digest).u64(link.feed.counts().total()).u64(link.feed.malformed());
            link.feed.reader().books().fold(digest, |digest, view| {
                let digest = digest.u64(view.sequence).u64(view.health as u64);
                let levels = view.book.bids().chain(view.book.asks());
                levels.fold(digest, |digest, level| digest.i64(level.price).i64(level.quantity))
            })
        });
        digest.value()
    }
}

#[cfg(test)]
#[path = "market_tests.rs"]
mod tests;
