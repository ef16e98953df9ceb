//! Runs the program on an input.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a run said and how it ended.
pub(crate) struct Run {
    /// Exit code.
    pub(crate) code: Option<i32>,
    /// Lines of JSON.
    pub(crate) lines: Vec<Value>,
    /// What it said to people.
    pub(crate) complaints: String,
}

impl Run {
    /// The lines of a kind.
    pub(crate) fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.lines.iter().filter(move |line| line["kind"] == kind)
    }

    /// The last line.
    pub(crate) fn summary(&self) -> &Value {
        self.lines.last().expect("a summary")
    }
}

/// Runs `venue` with these arguments.
pub(crate) fn venue(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_venue"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // It writes while it reads: both at once, or neither goes on. It may end before it has read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("written");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    Run { code: output.status.code(), lines, complaints: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// A file of the recordings; `None`, and a word about it, where they are not there.
pub(crate) fn data(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var("ALPHAMESH_DATA")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data"), PathBuf::from);
    let path = folder.join(name);
    let bytes = std::fs::read(&path);
    if bytes.is_err() {
        eprintln!("SKIPPED: {} is not there; set ALPHAMESH_DATA", path.display());
    }
    bytes.ok()
}
