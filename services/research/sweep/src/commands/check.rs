//! `check`: what a run would do, what it reads, what it needs.

use std::fmt::Write as _;
use std::path::Path;

use mesh_backtest::inputs::coverage;
use mesh_backtest::monthly::date;
use serde_json::{Value, json};
use sweep::Failure;
use sweep::data::{Part, files};
use sweep::run::{Needs, needs};
use sweep::study::Study;

use super::{say, say_json};

/// Files that are named to people.
const MOST_FILES: usize = 12;

pub(crate) fn check(spec: &Path, workers: usize, as_json: bool) -> Result<(), Failure> {
    let study = Study::from_file(spec)?;
    let reads: Vec<String> = files(&study.spec.data, Path::new(&study.about.folder))?
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let needs = needs(&study.spec, &study.prepared, workers)?;
    if as_json { say_json(&described(&study, &reads, &needs)) } else { say(&page(&study, &reads, &needs)) }
}

fn test_bars(study: &Study) -> usize {
    study.prepared.test.iter().map(|part| part.history.len()).sum()
}

fn described(study: &Study, reads: &[String], needs: &Needs) -> Value {
    let Study { spec, prepared, about } = study;
    let symbols: Vec<&str> = prepared.train.iter().map(|part| part.symbol.as_str()).collect();
    let part = |part: &Part| {
        let inputs: serde_json::Map<String, Value> =
            coverage(part.history.inputs().columns()).map(|(name, known)| (name.to_owned(), json!(known))).collect();
        json!({"bars": part.history.len(), "from_ns": part.from_ns, "to_ns": part.to_ns, "known": inputs})
    };
    let data = prepared.train.iter().map(|train| {
        let test = prepared.test.iter().find(|test| test.symbol == train.symbol);
        json!({"symbol": train.symbol, "train": part(train), "test": test.map(part)})
    });
    json!({
        "id": about.id, "strategy": spec.strategy, "trials": about.trials, "symbols": symbols,
        "train_bars": about.bars, "test_bars": test_bars(study), "configuration_bars": about.bars * about.trials,
        "data_hash": about.data_hash, "spec_hash": about.spec_hash, "kernel": about.kernel,
        "reads": reads, "data": data.collect::<Vec<_>>(),
        "memory": {
            "bound_bytes": needs.bound_bytes, "least_bytes": needs.least_bytes(), "reading_bytes": needs.reading_bytes,
            "history_bytes": needs.history_bytes, "configuration_bytes": needs.configuration_bytes,
            "workers": needs.workers, "worker_bytes": needs.worker_bytes,
        },
    })
}

fn page(study: &Study, reads: &[String], needs: &Needs) -> String {
    let Study { spec, prepared, about } = study;
    let symbols: Vec<&str> = prepared.train.iter().map(|part| part.symbol.as_str()).collect();
    let mut page = format!(
        "{}: {} trials of {} over {} bars of {}; {} bars judge the best\n",
        about.id,
        about.trials,
        spec.strategy,
        about.bars,
        symbols.join(", "),
        test_bars(study)
    );
    // Writing to a String never fails.
    for path in reads.iter().take(MOST_FILES) {
        let _ = writeln!(page, "reads   {path}");
    }
    if let Some(more) = reads.len().checked_sub(MOST_FILES).filter(|more| *more > 0) {
        let _ = writeln!(page, "        and {more} more files");
    }
    for (parts, use_of) in [(&prepared.train, "swept"), (&prepared.test, "judges")] {
        for part in parts {
            let bars = part.history.len();
            let (symbol, from, to) = (&part.symbol, day(part.from_ns), day(part.to_ns));
            let _ = write!(page, "{use_of:<7} {symbol}: {bars} bars, {from} to {to}");
            for (name, known) in coverage(part.history.inputs().columns()) {
                let _ = write!(page, "; {name} known at {known}");
            }
            page.push('\n');
        }
    }
    let mb = |bytes: u64| bytes as f64 / (1u64 << 20) as f64;
    let _ = write!(
        page,
        "memory  at most {} MB, beside the program itself; at least {} MB: {:.1} MB while files are read, then bars {:.1} MB \
         and {:.1} MB a configuration alone; {} workers with at most {:.1} MB each",
        needs.bound_bytes >> 20,
        needs.least_bytes().div_ceil(1 << 20),
        mb(needs.reading_bytes),
        mb(needs.history_bytes),
        mb(needs.configuration_bytes),
        needs.workers,
        mb(needs.worker_bytes)
    );
    page
}

fn day(time_ns: u64) -> String {
    let (year, month, day) = date(time_ns);
    format!("{year}-{month:02}-{day:02}")
}
