//! Writes one run: a directory of segments that only ever grow, and its manifest.
//!
//! Records are collected in a bounded buffer and written by [`CaptureWriter::flush`], once per batch, with `write(2)`: after
//! a crash of the process nothing flushed is lost. What must outlive a crash of the machine is made durable with
//! [`CaptureWriter::sync`], on a timer of the caller's, and at each rotation.
//!
//! A full disk loses nothing as long as the buffer has room: what could not be written stays in it, and the next flush goes
//! on at the very byte. When the buffer is full too, records are refused and counted.

use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

use crate::error::CaptureError;
use crate::files;
use crate::index::{self, Index};
use crate::manifest::{Manifest, RunInfo, RunStatus, SegmentEntry};
use crate::segment::{RECORD_HEAD_BYTES, RecordEncoder, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentId};
use crate::time;

/// When to rotate, and how much to hold back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterLimits {
    /// A segment is sealed when it has this many bytes.
    pub segment_bytes: u64,
    /// A segment is sealed when its first record is this old, ns.
    pub segment_ns: u64,
    /// The most bytes that wait to be written.
    pub buffer_bytes: usize,
}

impl Default for WriterLimits {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, segment_ns: 15 * 60 * 1_000_000_000, buffer_bytes: 8 << 20 }
    }
}

/// The record was not kept: the buffer is full, since the disk takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferFull;

impl core::fmt::Display for BufferFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(
            "the capture's buffer is full: the disk takes no more; free space, recording then goes on by itself",
        )
    }
}

impl core::error::Error for BufferFull {}

/// The segment being written.
struct OpenSegment {
    id: SegmentId,
    encoder: RecordEncoder,
    /// Opened when the first bytes are written.
    file: Option<File>,
    hash: Sha256,
    /// Bytes with those that still wait in the buffer.
    bytes: u64,
    records: u64,
    first_ns: u64,
    index: Index,
}

impl OpenSegment {
    fn file_name(&self) -> String {
        segment_file(self.id.number)
    }
}

/// The name of a segment's file.
pub(crate) fn segment_file(number: u32) -> String {
    format!("segment-{number:06}.cap")
}

/// Writes one run.
pub struct CaptureWriter {
    dir: PathBuf,
    /// The directory, locked while the run is written: tells a living writer from a dead one.
    lock: File,
    limits: WriterLimits,
    manifest: Manifest,
    segment: Option<OpenSegment>,
    buffer: Vec<u8>,
    last_ns: u64,
}

