//! The live loop.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mesh_actor::{ActorCell, Ledger};
use mesh_codec::{FrameBuffer, Frames, Message, ValidFrames, packet};
use mesh_transport::{
    Backoff, Client, ClientConfig, ClientEvent, Identity, Poller, SendOutcome, Subscription, TypeSet,
};
use mesh_types::system::ExternalRequest;
use mesh_types::{Domain, FixedStr, InstrumentId, Role, SourceId};
use prometheus_client::metrics::counter::Counter;

use super::bridge::{Bridge, PacketReceiver, packets};
use super::journal::Journal;
use super::{Input, Service};
use crate::clock;
use crate::latency::Profile;
use crate::process::{BoxError, Process};

/// Frames that may wait for a relay that is away: signal and execution block nothing and lose nothing within it.
const SEND_QUEUE_BYTES: usize = 4 << 20;
/// Frames kept to be sent again to a relay that was restarted.
const RESEND_BYTES: usize = 1 << 20;
/// Packets handled in one batch.
const PACKETS_PER_BATCH: usize = 512;
/// The longest sleep: reconnects and readiness are looked at this often.
const IDLE: Duration = Duration::from_millis(500);

const SHUTDOWN: u64 = 100;

struct Connection {
    domain: Domain,
    client: Client,
    /// The poller says that there is something to do.
    ready: bool,
    publishes: bool,
}

/// A count of the actor, as a metric. Counts named `bad_…` are input that could not be used.
struct Counted {
    name: &'static str,
    metric: Counter,
    reported: u64,
}

struct Driver<'p, S: Service> {
    process: &'p Process<S::Settings>,
    cell: ActorCell<S::Actor>,
    connections: Vec<Connection>,
    poller: Poller,
    packets: PacketReceiver,
    next_packet: u64,
    ledger: Option<Box<dyn Ledger>>,
    bridge: Option<Box<dyn Bridge>>,
    journal: Journal,
    inbox: FrameBuffer,
    counters: Vec<Counted>,
    output_digest: u64,
}

/// Runs the service's actor until the process is asked to stop.
pub(super) fn run<S: Service>(process: Process<S::Settings>) -> Result<(), BoxError> {
    let poller = Poller::new()?;
    let (sender, receiver) = packets(poller.waker());
    let source = SourceId::new(process.config.process.source.get());
    let mut driver = Driver::<S> {
        cell: ActorCell::new(S::actor(&process.settings, &process.config)?, source),
        connections: connections::<S>(&process),
        packets: receiver,
        next_packet: packet::FIRST_PACKET_SEQUENCE,
        ledger: S::ledger(&process)?,
        bridge: S::bridge(&process, sender)?,
        journal: Journal::create(&process)?,
        inbox: FrameBuffer::new(),
        counters: Vec::new(),
        output_digest: 0,
        process: &process,
        poller,
    };
    let profile = Profile::apply(&process.config.runtime.low_latency);
    driver.poller.add(process.shutdown.fd(), SHUTDOWN, false)?;
    driver.recover()?;
    while !process.shutdown.is_requested() {
        driver.wait(&profile)?;
        driver.batch()?;
    }
    driver.journal.close(driver.cell.state_digest())?;
    Ok(())
}

fn connections<S: Service>(process: &Process<S::Settings>) -> Vec<Connection> {
    let inputs = S::inputs(&process.settings);
    let mut connections = Vec::new();
    for domain in [Domain::Market, Domain::Signal, Domain::Execution] {
        let input = inputs.iter().find(|input| input.domain == domain);
        let publishes = S::outputs().contains(&domain);
        let Some(path) = process.config.relays.of(domain).filter(|_| publishes || input.is_some()) else { continue };
        let role = match (publishes, input) {
            (true, Some(_)) => Role::Peer,
            (true, None) => Role::Publisher,
            (false, _) => Role::Subscriber,
        };
        let config = ClientConfig {
            path: path.clone(),
            identity: identity(process, role),
            domain,
            subscription: input.map(subscription),
            send_queue_bytes: SEND_QUEUE_BYTES,
            resend_bytes: RESEND_BYTES,
            backoff: Backoff::default(),
        };
        let seed = process.status.started_ns() ^ u64::from(process.config.process.source.get());
        connections.push(Connection { domain, client: Client::new(config, seed), ready: true, publishes });
    }
    connections
}

fn identity<S>(process: &Process<S>, role: Role) -> Identity {
    Identity {
        name: FixedStr::truncated(&process.config.process.name),
        source: SourceId::new(process.config.process.source.get()),
        role,
        mode: process.config.mesh.mode,
        mesh_id: process.config.mesh.id,
        started_ns: process.status.started_ns(),
        build: FixedStr::truncated(env!("CARGO_PKG_VERSION")),
    }
}

