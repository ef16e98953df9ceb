//! The relay: one thread that accepts, reads, checks and passes on.
//!
//! A chunk is read once into memory that all connections share, checked in place, and written from there to every
//! subscriber: one call for each. Nothing is copied or allocated for a message, except what a slow subscriber must be kept,
//! the last value of each state, and what returning subscribers may ask for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mesh_codec::{Header, MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES, Message, TlvBody};
use mesh_transport::runs::{self, Part, RunSink, StreamError};
use mesh_transport::sequence::{Missing, SequenceTracker, Sighting, gap_range};
use mesh_transport::{Poller, Ready, UnixLink, Waker, control, socket};
use mesh_types::market::{BookDelta, BookSnapshot};
use mesh_types::system::{EndOfSnapshot, Hello, Resume, SnapshotRequest, Subscribe, Welcome};
use mesh_types::wire::Coded;
use mesh_types::{Domain, FixedStr, InstrumentId, LogoutReason, Mode, SourceId};

use crate::connection::{Connection, Phase, Scratch, Undelivered};
use crate::counters::Counters;
use crate::filter::{Filter, header_at};
use crate::handshake::{self, Expected, Refusal, Rivalry};
use crate::last_values::LastValues;
use crate::members::Members;
use crate::retained::Retained;
use crate::settings::RelaySettings;
use crate::wishes::Wishes;

/// Read from one connection before the next one's turn.
const CHUNK_BYTES: usize = 256 * 1024;
/// Timeouts are looked at this often, or four times within the shortest of them.
const MAX_TICK: Duration = Duration::from_millis(250);
const MIN_TICK: Duration = Duration::from_millis(5);

const LISTENER: u64 = u64::MAX - 1;
const WATCHED: u64 = u64::MAX - 2;

/// What a relay is made of.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Where it listens.
    pub path: PathBuf,
    /// What it carries.
    pub domain: Domain,
    /// Its name in the topology.
    pub name: FixedStr<32>,
    /// Its source id.
    pub source: SourceId,
    /// The mesh.
    pub mesh_id: u64,
    /// What the mesh does with money.
    pub mode: Mode,
    /// When the process started, ns since the Unix epoch.
    pub started_ns: u64,
    /// How it behaves.
    pub settings: RelaySettings,
}

/// A relay, driven by [`Relay::turn`].
#[derive(Debug)]
pub struct Relay {
    config: RelayConfig,
    poller: Poller,
    listener: socket::Listener,
    /// Accepting stopped because no descriptors were left; the next tick tries again.
    accepting: bool,
    members: Members,
    tracker: SequenceTracker,
    last_values: LastValues,
    retained: Retained,
    wishes: Wishes,
    counters: Arc<Counters>,
    chunk: Vec<u8>,
    scratch: Scratch,
    control: Vec<u8>,
    ready: Vec<Ready>,
    undelivered: Vec<(usize, Undelivered)>,
    sample_lag: bool,
    now: Instant,
    next_tick: Instant,
    tick: Duration,
}

impl Relay {
    /// Listens; connections are served from the first [`Relay::turn`] on.
    ///
    /// # Errors
    /// When the settings don't go together, or the socket can't be had.
    pub fn open(config: RelayConfig) -> io::Result<Self> {
        config.settings.validate().map_err(|text| io::Error::new(io::ErrorKind::InvalidInput, text))?;
        let listener = socket::listen(&config.path)?;
        let mut poller = Poller::new()?;
        poller.add(listener.as_fd(), LISTENER, false)?;
        let settings = &config.settings;
        let shortest_ms =
            [settings.handshake_timeout_ms, settings.heartbeat_ms, settings.linger_ms, settings.snapshot_interval_ms]
                .into_iter()
                .min()
                .unwrap_or_default();
        let tick = (Duration::from_millis(shortest_ms) / 4).clamp(MIN_TICK, MAX_TICK);
        let now = Instant::now();
        Ok(Self {
            poller,
            listener,
            accepting: true,
            members: Members::default(),
            tracker: SequenceTracker::new(true),
            last_values: LastValues::new(settings.max_last_values),
            retained: Retained::new(settings.retain_bytes),
            wishes: Wishes::new(Duration::from_millis(settings.snapshot_interval_ms), now),
            counters: Arc::default(),
            chunk: vec![0; MAX_FRAME_BYTES + CHUNK_BYTES],
            scratch: Scratch::default(),
            control: Vec::new(),
            ready: Vec::new(),
            undelivered: Vec::new(),
            sample_lag: true,
            now,
            next_tick: now + tick,
            tick,
            config,
        })
    }

