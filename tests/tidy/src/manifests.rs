//! What each crate has: the workspace's lints, and a README that is its rustdoc and names tests that exist.

use crate::Finding;

/// A manifest that does not take the workspace's lints.
pub fn lints(path: &str, manifest: &str) -> Vec<Finding> {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    let taken = lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line == "workspace = true");
    if taken { Vec::new() } else { vec![Finding::new(path, "add `[lints]` with `workspace = true`")] }
}

/// A root source that does not show the README as its documentation.
pub fn rustdoc(path: &str, source: &str) -> Vec<Finding> {
    let line = r#"#![doc = include_str!("../README.md")]"#;
    if source.lines().any(|found| found.trim() == line) {
        return Vec::new();
    }
    vec![Finding::new(path, format!("begin it with `{line}`"))]
}

/// Bytes that a README has at least, to say purpose, invariants, what is not there, and how to test.
const LEAST_README_BYTES: usize = 300;

/// A README that says nothing yet, or names tests of its crate that are not there.
pub fn readme(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if text.len() < LEAST_README_BYTES {
        let what = "is a placeholder: say purpose, invariants with their tests, what is not here, how to test";
        findings.push(Finding::new(path, what));
    }
    let folder = path.strip_suffix("README.md").unwrap_or_default();
    for (index, line) in text.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2);
        let tests = quoted.filter(|word| word.starts_with("tests/") && word.ends_with(".rs"));
        for test in tests.filter(|test| !exists(&format!("{folder}{test}"))) {
            findings.push(Finding::at(path, index + 1, format!("names `{test}`, which is not in this crate")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_lints_are_found() {
        assert!(lints("a", "[package]\n\n[lints]\nworkspace = true\n").is_empty());
        assert_eq!(lints("a", "[package]\nname = \"a\"\n").len(), 1);
        assert_eq!(lints("a", "[lints]\n\n[dependencies]\nworkspace = true\n").len(), 1);
    }

    #[test]
    fn a_missing_rustdoc_is_found() {
        assert!(rustdoc("a", "#![doc = include_str!(\"../README.md\")]\n").is_empty());
        assert_eq!(rustdoc("a", "//! Something else.\n").len(), 1);
    }

    #[test]
    fn an_empty_readme_and_a_lost_test_are_found() {
        let long = "A purpose. ".repeat(40);
        let text = format!("# a\n{long}\nHeld by `tests/here.rs` and `tests/gone.rs`.\n");
        let found = readme("libs/a/README.md", &text, |path| path == "libs/a/tests/here.rs");
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("tests/gone.rs") && found[0].place == "libs/a/README.md:3");
        assert_eq!(readme("libs/a/README.md", "# a\n\nTests: a\n", |_| true).len(), 1);
    }
}
