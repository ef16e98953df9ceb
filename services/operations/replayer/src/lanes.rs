//! The connections to the relays: one lane for each domain that is replayed.

use std::time::{Duration, Instant};

use mesh_runtime::BoxError;
use mesh_transport::{Backoff, Client, ClientConfig, ClientEvent, Identity, Poller, SendOutcome};
use mesh_types::{Domain, FixedStr, Role, SourceId};

use crate::ReplayerProcess;

/// Bytes that a relay may let wait before nothing more is read from the capture.
const SEND_QUEUE_BYTES: usize = 1 << 20;

struct Lane {
    domain: Domain,
    client: Client,
    /// Frames that the client has not taken.
    waiting: Vec<u8>,
}

/// All lanes.
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
}

impl Lanes {
    /// A lane for each domain of the settings.
    pub(crate) fn connect(process: &ReplayerProcess) -> Self {
        let config = &process.config;
        let source = SourceId::new(config.process.source.get());
        let identity = Identity {
            name: FixedStr::truncated(&config.process.name),
            source,
            role: Role::Publisher,
            mode: config.mesh.mode,
            mesh_id: config.mesh.id,
            started_ns: process.status.started_ns(),
            build: FixedStr::truncated(env!("CARGO_PKG_VERSION")),
        };
        let connect = |domain: &Domain| {
            let config = ClientConfig {
                path: config.relays.of(*domain)?.clone(),
                identity,
                domain: *domain,
                subscription: None,
                send_queue_bytes: SEND_QUEUE_BYTES,
                resend_bytes: 0,
                backoff: Backoff::default(),
            };
            let seed = process.status.started_ns() ^ u64::from(source.get());
            Some(Lane { domain: *domain, client: Client::new(config, seed), waiting: Vec::new() })
        };
        Self { lanes: process.settings.domains.iter().filter_map(connect).collect() }
    }

    /// Whether there is a lane for the domain.
    pub(crate) fn carry(&self, domain: Domain) -> bool {
        self.lanes.iter().any(|lane| lane.domain == domain)
    }

    /// Whether all relays are connected.
    pub(crate) fn are_up(&self) -> bool {
        self.lanes.iter().all(|lane| lane.client.is_up())
    }

    /// Whether the relays have everything.
    pub(crate) fn are_drained(&self) -> bool {
        self.lanes.iter().all(|lane| lane.waiting.is_empty() && !lane.client.wants_write())
    }

    /// Frames that no client has taken.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting.len()).sum()
    }

    /// Adds a frame to its lane.
    pub(crate) fn put(&mut self, domain: Domain, frame: &[u8]) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.domain == domain) {
            lane.waiting.extend_from_slice(frame);
        }
    }

    /// Gives the clients what waits; false where one has no room, which blocks the replay until it has.
    pub(crate) fn send(&mut self) -> bool {
        for lane in self.lanes.iter_mut().filter(|lane| !lane.waiting.is_empty()) {
            match lane.client.send(&lane.waiting) {
                SendOutcome::Sent | SendOutcome::Queued => lane.waiting.clear(),
                SendOutcome::Full { .. } => {}
            }
        }
        self.waiting_bytes() == 0
    }

    /// Connects, writes and reads.
    pub(crate) fn poll(&mut self) {
        let now = Instant::now();
        for Lane { domain, client, .. } in &mut self.lanes {
            client.poll(now, &mut |event| match event {
                ClientEvent::Up { relay } => tracing::info!(%domain, relay = %relay, "connected"),
                ClientEvent::Down { reason } => tracing::warn!(%domain, %reason, "not connected; the replay waits"),
                // Requests for snapshots can't be answered: the capture goes on as it was.
                ClientEvent::Control(_) | ClientEvent::Frames(_) | ClientEvent::Gap(_) => {}
            });
        }
    }

    /// Sleeps until a relay is ready for something, or `timeout` is over.
    pub(crate) fn wait(&mut self, poller: &mut Poller, timeout: Duration) -> Result<(), BoxError> {
        for (token, lane) in (0u64..).zip(self.lanes.iter_mut()) {
            lane.client.watch(poller, token)?;
        }
        let now = Instant::now();
        let deadlines = self.lanes.iter().filter_map(|lane| lane.client.deadline());
        let timeout = deadlines.map(|at| at.saturating_duration_since(now)).fold(timeout, Duration::min);
        poller.wait(Some(timeout), &mut |_| ())?;
        Ok(())
    }
}
