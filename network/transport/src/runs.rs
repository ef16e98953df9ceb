//! Cuts received bytes into runs: frames that can be passed on as they lie, and what must be handled between them.
//!
//! Receivers and relays read the same stream in the same way; only what they do with the parts differs.

use mesh_codec::{FrameCutter, FrameError, Header, Message, ValidFrames};
use mesh_types::wire::Coded;
use mesh_types::{Domain, SourceId};

use crate::control;
use crate::sequence::{Missing, Sighting};

/// A part of the stream.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Frames of the relay's domain or of system, each new; at least one.
    Frames(ValidFrames<'a>),
    /// A message between a process and its relay.
    Control(Message<'a>),
    /// Messages of a source are missing before the next frame.
    Missing {
        /// The source.
        source: SourceId,
        /// The domain.
        domain: Coded<Domain>,
        /// Which.
        missing: Missing,
    },
}

/// Why a stream can't be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// Bytes that are no message of this place.
    Frame(FrameError),
    /// A message without a number that is not between a process and its relay.
    Unnumbered,
}

impl StreamError {
    /// A word for counters.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Frame(error) => error.kind(),
            Self::Unnumbered => "unnumbered",
        }
    }
}

impl core::fmt::Display for StreamError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Unnumbered => f.write_str(
                "expected a sequence from 1, found 0 at byte 8 of the message; likely cause: the sender does not number \
                 its messages",
            ),
        }
    }
}

impl core::error::Error for StreamError {}

impl From<FrameError> for StreamError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

/// Takes the parts of a stream.
pub trait RunSink {
    /// Why it wants no more.
    type Error: From<StreamError>;

    /// Whether a valid message is simply the next of its source; then it is taken note of. `false` says nothing,
    /// [`RunSink::observe`] does. Nearly every message needs only this answer, which fits a register.
    fn follows(&mut self, header: &Header) -> bool;

    /// A valid message has come: what it is among those of its source.
    ///
    /// # Errors
    /// When no message is wanted now.
    fn observe(&mut self, header: &Header) -> Result<Sighting, Self::Error>;

    /// The next part.
    ///
    /// # Errors
    /// When what follows is not wanted.
    fn on_part(&mut self, part: Part<'_>) -> Result<(), Self::Error>;
}

/// Reads whole messages of `domain` and of system at the start of `bytes`. Answers how many bytes were handled, and why
/// reading stopped before the last whole message, if it did; what was valid before was given out.
pub fn split<S: RunSink>(bytes: &[u8], domain: Domain, sink: &mut S) -> (usize, Result<(), S::Error>) {
    let mut cutter = FrameCutter::new(bytes);
    let outcome = read(&mut cutter, domain, sink);
    let given = give(&mut cutter, sink);
    (cutter.position(), given.and(outcome))
}

fn read<S: RunSink>(cutter: &mut FrameCutter<'_>, domain: Domain, sink: &mut S) -> Result<(), S::Error> {
    let (own, system) = (Coded::new(domain), Coded::new(Domain::System));
    loop {
        let Some(message) = cutter.show() else {
            return cutter.error().map_or(Ok(()), |error| Err(StreamError::from(error).into()));
        };
        let header = message.header();
        if header.domain != own && header.domain != system {
            let error = FrameError::WrongDomain { expected: domain, found: header.domain.raw() };
            return Err(StreamError::from(error).into());
        }
        if sink.follows(header) {
            cutter.accept();
        } else if control::is_control(header) {
            let given = give(cutter, sink);
            cutter.pass();
            given?;
            sink.on_part(Part::Control(message))?;
        } else if header.sequence.get() == 0 {
            return Err(StreamError::Unnumbered.into());
        } else {
            match sink.observe(header)? {
                Sighting::New => cutter.accept(),
                Sighting::Duplicate => {
                    let given = give(cutter, sink);
                    cutter.pass();
                    given?;
                }
                Sighting::After(missing) => {
                    let part = Part::Missing { source: header.source, domain: header.domain, missing };
                    let given = give(cutter, sink).and_then(|()| sink.on_part(part));
                    if given.is_ok() {
                        cutter.accept()
                    } else {
                        cutter.pass()
                    }
                    given?;
                }
            }
        }
    }
}

fn give<S: RunSink>(cutter: &mut FrameCutter<'_>, sink: &mut S) -> Result<(), S::Error> {
    let frames = cutter.take_run();
    if frames.is_empty() { Ok(()) } else { sink.on_part(Part::Frames(frames)) }
}
