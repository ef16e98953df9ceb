//! The same on ledgers as they are on a disk: a crash leaves the files as they lie, some with a commit that was half written,
//! and each life opens what was left.

#![allow(clippy::expect_used, reason = "a test ends at what it does not expect")]

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use fastrand::Rng;
use mesh_actor::{Ledger, LedgerError};
use mesh_codec::Frames;
use mesh_store::SqliteLedger;
use test_sim::run::{Storm, run_on};

/// Of a hundred commits, so many are cut short.
const TORN_PERCENT: u8 = 3;

/// A ledger whose lives each have a folder: nothing is closed properly, the next life gets a copy of what lies there.
struct Lives {
    root: PathBuf,
    life: u32,
    net_positions: bool,
    ledger: Option<SqliteLedger>,
    rng: Rng,
    torn: Rc<Cell<u32>>,
}

impl Lives {
    fn new(root: PathBuf, net_positions: bool, seed: u64, torn: &Rc<Cell<u32>>) -> Box<Self> {
        let lives =
            Self { root, life: 0, net_positions, ledger: None, rng: Rng::with_seed(seed), torn: Rc::clone(torn) };
        fs::create_dir_all(lives.folder()).expect("a folder");
        Box::new(lives)
    }

    fn folder(&self) -> PathBuf {
        self.root.join(self.life.to_string())
    }

    fn log(&self) -> PathBuf {
        self.folder().join("ledger.db-wal")
    }

    fn log_len(&self) -> u64 {
        fs::metadata(self.log()).map_or(0, |file| file.len())
    }

    /// The end of a life: its files are copied as they lie, while they are open still.
    fn die(&mut self) {
        let (from, log) = (self.folder(), self.log());
        self.life += 1;
        fs::create_dir_all(self.folder()).expect("a folder");
        copy(&from.join("ledger.db"), &self.folder().join("ledger.db"));
        copy(&log, &self.log());
        self.ledger = None;
    }

    fn open(&mut self) -> Result<&mut SqliteLedger, LedgerError> {
        let ledger = SqliteLedger::open(&self.folder().join("ledger.db"))?;
        Ok(self.ledger.insert(if self.net_positions { ledger.with_net_positions() } else { ledger }))
    }
}

fn copy(from: &Path, to: &Path) {
    if from.exists() {
        fs::copy(from, to).expect("copies");
    }
}

impl Ledger for Lives {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        let before = self.log_len();
        self.ledger.as_mut().expect("recovered").commit(inbox, outbox)?;
        let after = self.log_len();
        if after <= before || self.rng.u8(0..100) >= TORN_PERCENT {
            return Ok(());
        }
        // The power goes while the log grows: some of what was added is there, the end of it is not.
        self.die();
        let log = fs::OpenOptions::new().write(true).open(self.log()).expect("opens");
        log.set_len(self.rng.u64(before..after)).expect("cuts");
        self.torn.set(self.torn.get() + 1);
        Err(LedgerError { reason: "the power is gone".to_owned() })
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        if self.ledger.is_some() {
            self.die();
        }
        self.open()?.recover(each)
    }
}

#[test]
fn the_same_holds_on_real_files_and_where_a_commit_was_half_written() {
    let torn = Rc::default();
    for seed in 0..3 {
        let folder = tempfile::tempdir().expect("a folder");
        let lives = |name: &str, net_positions| -> Box<dyn Ledger> {
            Lives::new(folder.path().join(name), net_positions, seed, &torn)
        };
        // The calm comes to the files as well: what is torn in it is a crash like any other, and is over soon.
        let outcome = run_on(seed, &Storm::default(), None, (lives("portfolio", false), lives("paper", true)));
        assert_eq!(outcome.violation, None, "seed {seed}");
        assert!(outcome.fills > 0, "seed {seed} trades");
    }
    assert!(torn.get() > 10, "commits are torn: {}", torn.get());
}
