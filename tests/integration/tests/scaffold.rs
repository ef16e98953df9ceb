//! `mesh new strategy NAME` makes a crate that compiles and whose replay test passes.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A copy of the workspace that has the project's libraries and nothing else: the new crate is made there.
fn workspace(root: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["Cargo.lock", "rust-toolchain.toml", "clippy.toml"] {
        std::fs::copy(root.join(name), dir.path().join(name)).expect("copied");
    }
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("the manifest");
    let (before, rest) = manifest.split_once("members = [").expect("members");
    let (_, after) = rest.split_once("exclude").expect("exclude");
    let members = "members = [\"libs/*\", \"network/*\", \"services/strategies/*\"]\nexclude";
    std::fs::write(dir.path().join("Cargo.toml"), format!("{before}{members}{after}")).expect("written");
    for name in ["libs", "network"] {
        std::os::unix::fs::symlink(root.join(name), dir.path().join(name)).expect("linked");
    }
    std::fs::create_dir_all(dir.path().join("services/strategies")).expect("made");
    dir
}

#[test]
fn a_new_strategy_compiles_and_its_replay_test_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mesh = std::env::var_os("ALPHAMESH_BIN").map_or_else(|| target.join("debug"), PathBuf::from).join("mesh");
    let dir = workspace(&root);
    let made = Command::new(mesh)
        .args(["new", "strategy", "my_idea"])
        .env("ALPHAMESH_SOURCE", dir.path())
        .env("ALPHAMESH_HOME", dir.path().join("home"))
        .current_dir(dir.path())
        .output()
        .expect("mesh runs");
    assert!(made.status.success(), "{}", text(&made));
    assert!(dir.path().join("services/strategies/my_idea/src/main.rs").exists(), "{}", text(&made));
    let tested = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--quiet", "--manifest-path", "services/strategies/my_idea/Cargo.toml"])
        .env("CARGO_TARGET_DIR", target.join("scaffold"))
        .current_dir(dir.path())
        .output()
        .expect("cargo runs");
    assert!(tested.status.success(), "{}", text(&tested));
    assert!(text(&tested).contains("test result: ok."), "{}", text(&tested));
}
