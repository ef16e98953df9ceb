//! The portfolio as a process.

use std::process::ExitCode;

use mesh_actor::Ledger;
use mesh_codec::registry::TlvBody;
use mesh_runtime::actor::{Input, Service, run_actor};
use mesh_runtime::{About, BoxError, Process};
use mesh_store::SqliteLedger;
use mesh_types::Domain;
use mesh_types::execution::{Fill, OrderAccepted, OrderCancelled, OrderRejected, OrderStatus};
use mesh_types::market::{BookDelta, BookSnapshot, InstrumentInfo};
use mesh_types::signal::Signal;
use mesh_types::system::KillSwitch;
use portfolio::{Portfolio, Settings};

struct PortfolioService;

impl Service for PortfolioService {
    type Settings = Settings;
    type Actor = Portfolio;
    const ABOUT: About = About {
        name: "portfolio",
        kind: "portfolio",
        about: "Selector, risk and order management: turns signals into durable orders",
    };

    fn inputs(settings: &Settings) -> Vec<Input> {
        let market = vec![BookSnapshot::NUMBER, BookDelta::NUMBER, InstrumentInfo::NUMBER];
        let reports = vec![
            OrderAccepted::NUMBER,
            OrderRejected::NUMBER,
            Fill::NUMBER,
            OrderCancelled::NUMBER,
            OrderStatus::NUMBER,
            KillSwitch::NUMBER,
        ];
        let input = |domain, types, instruments| Input { domain, types, instruments, last_values: true };
        vec![
            input(Domain::Market, market, settings.instruments.clone()),
            input(Domain::Signal, vec![Signal::NUMBER], Vec::new()),
            input(Domain::Execution, reports, Vec::new()),
        ]
    }

    fn outputs() -> &'static [Domain] {
        &[Domain::Execution]
    }

    fn actor(settings: &Settings, config: &mesh_config::ProcessConfig) -> Result<Portfolio, BoxError> {
        Ok(Portfolio::new(settings.clone(), config.mesh.id))
    }

    fn ledger(process: &Process<Settings>) -> Result<Option<Box<dyn Ledger>>, BoxError> {
        let folder = process.config.mesh.data_dir();
        std::fs::create_dir_all(&folder).map_err(|error| format!("{} can't be created: {error}", folder.display()))?;
        let path = folder.join(format!("{}.db", process.config.process.name));
        Ok(Some(Box::new(SqliteLedger::open(&path)?)))
    }
}

fn main() -> ExitCode {
    run_actor::<PortfolioService>()
}
