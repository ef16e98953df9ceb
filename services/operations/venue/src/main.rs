#![doc = include_str!("../README.md")]

mod decode;
mod json;
mod lines;
mod sign;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use decode::DecodeOptions;
use sign::SignOptions;

/// What venues say, and what they are told.
#[derive(Debug, Parser)]
#[command(name = "mesh venue", version, about, max_term_width = 110)]
#[command(after_help = "Exit codes: 0 done, 1 the thing asked about is bad, 2 wrong usage or unreadable input.")]
struct Cli {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Raw messages of a venue as JSON lines, with books and counts
    Decode(DecodeOptions),
    /// A request with a test key, signed
    Sign(SignOptions),
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked about is bad; said already.
    Bad,
    /// Wrong usage, or input that can't be read.
    Usage(String),
    /// Whoever reads the output has stopped: no failure.
    ReaderGone,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::ReaderGone } else { Self::Usage(error.to_string()) }
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().word {
        Word::Decode(options) => decode::decode(&options),
        Word::Sign(options) => sign::sign(&options),
    };
    match done {
        Ok(()) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(Failure::Bad) => ExitCode::from(1),
        Err(Failure::Usage(text)) => {
            complain(&text);
            ExitCode::from(2)
        }
    }
}

/// Says something to the person at the terminal.
pub(crate) fn complain(text: &str) {
    // Nobody is left to tell where even this fails.
    let _ = writeln!(io::stderr(), "mesh venue: {text}");
}
