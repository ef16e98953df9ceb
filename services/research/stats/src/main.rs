#![doc = include_str!("../README.md")]

mod data;
mod folds;
mod options;
mod report;
mod series;
mod trades;
mod trials;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;
use mesh_optimize::stats::Undefined;

use data::Fault;
use options::{Cli, Word};
use report::Report;

/// Why there is no report.
#[derive(Debug)]
enum Failure {
    /// The input can't be used: exit code 2.
    Input(Fault),
    /// Options that exclude each other: exit code 2.
    Usage(String),
    /// The statistic is not defined for it: exit code 1.
    Undefined(Undefined),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Input(fault)
    }
}

impl From<Undefined> for Failure {
    fn from(reason: Undefined) -> Self {
        Self::Undefined(reason)
    }
}

fn main() -> ExitCode {
    let Cli { word, json } = Cli::parse();
    let report = report(&word).or_else(|failure| match failure {
        // Without its inputs there is little to show, but the form is the same.
        Failure::Undefined(reason) => Ok(Report::new(name(&word), Err(reason), "no reference: there is no value")),
        Failure::Input(fault) => Err(fault.to_string()),
        Failure::Usage(what) => Err(what),
    });
    match report {
        Ok(report) => match write(&report, json) {
            Ok(()) => say(&report),
            // Whoever reads the output may stop early: that is no failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => refuse(&error.to_string()),
        },
        Err(what) => refuse(&what),
    }
}

/// On what code to end, and why on standard error where it is not 0.
fn say(report: &Report) -> ExitCode {
    let Some(reason) = report.undefined() else { return ExitCode::SUCCESS };
    // Nobody is left to tell where even this fails.
    let _ = writeln!(io::stderr(), "stats: not defined for this input: {reason}");
    ExitCode::from(1)
}

fn refuse(what: &str) -> ExitCode {
    // Nobody is left to tell where even this fails.
    let _ = writeln!(io::stderr(), "stats: {what}");
    ExitCode::from(2)
}

fn write(report: &Report, json: bool) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if json {
        report.write_json(&mut out)?
    } else {
        report.write_text(&mut out)?
    }
    out.flush()
}

fn report(word: &Word) -> Result<Report, Failure> {
    match word {
        Word::Performance { returns, year } => series::performance(returns, year.periods_per_year),
        Word::Drawdown { returns } => series::drawdown(returns),
        Word::Sharpe { returns, year } => series::sharpe(returns, year.periods_per_year),
        Word::Psr { returns, benchmark, confidence } => series::probabilistic(returns, *benchmark, *confidence),
        Word::Bootstrap { returns, mean, block, confidence, chance } => {
            series::bootstrap(returns, *mean, *block, *confidence, chance)
        }
        Word::Dsr(options) => trials::deflated(options),
        Word::Pbo { matrix, blocks } => trials::overfitting(&matrix.matrix, *blocks),
        Word::Neighbourhood { surface } => trials::neighbourhood(surface),
        Word::WalkForward(options) => folds::walk_forward(options),
        Word::Purged { labels, folds, tested, embargo } => folds::purged(labels, *folds, *tested, *embargo),
        Word::MonteCarlo { trades, initial, by, block, ruin, chance } => {
            trades::monte_carlo(&trades.trades, *initial, by.resampling(*block), *ruin, chance)
        }
        Word::Stress { trades, fee_bps, slippage_bps } => trades::stress(&trades.trades, *fee_bps, slippage_bps),
        Word::Concentration { trades, top } => trades::concentration(&trades.trades, *top),
        Word::RandomEntries { returns, trades, chance } => trades::random_entries(returns, &trades.trades, chance),
    }
}

/// The statistic's name on the command line.
fn name(word: &Word) -> &'static str {
    match word {
        Word::Performance { .. } => "performance",
        Word::Drawdown { .. } => "drawdown",
        Word::Sharpe { .. } => "sharpe",
        Word::Psr { .. } => "psr",
        Word::Dsr(_) => "dsr",
        Word::Pbo { .. } => "pbo",
        Word::Bootstrap { .. } => "bootstrap",
        Word::WalkForward(_) => "walk-forward",
        Word::Purged { .. } => "purged",
        Word::MonteCarlo { .. } => "monte-carlo",
        Word::Stress { .. } => "stress",
        Word::Concentration { .. } => "concentration",
        Word::Neighbourhood { .. } => "neighbourhood",
        Word::RandomEntries { .. } => "random-entries",
    }
}
