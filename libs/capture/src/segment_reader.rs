//! Reads one segment through a small window, also while its file still grows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::CaptureError;
use crate::segment::{
    Damage, Item, SEGMENT_HEADER_BYTES, Scanner, SegmentHeader, SegmentId, Step, header_damage, item_of,
};
use crate::stream::Stream;

/// What was found, before its frame is looked at.
#[derive(Debug)]
pub(crate) enum Located {
    /// A record with a frame of this length.
    Record { offset: u64, receive_ns: u64, length: usize },
    /// Bytes that were passed over.
    Damage(Damage),
}

/// Reads one segment.
#[derive(Debug)]
pub(crate) struct SegmentReader<R> {
    stream: Stream<R>,
    known: Option<SegmentId>,
    /// `None` until the header has been read.
    scanner: Option<Scanner>,
    /// Where the window's record stands.
    found_at: u64,
    ended: bool,
}

impl SegmentReader<File> {
    /// Opens a segment's file. `known` says which one it is, where that is known from its manifest and name.
    pub(crate) fn open(path: &Path, known: Option<SegmentId>) -> Result<Self, CaptureError> {
        let file = File::open(path).map_err(CaptureError::io("open", path))?;
        Ok(Self::new(Stream::new(file), known))
    }

    /// Goes on at a record that an index names, where the segment is known.
    pub(crate) fn seek(&mut self, offset: u64) -> io::Result<()> {
        if let Some(id) = self.known {
            self.stream.jump(offset).seek(SeekFrom::Start(offset))?;
            self.scanner = Some(Scanner::new(id, offset));
        }
        Ok(())
    }
}

impl<R: Read> SegmentReader<R> {
    /// Reads the segment whose bytes come from `stream`.
    pub(crate) fn new(stream: Stream<R>, known: Option<SegmentId>) -> Self {
        Self { stream, known, scanner: None, found_at: 0, ended: false }
    }

    /// The next thing in the segment. `None` at the end, which is final where `last` says that the segment grows no more.
    pub(crate) fn advance(&mut self, last: bool) -> io::Result<Option<Located>> {
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
            let window = self.stream.window(offset);
            let before = window.len();
            match scanner.step(window, last && self.stream.at_end()) {
                Step::Found { receive_ns, length } => {
                    self.found_at = offset;
                    return Ok(Some(Located::Record { offset, receive_ns, length }));
                }
                Step::Damage(damage) => return Ok(Some(Located::Damage(damage))),
                Step::End => return Ok(None),
                Step::More { needed } => {
                    let from = scanner.offset();
                    self.stream.fill(from, needed)?;
                    if self.stream.at_end() && !last && self.stream.window(from).len() <= before {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads the header, once. `Some` ends the call: damage, or nothing there yet.
    fn read_header(&mut self, last: bool) -> io::Result<Option<Option<Located>>> {
        self.stream.fill(0, SEGMENT_HEADER_BYTES)?;
        let bytes = self.stream.window(0);
        if bytes.len() < SEGMENT_HEADER_BYTES {
            let found = bytes.len() as u64;
            self.ended = last;
            let torn = last && found > 0;
            return Ok(Some(torn.then(|| Located::Damage(header_damage(found, false)))));
        }
        let header = SegmentHeader::read(bytes);
        self.known = self.known.or(header.map(|header| header.id()));
        self.scanner = self.known.map(|id| Scanner::new(id, SEGMENT_HEADER_BYTES as u64));
        if header.is_some() {
            return Ok(None);
        }
        self.ended = self.known.is_none();
        let segment_bytes = if self.ended { self.stream.skip_to_end()? } else { SEGMENT_HEADER_BYTES as u64 };
        Ok(Some(Some(Located::Damage(header_damage(segment_bytes, !self.ended)))))
    }

    /// The item of what was located last.
    pub(crate) fn item(&self, located: Located) -> Item<'_> {
        match located {
            Located::Record { offset, receive_ns, length } => {
                item_of(offset, receive_ns, self.stream.window(self.found_at), length)
            }
            Located::Damage(damage) => Item::Damage(damage),
        }
    }
}
