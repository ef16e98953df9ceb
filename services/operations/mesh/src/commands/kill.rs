//! `mesh kill`: switches trading off, or on again.
//!
//! The switch is a message on the execution relay, which keeps the last one for portfolios that start later. It is in force
//! for good once each portfolio's ledger has it; only then the command says that it is done. Into the ledger of a portfolio
//! that does not run it is written here, under that portfolio's lock: the ledger is what a portfolio reads at its start.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mesh_actor::Ledger;
use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Frames, Stamp};
use mesh_runtime::clock;
use mesh_runtime::lock::{LockError, ProcessLock};
use mesh_store::SqliteLedger;
use mesh_topology::Layout;
use mesh_transport::{ClientEvent, DownReason, SendOutcome, Subscription};
use mesh_types::signal::StrategyName;
use mesh_types::system::KillSwitch;
use mesh_types::{Domain, KillLevel, SourceId};
use serde_json::json;

use crate::console::{Console, Tone};
use crate::failure::{Failure, Outcome};
use crate::feed::{self, Feed};
use crate::home;
use crate::switches::{self, Reason, Switched};

const POLL: Duration = Duration::from_millis(25);

/// How much is stopped.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct Level {
    /// No entries; positions can be closed. The default
    #[arg(long)]
    close_only: bool,
    /// No orders, but exits that a person asks for
    #[arg(long)]
    halt_all: bool,
    /// Nothing at all, whoever asks
    #[arg(long)]
    hard: bool,
    /// Trade again
    #[arg(long)]
    reset: bool,
    /// Switch nothing: say what is in force
    #[arg(long)]
    status: bool,
}

impl Level {
    /// The level that was named; without one, entries are what stops. `None` where nothing is switched.
    pub(crate) const fn chosen(self) -> Option<KillLevel> {
        match self {
            Self { status: true, .. } => None,
            Self { hard: true, .. } => Some(KillLevel::Hard),
            Self { halt_all: true, .. } => Some(KillLevel::HaltAll),
            Self { reset: true, .. } => Some(KillLevel::None),
            Self { .. } => Some(KillLevel::CloseOnly),
        }
    }
}

/// A reason that fits the message whole.
pub(crate) fn parse_reason(text: &str) -> Result<Reason, String> {
    Reason::new(text).map_err(|_| format!("expected at most 64 bytes, found {}", text.len()))
}

/// A name that fits the message whole.
pub(crate) fn parse_strategy(text: &str) -> Result<StrategyName, String> {
    match StrategyName::new(text) {
        Ok(name) if !text.is_empty() => Ok(name),
        _ => Err(format!("expected a strategy's name of 1 to 24 bytes, found {}", text.len())),
    }
}

/// Says what is switched.
pub(crate) fn status(layout: &Layout, json: bool) -> Outcome {
    show(&switches::read(layout)?, json)
}

/// Sets the switch of a strategy, or for everything.
pub(crate) fn kill(
    layout: &Layout,
    level: KillLevel,
    scope: StrategyName,
    reason: &Reason,
    timeout: Duration,
    json: bool,
) -> Outcome {
    let deadline = Instant::now() + timeout;
    let ledgers = switches::ledgers(layout)?;
    if ledgers.is_empty() {
        return Err(Failure::bad(format!(
            "no portfolio in {}: nothing there places orders; `./manage.sh up` starts a mesh",
            layout.home().display()
        )));
    }
    // The newest holds: also where this clock is behind the one that set the last.
    let last_ns = switches::read(layout)?.iter().map(|switch| switch.set_ns).max().unwrap_or_default();
    let set_ns = clock::now_ns().max(last_ns.saturating_add(1));
    let switch =
        KillSwitch { scope, level: level.into(), set_ns: set_ns.into(), reason: *reason, ..KillSwitch::default() };
    home::create(layout)?;
    for (name, path) in &ledgers {
        write_down(layout, name, path, &switch)?;
    }
    if !without(&ledgers, &switch)?.is_empty() {
        publish(layout, &switch, deadline)?;
    }
    let missing = loop {
        let missing = without(&ledgers, &switch)?;
        if missing.is_empty() || Instant::now() > deadline {
            break missing;
        }
        std::thread::sleep(POLL);
    };
    if !missing.is_empty() {
        return Err(Failure::bad(format!(
            "the execution relay keeps the switch, and {} has not written it down within {} s: it is not in force there, \
             but the first thing that it gets when it runs; `./manage.sh status` shows the mesh",
            missing.join(", "),
            timeout.as_secs()
        )));
    }
    show(&switches::read(layout)?, json)
}

fn show(switches: &[Switched], json: bool) -> Outcome {
    let mut console = Console::new();
    if json {
        return Ok(console.json(&json!({ "kill_switches": switches }))?);
    }
    if switches.is_empty() {
        console.line("no kill switch was ever set")?;
    }
    for switch in switches {
        let tone = if switch.is_on() { Tone::Bad } else { Tone::Good };
        console.line(console.paint(tone, &said(switch)))?;
    }
    Ok(())
}

