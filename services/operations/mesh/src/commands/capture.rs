//! `mesh decode` and `mesh capture`: what captures hold, for people and programs.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_capture::{Capture, CaptureError, Filter, Format, TimeRange, csv, decode, ops, time, verify};
use mesh_topology::Layout;
use mesh_transport::Subscription;
use mesh_types::{Domain, InstrumentId, SourceId};

use crate::commands::parquet;
use crate::console::{self, Console, Tone};
use crate::failure::{Failure, Outcome};

const POLL: Duration = Duration::from_millis(100);

/// What messages are about.
#[derive(Debug, clap::Args)]
pub(crate) struct What {
    /// Only messages of this type, as trade or fill; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only messages about this instrument, as binance:spot:BTCUSDT; may be given several times
    #[arg(long, value_name = "ID")]
    instrument: Vec<InstrumentId>,
}

impl What {
    /// The filter that it asks for.
    pub(crate) fn filter(&self) -> Outcome<Filter> {
        let mut filter = Filter { instruments: self.instrument.clone(), ..Filter::default() };
        for name in &self.types {
            filter.add_type(name).map_err(|_| unknown_type(name))?;
        }
        Ok(filter)
    }

    /// What to ask of a relay, so that only these messages come.
    pub(crate) fn subscription(&self, last_values: bool) -> Outcome<Subscription> {
        let Filter { types, instruments, .. } = self.filter()?;
        Ok(Subscription { types: types.into_iter().collect(), instruments, last_values })
    }
}

/// Which messages of a capture.
#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    #[command(flatten)]
    what: What,
    /// Only messages of this domain: market, signal, execution, system; may be given several times
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<Domain>,
    /// Only messages of this sender's source id; may be given several times
    #[arg(long, value_name = "NUMBER")]
    source: Vec<u16>,
}

impl Selection {
    fn filter(&self) -> Outcome<Filter> {
        let sources = self.source.iter().copied().map(SourceId::new).collect();
        Ok(Filter { domains: self.domain.clone(), sources, ..self.what.filter()? })
    }
}

/// No type has this name; one may be meant.
fn unknown_type(name: &str) -> Failure {
    let known = mesh_codec::REGISTRY.iter().map(|entry| entry.name);
    let hint = mesh_topology::suggest::hint(name, known.collect::<Vec<_>>());
    Failure::usage(format!("no message type {name:?}; {hint} docs/protocol.md has them all"))
}

/// From when, until when, by receive time.
#[derive(Debug, clap::Args)]
pub(crate) struct Span {
    /// From this time: 14:03, 14:03:07.5 (of the capture's first day), 2026-11-01T14:03:07Z, or ns since the epoch; UTC
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

impl Span {
    fn range(&self, capture: &Capture) -> Outcome<TimeRange> {
        let of_runs = || capture.runs().iter().filter_map(|run| run.manifest.as_ref()).map(|m| m.run.started_ns).min();
        let reference = capture.sealed_span_ns().map(|(first, _)| first).or_else(of_runs).unwrap_or(0);
        let read = |text: &Option<String>, default: u64| match text {
            Some(text) => time::parse(text, reference).map_err(failure),
            None => Ok(default),
        };
        Ok(TimeRange { from_ns: read(&self.from, 0)?, to_ns: read(&self.to, u64::MAX)? })
    }
}

/// What to do with captures. PATH is a run's directory, a directory of runs, or a segment file.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum CaptureWord {
    /// List the runs that were recorded
    Ls {
        /// [default: the home's capture directory]
        path: Option<PathBuf>,
        /// As JSON, one object a run
        #[arg(long)]
        json: bool,
    },
    /// Check every byte; exit code 1 where something is torn, damaged or missing
    Verify {
        /// [default: the home's capture directory]
        path: Option<PathBuf>,
        /// As JSON, one object a run
        #[arg(long)]
        json: bool,
    },
    /// Show messages, one a line
    Cat {
        /// [default: the home's capture directory]
        path: Option<PathBuf>,
        #[command(flatten)]
        span: Span,
        #[command(flatten)]
        selection: Selection,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Go on with what is recorded from now on
        #[arg(long, short)]
        follow: bool,
    },
    /// Make a new capture of a part
    Cut {
        /// [default: the home's capture directory]
        path: Option<PathBuf>,
        #[command(flatten)]
        span: Span,
        #[command(flatten)]
        selection: Selection,
        /// The new run's directory; must not exist
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Write messages to files: JSON lines, or a CSV or Parquet file for each type
    Export {
        /// [default: the home's capture directory]
        path: Option<PathBuf>,
        #[command(flatten)]
        span: Span,
        #[command(flatten)]
        selection: Selection,
        /// What kind of files
        #[arg(long, value_enum, default_value = "jsonl")]
        format: FileFormat,
        /// The new file (jsonl) or directory (csv, parquet)
        #[arg(long, value_name = "PATH")]
        out: PathBuf,
    },
}

/// What kind of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FileFormat {
    /// One JSON object a line
    Jsonl,
    /// A file for each message type
    Csv,
    /// The same, typed: times as timestamps, decimals as text with the sender's digits
    Parquet,
}

