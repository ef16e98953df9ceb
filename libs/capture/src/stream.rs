//! A window that slides over bytes that are read once.

use std::io::{self, Read};

const READ_BYTES: usize = 256 * 1024;

/// Bytes of a source from some offset on, as far as they were read.
#[derive(Debug)]
pub(crate) struct Stream<R> {
    source: R,
    window: Vec<u8>,
    base: u64,
    at_end: bool,
}

impl<R: Read> Stream<R> {
    /// Reads a source from its start.
    pub(crate) fn new(source: R) -> Self {
        Self { source, window: Vec::new(), base: 0, at_end: false }
    }

    /// What was read, from this offset on.
    pub(crate) fn window(&self, from: u64) -> &[u8] {
        self.window.get(self.position(from)..).unwrap_or_default()
    }

    fn position(&self, from: u64) -> usize {
        usize::try_from(from - self.base).unwrap_or(usize::MAX).min(self.window.len())
    }

    /// True when the last read found nothing more; a file that grows may have more later.
    pub(crate) const fn at_end(&self) -> bool {
        self.at_end
    }

    /// Forgets what stands before `from`, and reads until `needed` bytes are there from it on, or nothing more comes.
    pub(crate) fn fill(&mut self, from: u64, needed: usize) -> io::Result<()> {
        let passed = self.position(from);
        self.window.drain(..passed);
        self.base = from;
        self.at_end = false;
        while self.window.len() < needed {
            let filled = self.window.len();
            self.window.resize(filled + READ_BYTES.max(needed - filled), 0);
            let outcome = self.source.read(self.window.get_mut(filled..).unwrap_or_default());
            self.window.truncate(filled + *outcome.as_ref().unwrap_or(&0));
            match outcome {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The source, and a window that goes on at `offset` of it; the caller moves the source there.
    pub(crate) fn jump(&mut self, offset: u64) -> &mut R {
        self.window.clear();
        self.base = offset;
        &mut self.source
    }

    /// Reads to the end, keeping nothing, and answers with where that is.
    pub(crate) fn skip_to_end(&mut self) -> io::Result<u64> {
        loop {
            self.fill(self.base + self.window.len() as u64, 1)?;
            if self.at_end {
                return Ok(self.base);
            }
        }
    }
}
