//! Sweeps over the mesh: a real relay, the real process, killed in the middle.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Stamp};
use mesh_transport::{Backoff, Client, ClientConfig, ClientEvent, Identity, Subscription};
use mesh_types::research::{Candidate, SweepJob, SweepProgress};
use mesh_types::system::Cause;
use mesh_types::{Domain, FixedStr, MessageId, Mode, Role, SourceId, SweepState};
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

const MESH_ID: u64 = 4711;
const PATIENCE: Duration = Duration::from_secs(60);

fn binary(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a path");
    let directory = std::env::var_os("ALPHAMESH_BIN")
        .map_or_else(|| exe.ancestors().nth(2).expect("target/debug").to_owned(), PathBuf::from);
    directory.join(name)
}

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn signal(&mut self, name: &str) {
        let status = Command::new("kill").arg(name).arg(self.0.id().to_string()).status().expect("kill");
        assert!(status.success());
        self.0.wait().expect("ended");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A home with bars, specifications and configurations.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        for folder in ["run", "research"] {
            fs::create_dir(place.home().join(folder)).expect("made");
        }
        fs::write(place.home().join("research/bars.csv"), bars(4000)).expect("written");
        place
    }

    fn home(&self) -> &Path {
        self.0.path()
    }

    fn spec(&self, name: &str, budget: u32, bars: &str) -> SweepJob {
        let text = format!(
            "strategy = 'momentum'\nseed = 3\nbudget = {budget}\n[data]\nbars = ['AAA={bars}']\nsplit = 0.7\n[space]\n\
             ema_fast = {{ low = 3, high = 30 }}\nema_slow = {{ low = 40, high = 90 }}\nstop_atr = {{ low = 0.5, high = 6.0 }}\n\
             [objective]\nmaximise = 'total_return'\n[sampler]\nkind = 'random'\n[market]\nfee_bps = 3\nfraction = 0.5\n\
             [limits]\nmemory_mb = 64\nchunk = 4\nbest = 3\n"
        );
        fs::write(self.home().join("research").join(name), &text).expect("written");
        SweepJob { spec_hash: Sha256::digest(&text).into(), spec: FixedStr::truncated(name) }
    }

    fn start(&self, program: &str, name: &str, source: u16, settings: &str) -> Running {
        let run = self.home().join("run");
        let socket = |name: &str| format!("{name} = {:?}\n", run.join(format!("{name}.sock")));
        let config = format!(
            "[process]\nname = \"{name}\"\nsource = {source}\n[mesh]\nid = {MESH_ID}\nmode = \"paper\"\nprofile = \"test\"\n\
             home = {:?}\n[relays]\n{}[settings]\n{settings}",
            self.home(),
            ["market", "signal", "execution"].map(socket).concat()
        );
        let path = run.join(format!("{name}.toml"));
        fs::write(&path, config).expect("written");
        Running(Command::new(binary(program)).arg("--config").arg(path).spawn().expect("started"))
    }

    fn relay(&self) -> Running {
        self.start("relay-signal", "relay-signal", 2, "")
    }

    fn sweep(&self) -> Running {
        self.start(
            "sweep-serve",
            "sweep",
            70,
            "queue_jobs = 2\nworkers = 1\nbackend = \"cpu\"\nprogress_interval_ms = 50\n",
        )
    }
}

fn bars(count: u64) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    let mut csv = String::from("ts_ms,open,high,low,close,volume\n");
    let mut open = 100.0;
    for i in 0..count {
        let drift = if (i / 150) % 2 == 0 { 0.45 } else { 0.55 };
        let close: f64 = open * (1.0 + (random.f64() - drift) * 0.02);
        let close = (close * 100.0).round() / 100.0;
        let (high, low) = (f64::max(open, close) + 0.2, f64::min(open, close) - 0.2);
        csv += &format!("{},{open},{high},{low},{close},{}\n", 1_704_067_200_000 + i * 3_600_000, 1 + i % 9);
        open = close;
    }
    csv
}

/// One who asks, and hears.
struct Asker {
    client: Client,
    sequence: u64,
    progress: Vec<(SweepProgress, Option<MessageId>)>,
    candidates: Vec<(Vec<u8>, Option<MessageId>)>,
}

impl Asker {
    fn new(place: &Place) -> Self {
        let types = [SweepProgress::NUMBER, Candidate::NUMBER].into_iter().collect();
        let identity = Identity {
            name: FixedStr::truncated("asker"),
            source: SourceId::new(99),
            role: Role::Peer,
            mode: Mode::Paper,
            mesh_id: MESH_ID,
            started_ns: 1,
            build: FixedStr::truncated("test"),
        };
        let config = ClientConfig {
            path: place.home().join("run/signal.sock"),
            identity,
            domain: Domain::Signal,
            subscription: Some(Subscription { types, ..Subscription::default() }),
            send_queue_bytes: 1 << 16,
            resend_bytes: 1 << 16,
            backoff: Backoff::default(),
        };
        Self { client: Client::new(config, 1), sequence: 0, progress: Vec::new(), candidates: Vec::new() }
    }

    fn ask(&mut self, job: &SweepJob) -> MessageId {
        self.sequence += 1;
        let stamp = Stamp {
            domain: Domain::Signal,
            source: SourceId::new(99),
            sequence: self.sequence,
            timestamp_ns: self.sequence,
        };
        let mut frame = Vec::new();
        FrameBuilder::new(&mut frame, &stamp).body(job).finish().expect("fits");
        let _ = self.client.send(&frame);
        stamp.id()
    }

