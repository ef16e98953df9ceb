//! A recording that goes on for ever within bounded disk use: run after run, the oldest deleted when space is short.
//!
//! What can't be written is never the mesh's trouble: messages wait in the writer's buffer, then are refused and counted,
//! and once the disk takes bytes again a gap message in the log says which are missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mesh_codec::{FrameBuilder, Message, Stamp, ValidFrames};
use mesh_types::system::{Gap, GapRange};
use mesh_types::wire::{Coded, Tailed, U16, U64};
use mesh_types::{Domain, MessageId, SourceId};

use crate::capture::{Capture, TimeRange, runs};
use crate::error::CaptureError;
use crate::manifest::RunInfo;
use crate::recover::{Recovered, recover};
use crate::retention::prune_captures;
use crate::segment::Item;
use crate::writer::{CaptureWriter, WriterLimits};

/// Bounds of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingLimits {
    /// Of each run's writer.
    pub writer: WriterLimits,
    /// A run is sealed, and another begins, when it has this many bytes.
    pub run_bytes: u64,
    /// The oldest runs are deleted when all together have more bytes. The run being written and one segment come on top.
    pub total_bytes: u64,
    /// What was written is made durable this often, ns.
    pub sync_ns: u64,
    /// After a failure the disk is tried again this often, ns.
    pub retry_ns: u64,
}

/// Records frames into runs below one directory.
#[derive(Debug)]
pub struct Recording {
    root: PathBuf,
    /// What each run says of itself; its start is the run's own.
    run: RunInfo,
    source: SourceId,
    limits: RecordingLimits,
    writer: Option<CaptureWriter>,
    sealed_segments: usize,
    losses: Losses,
    next_sync_ns: u64,
    /// Set while the disk takes nothing: when to try again.
    stalled_until_ns: Option<u64>,
    recorded: u64,
    dropped: u64,
}

impl Recording {
    /// Recovers what earlier runs left behind, and begins a run. `run.started_ns` is the time of starting; `source` is who
    /// the recording's own gap messages are from.
    ///
    /// # Errors
    /// When the directory can't be used.
    pub fn start(
        root: &Path,
        run: RunInfo,
        source: SourceId,
        limits: RecordingLimits,
    ) -> Result<(Self, Vec<Recovered>), CaptureError> {
        let recovered = recover(root)?;
        let now_ns = run.started_ns;
        let mut recording = Self {
            root: root.to_owned(),
            run,
            source,
            limits,
            writer: None,
            sealed_segments: 0,
            losses: Losses::default(),
            next_sync_ns: 0,
            stalled_until_ns: None,
            recorded: 0,
            dropped: 0,
        };
        recording.begin_run(now_ns)?;
        Ok((recording, recovered))
    }

    fn begin_run(&mut self, now_ns: u64) -> Result<(), CaptureError> {
        prune_captures(&self.root, self.limits.total_bytes)?;
        let run = RunInfo { started_ns: now_ns, ..self.run.clone() };
        self.writer = Some(CaptureWriter::create(&self.root, run, self.limits.writer)?);
        self.sealed_segments = 0;
        Ok(())
    }

    /// The directory of the run being written.
    pub fn dir(&self) -> Option<&Path> {
        self.writer.as_ref().map(CaptureWriter::dir)
    }

    /// True while the disk takes nothing.
    pub const fn is_stalled(&self) -> bool {
        self.stalled_until_ns.is_some()
    }

    /// Messages recorded.
    pub const fn recorded(&self) -> u64 {
        self.recorded
    }

    /// Messages that could not be recorded.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Bytes of the run being written, with those that wait.
    pub fn run_bytes(&self) -> u64 {
        self.writer.as_ref().map_or(0, CaptureWriter::bytes)
    }

    /// Takes frames that were received at `now_ns`; [`Recording::flush`] writes them.
    pub fn frames(&mut self, now_ns: u64, frames: ValidFrames<'_>) {
        self.declare_losses(now_ns);
        for message in frames {
            if self.append(now_ns, &message) {
                self.recorded += 1;
            } else {
                self.dropped += 1;
                self.losses.note(&message);
            }
        }
    }

    /// A batch larger than the buffer is written in parts.
    fn append(&mut self, now_ns: u64, message: &Message<'_>) -> bool {
        let Some(writer) = self.writer.as_mut() else { return false };
        if !writer.has_room(message.frame()) && self.stalled_until_ns.is_none() {
            // Whether that made room, the writer says next.
            let _ = writer.flush(now_ns);
        }
        writer.append(now_ns, message.frame()).is_ok()
    }

    /// Once there is room again, the log itself says what it lacks.
    fn declare_losses(&mut self, now_ns: u64) {
        let Some(writer) = self.writer.as_mut().filter(|writer| writer.waiting_bytes() == 0) else { return };
        for frame in self.losses.take(self.source, now_ns) {
            // The buffer is empty, and a gap is far smaller than it.
            let _ = writer.append(now_ns, &frame);
        }
    }

