//! Listens to relays, as `tap` and `top` do: it is in no topology, says nothing, and has no journal. And the connection of
//! the one who may say something beside the processes: the operator.

use core::ops::ControlFlow;
use std::time::{Duration, Instant};

use mesh_codec::Message;
use mesh_topology::Layout;
use mesh_transport::{Backoff, Client, ClientConfig, ClientEvent, DownReason, Identity, Subscription};
use mesh_types::system::EndOfSnapshot;
use mesh_types::{Domain, FixedStr, MessageId, Role, SourceId};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::failure::{Failure, Outcome};
use crate::home;

/// How often who follows a relay is asked whether it has seen enough.
const TICK: Duration = Duration::from_millis(50);
/// A relay welcomes within this, or is taken for one that hangs.
const WELCOME: Duration = Duration::from_secs(5);
/// A listener says nothing, the operator little.
const SEND_QUEUE_BYTES: usize = 4096;

/// Connections to some relays.
pub(crate) struct Feed {
    clients: Vec<(Domain, Client)>,
}

impl Feed {
    /// Connections to the relays of these domains; they are made, and made again, while [`Feed::wait`] runs. Of the sources
    /// in `earlier`, the relays are asked for what they have kept.
    ///
    /// # Errors
    /// When no mesh was started in this home.
    pub(crate) fn new(
        layout: &Layout,
        name: &str,
        domains: &[Domain],
        wanted: &Subscription,
        earlier: &[SourceId],
    ) -> Outcome<Self> {
        let started_ns = mesh_runtime::clock::now_ns();
        let identity = identity(layout, name, SourceId::default(), Role::Subscriber, started_ns)?;
        let client = |domain: &Domain| {
            let config = config(layout, identity, *domain, Some(wanted.clone()));
            let mut client = Client::new(config, started_ns);
            let from_the_start: Vec<MessageId> =
                earlier.iter().map(|source| MessageId::new(*domain, *source, 0, 0)).collect();
            client.resume_from(&from_the_start);
            (*domain, client)
        };
        Ok(Self { clients: domains.iter().map(client).collect() })
    }

    /// Waits until something comes, at most this long, and tells what came.
    ///
    /// # Errors
    /// When the system can't wait.
    pub(crate) fn wait(&mut self, most: Duration, on_event: &mut dyn FnMut(Domain, ClientEvent<'_>)) -> Outcome {
        let now = Instant::now();
        let due = self.clients.iter().filter_map(|(_, client)| client.deadline()).min();
        let most = due.map_or(most, |due| due.saturating_duration_since(now).min(most));
        let timeout =
            Timespec { tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX), tv_nsec: most.subsec_nanos().into() };
        let mut waiting: Vec<PollFd<'_>> = self
            .clients
            .iter()
            .filter_map(|(_, client)| {
                let flags = if client.wants_write() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
                client.fd().map(|fd| PollFd::from_borrowed_fd(fd, flags))
            })
            .collect();
        match poll(&mut waiting, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
        let now = Instant::now();
        for (domain, client) in &mut self.clients {
            client.poll(now, &mut |event| on_event(*domain, event));
        }
        Ok(())
    }
}

/// What who follows a relay sees.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    /// A message.
    Message(Message<'a>),
    /// All last values have been told.
    AllLastValues,
    /// Messages were missed.
    Missed,
    /// Nothing new; told some times a second.
    Nothing,
}

/// Follows one relay until `on` breaks off.
///
/// # Errors
/// When no mesh was started in this home, or the relay can't be reached to begin with.
pub(crate) fn follow(
    layout: &Layout,
    name: &str,
    domain: Domain,
    wanted: &Subscription,
    on: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
) -> Outcome {
    let mut feed = Feed::new(layout, name, &[domain], wanted, &[])?;
    let deadline = Instant::now() + WELCOME;
    let mut up = false;
    loop {
        let mut flow = ControlFlow::Continue(());
        let mut problem = None;
        feed.wait(TICK, &mut |_, event| {
            if flow.is_break() {
                return;
            }
            flow = match event {
                ClientEvent::Frames(frames) => frames.iter().try_for_each(|message| on(Seen::Message(message))),
                ClientEvent::Control(message) if message.get::<EndOfSnapshot>().is_some() => on(Seen::AllLastValues),
                ClientEvent::Gap(_) => on(Seen::Missed),
                ClientEvent::Down { reason } => {
                    problem = refusal(&reason, domain).filter(|_| !up);
                    on(Seen::Missed)
                }
                ClientEvent::Up { .. } => {
                    up = true;
                    ControlFlow::Continue(())
                }
                ClientEvent::Control(_) => ControlFlow::Continue(()),
            };
        })?;
        if let Some(problem) = problem {
            return Err(problem);
        }
        if flow.is_break() || on(Seen::Nothing).is_break() {
            return Ok(());
        }
        if !up && Instant::now() > deadline {
            return Err(Failure::bad(format!(
                "the {} relay does not answer within {} s",
                domain.name(),
                WELCOME.as_secs()
            )));
        }
    }
}

/// Why a relay that was never reached won't be soon.
pub(crate) fn refusal(reason: &DownReason, relay: Domain) -> Option<Failure> {
    match reason {
        DownReason::Unreachable(_) => Some(Failure::bad(format!(
            "the {} relay does not run ({reason}); `./manage.sh status` shows the mesh",
            relay.name()
        ))),
        DownReason::Logout { .. } => Some(Failure::bad(reason)),
        _ => None,
    }
}

/// A connection on which the operator publishes, with the time that its messages may have: it is this run's start.
///
/// # Errors
/// When no mesh was started in this home.
pub(crate) fn operator(layout: &Layout, name: &str, domain: Domain) -> Outcome<(Client, u64)> {
    let started_ns = mesh_runtime::clock::now_ns();
    let identity = identity(layout, name, SourceId::OPERATOR, Role::Publisher, started_ns)?;
    Ok((Client::new(config(layout, identity, domain, None), started_ns), started_ns))
}

fn identity(layout: &Layout, name: &str, source: SourceId, role: Role, started_ns: u64) -> Outcome<Identity> {
    let mesh = home::identity(layout)?.ok_or_else(|| {
        Failure::bad(format!("no mesh was started in {}; `./manage.sh up` starts one", layout.home().display()))
    })?;
    Ok(Identity {
        name: FixedStr::truncated(&format!("{name}-{}", std::process::id())),
        source,
        role,
        mode: mesh.mode,
        mesh_id: mesh.id,
        started_ns,
        build: FixedStr::truncated(env!("CARGO_PKG_VERSION")),
    })
}

fn config(layout: &Layout, identity: Identity, domain: Domain, subscription: Option<Subscription>) -> ClientConfig {
    ClientConfig {
        path: layout.relay_socket(domain),
        identity,
        domain,
        subscription,
        send_queue_bytes: SEND_QUEUE_BYTES,
        resend_bytes: SEND_QUEUE_BYTES,
        backoff: Backoff::default(),
    }
}
