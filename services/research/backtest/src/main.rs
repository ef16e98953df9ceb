#![doc = include_str!("../README.md")]

mod indicators;
mod initial;
mod options;
mod params;
mod report;
mod sizes;
mod ticks;

use std::error::Error;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use mesh_backtest::inputs::coverage;
use mesh_backtest::{Series, Settings};
use options::{IndicatorOptions, RunOptions};
use params::Job;
use report::Report;
use report::decisions::Decisions;

/// The kernel over history.
#[derive(Debug, Parser)]
#[command(name = "backtest", version, about)]
#[command(after_help = "Exit codes: 0 done, 1 the strategy looks ahead, 2 wrong usage or unreadable input.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a strategy over bars and reports what it made.
    Run(Box<RunOptions>),
    /// Writes indicators over bars as CSV.
    Indicators(IndicatorOptions),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(options) => run(&options),
        Command::Indicators(options) => write_indicators(&options),
    };
    match result {
        Ok(code) => code,
        // Whoever reads the output may stop early: that is no failure.
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell where even this fails.
            let _ = writeln!(io::stderr(), "backtest: {error}");
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(options: &RunOptions) -> Result<ExitCode, Box<dyn Error>> {
    let given = options.params.as_deref().map(params::given).transpose()?.unwrap_or_default();
    if !options.ticks.ticks.is_empty() {
        let ran = ticks::run(options, &given)?;
        let series = core::slice::from_ref(&ran.made.series);
        let report = Report::new(&options.strategy, "book", &ran.params, series, &ran.made.outcome);
        return finish(options, &Report { ticks: Some(&ran.about), ..report }, ran.looked_ahead);
    }
    let series = mesh_bars::series(&options.wanted())?;
    let settings = options.settings(&series)?;
    tell_coverage(&series, &settings);
    let decisions = options.decisions.as_deref().map(Decisions::create).transpose()?;
    let lookahead_cuts = options.check_lookahead;
    let job = Job { series: &series, settings: &settings, lookahead_cuts, decisions: decisions.as_ref() };
    let done = params::run_named(&options.strategy, &given, &job)?;
    decisions.map_or(Ok(()), Decisions::finish)?;
    let report = Report::new(&options.strategy, &options.fills, &done.params, &series, &done.outcome);
    finish(options, &report, done.looked_ahead)
}

/// Says at how many bars inputs are known: a strategy that lacks one stays out of the market.
fn tell_coverage(series: &[Series], settings: &Settings) {
    for one in series {
        let columns = settings.inputs.columns(&one.inputs, &one.bars, one.interval_ns().unwrap_or(0));
        for (name, known) in coverage(&columns) {
            let (symbol, bars) = (&one.symbol, one.bars.len());
            // Nobody is left to tell where even this fails.
            let _ = writeln!(io::stderr(), "backtest: {symbol}: {name} is known at {known} of {bars} bars");
        }
    }
}

/// Writes what was asked for.
fn finish(options: &RunOptions, report: &Report<'_>, looked_ahead: Option<String>) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(path) = &options.html {
        save(path, report::html::page(report).as_bytes())?;
    }
    if let Some(path) = &options.csv {
        let mut rows = Vec::new();
        report::csv::trades(report, &mut rows)?;
        save(path, &rows)?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if options.json {
        serde_json::to_writer(&mut out, &report::json::report(report)).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        report::terminal::summary(report, &mut out)?;
    }
    out.flush()?;
    let Some(found) = looked_ahead else { return Ok(ExitCode::SUCCESS) };
    writeln!(io::stderr(), "backtest: {found}")?;
    Ok(ExitCode::FAILURE)
}

/// Writes a file whole, or leaves the old one.
fn save(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| format!("{}: can't be written: {error}", path.display()).into())
}

fn write_indicators(options: &IndicatorOptions) -> Result<ExitCode, Box<dyn Error>> {
    let mut columns = indicators::columns(&options.spec)?;
    let bars = mesh_bars::bars(&options.bars)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let unusable = indicators::write(&mut columns, &bars, &mut out)?;
    out.flush()?;
    if unusable > 0 {
        writeln!(
            io::stderr(),
            "backtest: {unusable} bars can't be used (not positive, or high and low out of order): their cells are empty"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
