//! Framing: bytes in, messages out. `Incomplete` is a normal answer; after bytes that are no message, reading goes on at the
//! next one that parses.

use crate::error::FrameError;
use crate::header::{HEADER_BYTES, MAGIC, MAX_FRAME_BYTES};
use crate::message::Message;
use crate::valid::ValidFrames;

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
    match Message::checked(bytes) {
        Some(message) => Scan::Message(message),
        None => no_message(bytes),
    }
}

#[cold]
fn no_message(bytes: &[u8]) -> Scan<'_> {
    match Message::error(bytes) {
        FrameError::Truncated { expected, .. } if may_begin(bytes) => Scan::Incomplete { needed: expected },
        error => bad(bytes, error),
    }
}

/// Less than a header: could more bytes make it one?
fn may_begin(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES || bytes.iter().zip(MAGIC).all(|(found, expected)| *found == expected)
}

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
    let after = bytes.get(1..).unwrap_or_default();
    let found = after.windows(MAGIC.len()).position(|window| window == MAGIC).or_else(|| {
        let tail = after.len().saturating_sub(MAGIC.len() - 1);
        (tail..after.len()).find(|start| after.get(*start..).is_some_and(|rest| MAGIC.starts_with(rest)))
    });
    1 + found.unwrap_or(after.len())
}

/// How many bytes may still be summed in search of messages inside a failed one.
///
/// Where a size is corrupt, later messages lie inside what it covers, so the search goes on right behind the failed magic.
/// But bytes made to deceive hold such a beginning every 32 bytes, each good for a checksum over 1 MiB. The budget keeps
/// all work within [`SEARCH_BYTES`] and a small multiple of the bytes that came; once it is spent, a failed message is
/// passed over whole.
#[derive(Clone, Debug)]
struct SearchBudget {
    bytes: usize,
}

/// Checksummed bytes that searches may cost at first, and the most that can be saved up.
const SEARCH_BYTES: usize = 64 * MAX_FRAME_BYTES;
/// Checksummed bytes that each byte of a good message adds.
const SEARCH_BYTES_EARNED: usize = 4;

impl SearchBudget {
    const fn new() -> Self {
        Self { bytes: SEARCH_BYTES }
    }

    fn earn(&mut self, message_size: usize) {
        self.bytes = self.bytes.saturating_add(message_size.saturating_mul(SEARCH_BYTES_EARNED)).min(SEARCH_BYTES);
    }

    /// How far to go on after `error`, where `skip` would lose nothing.
    fn skip(&mut self, error: &FrameError, skip: usize) -> usize {
        let FrameError::Checksum { message_size, .. } = *error else { return skip };
        match self.bytes.checked_sub(message_size) {
            Some(left) => {
                self.bytes = left;
                skip
            }
            None => message_size,
        }
    }
}

/// Messages in bytes that are all there, as in a file: a truncated tail is an error, and bad bytes are passed over.
///
/// Made from [`ValidFrames`], it has nothing to check.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    position: usize,
    budget: SearchBudget,
    valid: bool,
}

impl<'a> Frames<'a> {
    /// The messages in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, budget: SearchBudget::new(), valid: false }
    }
}

impl<'a> From<ValidFrames<'a>> for Frames<'a> {
    fn from(frames: ValidFrames<'a>) -> Self {
        Self { valid: true, ..Self::new(frames.bytes()) }
    }
}

impl<'a> Iterator for Frames<'a> {
    /// Where it stands, and what it is.
    type Item = (usize, Result<Message<'a>, FrameError>);

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.position;
        let rest = self.bytes.get(offset..).filter(|rest| !rest.is_empty())?;
        if self.valid {
            let message = Message::of_valid(rest)?;
            self.position += message.frame().len();
            return Some((offset, Ok(message)));
        }
        match scan(rest) {
            Scan::Message(message) => {
                self.position += message.frame().len();
                self.budget.earn(message.frame().len());
                Some((offset, Ok(message)))
            }
            Scan::Incomplete { needed } => {
                // The size may be what is corrupt: a later message must not be lost with it.
                self.position += next_magic(rest);
                Some((offset, Err(FrameError::Truncated { expected: needed, found: rest.len() })))
            }
            Scan::Bad { error, skip } => {
                self.position += self.budget.skip(&error, skip);
                Some((offset, Err(error)))
            }
        }
    }
}

/// Collects bytes of a stream and gives out whole messages in place.
///
/// A false size can make it wait for up to [`MAX_FRAME_BYTES`]; the messages behind it come then, none is lost.
#[derive(Debug)]
pub struct FrameScanner {
    buffer: Vec<u8>,
    start: usize,
    budget: SearchBudget,
    skipped_bytes: u64,
}

impl Default for FrameScanner {
    fn default() -> Self {
        Self { buffer: Vec::new(), start: 0, budget: SearchBudget::new(), skipped_bytes: 0 }
    }
}

impl FrameScanner {
    /// Adds bytes that came.
    pub fn extend(&mut self, bytes: &[u8]) {
        // Moving the rest only when it is the smaller half keeps the cost per byte constant, however little is taken out
        // between two calls.
        if self.start >= self.buffer.len() - self.start {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, or what is wrong with the bytes; `None` when more must come.
    pub fn next_message(&mut self) -> Option<Result<Message<'_>, FrameError>> {
        let rest = self.buffer.get(self.start..).filter(|rest| !rest.is_empty())?;
        match scan(rest) {
            Scan::Message(message) => {
                self.start += message.frame().len();
                self.budget.earn(message.frame().len());
                Some(Ok(message))
            }
            Scan::Incomplete { .. } => None,
            Scan::Bad { error, skip } => {
                let skip = self.budget.skip(&error, skip);
                self.start += skip;
                self.skipped_bytes += skip as u64;
                Some(Err(error))
            }
        }
    }

    /// Bytes that wait for the rest of their message.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The bytes that wait; where no more come, [`Frames`] reads what is left in them.
    pub fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Bytes passed over so far because they were no message.
    pub const fn skipped_bytes(&self) -> u64 {
        self.skipped_bytes
    }
}