    /// Writes what waits with one `write(2)`; begins segments and runs, deletes old ones and makes bytes durable, each when
    /// it is due. While the disk takes nothing it is tried only now and then.
    ///
    /// # Errors
    /// What the system said when it was tried; recording goes on by itself once it can.
    pub fn flush(&mut self, now_ns: u64) -> Result<(), CaptureError> {
        if self.stalled_until_ns.is_some_and(|until_ns| now_ns < until_ns) {
            return Ok(());
        }
        let outcome = self.try_flush(now_ns);
        self.stalled_until_ns = outcome.is_err().then(|| now_ns + self.limits.retry_ns);
        outcome
    }

    fn try_flush(&mut self, now_ns: u64) -> Result<(), CaptureError> {
        let Some(writer) = self.writer.as_mut() else { return self.begin_run(now_ns) };
        writer.flush(now_ns)?;
        if now_ns >= self.next_sync_ns {
            writer.sync()?;
            self.next_sync_ns = now_ns + self.limits.sync_ns;
        }
        let sealed_segments = writer.manifest().segments.len();
        if writer.bytes() >= self.limits.run_bytes {
            writer.finish(now_ns)?;
            self.writer = None;
            self.begin_run(now_ns)?;
        } else if sealed_segments > self.sealed_segments {
            self.sealed_segments = sealed_segments;
            prune_captures(&self.root, self.limits.total_bytes)?;
        }
        Ok(())
    }

    /// Ends the recording in order.
    ///
    /// # Errors
    /// When the system refuses; the run is then recovered at the next start.
    pub fn finish(&mut self, now_ns: u64) -> Result<(), CaptureError> {
        let Some(writer) = self.writer.as_mut() else { return Ok(()) };
        writer.flush(now_ns)?;
        self.declare_losses(now_ns);
        self.writer.take().map_or(Ok(()), |mut writer| writer.finish(now_ns).map(|_| ()))
    }
}

/// The last message of each source in the newest segment: where a recorder that was started again goes on, as far as relays
/// have kept what came after. Relays' own messages have no place.
///
/// # Errors
/// When the system refuses.
pub fn last_positions(root: &Path) -> Result<Vec<MessageId>, CaptureError> {
    let runs = runs(root)?;
    let Some(segment) = runs.iter().rev().find_map(|run| run.segments.last()) else { return Ok(Vec::new()) };
    let mut reader = Capture::open(&segment.path)?.reader(TimeRange::ALL);
    let mut positions = BTreeMap::new();
    while let Some(item) = reader.next_item()? {
        if let Item::Record(record) = item
            && record.message.sequence() > 0
        {
            let id = record.message.id();
            positions.insert((id.domain, id.source), id);
        }
    }
    Ok(positions.into_values().collect())
}

/// Messages that were not recorded.
#[derive(Debug, Default)]
struct Losses {
    /// First and last sequence by domain and source.
    ranges: BTreeMap<(u8, u16), (u64, u64)>,
    count: u64,
}

impl Losses {
    fn note(&mut self, message: &Message<'_>) {
        let sequence = message.sequence();
        let key = (message.header().domain.raw(), message.source().get());
        let (first, last) = self.ranges.entry(key).or_insert((sequence, sequence));
        *first = sequence.min(*first);
        *last = sequence.max(*last);
        self.count += 1;
    }

    /// Gap messages for all that was noted, which is then forgotten. Their ranges hold every lost message and may hold others.
    fn take(&mut self, source: SourceId, now_ns: u64) -> Vec<Vec<u8>> {
        let Self { ranges, count } = core::mem::take(self);
        let ranges: Vec<GapRange> = ranges
            .into_iter()
            .map(|((domain, source), (first, last))| GapRange {
                source: SourceId::new(source),
                domain: Coded::from_raw(domain),
                reserved: 0,
                first_sequence: U64::new(first),
                last_sequence: U64::new(last),
            })
            .collect();
        let stamp = Stamp { domain: Domain::System, source, sequence: 0, timestamp_ns: now_ns };
        // The first message counts all of them, so that the sum over messages is right.
        let counts = core::iter::once(count).chain(core::iter::repeat(0));
        ranges.chunks(Gap::MAX_ITEMS).zip(counts).filter_map(|(ranges, count)| gap(&stamp, count, ranges)).collect()
    }
}

fn gap(stamp: &Stamp, dropped: u64, ranges: &[GapRange]) -> Option<Vec<u8>> {
    let range_count = U16::new(u16::try_from(ranges.len()).unwrap_or(u16::MAX));
    let head = Gap { dropped: U64::new(dropped), range_count, exact: 0, reserved: [0; 5] };
    let mut frame = Vec::new();
    FrameBuilder::new(&mut frame, stamp).tailed(&head, ranges).finish().ok()?;
    Some(frame)
}
