//! Replay of books: events a second through the two books of a backtest on ticks, alone and with a maker of two resting orders.
//!
//! An event is a level that changed, or a trade. The reference is hftbacktest over the same events (`peers/book.py`), where a
//! Python has it; else what it costs to read every event of the tape once for each of the two books. Rates are per second of
//! the thread's own time, the peer's too.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use mesh_backtest::ticks::{Desk, Market, Quotes, QuotesParams, TickSettings, TickStrategy, run as replay};
use mesh_backtest::{Decimals, Settings, TimedBar};
use mesh_ticks::{Kind, Latency, Level, QueueModel, Tape, synthetic};

use super::{Bench, MILLION, RATE, busy};
use crate::bus::Outcome;
use crate::figure::Figure;

const SCRIPT: &str = include_str!("../../peers/book.py");

/// Looks on.
struct Nothing;

impl TickStrategy for Nothing {
    fn on_bar(&mut self, _: &TimedBar, _: &Market<'_>, _: &mut Desk) -> u64 {
        0
    }
}

/// Measures and prints.
pub(super) fn run(bench: &Bench<'_>) -> Outcome<()> {
    let tape = synthetic::tape(7, bench.options.messages)?;
    let settings = TickSettings {
        base: Settings::new(Decimals::new(1, 3).ok_or("decimals")?, 1e6),
        symbol: "X".to_owned(),
        interval_ns: 60_000_000_000,
        queue: QueueModel::Conservative,
        latency: Latency::each_way(1_000_000),
        funding: Vec::new(),
    };
    let params = QuotesParams::from_values(&[0.0001, 0.0, 0.01, 5.0, 100.0]);
    let params = params.map_err(|(spec, value)| format!("{}: {value}", spec.name))?;
    let (mut alone, mut quoting, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.options.output.runs {
        read.push(rate(&tape, || sum(&tape))?);
        alone.push(rate(&tape, || replay(&tape, &settings, Nothing))?);
        quoting.push(rate(&tape, || replay(&tape, &settings, Quotes::new(params, 10)))?);
    }
    let peer = peer(bench, &tape)?;
    let names = ["sweep.book.events", "sweep.book.events.maker"];
    for (index, (name, values)) in names.into_iter().zip([&alone, &quoting]).enumerate() {
        let rates = peer.as_ref().and_then(|rates| rates.get(index));
        bench.print(match rates {
            Some(rates) => Figure::new(name, RATE, values, "hftbacktest", rates, Some(1.0)),
            None => Figure::new(name, RATE, values, "the events read alone", &read, None),
        });
    }
    Ok(())
}

/// Million events a second of this thread's time.
fn rate<T>(tape: &Tape, work: impl FnOnce() -> T) -> Outcome<f64> {
    Ok(tape.events() as f64 / busy(|| drop(black_box(work())))? / MILLION)
}

/// Every event looked at once in the order of receiving, and once in that of the venue.
fn sum(tape: &Tape) -> i64 {
    let of = |level: &Level| level.price.wrapping_mul(level.quantity);
    let levels = |head| {
        let (bids, asks) = tape.levels(head);
        bids.iter().chain(asks).fold(0i64, |sum, level| sum.wrapping_add(of(level)))
    };
    let heads = tape.heads();
    let there = tape.venue_order().iter().filter_map(|index| heads.get(*index as usize));
    heads.iter().chain(there).fold(0i64, |sum, head| sum.wrapping_add(levels(head)))
}

/// hftbacktest over the same events: rates of replay alone, and with a maker; `None`, said so, where it is not installed.
fn peer(bench: &Bench<'_>, tape: &Tape) -> Outcome<Option<[Vec<f64>; 2]>> {
    let options = bench.options;
    if options.no_peers {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("events");
    write_events(&path, tape)?;
    let mut command = Command::new(&options.python);
    command.args(["-c", SCRIPT]).arg(&path).args(["0.1", "0.001", &options.output.runs.to_string()]);
    let Ok(output) = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output() else {
        eprintln!("book: {} does not run, left out", options.python.display());
        return Ok(None);
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    if answer.starts_with("not installed") {
        eprintln!("book: {}, left out (`--python PYTHON` names one that has it)", answer.trim());
        return Ok(None);
    }
    let found: serde_json::Value = serde_json::from_str(&answer)?;
    let rates = |name: &str| -> Vec<f64> {
        found[name].as_array().into_iter().flatten().filter_map(|rate| Some(rate.as_f64()? / MILLION)).collect()
    };
    Ok(Some([rates("replay"), rates("maker")]))
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
