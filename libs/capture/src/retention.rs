//! Bounded disk use: the oldest finished runs are deleted, whole.

use std::fs;
use std::path::{Path, PathBuf};

use crate::capture::runs;
use crate::error::CaptureError;
use crate::files;
use crate::manifest::RunStatus;

/// Deletes the oldest finished runs of `root` until all together have at most `max_total_bytes`. A run that is being
/// written counts and stays; those that are quarantined go last, since somebody should look at them. Answers with what was
/// deleted.
///
/// # Errors
/// When the system refuses.
pub fn prune_captures(root: &Path, max_total_bytes: u64) -> Result<Vec<PathBuf>, CaptureError> {
    let mut candidates = Vec::new();
    let mut kept_bytes = 0;
    for run in runs(root)? {
        let bytes = files::dir_bytes(&run.dir).map_err(CaptureError::io("list", &run.dir))?;
        kept_bytes += bytes;
        let status = run.manifest.as_ref().map(|manifest| manifest.status);
        if let Some(status) = status.filter(|status| *status != RunStatus::Open && !run.is_live()) {
            candidates.push((status == RunStatus::Quarantined, run.dir, bytes));
        }
    }
    candidates.sort_by_key(|(quarantined, ..)| *quarantined);
    let candidates = candidates.into_iter().map(|(_, dir, bytes)| (dir, bytes)).collect();
    delete_oldest(candidates, kept_bytes, max_total_bytes)
}

/// Deletes directories, the first ones first, until at most `max_bytes` of `total_bytes` are left.
pub(crate) fn delete_oldest(
    candidates: Vec<(PathBuf, u64)>,
    mut total_bytes: u64,
    max_bytes: u64,
) -> Result<Vec<PathBuf>, CaptureError> {
    let mut deleted = Vec::new();
    for (dir, bytes) in candidates {
        if total_bytes <= max_bytes {
            break;
        }
        fs::remove_dir_all(&dir).map_err(CaptureError::io("delete", &dir))?;
        total_bytes -= bytes;
        deleted.push(dir);
    }
    Ok(deleted)
}
