//! How a command ends when it does not end well, and what that means for the exit code.

use core::fmt;
use std::io;
use std::process::ExitCode;

/// What a command answers.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked about is bad: exit code 1.
    Bad(String),
    /// Wrong usage, or input that can't be read: exit code 2.
    Usage(String),
    /// Bad, and everything has been said already: exit code 1.
    Silent,
    /// The reader of the output has gone: not a failure.
    ReaderGone,
}

impl Failure {
    /// What was asked about is bad.
    pub(crate) fn bad(text: impl fmt::Display) -> Self {
        Self::Bad(text.to_string())
    }

    /// Wrong usage, or input that can't be read.
    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self::Usage(text.to_string())
    }

    /// The exit code; 0, 1 or 2 as commands.md has them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Bad(_) | Self::Silent => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
            Self::ReaderGone => ExitCode::SUCCESS,
        }
    }

    /// What to say on standard error.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Bad(text) | Self::Usage(text) => Some(text),
            Self::Silent | Self::ReaderGone => None,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::ReaderGone } else { Self::bad(error) }
    }
}
