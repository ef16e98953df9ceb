//! The supervisor: drives the rules in [`machine`] with real processes.
//!
//! Invariants: its death ends none of the processes, and the next supervisor finds them by their locks; only one runs in a home
//! (its own lock); a process is signalled through a descriptor that can't come to mean another process.

mod live;
mod machine;
mod rotate;
pub(crate) mod spawn;

use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use mesh_runtime::lock::ProcessLock;
use mesh_topology::{Layout, Topology, render};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::control::{self, Asked, Request, Response};
use crate::failure::{Failure, Outcome};
use crate::home::{self, Chosen, Identity};
use crate::probe::Said;
use crate::procfs;
use crate::report::{MeshReport, ProcessReport, State};
use crate::state::{self, Found, Saved, SavedProcess};
use live::{Event, Live, Samples};
use machine::{Action, End, Machine, Phase};

const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// `mesh supervise`: runs until everything was asked to stop, or it is ended itself.
///
/// SIGTERM and SIGINT end the supervisor and leave the processes; SIGHUP changes nothing.
pub(crate) fn run(layout: Layout, down: bool) -> Outcome {
    // Fails only where the session is its own already.
    let _ = rustix::process::setsid();
    let chosen = Chosen::active(&layout)?
        .ok_or_else(|| Failure::usage("nothing was started in this home yet; `mesh up` starts it"))?;
    let identity =
        home::identity(&layout)?.ok_or_else(|| Failure::usage("this home has no mesh.id; `mesh up` makes one"))?;
    let _lock = ProcessLock::take(&layout.lock_file("mesh")).map_err(Failure::bad)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (events, inbox) = mpsc::channel(1024);
        let mut supervisor = Supervisor::new(layout, chosen.topology, identity, events)?;
        supervisor.find_running();
        if down {
            supervisor.machine.stop_all();
        }
        supervisor.work(inbox).await
    })
}

struct Supervisor {
    layout: Layout,
    topology: Topology,
    identity: Identity,
    binaries: PathBuf,
    machine: Machine,
    live: Vec<Option<Live>>,
    samples: Vec<Samples>,
    saved: Saved,
    started: Instant,
    events: mpsc::Sender<Event>,
}

