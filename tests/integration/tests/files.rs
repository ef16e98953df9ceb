//! Files that were torn or damaged under a running mesh: what is whole in them is read, the rest is named, and the mesh
//! goes on.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Output;

use test_e2e::Mesh;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The folders in a folder, oldest first.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path()).collect();
    found.sort();
    found
}

/// Takes the last bytes away, as a crash of the machine does.
fn tear(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("there");
    let length = file.metadata().expect("a file").len();
    file.set_len(length - bytes).expect("cut");
}

/// Turns a byte in the middle over.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(path, bytes).expect("written");
}

#[test]
fn a_torn_capture_and_a_torn_journal_are_read_as_far_as_they_are_whole() {
    let mesh = Mesh::up(&[]);
    mesh.wait("some trades", || mesh.captured("trade").len() > 50);
    for name in ["recorder", "strategy-momentum"] {
        let old = mesh.kill(name);
        mesh.await_return(name, old);
    }
    let whole = mesh.captured("trade").len();
    let crashed = folders(&mesh.home().join("capture")).remove(0).join("segment-000001.cap");
    tear(&crashed, 7);
    assert!(mesh.captured("trade").len() + 1 >= whole, "one message is lost at most");
    damage(&crashed);
    let output = mesh.run(&["capture", "verify"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("✗") && text(&output).contains("✓"), "{}", text(&output));
    let rest = mesh.captured("trade").len();
    assert!(rest > 0, "what is whole is read");
    mesh.wait("recording to go on", || mesh.captured("trade").len() > rest + 10);

    let journal = folders(&mesh.home().join("journal/strategy-momentum")).remove(0);
    tear(&journal.join("journal.log"), 5);
    let run = journal.file_name().expect("a name").to_string_lossy().into_owned();
    let output = mesh.run(&["replay", "strategy-momentum", "--run", &run]);
    let said = text(&output);
    assert!(said.contains("did the same again") || said.contains("can't be repeated"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(mesh.status()["mesh"]["ready"], true);
}

#[test]
fn a_damaged_ledger_keeps_its_process_down_with_a_reason_and_nobody_else() {
    let mesh = Mesh::up(&[]);
    assert!(mesh.run(&["stop", "portfolio"]).status.success());
    let (ledger, aside) = (mesh.home().join("data/portfolio.db"), mesh.home().join("aside.db"));
    fs::copy(&ledger, &aside).expect("copied");
    fs::write(&ledger, b"this is no database at all, and long enough to be looked at").expect("written");
    let output = mesh.run(&["start", "portfolio", "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("portfolio.db"), "{}", text(&output));
    let status = mesh.status();
    for process in status["processes"].as_array().expect("processes") {
        let ready = process["state"] == "ready";
        assert_eq!(ready, process["name"] != "portfolio", "{process}");
    }
    assert!(mesh.run(&["stop", "portfolio"]).status.success());
    fs::copy(&aside, &ledger).expect("copied");
    assert!(mesh.run(&["start", "portfolio"]).status.success());
    assert_eq!(mesh.status()["mesh"]["ready"], true);
}
