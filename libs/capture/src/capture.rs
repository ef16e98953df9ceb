//! Captures as they lie on the disk: runs, their segments, and reading them in order of time.
//!
//! A path names a run's directory, a directory of runs (read one after another), or one segment's file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::CaptureError;
use crate::index::Index;
use crate::manifest::{MANIFEST_FILE, Manifest, SegmentEntry};
use crate::segment::{Item, SegmentId};
use crate::segment_reader::{Located, SegmentReader};

/// From, and until before, ns since the Unix epoch, by receive time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first time that belongs to it.
    pub from_ns: u64,
    /// The first time that does not.
    pub to_ns: u64,
}

impl TimeRange {
    /// All times.
    pub const ALL: Self = Self { from_ns: 0, to_ns: u64::MAX };
}

/// One segment's file.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Where it is.
    pub path: PathBuf,
    /// Which one it is, where its name and its run's manifest say so.
    pub id: Option<SegmentId>,
    /// What the manifest says of it, where it is sealed.
    pub sealed: Option<SegmentEntry>,
}

/// One run's directory.
#[derive(Debug)]
pub struct Run {
    /// Where it is.
    pub dir: PathBuf,
    /// Its manifest; `None` where it is missing or damaged.
    pub manifest: Option<Manifest>,
    /// Why there is no manifest, where it is damaged.
    pub manifest_error: Option<CaptureError>,
    /// Its segments, in order.
    pub segments: Vec<Segment>,
}

impl Run {
    /// Looks at a run's directory.
    ///
    /// # Errors
    /// When it can't be listed.
    pub fn open(dir: &Path) -> Result<Self, CaptureError> {
        let (manifest, manifest_error) = match Manifest::load(dir) {
            Ok(manifest) => (manifest, None),
            Err(error) => (None, Some(error)),
        };
        let mut segments = Vec::new();
        for path in children(dir)? {
            if let Some(number) = segment_number(&path) {
                let id = manifest.as_ref().map(|m| SegmentId { run_started_ns: m.run.started_ns, number });
                let sealed = manifest.as_ref().and_then(|m| m.segment(number)).cloned();
                segments.push(Segment { path, id, sealed });
            }
        }
        Ok(Self { dir: dir.to_owned(), manifest, manifest_error, segments })
    }

    /// True while a writer, or somebody who recovers it, has it.
    pub fn is_live(&self) -> bool {
        match File::open(&self.dir) {
            Ok(dir) => matches!(dir.try_lock_shared(), Err(fs::TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }

    fn is_run(dir: &Path) -> bool {
        dir.join(MANIFEST_FILE).is_file()
            || children(dir).is_ok_and(|paths| paths.iter().any(|path| segment_number(path).is_some()))
    }
}

/// Directory entries in order of name.
pub(crate) fn children(dir: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        let mut paths = fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
        paths.sort();
        Ok(paths)
    };
    list().map_err(CaptureError::io("list", dir))
}

fn segment_number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_prefix("segment-")?.strip_suffix(".cap")?.parse().ok()
}

/// The runs in a directory of runs, oldest first. Other things in it are left alone.
///
/// # Errors
/// When the directory can't be listed; one that does not exist has no runs.
pub fn runs(root: &Path) -> Result<Vec<Run>, CaptureError> {
    if !root.exists() {
        return Ok(Vec::new());
    }
    children(root)?.iter().filter(|path| path.is_dir() && Run::is_run(path)).map(|dir| Run::open(dir)).collect()
}

/// One or more runs, to be read.
#[derive(Debug)]
pub struct Capture {
    path: PathBuf,
    runs: Vec<Run>,
}

impl Capture {
    /// What is at `path`.
    ///
    /// # Errors
    /// When there is no capture, or the system refuses.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let runs = if path.is_file() {
            let segments = vec![Segment { path: path.to_owned(), id: None, sealed: None }];
            vec![Run { dir: path.to_owned(), manifest: None, manifest_error: None, segments }]
        } else if !path.exists() {
            return Err(CaptureError::NotACapture { path: path.to_owned(), found: "nothing" });
        } else if Run::is_run(path) {
            vec![Run::open(path)?]
        } else {
            runs(path)?
        };
        if runs.is_empty() {
            return Err(CaptureError::NotACapture { path: path.to_owned(), found: "a directory without runs" });
        }
        Ok(Self { path: path.to_owned(), runs })
    }

    /// Its runs, oldest first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Its segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.runs.iter().flat_map(|run| &run.segments)
    }

    /// Receive times of the first and the last record, as far as manifests say so; the end of a run being written, or
    /// left by a crash, is not known without reading it.
    pub fn sealed_span_ns(&self) -> Option<(u64, u64)> {
        let sealed = || self.segments().filter_map(|s| s.sealed.as_ref()).filter(|s| s.records > 0);
        Some((sealed().map(|s| s.first_ns).min()?, sealed().map(|s| s.last_ns).max()?))
    }

    /// Reads the records of a time range, in order. A log that still grows is read as far as it goes.
    pub fn reader(&self, range: TimeRange) -> Reader {
        let segments = self.segments().cloned().collect();
        Reader { path: self.path.clone(), segments, next: 0, current: None, range, follow: false }
    }

    /// Reads what is there and then what comes: [`Reader::next_item`] answers `None` whenever there is nothing new.
    pub fn follow(&self, range: TimeRange) -> Reader {
        Reader { follow: true, ..self.reader(range) }
    }
}

