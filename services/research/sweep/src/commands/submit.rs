//! `sweep submit`: asks the mesh for a study, and follows it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Message, Stamp, json};
use mesh_config::ProcessConfig;
use mesh_runtime::clock;
use mesh_transport::{Backoff, Client, ClientConfig, ClientEvent, Identity, Poller, SendOutcome, Subscription};
use mesh_types::research::{Candidate, SweepJob, SweepProgress};
use mesh_types::{Domain, FixedStr, Role, SourceId, SweepState};
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use sweep::Failure;
use sweep::study::read_spec;

use super::{say, shown};
use crate::cli::SubmitOptions;

const SEND_QUEUE_BYTES: usize = 4096;
const POLL: Duration = Duration::from_millis(100);
/// A study that runs is heard of at least this often, at the longest interval that can be set.
const SILENCE: Duration = Duration::from_secs(90);

pub(crate) fn submit(home: &Path, options: &SubmitOptions) -> Result<(), Failure> {
    let job = job(home, &options.spec)?;
    let config = process(home, &options.process)?;
    let wanted = [SweepProgress::NUMBER, Candidate::NUMBER].into_iter().collect();
    let subscription = Subscription { types: wanted, ..Subscription::default() };
    let mut follower = Follower { job, as_json: options.json, state: None, found: 0, text: String::new() };
    let mut listener = client(&config, "sweep-follow", SourceId::default(), Some(subscription));
    let mut poller = Poller::new()?;
    let deadline = Instant::now() + Duration::from_secs(options.timeout);
    while !listener.is_up() {
        exchange(&mut poller, &mut listener, 0, &mut follower)?;
        if Instant::now() > deadline {
            return Err(no_answer(&config.process.name, "the signal relay does not answer"));
        }
    }
    // Only then is it said: the answer can't be missed.
    let mut speaker = client(&config, "sweep-submit", SourceId::OPERATOR, None);
    let stamp =
        Stamp { domain: Domain::Signal, source: SourceId::OPERATOR, sequence: 1, timestamp_ns: clock::now_ns() };
    let mut frame = Vec::new();
    FrameBuilder::new(&mut frame, &stamp).body(&job).finish().map_err(|error| Failure::bad(error.to_string()))?;
    if let SendOutcome::Full { .. } = speaker.send(&frame) {
        return Err(Failure::bad("the job finds no room to be sent"));
    }
    while follower.state.is_none() {
        exchange(&mut poller, &mut speaker, 1, &mut follower)?;
        exchange(&mut poller, &mut listener, 0, &mut follower)?;
        if Instant::now() > deadline {
            return Err(no_answer(&config.process.name, "nobody takes sweeps"));
        }
    }
    drop(speaker);
    let mut heard = (Instant::now(), follower.clone_of_place());
    while options.wait && follower.goes_on() {
        exchange(&mut poller, &mut listener, 0, &mut follower)?;
        match follower.clone_of_place() {
            place if place != heard.1 => heard = (Instant::now(), place),
            _ if follower.state == Some(SweepState::Running) && heard.0.elapsed() > SILENCE => {
                return Err(no_answer(&config.process.name, "nothing was heard of it for long"));
            }
            _ => {}
        }
    }
    follower.end(options.wait)
}

/// What is asked for; the specification is checked here, so that mistakes are told at once.
fn job(home: &Path, path: &Path) -> Result<SweepJob, Failure> {
    let fault = |error: io::Error| Failure::usage(format!("{}: can't be read: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(fault)?;
    read_spec(&path.display().to_string(), &text)?;
    let research = home.join("research");
    let real = path.canonicalize().map_err(fault)?;
    let below = research.canonicalize().ok().and_then(|folder| real.strip_prefix(folder).ok().map(Path::to_owned));
    let below = below.ok_or_else(|| {
        Failure::usage(format!(
            "{}: the mesh takes specifications from below {} alone: put it there, with its bars",
            path.display(),
            research.display()
        ))
    })?;
    let spec = below.to_str().and_then(|text| FixedStr::new(text).ok()).ok_or_else(|| {
        Failure::usage(format!("{}: expected a path of at most 96 bytes of text below research", below.display()))
    })?;
    Ok(SweepJob { spec_hash: Sha256::digest(&text).into(), spec })
}

/// What the mesh told its sweeping process.
fn process(home: &Path, name: &str) -> Result<ProcessConfig, Failure> {
    let path = home.join("run").join(format!("{name}.toml"));
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::bad(format!(
            "{}: {error}: no mesh with a process {name} was started in this home; `./manage.sh up research` starts one",
            path.display()
        ))
    })?;
    let (config, _) = ProcessConfig::parse::<IgnoredAny>(&path.display().to_string(), &text, std::env::vars())
        .map_err(|error| Failure::usage(error.to_string()))?;
    Ok(config)
}

