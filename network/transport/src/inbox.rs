//! Bytes that came: read in large chunks, given out in place, the beginning of a message kept for the next chunk.

use std::io;

use mesh_codec::MAX_FRAME_BYTES;

use crate::link::{Attempt, Link, attempt};

/// Read at once at most.
const CHUNK_BYTES: usize = 256 * 1024;

/// A read buffer. It has room for one chunk behind the largest beginning of a message; memory that was never needed is
/// never touched.
#[derive(Debug)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    filled: usize,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; MAX_FRAME_BYTES + CHUNK_BYTES], filled: 0 }
    }

    /// One without memory, to stand in while the real one is borrowed.
    pub(crate) const fn empty() -> Self {
        Self { buffer: Vec::new(), filled: 0 }
    }

    /// Reads one chunk.
    pub(crate) fn read(&mut self, link: &mut impl Link) -> io::Result<Attempt> {
        let end = (self.filled + CHUNK_BYTES).min(self.buffer.len());
        let room = self.buffer.get_mut(self.filled..end).unwrap_or_default();
        let outcome = attempt(link.read(room))?;
        if let Attempt::Done(count) = outcome {
            self.filled += count;
        }
        Ok(outcome)
    }

    /// Everything that is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Takes away what was handled, and moves the rest to the front.
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.filled);
        self.buffer.copy_within(count..self.filled, 0);
        self.filled -= count;
    }

    pub(crate) const fn clear(&mut self) {
        self.filled = 0;
    }
}