/// Reads records over segments and runs.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    segments: Vec<Segment>,
    /// The segment after the current one.
    next: usize,
    current: Option<SegmentReader<File>>,
    range: TimeRange,
    follow: bool,
}

impl Reader {
    /// The next record in the range, or damage that was passed over.
    ///
    /// # Errors
    /// When the system refuses; the next call goes on behind it.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, CaptureError> {
        let located = loop {
            if self.current.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let Some(file) = &mut self.current else { return Ok(None) };
            // While following, the newest segment may still grow: what looks torn is only on its way.
            let newest = self.next >= self.segments.len();
            match file.advance(!(self.follow && newest)) {
                Ok(Some(Located::Record { receive_ns, .. })) if receive_ns < self.range.from_ns => {}
                Ok(Some(Located::Record { receive_ns, .. })) if receive_ns >= self.range.to_ns => self.current = None,
                Ok(Some(located)) => break located,
                Ok(None) if self.follow && newest && !self.look_for_more()? => return Ok(None),
                Ok(None) if self.follow && newest => {}
                Ok(None) => self.current = None,
                Err(error) => {
                    self.current = None;
                    let path = self.segment().map_or(self.path.as_path(), |segment| &segment.path);
                    return Err(CaptureError::io("read", path)(error));
                }
            }
        };
        Ok(self.current.as_ref().map(|file| file.item(located)))
    }

    /// The segment that the last item came from.
    pub fn segment(&self) -> Option<&Segment> {
        self.segments.get(self.next.checked_sub(1)?)
    }

    /// Its place among the capture's segments.
    pub fn segment_index(&self) -> usize {
        self.next.saturating_sub(1)
    }

    fn open_next(&mut self) -> Result<bool, CaptureError> {
        loop {
            if self.next >= self.segments.len() && !(self.follow && self.look_for_more()?) {
                return Ok(false);
            }
            let Some(segment) = self.segments.get(self.next) else { return Ok(false) };
            self.next += 1;
            let outside = |sealed: &SegmentEntry| {
                sealed.torn_at.is_none() && (sealed.last_ns < self.range.from_ns || sealed.first_ns >= self.range.to_ns)
            };
            if segment.sealed.as_ref().is_some_and(outside) {
                continue;
            }
            let mut file = SegmentReader::open(&segment.path, segment.id)?;
            if self.range.from_ns > 0
                && let Some(offset) = Index::load(&segment.path).and_then(|index| index.seek(self.range.from_ns))
            {
                file.seek(offset).map_err(CaptureError::io("seek in", &segment.path))?;
            }
            self.current = Some(file);
            return Ok(true);
        }
    }

    /// Lists again; true when there are segments after those known.
    fn look_for_more(&mut self) -> Result<bool, CaptureError> {
        let last = self.segments.last().map(|segment| segment.path.clone());
        let listed = Capture::open(&self.path)?;
        let before = self.segments.len();
        self.segments.extend(listed.segments().filter(|segment| Some(&segment.path) > last.as_ref()).cloned());
        Ok(self.segments.len() > before)
    }
}
