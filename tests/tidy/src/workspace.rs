//! What there is to check: the crates, from `cargo metadata`, and the files, from the folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A crate of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its folder, from the root of the workspace.
    pub path: String,
    /// The folders of the crates of ours that it depends on, tests and build scripts included.
    pub dependencies: Vec<String>,
}

/// The root of the workspace that this crate is in.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The crates of the workspace at `root`.
///
/// # Errors
/// When cargo can't be asked or says something else than expected.
pub fn crates(root: &Path) -> Result<Vec<Crate>, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata's JSON: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    packages.iter().map(|package| crate_of(root, package)).collect()
}

fn crate_of(root: &Path, package: &Value) -> Result<Crate, String> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| format!("no text: {value}"));
    let manifest = PathBuf::from(text(&package["manifest_path"])?);
    let folder = manifest.parent().unwrap_or(&manifest);
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    Ok(Crate {
        name: text(&package["name"])?,
        path: relative(root, folder),
        dependencies: dependencies
            .filter_map(|dependency| dependency["path"].as_str())
            .map(|path| relative(root, Path::new(path)))
            .collect(),
    })
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// What is built or run, not written; `.git` is a file in a work tree of its own.
const NOT_WRITTEN: &[&str] = &["target", ".git", ".mesh", "corpus", "artifacts", "node_modules"];

/// Every text file under `root`, by its path from there.
///
/// # Errors
/// When a folder can't be read.
pub fn files(root: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if NOT_WRITTEN.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                found.insert(relative(root, &path), text);
            }
        }
    }
    Ok(found)
}
