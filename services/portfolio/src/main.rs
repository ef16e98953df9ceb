//! The portfolio as a process.

mod kill_file;

use std::process::ExitCode;

use mesh_actor::{Ledger, LedgerError};
use mesh_codec::Frames;
use mesh_codec::registry::TlvBody;
use mesh_runtime::actor::{Bridge, Input, PacketSender, Service, run_actor};
use mesh_runtime::lock::ProcessLock;
use mesh_runtime::{About, BoxError, Process};
use mesh_store::SqliteLedger;
use mesh_types::Domain;
use mesh_types::execution::{Fill, OrderAccepted, OrderCancelled, OrderRejected, OrderStatus};
use mesh_types::market::{Block, BookDelta, BookSnapshot, InstrumentInfo, Mark};
use mesh_types::signal::Signal;
use mesh_types::system::KillSwitch;
use portfolio::{Portfolio, Settings};

struct PortfolioService;

/// The ledger of the one portfolio of this mesh that decides, whatever others are called.
struct OnlyOne {
    ledger: SqliteLedger,
    _lock: ProcessLock,
}

impl Ledger for OnlyOne {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        self.ledger.commit(inbox, outbox)
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        self.ledger.recover(each)
    }
}

impl Service for PortfolioService {
    type Settings = Settings;
    type Actor = Portfolio;
    const ABOUT: About = About {
        name: "portfolio",
        kind: "portfolio",
        about: "Selector, risk and order management: turns signals into durable orders",
    };

    fn inputs(settings: &Settings) -> Vec<Input> {
        let market = vec![BookSnapshot::NUMBER, BookDelta::NUMBER, InstrumentInfo::NUMBER, Mark::NUMBER, Block::NUMBER];
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
        let lock = ProcessLock::take(&process.config.mesh.run_dir().join("selector.lock"))
            .map_err(|error| format!("another portfolio decides in this mesh already: {error}"))?;
        let ledger = SqliteLedger::open(&path)?
            .of_mode(process.config.mesh.mode)?
            .take_over(&format!("process {}", std::process::id()))?;
        Ok(Some(Box::new(OnlyOne { ledger, _lock: lock })))
    }

    fn bridge(process: &Process<Settings>, packets: PacketSender) -> Result<Option<Box<dyn Bridge>>, BoxError> {
        kill_file::watch(process.settings.kill_file.clone(), packets)
    }
}

fn main() -> ExitCode {
    run_actor::<PortfolioService>()
}
