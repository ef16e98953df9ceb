//! Lines of the standard input, unpacked where they are packed. A line is bounded: memory does not depend on the input.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// Bytes of a line that are kept; no venue sends a frame as long.
const MAX_LINE: u64 = 64 * 1024 * 1024;

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A line; it lies in the buffer.
    Line,
    /// A line that is longer than is kept; it was skipped.
    TooLong,
    /// The end.
    End,
}

/// Lines of an input.
pub(crate) struct Lines<'a> {
    input: Box<dyn BufRead + 'a>,
    buffer: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// Lines of `input`, which may be gzip.
    pub(crate) fn new(input: impl Read + 'a) -> io::Result<Self> {
        let mut input = BufReader::with_capacity(1 << 16, input);
        let packed = input.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let input: Box<dyn BufRead + 'a> = if packed {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(input)))
        } else {
            Box::new(input)
        };
        Ok(Self { input, buffer: Vec::new() })
    }

    /// Reads on.
    pub(crate) fn read(&mut self) -> io::Result<Next> {
        self.buffer.clear();
        let read = self.input.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(Next::End);
        }
        if self.buffer.ends_with(b"\n") || u64::try_from(read).unwrap_or(u64::MAX) < MAX_LINE {
            return Ok(Next::Line);
        }
        self.skip_line()?;
        Ok(Next::TooLong)
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                return Ok(());
            }
            match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => {
                    self.input.consume(at + 1);
                    return Ok(());
                }
                None => {
                    let len = bytes.len();
                    self.input.consume(len);
                }
            }
        }
    }

    /// The line.
    pub(crate) fn line(&self) -> &[u8] {
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_are_read_packed_or_not_and_long_ones_are_skipped() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"one\ntwo").expect("written");
        for bytes in [b"one\ntwo".to_vec(), packed.finish().expect("packed")] {
            let mut lines = Lines::new(bytes.as_slice()).expect("readable");
            assert_eq!((lines.read().expect("a line"), lines.line()), (Next::Line, b"one\n".as_slice()));
            assert_eq!((lines.read().expect("a line"), lines.line()), (Next::Line, b"two".as_slice()));
            assert_eq!(lines.read().expect("the end"), Next::End);
        }
        let long = io::repeat(b'x').take(MAX_LINE + 5).chain(b"\nafter\n".as_slice());
        let mut lines = Lines::new(long).expect("readable");
        assert_eq!(lines.read().expect("a line"), Next::TooLong);
        assert_eq!((lines.read().expect("a line"), lines.line()), (Next::Line, b"after\n".as_slice()));
    }
}
