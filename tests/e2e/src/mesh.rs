//! A mesh of real processes, as `mesh up` starts it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A mesh in a home of its own; stopped and removed at the end.
pub struct Mesh {
    home: TempDir,
    binaries: PathBuf,
    environment: Vec<(String, String)>,
    venue: String,
    /// What `mesh up` is told to start.
    what: Vec<String>,
}

impl Mesh {
    /// Starts the default mesh, on a port of its own, and waits until it is ready. `settings` overrides settings: the
    /// process, the key, the value.
    pub fn up(settings: &[(&str, &str, &str)]) -> Self {
        let given = settings.iter().map(|(process, key, value)| (format!("ALPHAMESH__{process}__{key}"), *value));
        let given: Vec<(String, &str)> = given.collect();
        Self::up_in(&free_address(), &given.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>())
    }

    /// The same with the simulated venue at this address, and with these variables in the environment.
    pub fn up_in(address: &str, environment: &[(&str, &str)]) -> Self {
        let mesh = Self::new(address, environment);
        mesh.up_again();
        mesh
    }

    /// The same with a topology of one's own.
    pub fn up_with(topology: &str, address: &str, environment: &[(&str, &str)]) -> Self {
        let mesh = Self::down_with(topology, address, environment);
        mesh.up_again();
        mesh
    }

    /// The same, not started.
    pub fn down_with(topology: &str, address: &str, environment: &[(&str, &str)]) -> Self {
        let mut mesh = Self::new(address, environment);
        let path = mesh.home().join("own.toml");
        std::fs::write(&path, topology).expect("written");
        mesh.what = vec!["--topology".to_owned(), path.to_string_lossy().into_owned()];
        mesh
    }

