//! From a venue's raw bytes to TLVs, on one core: against simd-json's tape alone over the same bytes, and
//! against a scan that only looks at each byte.

mod corpus;
mod telling;

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use clap::Args;
use rustix::time::{ClockId, clock_gettime};

use crate::Output;
use crate::figure::{Figure, Sense};
use corpus::Corpus;
use telling::{Books, Messages};

/// A run goes through the frames again and again for so long.
const RUN: Duration = Duration::from_millis(100);

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    output: Output,
    /// Only this venue: binance, kraken, okx, hyperliquid
    #[arg(long)]
    venue: Option<String>,
    /// Frames of the simulated venue, also where recordings are there
    #[arg(long)]
    simulated: bool,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let corpora = corpus::all(options.simulated)?;
    let wanted = |corpus: &&Corpus| options.venue.as_ref().is_none_or(|venue| corpus.name.starts_with(venue.as_str()));
    for corpus in corpora.iter().filter(wanted) {
        if !options.output.json {
            let Corpus { name, frames, source, .. } = corpus;
            println!("{name}: {} frames, {} KB, {source}", frames.len(), corpus.bytes() / 1000);
        }
        measure(corpus, options)?;
    }
    Ok(())
}

fn measure(corpus: &Corpus, options: &Options) -> Result<(), Box<dyn Error>> {
    // Each of them is right before it is fast.
    let (mut tape, mut messages, mut keeper) = (Tape::new(corpus), Messages::new(corpus), Books::new());
    if messages.pass(corpus)? == 0 || keeper.pass(corpus)? == 0 {
        return Err(format!("{}: nothing is told of these frames", corpus.name).into());
    }
    let [mut tapes, mut scans, mut plain, mut books] = [const { Vec::<f64>::new() }; 4];
    for _ in 0..options.output.runs {
        tapes.push(seconds_of(|| tape.pass())?);
        plain.push(seconds_of(|| messages.pass(corpus).map(drop))?);
        books.push(seconds_of(|| keeper.pass(corpus).map(drop))?);
        scans.push(seconds_of(|| {
            scan(corpus);
            Ok(())
        })?);
    }
    let rates = |seconds: &[f64], amount: f64| -> Vec<f64> { seconds.iter().map(|s| amount / s).collect() };
    let (bytes, frames) = (corpus.bytes() as f64 / 1e6, corpus.frames.len() as f64 / 1e6);
    let figure = |name: &str, unit, seconds: &[f64], reference: &str, references: &[f64], amount, target| {
        let (values, references) = (rates(seconds, amount), rates(references, amount));
        let name = format!("venues.{}.{name}", corpus.name);
        Figure::paired(name, (unit, Sense::More), &values, reference, &references, target).print(&options.output);
    };
    figure("tlv", "MB/s", &plain, "simd-json tape", &tapes, bytes, Some(1.0));
    figure("tlv_and_book", "MB/s", &books, "simd-json tape", &tapes, bytes, Some(1.6));
    figure("tlv_messages", "M/s", &plain, "a scan of the bytes", &scans, frames, None);
    figure("book_messages", "M/s", &books, "a scan of the bytes", &scans, frames, None);
    Ok(())
}

/// Seconds of the processor that one pass takes: what others do on this machine is not in it.
fn seconds_of(mut pass: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let (begun, mut passes) = (processor_time(), 0u32);
    while processor_time() - begun < RUN {
        pass()?;
        passes += 1;
    }
    Ok((processor_time() - begun).as_secs_f64() / f64::from(passes))
}

/// What this thread has had of the processor.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Looks at each byte, and asks nothing of it but where texts begin and end.
fn scan(corpus: &Corpus) {
    let quotes = |frame: &Vec<u8>| frame.iter().filter(|byte| **byte == b'"').count();
    black_box(corpus.frames.iter().map(quotes).sum::<usize>());
}

/// simd-json's tape, its memory used again. It writes into the bytes that it reads: only escapes become other bytes, and a
/// frame with escapes is read from a copy.
struct Tape {
    frames: Vec<(Vec<u8>, bool)>,
    scratch: Vec<u8>,
    buffers: simd_json::Buffers,
}

impl Tape {
    fn new(corpus: &Corpus) -> Self {
        let frames = corpus.frames.iter().map(|frame| (frame.clone(), frame.contains(&b'\\'))).collect();
        Self { frames, scratch: Vec::new(), buffers: simd_json::Buffers::default() }
    }

    fn pass(&mut self) -> Result<(), Box<dyn Error>> {
        let mut tape = simd_json::Tape::null();
        for (frame, escapes) in &mut self.frames {
            let bytes = if *escapes {
                self.scratch.clear();
                self.scratch.extend_from_slice(frame);
                &mut self.scratch
            } else {
                frame
            };
            let mut filled = tape.reset();
            simd_json::fill_tape(bytes, &mut self.buffers, &mut filled)?;
            black_box(filled.0.len());
            tape = filled.reset();
        }
        Ok(())
    }
}
