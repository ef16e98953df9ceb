//! `./manage.sh sim` as scripts use it.

#![allow(clippy::expect_used, reason = "a test ends at what it does not expect")]

use std::process::Command;

use serde_json::Value;

fn sim(words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_alphamesh-sim")).args(words).output().expect("runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn it_says_what_it_ran_and_what_was_broken() {
    let (code, text) = sim(&["--seed", "5", "--seeds", "4", "--json"]);
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(keys(&told), ["fills", "seeds", "simulated_s", "steps", "violations"]);
    assert_eq!((&told["seeds"], &told["simulated_s"]), (&4.into(), &(4 * 260).into()));
    let (code, text) = sim(&["--seed", "1", "--planted", "skip-intent", "--json"]);
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(keys(&told["violations"][0]), ["found", "invariant", "repeat", "seed", "step"]);
    assert_eq!(told["violations"][0]["repeat"], "./manage.sh sim --seed 1 --planted skip-intent");
    let (code, text) = sim(&["--seed", "1", "--planted", "skip-intent"]);
    assert!(code == Some(1) && text.contains("smallest storm: Storm { bars: "), "{text}");
}
