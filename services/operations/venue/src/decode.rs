//! `decode`: a recording through the reader of its venue, line by line.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use mesh_types::Venue;
use mesh_types::market::InstrumentInfo;
use mesh_venues::counts::Counts;
use mesh_venues::message::Message;
use mesh_venues::reader::{Language, Reader, Said};
use mesh_venues::tape::{self, Kind, Line};
use serde::Serialize;

use crate::lines::{Lines, Next};
use crate::{Failure, complain, json};

/// Malformed lines that are shown; all are counted.
const MAX_SHOWN: u64 = 20;
/// Connections that are told apart; more share one reader.
const MAX_CONNECTIONS: usize = 1_000;
/// Kinds that say only that the connection is alive: counted, never shown.
const QUIET: &[&str] = &["heartbeat", "greeting", "answer"];

/// `venue decode`.
#[derive(Args, Debug)]
pub(crate) struct DecodeOptions {
    /// binance, kraken, okx or hyperliquid
    #[arg(long)]
    venue: Venue,
    /// binance: spot, usdm, coinm; kraken: v2; okx: v5; hyperliquid: ws [default: the only one]
    #[arg(long)]
    kind: Option<String>,
    /// After each message that changes a book or its health, the book
    #[arg(long)]
    book: bool,
    /// Levels of each side
    #[arg(long, default_value_t = 10, value_name = "N")]
    depth: usize,
    /// What may be ordered, as the venue's list: books then have the digits of their steps from the start
    #[arg(long, value_name = "FILE")]
    instruments: Option<PathBuf>,
}

impl DecodeOptions {
    fn language(&self) -> Result<Language, Failure> {
        let kinds = Language::kinds(self.venue);
        if kinds.is_empty() {
            let why = if self.venue == Venue::Drift {
                "drift stopped on 2026-04-01; its history is read by libs/venues, its sockets are not"
            } else {
                "expected binance, kraken, okx or hyperliquid"
            };
            return Err(Failure::Usage(format!("--venue {}: {why}", self.venue)));
        }
        let kind = match (&self.kind, kinds) {
            (Some(kind), _) => kind.as_str(),
            (None, [only]) => only,
            (None, _) => return Err(Failure::Usage(format!("--kind is missing: one of {}", kinds.join(", ")))),
        };
        let unknown = || Failure::Usage(format!("--kind {kind}: expected {} of {}", kinds.join(", "), self.venue));
        Language::new(self.venue, kind).ok_or_else(unknown)
    }
}

#[derive(Serialize)]
struct Summary {
    kind: &'static str,
    lines: u64,
    parsed: BTreeMap<String, u64>,
    ignored: BTreeMap<String, u64>,
    malformed: u64,
    gaps: u64,
    checksum_failures: u64,
    books: BTreeMap<String, String>,
}

fn counted(counts: &Counts) -> BTreeMap<String, u64> {
    counts.iter().map(|(kind, count)| (kind.to_owned(), count)).collect()
}

struct Decoding<'o, W> {
    options: &'o DecodeOptions,
    language: Language,
    instruments: Vec<InstrumentInfo>,
    readers: BTreeMap<String, Reader>,
    /// What ended connections had counted: gaps and checksum failures.
    ended: (u64, u64),
    parsed: Counts,
    ignored: Counts,
    lines: u64,
    malformed: u64,
    out: W,
}

/// Runs the command.
pub(crate) fn decode(options: &DecodeOptions) -> Result<(), Failure> {
    let language = options.language()?;
    let instruments = options.instruments.as_ref().map(|path| instruments(language, path)).transpose()?;
    let mut decoding = Decoding {
        options,
        language,
        instruments: instruments.unwrap_or_default(),
        readers: BTreeMap::new(),
        ended: (0, 0),
        parsed: Counts::new(),
        ignored: Counts::new(),
        lines: 0,
        malformed: 0,
        out: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
    };
    let unreadable = |error: io::Error| Failure::Usage(format!("the input can't be read: {error}"));
    let mut lines = Lines::new(io::stdin().lock()).map_err(unreadable)?;
    loop {
        match lines.read().map_err(unreadable)? {
            Next::End => break,
            Next::TooLong => {
                decoding.lines += 1;
                decoding.refuse("a line of more than 64 MiB", b"");
            }
            Next::Line => decoding.line(lines.line())?,
        }
    }
    decoding.finish()
}

/// The instruments of a file: the venue's list, whole or as lines of a recording.
fn instruments(language: Language, path: &PathBuf) -> Result<Vec<InstrumentInfo>, Failure> {
    let unreadable = |error: &dyn Display| Failure::Usage(format!("{}: {error}", path.display()));
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut body = Vec::new();
    let mut lines = Lines::new(file).map_err(|error| unreadable(&error))?;
    while lines.read().map_err(|error| unreadable(&error))? == Next::Line {
        body.extend_from_slice(lines.line());
    }
    let (mut infos, mut reader) = (Vec::new(), Reader::new(language));
    let Err(error) = reader.instruments(&body, 0, &mut |info| infos.push(*info)) else { return Ok(infos) };
    infos.clear();
    for line in body.split(|byte| *byte == b'\n').filter_map(|line| tape::line(line).ok().flatten()) {
        // Lines that say something else, or nothing, are of no interest here.
        let _ = reader.on_frame(&line.frame, 0, &mut |said| {
            if let Said::Message(Message::Instrument(info)) = said {
                infos.push(*info);
            }
        });
    }
    if infos.is_empty() { Err(unreadable(&error)) } else { Ok(infos) }
}

