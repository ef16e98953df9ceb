//! What `mesh capture` does with captures: list, show, cut, export. Verifying is [`mod@crate::verify`], decoding
//! [`crate::decode`].

use std::io::Write;
use std::path::Path;

use mesh_types::Mode;
use serde::Serialize;

use crate::capture::{Capture, Reader, Run, TimeRange, runs};
use crate::error::CaptureError;
use crate::files;
use crate::filter::Filter;
use crate::manifest::Manifest;
use crate::segment::{Item, Record};
use crate::show::{self, Format};
use crate::verify::status_of;
use crate::writer::{CaptureWriter, WriterLimits};

/// One run, as `mesh capture ls` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Its directory.
    pub path: String,
    /// Who recorded.
    pub name: String,
    /// open, sealed, crashed, quarantined; `missing` or `damaged` where it has no manifest.
    pub status: &'static str,
    /// True while it is being written.
    pub live: bool,
    /// The mesh's mode, where it is known.
    pub mode: Option<Mode>,
    /// The mesh, where it is known.
    pub mesh_id: Option<u64>,
    /// When it started, ns since the Unix epoch.
    pub started_ns: u64,
    /// Receive time of the last sealed record, ns since the Unix epoch; 0 for none.
    pub last_ns: u64,
    /// Records of sealed segments.
    pub records: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Messages that could not be written.
    pub dropped: u64,
    /// Segments.
    pub segments: usize,
}

/// The runs in a directory of runs, or the one run at `path`, oldest first.
///
/// # Errors
/// When the system refuses.
pub fn list(path: &Path) -> Result<Vec<RunSummary>, CaptureError> {
    let found = runs(path)?;
    if found.is_empty() && path.is_dir() {
        return match Capture::open(path) {
            Ok(capture) => capture.runs().iter().map(summary).collect(),
            Err(CaptureError::NotACapture { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
    }
    found.iter().map(summary).collect()
}

fn summary(run: &Run) -> Result<RunSummary, CaptureError> {
    let manifest = run.manifest.as_ref();
    let sealed = || manifest.iter().flat_map(|manifest| &manifest.segments);
    let directory = run.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(RunSummary {
        path: run.dir.display().to_string(),
        name: manifest.map_or(directory, |manifest| manifest.run.name.clone()),
        status: status_of(run),
        live: run.is_live(),
        mode: manifest.map(|manifest| manifest.run.mode),
        mesh_id: manifest.map(|manifest| manifest.run.mesh_id),
        started_ns: manifest.map_or(0, |manifest| manifest.run.started_ns),
        last_ns: sealed().map(|segment| segment.last_ns).max().unwrap_or(0),
        records: sealed().map(|segment| segment.records).sum(),
        bytes: files::dir_bytes(&run.dir).map_err(CaptureError::io("list", &run.dir))?,
        dropped: manifest.map_or(0, |manifest| manifest.dropped),
        segments: run.segments.len(),
    })
}

/// What went through an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Messages that were taken.
    pub messages: u64,
    /// Places without a whole record that were passed over.
    pub damaged: u64,
}

/// Gives each message that fits to `each`, in order, as far as the reader goes.
///
/// # Errors
/// When the system refuses, or `each` fails.
pub fn each(
    reader: &mut Reader,
    filter: &Filter,
    each: &mut dyn FnMut(Item<'_>) -> Result<(), CaptureError>,
) -> Result<Totals, CaptureError> {
    let mut totals = Totals::default();
    while let Some(item) = reader.next_item()? {
        match &item {
            Item::Record(record) if filter.takes(&record.message) => totals.messages += 1,
            Item::Record(_) => continue,
            Item::Damage(_) => totals.damaged += 1,
        }
        each(item)?;
    }
    Ok(totals)
}

/// Writes a line for each message that fits, with its receive time, and for each place that holds none. This is both
/// `cat` and the export as JSON lines; call it again with a following reader for what comes later.
///
/// # Errors
/// When the system refuses, or the output is closed.
pub fn cat(reader: &mut Reader, filter: &Filter, format: Format, out: &mut dyn Write) -> Result<Totals, CaptureError> {
    each(reader, filter, &mut |item| {
        match &item {
            Item::Record(record) => show::record(out, format, record),
            Item::Damage(damage) => show::damage(out, format, damage),
        }
        .map_err(CaptureError::Output)
    })
}

/// Makes a new sealed run of the messages that fit, in the new directory `to`. It says of itself what the first run says,
/// with `-cut` behind its name.
///
/// # Errors
/// When `to` exists, or the system refuses.
pub fn cut(
    capture: &Capture,
    range: TimeRange,
    filter: &Filter,
    to: &Path,
    now_ns: u64,
) -> Result<(Manifest, Totals), CaptureError> {
    let Some(manifest) = capture.runs().iter().find_map(|run| run.manifest.as_ref()) else {
        return Err(CaptureError::NotACapture { path: to.to_owned(), found: "a source without a manifest" });
    };
    let mut info = manifest.run.clone();
    info.name.push_str("-cut");
    info.started_ns = now_ns;
    let mut writer = CaptureWriter::create_at(to, info, WriterLimits::default())?;
    let totals = each(&mut capture.reader(range), filter, &mut |item| match item {
        Item::Record(record) => put(&mut writer, &record),
        Item::Damage(_) => Ok(()),
    })?;
    Ok((writer.finish(now_ns)?.clone(), totals))
}

/// Adds a record, and writes when the buffer is full enough.
fn put(writer: &mut CaptureWriter, record: &Record<'_>) -> Result<(), CaptureError> {
    const BATCH_BYTES: usize = 1 << 20;
    if writer.waiting_bytes() > BATCH_BYTES {
        writer.flush(record.receive_ns)?;
    }
    writer
        .append(record.receive_ns, record.message.frame())
        .map_err(|full| CaptureError::io("write", writer.dir())(std::io::Error::other(full)))
}