    fn new(address: &str, environment: &[(&str, &str)]) -> Self {
        let given = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            home: TempDir::new().expect("a directory"),
            binaries: binaries(),
            environment: venue_environment(address).into_iter().chain(given).collect(),
            venue: address.to_owned(),
            what: vec!["paper".to_owned()],
        }
    }

    /// `mesh up` with these words more.
    pub fn run_up(&self, more: &[&str]) -> Output {
        let what = self.what.iter().map(String::as_str);
        self.run(&core::iter::once("up").chain(what).chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// `mesh up` once more: adopts what runs, starts what does not.
    pub fn up_again(&self) {
        let output = self.run_up(&[]);
        assert!(output.status.success(), "up failed: {}\n{}", text(&output), self.all_logs());
    }

    /// Its directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Switches faults of the simulated venue: `{"gap":{"next":1}}`. Answers with what was seen and made so far.
    pub fn switch_faults(&self, faults: &str) -> Value {
        let mut stream = std::net::TcpStream::connect(&self.venue).expect("the venue listens");
        write!(
            stream,
            "POST /sim/faults HTTP/1.1\r\nHost: venue\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{faults}",
            faults.len()
        )
        .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("faults in JSON, found {answer}"))
    }

    /// Where its sockets are.
    pub fn run_dir(&self) -> PathBuf {
        self.home().join("run")
    }

    /// The built binary with this name.
    pub fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binary("mesh"));
        command.args(arguments).stdin(Stdio::null());
        command.env("ALPHAMESH_HOME", self.home()).env("ALPHAMESH_BIN", &self.binaries);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `mesh` with these words.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("mesh can be started")
    }

    /// Runs `mesh` and reads its JSON lines.
    pub fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(arguments);
        String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// `status --json`.
    pub fn status(&self) -> Value {
        serde_json::from_slice(&self.run(&["status", "--json"]).stdout).unwrap_or_default()
    }

    /// One process of the status.
    pub fn process(&self, name: &str) -> Value {
        let status = self.status();
        let processes = status["processes"].as_array().cloned().unwrap_or_default();
        processes.into_iter().find(|process| process["name"] == name).unwrap_or_default()
    }

    /// What a process says of itself on its status socket.
    pub fn process_status(&self, name: &str) -> Value {
        let path = self.run_dir().join(format!("{name}.status.sock"));
        let mut stream = std::os::unix::net::UnixStream::connect(path).expect("the process listens");
        stream.write_all(b"GET /status HTTP/1.1\r\n\r\n").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer.split("\r\n\r\n").nth(1).and_then(|body| serde_json::from_str(body).ok()).expect("a status")
    }

    /// Names and process ids of what runs.
    pub fn pids(&self) -> BTreeMap<String, i64> {
        let status = self.status();
        let processes = status["processes"].as_array().cloned().unwrap_or_default();
        let pid = |process: &Value| Some((process["name"].as_str()?.to_owned(), process["pid"].as_i64()?));
        processes.iter().filter_map(pid).collect()
    }

    /// Kills a process with SIGKILL and answers with its id.
    pub fn kill(&self, name: &str) -> i64 {
        self.signal(name, Signal::KILL)
    }

    /// Kills a process with SIGKILL where it runs; answers whether it did.
    pub fn kill_if_running(&self, name: &str) -> bool {
        let pid = self.pids().get(name).and_then(|pid| Pid::from_raw(i32::try_from(*pid).ok()?));
        pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
    }

    /// Sends a process a signal and answers with its id.
    pub fn signal(&self, name: &str, signal: Signal) -> i64 {
        let pid = *self.pids().get(name).unwrap_or_else(|| panic!("{name} does not run"));
        let raw = i32::try_from(pid).expect("a process id");
        kill_process(Pid::from_raw(raw).expect("a process id"), signal).expect("the signal is sent");
        pid
    }

    /// Waits until a killed process runs again under another id and is ready.
    pub fn await_return(&self, name: &str, old_pid: i64) {
        self.wait(&format!("{name} to come back"), || {
            let process = self.process(name);
            process["state"] == "ready" && process["pid"].as_i64().is_some_and(|pid| pid != old_pid)
        });
    }

    /// Waits for something that must happen.
    ///
    /// # Panics
    /// When it does not, with the logs.
    pub fn wait(&self, what: &str, mut happened: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !happened() {
            assert!(
                Instant::now() < deadline,
                "waited in vain for {what}; status {}\n{}",
                self.status(),
                self.all_logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Messages of a type that were captured so far, as `mesh capture cat --json` shows them.
    pub fn captured(&self, kind: &str) -> Vec<Value> {
        self.json_lines(&["capture", "cat", "--type", kind, "--json"])
    }

    /// The first body of a captured message.
    pub fn body(message: &Value) -> &Value {
        &message["tlvs"][0]
    }

    /// The end of every process's log.
    pub fn all_logs(&self) -> String {
        text(&self.run(&["logs", "-n", "60"]))
    }

    /// Asks every question of a ledger with SQL, read-only; each row as text.
    pub fn query(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        let path = self.home().join("data").join(database);
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = rusqlite::Connection::open_with_flags(&path, flags).expect("the ledger opens");
        let mut statement = connection.prepare(sql).expect("a query");
        let columns = statement.column_count();
        let cell = |row: &rusqlite::Row<'_>, index: usize| match row.get_ref(index) {
            Ok(rusqlite::types::ValueRef::Integer(value)) => value.to_string(),
            Ok(rusqlite::types::ValueRef::Text(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            Ok(rusqlite::types::ValueRef::Real(value)) => value.to_string(),
            Ok(rusqlite::types::ValueRef::Blob(bytes)) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            _ => String::new(),
        };
        let rows = statement
            .query_map([], |row| Ok((0..columns).map(|index| cell(row, index)).collect()))
            .expect("the query runs");
        rows.map(|row| row.expect("a row")).collect()
    }

    /// Stops everything, in order.
    pub fn down(&self) {
        let output = self.run(&["down"]);
        assert!(output.status.success(), "down failed: {}", text(&output));
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind either.
        let _ = self.run(&["down"]);
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What puts the simulated venue at this address.
pub fn venue_environment(address: &str) -> Vec<(String, String)> {
    vec![
        ("ALPHAMESH__SIMVENUE__LISTEN".to_owned(), address.to_owned()),
        ("ALPHAMESH__ADAPTER_BINANCE__REST_URL".to_owned(), format!("http://{address}")),
        ("ALPHAMESH__ADAPTER_BINANCE__STREAM_URL".to_owned(), format!("ws://{address}")),
        ("ALPHAMESH__HISTORY__REST_URLS__BINANCE".to_owned(), format!("http://{address}")),
    ]
}

/// An address on loopback that nobody has at the moment.
///
/// # Panics
/// When there is none.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

/// The directory of the built binaries: `ALPHAMESH_BIN`, or where this test lies.
///
/// # Panics
/// When they are not built.
pub fn binaries() -> PathBuf {
    let directory = std::env::var_os("ALPHAMESH_BIN").map(PathBuf::from).unwrap_or_else(|| {
        let exe = std::env::current_exe().expect("a path");
        exe.ancestors().nth(2).expect("target/debug").to_owned()
    });
    assert!(directory.join("mesh").exists(), "{} holds no mesh: ./manage.sh test builds it", directory.display());
    directory
}
