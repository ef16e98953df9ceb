//! What starting again does with runs whose writer died: everything whole is kept where it is, the manifest says where the
//! torn tail begins, and no segment's file is changed.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use mesh_types::Mode;
use sha2::{Digest, Sha256};

use crate::capture::{Run, Segment, runs};
use crate::error::CaptureError;
use crate::files;
use crate::index::{self, Index};
use crate::manifest::{MANIFEST_FILE, Manifest, RunInfo, RunStatus, SegmentEntry};
use crate::segment::{Damage, DamageKind, Item, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentId};
use crate::segment_reader::SegmentReader;
use crate::writer::hex;

/// A run that was left open.
#[derive(Debug)]
pub struct Recovered {
    /// Where it is.
    pub dir: PathBuf,
    /// Its manifest as it is now: crashed or quarantined.
    pub manifest: Manifest,
}

/// Completes the manifests of all runs in `root` that were left open. Runs that are being written are left alone.
///
/// # Errors
/// When the system refuses; what was recovered before stays so.
pub fn recover(root: &Path) -> Result<Vec<Recovered>, CaptureError> {
    let mut recovered = Vec::new();
    for run in runs(root)? {
        if let Some(done) = recover_run(&run.dir)? {
            recovered.push(done);
        }
    }
    Ok(recovered)
}

fn recover_run(dir: &Path) -> Result<Option<Recovered>, CaptureError> {
    let lock = File::open(dir).map_err(CaptureError::io("open", dir))?;
    if lock.try_lock().is_err() {
        return Ok(None);
    }
    // Only now, with the lock, is what is there final.
    let run = Run::open(dir)?;
    let mut manifest = match run.manifest {
        Some(manifest) if manifest.status != RunStatus::Open => return Ok(None),
        Some(manifest) => Manifest { status: RunStatus::Crashed, ..manifest },
        None => {
            keep_damaged_manifest(dir)?;
            match made_up_manifest(dir, &run.segments)? {
                Some(manifest) => manifest,
                None => return Ok(None),
            }
        }
    };
    for segment in &run.segments {
        let id = segment.id.or_else(|| header_of(&segment.path).map(|header| header.id()));
        match &segment.sealed {
            Some(sealed) if !is_as_sealed(sealed, &segment.path)? => manifest.status = RunStatus::Quarantined,
            Some(_) => {}
            None => manifest.segments.push(seal(&segment.path, id)?),
        }
    }
    if manifest.segments.iter().any(|sealed| !dir.join(&sealed.file).is_file()) {
        manifest.status = RunStatus::Quarantined;
    }
    manifest.segments.sort_by_key(|segment| segment.number);
    manifest.store(dir)?;
    Ok(Some(Recovered { dir: dir.to_owned(), manifest }))
}

fn keep_damaged_manifest(dir: &Path) -> Result<(), CaptureError> {
    let path = dir.join(MANIFEST_FILE);
    if !path.exists() {
        return Ok(());
    }
    fs::rename(&path, dir.join("manifest.damaged.json")).map_err(CaptureError::io("rename", &path))
}

fn header_of(path: &Path) -> Option<SegmentHeader> {
    let mut bytes = [0u8; SEGMENT_HEADER_BYTES];
    File::open(path).ok()?.read_exact(&mut bytes).ok()?;
    SegmentHeader::read(&bytes)
}

/// A manifest of what the segments themselves say, for a run that has lost its own. What it had sealed can't be told any
/// more, so it is quarantined.
fn made_up_manifest(dir: &Path, segments: &[Segment]) -> Result<Option<Manifest>, CaptureError> {
    let Some(header) = segments.iter().find_map(|segment| header_of(&segment.path)) else { return Ok(None) };
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let info = RunInfo {
        name: name.split_once("Z-").map_or(name, |(_, name)| name).to_owned(),
        started_ns: header.run_started_ns.get(),
        mesh_id: header.mesh_id.get(),
        mode: header.mode.get().unwrap_or(Mode::Paper),
        profile: String::new(),
        build: String::new(),
        topology_sha256: String::new(),
        configuration_sha256: String::new(),
        binary_sha256: String::new(),
    };
    Ok(Some(Manifest { status: RunStatus::Quarantined, ..Manifest::new(info) }))
}

pub(crate) fn is_as_sealed(sealed: &SegmentEntry, path: &Path) -> Result<bool, CaptureError> {
    Ok(size_of_file(path)? == sealed.bytes && sha256_of(path)? == sealed.sha256)
}

pub(crate) fn size_of_file(path: &Path) -> Result<u64, CaptureError> {
    fs::metadata(path).map(|metadata| metadata.len()).map_err(CaptureError::io("look at", path))
}

pub(crate) fn sha256_of(path: &Path) -> Result<String, CaptureError> {
    let mut file = File::open(path).map_err(CaptureError::io("open", path))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0u8; 256 * 1024]);
    loop {
        let count = file.read(&mut buffer).map_err(CaptureError::io("read", path))?;
        if count == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
}

/// What a whole read of a segment tells.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) records: u64,
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    pub(crate) index: Index,
    pub(crate) damage: Vec<Damage>,
}

/// Reads a segment as far as it goes; `last` says that it grows no more.
pub(crate) fn survey(path: &Path, id: Option<SegmentId>, last: bool) -> Result<Survey, CaptureError> {
    let mut file = SegmentReader::open(path, id)?;
    let mut survey = Survey::default();
    while let Some(located) = file.advance(last).map_err(CaptureError::io("read", path))? {
        match file.item(located) {
            Item::Record(record) => {
                survey.first_ns = if survey.records == 0 { record.receive_ns } else { survey.first_ns };
                survey.last_ns = record.receive_ns;
                survey.records += 1;
                survey.index.note(record.receive_ns, record.offset);
            }
            Item::Damage(damage) => survey.damage.push(damage),
        }
    }
    Ok(survey)
}

/// The entry of a segment that a crash left.
fn seal(path: &Path, id: Option<SegmentId>) -> Result<SegmentEntry, CaptureError> {
    let survey = survey(path, id, true)?;
    let index_path = index::path_of(path);
    files::write_atomically(&index_path, &survey.index.to_bytes()).map_err(CaptureError::io("write", &index_path))?;
    let torn = survey.damage.iter().find(|damage| damage.kind == DamageKind::Torn);
    Ok(SegmentEntry {
        number: id.map_or(0, |id| id.number),
        file: path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned(),
        records: survey.records,
        bytes: size_of_file(path)?,
        first_ns: survey.first_ns,
        last_ns: survey.last_ns,
        sha256: sha256_of(path)?,
        torn_at: torn.map(|damage| damage.offset),
    })
}
