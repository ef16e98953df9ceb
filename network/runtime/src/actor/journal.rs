//! The actor's journal as the live loop writes it; with the mode `off` it does nothing.
//!
//! A message that a relay carried is referred to (or kept whole, as configured). Links' own messages (sequence 0), packets
//! from outside and recovered rows are on no relay, so they are always kept whole.
//!
//! Disk use is bounded: a journal that has grown to its limit is ended in order and another one goes on. That one is
//! marked, since an actor can be repeated from the beginning of its run only; the oldest journals are deleted.

use std::path::{Path, PathBuf};

use mesh_actor::TimerId;
use mesh_capture::journal::{JournalHeader, JournalWriter, Outcome, prune_journals};
use mesh_codec::Message;
use mesh_config::{JournalMode, RuntimeSection};
use mesh_types::{Domain, SourceId};

use crate::clock;
use crate::process::{BoxError, Process};

/// The state's digest is written after each of so many batches: a divergence is then known to lie within them.
const BATCHES_PER_STATE_DIGEST: u64 = 256;

/// Beside each journal: the configuration that the run had.
const CONFIGURATION_FILE: &str = "config.toml";
/// Beside a journal that goes on where another one ended.
const CONTINUES_FILE: &str = "continues";

/// True for a journal that begins in the middle of a run.
pub(super) fn continues(journal: &Path) -> bool {
    let folder = if journal.is_dir() { Some(journal) } else { journal.parent() };
    folder.is_some_and(|folder| folder.join(CONTINUES_FILE).exists())
}

pub(super) struct Journal {
    writer: Option<JournalWriter>,
    dir: PathBuf,
    header: JournalHeader,
    config_text: String,
    limits: RuntimeSection,
    batches: u64,
}

impl Journal {
    /// Begins the journal of this run, and deletes the oldest ones.
    pub(super) fn create<S>(process: &Process<S>) -> Result<Self, BoxError> {
        let config = &process.config;
        let header = JournalHeader {
            name: config.process.name.clone(),
            source: SourceId::new(config.process.source.get()),
            mesh_id: config.mesh.id,
            mode: config.mesh.mode,
            started_ns: process.status.started_ns(),
            configuration_sha256: process.config_hash.clone(),
            binary_sha256: process.binary_hash.clone(),
            self_contained: config.runtime.journal == JournalMode::Whole,
        };
        let dir = config.mesh.journal_dir(&config.process.name);
        Self::begin_run(dir, header, process.config_text.clone(), config.runtime.clone())
    }

    fn begin_run(
        dir: PathBuf,
        header: JournalHeader,
        config_text: String,
        limits: RuntimeSection,
    ) -> Result<Self, BoxError> {
        let mut journal = Self { writer: None, dir, header, config_text, limits, batches: 0 };
        if journal.limits.journal != JournalMode::Off {
            journal.open()?;
        }
        Ok(journal)
    }

    fn open(&mut self) -> Result<(), BoxError> {
        let keep_runs = self.limits.journal_keep_runs.saturating_sub(1);
        prune_journals(&self.dir, keep_runs, self.limits.journal_keep_bytes)?;
        let writer = JournalWriter::create(&self.dir, &self.header)?;
        std::fs::write(writer.path().with_file_name(CONFIGURATION_FILE), &self.config_text)?;
        self.writer = Some(writer);
        Ok(())
    }

    pub(super) fn begin(&mut self, now_ns: u64) {
        if let Some(writer) = self.writer.as_mut() {
            writer.begin_batch(now_ns);
        }
    }

    pub(super) fn timer(&mut self, timer: TimerId) {
        if let Some(writer) = self.writer.as_mut() {
            writer.timer(timer.0);
        }
    }

    pub(super) fn message(&mut self, message: &Message<'_>) {
        let on_a_relay = message.domain() != Domain::System && message.sequence() > 0;
        match self.writer.as_mut() {
            Some(writer) if on_a_relay => writer.input_ref(message),
            Some(writer) => writer.input_inline(message.frame()),
            None => {}
        }
    }

    pub(super) fn whole(&mut self, message: &Message<'_>) {
        if let Some(writer) = self.writer.as_mut() {
            writer.input_inline(message.frame());
        }
    }

    /// Ends the batch and writes it.
    pub(super) fn end(&mut self, outputs: u64, digest: u64, state: impl Fn() -> u64) -> Result<(), BoxError> {
        let Some(writer) = self.writer.as_mut() else { return Ok(()) };
        self.batches += 1;
        let state_digest = self.batches.is_multiple_of(BATCHES_PER_STATE_DIGEST).then(&state);
        writer.end_batch(&Outcome { output_count: outputs, output_digest: digest, state_digest });
        writer.flush()?;
        if writer.bytes() >= self.limits.journal_roll_bytes {
            self.roll(state())?;
        }
        Ok(())
    }

    /// Ends this journal in order and goes on in another one.
    fn roll(&mut self, state_digest: u64) -> Result<(), BoxError> {
        if let Some(writer) = self.writer.take() {
            writer.finish(state_digest)?;
        }
        self.header.started_ns = clock::now_ns().max(self.header.started_ns + 1);
        self.open()?;
        if let Some(writer) = &self.writer {
            std::fs::write(writer.path().with_file_name(CONTINUES_FILE), "")?;
        }
        tracing::info!("the journal has reached its limit; another one goes on");
        Ok(())
    }

    /// Ends the journal in order.
    pub(super) fn close(self, state_digest: u64) -> Result<(), BoxError> {
        match self.writer {
            Some(writer) => Ok(writer.finish(state_digest)?),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_types::Mode;

    fn journals(dir: &Path) -> Vec<PathBuf> {
        let mut runs: Vec<PathBuf> =
            std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        runs.sort();
        runs
    }

    #[test]
    fn journals_are_ended_at_their_limit_marked_and_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        let header = JournalHeader {
            name: "x".to_owned(),
            source: SourceId::new(1),
            mesh_id: 1,
            mode: Mode::Paper,
            started_ns: 7,
            configuration_sha256: String::new(),
            binary_sha256: String::new(),
            self_contained: false,
        };
        let limits = RuntimeSection { journal_roll_bytes: 600, journal_keep_runs: 3, ..RuntimeSection::default() };
        let root = dir.path().to_owned();
        let mut journal = Journal::begin_run(root, header, "text".to_owned(), limits).expect("begun");
        for batch in 0..100 {
            journal.begin(batch);
            journal.timer(TimerId(batch));
            journal.end(0, 0, || 9).expect("written");
            if batch == 0 {
                assert!(!continues(&journals(dir.path())[0]), "the first journal begins the run");
            }
        }
        journal.close(9).expect("ended");
        let kept = journals(dir.path());
        assert!((2..=3).contains(&kept.len()), "{kept:?}");
        for run in kept {
            assert!(continues(&run) && continues(&run.join("journal.log")), "{}", run.display());
            assert_eq!(std::fs::read_to_string(run.join(CONFIGURATION_FILE)).expect("kept"), "text");
        }
    }
}
