//! A strategy that decides at once: each n-th trade is a signal to enter.

use std::path::PathBuf;
use std::process::ExitCode;

use mesh_actor::{Actor, Context, TimerId};
use mesh_codec::Message;
use mesh_codec::registry::TlvBody;
use mesh_config::ProcessConfig;
use mesh_runtime::actor::{Bridge, Input, PacketSender, Service, run_actor};
use mesh_runtime::{About, BoxError, Process};
use mesh_types::market::Trade;
use mesh_types::signal::{Signal, StrategyName};
use mesh_types::system::ExternalRequest;
use mesh_types::{Confidence, Domain, SignalAction};
use serde::Deserialize;

pub(super) const PROGRAM: &str = "strategy-path";
/// One strategy has one order at work in an instrument: so many take turns.
const NAMES: u64 = 64;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Settings {
    every: u64,
    /// Where the adapter's times are written at the end.
    received: PathBuf,
}

impl mesh_runtime::Settings for Settings {}

struct EachNth {
    every: u64,
    signals: u64,
}

impl Actor for EachNth {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        let Some(trade) = message.get::<Trade>().filter(|trade| trade.trade_id.get() % self.every == 0) else { return };
        self.signals += 1;
        context.emit(&Signal {
            instrument: trade.instrument,
            strategy: StrategyName::truncated(&format!("path-{}", self.signals % NAMES)),
            action: SignalAction::EnterLong.into(),
            confidence: Confidence::High.into(),
            reference_price: trade.price,
            bar_ns: trade.received_ns,
            interval_ns: 1.into(),
            ..Signal::default()
        });
        let received = trade.received_ns.get().to_le_bytes();
        let head = ExternalRequest { byte_count: (received.len() as u16).into(), ..ExternalRequest::default() };
        context.emit_tailed(&head, &received);
    }

    fn on_timer(&mut self, _: TimerId, _: &mut Context<'_>) {}

    fn state_digest(&self) -> u64 {
        self.signals
    }
}

/// Keeps when the adapter had each trade, and writes it down at the end: nothing of it is on the measured way.
struct Received {
    path: PathBuf,
    times: Vec<u8>,
}

impl Bridge for Received {
    fn request(&mut self, _: &ExternalRequest, bytes: &[u8]) {
        self.times.extend_from_slice(bytes);
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        // What is missing is noticed by who reads it.
        let _ = std::fs::write(&self.path, &self.times);
    }
}

struct PathStrategy;

impl Service for PathStrategy {
    type Settings = Settings;
    type Actor = EachNth;
    const ABOUT: About = About { name: PROGRAM, kind: "strategy", about: "Signals for a measurement" };

    fn inputs(_: &Settings) -> Vec<Input> {
        vec![Input { domain: Domain::Market, types: vec![Trade::NUMBER], instruments: Vec::new(), last_values: false }]
    }

    fn outputs() -> &'static [Domain] {
        &[Domain::Signal]
    }

    fn actor(settings: &Settings, _: &ProcessConfig) -> Result<EachNth, BoxError> {
        Ok(EachNth { every: settings.every, signals: 0 })
    }

    fn bridge(process: &Process<Settings>, _: PacketSender) -> Result<Option<Box<dyn Bridge>>, BoxError> {
        Ok(Some(Box::new(Received { path: process.settings.received.clone(), times: Vec::new() })))
    }
}

pub(super) fn run() -> ExitCode {
    run_actor::<PathStrategy>()
}
