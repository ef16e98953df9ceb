//! The paper exchange as a process.

use std::process::ExitCode;

use executor_paper::{PaperExchange, Settings};
use mesh_actor::Ledger;
use mesh_codec::registry::TlvBody;
use mesh_runtime::actor::{Input, Service, run_actor};
use mesh_runtime::{About, BoxError, Process};
use mesh_store::SqliteLedger;
use mesh_types::execution::{OrderCancel, OrderReplace, OrderRequest, OrderStatusRequest};
use mesh_types::market::{BookDelta, BookSnapshot, InstrumentInfo, Trade};
use mesh_types::{Domain, Mode};

struct PaperService;

impl Service for PaperService {
    type Settings = Settings;
    type Actor = PaperExchange;
    const ABOUT: About = About {
        name: "executor-paper",
        kind: "executor",
        about: "The paper exchange: fills orders against the live book, never better than it",
    };

    fn inputs(settings: &Settings) -> Vec<Input> {
        let market = vec![Trade::NUMBER, BookSnapshot::NUMBER, BookDelta::NUMBER, InstrumentInfo::NUMBER];
        let orders = vec![OrderRequest::NUMBER, OrderCancel::NUMBER, OrderReplace::NUMBER, OrderStatusRequest::NUMBER];
        let input =
            |domain, types| Input { domain, types, instruments: settings.instruments.clone(), last_values: true };
        // Questions about all orders name no instrument: execution is not filtered by it.
        vec![input(Domain::Market, market), Input { instruments: Vec::new(), ..input(Domain::Execution, orders) }]
    }

    fn outputs() -> &'static [Domain] {
        &[Domain::Execution]
    }

    fn actor(settings: &Settings, config: &mesh_config::ProcessConfig) -> Result<PaperExchange, BoxError> {
        if config.mesh.mode != Mode::Paper {
            let mode = config.mesh.mode;
            return Err(format!("the paper exchange runs in a mesh of mode paper, this one is {mode}").into());
        }
        Ok(PaperExchange::new(settings.clone()))
    }

    fn ledger(process: &Process<Settings>) -> Result<Option<Box<dyn Ledger>>, BoxError> {
        let folder = process.config.mesh.data_dir();
        std::fs::create_dir_all(&folder).map_err(|error| format!("{} can't be created: {error}", folder.display()))?;
        let path = folder.join(format!("{}.db", process.config.process.name));
        Ok(Some(Box::new(SqliteLedger::open(&path)?.of_mode(process.config.mesh.mode)?.with_net_positions())))
    }
}

fn main() -> ExitCode {
    run_actor::<PaperService>()
}
