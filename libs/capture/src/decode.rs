//! Bytes into lines: what `mesh decode` does. A capture's segment is told from raw frames by its first bytes. Bad bytes give
//! a line that says what is wrong, and reading goes on at the next message.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use mesh_codec::{FrameError, FrameScanner, Frames, MAGIC};

use crate::capture::{Capture, TimeRange};
use crate::error::CaptureError;
use crate::segment::{Item, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::segment_reader::SegmentReader;
use crate::show::{self, Format};
use crate::stream::Stream;

/// What was decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Whole messages.
    pub messages: u64,
    /// Places that hold none.
    pub errors: u64,
}

/// Decodes a file, or all runs of a capture's directory.
///
/// # Errors
/// When it can't be read, or the output is closed.
pub fn decode_path(path: &Path, out: &mut dyn Write, format: Format) -> Result<Decoded, CaptureError> {
    if path.is_dir() {
        return decode_capture(&Capture::open(path)?, out, format);
    }
    decode(File::open(path).map_err(CaptureError::io("open", path))?, out, format)
}

fn decode_capture(capture: &Capture, out: &mut dyn Write, format: Format) -> Result<Decoded, CaptureError> {
    let mut reader = capture.reader(TimeRange::ALL);
    let mut decoded = Decoded::default();
    while let Some(item) = reader.next_item()? {
        show_item(out, format, &item, &mut decoded)?;
    }
    Ok(decoded)
}

fn show_item(out: &mut dyn Write, format: Format, item: &Item<'_>, decoded: &mut Decoded) -> Result<(), CaptureError> {
    match item {
        Item::Record(record) => {
            decoded.messages += 1;
            show::message(out, format, &record.message)
        }
        Item::Damage(damage) => {
            decoded.errors += 1;
            show::damage(out, format, damage)
        }
    }
    .map_err(CaptureError::Output)
}

/// Decodes bytes as they come, to their end: a segment, or raw frames.
///
/// # Errors
/// When the input can't be read, or the output is closed.
pub fn decode(input: impl Read, out: &mut dyn Write, format: Format) -> Result<Decoded, CaptureError> {
    let mut stream = Stream::new(input);
    stream.fill(0, SEGMENT_HEADER_BYTES).map_err(CaptureError::Input)?;
    if SegmentHeader::read(stream.window(0)).is_none() {
        return decode_frames(stream, out, format);
    }
    let mut segment = SegmentReader::new(stream, None);
    let mut decoded = Decoded::default();
    while let Some(located) = segment.advance(true).map_err(CaptureError::Input)? {
        show_item(out, format, &segment.item(located), &mut decoded)?;
    }
    Ok(decoded)
}

/// Lines of raw frames.
struct RawFrames<'o> {
    out: &'o mut dyn Write,
    format: Format,
    decoded: Decoded,
    in_error: bool,
}

impl RawFrames<'_> {
    fn message(&mut self, message: &mesh_codec::Message<'_>) -> Result<(), CaptureError> {
        self.in_error = false;
        self.decoded.messages += 1;
        show::message(self.out, self.format, message).map_err(CaptureError::Output)
    }

    /// What follows an error and has no magic belongs to it: one place, one line, however the bytes come.
    fn error(&mut self, offset: u64, error: &FrameError) -> Result<(), CaptureError> {
        if core::mem::replace(&mut self.in_error, true) && matches!(error, FrameError::Magic { .. }) {
            return Ok(());
        }
        self.decoded.errors += 1;
        show::frame_error(self.out, self.format, offset, error).map_err(CaptureError::Output)
    }
}

fn decode_frames<R: Read>(mut stream: Stream<R>, out: &mut dyn Write, format: Format) -> Result<Decoded, CaptureError> {
    let mut lines = RawFrames { out, format, decoded: Decoded::default(), in_error: false };
    let mut scanner = FrameScanner::default();
    let (mut read, mut offset) = (0, 0);
    loop {
        let window = stream.window(read);
        scanner.extend(window);
        read += window.len() as u64;
        // With less than a magic, what an error shows of the bytes would depend on how they came.
        while scanner.pending_bytes() >= MAGIC.len() {
            let at = offset;
            match scanner.next_message() {
                None => break,
                Some(Ok(message)) => lines.message(&message)?,
                Some(Err(error)) => lines.error(at, &error)?,
            }
            offset = read - scanner.pending_bytes() as u64;
        }
        if stream.at_end() {
            break;
        }
        // Whoever looks on sees what has come before the input waits.
        lines.out.flush().map_err(CaptureError::Output)?;
        stream.fill(read, 1).map_err(CaptureError::Input)?;
    }
    for (within, result) in Frames::new(scanner.pending()) {
        match result {
            Ok(message) => lines.message(&message)?,
            Err(error) => lines.error(offset + within as u64, &error)?,
        }
    }
    Ok(lines.decoded)
}
