//! What can be set.

use std::path::PathBuf;
use std::time::Duration;

use mesh_types::limits::MAX_CANDIDATE_FIGURES;
use serde::Deserialize;

use crate::backend::Choice;

/// The service's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSettings {
    /// Jobs that may wait, the one that runs among them; one more is refused.
    pub queue_jobs: usize,
    /// Candidates of a study that are published, the best of those that were verified.
    pub candidates: u16,
    /// Threads; 0 for as many as the machine has.
    pub workers: usize,
    /// Most memory that a specification may ask for, MB.
    pub memory_max_mb: u64,
    /// How often progress is told.
    pub progress_interval_ms: u64,
    /// Where configurations are computed.
    pub backend: Backend,
    /// Folders beside the mesh's `research` that specifications may take bars from.
    pub data_folders: Vec<PathBuf>,
}

/// Where configurations are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// On a GPU where there is one.
    Best,
    /// On the processor.
    Cpu,
    /// On a GPU, or not at all.
    Gpu,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            queue_jobs: 16,
            candidates: 16,
            workers: 0,
            memory_max_mb: 4096,
            progress_interval_ms: 1000,
            backend: Backend::Best,
            data_folders: Vec::new(),
        }
    }
}

impl ServeSettings {
    pub(super) const fn choice(&self) -> Choice {
        match self.backend {
            Backend::Best => Choice::Best,
            Backend::Cpu => Choice::Cpu,
            Backend::Gpu => Choice::Gpu,
        }
    }

    pub(super) const fn progress_interval(&self) -> Duration {
        Duration::from_millis(self.progress_interval_ms)
    }
}

impl mesh_runtime::Settings for ServeSettings {
    fn validate(&self) -> Result<(), String> {
        if !(1..=1024).contains(&self.queue_jobs) {
            return Err(format!("queue_jobs: expected 1 to 1024, found {}", self.queue_jobs));
        }
        // All of them wait in the connection's queue at once.
        if !(1..=128).contains(&self.candidates) {
            return Err(format!("candidates: expected 1 to 128, found {}", self.candidates));
        }
        if self.memory_max_mb == 0 {
            return Err("memory_max_mb: expected at least 1, found 0".to_owned());
        }
        if !(50..=60_000).contains(&self.progress_interval_ms) {
            return Err(format!("progress_interval_ms: expected 50 to 60000, found {}", self.progress_interval_ms));
        }
        match self.data_folders.iter().find(|folder| !folder.is_absolute()) {
            Some(folder) => Err(format!("data_folders: expected absolute paths, found {}", folder.display())),
            None => Ok(()),
        }
    }
}

/// What the largest candidate takes on the wire, and a little more.
pub(super) const CANDIDATE_BYTES: usize = MAX_CANDIDATE_FIGURES * 48 + 512;

#[cfg(test)]
mod tests {
    use mesh_runtime::Settings;

    use super::*;

    #[test]
    fn the_defaults_are_valid_and_bad_values_say_what_is_expected() {
        assert_eq!(ServeSettings::default().validate(), Ok(()));
        let refused = |settings: ServeSettings| settings.validate().unwrap_err();
        let default = ServeSettings::default;
        assert!(refused(ServeSettings { queue_jobs: 0, ..default() }).contains("1 to 1024"));
        assert!(refused(ServeSettings { candidates: 0, ..default() }).contains("1 to 128"));
        assert!(refused(ServeSettings { progress_interval_ms: 1, ..default() }).contains("50 to 60000"));
        assert!(refused(ServeSettings { memory_max_mb: 0, ..default() }).contains("at least 1"));
        assert!(refused(ServeSettings { data_folders: vec!["x".into()], ..default() }).contains("absolute"));
    }
}