fn subscription(input: &Input) -> Subscription {
    Subscription {
        types: if input.types.is_empty() { TypeSet::all() } else { input.types.iter().copied().collect() },
        instruments: input.instruments.clone(),
        last_values: input.last_values,
    }
}

impl<S: Service> Driver<'_, S> {
    /// Gives the actor its ledger's rows, then its start timer, as the first batch.
    fn recover(&mut self) -> Result<(), BoxError> {
        self.begin();
        let mut rows = Vec::new();
        if let Some(ledger) = self.ledger.as_mut() {
            ledger.recover(&mut |frame| rows.extend_from_slice(frame))?;
        }
        let rows = ValidFrames::check(&rows).map_err(|(_, error)| error)?;
        for message in rows {
            self.journal.whole(&message);
            self.cell.deliver(&message);
        }
        if !rows.is_empty() {
            tracing::info!(messages = rows.len(), "recovered from the ledger");
        }
        self.fire_timers();
        self.finish()
    }

    /// Sleeps until there is something to do.
    fn wait(&mut self, profile: &Profile) -> Result<(), BoxError> {
        for (token, connection) in (0u64..).zip(self.connections.iter_mut()) {
            connection.client.watch(&mut self.poller, token)?;
        }
        let now_ns = clock::now_ns();
        let timer = self.cell.next_timer_ns().map(|at| Duration::from_nanos(at.saturating_sub(now_ns)));
        let now = Instant::now();
        let deadlines = self.connections.iter().filter_map(|c| c.client.deadline());
        let deadline = deadlines.min().map(|at| at.saturating_duration_since(now));
        let timeout = [Some(IDLE), timer, deadline].into_iter().flatten().min().unwrap_or(IDLE);
        let spin_until = now + profile.spin.min(timeout);
        while Instant::now() < spin_until {
            if self.poll(Duration::ZERO)? > 0 {
                return Ok(());
            }
        }
        self.poll(timeout)?;
        Ok(())
    }

    fn poll(&mut self, timeout: Duration) -> Result<usize, BoxError> {
        let Self { poller, connections, .. } = self;
        Ok(poller.wait(Some(timeout), &mut |ready| {
            let index = usize::try_from(ready.token).unwrap_or(usize::MAX);
            if let Some(connection) = connections.get_mut(index) {
                connection.ready = true;
            }
        })?)
    }

    fn batch(&mut self) -> Result<(), BoxError> {
        self.read_relays();
        self.read_packets();
        let now_ns = clock::now_ns();
        if !self.inbox.is_empty() || self.cell.next_timer_ns().is_some_and(|at| at <= now_ns) {
            self.begin();
            self.fire_timers();
            self.deliver();
            self.finish()?;
        }
        self.report();
        Ok(())
    }

    fn read_relays(&mut self) {
        let now = Instant::now();
        let Self { connections, inbox, process, .. } = self;
        for connection in connections {
            let due = connection.client.deadline().is_some_and(|at| at <= now);
            if !core::mem::take(&mut connection.ready) && !due {
                continue;
            }
            let domain = connection.domain;
            let mut ask_for_books = false;
            connection.client.poll(now, &mut |event| match event {
                ClientEvent::Frames(frames) => inbox.extend(frames),
                ClientEvent::Control(message) => inbox.push(&message),
                ClientEvent::Gap(gap) => {
                    process.status.dropped.fetch_add(gap.dropped(), Ordering::Relaxed);
                    tracing::warn!(%domain, missing = gap.dropped(), "messages were missed");
                    inbox.extend(gap.frames());
                    ask_for_books = domain == Domain::Market;
                }
                ClientEvent::Up { relay } => tracing::info!(%domain, relay = %relay, "connected"),
                ClientEvent::Down { reason } => tracing::warn!(%domain, %reason, "not connected"),
            });
            if ask_for_books {
                connection.client.request_snapshots(InstrumentId::default());
            }
        }
    }

    fn read_packets(&mut self) {
        self.packets.rearm();
        let source = SourceId::new(self.process.config.process.source.get());
        for _ in 0..PACKETS_PER_BATCH {
            let Some(incoming) = self.packets.take() else { return };
            let stamp = packet::stamp(source, self.next_packet, incoming.head.received_ns);
            match self.inbox.build(&stamp, |frame| packet::fill(frame, &incoming.head, &incoming.bytes)) {
                Ok(_) => self.next_packet += 1,
                Err(error) => {
                    self.process.status.bad_input("packet_too_large", 1);
                    tracing::error!(%error, "a packet from outside does not fit a message; it is left out");
                }
            }
        }
        // There may be more: look again without sleeping.
        self.poller.waker().wake();
    }

    fn begin(&mut self) {
        let now_ns = self.cell.begin(clock::now_ns());
        self.journal.begin(now_ns);
    }

    fn fire_timers(&mut self) {
        while let Some(timer) = self.cell.fire_due() {
            self.journal.timer(timer);
        }
    }

    fn deliver(&mut self) {
        let mut built_ns = 0;
        for message in self.inbox.frames() {
            self.journal.message(&message);
            self.cell.deliver(&message);
            built_ns = message.timestamp_ns();
        }
        self.process.status.messages_in.fetch_add(self.inbox.frames().len() as u64, Ordering::Relaxed);
        if built_ns > 0 {
            self.process.status.lag_ns.store(clock::now_ns().saturating_sub(built_ns), Ordering::Relaxed);
        }
    }

    /// Journal, ledger, then the world: in this order.
    fn finish(&mut self) -> Result<(), BoxError> {
        self.output_digest = self.cell.output_digest(self.output_digest);
        self.journal.end(self.cell.outbox().count(), self.output_digest, || self.cell.state_digest())?;
        if let Some(ledger) = self.ledger.as_mut() {
            ledger.commit(Frames::from(self.inbox.frames()), Frames::from(self.cell.outbox().valid_frames()))?;
        }
        self.send()?;
        self.inbox.clear();
        self.cell.outbox_mut().clear();
        let refused = self.cell.outbox_mut().take_refused();
        if refused > 0 {
            self.process.status.bad_input("output_too_large", refused);
            tracing::error!(refused, "the actor said messages that fit no frame; they are lost");
        }
        Ok(())
    }

    /// Gives each run of frames of one domain to its relay, and requests to the bridge.
    fn send(&mut self) -> Result<(), BoxError> {
        let Self { cell, connections, bridge, process, .. } = self;
        let outputs = cell.outbox().valid_frames();
        for (domain, run) in outputs.runs_by(Message::domain) {
            match domain {
                Domain::System => run.iter().for_each(|message| give_to_bridge(bridge.as_deref_mut(), &message)),
                Domain::Market | Domain::Signal | Domain::Execution => send_run(connections, domain, run, process)?,
            }
        }
        process.status.messages_out.fetch_add(outputs.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Readiness and the actor's own counts.
    fn report(&mut self) {
        let connected = self.connections.iter().all(|connection| connection.client.is_up());
        self.process.status.set_ready(connected && self.bridge.as_ref().is_none_or(|bridge| bridge.is_ready()));
        for (name, count) in self.cell.counters().iter() {
            let known = self.counters.iter().position(|counted| counted.name == name);
            let index = known.unwrap_or_else(|| {
                let metric = self.process.metrics.counter(&format!("alphamesh_actor_{name}"), "Counted by the actor");
                self.counters.push(Counted { name, metric, reported: 0 });
                self.counters.len() - 1
            });
            let Some(counted) = self.counters.get_mut(index) else { continue };
            let more = count - core::mem::replace(&mut counted.reported, count);
            counted.metric.inc_by(more);
            if name.starts_with("bad_") && more > 0 {
                self.process.status.bad_input(name, more);
            }
        }
    }
}

fn send_run<S>(
    connections: &mut [Connection],
    domain: Domain,
    frames: ValidFrames<'_>,
    process: &Process<S>,
) -> Result<(), BoxError> {
    let Some(connection) = connections.iter_mut().find(|c| c.domain == domain && c.publishes) else {
        return Err(format!("the actor speaks in the {domain} domain, which its service does not publish to").into());
    };
    match connection.client.send(frames.bytes()) {
        SendOutcome::Sent | SendOutcome::Queued => Ok(()),
        // Market data is worth nothing later: what finds no room is dropped and counted.
        SendOutcome::Full { .. } if domain == Domain::Market => {
            process.status.dropped.fetch_add(frames.len() as u64, Ordering::Relaxed);
            Ok(())
        }
        SendOutcome::Full { .. } => Err(format!(
            "the {domain} relay was away for so long that {SEND_QUEUE_BYTES} bytes wait for it: nothing may be lost, so \
             the process ends and recovers from its ledger when it is started again"
        )
        .into()),
    }
}

fn give_to_bridge(bridge: Option<&mut (dyn Bridge + 'static)>, message: &Message<'_>) {
    if let (Some(bridge), Some(request)) = (bridge, message.get_tailed::<ExternalRequest>()) {
        bridge.request(request.head, request.items);
    }
}
