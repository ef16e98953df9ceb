//! The words of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Searches strategy parameters over history.
#[derive(Debug, Parser)]
#[command(name = "sweep", version, about, max_term_width = 110)]
#[command(after_help = "Exit codes: 0 done, 1 the thing asked about is bad, 2 wrong usage or unreadable input.")]
pub(crate) struct Cli {
    /// The directory of this mesh: studies lie in its research/sweeps
    #[arg(long, env = "ALPHAMESH_HOME", global = true, default_value = ".mesh", value_name = "DIR")]
    pub(crate) home: PathBuf,

    #[command(subcommand)]
    pub(crate) word: Word,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Word {
    /// Run the study of a specification, or what is left of it
    Run(RunOptions),
    /// Go on with a study: with the specification, data and kernel that it was begun with, or not at all
    Resume(ResumeOptions),
    /// Check a specification and its data, and say what a run would do
    Check {
        /// The specification
        spec: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List the studies
    Ls {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// A study: how far it is, what each parameter explains, the best with their figures on the rest of the data
    Show {
        /// The study; the beginning or end of its name is enough
        id: String,
        /// Print its specification instead
        #[arg(long)]
        spec: bool,
        /// As JSON
        #[arg(long, conflicts_with = "spec")]
        json: bool,
    },
    /// The best trials: parameters, figures, digest
    Top {
        /// The study; the beginning or end of its name is enough
        id: String,
        /// How many
        #[arg(long = "count", short = 'n', default_value_t = 10, value_name = "COUNT")]
        count: usize,
        /// Order by this figure instead of the goal
        #[arg(long, value_name = "FIGURE")]
        by: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Write one page with plots: objective over trials, importance, heat map of two parameters
    Plot(PlotOptions),
    /// Ask a mesh for a study: its process `sweep` runs it, and what it finds comes over the signal relay
    Submit(SubmitOptions),
    /// Run as a process of a mesh, which takes jobs from there: `sweep serve --help` says more
    #[command(disable_help_flag = true)]
    Serve {
        /// For the program `sweep-serve`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Write all trials, by number
    Export(ExportOptions),
}

/// `sweep run`.
#[derive(Args, Debug)]
pub(crate) struct RunOptions {
    /// The specification
    pub(crate) spec: PathBuf,
    #[command(flatten)]
    pub(crate) where_to: Where,
    /// Check only: the same as `sweep check`
    #[arg(long)]
    pub(crate) check: bool,
}

/// `sweep resume`.
#[derive(Args, Debug)]
pub(crate) struct ResumeOptions {
    /// The study; the beginning or end of its name is enough
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) where_to: Where,
}

/// Where it runs and how it is told.
#[derive(Args, Debug)]
pub(crate) struct Where {
    /// On the processor, though there is a GPU
    #[arg(long, conflicts_with = "gpu")]
    pub(crate) cpu: bool,
    /// On a GPU, or not at all
    #[arg(long)]
    pub(crate) gpu: bool,
    /// Threads [default: as many as the machine has]
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    pub(crate) workers: usize,
    /// Print what came of it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `sweep plot`.
#[derive(Args, Debug)]
pub(crate) struct PlotOptions {
    /// The study; the beginning or end of its name is enough
    pub(crate) id: String,
    /// The page to write
    #[arg(long, value_name = "FILE")]
    pub(crate) html: PathBuf,
    /// The two parameters of the heat map [default: the two that explain most]
    #[arg(long, num_args = 2, value_names = ["PARAMETER", "PARAMETER"])]
    pub(crate) heat: Option<Vec<String>>,
    /// Print what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `sweep export`.
#[derive(Args, Debug)]
pub(crate) struct ExportOptions {
    /// The study; the beginning or end of its name is enough
    pub(crate) id: String,
    /// A CSV file; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(crate) csv: Option<PathBuf>,
    /// A Parquet file
    #[arg(long, value_name = "FILE")]
    pub(crate) parquet: Option<PathBuf>,
    /// What each trial returned over the swept part, as CSV: a row a period, a column a trial, as `mesh stats dsr --matrix` and
    /// `pbo --matrix` take it; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(crate) returns: Option<PathBuf>,
    /// The symbol of the returns, where there are several
    #[arg(long, value_name = "SYMBOL", requires = "returns")]
    pub(crate) symbol: Option<String>,
    /// JSON to standard output, one trial a line; the default where no file is asked for
    #[arg(long)]
    pub(crate) json: bool,
}

/// `sweep submit`.
#[derive(Args, Debug)]
pub(crate) struct SubmitOptions {
    /// The specification, below the home's folder `research`, with its bars
    pub(crate) spec: PathBuf,
    /// Follow it to its end, and print its candidates
    #[arg(long)]
    pub(crate) wait: bool,
    /// The process of the mesh that takes sweeps
    #[arg(long, value_name = "NAME", default_value = "sweep")]
    pub(crate) process: String,
    /// How long an answer may take, s
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) timeout: u64,
    /// Print what is heard as JSON, a message a line
    #[arg(long)]
    pub(crate) json: bool,
}
