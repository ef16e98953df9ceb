//! The actor's journal as the live loop writes it; with the mode `off` it does nothing.
//!
//! A message that a relay carried is referred to (or kept whole, as configured). Links' own messages (sequence 0), packets
//! from outside and recovered rows are on no relay, so they are always kept whole.

use mesh_actor::TimerId;
use mesh_capture::journal::{JournalHeader, JournalWriter, Outcome, prune_journals};
use mesh_codec::Message;
use mesh_config::JournalMode;
use mesh_types::{Domain, SourceId};

use crate::process::{BoxError, Process};

/// The state's digest is written after each of so many batches: a divergence is then known to lie within them.
const BATCHES_PER_STATE_DIGEST: u64 = 256;

/// Beside each journal: the configuration that the run had.
const CONFIGURATION_FILE: &str = "config.toml";

pub(super) struct Journal {
    writer: Option<JournalWriter>,
    batches: u64,
}

impl Journal {
    /// Begins the journal of this run, and deletes those of the oldest.
    pub(super) fn create<S>(process: &Process<S>) -> Result<Self, BoxError> {
        let runtime = &process.config.runtime;
        if runtime.journal == JournalMode::Off {
            return Ok(Self { writer: None, batches: 0 });
        }
        let name = &process.config.process.name;
        let dir = process.config.mesh.journal_dir(name);
        let header = JournalHeader {
            name: name.clone(),
            source: SourceId::new(process.config.process.source.get()),
            mesh_id: process.config.mesh.id,
            mode: process.config.mesh.mode,
            started_ns: process.status.started_ns(),
            configuration_sha256: process.config_hash.clone(),
            binary_sha256: process.binary_hash.clone(),
            self_contained: runtime.journal == JournalMode::Whole,
        };
        prune_journals(&dir, runtime.journal_keep_runs.saturating_sub(1), u64::MAX)?;
        let writer = JournalWriter::create(&dir, &header)?;
        std::fs::write(writer.path().with_file_name(CONFIGURATION_FILE), &process.config_text)?;
        Ok(Self { writer: Some(writer), batches: 0 })
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
    pub(super) fn end(&mut self, outputs: u64, digest: u64, state: impl FnOnce() -> u64) -> Result<(), BoxError> {
        let Some(writer) = self.writer.as_mut() else { return Ok(()) };
        self.batches += 1;
        let state_digest = self.batches.is_multiple_of(BATCHES_PER_STATE_DIGEST).then(state);
        writer.end_batch(&Outcome { output_count: outputs, output_digest: digest, state_digest });
        Ok(writer.flush()?)
    }

    /// Ends the journal in order.
    pub(super) fn close(self, state_digest: u64) -> Result<(), BoxError> {
        match self.writer {
            Some(writer) => Ok(writer.finish(state_digest)?),
            None => Ok(()),
        }
    }
}