/// `mesh capture`.
pub(crate) fn capture(layout: &Layout, word: CaptureWord) -> Outcome {
    let at = |path: &Option<PathBuf>| path.clone().unwrap_or_else(|| layout.capture());
    let open = |path: &Option<PathBuf>| Capture::open(&at(path)).map_err(failure);
    match word {
        CaptureWord::Ls { path, json } => list(&at(&path), json),
        CaptureWord::Verify { path, json } => check(&open(&path)?, json),
        CaptureWord::Cat { path, span, selection, json, follow } => {
            let capture = open(&path)?;
            let (range, filter) = (span.range(&capture)?, selection.filter()?);
            let mut reader = if follow { capture.follow(range) } else { capture.reader(range) };
            let mut out = BufWriter::new(io::stdout().lock());
            loop {
                ops::cat(&mut reader, &filter, format(json), &mut out).map_err(failure)?;
                out.flush()?;
                if !follow {
                    return Ok(());
                }
                std::thread::sleep(POLL);
            }
        }
        CaptureWord::Cut { path, span, selection, out } => {
            let capture = open(&path)?;
            let (range, filter) = (span.range(&capture)?, selection.filter()?);
            let now_ns = mesh_runtime::clock::now_ns();
            let (_, totals) = ops::cut(&capture, range, &filter, &out, now_ns).map_err(failure)?;
            summary(&totals, &out)
        }
        CaptureWord::Export { path, span, selection, format, out } => {
            let capture = open(&path)?;
            let (range, filter) = (span.range(&capture)?, selection.filter()?);
            let mut reader = capture.reader(range);
            let totals = match format {
                FileFormat::Csv => csv::export(&mut reader, &filter, &out).map_err(failure)?,
                FileFormat::Parquet => parquet::export(&mut reader, &filter, &out).map_err(failure)?,
                FileFormat::Jsonl => {
                    let file = std::fs::File::create_new(&out)
                        .map_err(|error| Failure::usage(format!("{} can't be made: {error}", out.display())))?;
                    let mut file = BufWriter::new(file);
                    let totals = ops::cat(&mut reader, &filter, Format::Json, &mut file).map_err(failure)?;
                    file.flush()?;
                    totals
                }
            };
            summary(&totals, &out)
        }
    }
}

fn summary(totals: &ops::Totals, out: &Path) -> Outcome {
    let damaged = match totals.damaged {
        0 => String::new(),
        count => format!("; {count} damaged places were passed over"),
    };
    Ok(Console::new().line(format!("{} messages in {}{damaged}", totals.messages, out.display()))?)
}

const fn format(json: bool) -> Format {
    if json { Format::Json } else { Format::Text }
}

fn list(path: &Path, json: bool) -> Outcome {
    let runs = ops::list(path).map_err(failure)?;
    let mut console = Console::new();
    if json {
        for run in &runs {
            console.line(serde_json::to_string(run).map_err(Failure::bad)?)?;
        }
        return Ok(());
    }
    if runs.is_empty() {
        return Ok(
            console.line(format!("No captures in {}; a running mesh with a recorder makes them.", path.display()))?
        );
    }
    let heading = ["started", "status", "messages", "segments", "size", "dropped", "path"];
    let mut rows = vec![heading.map(|title| (Tone::Dim, title.to_owned())).to_vec()];
    rows.extend(runs.iter().map(|run| {
        let status = if run.live { "recording" } else { run.status };
        let tone = if matches!(status, "sealed" | "recording") { Tone::Good } else { Tone::Warn };
        vec![
            (Tone::Plain, time::readable(run.started_ns).get(..19).unwrap_or_default().to_owned()),
            (tone, status.to_owned()),
            // Those of the segment at hand are counted when it is sealed.
            (Tone::Plain, if run.live { "-".to_owned() } else { run.records.to_string() }),
            (Tone::Plain, run.segments.to_string()),
            (Tone::Plain, console::bytes(run.bytes)),
            (Tone::Plain, run.dropped.to_string()),
            (Tone::Plain, run.path.clone()),
        ]
    }));
    Ok(console.table(&rows)?)
}

fn check(capture: &Capture, json: bool) -> Outcome {
    let reports = verify(capture).map_err(failure)?;
    let mut console = Console::new();
    for report in &reports {
        if json {
            console.line(serde_json::to_string(report).map_err(Failure::bad)?)?;
            continue;
        }
        let (tone, mark) = if report.ok { (Tone::Good, "✓") } else { (Tone::Bad, "✗") };
        let records: u64 = report.segments.iter().map(|segment| segment.records).sum();
        let status = if report.live { "recording" } else { report.status };
        let line = format!("{} {} {status}, {records} whole messages", console.paint(tone, mark), report.run);
        console.line(line)?;
        for segment in &report.segments {
            for damage in &segment.damage {
                console.line(format!(
                    "    {}: {} bytes at {} are {}",
                    segment.file, damage.bytes, damage.offset, damage.kind
                ))?;
            }
            let state = serde_json::to_value(segment.state).unwrap_or_default();
            if segment.damage.is_empty() && matches!(state.as_str(), Some("damaged" | "missing")) {
                console.line(format!("    {}: {}", segment.file, state.as_str().unwrap_or_default()))?;
            }
        }
    }
    if reports.iter().all(|report| report.ok) { Ok(()) } else { Err(Failure::Silent) }
}

/// `mesh decode`.
pub(crate) fn decode(input: &Path, json: bool) -> Outcome {
    let mut out = BufWriter::new(io::stdout().lock());
    let decoded = if input.as_os_str() == "-" {
        decode::decode(io::stdin().lock(), &mut out, format(json))
    } else {
        decode::decode_path(input, &mut out, format(json))
    };
    let decoded = decoded.map_err(failure)?;
    out.flush()?;
    if decoded.errors == 0 { Ok(()) } else { Err(Failure::Silent) }
}

/// What a capture's error means for the command.
pub(crate) fn failure(error: CaptureError) -> Failure {
    match error {
        CaptureError::Output(error) => error.into(),
        error => Failure::usage(error),
    }
}
