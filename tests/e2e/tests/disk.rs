//! A disk that is full, and one that can't be written: said, survived, and nothing lost.
//!
//! Each has a file system of its own in memory, mounted in a namespace that a user may make; where that is not allowed, the
//! tests say so and are skipped.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use test_e2e::{Mesh, audit, mesh, note};

/// Set in the process that has the small disk.
const INSIDE: &str = "ALPHAMESH_TEST_DISK";

/// A command that sees `place` as a file system of its own, mounted with these options. `None` where users may not mount.
fn with_disk(place: &Path, options: &str) -> Option<Command> {
    let mounting = |then: &str| {
        let script = format!("mount -t tmpfs -o \"$1\" none \"$2\" && shift 2 && {then}");
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-c", &script, "sh", options])
            .arg(place)
            .stdin(Stdio::null());
        command
    };
    if mounting("true").output().is_ok_and(|output| output.status.success()) {
        return Some(mounting("exec \"$@\""));
    }
    note("skipped: this user may not mount a file system in a namespace (unshare --map-root-user --mount)");
    None
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_home_that_can_t_be_written_is_refused_with_what_to_do() {
    let place = tempfile::tempdir().expect("a directory");
    let Some(mut command) = with_disk(place.path(), "ro,size=1m") else { return };
    let output = command.arg(mesh::binaries().join("mesh")).args(["up", "paper"]).env("ALPHAMESH_HOME", place.path());
    let output = output.env("ALPHAMESH_BIN", mesh::binaries()).output().expect("run");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    for part in ["can't be made", "Read-only file system", "set ALPHAMESH_HOME to a directory of yours"] {
        assert!(said(&output).contains(part), "`{part}` is not in: {}", said(&output));
    }
}

#[test]
fn a_full_disk_stops_what_must_write_and_loses_nothing() {
    if std::env::var_os(INSIDE).is_some() {
        return fill_the_disk_under_a_mesh();
    }
    let place = tempfile::tempdir().expect("a directory");
    let Some(mut command) = with_disk(place.path(), "size=96m") else { return };
    command.arg(std::env::current_exe().expect("a path"));
    command.args(["--exact", "a_full_disk_stops_what_must_write_and_loses_nothing", "--nocapture"]);
    let output = command.env(INSIDE, "1").env("TMPDIR", place.path()).output().expect("run");
    assert!(output.status.success(), "{}", said(&output));
}

fn fill_the_disk_under_a_mesh() {
    let mesh = Mesh::up(&[]);
    mesh.wait("a fill", || audit::fill_count(&mesh) > 0);
    let filler = mesh.home().join("filler");
    fill(&filler);
    // The adapter writes down each packet before it acts on it, so it is the first that can't go on.
    mesh.wait("the adapter to stop", || mesh.process("adapter-binance")["state"] == "backoff");
    let logs = mesh.all_logs();
    assert!(logs.contains("No space left on device"), "{logs}");
    let before = audit::fill_count(&mesh);
    fs::remove_file(filler).expect("removed");
    mesh.wait("every process to come back", || mesh.status()["mesh"]["ready"] == true);
    mesh.wait("a fill after it", || audit::fill_count(&mesh) > before);
    assert!(mesh.run(&["stop", "strategy-momentum"]).status.success());
    mesh.wait("every order to be final", || audit::open_orders(&mesh) == 0);
    mesh.down();
    audit::assert_sound(&mesh);
    let verified = mesh.run(&["capture", "verify"]);
    assert!(verified.status.success(), "{}", said(&verified));
}

/// Writes until nothing more fits, down to the last byte.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).expect("made");
    for size in [1 << 20, 4096, 1] {
        let zeros = vec![0; size];
        let error = loop {
            if let Err(error) = file.write_all(&zeros) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    }
}