impl Supervisor {
    fn new(layout: Layout, topology: Topology, identity: Identity, events: mpsc::Sender<Event>) -> Outcome<Self> {
        let saved = Saved::read(&layout).unwrap_or_default();
        let mut machine = Machine::new(&topology);
        for (index, name) in topology.names().enumerate() {
            let (wanted, restarts) = saved.process(name).map_or((true, 0), |saved| (saved.wanted, saved.restarts));
            machine.remember(index, wanted, restarts);
        }
        let count = topology.processes.len();
        let binaries = if saved.binaries.as_os_str().is_empty() { home::binaries()? } else { saved.binaries.clone() };
        Ok(Self {
            layout,
            topology,
            identity,
            binaries,
            machine,
            live: (0..count).map(|_| None).collect(),
            samples: vec![Samples::default(); count],
            saved,
            started: Instant::now(),
            events,
        })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn name(&self, index: usize) -> &str {
        self.topology.processes.get(index).map_or("", |process| &process.name)
    }

    /// Adopts what an earlier supervisor, or a person, has started; all else that should run is started.
    fn find_running(&mut self) {
        for index in 0..self.topology.processes.len() {
            let wanted = self.machine.units().get(index).is_some_and(|unit| unit.wanted);
            if !self.adopt(index) && wanted {
                self.machine.start(index);
            }
        }
    }

    /// Takes over the running process of this name, if there is one.
    fn adopt(&mut self, index: usize) -> bool {
        let name = self.name(index).to_owned();
        let Some(found) = state::find(&self.layout, &name, self.saved.process(&name)) else { return false };
        tracing::info!(name, pid = found.pid.as_raw_nonzero(), "found running, adopted");
        self.machine.adopt(index);
        self.hold(index, found, None);
        true
    }

    async fn work(&mut self, mut inbox: mpsc::Receiver<Event>) -> Outcome {
        let (requests, mut asked) = mpsc::channel(64);
        tokio::spawn(control::serve(self.listen()?, requests));
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        tracing::info!(profile = self.topology.profile, processes = self.topology.processes.len(), "supervising");
        loop {
            self.advance();
            if self.machine.all_stopped() {
                tracing::info!("all processes have stopped; so does the supervisor");
                return Ok(std::fs::remove_file(self.layout.control_socket())?);
            }
            let deadline = self.machine.next_deadline_ms().map(|ms| self.started + Duration::from_millis(ms));
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(event) = inbox.recv() => self.happened(event),
                Some((request, reply)) = asked.recv() => self.answer((request, reply)),
                () = timer => {}
                _ = housekeeping.tick() => self.keep_house(),
                _ = hangup.recv() => tracing::info!("the terminal has gone; the mesh goes on"),
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        tracing::info!("the supervisor ends; the processes go on, and `mesh up` adopts them");
        Ok(())
    }

    fn listen(&self) -> Outcome<UnixListener> {
        let path = self.layout.control_socket();
        // The lock says that nobody else listens here: a socket that is there was left behind.
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(listener)
    }

    fn happened(&mut self, event: Event) {
        let now_ms = self.now_ms();
        match event {
            Event::Ended(index, pid, end) if self.is_live(index, pid) => {
                if let Some(live) = self.live.get_mut(index) {
                    *live = None;
                }
                self.machine.ended(index, now_ms, end);
                let reason = self.machine.units().get(index).and_then(|unit| unit.reason.clone());
                tracing::info!(name = self.name(index), pid = pid.as_raw_nonzero(), reason, "ended");
            }
            Event::Probed(index, pid, said) if self.is_live(index, pid) => {
                self.machine.probed(index, said.as_ref().is_some_and(Said::is_ready));
                if let (Some(samples), Some(said)) = (self.samples.get_mut(index), said) {
                    samples.add(Instant::now(), said);
                }
            }
            Event::Ended(..) | Event::Probed(..) => {}
        }
    }

    fn is_live(&self, index: usize, pid: Pid) -> bool {
        self.live.get(index).and_then(Option::as_ref).is_some_and(|live| live.pid == pid)
    }

    fn answer(&mut self, (request, reply): Asked) {
        let before = self.report();
        let response = match self.apply(&request) {
            Ok(()) => Response::Done(before),
            Err(why) => Response::Refused(why),
        };
        // Who asked may have gone.
        let _ = reply.send(response);
    }

    fn apply(&mut self, request: &Request) -> Result<(), String> {
        let now_ms = self.now_ms();
        let mut actions = Vec::new();
        if self.machine.is_stopping() && !matches!(request, Request::Status | Request::Down) {
            return Err("the mesh is stopping; ask again once it is down".to_owned());
        }
        match request {
            Request::Status => return Ok(()),
            Request::StartAll => (0..self.topology.processes.len()).for_each(|index| self.machine.start(index)),
            Request::Down => self.machine.stop_all(),
            Request::Start { name } => self.machine.start(self.index(name)?),
            Request::Stop { name } => self.machine.stop(self.index(name)?, now_ms, &mut actions),
            Request::Restart { name } => self.machine.restart(self.index(name)?, now_ms, &mut actions),
        }
        tracing::info!(?request, "asked");
        self.perform(actions);
        self.advance();
        Ok(())
    }

    fn index(&self, name: &str) -> Result<usize, String> {
        self.topology.processes.iter().position(|process| process.name == name).ok_or_else(|| {
            format!(
                "no process {name:?} in this mesh; {}",
                mesh_topology::suggest::hint(name, self.topology.names().collect::<Vec<_>>())
            )
        })
    }

    /// Does what the rules call for now, and writes down what changed.
    fn advance(&mut self) {
        loop {
            let mut actions = Vec::new();
            self.machine.advance(self.now_ms(), &mut actions);
            if actions.is_empty() {
                break;
            }
            self.perform(actions);
        }
        let now = self.to_save();
        if now != self.saved {
            if let Err(error) = now.write(&self.layout) {
                tracing::error!(%error, path = %self.layout.state_file().display(), "the state can't be written");
            }
            self.saved = now;
        }
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Start(index) => self.start(index),
                Action::Terminate(index) => self.send(index, Signal::TERM),
                Action::Kill(index) => self.send(index, Signal::KILL),
            }
        }
    }

    fn start(&mut self, index: usize) {
        if self.adopt(index) {
            return;
        }
        let Some(process) = self.topology.processes.get(index).cloned() else { return };
        if let Some(samples) = self.samples.get_mut(index) {
            *samples = Samples::default();
        }
        let started = render::process_config(&self.topology, &process, self.identity.id, &self.layout)
            .map_err(std::io::Error::other)
            .and_then(|text| home::replace(&self.layout.config_file(&process.name), text.as_bytes()))
            .and_then(|()| spawn::start(&process, &self.layout, &self.binaries))
            .and_then(|child| {
                let pid = Pid::from_child(&child);
                let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
                Ok((Found { pid, pidfd, start_ticks: procfs::start_ticks(pid).unwrap_or_default() }, child))
            });
        match started {
            Ok((found, child)) => {
                tracing::info!(name = process.name, pid = found.pid.as_raw_nonzero(), "started");
                self.hold(index, found, Some(child));
            }
            Err(error) => {
                tracing::error!(name = process.name, %error, "can't be started");
                self.machine.ended(index, self.now_ms(), End::Failed(format!("it can't be started: {error}")));
            }
        }
    }

