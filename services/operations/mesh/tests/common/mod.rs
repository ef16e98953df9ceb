//! A mesh of fake processes in a home of its own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]
#![allow(dead_code, unreachable_pub, reason = "each test file is a crate of its own and uses a part of this")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

/// Nothing here takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// `relay` <- `adapter` <- `portfolio`; `{relay}` and so on stand for more lines of that process.
const TOPOLOGY: &str = r#"
[mesh]
profile = "fake"
mode = "paper"
[[process]]
name = "relay"
kind = "relay"
binary = "fake"
source = 1
restart = { backoff_min_ms = 20, backoff_max_ms = 100, give_up_after = 4 }
{relay}
[[process]]
name = "adapter"
kind = "adapter"
binary = "fake"
source = 2
needs = ["relay"]
restart = { backoff_min_ms = 20, backoff_max_ms = 100, give_up_after = 4 }
{adapter}
[[process]]
name = "portfolio"
kind = "portfolio"
binary = "fake"
source = 3
needs = ["adapter"]
{portfolio}
"#;

/// A home, its topology, and the program.
pub struct Mesh {
    _dir: tempfile::TempDir,
    pub home: PathBuf,
    binaries: PathBuf,
    pub topology: PathBuf,
}

impl Mesh {
    /// With more lines for some processes.
    pub fn new(lines: &[(&str, &str)]) -> Self {
        Self::in_home("home", lines)
    }

    /// In a directory of this name.
    pub fn in_home(name: &str, lines: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let binaries = dir.path().join("bin");
        std::fs::create_dir(&binaries).expect("made");
        let program = Path::new(env!("CARGO_BIN_EXE_mesh"));
        let fake = program.with_file_name("examples").join("fake_process");
        assert!(fake.exists(), "{} is built by `cargo test -p mesh`", fake.display());
        std::os::unix::fs::symlink(fake, binaries.join("fake")).expect("linked");
        let mut text = TOPOLOGY.to_owned();
        for name in ["relay", "adapter", "portfolio"] {
            let more = lines.iter().find(|(process, _)| *process == name).map_or("", |(_, more)| *more);
            text = text.replace(&format!("{{{name}}}"), more);
        }
        let topology = dir.path().join("fake.toml");
        std::fs::write(&topology, text).expect("written");
        Self { home: dir.path().join(name), _dir: dir, binaries, topology }
    }

    /// Where its binaries are.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// `mesh` with these words.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mesh"));
        command.args(words).env("ALPHAMESH_HOME", &self.home).env("ALPHAMESH_BIN", &self.binaries);
        for name in ["ALPHAMESH_LIVE_ENABLE", "ALPHAMESH_LIVE_CONFIRM", "AI_QUANT_LIVE_ENABLE", "AI_QUANT_LIVE_CONFIRM"]
        {
            command.env_remove(name);
        }
        command
    }

    /// Runs it to its end.
    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.command(words).output().expect("mesh runs"))
    }

    /// `mesh up` with this mesh's topology.
    pub fn up(&self) -> Ran {
        self.run(&["up", "--topology", self.topology.to_str().expect("UTF-8"), "--timeout", "30"])
    }

    /// Started, and ready.
    pub fn ready(lines: &[(&str, &str)]) -> Self {
        let mesh = Self::new(lines);
        mesh.up().succeeds();
        mesh
    }

    /// `status --json`.
    pub fn status(&self) -> Value {
        serde_json::from_str(&self.run(&["status", "--json"]).out).expect("JSON")
    }

    /// One process of `status --json`.
    pub fn process(&self, name: &str) -> Value {
        let status = self.status();
        let processes = status["processes"].as_array().expect("a list");
        processes.iter().find(|process| process["name"] == name).cloned().unwrap_or_else(|| panic!("no {name}"))
    }

    /// Its process id, while it runs.
    pub fn pid(&self, name: &str) -> Option<i32> {
        self.process(name)["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok())
    }

    /// The process ids of the three.
    pub fn pids(&self) -> [Option<i32>; 3] {
        ["relay", "adapter", "portfolio"].map(|name| self.pid(name))
    }

    /// The supervisor's process id.
    pub fn supervisor(&self) -> i32 {
        let text = std::fs::read_to_string(self.home.join("run/mesh.lock")).expect("a lock");
        text.trim().parse().expect("a process id")
    }

    /// Waits until a process is in this state.
    pub fn wait_for(&self, name: &str, state: &str) -> Value {
        until(&format!("{name} is {state}"), || Some(self.process(name)).filter(|process| process["state"] == state))
    }

    /// A log.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.join(format!("logs/{name}.log"))).unwrap_or_default()
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        self.run(&["down"]);
        let run = self.home.join("run");
        for name in ["mesh", "relay", "adapter", "portfolio"] {
            if let Some(pid) =
                std::fs::read_to_string(run.join(format!("{name}.lock"))).ok().and_then(|t| t.trim().parse().ok())
                && std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|line| line.contains(&*self.home.to_string_lossy()))
            {
                kill(pid, Signal::KILL);
            }
        }
        if let Ok(elsewhere) = std::fs::read_link(&run) {
            let _ = std::fs::remove_dir_all(elsewhere);
        }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    pub fn fails_with(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "{word:?} in {self:?}");
        }
        self
    }
}

/// Sends a signal.
pub fn kill(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether a process exists and is no zombie.
pub fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok()) && !stat.contains(") Z ")
}

/// Asks until there is an answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
