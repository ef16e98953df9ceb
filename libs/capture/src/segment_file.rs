//! Reads one segment's file through a small window, also while it still grows.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::CaptureError;
use crate::segment::{
    Damage, Item, SEGMENT_HEADER_BYTES, Scanner, SegmentHeader, SegmentId, Step, header_damage, item_of,
};

const READ_BYTES: usize = 256 * 1024;

/// What was found, before its frame is looked at.
#[derive(Debug)]
pub(crate) enum Located {
    /// A record; its frame is at this range of the window.
    Record { offset: u64, receive_ns: u64, frame: core::ops::Range<usize> },
    /// Bytes that were passed over.
    Damage(Damage),
}

/// Reads one segment.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    file: File,
    path: PathBuf,
    known: Option<SegmentId>,
    /// `None` until the header has been read.
    scanner: Option<Scanner>,
    /// The segment's bytes from `base` on.
    window: Vec<u8>,
    base: u64,
    at_end: bool,
    ended: bool,
}

impl SegmentFile {
    /// Opens a segment. `known` says which one it is, where that is known from its manifest and name.
    pub(crate) fn open(path: &Path, known: Option<SegmentId>) -> Result<Self, CaptureError> {
        let file = File::open(path).map_err(CaptureError::io("open", path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            known,
            scanner: None,
            window: Vec::new(),
            base: 0,
            at_end: false,
            ended: false,
        })
    }

    /// The file's size at present.
    pub(crate) fn bytes(&self) -> Result<u64, CaptureError> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(CaptureError::io("look at", &self.path))
    }

    /// Goes on at a record that an index names. The header must have been read, or be known.
    pub(crate) fn seek(&mut self, offset: u64) {
        if let Some(id) = self.known {
            self.scanner = Some(Scanner::new(id, offset));
            self.window.clear();
            self.base = offset;
        }
    }

    /// The next thing in the segment. `None` at the end, which is final where `last` says that the segment grows no more.
    pub(crate) fn advance(&mut self, last: bool) -> Result<Option<Located>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        if self.scanner.is_none()
            && let Some(outcome) = self.read_header(last)?
        {
            return Ok(outcome);
        }
        loop {
            let Some(scanner) = &mut self.scanner else { return Ok(None) };
            let offset = scanner.offset();
            let position = usize::try_from(offset - self.base).unwrap_or(usize::MAX);
            let window = self.window.get(position..).unwrap_or_default();
            match scanner.step(window, last && self.at_end) {
                Step::Found { start, receive_ns, length } => {
                    let start = position + start;
                    return Ok(Some(Located::Record { offset, receive_ns, frame: start..start + length }));
                }
                Step::Damage(damage) => return Ok(Some(Located::Damage(damage))),
                Step::End => return Ok(None),
                Step::More { needed } => {
                    let before = self.window.len().saturating_sub(position);
                    self.fill(needed)?;
                    if self.at_end && !last && self.window.len() == before {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads the header, once. `Some` ends the call: damage, or nothing there yet.
    fn read_header(&mut self, last: bool) -> Result<Option<Option<Located>>, CaptureError> {
        self.fill_from(0, SEGMENT_HEADER_BYTES)?;
        let found = self.window.len() as u64;
        if self.window.len() < SEGMENT_HEADER_BYTES {
            self.ended = last;
            let torn = last && found > 0;
            return Ok(Some(torn.then(|| Located::Damage(header_damage(found, false)))));
        }
        let header = SegmentHeader::read(&self.window);
        let id = self.known.or(header.map(|header| header.id()));
        self.known = id;
        self.scanner = id.map(|id| Scanner::new(id, SEGMENT_HEADER_BYTES as u64));
        self.ended = id.is_none();
        if header.is_some() {
            return Ok(None);
        }
        let bytes = self.bytes()?;
        Ok(Some(Some(Located::Damage(header_damage(bytes, id.is_some())))))
    }

    /// The item of something located; valid until the next call.
    pub(crate) fn item(&self, located: Located) -> Item<'_> {
        match located {
            Located::Record { offset, receive_ns, frame } => {
                item_of(offset, receive_ns, self.window.get(frame).unwrap_or_default())
            }
            Located::Damage(damage) => Item::Damage(damage),
        }
    }

    /// Reads until `needed` bytes are there from the scanner's place on, or the file ends.
    fn fill(&mut self, needed: usize) -> Result<(), CaptureError> {
        let from = self.scanner.as_ref().map_or(0, Scanner::offset);
        self.fill_from(from, needed)
    }

    fn fill_from(&mut self, from: u64, needed: usize) -> Result<(), CaptureError> {
        let passed = usize::try_from(from - self.base).unwrap_or(usize::MAX).min(self.window.len());
        self.window.drain(..passed);
        self.base = from;
        self.at_end = false;
        while self.window.len() < needed {
            let filled = self.window.len();
            self.window.resize(filled + READ_BYTES.max(needed - filled), 0);
            let slot = self.window.get_mut(filled..).unwrap_or_default();
            let outcome = self.file.read_at(slot, self.base + filled as u64);
            let count = *outcome.as_ref().unwrap_or(&0);
            self.window.truncate(filled + count);
            match outcome {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CaptureError::io("read", &self.path)(error)),
            }
        }
        Ok(())
    }
}
