//! `mesh ledger`: what must not be lost is whole, and can be copied while it is written.

use std::path::{Path, PathBuf};

use mesh_topology::Layout;
use serde_json::json;

use crate::console::{Console, Tone};
use crate::failure::{Failure, Outcome};
use crate::ledgers::{self, LedgerFile};

/// What to do with ledgers. NAME is a process with one; without it all are meant.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum LedgerWord {
    /// Follow the audit log's chain and compare every row with it, beside the running writer; exit code 1 where something differs
    Check {
        /// [default: all]
        name: Option<String>,
        /// As JSON, one object a ledger
        #[arg(long)]
        json: bool,
    },
    /// Copy ledgers while they are written; a copy is whole or not there
    Backup {
        /// [default: all]
        name: Option<String>,
        /// The directory to copy to, made where it is not there; no file in it is overwritten
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// As JSON, one object a ledger
        #[arg(long)]
        json: bool,
    },
}

/// Does it.
pub(crate) fn ledger(layout: &Layout, word: &LedgerWord) -> Outcome {
    match word {
        LedgerWord::Check { name, json } => check(&named(layout, name.as_deref())?, *json),
        LedgerWord::Backup { name, out, json } => backup(&named(layout, name.as_deref())?, out, *json),
    }
}

fn named(layout: &Layout, name: Option<&str>) -> Outcome<Vec<LedgerFile>> {
    let mut files = ledgers::files(layout)?;
    let known: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    files.retain(|file| name.is_none_or(|name| name == file.name));
    match (name, files.is_empty()) {
        (_, false) => Ok(files),
        (Some(name), true) if !known.is_empty() => Err(Failure::usage(format!(
            "no ledger of {name:?}; {}",
            mesh_topology::suggest::hint(name, known.iter().map(String::as_str).collect::<Vec<_>>())
        ))),
        _ => Err(Failure::bad(format!("no ledgers in {}", layout.home().join("data").display()))),
    }
}

fn check(files: &[LedgerFile], as_json: bool) -> Outcome {
    let mut console = Console::new();
    let mut sound = true;
    for file in files {
        let found = mesh_store::audit(&file.path).map_err(Failure::bad)?;
        sound &= found.faults.is_empty();
        let faults: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
        if as_json {
            console.json(&json!({
                "ledger": file.name,
                "path": file.path,
                "sound": faults.is_empty(),
                "batches": found.batches,
                "earlier_rows": found.earlier_rows,
                "head": found.head,
                "faults": faults,
            }))?;
            continue;
        }
        let said = if faults.is_empty() { "sound" } else { "not sound" };
        let tone = if faults.is_empty() { Tone::Good } else { Tone::Bad };
        let head = found.head.get(..16).unwrap_or_default();
        console.line(format!("{} {}: {} batches, head {head}", console.paint(tone, said), file.name, found.batches))?;
        if found.earlier_rows > 0 {
            console.line(format!("  {} rows are from before the audit log, and unchecked", found.earlier_rows))?;
        }
        for fault in faults {
            console.line(format!("  {}", console.paint(Tone::Bad, &fault)))?;
        }
    }
    if sound { Ok(()) } else { Err(Failure::Silent) }
}

fn backup(files: &[LedgerFile], out: &Path, as_json: bool) -> Outcome {
    let mut console = Console::new();
    std::fs::create_dir_all(out).map_err(|error| Failure::bad(format!("{} can't be made: {error}", out.display())))?;
    for file in files {
        let to = out.join(format!("{}.db", file.name));
        mesh_store::backup(&file.path, &to).map_err(Failure::bad)?;
        if as_json {
            console.json(&json!({"ledger": file.name, "path": file.path, "copy": to}))?;
        } else {
            console.line(format!("{} is copied to {}", file.name, to.display()))?;
        }
    }
    Ok(())
}
