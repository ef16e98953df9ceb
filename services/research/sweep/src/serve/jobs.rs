//! The queue on the disk: what was taken is done, whenever the process is stopped or killed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use mesh_study::queue::{Job, Offered, Queue};

use crate::failure::Failure;

/// The queue, and its file.
#[derive(Debug)]
pub(super) struct Jobs {
    queue: Queue,
    path: PathBuf,
}

impl Jobs {
    /// Reads it, or begins an empty one.
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let queue = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Failure::bad(format!(
                    "{}: expected the queue of sweeps: {error}; move it away to begin anew",
                    path.display()
                ))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Queue::default(),
            Err(error) => return Err(Failure::bad(format!("{}: can't be read: {error}", path.display()))),
        };
        Ok(Self { queue, path })
    }

    /// A job comes. It is on the disk when this says that it is taken.
    pub(super) fn offer(&mut self, job: Job, most: usize) -> Result<Offered, Failure> {
        let mut next = self.queue.clone();
        let offered = next.offer(job, most);
        if offered == Offered::Taken {
            self.keep(next)?;
        }
        Ok(offered)
    }

    pub(super) fn first(&self) -> Option<&Job> {
        self.queue.first()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The first one is over.
    pub(super) fn end_first(&mut self) -> Result<(), Failure> {
        let mut next = self.queue.clone();
        next.end_first();
        self.keep(next)
    }

    fn keep(&mut self, next: Queue) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(&next).map_err(|error| Failure::bad(error.to_string()))?;
        replace(&self.path, &text).map_err(|error| Failure::bad(format!("{}: {error}", self.path.display())))?;
        self.queue = next;
        Ok(())
    }
}

/// Writes a file whole, durably, or leaves the old one.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = path.with_extension("part");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_there_after_a_restart_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs").join("sweep.json");
        let job = Job { spec_hash: "a".into(), spec: "a.toml".into(), cause: "00".into() };
        let mut jobs = Jobs::open(path.clone()).unwrap();
        assert_eq!(jobs.offer(job.clone(), 1).unwrap(), Offered::Taken);
        let mut jobs = Jobs::open(path.clone()).unwrap();
        assert_eq!((jobs.first(), jobs.len()), (Some(&job), 1));
        jobs.end_first().unwrap();
        assert_eq!(Jobs::open(path.clone()).unwrap().len(), 0);
        fs::write(&path, "{").unwrap();
        assert!(Jobs::open(path).unwrap_err().to_string().contains("expected the queue"));
    }
}