    /// Watches a running process and asks it for its status.
    fn hold(&mut self, index: usize, found: Found, child: Option<Child>) {
        let socket = self.layout.status_socket(self.name(index));
        if let Some(slot) = self.live.get_mut(index) {
            *slot = Some(Live::watch(index, found, child, socket, &self.events));
        }
    }

    fn send(&self, index: usize, signal: Signal) {
        if let Some(live) = self.live.get(index).and_then(Option::as_ref) {
            tracing::info!(name = self.name(index), ?signal, "signalled");
            live.send(signal);
        }
    }

    /// Memory limits and log sizes.
    fn keep_house(&mut self) {
        let now_ms = self.now_ms();
        let mut actions = Vec::new();
        for (index, process) in self.topology.processes.iter().enumerate() {
            if let Err(error) = rotate::rotate(&self.layout.log_file(&process.name), rotate::MAX_BYTES) {
                tracing::warn!(name = process.name, %error, "the log can't be rotated");
            }
            let Some(live) = self.live.get_mut(index).and_then(Option::as_mut) else { continue };
            let (rss, limits) = (procfs::resident_bytes(live.pid), process.limits);
            if limits.rss_kill_bytes > 0 && rss > limits.rss_kill_bytes {
                tracing::error!(name = process.name, rss, limit = limits.rss_kill_bytes, "too large, stopped");
                self.machine.too_large(index, now_ms, &mut actions);
            } else if limits.rss_warn_bytes > 0 && rss > limits.rss_warn_bytes && !live.warned {
                tracing::warn!(name = process.name, rss, limit = limits.rss_warn_bytes, "large");
                live.warned = true;
            }
        }
        if let Err(error) = rotate::rotate(&self.layout.log_file("mesh"), rotate::MAX_BYTES) {
            tracing::warn!(%error, "the supervisor's log can't be rotated");
        }
        self.perform(actions);
    }

    fn to_save(&self) -> Saved {
        let units = self.topology.names().zip(self.machine.units()).zip(&self.live);
        let processes = units.map(|((name, unit), live)| SavedProcess {
            name: name.to_owned(),
            wanted: unit.wanted,
            restarts: unit.restarts,
            pid: live.as_ref().map(|live| live.pid.as_raw_nonzero().get()),
            start_ticks: live.as_ref().map_or(0, |live| live.start_ticks),
        });
        Saved { binaries: self.binaries.clone(), processes: processes.collect() }
    }

    fn report(&self) -> MeshReport {
        let rows = self.topology.processes.iter().zip(self.machine.units()).zip(self.live.iter().zip(&self.samples));
        let processes = rows.map(|((process, unit), (live, samples))| ProcessReport {
            name: process.name.clone(),
            kind: process.kind.to_string(),
            state: state_of(&unit.phase),
            wanted: unit.wanted,
            pid: live.as_ref().and_then(|live| u32::try_from(live.pid.as_raw_nonzero().get()).ok()),
            uptime_s: live.as_ref().map_or(0, |live| procfs::uptime_s(live.start_ticks)),
            restarts: unit.restarts,
            rss_bytes: live.as_ref().map_or(0, |live| procfs::resident_bytes(live.pid)),
            said: samples.last.as_ref().map(|(_, said)| said.clone()).unwrap_or_default(),
            rate_in: samples.rate_in,
            rate_out: samples.rate_out,
            reason: unit.reason.clone(),
        });
        MeshReport {
            id: Some(self.identity.id),
            mode: Some(self.identity.mode.name().to_owned()),
            profile: Some(self.topology.profile.clone()),
            supervisor: Some(std::process::id()),
            processes: processes.collect(),
            kill_switches: Vec::new(),
        }
    }
}

const fn state_of(phase: &Phase) -> State {
    match phase {
        Phase::Waiting | Phase::Starting | Phase::Stopping { start_again: true, .. } => State::Starting,
        Phase::Ready => State::Ready,
        Phase::Backoff { .. } => State::Backoff,
        Phase::Failed => State::Failed,
        Phase::Down | Phase::Stopping { .. } => State::Stopped,
    }
}
