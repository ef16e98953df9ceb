//! The same on ledgers as they are on a disk: a crash closes the file, each life opens it again.

#![allow(clippy::expect_used, reason = "a test ends at what it does not expect")]

use std::path::PathBuf;

use mesh_actor::{Ledger, LedgerError};
use mesh_codec::Frames;
use mesh_store::SqliteLedger;
use test_sim::run::{Storm, run_on};

struct Reopened {
    path: PathBuf,
    net_positions: bool,
    ledger: Option<SqliteLedger>,
}

impl Reopened {
    fn new(path: PathBuf, net_positions: bool) -> Box<Self> {
        Box::new(Self { path, net_positions, ledger: None })
    }

    fn open(&mut self) -> Result<&mut SqliteLedger, LedgerError> {
        let ledger = SqliteLedger::open(&self.path)?;
        Ok(self.ledger.insert(if self.net_positions { ledger.with_net_positions() } else { ledger }))
    }
}

impl Ledger for Reopened {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        match self.ledger.as_mut() {
            Some(ledger) => ledger.commit(inbox, outbox),
            None => self.open()?.commit(inbox, outbox),
        }
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        self.ledger = None;
        self.open()?.recover(each)
    }
}

#[test]
fn the_same_holds_on_real_files() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().expect("a folder");
        let (portfolio, paper) = (folder.path().join("portfolio.db"), folder.path().join("paper.db"));
        let ledgers =
            (Reopened::new(portfolio, false) as Box<dyn Ledger>, Reopened::new(paper, true) as Box<dyn Ledger>);
        let outcome = run_on(seed, &Storm::default(), None, ledgers);
        assert_eq!(outcome.violation, None, "seed {seed}");
        assert!(outcome.fills > 0, "seed {seed} trades");
    }
}
