//! The Binance adapter as a process.

use std::process::ExitCode;

use adapter_binance::{Feed, Settings};
use mesh_adapter::bridge::Venue;
use mesh_config::ProcessConfig;
use mesh_runtime::actor::{Bridge, Input, PacketSender, Service, run_actor};
use mesh_runtime::{About, BoxError, Process};
use mesh_types::Domain;

struct Adapter;

impl Service for Adapter {
    type Settings = Settings;
    type Actor = Feed;
    const ABOUT: About = About {
        name: "adapter-binance",
        kind: "adapter",
        about: "Binance market data: streams and snapshots to messages",
    };

    fn inputs(_: &Settings) -> Vec<Input> {
        // The relay asks its publishers for snapshots whether they subscribe or not.
        Vec::new()
    }

    fn outputs() -> &'static [Domain] {
        &[Domain::Market]
    }

    fn actor(settings: &Settings, config: &ProcessConfig) -> Result<Feed, BoxError> {
        Ok(Feed::new(settings, config.limits, u64::from(config.process.source.get()))?)
    }

    fn bridge(process: &Process<Settings>, packets: PacketSender) -> Result<Option<Box<dyn Bridge>>, BoxError> {
        Ok(Some(Box::new(Venue::start(process.settings.endpoints(), packets)?)))
    }
}

fn main() -> ExitCode {
    run_actor::<Adapter>()
}
