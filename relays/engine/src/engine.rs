//! The relay: one thread that accepts, reads, checks and passes on.
//!
//! A chunk is read once into memory that all connections share, checked in place, and written from there to every
//! subscriber: one call for each. Nothing is copied or allocated for a message, except what a slow subscriber must be kept,
//! the last value of each state, and what returning subscribers may ask for.

mod joining;
mod reading;
mod upkeep;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mesh_codec::MAX_FRAME_BYTES;
use mesh_transport::runs;
use mesh_transport::sequence::{Missing, SequenceTracker, gap_range};
use mesh_transport::{Poller, Ready, UnixLink, Waker, control, socket};
use mesh_types::wire::Coded;
use mesh_types::{Domain, FixedStr, LogoutReason, MessageId, Mode, SourceId};

use self::reading::Reader;
use crate::connection::{Connection, Phase, Scratch, Undelivered};
use crate::counters::Counters;
use crate::filter::header_at;
use crate::handshake::Refusal;
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
        // The message that shows the loss is the last that was seen.
        let before = domain.get().and_then(|domain| self.tracker.position(source, domain));
        before.iter().for_each(|before| self.retained.never_came(missing, before));
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

    /// A source speaks for the first time here. Those who returned before it did learn what is lost between the place where
    /// they stopped and this.
    #[cold]
    fn on_first(&mut self, first: &MessageId) {
        self.retained.begins_with(first);
        let of_source = |position: &MessageId| position.source == first.source && position.domain == first.domain;
        let awaiting: Vec<(usize, MessageId, bool)> = self
            .members
            .iter_mut()
            .filter_map(|(slot, connection)| {
                let place = connection.awaits.iter().position(of_source)?;
                Some((slot, connection.awaits.swap_remove(place), connection.takes_all()))
            })
            .collect();
        for (slot, position, takes_all) in awaiting {
            self.retained.lost_after(&position).put(&mut self.control, self.config.source, takes_all);
            self.say(slot);
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
