//! The manifest of a run: what was recorded, with what, and how it ended. It is replaced as a whole, when the run starts,
//! at each sealed segment and at the end; a run that died keeps its last one, and [`mod@crate::recover`] completes it.

use std::fs;
use std::path::Path;

use mesh_types::Mode;
use serde::{Deserialize, Serialize};

use crate::error::CaptureError;
use crate::files;

/// The manifest's name in the run's directory.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The version that this build writes and reads.
pub const MANIFEST_VERSION: u32 = 1;

/// What is recorded, and with what: enough to run it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Who records, as the topology names it.
    pub name: String,
    /// When the run started, ns since the Unix epoch.
    pub started_ns: u64,
    /// The mesh.
    pub mesh_id: u64,
    /// Its mode.
    pub mode: Mode,
    /// Its profile.
    #[serde(default)]
    pub profile: String,
    /// Version of the recorder.
    #[serde(default)]
    pub build: String,
    /// SHA-256 of the topology, in hex; empty where it is not known.
    #[serde(default)]
    pub topology_sha256: String,
    /// SHA-256 of the recorder's configuration, in hex; empty where it is not known.
    #[serde(default)]
    pub configuration_sha256: String,
    /// SHA-256 of the recorder's binary, in hex; empty where it is not known.
    #[serde(default)]
    pub binary_sha256: String,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Being written, or left behind by a crash and not looked at yet.
    Open,
    /// Ended in order: every record is accounted for.
    Sealed,
    /// Its writer died; what was whole was kept and sealed afterwards.
    Crashed,
    /// A sealed segment is not what was sealed: what can be read is shown, and nothing should be concluded from it.
    Quarantined,
}

impl RunStatus {
    /// The word in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Sealed => "sealed",
            Self::Crashed => "crashed",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A sealed segment. Its file never changes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// Its place in the run, from 1.
    pub number: u32,
    /// Its file beside the manifest.
    pub file: String,
    /// Whole records in it.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Receive time of its first record, ns since the Unix epoch; 0 where it has none.
    pub first_ns: u64,
    /// Receive time of its last record, ns since the Unix epoch; 0 where it has none.
    pub last_ns: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Where the torn tail begins that a crash left; what stands before it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn_at: Option<u64>,
}

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// What is recorded.
    pub run: RunInfo,
    /// How it stands.
    pub status: RunStatus,
    /// When it was sealed, ns since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ns: Option<u64>,
    /// Messages that could not be written, as when the disk was full.
    pub dropped: u64,
    /// Sealed segments, in order.
    pub segments: Vec<SegmentEntry>,
}

impl Manifest {
    /// The manifest of a run that starts.
    pub fn new(run: RunInfo) -> Self {
        Self {
            version: MANIFEST_VERSION,
            run,
            status: RunStatus::Open,
            ended_ns: None,
            dropped: 0,
            segments: Vec::new(),
        }
    }

    /// Reads the manifest of a run; `None` where the directory has none.
    ///
    /// # Errors
    /// When it can't be read, or is no manifest of this version.
    pub fn load(run: &Path) -> Result<Option<Self>, CaptureError> {
        let path = run.join(MANIFEST_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CaptureError::io("read", &path)(error)),
        };
        let wrong = |reason: String| CaptureError::Manifest { path: path.clone(), reason };
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if manifest.version != MANIFEST_VERSION {
            return Err(wrong(format!("expected version {MANIFEST_VERSION}, found {}", manifest.version)));
        }
        Ok(Some(manifest))
    }

    /// Replaces the manifest of a run; durable when this returns.
    ///
    /// # Errors
    /// When the system refuses; the old one still stands.
    pub fn store(&self, run: &Path) -> Result<(), CaptureError> {
        let path = run.join(MANIFEST_FILE);
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| CaptureError::Manifest { path: path.clone(), reason: error.to_string() })?;
        files::write_atomically(&path, &bytes).map_err(CaptureError::io("write", &path))
    }

    /// The entry of a segment, where it is sealed.
    pub fn segment(&self, number: u32) -> Option<&SegmentEntry> {
        self.segments.iter().find(|entry| entry.number == number)
    }
}
