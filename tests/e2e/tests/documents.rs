//! Every command that the README and docs/ show is run as it stands there, in the order of its document.
//!
//! A document runs in a copy of the source tree of its own, with its own home and port. Two things are different from a
//! reader's: nothing is built (`cargo` is a stand-in, since the binaries are there), and what would not end soon is bounded
//! (`test_e2e::documents::bounded`).

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use test_e2e::documents::{bounded, shell_blocks};
use test_e2e::{mesh, note};

/// Cargo that builds nothing: what it would build is there. A measurement is asked what it is instead of made.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
*" -p test-bench -- "*)
    while [ "$1" != -- ]; do shift; done
    shift
    exec "$ALPHAMESH_BIN/alphamesh-bench" "$@" --help
    ;;
*" -p test-sim -- "*)
    while [ "$1" != -- ]; do shift; done
    shift
    exec "$ALPHAMESH_BIN/alphamesh-sim" "$@"
    ;;
esac
"#;

/// Seconds that a block may take: it waits for fills.
const PATIENCE: &str = "300";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

/// The reader's own files, by the names that the documents give them: a document that names another needs it here.
fn examples() -> [(&'static str, String); 5] {
    let wave = |index: i32, length: f64| (f64::from(index) / length).sin();
    let mut bars = "ts_ms,open,high,low,close,volume\n".to_owned();
    let mut returns = "return\n".to_owned();
    let mut trials = "a,b,c,d\n".to_owned();
    for index in 0..600 {
        let price = 100.0 + 10.0 * wave(index, 25.0);
        let time = 1_700_000_000_000_i64 + 60_000 * i64::from(index);
        let (high, low) = (price + 0.5, price - 0.5);
        writeln!(bars, "{time},{price:.2},{high:.2},{low:.2},{price:.2},10").expect("written");
        writeln!(returns, "{:.6}", 0.001 + 0.01 * wave(index, 3.0)).expect("written");
        let trial = [2.0, 3.0, 5.0, 7.0].map(|length| format!("{:.6}", 0.0005 + 0.01 * wave(index, length)));
        writeln!(trials, "{}", trial.join(",")).expect("written");
    }
    let spec = "[[indicator]]\nname = \"rsi\"\nperiod = 14\noutput = \"rsi_14\"\n".to_owned();
    let sweep = fs::read_to_string(root().join("services/research/sweep/examples/momentum.toml")).expect("the example");
    let sweep = sweep.replace("bars.csv", "BARS.csv").replace("budget = 400", "budget = 60");
    let sweep = sweep.replace("split = 0.75", "split = 0.75\nperiod_hours = 1");
    [("BARS.csv", bars), ("SPEC.toml", spec), ("RETURNS.csv", returns), ("TRIALS.csv", trials), ("SWEEP.toml", sweep)]
}

/// A source tree for one reader: linked, but for what commands write to.
struct Reader {
    tree: tempfile::TempDir,
    address: String,
}

impl Reader {
    fn new() -> Self {
        let (root, tree) = (root(), tempfile::tempdir().expect("a directory"));
        for entry in fs::read_dir(&root).expect("the workspace") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            match name.as_str() {
                "target" | ".git" | ".mesh" | "services" => {}
                "manage.sh" => drop(fs::copy(&path, tree.path().join(name)).expect("copied")),
                _ => symlink(&path, tree.path().join(name)).expect("linked"),
            }
        }
        for folder in ["services", "services/strategies"] {
            fs::create_dir(tree.path().join(folder)).expect("made");
            for entry in fs::read_dir(root.join(folder)).expect("services") {
                let path = entry.expect("an entry").path();
                let place = tree.path().join(folder).join(path.file_name().expect("a name"));
                if !path.ends_with("strategies") {
                    symlink(&path, place).expect("linked");
                }
            }
        }
        let tools = tree.path().join("tools");
        fs::create_dir(&tools).expect("made");
        fs::write(tools.join("cargo"), CARGO).expect("written");
        fs::set_permissions(tools.join("cargo"), fs::Permissions::from_mode(0o755)).expect("set");
        for (name, text) in examples() {
            fs::write(tree.path().join(name), text).expect("written");
        }
        Self { tree, address: mesh::free_address() }
    }

    fn shell(&self, script: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("timeout");
        command.args([PATIENCE, "sh", "-eux", "-c", script]).current_dir(self.tree.path()).stdin(Stdio::null());
        command.env("PATH", format!("{}:{path}", self.tree.path().join("tools").display()));
        command.env_remove("ALPHAMESH_HOME").env_remove("CARGO_TARGET_DIR");
        command.env("ALPHAMESH_BIN", mesh::binaries());
        command.envs(mesh::venue_environment(&self.address));
        command
    }

    /// Runs a document's blocks one after the other; each line must succeed.
    fn reads(&self, document: &str) {
        let text = fs::read_to_string(root().join(document)).expect("the document");
        let blocks = shell_blocks(&text);
        assert!(!blocks.is_empty(), "{document} shows no commands");
        for block in blocks {
            if block.contains("curl ") && !has("curl") {
                note(&format!("skipped: there is no curl for this block of {document}\n{block}"));
                continue;
            }
            let script: String = block.lines().map(|line| bounded(line) + "\n").collect();
            let output = self.shell(&script).output().expect("sh runs");
            let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(
                output.status.success(),
                "a block of {document} fails with {}; the last line after `+` is where:\n{block}\n\n{}\n{}",
                output.status,
                said(&output.stdout).lines().rev().take(20).collect::<Vec<_>>().join("\n"),
                said(&output.stderr),
            );
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A document may leave its mesh up, and one that failed does.
        let _ = self.shell("./manage.sh down").output();
    }
}

fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

#[test]
fn the_commands_of_the_readme_work() {
    let reader = Reader::new();
    reader.reads("README.md");
    assert!(reader.tree.path().join("services/strategies/my_idea/Cargo.toml").is_file());
    assert!(!root().join("services/strategies/my_idea").exists(), "the reader's tree is not this one");
}

#[test]
fn the_commands_of_operations_work() {
    Reader::new().reads("docs/operations.md");
}

#[test]
fn the_commands_of_development_work() {
    Reader::new().reads("docs/development.md");
}

#[test]
fn the_commands_of_research_work() {
    Reader::new().reads("docs/research.md");
}

#[test]
fn no_document_with_commands_is_left_out() {
    let mut found: Vec<String> = fs::read_dir(root().join("docs"))
        .expect("docs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .filter(|path| !shell_blocks(&fs::read_to_string(path).expect("a document")).is_empty())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, ["development.md", "operations.md", "research.md"], "each has its test here");
}