/// A switch, and what to do about it.
pub(crate) fn said(switch: &Switched) -> String {
    let of = if switch.scope.is_empty() { String::new() } else { format!(" --strategy {}", switch.scope) };
    if switch.is_on() {
        format!("{}; `./manage.sh kill --reset{of}` ends it", switch.text())
    } else {
        format!("{}; orders are placed again", switch.text())
    }
}

/// The portfolios whose ledgers do not have it yet, or a later one.
fn without(ledgers: &[(String, PathBuf)], wanted: &KillSwitch) -> Outcome<Vec<String>> {
    let mut missing = Vec::new();
    for (name, path) in ledgers {
        let switches = mesh_store::kill_switches(path).map_err(Failure::bad)?;
        if !switches.iter().any(|switch| switch.scope == wanted.scope && switch.set_ns >= wanted.set_ns) {
            missing.push(name.clone());
        }
    }
    Ok(missing)
}

/// Writes it into the ledger of a portfolio that does not run, and keeps it from starting meanwhile.
fn write_down(layout: &Layout, name: &str, ledger: &Path, switch: &KillSwitch) -> Outcome {
    let _lock = match ProcessLock::take(&layout.lock_file(name)) {
        Ok(lock) => lock,
        Err(LockError::Held { .. }) => return Ok(()),
        Err(error) => return Err(Failure::bad(error)),
    };
    let mut ledger = SqliteLedger::open(ledger).map_err(Failure::bad)?;
    ledger.commit(Frames::new(&frame(switch, clock::now_ns())?), Frames::new(&[])).map_err(Failure::bad)
}

fn frame(switch: &KillSwitch, timestamp_ns: u64) -> Outcome<Vec<u8>> {
    let stamp = Stamp { domain: Domain::Execution, source: SourceId::OPERATOR, sequence: 1, timestamp_ns };
    let mut frame = Vec::new();
    FrameBuilder::new(&mut frame, &stamp).body(switch).finish().map_err(Failure::bad)?;
    Ok(frame)
}

/// Gives it to the execution relay, and waits until that hands it out.
fn publish(layout: &Layout, switch: &KillSwitch, deadline: Instant) -> Outcome {
    let (mut client, started_ns) = feed::operator(layout, "kill", Domain::Execution)?;
    let wanted = Subscription {
        types: [KillSwitch::NUMBER].into_iter().collect(),
        last_values: true,
        ..Subscription::default()
    };
    let mut feed = Feed::new(layout, "kill-proof", &[Domain::Execution], &wanted, &[])?;
    let frame = frame(switch, started_ns)?;
    // What the client takes it keeps, and sends again to a relay that comes back.
    if let SendOutcome::Full { .. } = client.send(&frame) {
        return Err(Failure::bad("the switch finds no room to be sent"));
    }
    let mut kept = false;
    let mut why = None;
    while !kept {
        if Instant::now() > deadline {
            return Err(not_taken(why));
        }
        client.poll(Instant::now(), &mut |event| {
            if let ClientEvent::Down { reason } = event {
                why = Some(reason);
            }
        });
        feed.wait(POLL, &mut |_, event| {
            if let ClientEvent::Frames(frames) = event {
                kept |= frames
                    .iter()
                    .filter_map(|m| m.get::<KillSwitch>().copied())
                    .any(|seen| seen.set_ns >= switch.set_ns);
            }
        })?;
    }
    Ok(())
}

fn not_taken(why: Option<DownReason>) -> Failure {
    let why = why.map_or_else(|| "it does not answer".to_owned(), |reason| reason.to_string());
    Failure::bad(format!(
        "the execution relay did not take the switch ({why}): it is not in force. Without that relay no order is placed; \
         `./manage.sh down` stops everything"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hardest_that_is_named_counts_and_without_one_entries_stop() {
        let level =
            |close_only, halt_all, hard, reset| Level { close_only, halt_all, hard, reset, status: false }.chosen();
        assert_eq!(level(false, false, false, false), Some(KillLevel::CloseOnly));
        assert_eq!(level(true, false, false, false), Some(KillLevel::CloseOnly));
        assert_eq!(level(false, true, false, false), Some(KillLevel::HaltAll));
        assert_eq!(level(false, false, true, false), Some(KillLevel::Hard));
        assert_eq!(level(false, false, false, true), Some(KillLevel::None));
    }

    #[test]
    fn a_reason_is_kept_whole_or_refused() {
        assert_eq!(parse_reason("the venue lies").map(|reason| reason.to_string()), Ok("the venue lies".to_owned()));
        assert!(parse_reason(&"x".repeat(65)).is_err_and(|text| text.contains("64 bytes")));
    }

    #[test]
    fn what_is_in_force_is_said_in_a_line() {
        let switch = KillSwitch {
            level: KillLevel::HaltAll.into(),
            set_ns: 1_793_534_400_000_000_000.into(),
            reason: Reason::truncated("drill"),
            ..KillSwitch::default()
        };
        assert_eq!(Switched::from(&switch).text(), "kill switch halt_all since 2026-11-01 12:00:00: drill");
        let unknown = KillSwitch { level: mesh_types::wire::Coded::from_raw(77), ..switch };
        assert_eq!(Switched::from(&unknown).level, "hard");
    }
}
