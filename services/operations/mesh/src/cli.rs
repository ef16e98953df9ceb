//! The words of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use mesh_types::ClientOrderId;
use mesh_types::signal::StrategyName;

use crate::book;
use crate::candles;
use crate::commands::capture::{CaptureWord, What};
use crate::commands::ledger::LedgerWord;
use crate::commands::order::OrderWord;
use crate::commands::scaffold::NewWord;
use crate::commands::topology::Target;
use crate::commands::{kill, replay, trace};
use crate::switches::Reason;

/// The command line and supervisor of an Alphamesh.
#[derive(Debug, Parser)]
#[command(name = "mesh", version, max_term_width = 110, infer_long_args = true)]
#[command(after_help = "Exit codes: 0 done, 1 the thing asked about is bad, 2 wrong usage or unreadable input.")]
pub(crate) struct Cli {
    /// The directory of this mesh: state, logs, databases, captures, sockets
    #[arg(long, env = "ALPHAMESH_HOME", global = true, default_value = ".mesh", value_name = "DIR")]
    pub(crate) home: PathBuf,

    #[command(subcommand)]
    pub(crate) word: Word,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Word {
    /// Start a mesh, or what of it does not run; ends when it is ready
    Up {
        #[command(flatten)]
        choice: Choice,
        /// Seconds to wait until all are ready
        #[arg(long, default_value_t = 60, value_name = "SECONDS")]
        timeout: u64,
        /// Print the status as JSON at the end, and nothing before
        #[arg(long)]
        json: bool,
    },
    /// Stop the mesh: each process after those that need it
    Down {
        /// Print the status as JSON at the end, and nothing before
        #[arg(long)]
        json: bool,
    },
    /// How each process is; exit code 0 only when all that should run is ready
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Start a process that was stopped or has failed; ends when it is ready
    Start {
        /// The process
        name: String,
        /// Seconds to wait until it is ready
        #[arg(long, default_value_t = 60, value_name = "SECONDS")]
        timeout: u64,
        /// Print the status as JSON at the end, and nothing before
        #[arg(long)]
        json: bool,
    },
    /// Stop one process; it stays down until it is started
    Stop {
        /// The process
        name: String,
        /// Print the status as JSON at the end, and nothing before
        #[arg(long)]
        json: bool,
    },
    /// Stop one process and start it again; ends when it is ready
    Restart {
        /// The process
        name: String,
        /// Seconds to wait until it is ready
        #[arg(long, default_value_t = 60, value_name = "SECONDS")]
        timeout: u64,
        /// Print the status as JSON at the end, and nothing before
        #[arg(long)]
        json: bool,
    },
    /// Switch trading off, or on again: done when the portfolio has written it down; exit code 1 when it has not
    Kill {
        #[command(flatten)]
        level: kill::Level,
        /// Of one strategy alone, by the name that its signals have, or of a venue or a symbol; the highest that applies holds
        #[arg(long, visible_aliases = ["venue", "symbol"], value_name = "NAME", value_parser = kill::parse_strategy, conflicts_with = "status")]
        strategy: Option<StrategyName>,
        /// Why, for people who look later
        #[arg(long, default_value = "", value_name = "TEXT", value_parser = kill::parse_reason)]
        reason: Reason,
        /// Seconds to wait until it is in force
        #[arg(long, default_value_t = 10, value_name = "SECONDS")]
        timeout: u64,
        /// Print what is in force as JSON, and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Cancel every order and sell every asset at the venue itself, whatever is dead here; `mesh flatten --help` says more
    #[command(disable_help_flag = true)]
    Flatten {
        /// For the program `flatten`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// A person's orders: list, place, cancel; they go past risk as every other
    #[command(subcommand)]
    Order(OrderWord),
    /// What is held, by strategy and instrument, and what it is worth now
    Positions {
        /// Flat ones too
        #[arg(long)]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Profit, loss and fees by strategy and instrument, from the fills
    Pnl {
        /// Since this time: 14:03 (today), 2026-11-01, 2026-11-01T14:03:07Z, or ns since the epoch; UTC [default: ever]
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Count everything a second time from what the relays carried; exit code 1 where the ledgers say something else
    Audit {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// The ledgers themselves: check, back up
    #[command(subcommand)]
    Ledger(LedgerWord),
    /// The mesh in a view that stays: processes, books, positions, last signals and fills
    Top {
        /// Print one screen instead
        #[arg(long)]
        once: bool,
    },
    /// What the processes say: one log, or all in one stream
    Logs {
        /// The processes; `mesh` is the supervisor [default: all]
        names: Vec<String>,
        /// Go on with what comes
        #[arg(long, short)]
        follow: bool,
        /// Lines to begin with
        #[arg(long = "lines", short = 'n', default_value_t = 50, value_name = "COUNT")]
        count: usize,
        /// As JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Decode a capture log or raw bytes; exit code 1 when something in it is no message
    Decode {
        /// A segment, a run's directory, raw frames; - is standard input
        #[arg(value_name = "FILE|-")]
        input: PathBuf,
        /// As JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// What was recorded: list, verify, show, cut, export
    #[command(subcommand)]
    Capture(CaptureWord),
    /// The messages that a relay carries, as they pass
    Tap {
        /// market, signal or execution
        relay: String,
        #[command(flatten)]
        what: What,
        /// As JSON, one object a line
        #[arg(long)]
        json: bool,
        /// Stop after this many messages
        #[arg(long = "count", short = 'n', value_name = "COUNT")]
        count: Option<u64>,
        /// Begin with the last values that the relay keeps
        #[arg(long)]
        last_values: bool,
    },
    /// Each adapter: its feed, its books' health, rates, delays; exit code 1 when one is not well
    Venues {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// What can be traded, in which steps, as the adapters have said it
    Instruments {
        /// Only those of this venue or chain: binance, kraken, polygon ...
        #[arg(long, value_name = "VENUE")]
        venue: Option<String>,
        /// Only those whose id or assets hold this text
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// One instrument's order book, live
    Book {
        /// The instrument, as binance:spot:BTCUSDT
        instrument: String,
        #[command(flatten)]
        options: book::Options,
    },
    /// What the candle service has kept: a table, a plot, JSON
    Candles {
        #[command(flatten)]
        options: candles::Options,
    },
    /// From a message or order back to the venue's packet, with the time of each hop; exit code 1 when the way breaks off
    Trace {
        /// `DOMAIN/SOURCE/SEQUENCE[@TIMESTAMP_NS]` as `tap` prints it, or a client order id [default: the last fill]
        #[arg(value_name = "ID")]
        target: Option<trace::Target>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Why an order was made: from the venue's packet through signal and every gate of risk to its fills, from the ledger, with
    /// the time of each hop; exit code 1 when the way breaks off
    Why {
        /// A client order id
        #[arg(value_name = "ORDER")]
        order: ClientOrderId,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Why an instrument was not traded: of each candidate that was refused or reduced, the gate, and by how much
    WhyNot {
        /// Its symbol, or venue:kind:SYMBOL
        #[arg(value_name = "SYMBOL")]
        symbol: String,
        /// From this time: 90s, 15m, 2h, 1d ago, or a time as `capture cat --from` takes it [default: all]
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Repeat a process's run from its journal, and compare; or play a capture into the relays again
    Replay {
        /// A process of the topology, or the path of a capture
        what: String,
        #[command(flatten)]
        options: replay::Options,
    },
    /// A strategy over history: figures, trades, equity, a report; `mesh backtest --help` says more
    #[command(disable_help_flag = true)]
    Backtest {
        /// For the program `backtest run`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Indicators over bars, as CSV; `mesh indicators --help` says more
    #[command(disable_help_flag = true)]
    Indicators {
        /// For the program `backtest indicators`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Statistics of returns, trials and trades, and whether they are luck; `mesh stats --help` lists them
    #[command(disable_help_flag = true)]
    Stats {
        /// For the program `stats`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// What a venue said, and what it is told: decode, sign; `mesh venue --help` says more
    #[command(disable_help_flag = true)]
    Venue {
        /// For the program `venue`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Searches strategy parameters over history: run, resume, check, ls, show, top, plot, export; `mesh sweep --help` says more
    #[command(disable_help_flag = true)]
    Sweep {
        /// For the program `sweep`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// What is missing on this machine or wrong in this home, and how to get it right
    Doctor {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a topology, and each process's settings
    Check {
        #[command(flatten)]
        choice: Choice,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List the profiles, or print one to make your own from
    Profiles {
        /// The profile to print
        name: Option<String>,
        /// The list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write systemd units or a compose file for a topology
    Export {
        /// What for
        #[arg(value_enum)]
        target: Target,
        #[command(flatten)]
        choice: Choice,
        /// The directory to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Make something new from a template
    #[command(subcommand)]
    New(NewWord),
    /// Print the protocol's description: docs/protocol.md
    Protocol,
    /// Print the version
    Version,
    /// Run the supervisor here; `up` does it in the background
    Supervise {
        /// Adopt what runs, stop all of it, and end
        #[arg(long)]
        down: bool,
    },
    /// Become a process of the mesh
    #[command(hide = true)]
    Launch {
        /// Open files it may have; 0 leaves the limit
        #[arg(long, default_value_t = 0)]
        nofile: u64,
        /// The program
        program: PathBuf,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Which topology.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// A profile: paper, live-data, research, test [default: the one that runs, else paper]
    pub(crate) profile: Option<String>,
    /// A topology file of your own
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    pub(crate) topology: Option<PathBuf>,
}