impl<W: Write> Decoding<'_, W> {
    fn line(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let line = match tape::line(bytes) {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.lines += 1;
                self.refuse(error, bytes);
                return Ok(());
            }
        };
        self.lines += 1;
        match line.kind {
            Kind::Other => {
                self.ignored.add("sent");
            }
            Kind::Connect => {
                self.ignored.add("connect");
                if let Some(reader) = self.readers.remove(line.connection.as_ref()) {
                    self.ended = (self.ended.0 + reader.gaps(), self.ended.1 + reader.checksum_failures());
                }
            }
            Kind::Frame => {
                let name = line.connection.clone().into_owned();
                self.read(&name, &line, false)?;
            }
            Kind::Http => {
                for name in self.readers_of(&line) {
                    self.read(&name, &line, true)?;
                }
            }
        }
        Ok(())
    }

    /// The connections that an answer over HTTP belongs to: those that have its symbol's book, else its own.
    fn readers_of(&self, line: &Line<'_>) -> Vec<String> {
        let symbol = line.url.split("symbol=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default();
        let of_symbol = self.readers.iter().filter(|(_, reader)| reader.has_depth_of(symbol));
        let names: Vec<String> = of_symbol.map(|(name, _)| name.clone()).collect();
        if names.is_empty() { vec![line.connection.clone().into_owned()] } else { names }
    }

    fn read(&mut self, connection: &str, line: &Line<'_>, http: bool) -> Result<(), Failure> {
        let known = self.readers.contains_key(connection);
        let connection = if known || self.readers.len() < MAX_CONNECTIONS { connection } else { "" };
        let Self { options, language, instruments, readers, parsed, ignored, out, .. } = self;
        let reader = readers.entry(connection.to_owned()).or_insert_with(|| {
            let mut reader = Reader::new(*language);
            instruments.iter().for_each(|info| reader.set_instrument(info));
            reader
        });
        let mut written = Ok(());
        let mut on = |said: Said<'_>| {
            let result = match said {
                Said::Message(Message::Book(_)) => {
                    parsed.add("book");
                    Ok(())
                }
                Said::Message(message @ (Message::Reply(_) | Message::Ignored { .. })) => {
                    note(ignored, message, &line.frame);
                    Ok(())
                }
                Said::Message(message) => json::message(out, message, &mut |kind| {
                    parsed.add(kind);
                }),
                Said::Book(view) if options.book => json::book(out, &view, options.depth, connection, line.received_ns),
                Said::Book(_) => Ok(()),
            };
            if written.is_ok() {
                written = result;
            }
        };
        let impossible = reader.impossible_levels();
        let read = if http {
            reader.on_answer(&line.url, &line.frame, line.received_ns, &mut on)
        } else {
            reader.on_frame(&line.frame, line.received_ns, &mut on)
        };
        let impossible = reader.impossible_levels() - impossible;
        written?;
        if let Err(error) = read {
            self.refuse(error, &line.frame);
        } else if impossible > 0 {
            self.refuse("expected prices above 0 and quantities of at least 0 that fit 18 digits", &line.frame);
        }
        Ok(())
    }

    /// Counts a line that can't be read, and shows the first of them.
    fn refuse(&mut self, why: impl Display, frame: &[u8]) {
        self.malformed += 1;
        if self.malformed <= MAX_SHOWN {
            complain(&format!("line {}: {why}: {}", self.lines, shown(frame)));
        }
    }

    fn finish(mut self) -> Result<(), Failure> {
        let (mut gaps, mut checksum_failures) = self.ended;
        let mut books = BTreeMap::new();
        for (connection, reader) in &self.readers {
            gaps += reader.gaps();
            checksum_failures += reader.checksum_failures();
            for view in reader.books() {
                let health = view.health.to_string();
                let plain = view.instrument.to_string();
                // An instrument may have more books than one: by channel, or by connection.
                let name = match books.contains_key(&plain) {
                    false => plain,
                    true if connection.is_empty() => format!("{plain} {}", view.channel),
                    true => format!("{plain} {} {connection}", view.channel),
                };
                books.insert(name, health);
            }
        }
        let summary = Summary {
            kind: "summary",
            lines: self.lines,
            parsed: counted(&self.parsed),
            ignored: counted(&self.ignored),
            malformed: self.malformed,
            gaps,
            checksum_failures,
            books,
        };
        serde_json::to_writer(&mut self.out, &summary).map_err(io::Error::from)?;
        writeln!(self.out)?;
        self.out.flush()?;
        if self.malformed + gaps + checksum_failures > 0 { Err(Failure::Bad) } else { Ok(()) }
    }
}

/// Counts what has no line of its own, and shows a kind that is not known the first time.
fn note(ignored: &mut Counts, message: &Message<'_>, frame: &[u8]) {
    let kind = message.kind();
    let first = ignored.add(kind);
    let error = match message {
        Message::Reply(reply) => reply.error,
        _ => None,
    };
    if let Some(error) = error {
        complain(&format!("the venue refused: {kind}: {error}"));
    } else if first && matches!(message, Message::Ignored { .. }) && !QUIET.contains(&kind) {
        complain(&format!("ignored, counted as {kind:?}: {}", shown(frame)));
    }
}

/// The beginning of a frame, for a terminal.
fn shown(frame: &[u8]) -> String {
    let cut = frame.get(..200).unwrap_or(frame);
    let dots = if cut.len() < frame.len() { "…" } else { "" };
    format!("{}{dots}", cut.escape_ascii())
}
