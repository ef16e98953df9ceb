//! A relay on a thread of its own, and processes that are polled by the test.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mesh_codec::{FrameBuilder, Message, Stamp};
use mesh_relay::{Counters, Relay, RelayConfig, RelaySettings};
use mesh_transport::{
    Backoff, Client, ClientConfig, ClientEvent, Connector, DownReason, Identity, SendOutcome, Subscription, TypeSet,
    UnixConnector, Waker,
};
use mesh_types::market::{Mark, Quote, Trade};
use mesh_types::signal::Signal;
use mesh_types::system::{EndOfSnapshot, SnapshotRequest};
use mesh_types::{Domain, FixedStr, InstrumentId, LogoutReason, MessageId, Mode, Role, SourceId};

/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const MESH: u64 = 7;
pub(crate) const RELAY: u16 = 1;

pub(crate) fn settings(domain: Domain) -> RelaySettings {
    let market = domain == Domain::Market;
    RelaySettings {
        max_connections: 16,
        max_last_values: 1000,
        send_buffer_bytes: 64 << 10,
        handshake_timeout_ms: 5_000,
        heartbeat_ms: 1_000,
        idle_timeout_ms: 30_000,
        linger_ms: 2_000,
        snapshot_interval_ms: 1,
        ..if market { RelaySettings::CONFLATE } else { RelaySettings::DROP_NOTHING }
    }
}

pub(crate) struct TestRelay {
    pub(crate) path: PathBuf,
    pub(crate) counters: Arc<Counters>,
    crash: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl TestRelay {
    pub(crate) fn start(dir: &Path, domain: Domain) -> Self {
        Self::with(dir, domain, settings(domain))
    }

    pub(crate) fn with(dir: &Path, domain: Domain, settings: RelaySettings) -> Self {
        let path = dir.join("run/relay.sock");
        let mut relay = Relay::open(RelayConfig {
            path: path.clone(),
            domain,
            name: FixedStr::truncated("relay-test"),
            source: SourceId::new(RELAY),
            mesh_id: MESH,
            mode: Mode::Paper,
            started_ns: 1,
            settings,
        })
        .expect("the relay listens");
        let (stop, crash) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (counters, waker) = (relay.counters(), relay.waker());
        let (stopped, crashed) = (Arc::clone(&stop), Arc::clone(&crash));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                relay.turn(Duration::from_secs(1)).expect("a turn");
            }
            if !crashed.load(Ordering::Acquire) {
                relay.shut_down();
            }
        });
        Self { path, counters, crash, stop, waker, thread: Some(thread) }
    }

    /// Ends it without a word.
    pub(crate) fn crash(self) {
        self.crash.store(true, Ordering::Release);
    }
}

impl Drop for TestRelay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the relay ran without a panic");
        }
    }
}

/// A process with one connection.
pub(crate) struct Peer<C: Connector = UnixConnector> {
    pub(crate) client: Client<C>,
    pub(crate) received: Vec<MessageId>,
    pub(crate) frames: Vec<u8>,
    /// Ranges that were declared missing, with how many messages in all.
    pub(crate) gaps: Vec<(u16, u64, u64)>,
    pub(crate) dropped: u64,
    pub(crate) inexact_gaps: usize,
    pub(crate) snapshots: Vec<u64>,
    pub(crate) snapshot_requests: Vec<InstrumentId>,
    pub(crate) ups: usize,
    pub(crate) downs: Vec<DownReason>,
    pub(crate) sequence: u64,
    pub(crate) source: u16,
    pub(crate) domain: Domain,
    /// The order in which things came: 'f'rames, 'g'ap, 'e'nd of snapshot.
    pub(crate) order: String,
}

pub(crate) fn identity(source: u16, role: Role) -> Identity {
    Identity {
        name: FixedStr::truncated("peer"),
        source: SourceId::new(source),
        role,
        mode: Mode::Paper,
        mesh_id: MESH,
        started_ns: 100,
        build: FixedStr::truncated("test"),
    }
}

pub(crate) fn everything() -> Option<Subscription> {
    Some(Subscription::default())
}

pub(crate) fn only(types: &[u8], instruments: &[&str], last_values: bool) -> Option<Subscription> {
    Some(Subscription {
        types: types.iter().copied().collect::<TypeSet>(),
        instruments: instruments.iter().map(|name| instrument(name)).collect(),
        last_values,
    })
}

pub(crate) fn instrument(symbol: &str) -> InstrumentId {
    format!("binance:spot:{symbol}").parse().expect("an instrument")
}

pub(crate) fn config(
    path: &Path,
    domain: Domain,
    identity: Identity,
    subscription: Option<Subscription>,
) -> ClientConfig {
    ClientConfig {
        path: path.to_owned(),
        identity,
        domain,
        subscription,
        send_queue_bytes: 4 << 20,
        resend_bytes: 4 << 20,
        backoff: Backoff { min_ms: 1, max_ms: 10 },
    }
}

impl Peer {
    pub(crate) fn new(path: &Path, domain: Domain, identity: Identity, subscription: Option<Subscription>) -> Self {
        let config = config(path, domain, identity, subscription);
        let connector = UnixConnector { path: config.path.clone() };
        Self::with_connector(config, connector)
    }

    pub(crate) fn publisher(path: &Path, domain: Domain, source: u16) -> Self {
        let mut peer = Self::new(path, domain, identity(source, Role::Publisher), None);
        peer.until("up", |peer| peer.client.is_up());
        peer
    }

    pub(crate) fn subscriber(path: &Path, domain: Domain, source: u16, subscription: Option<Subscription>) -> Self {
        let mut peer = Self::new(path, domain, identity(source, Role::Subscriber), subscription);
        peer.until("up", |peer| peer.client.is_up());
        peer
    }
}

