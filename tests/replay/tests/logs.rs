//! Replays every recorded run.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn binary(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a path");
    let directory = std::env::var_os("ALPHAMESH_BIN")
        .map_or_else(|| exe.ancestors().nth(2).expect("target/debug").to_owned(), PathBuf::from);
    directory.join(name)
}

fn replay(case: &Path) -> Value {
    let name = case.file_name().and_then(|name| name.to_str()).expect("a name");
    let process = name.split("--").next().expect("BINARY--CASE");
    let output = Command::new(binary(process))
        .arg("--config")
        .arg(case.join("config.toml"))
        .arg("--replay")
        .arg(case.join("journal.log"))
        .output()
        .expect("the binary is built: ./manage.sh test does it");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{name}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("logs");
    let entries = std::fs::read_dir(&folder).expect("the folder of logs");
    let mut cases: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}

#[test]
fn every_recorded_run_is_repeated_bit_for_bit() {
    let cases = cases();
    assert!(cases.len() >= 4, "one case for each actor at least");
    for case in cases {
        let report = replay(&case);
        assert_eq!(report["identical"], true, "{}: {report:#}", case.display());
        assert!(report["outputs"].as_u64() > Some(0), "{}: {report:#}", case.display());
    }
}

#[test]
fn a_changed_setting_shows_as_a_divergence() {
    let case = cases().into_iter().find(|case| case.to_string_lossy().contains("strategy-momentum--")).expect("a case");
    let dir = std::env::temp_dir().join(format!("replay-{}", std::process::id()));
    let changed = dir.join(case.file_name().expect("a name"));
    std::fs::create_dir_all(&changed).expect("made");
    std::fs::copy(case.join("journal.log"), changed.join("journal.log")).expect("copied");
    let config = std::fs::read_to_string(case.join("config.toml")).expect("a configuration");
    let other = config.replace("ema_fast = 3", "ema_fast = 4");
    assert_ne!(config, other, "the case sets ema_fast = 3");
    std::fs::write(changed.join("config.toml"), other).expect("written");
    let report = replay(&changed);
    std::fs::remove_dir_all(&dir).expect("removed");
    assert_eq!(report["identical"], false, "{report:#}");
    assert!(report["divergence"].as_str().is_some_and(|text| text.contains("recorded:") || text.contains("digest")));
}
