//! The ledger: a durable intent against one `fdatasync` of the same file system, many in one commit against one by one.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use mesh_actor::Ledger;
use mesh_codec::{FrameBuilder, Frames, Stamp};
use mesh_store::SqliteLedger;
use mesh_types::execution::Intent;
use mesh_types::{ClientOrderId, Domain, SourceId};

use crate::Output;
use crate::figure::{Figure, Sense};

/// Commits of a run; each waits for the disk.
const COMMITS: u32 = 200;
/// Intents that wait while a commit is under way.
const WAITING: u32 = 64;
/// A page of the ledger's log.
const PAGE_BYTES: usize = 4_096;

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    output: Output,
    /// Where the files are made: the disk that is measured
    #[arg(long, default_value = ".")]
    directory: PathBuf,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir_in(&options.directory)?;
    let mut bench = Bench { ledger: SqliteLedger::open(&directory.path().join("ledger.db"))?, intents: 0 };
    let (mut syncs_us, mut singles_us, mut grouped_us) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..options.output.runs {
        syncs_us.push(syncs(&directory.path().join(format!("log.{run}")))?);
        singles_us.push(bench.commits(1)?);
        grouped_us.push(bench.commits(WAITING)? / f64::from(WAITING));
    }
    let rates = |times_us: &[f64]| -> Vec<f64> { times_us.iter().map(|time| 1e6 / time).collect() };
    let (single, grouped) = (rates(&singles_us), rates(&grouped_us));
    let time = ("us", Sense::Less);
    Figure::new("oms.intent", time, &singles_us, "fdatasync", &syncs_us, Some(1.5)).print(&options.output);
    let name = format!("oms.intents.{WAITING}_waiting");
    Figure::new(name, ("/s", Sense::More), &grouped, "one by one", &single, Some(0.1)).print(&options.output);
    Ok(())
}

/// Microseconds of a page that is appended and on the disk.
fn syncs(path: &Path) -> Result<f64, Box<dyn Error>> {
    let mut file = File::create(path)?;
    let begun = Instant::now();
    for _ in 0..COMMITS {
        file.write_all(&[1; PAGE_BYTES])?;
        file.sync_data()?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(COMMITS))
}

struct Bench {
    ledger: SqliteLedger,
    intents: u128,
}

impl Bench {
    /// Microseconds of a commit of so many intents.
    fn commits(&mut self, intents: u32) -> Result<f64, Box<dyn Error>> {
        let batches = (0..COMMITS).map(|_| self.batch(intents)).collect::<Result<Vec<_>, _>>()?;
        let begun = Instant::now();
        for batch in &batches {
            self.ledger.commit(Frames::new(&[]), Frames::new(batch))?;
        }
        Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(COMMITS))
    }

    fn batch(&mut self, intents: u32) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut batch = Vec::new();
        for _ in 0..intents {
            self.intents += 1;
            let stamp = Stamp { domain: Domain::Execution, source: SourceId::new(3), sequence: 1, timestamp_ns: 1 };
            let id = ClientOrderId::new(self.intents.to_be_bytes());
            FrameBuilder::new(&mut batch, &stamp)
                .body(&Intent { client_order_id: id, ..Intent::default() })
                .finish()?;
        }
        Ok(batch)
    }
}
