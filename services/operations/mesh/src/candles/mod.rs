//! `mesh candles`: what the candle service has kept, as a table, a plot or lines of JSON. Its database is only read: it need
//! not run.

mod plot;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use mesh_candles::interval;
use mesh_capture::time;
use mesh_runtime::clock;
use mesh_store::history::{self, Kept, KeptCandle, Origin};
use mesh_topology::Layout;
use mesh_types::InstrumentId;
use ratatui::crossterm::terminal;
use serde_json::{Value, json};

use crate::commands::instruments;
use crate::console::{Console, Tone, plain};
use crate::failure::{Failure, Outcome};
use crate::home::Chosen;
use crate::screen;

/// The program that keeps candles, and its usual name in a topology.
const SERVICE: &str = "history";
/// Where nothing else is asked for.
const LAST: u64 = 100;

/// Which candles, and how they are shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The instrument, as binance:spot:BTCUSDT; without one: what there is
    instrument: Option<String>,
    /// The interval: 1m, 5m, 1h ...
    #[arg(requires = "instrument")]
    interval: Option<String>,
    /// From this time: 14:03 (of today), 2026-11-01T14:03:07Z, or ns since the epoch; UTC
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The last COUNT of them [default: 100, or all where --from says where they begin]
    #[arg(long = "count", short = 'n', value_name = "COUNT", conflicts_with = "from")]
    count: Option<u64>,
    /// Only those of the venue, or those built from its trades [default: the venue's where there are both]
    #[arg(long, value_name = "venue|trades", value_parser = parse_origin)]
    origin: Option<Origin>,
    /// Draw them
    #[arg(long, conflicts_with = "json")]
    plot: bool,
    /// As JSON, one object a line
    #[arg(long)]
    json: bool,
}

fn parse_origin(text: &str) -> Result<Origin, String> {
    let all = [Origin::Venue, Origin::Trades];
    all.into_iter().find(|origin| origin.name() == text).ok_or_else(|| "expected venue or trades".to_owned())
}

/// Shows candles.
pub(crate) fn candles(layout: &Layout, options: &Options) -> Outcome {
    let path = database(layout)?;
    let kept = history::candles_of(&path).map_err(Failure::usage)?;
    let Some(instrument) = &options.instrument else { return list(&kept, options.json) };
    let instrument = instrument_of(instrument, &kept)?;
    let Some(name) = &options.interval else {
        let kept: Vec<Kept> = kept.into_iter().filter(|kept| kept.instrument == instrument).collect();
        return list(&kept, options.json);
    };
    let kept = series(&kept, instrument, name)?;
    let (from_ns, to_ns) = times(options, kept, clock::now_ns())?;
    let found = history::candles(&path, instrument, kept.interval_ns, options.origin, from_ns..to_ns);
    let found = found.map_err(Failure::usage)?;
    if found.is_empty() {
        let (first, last) = (readable(kept.first_ns), readable(kept.last_ns));
        return Err(Failure::bad(format!(
            "no candle there; those of {instrument} in {name} are from {first} to {last}"
        )));
    }
    if options.json {
        return lines(&found);
    }
    if options.plot {
        return screen::print(plot::render(&found, kept.interval_ns, width()));
    }
    Ok(Console::new().table(&rows(&found))?)
}

/// The candle service's database in this home.
fn database(layout: &Layout) -> Outcome<PathBuf> {
    let processes = Chosen::active(layout)?.into_iter().flat_map(|chosen| chosen.topology.processes);
    let service = processes.into_iter().find(|process| process.binary == SERVICE);
    let path = layout.ledger(service.as_ref().map_or(SERVICE, |process| process.name.as_str()));
    if path.exists() {
        return Ok(path);
    }
    let why = match service {
        Some(process) => {
            format!("the process {} has kept none yet; `./manage.sh logs {}` may say why", process.name, process.name)
        }
        None => "the process `history` never ran here; docs/operations.md says how a topology gets it".to_owned(),
    };
    Err(Failure::bad(format!("no candles are kept in {}: {why}", layout.home().display())))
}

fn instrument_of(text: &str, kept: &[Kept]) -> Outcome<InstrumentId> {
    let found: Option<InstrumentId> = text.parse().ok();
    if let Some(found) = found.filter(|found| kept.iter().any(|kept| kept.instrument == *found)) {
        return Ok(found);
    }
    let hint = match instruments::meant(kept.iter().map(|kept| kept.instrument), text) {
        Some(meant) => format!("did you mean {:?}?", meant.to_string()),
        None => "`./manage.sh candles` lists what is kept".to_owned(),
    };
    let text = format!("no candles of {text:?} are kept; {hint}");
    Err(if found.is_some() { Failure::bad(text) } else { Failure::usage(text) })
}

