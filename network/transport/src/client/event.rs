//! What a client tells its process.

use std::io;

use mesh_codec::{Message, ValidFrames};
use mesh_types::{FixedStr, LogoutReason};

use crate::control::GapNotice;
use crate::runs::StreamError;

/// What happened.
#[derive(Debug)]
pub enum ClientEvent<'a> {
    /// The relay welcomed this process.
    Up {
        /// The relay's name.
        relay: FixedStr<32>,
    },
    /// There is no connection. Told when one is lost, and when the reason changes.
    Down {
        /// Why.
        reason: DownReason,
    },
    /// Messages, in order.
    Frames(ValidFrames<'a>),
    /// From the relay itself: the end of the last values, or a request for snapshots.
    Control(Message<'a>),
    /// Messages were missed, before the next frames.
    Gap(GapNotice<'a>),
}

/// Why there is no connection.
#[derive(Debug)]
pub enum DownReason {
    /// Nobody could be reached.
    Unreachable(io::Error),
    /// The relay refused or ended the connection.
    Logout {
        /// Why; `None` for a reason of a later version.
        reason: Option<LogoutReason>,
        /// What it says.
        text: FixedStr<96>,
    },
    /// The relay is gone.
    Closed,
    /// Reading or writing failed.
    Io(io::Error),
    /// Bytes came that are no message.
    BadFrame(StreamError),
    /// A message came that does not belong there: the other side is no relay.
    NoRelay,
    /// Nothing came in time.
    Timeout,
}

impl core::fmt::Display for DownReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "the relay can't be reached: {error}; it is tried again"),
            Self::Logout { reason, text } => {
                write!(f, "the relay ended the connection ({}): {text}", reason.map_or("unknown", LogoutReason::name))
            }
            Self::Closed => f.write_str("the relay closed the connection; it is made again"),
            Self::Io(error) => write!(f, "the connection failed: {error}; it is made again"),
            Self::BadFrame(error) => write!(f, "the relay sent a bad frame: {error}"),
            Self::NoRelay => f.write_str("what listens at the socket does not answer as a relay: check the path"),
            Self::Timeout => f.write_str("the relay did not answer in time: it hangs or is stopped"),
        }
    }
}

impl DownReason {
    /// Two reasons with the same text for logs are one.
    pub(super) fn key(&self) -> (u8, u8) {
        match self {
            Self::Unreachable(_) => (1, 0),
            Self::Logout { reason, .. } => (2, reason.map_or(0, |reason| reason as u8)),
            Self::Closed => (3, 0),
            Self::Io(_) => (4, 0),
            Self::BadFrame(_) => (5, 0),
            Self::NoRelay => (6, 0),
            Self::Timeout => (7, 0),
        }
    }
}

/// What became of frames that were to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "frames that found no room are not sent"]
pub enum SendOutcome {
    /// The kernel has them.
    Sent,
    /// They wait; [`Client::poll`](super::Client::poll) writes them when there is room or a connection.
    Queued,
    /// None of them was taken.
    Full {
        /// Bytes that wait already.
        queued_bytes: usize,
        /// Bytes that may wait; in the market domain 0 without a connection.
        capacity_bytes: usize,
    },
}