impl core::fmt::Debug for CaptureWriter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CaptureWriter")
            .field("dir", &self.dir)
            .field("waiting", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

impl CaptureWriter {
    /// Starts a run in a new directory of `root`, named by its start and its writer.
    ///
    /// # Errors
    /// When the directory exists already or can't be made.
    pub fn create(root: &Path, run: RunInfo, limits: WriterLimits) -> Result<Self, CaptureError> {
        let name = format!("{}-{}", time::compact(run.started_ns), run.name);
        Self::create_at(&root.join(name), run, limits)
    }

    /// Starts a run in the new directory `dir`.
    ///
    /// # Errors
    /// When the directory exists already or can't be made.
    pub fn create_at(dir: &Path, run: RunInfo, limits: WriterLimits) -> Result<Self, CaptureError> {
        files::create_dir(dir).map_err(CaptureError::io("create", dir))?;
        Self::in_new(dir, run, limits).inspect_err(|_| {
            // Nothing was recorded: an empty directory tells nobody anything.
            let _ = std::fs::remove_dir_all(dir);
        })
    }

    fn in_new(dir: &Path, run: RunInfo, limits: WriterLimits) -> Result<Self, CaptureError> {
        let lock = File::open(dir).map_err(CaptureError::io("open", dir))?;
        lock.lock().map_err(CaptureError::io("lock", dir))?;
        let manifest = Manifest::new(run);
        manifest.store(dir)?;
        if let Some(parent) = dir.parent() {
            files::sync_dir(parent).map_err(CaptureError::io("sync", parent))?;
        }
        Ok(Self { dir: dir.to_owned(), lock, limits, manifest, segment: None, buffer: Vec::new(), last_ns: 0 })
    }

    /// The run's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the manifest says at present.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Bytes of the run, with those that wait.
    pub fn bytes(&self) -> u64 {
        let sealed: u64 = self.manifest.segments.iter().map(|segment| segment.bytes).sum();
        sealed + self.segment.as_ref().map_or(0, |segment| segment.bytes)
    }

    /// Bytes that wait to be written.
    pub fn waiting_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Whether the buffer has room for this frame.
    pub fn has_room(&self, frame: &[u8]) -> bool {
        self.buffer.len() + SEGMENT_HEADER_BYTES + RECORD_HEAD_BYTES + frame.len() <= self.limits.buffer_bytes
    }

    /// Adds one message, a whole wire frame. A receive time before the last one counts as the last one: a log is in order.
    ///
    /// # Errors
    /// [`BufferFull`]; the record is counted as dropped.
    pub fn append(&mut self, receive_ns: u64, frame: &[u8]) -> Result<(), BufferFull> {
        debug_assert_eq!(self.manifest.status, RunStatus::Open, "a sealed run is finished");
        if !self.has_room(frame) {
            self.manifest.dropped += 1;
            return Err(BufferFull);
        }
        self.last_ns = self.last_ns.max(receive_ns);
        if self.segment.is_none() {
            self.begin_segment();
        }
        if let Some(segment) = &mut self.segment {
            segment.index.note(self.last_ns, segment.bytes);
            segment.encoder.push(&mut self.buffer, segment.bytes, self.last_ns, frame);
            segment.bytes += (RECORD_HEAD_BYTES + frame.len()) as u64;
            segment.records += 1;
        }
        Ok(())
    }

    fn begin_segment(&mut self) {
        let run = &self.manifest.run;
        let number = self.manifest.segments.last().map_or(1, |last| last.number + 1);
        let id = SegmentId { run_started_ns: run.started_ns, number };
        let header = SegmentHeader::new(id, run.mesh_id, run.mode, self.last_ns);
        self.buffer.extend_from_slice(header.as_bytes());
        self.segment = Some(OpenSegment {
            id,
            encoder: RecordEncoder::new(id),
            file: None,
            hash: Sha256::new(),
            bytes: SEGMENT_HEADER_BYTES as u64,
            records: 0,
            first_ns: self.last_ns,
            index: Index::default(),
        });
    }

    /// Writes what waits, and seals the segment when it is large or old enough at `now_ns`.
    ///
    /// # Errors
    /// When the system refuses, as for a full disk ([`CaptureError::is_disk_full`]). Nothing is lost: call it again later.
    pub fn flush(&mut self, now_ns: u64) -> Result<(), CaptureError> {
        self.write_waiting()?;
        let limits = self.limits;
        let due = |segment: &OpenSegment| {
            segment.bytes >= limits.segment_bytes || now_ns.saturating_sub(segment.first_ns) >= limits.segment_ns
        };
        if self.segment.as_ref().is_some_and(due) { self.seal_segment() } else { Ok(()) }
    }

    fn write_waiting(&mut self) -> Result<(), CaptureError> {
        let Some(segment) = self.segment.as_mut().filter(|_| !self.buffer.is_empty()) else { return Ok(()) };
        let path = self.dir.join(segment.file_name());
        let file = match &mut segment.file {
            Some(file) => file,
            none => none.insert(files::create_new(&path).map_err(CaptureError::io("create", &path))?),
        };
        let (written, outcome) = files::write_some(file, &self.buffer);
        segment.hash.update(self.buffer.get(..written).unwrap_or_default());
        self.buffer.drain(..written);
        outcome.map_err(CaptureError::io("write", &path))
    }

    /// Makes what was flushed durable.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&mut self) -> Result<(), CaptureError> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let path = self.dir.join(segment.file_name());
        segment.file.as_ref().map_or(Ok(()), File::sync_data).map_err(CaptureError::io("sync", &path))
    }

    /// Seals the segment, all of which is written. Every step can be repeated, so that a failure is tried again later.
    fn seal_segment(&mut self) -> Result<(), CaptureError> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let path = self.dir.join(segment.file_name());
        if let Some(file) = &segment.file {
            file.sync_all().map_err(CaptureError::io("sync", &path))?;
        }
        let index_path = index::path_of(&path);
        files::write_atomically(&index_path, &segment.index.to_bytes())
            .map_err(CaptureError::io("write", &index_path))?;
        let entry = SegmentEntry {
            number: segment.id.number,
            file: segment.file_name(),
            records: segment.records,
            bytes: segment.bytes,
            first_ns: segment.first_ns,
            last_ns: self.last_ns,
            sha256: hex(&segment.hash.clone().finalize()),
            torn_at: None,
        };
        let mut manifest = self.manifest.clone();
        manifest.segments.push(entry);
        manifest.store(&self.dir)?;
        self.manifest = manifest;
        self.segment = None;
        Ok(())
    }

    /// Ends the run: everything is written, sealed and durable. Nothing can be added afterwards.
    ///
    /// # Errors
    /// When the system refuses. Call it again later, or leave the run as after a crash: it is then recovered as such.
    pub fn finish(&mut self, now_ns: u64) -> Result<&Manifest, CaptureError> {
        self.write_waiting()?;
        self.seal_segment()?;
        let sealed = Manifest { status: RunStatus::Sealed, ended_ns: Some(now_ns), ..self.manifest.clone() };
        sealed.store(&self.dir)?;
        self.manifest = sealed;
        self.lock.unlock().map_err(CaptureError::io("unlock", &self.dir))?;
        Ok(&self.manifest)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
