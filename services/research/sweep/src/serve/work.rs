//! One job's study, on a thread of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mesh_bars::Source;
use mesh_study::Spec;
use mesh_study::queue::stays_below;
use sha2::{Digest, Sha256};

use super::messages::{self, Said};
use super::settings::ServeSettings;
use crate::backend::Backend;
use crate::failure::Failure;
use crate::progress::{Progress, Watcher};
use crate::run::{Ended, Resources, run};
use crate::store::Home;
use crate::study::{Study, read_spec};

/// The longest specification, bytes.
const SPEC_MAX_BYTES: u64 = 1 << 20;

/// What is to be done, and where.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Of the specification's text.
    pub(super) spec_hash: [u8; 32],
    /// Its file, below the folder of research.
    pub(super) spec: PathBuf,
    /// The mesh's directory.
    pub(super) home: PathBuf,
    /// Where it may read, how much it may take.
    pub(super) settings: ServeSettings,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Came {
    /// The study is done: candidates, then its last progress.
    Done(Vec<Said>),
    /// It was asked to stop; what is kept is kept.
    Stopped,
    /// It can't be run, or went wrong.
    Failed(String),
}

/// What the thread and its service share.
#[derive(Debug, Default)]
struct Board {
    stop: AtomicBool,
    now: Mutex<Now>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Now {
    pub(super) study: String,
    pub(super) goal: String,
    pub(super) progress: Progress,
}

/// A job under way.
#[derive(Debug)]
pub(super) struct Work {
    board: Arc<Board>,
    thread: JoinHandle<Came>,
}

impl Work {
    pub(super) fn begin(order: Order) -> std::io::Result<Self> {
        let board = Arc::new(Board::default());
        let of_thread = Arc::clone(&board);
        let thread = thread::Builder::new()
            .name("study".to_owned())
            .spawn(move || carry_out(&order, &of_thread).unwrap_or_else(|failure| Came::Failed(failure.to_string())))?;
        Ok(Self { board, thread })
    }

    /// How far it is.
    pub(super) fn now(&self) -> Now {
        self.board.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Asks it to stop, keeping what is done.
    pub(super) fn stop(&self) {
        self.board.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for its end.
    pub(super) fn end(self) -> Came {
        // A panic ends the process before it gets here.
        self.thread.join().unwrap_or_else(|_| Came::Failed("its thread panicked".to_owned()))
    }
}

struct Telling<'a> {
    board: &'a Board,
    interval: Duration,
}

impl Watcher for Telling<'_> {
    fn interval(&self) -> Duration {
        self.interval
    }

    fn begins(&mut self, line: &str) {
        tracing::info!("{line}");
    }

