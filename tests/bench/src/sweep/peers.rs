//! Peers, run by a Python that has them: `peers/sweep.py`, over the same bars.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use mesh_sweep::History;

use crate::bus::Outcome;

const SCRIPT: &str = include_str!("../../peers/sweep.py");

/// What a task of the script found; `None`, said so, where what it needs is not installed.
pub(super) fn run(python: &Path, task: &str, history: &History) -> Outcome<Option<f64>> {
    let mut bars = tempfile::NamedTempFile::new()?;
    for bar in history.bars() {
        writeln!(bars, "{},{},{},{},{}", bar.open, bar.high, bar.low, bar.close, bar.volume)?;
    }
    bars.flush()?;
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, task]).arg(bars.path()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let Ok(output) = command.output() else {
        eprintln!("{task}: {} does not run, left out", python.display());
        return Ok(None);
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    match answer.trim() {
        "" => Err(format!("{task}: {} answered nothing", python.display()).into()),
        missing if missing.starts_with("not installed") => {
            eprintln!("{task}: {missing}, left out (`--python PYTHON` names one that has it)");
            Ok(None)
        }
        number => Ok(Some(number.parse().map_err(|_| format!("{task}: expected a number, found {number:?}"))?)),
    }
}
