//! The measured way is a whole mesh of ours: every order must come, whatever the machine does meanwhile.

#![allow(clippy::expect_used, reason = "a test ends at what it does not expect")]

use std::process::Command;

use serde_json::Value;

#[test]
fn every_order_comes_and_each_hop_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_alphamesh-bench"))
        .args(["path", "--runs", "1", "--run-ms", "200", "--json", "--directory"])
        .arg(directory.path())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a figure")).collect();
    let named = |name: &str| figures.iter().find(|figure| figure["name"] == name).expect(name);
    for rate in [1_000, 50_000] {
        let whole = named(&format!("path.{rate}_per_s.p50"));
        assert_eq!((&whole["reference"], &whole["target"]), (&"bare socket chain".into(), &1.3.into()));
        for part in ["packet_to_adapter.p50", "executor_to_venue.p99", "durable.p99.9", "low_latency.signal.p50"] {
            let value = named(&format!("path.{rate}_per_s.{part}"))["value"].as_f64().expect("a time");
            assert!(value > 0.0, "{part}: {value}");
        }
    }
}
