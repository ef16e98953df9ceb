//! The actor from a journal: the same inputs in the same order at the same times, and what it says is compared with what
//! was recorded.

use std::path::Path;

use mesh_actor::replay::Difference;
use mesh_actor::{Actor, Divergence, Expected, Input, Replay, TimerId};
use mesh_capture::journal::{self, Ending, JournalReader, Resolve};
use mesh_capture::{Capture, Lookup, TimeRange};
use mesh_codec::Message;
use mesh_config::ProcessConfig;
use serde_json::json;

use super::Service;
use crate::process::{BoxError, ReplayOrder};

/// Replays a journal; answers whether it agreed. The result goes to standard output as one JSON object.
pub(super) fn run<S: Service>(
    config: &ProcessConfig,
    settings: &S::Settings,
    order: &ReplayOrder,
) -> Result<bool, BoxError> {
    if super::journal::continues(&order.journal) {
        return Err(
            "this journal goes on in the middle of a run, and an actor is repeated from the beginning of one: give \
                    the run's first journal, or set journal_roll_bytes higher"
                .into(),
        );
    }
    let mut reader = JournalReader::open(&order.journal)?;
    let mut lookup = captured(&order.captures)?;
    let source = reader.header().source;
    let mut replay = Replay::new(S::actor(settings, config)?, source);
    let mut outputs = 0u64;
    let mut inputs = 0u64;
    let outcome = loop {
        let Some(batch) = reader.next_batch() else { break Ok(()) };
        let frames = resolve(&batch, lookup.as_mut())?;
        inputs += frames.len() as u64;
        let expected = Expected {
            frames: None,
            outputs: batch.outcome.map(|outcome| (outcome.output_count, outcome.output_digest)),
            state: batch.outcome.and_then(|outcome| outcome.state_digest),
        };
        let given = frames.iter().map(Resolved::input);
        if let Err(divergence) = replay.batch(batch.stamp_ns, given, &expected, &mut |_| outputs += 1) {
            break Err(explain(divergence, &replay, lookup.as_mut()));
        }
    };
    let state_digest = replay.state_digest();
    let outcome = outcome.and_then(|()| match reader.ending() {
        Some(Ending::Finished { state_digest: expected }) if expected != state_digest => {
            let what = Difference::State { expected, found: state_digest };
            Err(Divergence { batch: replay.batches(), now_ns: 0, what })
        }
        _ => Ok(()),
    });
    let ending = match reader.ending() {
        Some(Ending::Finished { .. }) => "finished",
        Some(Ending::Torn { .. }) => "torn",
        Some(Ending::Open) | None => "open",
    };
    let report = json!({
        "process": config.process.name,
        "journal": order.journal,
        "batches": replay.batches(),
        "inputs": inputs,
        "outputs": outputs,
        "state_digest": format!("{state_digest:016x}"),
        "journal_ending": ending,
        "identical": outcome.is_ok(),
        "divergence": outcome.as_ref().err().map(ToString::to_string),
    });
    print_line(&report.to_string())?;
    Ok(outcome.is_ok())
}

/// The captures, where there are any: a journal in mode "whole" needs none.
fn captured(dir: &Path) -> Result<Option<Lookup>, BoxError> {
    if !dir.exists() {
        return Ok(None);
    }
    Ok(Some(Lookup::build(&Capture::open(dir)?, TimeRange::ALL)?))
}

/// An input with its bytes at hand.
enum Resolved {
    Frame(Vec<u8>),
    Timer(u64),
}

impl Resolved {
    fn input(&self) -> Input<'_> {
        match self {
            Self::Frame(frame) => Input::Message(frame),
            Self::Timer(id) => Input::Timer(TimerId(*id)),
        }
    }
}

fn resolve(batch: &journal::Batch<'_>, mut lookup: Option<&mut Lookup>) -> Result<Vec<Resolved>, BoxError> {
    let mut resolved = Vec::new();
    for input in batch.inputs() {
        resolved.push(match input {
            journal::Input::Timer(id) => Resolved::Timer(id),
            journal::Input::Whole(frame) => Resolved::Frame(frame.to_vec()),
            journal::Input::Reference(reference) => {
                let mut frame = Vec::new();
                let found = match lookup.as_deref_mut() {
                    Some(lookup) => lookup.resolve(&reference, &mut frame)?,
                    None => false,
                };
                if !found {
                    return Err(format!(
                        "the captures lack {} message {} of source {}, which the actor saw at {} ns: was the recorder \
                         running? A journal in mode \"whole\" needs no captures",
                        reference.domain, reference.sequence, reference.source, batch.stamp_ns
                    )
                    .into());
                }
                Resolved::Frame(frame)
            }
        });
    }
    Ok(resolved)
}

/// Where the recorded outputs were captured, the first that differs is shown instead of two digests.
fn explain<A: Actor>(divergence: Divergence, replay: &Replay<A>, lookup: Option<&mut Lookup>) -> Divergence {
    let Some(lookup) = lookup else { return divergence };
    let mut recorded = Vec::new();
    for (index, (_, found)) in replay.diverged_outputs().frames().enumerate() {
        let Ok(found) = found else { continue };
        recorded.clear();
        if matches!(lookup.find(&found.id(), &mut recorded), Ok(true)) && recorded != found.frame() {
            let (expected, found) = (Some(recorded), Some(Message::frame(&found).to_vec()));
            return Divergence { what: Difference::Output { index, expected, found }, ..divergence };
        }
    }
    divergence
}

fn print_line(line: &str) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "{line}")
}
