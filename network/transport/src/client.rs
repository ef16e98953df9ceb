//! A process's connection to a relay: a state machine that its loop polls.
//!
//! It connects when it is due, says who it is, and from the relay's welcome on gives out the frames that come and takes
//! those that go. Lost connections are made again after a growing, jittered delay. What it guarantees:
//!
//! - Frames given out are valid, of the relay's domain or of system, and each message is given out once, in the order of its
//!   source; what is missing is told before the message after it.
//! - Signal and execution: frames that [`Client::send`] took are kept, so that a relay that was restarted or lost the
//!   connection gets what it does not have. [`SendOutcome::Full`] says that a frame was not taken.
//! - Market: what is old is worth nothing, so nothing is sent again; the relay asks for fresh snapshots instead.

mod event;
mod receiving;

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mesh_types::{Domain, InstrumentId, MessageId};

pub use self::event::{ClientEvent, DownReason, SendOutcome};
use crate::backoff::Backoff;
use crate::control;
use crate::inbox::Inbox;
use crate::link::{Attempt, Connector, Link, UnixConnector, attempt};
use crate::outbox::Outbox;
use crate::poller::Poller;
use crate::sequence::SequenceTracker;
use crate::subscription::{Identity, Subscription};

/// From connecting to the relay's welcome, at most.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Without a byte from the relay, which sends heartbeats when it has nothing else, at most.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The relay's socket.
    pub path: PathBuf,
    /// Who connects.
    pub identity: Identity,
    /// The relay's domain.
    pub domain: Domain,
    /// What to receive; `None` for nothing.
    pub subscription: Option<Subscription>,
    /// Bytes that may wait to be written for the first time.
    pub send_queue_bytes: usize,
    /// Bytes kept after they were written, to be sent again; of no use in the market domain. More than a socket holds
    /// (256 KiB) covers every loss of a connection.
    pub resend_bytes: usize,
    /// Delays between attempts to connect.
    pub backoff: Backoff,
}

#[derive(Debug)]
enum State<L> {
    Waiting { until: Instant },
    Connected { link: L, since: Instant, heard: Instant, welcomed: bool },
}

/// A connection to a relay, made again whenever it is lost.
#[derive(Debug)]
pub struct Client<C: Connector = UnixConnector> {
    config: ClientConfig,
    connector: C,
    random: fastrand::Rng,
    state: State<C::Link>,
    generation: u64,
    /// The connection that a poller knows, and whether it waits for room to write.
    watched: Option<(u64, bool)>,
    attempts: u32,
    /// An error that `send` met; `poll` tells it.
    broken: Option<DownReason>,
    told: Option<(u8, u8)>,
    polled: Instant,
    control: Vec<u8>,
    outbox: Outbox,
    inbox: Inbox,
    tracker: SequenceTracker,
    scratch: Vec<u8>,
}

