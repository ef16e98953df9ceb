//! The rules, applied to this workspace.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use test_tidy::workspace::{Crate, crates, files, root};
use test_tidy::{Finding, documents, files as file_rules, layers, manifests, purity};

fn all_crates() -> Vec<Crate> {
    crates(&root()).expect("cargo metadata")
}

fn all_files() -> BTreeMap<String, String> {
    files(&root()).expect("the workspace's files")
}

#[track_caller]
fn assert_none(findings: impl IntoIterator<Item = Finding>) {
    let findings: Vec<String> = findings.into_iter().map(|finding| finding.to_string()).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// Applies a rule to every file.
fn in_files(rule: impl Fn(&str, &str) -> Vec<Finding>) -> Vec<Finding> {
    all_files().iter().flat_map(|(path, text)| rule(path, text)).collect()
}

/// Whether a path is a file or a folder of the workspace.
fn exists(path: &str) -> bool {
    root().join(path).exists()
}

#[test]
fn the_workspace_is_read() {
    let (crates, files) = (all_crates(), all_files());
    assert!(crates.iter().any(|package| package.path == "libs/codec" && package.dependencies == ["libs/types"]));
    assert!(files.contains_key("libs/types/src/lib.rs") && files.contains_key("Cargo.toml"));
    assert!(!files.keys().any(|path| path.starts_with("target/")));
}

#[test]
fn imports_point_down() {
    assert_none(layers::findings(&all_crates()));
}

#[test]
fn libs_are_pure() {
    let files = all_files();
    let only_tests: BTreeSet<String> = files.iter().flat_map(|(path, text)| purity::test_modules(path, text)).collect();
    let built = files.iter().filter(|(path, _)| !only_tests.contains(*path));
    assert_none(built.flat_map(|(path, text)| purity::findings(path, text)));
}

#[test]
fn files_are_read_in_one_sitting() {
    assert_none(in_files(file_rules::too_long));
}

#[test]
fn no_path_is_of_one_machine() {
    assert_none(in_files(file_rules::machine_paths));
}

#[test]
fn every_crate_takes_the_workspace_s_lints() {
    let files = all_files();
    assert_none(all_crates().iter().flat_map(|package| {
        let path = format!("{}/Cargo.toml", package.path);
        manifests::lints(&path, files.get(&path).map_or("", String::as_str))
    }));
}

#[test]
fn every_crate_s_readme_is_its_rustdoc() {
    let files = all_files();
    assert_none(all_crates().iter().flat_map(|package| {
        let sources = ["lib.rs", "main.rs"].map(|name| format!("{}/src/{name}", package.path));
        let path = sources.iter().find(|path| files.contains_key(*path)).unwrap_or(&sources[0]);
        manifests::rustdoc(path, files.get(path).map_or("", String::as_str))
    }));
}

#[test]
fn every_crate_s_readme_says_something_and_names_tests_that_exist() {
    let files = all_files();
    assert_none(all_crates().iter().flat_map(|package| {
        let path = format!("{}/README.md", package.path);
        manifests::readme(&path, files.get(&path).map_or("", String::as_str), exists)
    }));
}

#[test]
fn the_readme_s_table_of_crates_is_the_workspace() {
    let crates: BTreeSet<String> = all_crates().into_iter().map(|package| package.path).collect();
    let files = all_files();
    assert_none(documents::table("README.md", files.get("README.md").map_or("", String::as_str), &crates));
}

#[test]
fn links_lead_somewhere() {
    assert_none(in_files(
        |path, text| {
            if path.ends_with(".md") { documents::links(path, text, exists) } else { Vec::new() }
        },
    ));
}

#[test]
fn commands_that_documents_show_exist() {
    let help = Command::new("sh").arg(root().join("manage.sh")).arg("help").output().expect("sh");
    assert!(help.status.success(), "{}", String::from_utf8_lossy(&help.stderr));
    let known = documents::words_of_help(&String::from_utf8_lossy(&help.stdout)).into_iter().chain(["help".to_owned()]);
    let known: BTreeSet<String> = known.collect();
    assert!(known.contains("up") && known.contains("status"), "{known:?}");
    assert_none(in_files(
        |path, text| {
            if path.ends_with(".md") { documents::commands(path, text, &known) } else { Vec::new() }
        },
    ));
}
