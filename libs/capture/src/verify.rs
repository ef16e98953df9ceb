//! Whether a capture is what was written: each segment against the manifest's hash and its own checksums. Changes nothing.

use std::path::Path;

use serde::Serialize;

use crate::capture::{Capture, Run, Segment};
use crate::error::CaptureError;
use crate::manifest::SegmentEntry;
use crate::recover::{is_as_sealed, size_of_file, survey};

/// How a segment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentState {
    /// As it was sealed.
    Sealed,
    /// Being written; whole so far.
    Open,
    /// Whole, but never sealed: its writer died, or its manifest is missing.
    Unsealed,
    /// Whole up to a torn tail that a crash left.
    Torn,
    /// Not what was sealed, or damaged inside.
    Damaged,
    /// The manifest names it, and it is not there.
    Missing,
}

/// Bytes without a whole record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DamageReport {
    /// Bytes from the start of the segment.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// What they look like.
    pub kind: &'static str,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentReport {
    /// Its file.
    pub file: String,
    /// How it stands.
    pub state: SegmentState,
    /// Whole records in it.
    pub records: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Receive time of the first record, ns since the Unix epoch.
    pub first_ns: u64,
    /// Receive time of the last record, ns since the Unix epoch.
    pub last_ns: u64,
    /// What is not whole.
    pub damage: Vec<DamageReport>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// Its directory.
    pub run: String,
    /// What its manifest says: open, sealed, crashed, quarantined; `missing` or `damaged` where there is none.
    pub status: &'static str,
    /// True while it is being written.
    pub live: bool,
    /// True where nothing is torn, damaged or missing.
    pub ok: bool,
    /// Its segments.
    pub segments: Vec<SegmentReport>,
}

/// Verifies all runs of a capture.
///
/// # Errors
/// When the system refuses.
pub fn verify(capture: &Capture) -> Result<Vec<RunReport>, CaptureError> {
    capture.runs().iter().map(verify_run).collect()
}

fn verify_run(run: &Run) -> Result<RunReport, CaptureError> {
    let live = run.is_live();
    let mut segments = Vec::new();
    for segment in &run.segments {
        segments.push(verify_segment(segment, live)?);
    }
    let listed = run.manifest.iter().flat_map(|manifest| &manifest.segments);
    segments.extend(listed.filter(|sealed| !run.dir.join(&sealed.file).is_file()).map(missing));
    segments.sort_by(|a, b| a.file.cmp(&b.file));
    let good =
        |s: &SegmentReport| matches!(s.state, SegmentState::Sealed | SegmentState::Open | SegmentState::Unsealed);
    Ok(RunReport {
        run: run.dir.display().to_string(),
        status: status_of(run),
        live,
        ok: run.manifest_error.is_none() && segments.iter().all(good),
        segments,
    })
}

/// The word for how a run's manifest stands.
pub(crate) fn status_of(run: &Run) -> &'static str {
    match (&run.manifest, &run.manifest_error) {
        (Some(manifest), _) => manifest.status.name(),
        (None, Some(_)) => "damaged",
        (None, None) => "missing",
    }
}

fn verify_segment(segment: &Segment, live: bool) -> Result<SegmentReport, CaptureError> {
    let growing = live && segment.sealed.is_none();
    let survey = survey(&segment.path, segment.id, !growing)?;
    let as_sealed = match &segment.sealed {
        Some(sealed) => is_as_sealed(sealed, &segment.path)? && sealed.records == survey.records,
        None => true,
    };
    let only_torn = survey.damage.iter().all(|damage| damage.kind == crate::segment::DamageKind::Torn);
    let torn_at_seal = segment.sealed.as_ref().is_none_or(|sealed| sealed.torn_at.is_some());
    let state = match (survey.damage.is_empty(), &segment.sealed) {
        _ if !as_sealed => SegmentState::Damaged,
        (true, Some(_)) => SegmentState::Sealed,
        (true, None) if growing => SegmentState::Open,
        (true, None) => SegmentState::Unsealed,
        (false, _) if only_torn && torn_at_seal => SegmentState::Torn,
        (false, _) => SegmentState::Damaged,
    };
    Ok(SegmentReport {
        file: name_of(&segment.path),
        state,
        records: survey.records,
        bytes: size_of_file(&segment.path)?,
        first_ns: survey.first_ns,
        last_ns: survey.last_ns,
        damage: survey
            .damage
            .iter()
            .map(|damage| DamageReport { offset: damage.offset, bytes: damage.bytes, kind: damage.kind.name() })
            .collect(),
    })
}

fn missing(sealed: &SegmentEntry) -> SegmentReport {
    SegmentReport {
        file: sealed.file.clone(),
        state: SegmentState::Missing,
        records: sealed.records,
        bytes: sealed.bytes,
        first_ns: sealed.first_ns,
        last_ns: sealed.last_ns,
        damage: Vec::new(),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