type OnEvent<'e> = &'e mut dyn FnMut(ClientEvent<'_>);

impl Client {
    /// A client of the relay at `config.path`; it connects at the first [`Client::poll`]. `seed` draws the delays.
    pub fn new(config: ClientConfig, seed: u64) -> Self {
        let connector = UnixConnector { path: config.path.clone() };
        Self::with_connector(config, connector, seed)
    }
}

impl<C: Connector> Client<C> {
    /// A client that makes its links in another way.
    pub fn with_connector(config: ClientConfig, connector: C, seed: u64) -> Self {
        let now = Instant::now();
        let judges_losses = config.subscription.as_ref().is_some_and(Subscription::takes_all);
        let retain_bytes = if config.domain == Domain::Market { 0 } else { config.resend_bytes.max(1) };
        Self {
            connector,
            random: fastrand::Rng::with_seed(seed),
            state: State::Waiting { until: now },
            generation: 0,
            watched: None,
            attempts: 0,
            broken: None,
            told: None,
            polled: now,
            control: Vec::new(),
            outbox: Outbox::new(retain_bytes),
            inbox: Inbox::new(),
            tracker: SequenceTracker::new(judges_losses),
            scratch: Vec::new(),
            config,
        }
    }

    /// Takes positions from an earlier run, before the first poll: the relay sends again what it has kept after each, and
    /// what is not after them is passed over. Sequence 0 asks for everything that it has kept of a source.
    pub fn resume_from(&mut self, positions: &[MessageId]) {
        for position in positions {
            self.tracker.resume_from(position);
        }
    }

    /// What to wait on.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Connected { link, .. } => link.fd(),
            State::Waiting { .. } => None,
        }
    }

    /// Whether to wait for room to write as well.
    pub fn wants_write(&self) -> bool {
        match &self.state {
            State::Connected { welcomed, .. } => {
                !self.control.is_empty() || (*welcomed && self.outbox.unsent_bytes() > 0)
            }
            State::Waiting { .. } => false,
        }
    }

    /// Keeps a poller up to date about this client: called before each wait, always with the same poller and token. It
    /// costs a system call only where something has changed.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn watch(&mut self, poller: &mut Poller, token: u64) -> io::Result<()> {
        let wants_write = self.wants_write();
        let now = (self.generation, wants_write);
        let Some(fd) = self.fd() else { return Ok(()) };
        match self.watched {
            Some(before) if before == now => {}
            Some((generation, _)) if generation == self.generation => poller.modify(fd, token, wants_write)?,
            _ => poller.add(fd, token, wants_write)?,
        }
        self.watched = Some(now);
        Ok(())
    }

    /// When to poll next if nothing is ready before.
    pub fn deadline(&self) -> Option<Instant> {
        if self.broken.is_some() {
            return Some(self.polled);
        }
        Some(match &self.state {
            State::Waiting { until } => *until,
            State::Connected { since, welcomed: false, .. } => *since + HANDSHAKE_TIMEOUT,
            State::Connected { heard, .. } => *heard + IDLE_TIMEOUT,
        })
    }

    /// Whether the relay has welcomed this process and the connection stands.
    pub const fn is_up(&self) -> bool {
        matches!(self.state, State::Connected { welcomed: true, .. }) && self.broken.is_none()
    }

    /// Does what is due: connects, writes what waits, reads one chunk and tells what it holds.
    pub fn poll(&mut self, now: Instant, on_event: OnEvent<'_>) {
        self.polled = now;
        if let State::Waiting { until } = self.state {
            if now < until {
                return;
            }
            if let Err(error) = self.connect(now) {
                self.down(now, DownReason::Unreachable(error), on_event);
                return;
            }
        }
        let outcome = match self.broken.take() {
            Some(reason) => {
                // What the relay said last may explain it.
                self.exchange(now, on_event).and(Err(reason))
            }
            None => self.exchange(now, on_event),
        };
        if let Err(reason) = outcome.and_then(|()| self.check_time(now)) {
            self.down(now, reason, on_event);
        }
    }

    /// Sends whole frames, or queues them; takes all or none.
    pub fn send(&mut self, frames: &[u8]) -> SendOutcome {
        let up = self.is_up();
        let keeps = self.config.domain != Domain::Market;
        let queued_bytes = self.outbox.fresh_bytes();
        let capacity_bytes = if up || keeps { self.config.send_queue_bytes } else { 0 };
        if queued_bytes + frames.len() > capacity_bytes {
            return SendOutcome::Full { queued_bytes, capacity_bytes };
        }
        let outcome = if up && !keeps && self.outbox.unsent_bytes() == 0 && self.control.is_empty() {
            self.write_through(frames)
        } else {
            self.outbox.push(frames);
            if up { self.flush() } else { Ok(()) }
        };
        if let Err(error) = outcome {
            self.broken = Some(DownReason::Io(error));
        }
        if up && self.outbox.unsent_bytes() == 0 && self.broken.is_none() {
            SendOutcome::Sent
        } else {
            SendOutcome::Queued
        }
    }

    /// Asks the publishers, through the relay, for fresh snapshots of an instrument; zero for all.
    pub fn request_snapshots(&mut self, instrument: InstrumentId) {
        if self.is_up() {
            control::put_snapshot_request(&mut self.control, self.config.identity.source, instrument);
            if let Err(error) = self.flush() {
                self.broken = Some(DownReason::Io(error));
            }
        }
    }

    fn connect(&mut self, now: Instant) -> io::Result<()> {
        let link = self.connector.connect()?;
        self.state = State::Connected { link, since: now, heard: now, welcomed: false };
        self.generation += 1;
        self.inbox.clear();
        self.control.clear();
        let identity = &self.config.identity;
        control::put_hello(&mut self.control, identity, self.config.domain);
        if let Some(subscription) = &self.config.subscription {
            if self.config.domain != Domain::Market {
                let positions: Vec<MessageId> = self.tracker.positions().collect();
                if !positions.is_empty() {
                    control::put_resume(&mut self.control, identity.source, &positions);
                }
            }
            control::put_subscribe(&mut self.control, identity.source, subscription);
        }
        Ok(())
    }

    fn exchange(&mut self, now: Instant, on_event: OnEvent<'_>) -> Result<(), DownReason> {
        // A relay that refuses closes at once: what it said is read even when writing fails.
        let written = self.flush();
        let State::Connected { link, heard, .. } = &mut self.state else { return Ok(()) };
        match self.inbox.read(link).map_err(DownReason::Io)? {
            Attempt::Done(0) => return Err(DownReason::Closed),
            Attempt::Done(_) => {
                *heard = now;
                self.take_in(on_event)?;
            }
            Attempt::Blocked => {}
        }
        written.and_then(|()| self.flush()).map_err(DownReason::Io)
    }

    fn check_time(&self, now: Instant) -> Result<(), DownReason> {
        match self.deadline() {
            Some(deadline) if now >= deadline => Err(DownReason::Timeout),
            _ => Ok(()),
        }
    }

    fn down(&mut self, now: Instant, reason: DownReason, on_event: OnEvent<'_>) {
        let mut lasted = false;
        if let State::Connected { since, welcomed, .. } = &self.state {
            // A connection that stood for a while starts the delays anew; one that is ended at once does not.
            lasted = *welcomed && now.duration_since(*since) > Duration::from_millis(self.config.backoff.max_ms);
            if *welcomed {
                self.told = None;
            }
        }
        self.attempts = if lasted { 0 } else { self.attempts.saturating_add(1) };
        let delay = self.config.backoff.delay(self.attempts.saturating_sub(1), &mut self.random);
        self.state = State::Waiting { until: now + delay };
        self.broken = None;
        self.control.clear();
        if self.config.domain == Domain::Market {
            self.outbox.clear();
        }
        if self.told.replace(reason.key()) != Some(reason.key()) {
            on_event(ClientEvent::Down { reason });
        }
    }

    /// Writes what waits, until nothing does or there is no room. Control messages go between two frames, and alone
    /// before the welcome.
    fn flush(&mut self) -> io::Result<()> {
        let State::Connected { link, welcomed, .. } = &mut self.state else { return Ok(()) };
        loop {
            let has_control = !self.control.is_empty();
            // Before the welcome nothing else was written on this connection.
            let controls = has_control && (!*welcomed || self.outbox.at_boundary());
            let part = match (controls, *welcomed) {
                (true, _) => self.control.as_slice(),
                (false, true) => self.outbox.next(has_control),
                (false, false) => &[],
            };
            if part.is_empty() {
                return Ok(());
            }
            let Attempt::Done(count) = attempt(link.write(part))? else { return Ok(()) };
            let whole = count == part.len();
            if controls {
                self.control.drain(..count);
            } else {
                self.outbox.advance(count);
            }
            if !whole {
                return Ok(());
            }
        }
    }

    /// Writes frames without a copy; only what finds no room is queued.
    fn write_through(&mut self, frames: &[u8]) -> io::Result<()> {
        let State::Connected { link, .. } = &mut self.state else { return Ok(()) };
        let written = match attempt(link.write(frames))? {
            Attempt::Done(count) => count,
            Attempt::Blocked => 0,
        };
        if written < frames.len() {
            self.outbox.push_rest(frames, written);
        }
        Ok(())
    }
}