    /// What it counts.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Makes [`Relay::turn`] return, from another thread.
    pub fn waker(&self) -> Waker {
        self.poller.waker()
    }

    /// Makes [`Relay::turn`] return when `fd` is readable.
    ///
    /// # Errors
    /// When it can't be waited for.
    pub fn watch(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.poller.add(fd, WATCHED, false)
    }

    /// Waits for work, at most `timeout`, and does it. Answers whether there was any.
    ///
    /// # Errors
    /// When waiting itself fails: the relay can't go on.
    pub fn turn(&mut self, timeout: Duration) -> io::Result<bool> {
        let timeout = timeout.min(self.next_tick.saturating_duration_since(self.now));
        let mut ready = std::mem::take(&mut self.ready);
        let count = self.poller.wait(Some(timeout), &mut |one| ready.push(one))?;
        self.now = Instant::now();
        for one in ready.drain(..) {
            match one.token {
                LISTENER => self.accept(),
                WATCHED => {}
                token => self.serve(token, &one),
            }
        }
        self.ready = ready;
        if self.now >= self.next_tick {
            self.on_tick();
        }
        Ok(count > 0)
    }

    /// Tells every process that the relay is going down.
    pub fn shut_down(mut self) {
        for slot in self.members.slots() {
            self.end(slot, Refusal::new(LogoutReason::Shutdown, "the relay is stopping; it is tried again"));
        }
    }

    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok(Some(link)) => self.on_accepted(link),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted now");
                    self.accepting = self.poller.remove(self.listener.as_fd()).is_err();
                    return;
                }
            }
        }
    }

    fn on_accepted(&mut self, link: UnixLink) {
        let settings = &self.config.settings;
        // Where the kernel does not give the room, its default serves.
        let _ = link.set_send_buffer(settings.send_buffer_bytes);
        let refusal = match link.peer_uid() {
            Ok(uid) if uid == socket::own_uid() => (self.members.count() >= settings.max_connections).then(|| {
                let text = format!("max_connections is {}; end a process or raise it", settings.max_connections);
                Refusal::new(LogoutReason::TooMany, text)
            }),
            Ok(uid) => {
                let text = format!("expected user {}, found user {uid}", socket::own_uid());
                Some(Refusal::new(LogoutReason::PeerUser, text))
            }
            Err(error) => Some(Refusal::new(LogoutReason::PeerUser, format!("the user can't be told: {error}"))),
        };
        let (source, now) = (self.config.source, self.now);
        let slot = self.members.insert(|token| Connection::new(link, token, settings, source, now));
        let Some(connection) = self.members.get(slot) else { return };
        if let Err(error) = self.poller.add(connection.link.as_fd(), connection.token, false) {
            tracing::warn!(%error, "a connection can't be waited for");
            self.members.remove(slot);
            return;
        }
        self.count_connections();
        if let Some(refusal) = refusal {
            self.end(slot, refusal);
        }
    }

    fn serve(&mut self, token: u64, ready: &Ready) {
        let Some(slot) = self.members.slot_of(token) else { return };
        if ready.writable {
            self.flush(slot);
        }
        if ready.readable {
            self.read(slot);
        }
    }

    fn read(&mut self, slot: usize) {
        let mut chunk = std::mem::take(&mut self.chunk);
        if let Some(connection) = self.members.get_mut(slot) {
            match connection.read(&mut chunk) {
                Ok(None) => {}
                Ok(Some(_)) if matches!(connection.phase, Phase::Closing { .. }) => connection.rest.clear(),
                Ok(Some(filled)) => {
                    connection.heard = self.now;
                    self.take_in(slot, chunk.get(..filled).unwrap_or_default());
                }
                Err(_) => self.remove(slot, "it is gone"),
            }
        }
        self.chunk = chunk;
    }

    fn take_in(&mut self, slot: usize, bytes: &[u8]) {
        let publishes = self.members.get(slot).and_then(Connection::member).is_some_and(|member| member.publishes());
        let domain = self.config.domain;
        let (consumed, outcome) = runs::split(bytes, domain, &mut Reader { relay: self, slot, publishes });
        if let Err(refusal) = outcome {
            self.end(slot, refusal);
        }
        if let Some(connection) = self.members.get_mut(slot) {
            connection.rest.clear();
            connection.rest.extend_from_slice(bytes.get(consumed..).unwrap_or_default());
        }
    }

    /// Passes on whole frames that came from `from`.
    fn forward(&mut self, from: usize, frames: &[u8], messages: u64) {
        Counters::add(&self.counters.messages_in, messages);
        let refused = self.last_values.update(frames);
        Counters::add(&self.counters.last_values_refused, refused);
        self.retained.push(frames);
        if std::mem::take(&mut self.sample_lag) {
            self.measure_lag(frames);
        }
        self.fan_out(from, |connection, scratch| connection.offer(frames, messages, scratch));
    }

    /// Does the same to every subscriber but `from`, and deals with those that could not take it.
    fn fan_out(
        &mut self,
        from: usize,
        mut give: impl FnMut(&mut Connection, &mut Scratch) -> Result<u64, Undelivered>,
    ) {
        let mut sent = 0;
        for (slot, connection) in self.members.iter_mut() {
            if slot == from || connection.filter.is_none() {
                continue;
            }
            match give(connection, &mut self.scratch) {
                Ok(messages) => {
                    sent += messages;
                    connection.told = self.now;
                    settle(connection, &mut self.poller, &self.counters);
                }
                Err(undelivered) => self.undelivered.push((slot, undelivered)),
            }
        }
        Counters::add(&self.counters.messages_out, sent);
        while let Some((slot, undelivered)) = self.undelivered.pop() {
            match undelivered {
                Undelivered::Gone => self.remove(slot, "it is gone"),
                Undelivered::TooSlow => {
                    let text = format!(
                        "more than backlog_bytes ({}) waited; return with resume",
                        self.config.settings.backlog_bytes
                    );
                    self.end(slot, Refusal::new(LogoutReason::TooSlow, text));
                }
            }
        }
    }

    #[cold]
    fn on_missing(&mut self, from: usize, source: SourceId, domain: Coded<Domain>, missing: Missing) {
        Counters::add(&self.counters.missing, missing.count);
        tracing::warn!(%source, first = missing.first, last = missing.last, "messages of a publisher are missing");
        let range = gap_range(source, domain, missing.first, missing.last);
        let notices = [false, true].map(|takes_all| {
            let mut notice = Vec::new();
            control::put_gap(&mut notice, self.config.source, missing.count, missing.exact && takes_all, &[range]);
            notice
        });
        self.fan_out(from, |connection, _| {
            let [filtered, whole] = &notices;
            connection.backlog.push(if connection.takes_all() { whole } else { filtered })?;
            connection.flush().map_err(|_| Undelivered::Gone)
        });
    }

    fn on_control(&mut self, slot: usize, message: &Message<'_>) -> Result<(), Refusal> {
        let Some(connection) = self.members.get_mut(slot) else { return Ok(()) };
        let Some(member) = connection.member() else {
            let hello = message.get::<Hello>().ok_or_else(hello_expected)?;
            return self.on_hello(slot, hello);
        };
        if message.get::<Hello>().is_some() {
            return Err(Refusal::new(LogoutReason::HelloExpected, "expected one hello, found a second"));
        }
        if let Some(resume) = message.get_tailed::<Resume>() {
            connection.resume = resume.items.to_vec();
        } else if let Some(subscribe) = message.get_tailed::<Subscribe>() {
            if !member.subscribes() {
                return Err(Refusal::new(LogoutReason::HelloExpected, "expected no subscription from a publisher"));
            }
            self.on_subscribe(slot, Filter::new(subscribe.head, subscribe.items), subscribe.head.last_values == 1);
        } else if let Some(request) = message.get::<SnapshotRequest>() {
            self.wishes.add(request.instrument);
            self.ask_for_snapshots();
        }
        Ok(())
    }

    fn on_hello(&mut self, slot: usize, hello: &Hello) -> Result<(), Refusal> {
        let RelayConfig { domain, mesh_id, mode, source, .. } = self.config;
        let member = handshake::check_hello(hello, &Expected { domain, mesh_id, mode, source })?;
        if let Some((other, old)) = self.members.find(member.source).filter(|_| member.source.get() != 0) {
            let text = format!("source {} is used by a newer process: check the topology", member.source);
            match handshake::rivalry(&old, &member) {
                Rivalry::RefuseNew => return Err(Refusal::new(LogoutReason::SourceInUse, text)),
                Rivalry::ReplaceOld => self.end(other, Refusal::new(LogoutReason::SourceInUse, text)),
            }
        }
        let last_sequence = if member.publishes() { self.admit_run(member.source, member.started_ns) } else { 0 };
        let welcome = Welcome {
            relay: self.config.name,
            mesh_id: mesh_id.into(),
            started_ns: self.config.started_ns.into(),
            last_sequence: last_sequence.into(),
            max_payload_bytes: u32::try_from(MAX_PAYLOAD_BYTES).unwrap_or(u32::MAX).into(),
            reserved: [0; 4],
        };
        tracing::info!(name = %hello.name, source = %member.source, role = %member.role, "joined");
        if let Some(connection) = self.members.get_mut(slot) {
            connection.phase = Phase::Live(member);
        }
        control::put(&mut self.control, source, &welcome);
        if member.publishes() && domain == Domain::Market {
            // What is kept here may be older than what the publisher knows.
            control::put_snapshot_request(&mut self.control, source, InstrumentId::default());
        }
        self.say(slot);
        Ok(())
    }

    /// The last sequence that is here of this run of a source; a new run starts at 0.
    fn admit_run(&mut self, source: SourceId, started_ns: u64) -> u64 {
        if self.members.is_same_run(source, started_ns) {
            return self.tracker.position(source, self.config.domain).map_or(0, |last| last.sequence.get());
        }
        self.tracker.restart(source);
        0
    }

    fn on_subscribe(&mut self, slot: usize, filter: Filter, last_values: bool) {
        let wants_books = [BookSnapshot::NUMBER, BookDelta::NUMBER].iter().any(|number| filter.takes_type(*number));
        if self.config.domain == Domain::Market && wants_books {
            self.wishes.add_all(filter.instruments());
        }
        let Some(connection) = self.members.get_mut(slot) else { return };
        connection.subscribe(filter.clone());
        let resume = std::mem::take(&mut connection.resume);
        if last_values {
            let again = connection.backlog.holds_replay();
            // What is sent again from the retained messages is not sent twice.
            let comes_later = |header: &Header| {
                self.retained.covers(header) && resume.iter().any(|position| position.source == header.source)
            };
            let wanted = |frame: &[u8]| {
                !again && filter.takes(frame) && header_at(frame, 0).is_some_and(|header| !comes_later(header))
            };
            let snapshot = self.last_values.snapshot(wanted);
            snapshot.iter().for_each(|frame| connection.backlog.push_free(frame));
            let end = EndOfSnapshot { message_count: (snapshot.len() as u64).into() };
            control::put(&mut self.control, self.config.source, &end);
            connection.backlog.push_free(&self.control);
            self.control.clear();
        }
        let missed = self.retained.after(&resume);
        if !missed.ranges.is_empty() {
            let count = |range: &mesh_types::system::GapRange| {
                range.last_sequence.get().saturating_sub(range.first_sequence.get()).saturating_add(1)
            };
            let dropped = missed.ranges.iter().map(count).fold(0, u64::saturating_add);
            control::put_gap(&mut self.control, self.config.source, dropped, filter.takes_all(), &missed.ranges);
            connection.backlog.push_free(&self.control);
            self.control.clear();
        }
        missed.frames.iter().filter(|frame| filter.takes(frame)).for_each(|frame| connection.backlog.push_free(frame));
        self.flush(slot);
        self.ask_for_snapshots();
    }

    /// Asks publishers for the snapshots that are wished for, if the last time is long enough ago.
    fn ask_for_snapshots(&mut self) {
        let source = self.config.source;
        let mut requests = Vec::new();
        self.wishes.take(self.now, |instrument| control::put_snapshot_request(&mut requests, source, instrument));
        if requests.is_empty() {
            return;
        }
        for slot in self.members.slots() {
            let member = self.members.get(slot).and_then(Connection::member);
            if member.is_some_and(|member| member.publishes()) {
                self.control.extend_from_slice(&requests);
                self.say(slot);
            }
        }
    }

    /// Gives a connection what stands in `control`.
    fn say(&mut self, slot: usize) {
        let said = match self.members.get_mut(slot) {
            Some(connection) => connection.backlog.push(&self.control),
            None => Ok(()),
        };
        self.control.clear();
        match said {
            Ok(()) => self.flush(slot),
            Err(_) => self.end(slot, Refusal::new(LogoutReason::TooSlow, "it does not read what the relay says")),
        }
    }

    fn flush(&mut self, slot: usize) {
        let Some(connection) = self.members.get_mut(slot) else { return };
        match connection.flush() {
            Ok(messages) => {
                connection.told = self.now;
                Counters::add(&self.counters.messages_out, messages);
                settle(connection, &mut self.poller, &self.counters);
                if matches!(connection.phase, Phase::Closing { .. }) && connection.backlog.is_empty() {
                    self.remove(slot, "it was told why");
                }
            }
            Err(_) => self.remove(slot, "it is gone"),
        }
    }

    /// Ends a connection: it is told why, if it reads that in time.
    fn end(&mut self, slot: usize, refusal: Refusal) {
        let Some(connection) = self.members.get_mut(slot) else { return };
        if matches!(connection.phase, Phase::Closing { .. }) {
            return;
        }
        let source = connection.member().map_or(0, |member| member.source.get());
        if refusal.reason != LogoutReason::Shutdown {
            self.counters.bad_input(refusal.kind);
            tracing::warn!(source, reason = %refusal.reason, text = refusal.text, "a connection is ended");
        }
        control::put_logout(&mut self.control, self.config.source, refusal.reason, &refusal.text);
        connection.backlog.end_with(&self.control);
        connection.filter = None;
        connection.phase = Phase::Closing { until: self.now + Duration::from_millis(self.config.settings.linger_ms) };
        self.control.clear();
        self.flush(slot);
    }

    fn remove(&mut self, slot: usize, why: &'static str) {
        if let Some(connection) = self.members.remove(slot) {
            let source = connection.member().map_or(0, |member| member.source.get());
            tracing::debug!(source, why, "a connection is closed");
            self.count_connections();
        }
    }

    fn count_connections(&self) {
        self.counters.connections.store(self.members.count() as u64, Ordering::Relaxed);
    }

    fn on_tick(&mut self) {
        self.next_tick = self.now + self.tick;
        self.sample_lag = true;
        if !self.accepting {
            self.accepting = self.poller.add(self.listener.as_fd(), LISTENER, false).is_ok();
        }
        for slot in self.members.slots() {
            self.look_after(slot);
        }
        self.ask_for_snapshots();
    }

    /// Timeouts and heartbeats of one connection.
    fn look_after(&mut self, slot: usize) {
        let Some(connection) = self.members.get_mut(slot) else { return };
        let settings = &self.config.settings;
        let now = self.now;
        let silent_for = |since: Instant, limit_ms: u64| now.duration_since(since) >= Duration::from_millis(limit_ms);
        match connection.phase {
            Phase::Closing { until } if now >= until => self.remove(slot, "it did not read why it was ended"),
            Phase::Closing { .. } => {}
            Phase::Greeting if silent_for(connection.since, settings.handshake_timeout_ms) => {
                let text = format!("no hello within {} ms", settings.handshake_timeout_ms);
                self.end(slot, Refusal::new(LogoutReason::Timeout, text));
            }
            Phase::Greeting => {}
            Phase::Live(_) if silent_for(connection.heard, settings.idle_timeout_ms) => {
                let text = format!("nothing was heard for {} ms", settings.idle_timeout_ms);
                self.end(slot, Refusal::new(LogoutReason::Timeout, text));
            }
            Phase::Live(_) => {
                let unheard = silent_for(connection.heard, settings.heartbeat_ms)
                    && silent_for(connection.heartbeat, settings.heartbeat_ms);
                if unheard || silent_for(connection.told, settings.heartbeat_ms) {
                    connection.heartbeat = now;
                    control::put_heartbeat(&mut self.control, self.config.source, 0);
                    self.say(slot);
                }
            }
        }
    }

    fn measure_lag(&self, frames: &[u8]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        if let Some(header) = header_at(frames, 0) {
            self.counters.lag_ns.store(now_ns.saturating_sub(header.timestamp_ns.get()), Ordering::Relaxed);
        }
    }
}

