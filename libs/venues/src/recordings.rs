//! Real recordings, for tests: the folder is `ALPHAMESH_DATA`, or `shared/data` beside the workspace. Without it the tests
//! say that they skip.

use std::io::Read;
use std::path::PathBuf;

use crate::tape::{Line, line};

/// A file of the recordings; `None`, and a word about it, where they are not there.
pub(crate) fn file(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var("ALPHAMESH_DATA")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = folder.join(name);
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("SKIPPED: {} is not there; set ALPHAMESH_DATA", path.display());
        return None;
    };
    if !name.ends_with(".gz") {
        return Some(bytes);
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).expect("a gzip file");
    Some(plain)
}

/// The lines of a recording.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    bytes.split(|byte| *byte == b'\n').filter_map(|bytes| line(bytes).expect("a line"))
}
