//! The ledgers of the home's processes, and the prices that positions are worth now.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mesh_codec::registry::TlvBody;
use mesh_store::LedgerReader;
use mesh_topology::{Kind, Layout};
use mesh_transport::{ClientEvent, Subscription};
use mesh_types::market::Quote;
use mesh_types::{Decimal64, Domain, InstrumentId};

use crate::failure::{Failure, Outcome};
use crate::feed::Feed;
use crate::home::Chosen;

/// How long the market relay may take to tell its last values.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// A ledger of a process.
#[derive(Clone, Debug)]
pub(crate) struct LedgerFile {
    /// The process.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// Its file; it is there.
    pub(crate) path: PathBuf,
}

/// The ledgers that are there, of the processes that the home's topology has.
pub(crate) fn files(layout: &Layout) -> Outcome<Vec<LedgerFile>> {
    let chosen = Chosen::active(layout)?;
    let processes = chosen.into_iter().flat_map(|chosen| chosen.topology.processes);
    let owners = processes.filter(|process| matches!(process.kind, Kind::Portfolio | Kind::Executor));
    let files =
        owners.map(|process| LedgerFile { path: layout.ledger(&process.name), name: process.name, kind: process.kind });
    Ok(files.filter(|file| file.path.exists()).collect())
}

/// The ledgers of portfolios, to be read.
pub(crate) fn portfolios(layout: &Layout) -> Outcome<Vec<LedgerReader>> {
    let files: Vec<LedgerFile> = self::files(layout)?.into_iter().filter(|file| file.kind == Kind::Portfolio).collect();
    if files.is_empty() {
        return Err(Failure::bad(format!(
            "no ledger of a portfolio in {}: nothing was ordered there; `./manage.sh up` starts a mesh",
            layout.home().join("data").display()
        )));
    }
    files.iter().map(|file| LedgerReader::open(&file.path).map_err(Failure::bad)).collect()
}

/// The best bid and ask of instruments, as the market relay has them now; what it does not have is not in it.
pub(crate) fn quotes(layout: &Layout, mut wanted: Vec<InstrumentId>) -> BTreeMap<InstrumentId, (Decimal64, Decimal64)> {
    let mut quotes = BTreeMap::new();
    wanted.sort();
    wanted.dedup();
    let subscription =
        Subscription { types: [Quote::NUMBER].into_iter().collect(), instruments: wanted.clone(), last_values: true };
    let Ok(mut feed) = Feed::new(layout, "marks", &[Domain::Market], &subscription, &[]) else { return quotes };
    let until = Instant::now() + PATIENCE;
    while quotes.len() < wanted.len() && Instant::now() < until {
        let told = feed.wait(Duration::from_millis(50), &mut |_, event| {
            let ClientEvent::Frames(frames) = event else { return };
            for quote in frames.iter().filter_map(|message| message.get::<Quote>().copied()) {
                if wanted.contains(&quote.instrument) {
                    quotes.insert(quote.instrument, (quote.bid_price.get(), quote.ask_price.get()));
                }
            }
        });
        if told.is_err() {
            break;
        }
    }
    quotes
}
