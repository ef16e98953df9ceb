//! Bounded disk use of a process's journals.

use std::path::{Path, PathBuf};

use super::JOURNAL_FILE;
use crate::capture::children;
use crate::error::CaptureError;
use crate::files;
use crate::retention::delete_oldest;

/// Deletes a process's oldest runs, whole, until at most `keep_runs` of at most `max_bytes` together are left; the newest
/// always stays. Answers with what was deleted.
///
/// # Errors
/// When the system refuses.
pub fn prune_journals(dir: &Path, keep_runs: usize, max_bytes: u64) -> Result<Vec<PathBuf>, CaptureError> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let started_ns = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u64>().ok();
    let mut runs: Vec<PathBuf> = children(dir)?
        .into_iter()
        .filter(|path| started_ns(path).is_some() && path.join(JOURNAL_FILE).is_file())
        .collect();
    runs.sort_by_key(started_ns);
    let sizes = runs.iter().map(|run| files::dir_bytes(run).map_err(CaptureError::io("list", run)));
    let mut runs: Vec<(PathBuf, u64)> = runs.iter().cloned().zip(sizes.collect::<Result<Vec<_>, _>>()?).collect();
    let Some(newest) = runs.pop() else { return Ok(Vec::new()) };
    let total_bytes = newest.1 + runs.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let too_many = (runs.len() + 1).saturating_sub(keep_runs.max(1));
    let rest = runs.split_off(too_many);
    let surplus_bytes: u64 = runs.iter().map(|(_, bytes)| bytes).sum();
    let mut deleted = delete_oldest(runs, u64::MAX, 0)?;
    deleted.extend(delete_oldest(rest, total_bytes - surplus_bytes, max_bytes)?);
    Ok(deleted)
}
