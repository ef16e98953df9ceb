//! Bad configuration and bad words on the command line: exit code 2, and an error that says where and what to do.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::path::PathBuf;
use std::process::{Command, Output};

fn binary(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a path");
    let directory = std::env::var_os("ALPHAMESH_BIN")
        .map_or_else(|| exe.ancestors().nth(2).expect("target/debug").to_owned(), PathBuf::from);
    directory.join(name)
}

fn run(name: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let home = tempfile::tempdir().expect("a directory");
    let output: Output =
        Command::new(binary(name)).args(arguments).env("ALPHAMESH_HOME", home.path()).output().expect("it runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

const PROCESSES: [&str; 12] = [
    "relay-market",
    "relay-signal",
    "relay-execution",
    "simvenue",
    "adapter-binance",
    "strategy-momentum",
    "portfolio",
    "executor-paper",
    "recorder",
    "history",
    "replayer",
    "sweep-serve",
];

#[test]
fn every_process_has_help_and_version_and_refuses_a_bad_configuration() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("bad.toml");
    let head = "[process]\nname = \"x\"\nsource = 9\n[mesh]\nid = 1\nmode = \"paper\"\nhome = \"/nowhere\"\n\
                [relays]\nmarket = \"m\"\nsignal = \"s\"\nexecution = \"e\"\n";
    std::fs::write(&file, format!("{head}[settings]\nno_such_setting = 1\n")).expect("written");
    for name in PROCESSES {
        let (code, text) = run(name, &["--help"]);
        assert!(code == Some(0) && text.contains("--config") && text.contains("--check"), "{name}: {text}");
        let (code, text) = run(name, &["--version"]);
        assert!(code == Some(0) && text.contains(name), "{name}: {text}");
        let (code, text) = run(name, &["--config", &file.display().to_string(), "--check"]);
        assert_eq!(code, Some(2), "{name}: {text}");
        assert!(text.contains("bad.toml:13:1") && text.contains("no_such_setting"), "{name}: {text}");
        let (code, text) = run(name, &["--config", "/no/such/file.toml"]);
        assert!(code == Some(2) && text.contains("/no/such/file.toml"), "{name}: {text}");
        let (code, _) = run(name, &["--nonsense"]);
        assert_eq!(code, Some(2), "{name}");
    }
}

#[test]
fn a_bad_topology_names_its_line_and_column() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("mine.toml");
    let text = "[mesh]\nprofile = \"mine\"\nmode = \"paper\"\n[[process]]\nname = \"a\"\nkind = \"relay\"\n\
                binary = \"relay-market\"\nsource = 1\nneeds = [\"b\"]\n";
    std::fs::write(&file, text).expect("written");
    let (code, text) = run("mesh", &["up", "--topology", &file.display().to_string()]);
    assert!(code == Some(2) && text.contains("mine.toml:9:"), "{text}");
}

#[test]
fn an_unknown_word_is_met_with_a_suggestion() {
    let (code, text) = run("mesh", &["statsu"]);
    assert!(code == Some(2) && text.contains("status"), "{text}");
    let (code, text) = run("mesh", &["restart"]);
    assert!(code == Some(2) && text.contains("NAME"), "{text}");
}

#[test]
fn bytes_that_are_no_log_are_told_apart_and_reading_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("garbage");
    std::fs::write(&file, [0x5a; 500]).expect("written");
    let (code, text) = run("mesh", &["decode", &file.display().to_string(), "--json"]);
    assert!(code == Some(1) && text.contains("likely_cause"), "{text}");
    let (code, text) = run("mesh", &["decode", "/no/such/file", "--json"]);
    assert!(code == Some(2) && text.contains("/no/such/file"), "{text}");
}

#[test]
fn a_machine_without_rust_is_told_how_to_get_it_also_without_a_home() {
    let tools = tempfile::tempdir().expect("a directory");
    for tool in ["dirname", "cat"] {
        let found =
            ["/usr/bin", "/bin"].iter().map(|folder| PathBuf::from(folder).join(tool)).find(|path| path.exists());
        std::os::unix::fs::symlink(found.expect("every system has it"), tools.path().join(tool)).expect("linked");
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../manage.sh");
    let said = |word: &str| {
        let output = Command::new("/bin/sh")
            .arg(&script)
            .arg(word)
            .env_clear()
            .env("PATH", tools.path())
            .output()
            .expect("sh runs");
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    };
    for word in ["up", "test", "build"] {
        let (code, text) = said(word);
        assert!(code == Some(1) && text.contains("cargo is missing") && text.contains("rustup"), "{word}: {text}");
    }
    let (code, text) = said("help");
    assert!(code == Some(0) && text.contains("up [PROFILE]"), "{text}");
}

/// A cargo that makes a program of the package's name, and a `mesh` that says its words.
#[test]
fn a_tool_is_built_when_it_is_first_asked_for_and_what_up_starts_does_not_wait_for_it() {
    let place = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    };
    write(
        "cargo",
        "#!/bin/sh\necho \"cargo $*\"\ncase $* in *--package*) touch \"$ALPHAMESH_BIN/stats\" && chmod +x \"$ALPHAMESH_BIN/stats\" ;; esac\n",
    );
    write("mesh", "#!/bin/sh\necho \"mesh $*\"\n");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../manage.sh");
    let path = format!("{}:{}", place.path().display(), std::env::var("PATH").unwrap_or_default());
    let said = |words: &[&str]| {
        let mut command = Command::new("sh");
        command.arg(&script).args(words).env("PATH", &path).env("ALPHAMESH_BIN", place.path());
        let output = command.output().expect("sh runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let up = said(&["up"]);
    assert!(up.contains("cargo build --release --bins") && !up.contains("--package") && up.contains("mesh up"), "{up}");
    let first = said(&["stats", "sharpe"]);
    assert!(first.contains("--package stats") && first.contains("mesh stats sharpe"), "{first}");
    assert_eq!(said(&["stats", "sharpe"]), "mesh stats sharpe\n");
    let up = said(&["up"]);
    assert!(
        up.contains("--package stats") && !up.contains("--package sweep"),
        "what is there is kept up to date: {up}"
    );
    assert!(said(&["up", "research"]).contains("--package sweep"), "its profile starts it");
    assert!(said(&["up", "live-data"]).contains("--package adapter-kraken"), "its profile starts it");
}
