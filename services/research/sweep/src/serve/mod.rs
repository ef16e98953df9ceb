//! `sweep serve`: takes jobs from the signal relay, tells how far they are, and publishes what was found.
//!
//! A job that was told to be `queued` is on the disk, and done however often the process is stopped or killed: its study goes
//! on where it was. It is over once its candidates were given to the relay; killed just before that, they come again with the
//! same study, rank, trial and digest.

mod jobs;
mod messages;
mod settings;
mod work;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mesh_codec::Stamp;
use mesh_codec::registry::TlvBody;
use mesh_runtime::{About, BoxError, Process, clock};
use mesh_study::queue::{Job, Offered, stays_below};
use mesh_transport::{Backoff, Client, ClientConfig, ClientEvent, Identity, Poller, SendOutcome, Subscription};
use mesh_types::research::SweepJob;
use mesh_types::{Domain, FixedStr, MessageId, Role, SourceId, SweepState};
use zerocopy::FromBytes;

use jobs::Jobs;
use messages::Said;
pub use settings::ServeSettings;
use work::{Came, Order, Work};

const ABOUT: About = About {
    name: "sweep-serve",
    kind: "research",
    about: "Runs sweeps that are asked for over the mesh, and publishes what they find",
};

/// The longest sleep: a study's end and its progress are looked at this often.
const IDLE: Duration = Duration::from_millis(50);
/// How long a stopping process tries to say so.
const FAREWELL: Duration = Duration::from_secs(1);
const SHUTDOWN: u64 = 100;
const RELAY: u64 = 0;

/// The program.
pub fn main() -> ExitCode {
    mesh_runtime::run::<ServeSettings>(&ABOUT, serve)
}

fn serve(process: Process<ServeSettings>) -> Result<(), BoxError> {
    let mut poller = Poller::new()?;
    poller.add(process.shutdown.fd(), SHUTDOWN, false)?;
    let mut service = Service::new(process)?;
    while !service.process.shutdown.is_requested() {
        service.exchange(&mut poller)?;
        service.step()?;
    }
    service.stop(&mut poller)
}

/// A job that is worked on.
#[derive(Debug)]
struct Current {
    spec_hash: [u8; 32],
    cause: MessageId,
    state: State,
    told: Instant,
}

#[derive(Debug)]
enum State {
    /// Its study runs.
    Working(Work),
    /// It is over once this was given to the relay.
    Telling(VecDeque<Said>),
}

struct Service {
    process: Process<ServeSettings>,
    client: Client,
    source: SourceId,
    sequence: u64,
    jobs: Jobs,
    current: Option<Current>,
    /// What came and is not looked at yet: at most what one read holds.
    came: Vec<(MessageId, SweepJob)>,
}

impl Service {
    fn new(process: Process<ServeSettings>) -> Result<Self, BoxError> {
        let config = &process.config;
        let file = config.mesh.home.join("research").join("jobs").join(format!("{}.json", config.process.name));
        let jobs = Jobs::open(file)?;
        if jobs.len() > 0 {
            tracing::info!(jobs = jobs.len(), "sweeps that were asked for before go on");
        }
        let client = Client::new(client_config(&process), process.status.started_ns());
        let source = SourceId::new(config.process.source.get());
        Ok(Self { client, source, sequence: 0, jobs, current: None, came: Vec::new(), process })
    }

    /// Takes what the relay has sent, and gives it what waits.
    fn exchange(&mut self, poller: &mut Poller) -> Result<(), BoxError> {
        self.client.watch(poller, RELAY)?;
        let now = Instant::now();
        let due = self.client.deadline().map_or(IDLE, |at| at.saturating_duration_since(now)).min(IDLE);
        poller.wait(Some(due), &mut |_| ())?;
        let Self { client, came, process, .. } = self;
        client.poll(Instant::now(), &mut |event| match event {
            ClientEvent::Frames(frames) => {
                process.status.messages_in.fetch_add(frames.len() as u64, Ordering::Relaxed);
                came.extend(frames.iter().filter_map(|message| Some((message.id(), *message.get::<SweepJob>()?))));
            }
            ClientEvent::Gap(gap) => {
                process.status.dropped.fetch_add(gap.dropped(), Ordering::Relaxed);
                tracing::warn!(
                    missing = gap.dropped(),
                    "messages were missed: who asked for a sweep and got no answer asks again"
                );
            }
            ClientEvent::Control(_) => {}
            ClientEvent::Up { relay } => tracing::info!(relay = %relay, "connected"),
            ClientEvent::Down { reason } => tracing::warn!(%reason, "not connected"),
        });
        self.process.status.set_ready(self.client.is_up());
        for (id, job) in std::mem::take(&mut self.came) {
            self.on_job(id, &job);
        }
        Ok(())
    }

    fn on_job(&mut self, id: MessageId, body: &SweepJob) {
        let spec_hash = body.spec_hash;
        let Some(spec) = body.spec.as_str().filter(|spec| stays_below(spec.as_ref())) else {
            self.process.status.bad_input("sweep_job", 1);
            tracing::warn!(job = %id, spec = %body.spec, "a job whose specification lies outside the mesh's research folder");
            let text = "expected a path below the mesh's research folder";
            return self.say(&messages::stands(spec_hash, "", SweepState::Refused, text), id);
        };
        let job = Job { spec_hash: hex::encode(spec_hash), spec: spec.to_owned(), cause: hex::encode(id.as_bytes()) };
        let most = self.process.settings.queue_jobs;
        let (state, text) = match self.jobs.offer(job, most) {
            Ok(Offered::Taken) => {
                tracing::info!(job = %id, spec, "a sweep was asked for");
                (SweepState::Queued, format!("{} before it", self.jobs.len() - 1))
            }
            Ok(Offered::Known { before: 0 }) if self.current.is_some() => {
                (SweepState::Running, "it runs already".to_owned())
            }
            Ok(Offered::Known { before }) => (SweepState::Queued, format!("it waits already, {before} before it")),
            Ok(Offered::Full) => {
                self.process.status.dropped.fetch_add(1, Ordering::Relaxed);
                (SweepState::Refused, format!("{most} sweeps wait already: submit it again when one is done"))
            }
            Err(failure) => (SweepState::Refused, failure.to_string()),
        };
        self.say(&messages::stands(spec_hash, "", state, &text), id);
    }

