//! Runs an actor as a process: on relays, a clock, timers, a journal, a ledger, and a bridge to the world outside.
//!
//! One thread, in batches. A batch reads what the relays and the bridge have, reads the clock once, fires due timers,
//! delivers the messages in order, writes the journal, commits the ledger, and only then sends what the actor said. A
//! journal or ledger that can't be written ends the process: starting again is the recovery.
//!
//! `BINARY --config FILE --replay JOURNAL` runs the same actor from a journal instead, and compares.

mod bridge;
mod driver;
mod journal;
mod replay;

use std::process::ExitCode;

use mesh_actor::{Actor, Ledger};
use mesh_config::ProcessConfig;
use mesh_types::{Domain, InstrumentId};

pub use bridge::{Bridge, Closed, PacketSender};

use crate::process::{About, BoxError, Process, Settings, run_or_replay};

/// What an actor wants from a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Whose relay.
    pub domain: Domain,
    /// Numbers of the TLV types; empty for all.
    pub types: Vec<u8>,
    /// Instruments; empty for all.
    pub instruments: Vec<InstrumentId>,
    /// Whether the last values come first.
    pub last_values: bool,
}

/// A process that is one actor.
pub trait Service {
    /// Its settings.
    type Settings: Settings;
    /// Its actor.
    type Actor: Actor;
    /// Its binary.
    const ABOUT: About;

    /// What it wants from the relays; at most one entry for each domain.
    fn inputs(settings: &Self::Settings) -> Vec<Input>;

    /// The domains that it publishes to.
    fn outputs() -> &'static [Domain];

    /// Makes the actor; does no I/O, since a replay calls it too.
    ///
    /// # Errors
    /// When the settings can't be used.
    fn actor(settings: &Self::Settings, config: &ProcessConfig) -> Result<Self::Actor, BoxError>;

    /// Opens what must be durable before it is sent, if anything.
    ///
    /// # Errors
    /// When it can't be opened.
    fn ledger(process: &Process<Self::Settings>) -> Result<Option<Box<dyn Ledger>>, BoxError> {
        let _ = process;
        Ok(None)
    }

    /// Opens the way to the world outside, if the actor needs one.
    ///
    /// # Errors
    /// When it can't be opened.
    fn bridge(process: &Process<Self::Settings>, packets: PacketSender) -> Result<Option<Box<dyn Bridge>>, BoxError> {
        let _ = (process, packets);
        Ok(None)
    }
}

/// Runs the service until it is asked to stop, or replays a journal of it.
pub fn run_actor<S: Service>() -> ExitCode {
    run_or_replay::<S::Settings>(&S::ABOUT, driver::run::<S>, replay::run::<S>)
}
