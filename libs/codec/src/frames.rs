//! Framing: bytes in, messages out. `Incomplete` is a normal answer; after bytes that are no message, reading goes on at the
//! next one that parses.

use crate::error::FrameError;
use crate::header::{HEADER_BYTES, MAGIC};
use crate::message::Message;

/// What stands at the start of some bytes.
#[derive(Clone, Copy, Debug)]
pub enum Scan<'a> {
    /// A message.
    Message(Message<'a>),
    /// The beginning of one: this many bytes, at least, must be there.
    Incomplete {
        /// Bytes from the start.
        needed: usize,
    },
    /// No message; `skip` bytes on, one may begin.
    Bad {
        /// What is wrong.
        error: FrameError,
        /// Bytes to pass over, at least 1.
        skip: usize,
    },
}

/// What stands at the start of `bytes`.
#[inline]
pub fn scan(bytes: &[u8]) -> Scan<'_> {
    match Message::parse(bytes) {
        Ok(message) => Scan::Message(message),
        Err(FrameError::Truncated { expected, .. }) if may_begin(bytes) => Scan::Incomplete { needed: expected },
        Err(error) => bad(bytes, error),
    }
}

/// Less than a header: could more bytes make it one?
fn may_begin(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES || bytes.iter().zip(MAGIC).all(|(found, expected)| *found == expected)
}

#[cold]
fn bad(bytes: &[u8], error: FrameError) -> Scan<'_> {
    let error = match error {
        FrameError::Truncated { .. } => {
            let mut found = [0u8; 4];
            found.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
            FrameError::bad_magic(found)
        }
        error => error,
    };
    Scan::Bad { error, skip: next_magic(bytes) }
}

/// Bytes to the next place, after the first byte, where a message may begin: a magic, or the start of one at the end.
fn next_magic(bytes: &[u8]) -> usize {
    (1..bytes.len())
        .find(|start| bytes.get(*start..).is_some_and(|rest| rest.iter().zip(MAGIC).all(|(a, b)| *a == b)))
        .unwrap_or(bytes.len())
        .max(1)
}

/// Messages in bytes that are all there, as in a file: a truncated tail is an error, and bad bytes are passed over.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Frames<'a> {
    /// The messages in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }
}

impl<'a> Iterator for Frames<'a> {
    /// Where it stands, and what it is.
    type Item = (usize, Result<Message<'a>, FrameError>);

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.position;
        let rest = self.bytes.get(offset..).filter(|rest| !rest.is_empty())?;
        match scan(rest) {
            Scan::Message(message) => {
                self.position += message.frame().len();
                Some((offset, Ok(message)))
            }
            Scan::Incomplete { needed } => {
                // The size may be what is corrupt: a later message must not be lost with it.
                self.position += next_magic(rest);
                Some((offset, Err(FrameError::Truncated { expected: needed, found: rest.len() })))
            }
            Scan::Bad { error, skip } => {
                self.position += skip;
                Some((offset, Err(error)))
            }
        }
    }
}

/// Collects bytes of a stream and gives out whole messages in place.
#[derive(Debug, Default)]
pub struct FrameScanner {
    buffer: Vec<u8>,
    start: usize,
}

impl FrameScanner {
    /// Adds bytes that came.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, or what is wrong with the bytes; `None` when more must come.
    pub fn next_message(&mut self) -> Option<Result<Message<'_>, FrameError>> {
        let rest = self.buffer.get(self.start..).filter(|rest| !rest.is_empty())?;
        match scan(rest) {
            Scan::Message(message) => {
                self.start += message.frame().len();
                Some(Ok(message))
            }
            Scan::Incomplete { .. } => None,
            Scan::Bad { error, skip } => {
                self.start += skip;
                Some(Err(error))
            }
        }
    }

    /// Bytes that wait for the rest of their message.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.start
    }
}
