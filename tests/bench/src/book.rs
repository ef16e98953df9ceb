//! Replay of books: events a second through the backtest's two books, alone and with a maker of two resting orders.
//!
//! An event is a level that changed, or a trade. The references: hftbacktest over the same events, where a Python that has it
//! is given (`--hftbacktest PYTHON`); else what the same tape costs when every event is read once and added up.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::Args;
use mesh_backtest::ticks::{Desk, Market, Quotes, QuotesParams, TickSettings, TickStrategy, run as replay};
use mesh_backtest::{Decimals, Settings, TimedBar};
use mesh_ticks::{Kind, Latency, Level, QueueModel, Tape, synthetic};

use crate::Output;
use crate::bus::Outcome;
use crate::figure::{Figure, Sense};

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    output: Output,
    /// Messages of the made-up market; about six events each
    #[arg(long, default_value_t = 300_000)]
    messages: usize,
    /// A Python with hftbacktest
    #[arg(long, value_name = "PYTHON")]
    hftbacktest: Option<PathBuf>,
}

/// Looks on.
struct Nothing;

impl TickStrategy for Nothing {
    fn on_bar(&mut self, _: &TimedBar, _: &Market<'_>, _: &mut Desk) -> u64 {
        0
    }
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let tape = synthetic::tape(7, options.messages)?;
    let decimals = Decimals::new(1, 3).ok_or("decimals")?;
    let settings = TickSettings {
        base: Settings::new(decimals, 1e6),
        symbol: "X".to_owned(),
        interval_ns: 60_000_000_000,
        queue: QueueModel::Conservative,
        latency: Latency::each_way(1_000_000),
        funding: Vec::new(),
    };
    let params = QuotesParams { half_spread_bp: 0.0001, skew_bp: 0.0, position_max: 5.0, ..quotes()? };
    let maker = || Quotes::new(params, 10);
    let (mut alone, mut quoting, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.output.runs {
        read.push(rate(&tape, || black_box(sum(&tape)))?);
        alone.push(rate(&tape, || replay(&tape, &settings, Nothing))?);
        quoting.push(rate(&tape, || replay(&tape, &settings, maker()))?);
    }
    let fills = replay(&tape, &settings, maker())?.activity;
    eprintln!("{} events; the maker: {fills}", tape.events());
    let peer = options.hftbacktest.as_deref().map(|python| peer(python, &tape, options.output.runs)).transpose()?;
    let unit = ("M/s", Sense::More);
    let names = ["sweep.book.events", "sweep.book.events.maker"];
    for ((name, values), index) in names.into_iter().zip([&alone, &quoting]).zip(0..) {
        let figure = match &peer {
            Some(rates) => Figure::new(name, unit, values, "hftbacktest", &rates[index], Some(1.0)),
            None => Figure::new(name, unit, values, "the tape read once", &read, None),
        };
        figure.print(&options.output);
    }
    Ok(())
}

fn quotes() -> Result<QuotesParams, String> {
    QuotesParams::from_values(&[]).map_err(|(spec, value)| format!("{}: {value}", spec.name))
}

/// Million events a second.
fn rate<T, E: std::error::Error + 'static>(tape: &Tape, work: impl FnOnce() -> Result<T, E>) -> Outcome<f64> {
    let started = Instant::now();
    black_box(work()?);
    Ok(tape.events() as f64 / started.elapsed().as_secs_f64() / 1e6)
}

/// Every event looked at once in the order of receiving, and once in that of the venue.
fn sum(tape: &Tape) -> Result<i64, std::convert::Infallible> {
    let of = |level: &Level| level.price.wrapping_mul(level.quantity);
    let levels = |head| {
        let (bids, asks) = tape.levels(head);
        bids.iter().chain(asks).fold(0i64, |sum, level| sum.wrapping_add(of(level)))
    };
    let heads = tape.heads();
    let there = tape.venue_order().iter().filter_map(|index| heads.get(*index as usize));
    Ok(heads.iter().chain(there).fold(0i64, |sum, head| sum.wrapping_add(levels(head))))
}

/// hftbacktest over the same events: rates of replay alone, and with a maker.
fn peer(python: &Path, tape: &Tape, runs: usize) -> Outcome<[Vec<f64>; 2]> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("events");
    write_events(&path, tape)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/hftbacktest_events.py");
    let output = Command::new(python).arg(script).arg(&path).args(["0.1", "0.001", &runs.to_string()]).output()?;
    if !output.status.success() {
        return Err(format!("hftbacktest: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let found: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let rates = |name: &str| -> Vec<f64> {
        found[name].as_array().into_iter().flatten().filter_map(|rate| Some(rate.as_f64()? / 1e6)).collect()
    };
    Ok([rates("replay"), rates("maker")])
}

/// Its records: event and side bits, venue's and our time, price, quantity, three fields that are not used.
fn write_events(path: &Path, tape: &Tape) -> Outcome<()> {
    const BOTH: u64 = 1 << 31 | 1 << 30;
    const BUY: u64 = 1 << 29;
    const SELL: u64 = 1 << 28;
    let (price, quantity) =
        (f64::powi(10.0, tape.exponents().price.into()), f64::powi(10.0, tape.exponents().quantity.into()));
    let mut out = BufWriter::new(File::create(path)?);
    for head in tape.heads() {
        let (bids, asks) = tape.levels(head);
        let kind = if head.kind == Kind::Trade { 2 } else { 1 };
        // A trade is the only level of its message; its side is the taker's.
        let second = if head.kind == Kind::Trade && head.taker_buys { BUY } else { SELL };
        for (level, side) in bids.iter().map(|level| (level, BUY)).chain(asks.iter().map(|level| (level, second))) {
            out.write_all(&(BOTH | side | kind).to_le_bytes())?;
            out.write_all(&head.venue_ns.to_le_bytes())?;
            out.write_all(&head.local_ns.to_le_bytes())?;
            out.write_all(&(level.price as f64 * price).to_le_bytes())?;
            out.write_all(&(level.quantity as f64 * quantity).to_le_bytes())?;
            out.write_all(&[0; 24])?;
        }
    }
    Ok(out.flush()?)
}
