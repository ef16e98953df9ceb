//! Frames that are known to be valid: their checksums were compared once, where the bytes came in, or they were built here.
//!
//! [`ValidFrames`] is the proof: [`FrameCutter`] and [`ValidFrames::check`] make it of bytes that they have checked, and
//! [`FrameBuffer`] of frames that it was given with a proof or that it has built. Reading them costs a look at each header.

use crate::encode::{FrameBuilder, Stamp, TooLarge};
use crate::error::FrameError;
use crate::frames::{Frames, Scan, scan};
use crate::message::Message;

/// Valid frames, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValidFrames<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> ValidFrames<'a> {
    /// Checks every frame of `bytes`.
    ///
    /// # Errors
    /// Where the first bytes stand that are no message, and what is wrong with them.
    pub fn check(bytes: &'a [u8]) -> Result<Self, (usize, FrameError)> {
        let mut count = 0;
        for (offset, message) in Frames::new(bytes) {
            message.map_err(|error| (offset, error))?;
            count += 1;
        }
        Ok(Self { bytes, count })
    }

    /// The frame of one message.
    pub const fn of(message: &Message<'a>) -> Self {
        Self { bytes: message.frame(), count: 1 }
    }

    /// The frames as they lie on the wire.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The messages, in order.
    pub const fn iter(&self) -> ValidFramesIter<'a> {
        ValidFramesIter { rest: self.bytes }
    }

    /// Neighbours with the same key together.
    pub fn runs_by<K: PartialEq>(self, key: impl Fn(&Message<'a>) -> K) -> impl Iterator<Item = (K, Self)> {
        let mut rest = self;
        core::iter::from_fn(move || {
            let mut messages = rest.iter();
            let first = key(&messages.next()?);
            let (mut run, mut others) = (1, messages.clone());
            while messages.next().is_some_and(|message| key(&message) == first) {
                run += 1;
                others = messages.clone();
            }
            let (bytes, after) = rest.bytes.split_at(rest.bytes.len() - others.rest.len());
            rest = Self { bytes: after, count: rest.count - run };
            Some((first, Self { bytes, count: run }))
        })
    }
}

impl<'a> IntoIterator for ValidFrames<'a> {
    type Item = Message<'a>;
    type IntoIter = ValidFramesIter<'a>;

    fn into_iter(self) -> ValidFramesIter<'a> {
        self.iter()
    }
}

/// The messages of valid frames.
#[derive(Clone, Debug)]
pub struct ValidFramesIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ValidFramesIter<'a> {
    type Item = Message<'a>;

    #[inline]
    fn next(&mut self) -> Option<Message<'a>> {
        let message = Message::of_valid(self.rest)?;
        self.rest = self.rest.get(message.frame().len()..).unwrap_or_default();
        Some(message)
    }
}

/// Valid frames with room for more; the room is kept between batches.
#[derive(Clone, Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    count: usize,
}

impl FrameBuffer {
    /// An empty one.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), count: 0 }
    }

    /// Adds frames.
    pub fn extend(&mut self, frames: ValidFrames<'_>) {
        self.bytes.extend_from_slice(frames.bytes);
        self.count += frames.count;
    }

    /// Adds a message.
    pub fn push(&mut self, message: &Message<'_>) {
        self.extend(ValidFrames::of(message));
    }

    /// Builds a message and adds it; answers with its size.
    ///
    /// # Errors
    /// [`TooLarge`] when it would be larger than a message may be; then nothing is added.
    pub fn build<'b>(
        &'b mut self,
        stamp: &Stamp,
        build: impl FnOnce(FrameBuilder<'b>) -> FrameBuilder<'b>,
    ) -> Result<usize, TooLarge> {
        let Self { bytes, count } = self;
        let size = build(FrameBuilder::new(bytes, stamp)).finish()?;
        *count += 1;
        Ok(size)
    }

    /// What it holds.
    pub fn frames(&self) -> ValidFrames<'_> {
        ValidFrames { bytes: &self.bytes, count: self.count }
    }

    /// Whether it holds nothing.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets the frames and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

/// Cuts bytes that came into messages, and joins those that are accepted to runs.
///
/// [`FrameCutter::show`] shows what stands next; then it is accepted into the run, or passed over. A run ends where it is
/// taken, and where a message is passed over.
#[derive(Debug)]
pub struct FrameCutter<'a> {
    bytes: &'a [u8],
    run: usize,
    position: usize,
    /// End of the message that was shown.
    shown: usize,
    count: usize,
}

impl<'a> FrameCutter<'a> {
    /// Begins at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, run: 0, position: 0, shown: 0, count: 0 }
    }

    /// The message that stands next; `None` where there is none, or not all of it: [`FrameCutter::error`] tells which.
    #[inline]
    pub fn show(&mut self) -> Option<Message<'a>> {
        let message = Message::checked(self.bytes.get(self.position..).unwrap_or_default());
        self.shown = self.position + message.map_or(0, |message| message.frame().len());
        message
    }

    /// Why no message stands next; `None` where more bytes can make it one.
    #[cold]
    pub fn error(&self) -> Option<FrameError> {
        match scan(self.bytes.get(self.position..).unwrap_or_default()) {
            Scan::Bad { error, .. } => Some(error),
            Scan::Message(_) | Scan::Incomplete { .. } => None,
        }
    }

    /// Adds the message that was shown to the run; once.
    #[inline]
    pub const fn accept(&mut self) {
        if self.shown > self.position {
            self.position = self.shown;
            self.count += 1;
        }
    }

    /// Passes over the message that was shown. What was accepted before it and not taken is lost.
    #[inline]
    pub const fn pass(&mut self) {
        self.position = self.shown;
        (self.run, self.count) = (self.position, 0);
    }

    /// Ends the run and gives it out; it may be empty.
    #[inline]
    pub fn take_run(&mut self) -> ValidFrames<'a> {
        let bytes = self.bytes.get(self.run..self.position).unwrap_or_default();
        self.run = self.position;
        ValidFrames { bytes, count: core::mem::take(&mut self.count) }
    }

    /// Bytes that were handled.
    pub const fn position(&self) -> usize {
        self.position
    }
}