    /// Goes on with the job at hand, or begins the next.
    fn step(&mut self) -> Result<(), BoxError> {
        let Some(mut current) = self.current.take() else { return self.begin() };
        current.state = match current.state {
            State::Working(work) if work.is_over() => State::Telling(told(current.spec_hash, work.end())),
            State::Working(work) => {
                if current.told.elapsed() >= self.process.settings.progress_interval() {
                    let now = work.now();
                    let running = SweepState::Running;
                    let said = messages::progress(current.spec_hash, &now.study, running, &now.goal, &now.progress);
                    self.say(&said, current.cause);
                    current.told = Instant::now();
                }
                State::Working(work)
            }
            State::Telling(mut left) => {
                while left.front().is_some_and(|said| self.send(said, current.cause)) {
                    left.pop_front();
                }
                // Given to the relay's socket: a kill can't take it back.
                if left.is_empty() && self.client.is_up() && !self.client.wants_write() {
                    self.jobs.end_first()?;
                    return Ok(());
                }
                State::Telling(left)
            }
        };
        self.current = Some(current);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), BoxError> {
        let Some(job) = self.jobs.first() else { return Ok(()) };
        let mut spec_hash = [0; 32];
        let cause = hex::decode(&job.cause).ok().and_then(|bytes| MessageId::read_from_bytes(&bytes).ok());
        let (Ok(()), Some(cause)) = (hex::decode_to_slice(&job.spec_hash, &mut spec_hash), cause) else {
            tracing::error!(spec = job.spec, "a job in the queue is damaged; it is passed over");
            return Ok(self.jobs.end_first()?);
        };
        let order = Order {
            spec_hash,
            spec: job.spec.clone().into(),
            home: self.process.config.mesh.home.clone(),
            settings: self.process.settings.clone(),
        };
        let state = State::Working(Work::begin(order)?);
        self.current = Some(Current { spec_hash, cause, state, told: Instant::now() });
        Ok(())
    }

    /// Says something that a later message of its kind replaces: dropped, and counted, where there is no room.
    fn say(&mut self, said: &Said, cause: MessageId) {
        if !self.send(said, cause) {
            self.process.status.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether it found room.
    fn send(&mut self, said: &Said, cause: MessageId) -> bool {
        let stamp = Stamp {
            domain: Domain::Signal,
            source: self.source,
            sequence: self.sequence + 1,
            timestamp_ns: clock::now_ns(),
        };
        let frame = match said.frame(&stamp, cause) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::error!(%error, "a message can't be built; it is left out");
                return true;
            }
        };
        if let SendOutcome::Full { .. } = self.client.send(&frame) {
            return false;
        }
        self.sequence += 1;
        self.process.status.messages_out.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Ends the study at hand, keeping what is done of it, and says so.
    fn stop(mut self, poller: &mut Poller) -> Result<(), BoxError> {
        if let Some(Current { spec_hash, cause, state: State::Working(work), .. }) = self.current.take() {
            work.stop();
            let now = work.now();
            if let Came::Stopped = work.end() {
                tracing::info!(study = now.study, "the sweep is stopped; it goes on when this process starts again");
            }
            let said = messages::progress(spec_hash, &now.study, SweepState::Stopped, &now.goal, &now.progress);
            self.say(&said, cause);
        }
        let until = Instant::now() + FAREWELL;
        while self.client.is_up() && self.client.wants_write() && Instant::now() < until {
            self.exchange(poller)?;
        }
        Ok(())
    }
}

fn told(spec_hash: [u8; 32], came: Came) -> VecDeque<Said> {
    match came {
        Came::Done(said) => said.into(),
        // Only a process that stops asks for that, and it does not get here.
        Came::Stopped => VecDeque::new(),
        Came::Failed(text) => {
            tracing::warn!(text, "a sweep failed");
            VecDeque::from([messages::stands(spec_hash, "", SweepState::Failed, &text)])
        }
    }
}

fn client_config(process: &Process<ServeSettings>) -> ClientConfig {
    let config = &process.config;
    let identity = Identity {
        name: FixedStr::truncated(&config.process.name),
        source: SourceId::new(config.process.source.get()),
        role: Role::Peer,
        mode: config.mesh.mode,
        mesh_id: config.mesh.id,
        started_ns: process.status.started_ns(),
        build: FixedStr::truncated(env!("CARGO_PKG_VERSION")),
    };
    let room = settings::CANDIDATE_BYTES * (usize::from(process.settings.candidates) + 1);
    ClientConfig {
        path: config.relays.signal.clone(),
        identity,
        domain: Domain::Signal,
        subscription: Some(Subscription { types: [SweepJob::NUMBER].into_iter().collect(), ..Subscription::default() }),
        send_queue_bytes: room,
        resend_bytes: room,
        backoff: Backoff::default(),
    }
}
