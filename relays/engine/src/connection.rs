//! One connected process.

use std::io::{self, IoSlice, Read, Write};
use std::ops::Range;
use std::time::Instant;

use mesh_transport::UnixLink;
use mesh_types::{MessageId, SourceId};

use crate::backlog::{Backlog, Overflow};
use crate::filter::Filter;
use crate::handshake::Member;
use crate::settings::RelaySettings;

/// Up to so many ranges go into one vectored write; more are gathered first, since each costs the kernel more than a copy
/// of a few messages.
const MAX_SLICES: usize = 16;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Accepted; its hello is awaited.
    Greeting,
    /// A member.
    Live(Member),
    /// It is being told why it ends.
    Closing {
        /// Closed by then, read or not.
        until: Instant,
    },
}

/// Why bytes can't be given to a connection.
#[derive(Debug)]
pub(crate) enum Undelivered {
    /// Its backlog is full, and nothing may be dropped.
    TooSlow,
    /// The process is gone.
    Gone,
}

impl From<Overflow> for Undelivered {
    fn from(_: Overflow) -> Self {
        Self::TooSlow
    }
}

/// Room that filtered ranges are gathered in, shared by all connections.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    ranges: Vec<Range<usize>>,
    gathered: Vec<u8>,
}

/// A process's connection, from the relay's side.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) link: UnixLink,
    pub(crate) token: u64,
    pub(crate) phase: Phase,
    /// What it receives; `None` before it subscribes.
    pub(crate) filter: Option<Filter>,
    takes_all: bool,
    /// Where it stopped on its last connection.
    pub(crate) resume: Vec<MessageId>,
    /// Of these, the positions in sources that have said nothing here yet.
    pub(crate) awaits: Vec<MessageId>,
    /// The beginning of a message.
    pub(crate) rest: Vec<u8>,
    pub(crate) backlog: Backlog,
    pub(crate) since: Instant,
    pub(crate) heard: Instant,
    pub(crate) told: Instant,
    pub(crate) heartbeat: Instant,
}

impl Connection {
    pub(crate) fn new(link: UnixLink, token: u64, settings: &RelaySettings, relay: SourceId, now: Instant) -> Self {
        Self {
            link,
            token,
            phase: Phase::Greeting,
            filter: None,
            takes_all: false,
            resume: Vec::new(),
            awaits: Vec::new(),
            rest: Vec::new(),
            backlog: Backlog::new(settings.backlog_bytes, settings.policy, relay),
            since: now,
            heard: now,
            told: now,
            heartbeat: now,
        }
    }

    pub(crate) const fn member(&self) -> Option<Member> {
        match self.phase {
            Phase::Live(member) => Some(member),
            Phase::Greeting | Phase::Closing { .. } => None,
        }
    }

    pub(crate) fn subscribe(&mut self, filter: Filter) {
        self.takes_all = filter.takes_all();
        self.filter = Some(filter);
    }

    /// Whether it takes every message.
    pub(crate) const fn takes_all(&self) -> bool {
        self.takes_all
    }

    /// Reads once behind what is kept of the last message; answers how many bytes there are, `None` when nothing came.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let kept = self.rest.len();
        let room = into.get_mut(kept..).unwrap_or_default();
        let count = match self.link.read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if is_blocked(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if let Some(front) = into.get_mut(..kept) {
            front.copy_from_slice(&self.rest);
        }
        Ok(Some(kept + count))
    }

    /// Gives it what it takes of whole frames; answers how many messages were written now.
    #[inline]
    pub(crate) fn offer(&mut self, frames: &[u8], messages: u64, scratch: &mut Scratch) -> Result<u64, Undelivered> {
        if self.takes_all {
            return self.write_or_queue(frames, messages);
        }
        let Some(filter) = &self.filter else { return Ok(0) };
        let Scratch { ranges, gathered } = scratch;
        let messages = filter.ranges(frames, ranges);
        match ranges.as_slice() {
            [] => Ok(0),
            [range] => self.write_or_queue(frames.get(range.clone()).unwrap_or_default(), messages),
            ranges if ranges.len() <= MAX_SLICES && self.backlog.is_empty() => {
                self.write_slices(frames, ranges, messages, gathered)
            }
            ranges => {
                gather(frames, ranges, gathered);
                self.write_or_queue(gathered, messages)
            }
        }
    }

    fn write_or_queue(&mut self, frames: &[u8], messages: u64) -> Result<u64, Undelivered> {
        if !self.backlog.is_empty() {
            self.backlog.push(frames)?;
            return Ok(0);
        }
        let written = written(self.link.write(frames))?;
        if written == frames.len() {
            return Ok(messages);
        }
        self.queue_rest(frames, written, messages)
    }

    fn write_slices(
        &mut self,
        frames: &[u8],
        ranges: &[Range<usize>],
        messages: u64,
        gathered: &mut Vec<u8>,
    ) -> Result<u64, Undelivered> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut total = 0;
        for (slice, range) in slices.iter_mut().zip(ranges) {
            *slice = IoSlice::new(frames.get(range.clone()).unwrap_or_default());
            total += slice.len();
        }
        let written = written(self.link.write_vectored(slices.get(..ranges.len()).unwrap_or_default()))?;
        if written == total {
            return Ok(messages);
        }
        gather(frames, ranges, gathered);
        self.queue_rest(gathered, written, messages)
    }

    /// Queues what found no room; answers how many messages did.
    #[cold]
    fn queue_rest(&mut self, frames: &[u8], written: usize, messages: u64) -> Result<u64, Undelivered> {
        let mut waiting = 0;
        crate::filter::each_frame(frames, |range, _| waiting += u64::from(range.end > written));
        self.backlog.push_rest(frames, written)?;
        Ok(messages.saturating_sub(waiting))
    }

    /// Writes what waits; answers how many messages were written.
    pub(crate) fn flush(&mut self) -> io::Result<u64> {
        let mut messages = 0;
        loop {
            let part = self.backlog.next();
            if part.is_empty() {
                return Ok(messages);
            }
            let length = part.len();
            let count = match self.link.write(part) {
                Ok(count) => count,
                Err(error) if is_blocked(&error) => return Ok(messages),
                Err(error) => return Err(error),
            };
            messages += self.backlog.advance(count);
            if count < length {
                return Ok(messages);
            }
        }
    }
}

fn gather(frames: &[u8], ranges: &[Range<usize>], gathered: &mut Vec<u8>) {
    gathered.clear();
    for range in ranges {
        gathered.extend_from_slice(frames.get(range.clone()).unwrap_or_default());
    }
}

fn is_blocked(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn written(result: io::Result<usize>) -> Result<usize, Undelivered> {
    match result {
        Ok(count) => Ok(count),
        Err(error) if is_blocked(&error) => Ok(0),
        Err(_) => Err(Undelivered::Gone),
    }
}
