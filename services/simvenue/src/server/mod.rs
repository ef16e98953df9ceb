//! Sockets, files and the clock around the venue.

pub mod build;
pub mod http;
pub mod hub;
pub mod socket;
pub mod tape;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh_runtime::{Status, clock};
use tokio::net::TcpListener;

use crate::binance::source::Source;
use crate::binance::venue::Venue;
use crate::core::faults::Fault;
use crate::public::session::Order;
use crate::settings::Settings;
use hub::Hub;

/// The longest sleep of the market's task where nothing will come.
const IDLE: Duration = Duration::from_secs(1);

/// The venue and its connections, under one lock that is never held while waiting.
pub struct State {
    /// The venue.
    pub venue: Venue,
    /// Its connections.
    pub hub: Hub,
}

/// What all tasks share.
pub struct Shared {
    state: Mutex<State>,
    /// The settings.
    pub settings: Settings,
    /// The process's counts.
    pub status: Arc<Status>,
}

impl Shared {
    /// The state; a task that panicked while it held it has left it whole enough to go on.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A venue that listens, and is not served yet.
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl Server {
    /// Makes the venue and opens its port.
    ///
    /// # Errors
    /// When the recording can't be read, or the address is taken.
    pub async fn bind(settings: Settings, status: Arc<Status>) -> io::Result<Self> {
        let venue = build::venue(&settings, clock::now_ns())?;
        let listen = settings.listen;
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            let text = format!(
                "{listen} can't be listened at: {error}; another process may have it: stop that one, or set `listen` to \
                 another port, or to port 0 for any"
            );
            io::Error::new(error.kind(), text)
        })?;
        let hub = Hub::new(settings.limits.client_queue, settings.limits.connections);
        let state = Mutex::new(State { venue, hub });
        Ok(Self { listener, shared: Arc::new(Shared { state, settings, status }) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the socket does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is done; connections end with it.
    ///
    /// # Errors
    /// When connections can't be accepted any more.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let Self { listener, shared } = self;
        let service = http::router(Arc::clone(&shared)).into_make_service_with_connect_info::<SocketAddr>();
        let serve = axum::serve(listener, service);
        tokio::select! {
            served = async { serve.await } => served,
            () = run_market(&shared) => Ok(()),
            () = stop => Ok(()),
        }
    }
}

/// Brings the market forward and sends what it says, for ever.
async fn run_market(shared: &Shared) {
    let (mut bad_lines, mut ended) = (0, false);
    loop {
        let next_ns = {
            let mut state = shared.lock();
            state.advance(clock::now_ns(), &shared.status);
            if let Source::Tape(tape) = state.venue.source() {
                let found = tape.played.bad_lines();
                if found > bad_lines {
                    shared.status.bad_input("recording_line", found - bad_lines);
                    bad_lines = found;
                }
                if tape.has_ended() && !ended {
                    ended = true;
                    tracing::info!(bad_lines, "the recording has ended: the market is silent");
                }
            }
            state.venue.source().next_ns()
        };
        let wait = next_ns.map_or(IDLE, |next_ns| Duration::from_nanos(next_ns.saturating_sub(clock::now_ns())));
        tokio::time::sleep(wait.min(IDLE)).await;
    }
}

impl State {
    /// Carries out what a connection of another venue than Binance asks; answers how often it was refused.
    pub fn follow(&mut self, id: u64, text: &str, now_ns: u64) -> u64 {
        let Self { venue, hub } = self;
        if hub.account_mut(id).is_some() {
            let (account, answer) = venue.subscribe_account(text, now_ns);
            if let (Some(account), Some(session)) = (account, hub.account_mut(id)) {
                session.follow(account);
            }
            hub.tell(id, answer);
            return u64::from(account.is_none());
        }
        let mut refused = 0;
        for order in hub.read(id, text, now_ns) {
            match order {
                Order::Begin { stream, answer, refusal } => {
                    let Some(snapshot) = venue.snapshot(&stream, now_ns) else {
                        refused += 1;
                        hub.tell(id, refusal);
                        continue;
                    };
                    hub.tell(id, answer);
                    hub.unmute(id, &stream);
                    if venue.faults.strikes(Fault::SilentSubscription) {
                        continue;
                    }
                    if hub.public_mut(id).is_some_and(|session| session.begin(stream))
                        && let Some(snapshot) = snapshot
                    {
                        hub.tell(id, snapshot);
                    }
                }
                Order::End { stream, answer } => {
                    if let Some(session) = hub.public_mut(id) {
                        session.end(&stream);
                    }
                    hub.tell(id, answer);
                }
                Order::Say(answer) => hub.tell(id, answer),
                Order::Refuse(answer) => {
                    refused += 1;
                    hub.tell(id, answer);
                }
            }
        }
        refused
    }

    /// Tells the owners of orders what happened to them.
    pub fn tell_accounts(&mut self, status: &Status) {
        for frame in self.venue.take_reports() {
            let sent = self.hub.deliver(&frame, &mut self.venue.faults);
            status.messages_out.fetch_add(sent.delivered, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// Comes to `now_ns`, and sends what the market said until then.
    pub fn advance(&mut self, now_ns: u64, status: &Status) {
        let Self { venue, hub } = self;
        let outcome = venue.advance(now_ns, &|stream| hub.wants(stream));
        if outcome.restarted {
            hub.close_all("the recording starts again", None);
        }
        for frame in &outcome.frames {
            let sent = hub.deliver(frame, &mut venue.faults);
            status.messages_out.fetch_add(sent.delivered, std::sync::atomic::Ordering::Relaxed);
            status.dropped.fetch_add(sent.dropped, std::sync::atomic::Ordering::Relaxed);
        }
        if outcome.shutdown {
            let notice = crate::binance::frames::WRITER.server_shutdown(now_ns);
            hub.close_all("the server shuts down", Some(&notice));
        }
        self.tell_accounts(status);
    }
}
