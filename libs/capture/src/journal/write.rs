//! Writes one run's journal.

use std::fs::File;
use std::path::{Path, PathBuf};

use mesh_codec::Message;
use mesh_types::SourceId;
use mesh_types::wire::{U32, U64, WireEnum};
use zerocopy::{FromZeros, IntoBytes};

use super::{
    BATCH, END, HAS_STATE, JOURNAL_FILE, JOURNAL_HEADER_BYTES, JournalHeader, OUTCOME, Outcome, RECORD_HEAD_BYTES,
    REFERENCE, RecordHead, Reference, TIMER, WHOLE, WireInput, WireOutcome,
};
use crate::error::CaptureError;
use crate::files;

/// Writes one run's journal. Inputs are collected in memory; [`JournalWriter::flush`] writes them with one `write(2)`.
#[derive(Debug)]
pub struct JournalWriter {
    path: PathBuf,
    file: File,
    seed: u32,
    self_contained: bool,
    buffer: Vec<u8>,
    /// Bytes of the file with those that wait.
    bytes: u64,
    /// Where the open batch's head stands in the buffer.
    open: Option<usize>,
    stamp_ns: u64,
    count: u32,
    batches: u64,
}

impl JournalWriter {
    /// Starts the journal of a run: the new directory `dir/<started_ns>`, with its file.
    ///
    /// # Errors
    /// When it exists already or can't be made.
    pub fn create(dir: &Path, header: &JournalHeader) -> Result<Self, CaptureError> {
        let run = dir.join(header.started_ns.to_string());
        files::create_dir(&run).map_err(CaptureError::io("create", &run))?;
        let path = run.join(JOURNAL_FILE);
        let file = files::create_new(&path).map_err(CaptureError::io("create", &path))?;
        let wire = header.to_wire();
        let mut writer = Self {
            path,
            file,
            seed: wire.seed(),
            self_contained: header.self_contained,
            buffer: wire.as_bytes().to_vec(),
            bytes: JOURNAL_HEADER_BYTES as u64,
            open: None,
            stamp_ns: 0,
            count: 0,
            batches: 0,
        };
        writer.flush()?;
        Ok(writer)
    }

    /// The journal's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the journal, with those that wait.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Begins a batch that the actor sees at `stamp_ns`.
    pub fn begin_batch(&mut self, stamp_ns: u64) {
        self.end_inputs();
        self.open = Some(self.buffer.len());
        self.stamp_ns = stamp_ns;
        self.count = 0;
        self.buffer.extend_from_slice(&[0; RECORD_HEAD_BYTES]);
    }

    /// A message that a relay carried; kept whole in a self-contained journal.
    pub fn input_ref(&mut self, message: &Message<'_>) {
        if self.self_contained {
            return self.input_inline(message.frame());
        }
        let Reference { domain, source, sequence, timestamp_low } = Reference::of(message);
        let (low, high) = (U32::new(timestamp_low), U64::new(sequence));
        self.push(&WireInput { tag: REFERENCE, domain: domain.code(), source, low, high });
    }

    /// A message that no capture has, a whole frame: from a venue, the ledger, or a relay itself.
    pub fn input_inline(&mut self, frame: &[u8]) {
        let length = U32::new(u32::try_from(frame.len()).unwrap_or(u32::MAX));
        self.push(&WireInput { tag: WHOLE, domain: 0, source: SourceId::default(), low: length, high: U64::ZERO });
        self.buffer.extend_from_slice(frame);
    }

    /// A timer that fired.
    pub fn timer(&mut self, id: u64) {
        let source = SourceId::default();
        self.push(&WireInput { tag: TIMER, domain: 0, source, low: U32::ZERO, high: U64::new(id) });
    }

    fn push(&mut self, input: &WireInput) {
        debug_assert!(self.open.is_some(), "inputs belong to a batch");
        self.buffer.extend_from_slice(input.as_bytes());
        self.count += 1;
    }

    /// Ends the batch's inputs. Called before the actor sees them, with a flush, the journal also has the batch that
    /// crashed it; else [`JournalWriter::end_batch`] does it.
    pub fn end_inputs(&mut self) {
        if let Some(start) = self.open.take() {
            self.seal(start, BATCH, 0, self.count, self.stamp_ns);
            self.batches += 1;
        }
    }

    /// Ends the batch with what the actor made of it.
    pub fn end_batch(&mut self, outcome: &Outcome) {
        self.end_inputs();
        let flags = if outcome.state_digest.is_some() { HAS_STATE } else { 0 };
        self.summary(OUTCOME, flags, outcome.output_count, outcome.output_digest, outcome.state_digest);
    }

    /// Ends the run in order, and writes what waits.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn finish(mut self, state_digest: u64) -> Result<(), CaptureError> {
        self.end_inputs();
        self.summary(END, HAS_STATE, self.batches, 0, Some(state_digest));
        self.flush()?;
        self.file.sync_data().map_err(CaptureError::io("sync", &self.path))
    }

    fn summary(&mut self, kind: u8, flags: u8, count: u64, digest: u64, state_digest: Option<u64>) {
        let start = self.buffer.len();
        let state_digest = U64::new(state_digest.unwrap_or_default());
        let body = WireOutcome { count: U64::new(count), digest: U64::new(digest), state_digest };
        self.buffer.extend_from_slice(&[0; RECORD_HEAD_BYTES]);
        self.buffer.extend_from_slice(body.as_bytes());
        self.seal(start, kind, flags, 0, self.stamp_ns);
    }

    /// Writes the head of the record that begins at `start` of the buffer and ends where the buffer ends.
    fn seal(&mut self, start: usize, kind: u8, flags: u8, count: u32, stamp_ns: u64) {
        let record = self.buffer.get_mut(start..).unwrap_or_default();
        let size = record.len() as u64;
        let Some((slot, body)) = record.split_first_chunk_mut::<RECORD_HEAD_BYTES>() else { return };
        let mut head = RecordHead {
            kind,
            flags,
            count: U32::new(count),
            body_bytes: U32::new(u32::try_from(body.len()).unwrap_or(u32::MAX)),
            body_checksum: U32::new(crc32fast::hash(body)),
            stamp_ns: U64::new(stamp_ns),
            ..RecordHead::new_zeroed()
        };
        head.checksum = U32::new(head.calculated(self.seed, self.bytes));
        slot.copy_from_slice(head.as_bytes());
        self.bytes += size;
    }

    /// Writes all whole records that wait.
    ///
    /// # Errors
    /// When the system refuses, as for a full disk. What was not written still waits; a driver that must be able to repeat
    /// its run ends the process.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        let whole = self.open.unwrap_or(self.buffer.len());
        let (written, outcome) = files::write_some(&mut self.file, self.buffer.get(..whole).unwrap_or_default());
        self.buffer.drain(..written);
        self.open = self.open.map(|start| start - written);
        outcome.map_err(CaptureError::io("write", &self.path))
    }

    /// Makes what was flushed durable. A crash of the process alone loses nothing that was flushed.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&self) -> Result<(), CaptureError> {
        self.file.sync_data().map_err(CaptureError::io("sync", &self.path))
    }
}