    /// Listens until something is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", self.states());
            let Self { client, progress, candidates, .. } = self;
            client.poll(Instant::now(), &mut |event| {
                let ClientEvent::Frames(frames) = event else { return };
                for message in frames.iter() {
                    let cause = message.get::<Cause>().map(|cause| cause.message);
                    progress.extend(message.get::<SweepProgress>().map(|body| (*body, cause)));
                    let found = message.get_tailed::<Candidate>();
                    candidates
                        .extend(found.map(|found| ([found.head.as_bytes(), found.items.as_bytes()].concat(), cause)));
                }
            });
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn states(&self) -> Vec<(SweepState, u64, String)> {
        let of = |(body, _): &(SweepProgress, _)| {
            (body.state.get().expect("known"), body.ended.get(), body.text.to_string())
        };
        self.progress.iter().map(of).collect()
    }

    fn hears(&mut self, state: SweepState) {
        self.until(state.name(), |asker| asker.states().last().is_some_and(|(last, _, _)| *last == state));
    }

    fn hears_queued(&mut self) {
        let heard = self.progress.len();
        self.until("queued", |asker| {
            asker.progress.iter().skip(heard).any(|(body, _)| body.state.get() == Some(SweepState::Queued))
        });
    }

    fn is_up(&mut self) {
        self.until("the relay answers", |asker| asker.client.is_up());
    }
}

/// Its process has a connection to the relay: only then jobs reach it.
fn ready(place: &Place, asker: &mut Asker, probe: &SweepJob) {
    // A job that is refused at once is answered as soon as somebody takes jobs.
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "nobody takes sweeps in {}", place.home().display());
        let heard = asker.progress.len();
        asker.ask(probe);
        let until = Instant::now() + Duration::from_millis(200);
        asker.until("time passes", |asker| asker.progress.len() > heard || Instant::now() > until);
        if asker.progress.len() > heard {
            asker.progress.clear();
            return;
        }
    }
}

fn outside() -> SweepJob {
    SweepJob { spec_hash: [9; 32], spec: FixedStr::truncated("../outside.toml") }
}

#[test]
fn a_job_is_done_told_and_its_candidates_survive_a_kill() {
    let place = Place::new();
    let _relay = place.relay();
    let mut asker = Asker::new(&place);
    asker.is_up();
    let sweep = place.sweep();
    ready(&place, &mut asker, &outside());

    // Undisturbed first: what should come.
    let job = place.spec("first.toml", 40, "bars.csv");
    let cause = asker.ask(&job);
    asker.hears(SweepState::Done);
    let states: Vec<SweepState> = asker.states().into_iter().map(|(state, _, _)| state).collect();
    assert_eq!(states.first(), Some(&SweepState::Queued));
    let (last, of) = asker.progress.last().expect("told").to_owned();
    assert_eq!((last.trials.get(), last.ended.get(), of), (40, 40, Some(cause)));
    assert!(last.study.to_string().starts_with("momentum-"));
    assert_eq!(asker.candidates.len(), 3);
    assert!(asker.candidates.iter().all(|(_, of)| *of == Some(cause)));
    let found: Vec<Vec<u8>> = asker.candidates.drain(..).map(|(bytes, _)| bytes).collect();
    drop(sweep);

    // The same study from the start, killed on its way.
    let studies = place.home().join("research/sweeps");
    fs::remove_dir_all(&studies).expect("removed");
    let long = place.spec("long.toml", 6000, "bars.csv");
    let mut sweep = place.sweep();
    ready(&place, &mut asker, &outside());
    let cause = asker.ask(&long);
    asker.until("it runs", |asker| asker.states().iter().any(|(_, ended, _)| *ended > 0));
    let queued = asker.ask(&job);
    asker.hears_queued();
    sweep.signal("-KILL");
    let before = asker.progress.len();
    let mut sweep = place.sweep();
    asker.until("it goes on", |asker| {
        asker.progress.iter().skip(before).any(|(body, of)| body.ended.get() > 0 && *of == Some(cause))
    });
    // Stopped in order, too.
    sweep.signal("-TERM");
    asker.hears(SweepState::Stopped);
    let _sweep = place.sweep();
    asker.until("both are done", |asker| {
        asker.states().iter().filter(|(state, _, _)| *state == SweepState::Done).count() == 2
    });
    let again: Vec<Vec<u8>> =
        asker.candidates.iter().filter(|(_, of)| *of == Some(queued)).map(|(bytes, _)| bytes.clone()).collect();
    assert_eq!(again, found, "the same study has the same candidates");
    assert_eq!(asker.candidates.iter().filter(|(_, of)| *of == Some(cause)).count(), 3);
}

#[test]
fn bad_jobs_are_refused_and_the_queue_is_bounded() {
    let place = Place::new();
    let _relay = place.relay();
    let mut asker = Asker::new(&place);
    asker.is_up();
    let _sweep = place.sweep();
    ready(&place, &mut asker, &outside());
    let refused = |asker: &mut Asker, job: &SweepJob, state: SweepState, text: &str| {
        asker.ask(job);
        asker.hears(state);
        let (_, _, said) = asker.states().pop().expect("told");
        assert!(said.contains(text), "{said}");
        asker.progress.clear();
    };
    refused(&mut asker, &outside(), SweepState::Refused, "below the mesh's research folder");
    let mut other = place.spec("other.toml", 10, "bars.csv");
    other.spec_hash = [1; 32];
    refused(&mut asker, &other, SweepState::Failed, "other.toml");
    let stray = place.spec("stray.toml", 10, "../../../../etc/hostname");
    refused(&mut asker, &stray, SweepState::Failed, "etc/hostname");
    asker.ask(&place.spec("a.toml", 100_000, "bars.csv"));
    asker.ask(&place.spec("b.toml", 10, "bars.csv"));
    refused(&mut asker, &place.spec("c.toml", 11, "bars.csv"), SweepState::Refused, "2 sweeps wait already");
}