impl<C: Connector> Peer<C> {
    pub(crate) fn with_connector(config: ClientConfig, connector: C) -> Self {
        let (source, domain) = (config.identity.source.get(), config.domain);
        Self {
            client: Client::with_connector(config, connector, u64::from(source)),
            received: Vec::new(),
            frames: Vec::new(),
            gaps: Vec::new(),
            dropped: 0,
            inexact_gaps: 0,
            snapshots: Vec::new(),
            snapshot_requests: Vec::new(),
            ups: 0,
            downs: Vec::new(),
            sequence: 0,
            source,
            domain,
            order: String::new(),
        }
    }

    pub(crate) fn poll(&mut self) {
        let Self { client, received, frames, gaps, dropped, inexact_gaps, snapshots, snapshot_requests, .. } = self;
        let (ups, downs, order) = (&mut self.ups, &mut self.downs, &mut self.order);
        client.poll(Instant::now(), &mut |event| match event {
            ClientEvent::Up { .. } => *ups += 1,
            ClientEvent::Down { reason } => downs.push(reason),
            ClientEvent::Frames(new) => {
                order.push('f');
                frames.extend_from_slice(new.bytes());
                received.extend(new.iter().map(|message| message.id()));
            }
            ClientEvent::Gap(gap) => {
                order.push('g');
                *dropped += gap.dropped();
                *inexact_gaps += usize::from(!gap.is_exact());
                gaps.extend(
                    gap.ranges()
                        .iter()
                        .map(|range| (range.source.get(), range.first_sequence.get(), range.last_sequence.get())),
                );
            }
            ClientEvent::Control(message) => {
                if let Some(end) = message.get::<EndOfSnapshot>() {
                    order.push('e');
                    snapshots.push(end.message_count.get());
                }
                if let Some(request) = message.get::<SnapshotRequest>() {
                    snapshot_requests.push(request.instrument);
                }
            }
        });
    }

    /// Polls until something holds.
    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            self.poll();
            assert!(begun.elapsed() < PATIENCE, "{} waited in vain for {what}: {:?}", self.source, self.downs);
            std::thread::yield_now();
        }
    }

    pub(crate) fn until_received(&mut self, count: usize) {
        self.until("messages", |peer| peer.received.len() >= count);
    }

    pub(crate) fn until_down(&mut self, reason: LogoutReason) -> String {
        self.until("a logout", |peer| peer.logout(reason).is_some());
        self.logout(reason).unwrap_or_default()
    }

    fn logout(&self, expected: LogoutReason) -> Option<String> {
        self.downs.iter().find_map(|down| match down {
            DownReason::Logout { reason, text } if *reason == Some(expected) => Some(text.to_string()),
            _ => None,
        })
    }

    pub(crate) fn sequences(&self) -> Vec<u64> {
        self.received.iter().map(|id| id.sequence.get()).collect()
    }

    /// The next stamp.
    pub(crate) fn stamp(&mut self) -> Stamp {
        self.sequence += 1;
        let (source, sequence) = (SourceId::new(self.source), self.sequence);
        Stamp { domain: self.domain, source, sequence, timestamp_ns: 1_000 + sequence }
    }

    pub(crate) fn trades(&mut self, symbol: &str, count: u64) -> Vec<u8> {
        let mut frames = Vec::new();
        for _ in 0..count {
            let stamp = self.stamp();
            let body = Trade { instrument: instrument(symbol), ..Trade::default() };
            FrameBuilder::new(&mut frames, &stamp).body(&body).finish().expect("fits");
        }
        frames
    }

    pub(crate) fn quote(&mut self, symbol: &str) -> Vec<u8> {
        let (mut frame, stamp) = (Vec::new(), self.stamp());
        let body = Quote { instrument: instrument(symbol), ..Quote::default() };
        FrameBuilder::new(&mut frame, &stamp).body(&body).finish().expect("fits");
        frame
    }

    pub(crate) fn mark(&mut self, symbol: &str) -> Vec<u8> {
        let (mut frame, stamp) = (Vec::new(), self.stamp());
        let body = Mark { instrument: instrument(symbol), ..Mark::default() };
        FrameBuilder::new(&mut frame, &stamp).body(&body).finish().expect("fits");
        frame
    }

    pub(crate) fn signals(&mut self, count: u64) -> Vec<u8> {
        let mut frames = Vec::new();
        for _ in 0..count {
            let stamp = self.stamp();
            FrameBuilder::new(&mut frames, &stamp).body(&Signal::default()).finish().expect("fits");
        }
        frames
    }

    /// Sends all, polling while there is no room.
    pub(crate) fn send(&mut self, frames: &[u8]) {
        let begun = Instant::now();
        while let SendOutcome::Full { .. } = self.client.send(frames) {
            self.poll();
            assert!(begun.elapsed() < PATIENCE, "there is never room: {:?}", self.downs.last());
        }
    }
}

/// Polls all of them until something holds.
pub(crate) fn until_all(peers: &mut [&mut Peer], what: &str, mut holds: impl FnMut(&[&mut Peer]) -> bool) {
    let begun = Instant::now();
    while !holds(peers) {
        peers.iter_mut().for_each(|peer| peer.poll());
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// Waits until a count of the relay's holds.
pub(crate) fn until_counted(relay: &TestRelay, what: &str, holds: impl Fn(&mesh_relay::Totals) -> bool) {
    let begun = Instant::now();
    while !holds(&relay.counters.totals()) {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}: {:?}", relay.counters.totals());
        std::thread::yield_now();
    }
}

pub(crate) fn parse(frame: &[u8]) -> Message<'_> {
    Message::parse(frame).expect("valid")
}
