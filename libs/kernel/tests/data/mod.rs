//! The shared vectors, where they are.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use mesh_kernel::Bar;

/// A file below `conformance`, unpacked; says that the test skips where it is not there.
pub(crate) fn conformance(file: &str) -> Option<String> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var("ALPHAMESH_DATA").unwrap_or_else(|_| default.into());
    let path = PathBuf::from(root).join("conformance").join(file);
    let Ok(file) = File::open(&path) else {
        println!("SKIPPED: no vectors at {}; set ALPHAMESH_DATA", path.display());
        return None;
    };
    let mut text = String::new();
    if path.extension().is_some_and(|e| e == "gz") {
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        (&file).read_to_string(&mut text).unwrap();
    }
    Some(text)
}

/// Bars of `time,open,high,low,close,volume`.
pub(crate) fn bars(csv: &str) -> Vec<Bar> {
    let bar = |line: &str| {
        let cells: Vec<f64> = line.split(',').skip(1).map(|cell| cell.parse().unwrap()).collect();
        Bar { open: cells[0], high: cells[1], low: cells[2], close: cells[3], volume: cells[4] }
    };
    csv.lines().skip(1).map(bar).collect()
}