fn series<'a>(kept: &'a [Kept], instrument: InstrumentId, name: &str) -> Outcome<&'a Kept> {
    let of: Vec<&Kept> = kept.iter().filter(|kept| kept.instrument == instrument).collect();
    let interval_ns = interval::parse(name);
    of.iter().find(|kept| Some(kept.interval_ns) == interval_ns).copied().ok_or_else(|| {
        let names: Vec<String> = of.iter().map(|kept| interval::name(kept.interval_ns)).collect();
        let text = format!("no candles of {instrument} in {name:?}; there are: {}", names.join(", "));
        if interval_ns.is_some() { Failure::bad(text) } else { Failure::usage(text) }
    })
}

/// From when, until when.
fn times(options: &Options, kept: &Kept, now_ns: u64) -> Outcome<(u64, u64)> {
    let read = |text: &String| time::parse(text, now_ns).map_err(Failure::usage);
    let to_ns = options.to.as_ref().map(read).transpose()?.unwrap_or(u64::MAX);
    if let Some(from) = &options.from {
        return Ok((read(from)?, to_ns));
    }
    let end_ns = to_ns.min(kept.last_ns.saturating_add(kept.interval_ns));
    let count = options.count.unwrap_or(LAST);
    Ok((end_ns.saturating_sub(count.saturating_mul(kept.interval_ns)), to_ns))
}

fn width() -> usize {
    let terminal = io::stdout().is_terminal().then(terminal::size).and_then(Result::ok);
    terminal.map_or(screen::SIZE.0, |(width, _)| width.into())
}

/// To the second, UTC.
fn readable(ns: u64) -> String {
    time::readable(ns).get(..19).unwrap_or_default().replace('T', " ")
}

fn list(kept: &[Kept], json: bool) -> Outcome {
    let mut console = Console::new();
    if json {
        for kept in kept {
            console.json(&json!({
                "kind": "candles",
                "instrument": kept.instrument.to_string(),
                "interval": interval::name(kept.interval_ns),
                "count": kept.count,
                "first_ns": kept.first_ns,
                "last_ns": kept.last_ns,
            }))?;
        }
        return Ok(());
    }
    if kept.is_empty() {
        return Ok(console.line("no candles yet")?);
    }
    let mut rows =
        vec![["instrument", "interval", "candles", "from", "to"].map(|t| (Tone::Dim, t.to_owned())).to_vec()];
    rows.extend(kept.iter().map(|kept| {
        vec![
            (Tone::Bold, kept.instrument.to_string()),
            (Tone::Plain, interval::name(kept.interval_ns)),
            (Tone::Plain, kept.count.to_string()),
            (Tone::Plain, readable(kept.first_ns)),
            (Tone::Plain, readable(kept.last_ns)),
        ]
    }));
    Ok(console.table(&rows)?)
}

fn lines(found: &[KeptCandle]) -> Outcome {
    let mut out = BufWriter::new(io::stdout().lock());
    for kept in found {
        writeln!(out, "{}", to_json(kept))?;
    }
    Ok(out.flush()?)
}

/// One object of `candles --json`, as `venue decode` writes them, with who made it and whether every trade of it was seen.
fn to_json(kept: &KeptCandle) -> Value {
    let candle = &kept.candle;
    let time = |ns: u64| Some(ns).filter(|ns| *ns > 0);
    json!({
        "kind": "candle",
        "instrument": candle.instrument.to_string(),
        "interval": interval::name(candle.interval_ns.get()),
        "open_ns": candle.open_ns.get(),
        "open": candle.open.get().to_string(),
        "high": candle.high.get().to_string(),
        "low": candle.low.get().to_string(),
        "close": candle.close.get().to_string(),
        "volume": candle.volume.get().to_string(),
        "closed": candle.closed == 1,
        "trade_count": candle.trade_count.get(),
        "origin": kept.origin.name(),
        "whole": kept.whole,
        "venue_ns": time(candle.venue_ns.get()),
        "recv_ns": time(candle.received_ns.get()),
    })
}

fn rows(found: &[KeptCandle]) -> Vec<Vec<(Tone, String)>> {
    let heading = ["begins (UTC)", "open", "high", "low", "close", "volume", "trades", "of", ""];
    let mut rows = vec![heading.map(|title| (Tone::Dim, title.to_owned())).to_vec()];
    rows.extend(found.iter().map(|kept| {
        let candle = &kept.candle;
        let tone = if candle.close.get() < candle.open.get() { Tone::Bad } else { Tone::Good };
        let remarks = [(candle.closed == 0, "open"), (!kept.whole, "lacks trades")];
        let remarks: Vec<&str> = remarks.into_iter().filter_map(|(holds, text)| holds.then_some(text)).collect();
        vec![
            (Tone::Bold, readable(candle.open_ns.get())),
            (Tone::Plain, plain(candle.open.get())),
            (Tone::Plain, plain(candle.high.get())),
            (Tone::Plain, plain(candle.low.get())),
            (tone, plain(candle.close.get())),
            (Tone::Plain, plain(candle.volume.get())),
            (Tone::Plain, candle.trade_count.get().to_string()),
            (Tone::Dim, kept.origin.name().to_owned()),
            (Tone::Warn, remarks.join(", ")),
        ]
    }));
    rows
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
