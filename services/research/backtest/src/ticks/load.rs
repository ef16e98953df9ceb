//! Files to a tape.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use mesh_bars::text::Fault;
use mesh_capture::{Capture, Item, TimeRange};
use mesh_ticks::{Tape, TapeError, binance, messages, recordings};
use mesh_types::{InstrumentId, InstrumentKind};
use mesh_venues::reader::Language;

use super::options::TickOptions;

/// Longest line of raw frames; a book of 5,000 levels a side has some 400 KB.
const LINE_MAX: u64 = 16 << 20;

/// The tape of all files, in their order. Lines that can't be read are counted, the first of them told.
pub(crate) fn tape(options: &TickOptions) -> Result<Tape, Box<dyn std::error::Error>> {
    let (language, symbol) = (options.language()?, options.symbol()?);
    let first = options.ticks.first().map_or_else(|| Path::new(""), |path| path.as_path());
    let fault = |error: TapeError| Fault::new(first, format!("{symbol}: {error}"));
    let instrument = language.instrument(&symbol).map_err(|error| format!("--symbol: {error}"))?;
    if language == Language::Okx && instrument.kind() != Some(InstrumentKind::Spot) {
        return Err(format!(
            "--symbol {symbol}: OKX counts contracts of it, and the books here count coins: expected spot"
        )
        .into());
    }
    let captures = options.ticks.iter().filter(|path| is_capture(path)).count();
    let least_ns = options.feed_latency_ns();
    if captures == options.ticks.len() {
        let mut reader = messages::Reader::new(instrument);
        for path in &options.ticks {
            capture(path, instrument, &mut reader)?;
        }
        return Ok(reader.finish(least_ns).map_err(fault)?);
    }
    if captures > 0 {
        return Err("--ticks: expected capture logs alone or raw frames alone, found both".into());
    }
    if let Language::Binance(market) = language {
        let mut reader = binance::Reader::new(market, &symbol);
        for path in &options.ticks {
            let was_whole = reader.first_malformed().is_none();
            reader.next_file();
            raw(path, |line| reader.line(line))?;
            tell(path, reader.first_malformed().filter(|_| was_whole));
        }
        return Ok(reader.finish(least_ns).map_err(fault)?);
    }
    let mut reader = recordings::Reader::new(language, instrument);
    for path in &options.ticks {
        let was_whole = reader.first_malformed().is_none();
        reader.next_file();
        raw(path, |line| reader.line(line))?;
        tell(path, reader.first_malformed().filter(|_| was_whole));
    }
    let others: Vec<String> = reader.others().map(ToString::to_string).collect();
    reader.finish(least_ns).map_err(|error| match (error, others.is_empty()) {
        (TapeError::Empty, false) => {
            Fault::new(first, format!("{symbol}: {error}; there is {}", others.join(", "))).into()
        }
        (error, _) => fault(error).into(),
    })
}

/// Says which line of a file is left out.
fn tell(path: &Path, malformed: Option<&binance::Malformed>) {
    if let Some(malformed) = malformed {
        let (file, line, what) = (path.display(), malformed.line, &malformed.what);
        // Whoever does not read it loses nothing but the warning: the counts are in the report.
        let _ = writeln!(io::stderr(), "backtest: {file}:{line} is left out: {what}");
    }
}

fn is_capture(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|extension| extension == "cap")
}

fn raw(path: &Path, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
    let fault = |error: io::Error| Fault::new(path, format!("can't be read: {error}"));
    let file = File::open(path).map_err(fault)?;
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    let source: Box<dyn Read> = if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut source = BufReader::with_capacity(1 << 20, source);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let at = |what: String| Fault::at(path, number + 1, what);
        let read = source.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
        match read.map_err(|error| at(format!("can't be read: {error}")))? as u64 {
            0 => return Ok(()),
            LINE_MAX if line.last() != Some(&b'\n') => {
                return Err(at(format!("expected a line of at most {LINE_MAX} bytes: is it `<ns> <frame>` lines?")));
            }
            _ => take(line.trim_ascii_end()),
        }
        number += 1;
    }
}

fn capture(
    path: &Path,
    instrument: InstrumentId,
    reader: &mut messages::Reader,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut records = Capture::open(path)?.reader(TimeRange::ALL);
    while let Some(item) = records.next_item()? {
        match item {
            Item::Damage(_) => reader.malformed(),
            Item::Record(record) => {
                let fault =
                    |error: TapeError| format!("{}: {instrument} at byte {}: {error}", path.display(), record.offset);
                reader.message(&record.message).map_err(fault)?;
            }
        }
    }
    Ok(())
}
