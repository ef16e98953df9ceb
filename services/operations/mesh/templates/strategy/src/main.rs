#![doc = include_str!("../README.md")]

mod actor;
mod settings;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use mesh_codec::registry::TlvBody;
use mesh_config::ProcessConfig;
use mesh_runtime::actor::{Input, Service, run_actor};
use mesh_runtime::{About, BoxError};
use mesh_types::Domain;
use mesh_types::execution::Position;
use mesh_types::market::Candle;

use actor::Breakout;
use settings::Settings;

struct BreakoutService;

impl Service for BreakoutService {
    type Settings = Settings;
    type Actor = Breakout;
    const ABOUT: About = About { name: env!("CARGO_PKG_NAME"), kind: "strategy", about: env!("CARGO_PKG_DESCRIPTION") };

    fn inputs(settings: &Settings) -> Vec<Input> {
        let input =
            |domain, types| Input { domain, types, instruments: settings.instruments.clone(), last_values: true };
        vec![input(Domain::Market, vec![Candle::NUMBER]), input(Domain::Execution, vec![Position::NUMBER])]
    }

    fn outputs() -> &'static [Domain] {
        &[Domain::Signal]
    }

    fn actor(settings: &Settings, _: &ProcessConfig) -> Result<Breakout, BoxError> {
        Ok(Breakout::new(settings.clone()))
    }
}

fn main() -> ExitCode {
    run_actor::<BreakoutService>()
}
