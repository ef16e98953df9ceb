#![doc = include_str!("../README.md")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

pub mod audit;
pub mod documents;
pub mod mesh;

pub use mesh::Mesh;

use std::path::PathBuf;

/// A file of the real data, where that is there; says so where it is not.
pub fn real_data(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ALPHAMESH_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let file = root.join(path);
    if file.exists() {
        return Some(file);
    }
    note(&format!("skipped: {} is not there; ALPHAMESH_DATA says where the real data is", file.display()));
    None
}

/// Says something in the test's output.
#[allow(clippy::print_stdout, reason = "the output of a test")]
pub fn note(text: &str) {
    println!("{text}");
}
