//! Reads recordings from files, plain or gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::binance::source::Lines;
use crate::core::recording::Line;

/// A longer line is no recording's.
const LONGEST_LINE_BYTES: u64 = 32 << 20;

/// The lines of a file.
pub struct TapeFile {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
}

impl TapeFile {
    /// Opens a recording.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), reader: reader(path)?, buffer: Vec::new() })
    }
}

fn reader(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let explain = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(explain)?;
    let mut magic = Vec::new();
    Read::by_ref(&mut file).take(2).read_to_end(&mut magic).map_err(explain)?;
    file.seek(SeekFrom::Start(0)).map_err(explain)?;
    let plain = BufReader::new(file);
    Ok(if magic == [0x1f, 0x8b] { Box::new(BufReader::new(MultiGzDecoder::new(plain))) } else { Box::new(plain) })
}

impl Lines for TapeFile {
    fn next_line(&mut self) -> io::Result<Option<Line>> {
        let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text);
        loop {
            self.buffer.clear();
            let read = Read::by_ref(&mut self.reader).take(LONGEST_LINE_BYTES).read_until(b'\n', &mut self.buffer);
            // A torn gzip stream would give the same error for ever: it is the file's end.
            let read = read.map_err(|error| io::Error::new(io::ErrorKind::UnexpectedEof, error))?;
            if read == 0 {
                return Ok(None);
            }
            let text = core::str::from_utf8(&self.buffer).map_err(|_| invalid("no UTF-8"))?;
            if let Some(line) = Line::parse(text).map_err(invalid)? {
                return Ok(Some(line));
            }
        }
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.reader = reader(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn plain_and_gzip_files_are_read_again_and_again_and_bad_lines_are_passed() {
        let text = b"12 {\"a\":1}\n\xff\n13 {}\nnonsense\n14 {}";
        let dir = tempfile::tempdir().expect("a directory");
        let (plain, packed) = (dir.path().join("a"), dir.path().join("a.gz"));
        std::fs::write(&plain, text).expect("written");
        let mut gzip =
            flate2::write::GzEncoder::new(File::create(&packed).expect("a file"), flate2::Compression::fast());
        gzip.write_all(text).expect("written");
        gzip.finish().expect("finished");
        for path in [plain, packed] {
            let mut tape = TapeFile::open(&path).expect("a tape");
            for _ in 0..2 {
                let (mut times, mut bad) = (vec![], 0);
                loop {
                    match tape.next_line() {
                        Ok(Some(line)) => times.push(line.received_ns),
                        Ok(None) => break,
                        Err(error) => {
                            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                            bad += 1;
                        }
                    }
                }
                assert_eq!((times, bad), (vec![12, 13, 14], 2));
                tape.rewind().expect("rewound");
            }
        }
        assert!(TapeFile::open(&dir.path().join("none")).is_err());
    }
}