    fn passes(&mut self, progress: &Progress) {
        self.board.now.lock().unwrap_or_else(PoisonError::into_inner).progress = progress.clone();
    }
}

fn carry_out(order: &Order, board: &Board) -> Result<Came, Failure> {
    let settings = &order.settings;
    let study = found(order)?;
    let id = study.about.id.clone();
    let goal = study.spec.objective.goals.first().map_or("", |goal| goal.metric.name());
    {
        let mut now = board.now.lock().unwrap_or_else(PoisonError::into_inner);
        (now.study, now.goal) = (id.clone(), goal.to_owned());
    }
    let backend = Backend::choose(settings.choice(), study.spec.limits.memory_bytes, |line| tracing::info!("{line}"))?;
    let mut store = study.store(&Home::of(&order.home))?;
    tracing::info!(study = id, ended = store.ended()?, trials = study.about.trials, "a sweep runs");
    let resources = Resources { backend: &backend, workers: settings.workers, stop: &board.stop };
    let mut telling = Telling { board, interval: settings.progress_interval() };
    match run(&study.spec, &study.prepared, &mut store, &resources, &mut telling)? {
        Ended::Stopped => Ok(Came::Stopped),
        Ended::Done(finished) => {
            tracing::info!(study = id, digest = finished.digest, "a sweep is done");
            let mut said = messages::candidates(order.spec_hash, &id, &study.spec, &store, settings.candidates)?;
            let mut now = board.now.lock().unwrap_or_else(PoisonError::into_inner).progress.clone();
            (now.at.trials, now.at.ended) = (study.about.trials, store.ended()?);
            said.push(messages::progress(order.spec_hash, &id, mesh_types::SweepState::Done, goal, &now));
            Ok(Came::Done(said))
        }
    }
}

/// The study of an order: its files lie where they may, and its text is the one that was meant.
fn found(order: &Order) -> Result<Study, Failure> {
    let research = order.home.join("research");
    if !stays_below(&order.spec) {
        return Err(Failure::usage(format!(
            "expected a path below {}, found {}",
            research.display(),
            order.spec.display()
        )));
    }
    let path = allowed(&research.join(&order.spec), &[research.as_path()])?;
    let size = fs::metadata(&path)?.len();
    if size > SPEC_MAX_BYTES {
        return Err(Failure::usage(format!(
            "{}: expected at most {SPEC_MAX_BYTES} bytes, found {size}",
            path.display()
        )));
    }
    let text = fs::read_to_string(&path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    if Sha256::digest(&text)[..] != order.spec_hash {
        return Err(Failure::usage(format!("{} is not the text that was meant: submit it again", path.display())));
    }
    let origin = path.display().to_string();
    let spec = read_spec(&origin, &text)?;
    let most = order.settings.memory_max_mb << 20;
    if spec.limits.memory_bytes > most {
        return Err(Failure::usage(format!(
            "[limits] memory_mb: expected at most {} (memory_max_mb of this process), found {}",
            order.settings.memory_max_mb,
            spec.limits.memory_bytes >> 20
        )));
    }
    let folder = path.parent().unwrap_or(&research).to_owned();
    let mut folders = vec![research.as_path()];
    folders.extend(order.settings.data_folders.iter().map(PathBuf::as_path));
    check_data(&spec, &folder, &folders)?;
    Study::of_text(text, &origin, &folder)
}

fn check_data(spec: &Spec, folder: &Path, folders: &[&Path]) -> Result<(), Failure> {
    for source in spec.data.bars.iter().chain(&spec.data.funding).chain(&spec.data.inputs) {
        allowed(&folder.join(Source::parse(source).path), folders)?;
    }
    Ok(())
}

/// A file that is there, links followed, below one of some folders.
fn allowed(path: &Path, folders: &[&Path]) -> Result<PathBuf, Failure> {
    let real = path.canonicalize().map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let is_below = |folder: &&Path| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder));
    if folders.iter().any(is_below) {
        return Ok(real);
    }
    let shown: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    Err(Failure::usage(format!("{} lies outside {} (see data_folders)", path.display(), shown.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_outside_the_folders_that_are_named() {
        let home = tempfile::tempdir().unwrap();
        let research = home.path().join("research");
        fs::create_dir_all(&research).unwrap();
        fs::write(home.path().join("secret.toml"), "x = 1").unwrap();
        fs::write(research.join("huge.toml"), vec![b'#'; (SPEC_MAX_BYTES + 1) as usize]).unwrap();
        fs::write(research.join("other.toml"), "x = 1").unwrap();
        std::os::unix::fs::symlink(home.path().join("secret.toml"), research.join("link.toml")).unwrap();
        let refused = |spec: &str| {
            let order = Order {
                spec_hash: [0; 32],
                spec: spec.into(),
                home: home.path().to_owned(),
                settings: ServeSettings::default(),
            };
            found(&order).unwrap_err().to_string()
        };
        assert!(refused("../secret.toml").contains("expected a path below"));
        assert!(refused("/etc/passwd").contains("expected a path below"));
        assert!(refused("link.toml").contains("lies outside"));
        assert!(refused("missing.toml").contains("missing.toml"));
        assert!(refused("huge.toml").contains("at most 1048576 bytes"));
        assert!(refused("other.toml").contains("not the text that was meant"));
        let secret = home.path().join("secret.toml");
        assert!(allowed(&secret, &[&research]).is_err());
        assert!(allowed(&secret, &[&research, home.path()]).is_ok());
    }
}