fn client(config: &ProcessConfig, name: &str, source: SourceId, subscription: Option<Subscription>) -> Client {
    let started_ns = clock::now_ns();
    let identity = Identity {
        name: FixedStr::truncated(&format!("{name}-{}", std::process::id())),
        source,
        role: if subscription.is_some() { Role::Subscriber } else { Role::Publisher },
        mode: config.mesh.mode,
        mesh_id: config.mesh.id,
        started_ns,
        build: FixedStr::truncated(env!("CARGO_PKG_VERSION")),
    };
    let config = ClientConfig {
        path: config.relays.signal.clone(),
        identity,
        domain: Domain::Signal,
        subscription,
        send_queue_bytes: SEND_QUEUE_BYTES,
        resend_bytes: SEND_QUEUE_BYTES,
        backoff: Backoff::default(),
    };
    Client::new(config, started_ns)
}

fn exchange(poller: &mut Poller, client: &mut Client, token: u64, follower: &mut Follower) -> Result<(), Failure> {
    client.watch(poller, token)?;
    let due = client.deadline().map_or(POLL, |at| at.saturating_duration_since(Instant::now())).min(POLL);
    poller.wait(Some(due), &mut |_| ())?;
    let mut result = Ok(());
    client.poll(Instant::now(), &mut |event| match event {
        ClientEvent::Frames(frames) => {
            for message in frames.iter() {
                if result.is_ok() {
                    result = follower.hears(&message);
                }
            }
        }
        ClientEvent::Down { reason } => {
            // Nobody is left to tell where even this fails.
            let _ = writeln!(io::stderr(), "{reason}");
        }
        ClientEvent::Gap(_) | ClientEvent::Control(_) | ClientEvent::Up { .. } => {}
    });
    result
}

fn no_answer(name: &str, what: &str) -> Failure {
    Failure::bad(format!(
        "{what}: is the process {name} running? `./manage.sh status` says; submitting it again is safe"
    ))
}

/// What is heard of one job.
struct Follower {
    job: SweepJob,
    as_json: bool,
    state: Option<SweepState>,
    found: usize,
    text: String,
}

impl Follower {
    fn hears(&mut self, message: &Message<'_>) -> Result<(), Failure> {
        let ours = |hash: &[u8; 32]| *hash == self.job.spec_hash;
        if let Some(progress) = message.get::<SweepProgress>().filter(|progress| ours(&progress.spec_hash)) {
            self.state = progress.state.get();
            self.text = line(progress);
            return if self.as_json { say(&json::message(message).to_string()) } else { say(&self.text) };
        }
        if let Some(candidate) = message.get_tailed::<Candidate>().filter(|found| ours(&found.head.spec_hash)) {
            self.found += 1;
            if self.as_json {
                return say(&json::message(message).to_string());
            }
            let figures = candidate.items.iter().map(|figure| {
                format!(
                    "{} {}={}",
                    figure.kind.get().map_or("?", |kind| kind.name()),
                    figure.name,
                    shown(Some(figure.value.get()))
                )
            });
            let figures: Vec<String> = figures.collect();
            return say(&format!(
                "candidate {}, trial {}: {}",
                candidate.head.rank,
                candidate.head.trial,
                figures.join(", ")
            ));
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        !matches!(self.state, Some(SweepState::Done | SweepState::Refused | SweepState::Failed))
    }

    /// What changes while something is heard.
    fn clone_of_place(&self) -> (Option<SweepState>, usize, String) {
        (self.state, self.found, self.text.clone())
    }

    fn end(&self, waited: bool) -> Result<(), Failure> {
        match self.state {
            Some(SweepState::Refused | SweepState::Failed) => Err(Failure::bad(self.text.clone())),
            _ if waited || self.as_json => Ok(()),
            _ => say("`sweep submit --wait` with the same file follows it"),
        }
    }
}

fn line(progress: &SweepProgress) -> String {
    let state = progress.state.get().map_or("unknown", SweepState::name);
    let mut text = format!("{} {state}", progress.study).trim().to_owned();
    let (ended, trials, best) = (progress.ended.get(), progress.trials.get(), progress.best_value.get());
    if trials > 0 {
        text += &format!(", {ended} of {trials} trials");
    }
    if !best.is_nan() {
        text += &format!(", best {} {best:.4} (trial {})", progress.goal, progress.best_trial);
    }
    if progress.left_ns.get() > 0 {
        text += &format!(", {} s left", progress.left_ns.get() / 1_000_000_000);
    }
    match progress.text.to_string() {
        said if said.is_empty() => text,
        said => text + ": " + &said,
    }
}