/// After something was given to a connection: waits for room where it did not take all, and counts what it lost.
#[inline]
fn settle(connection: &mut Connection, poller: &mut Poller, counters: &Counters) {
    let waits = !connection.backlog.is_empty();
    // It is there, so this can only fail when the descriptor is gone, which reading will tell.
    let _ = poller.modify(connection.link.as_fd(), connection.token, waits);
    if waits {
        let losses = connection.backlog.take_losses();
        Counters::add(&counters.dropped, losses.dropped);
        Counters::add(&counters.conflated, losses.conflated);
    }
}

#[cold]
fn hello_expected() -> Refusal {
    Refusal::new(LogoutReason::HelloExpected, "expected a hello first, found another message")
}

/// A chunk of one connection that is being read.
struct Reader<'r> {
    relay: &'r mut Relay,
    slot: usize,
    publishes: bool,
}

impl RunSink for Reader<'_> {
    type Error = Refusal;

    #[inline]
    fn observe(&mut self, header: &Header) -> Result<Sighting, Refusal> {
        if self.publishes { Ok(self.relay.tracker.observe(header)) } else { Err(self.no_publisher()) }
    }

    fn on_part(&mut self, part: Part<'_>) -> Result<(), Refusal> {
        match part {
            Part::Frames(frames) => self.relay.forward(self.slot, frames.bytes(), frames.len() as u64),
            Part::Missing { source, domain, missing } => self.relay.on_missing(self.slot, source, domain, missing),
            Part::Control(message) => {
                self.relay.on_control(self.slot, &message)?;
                let member = self.relay.members.get(self.slot).and_then(Connection::member);
                self.publishes = member.is_some_and(|member| member.publishes());
            }
        }
        Ok(())
    }
}

impl Reader<'_> {
    #[cold]
    fn no_publisher(&self) -> Refusal {
        match self.relay.members.get(self.slot).and_then(Connection::member) {
            None => hello_expected(),
            Some(member) => Refusal {
                reason: LogoutReason::BadFrame,
                text: format!("expected no messages from a {}: connect as peer or publisher", member.role),
                kind: "not_a_publisher",
            },
        }
    }
}

impl From<StreamError> for Refusal {
    fn from(error: StreamError) -> Self {
        let text = match &error {
            // The cause would not fit: what is there matters most.
            StreamError::Frame(frame) => {
                format!("expected {}, found {} at byte {}", frame.expected(), frame.found(), frame.offset())
            }
            StreamError::Unnumbered => error.to_string(),
        };
        Self { reason: LogoutReason::BadFrame, text, kind: error.kind() }
    }
}
