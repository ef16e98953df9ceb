//! Momentum as a process.

use std::process::ExitCode;

use mesh_codec::registry::TlvBody;
use mesh_runtime::actor::{Input, Service, run_actor};
use mesh_runtime::{About, BoxError};
use mesh_types::Domain;
use mesh_types::execution::{Position, RiskVerdict};
use mesh_types::market::Candle;
use strategy_momentum::{Momentum, Settings};

struct MomentumService;

impl Service for MomentumService {
    type Settings = Settings;
    type Actor = Momentum;
    const ABOUT: About = About {
        name: "strategy-momentum",
        kind: "strategy",
        about: "EMA crossing with an ATR stop: closed candles to signals",
    };

    fn inputs(settings: &Settings) -> Vec<Input> {
        let input =
            |domain, types| Input { domain, types, instruments: settings.instruments.clone(), last_values: true };
        vec![
            input(Domain::Market, vec![Candle::NUMBER]),
            input(Domain::Execution, vec![Position::NUMBER, RiskVerdict::NUMBER]),
        ]
    }

    fn outputs() -> &'static [Domain] {
        &[Domain::Signal]
    }

    fn actor(settings: &Settings, _: &mesh_config::ProcessConfig) -> Result<Momentum, BoxError> {
        Ok(Momentum::new(settings.clone())?)
    }
}

fn main() -> ExitCode {
    run_actor::<MomentumService>()
}
