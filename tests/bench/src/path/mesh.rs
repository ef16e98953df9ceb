//! The measured mesh: the real processes, with a strategy and an executor that decide nothing.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::sample::Sample;
use super::venue::{SYMBOL, Venue};
use super::{Load, Options, Outcome, Setup, executor, strategy};
use crate::wire::now_ns;

const PROGRAMS: [&str; 6] = ["mesh", "relay-market", "relay-signal", "relay-execution", "adapter-binance", "portfolio"];
/// Memory as a file system: a commit there waits for nothing.
const MEMORY: &str = "/dev/shm";
/// An order that has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a mesh, sends, and stops it; one sample an order.
pub(super) fn measure(load: Load, options: &Options, setup: Setup) -> Outcome<Vec<Sample>> {
    let memory = Path::new(MEMORY);
    let directory = if setup == Setup::Durable || !memory.is_dir() { &options.directory } else { memory };
    let home = tempfile::tempdir_in(directory)?;
    let binaries = link_programs(home.path())?;
    let (orders, received) = (home.path().join("orders.sock"), home.path().join("received"));
    let listener = UnixListener::bind(&orders)?;
    let venue = Venue::start(load, options.run_ms)?;
    let topology = home.path().join("topology.toml");
    std::fs::write(&topology, topology_text(&venue, load, setup, &orders, &received))?;
    let mesh = Mesh { home: home.path().to_owned(), binaries };
    let topology = topology.to_str().ok_or("a path in UTF-8")?;
    mesh.run(&["up", "--topology", topology])?;
    let (sink, _) = listener.accept()?;
    let count = load.orders(options.run_ms);
    let receiver = std::thread::spawn(move || receive(sink, count));
    venue.go();
    let (sent, _connection) = venue.sent()?;
    let arrived = receiver.join().map_err(|_| "the receiver ended early")?;
    let arrived = match arrived {
        Ok(arrived) => arrived,
        Err((came, error)) => {
            let home = home.keep();
            return Err(format!("{came} of {count} orders came ({error}); look into {}", home.display()).into());
        }
    };
    mesh.run(&["down"])?;
    let received = std::fs::read(received)?;
    arrived.iter().map(|order| order.sample(load, &sent, &received)).collect()
}

/// What came with an order.
struct Arrived {
    signal: u64,
    times: [u64; 4],
}

impl Arrived {
    fn read(input: &mut impl BufRead) -> std::io::Result<Self> {
        let mut head = [0; executor::HEAD_BYTES];
        input.read_exact(&mut head)?;
        input.read_until(b'\n', &mut Vec::new())?;
        let mut numbers = [now_ns(); 5];
        for (number, bytes) in numbers.iter_mut().zip(head.chunks_exact(8)) {
            *number = bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
        }
        let [signal, times @ ..] = numbers;
        Ok(Self { signal, times })
    }

    fn sample(&self, load: Load, sent: &[u64], received: &[u8]) -> Outcome<Sample> {
        let index = self.signal.checked_sub(1).ok_or("signals count from 1")?;
        let sent = sent.get((self.signal * load.every) as usize - 1).ok_or("of a message that was sent")?;
        let at = index as usize * 8;
        let received = received.get(at..at + 8).ok_or("the strategy wrote when it was received")?;
        let [signal, order, executed, arrived] = self.times;
        Ok(Sample([*sent, u64::from_le_bytes(received.try_into()?), signal, order, executed, arrived]))
    }
}

/// So many orders; or how many came, and why not more.
fn receive(sink: UnixStream, orders: u64) -> Result<Vec<Arrived>, (usize, std::io::Error)> {
    let mut arrived = Vec::new();
    let failed = |count: usize| move |error| (count, error);
    sink.set_read_timeout(Some(PATIENCE)).map_err(failed(0))?;
    let mut input = BufReader::new(sink);
    for _ in 0..orders {
        arrived.push(Arrived::read(&mut input).map_err(failed(arrived.len()))?);
    }
    Ok(arrived)
}

/// A folder of the mesh's programs and of those that this program plays.
fn link_programs(home: &Path) -> Outcome<PathBuf> {
    let this = std::env::current_exe()?;
    let built = this.parent().ok_or("a program lies in a folder")?;
    let folder = home.join("bin");
    std::fs::create_dir(&folder)?;
    for program in PROGRAMS {
        let from = built.join(program);
        if !from.exists() {
            return Err(format!("{} holds no {program}; `./manage.sh build` makes it", built.display()).into());
        }
        symlink(from, folder.join(program))?;
    }
    for program in [strategy::PROGRAM, executor::PROGRAM] {
        symlink(&this, folder.join(program))?;
    }
    Ok(folder)
}

struct Mesh {
    home: PathBuf,
    binaries: PathBuf,
}

impl Mesh {
    fn run(&self, words: &[&str]) -> Outcome<String> {
        let mut command = Command::new(self.binaries.join("mesh"));
        command.args(words).stdin(Stdio::null());
        let output = command.env("ALPHAMESH_HOME", &self.home).env("ALPHAMESH_BIN", &self.binaries).output()?;
        if !output.status.success() {
            return Err(format!("`mesh {}`: {}", words.join(" "), String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        // After a failure too nothing is left running.
        let _ = self.run(&["down"]);
    }
}

fn topology_text(venue: &Venue, load: Load, setup: Setup, orders: &Path, received: &Path) -> String {
    let mut text = String::from("[mesh]\nprofile = \"path\"\nmode = \"paper\"\n");
    let mut add = |name: &str, kind: &str, source: u16, needs: &str, settings: &str| {
        let latency = match setup {
            Setup::LowLatency => "[process.runtime.low_latency]\nkeep_cores_awake = true\nspin_us = 20\n",
            Setup::Plain | Setup::Durable => "",
        };
        text.push_str(&format!(
            "\n[[process]]\nname = \"{name}\"\nkind = \"{kind}\"\nbinary = \"{name}\"\nsource = {source}\nneeds = [{needs}]\n\
             {latency}[process.settings]\n{settings}\n"
        ));
    };
    let relays = "\"relay-market\", \"relay-signal\", \"relay-execution\"";
    for (source, name) in (1..).zip(["relay-market", "relay-signal", "relay-execution"]) {
        add(name, "relay", source, "", "");
    }
    let path = |path: &Path| format!("{:?}", path.to_string_lossy());
    add(executor::PROGRAM, "executor", 40, relays, &format!("venue = {}", path(orders)));
    add("portfolio", "portfolio", 30, relays, PORTFOLIO);
    let settings = format!("every = {}\nreceived = {}", load.every, path(received));
    add(strategy::PROGRAM, "strategy", 20, relays, &settings);
    let settings = format!(
        "rest_url = \"{}\"\nstream_url = \"{}\"\nsymbols = [\"{SYMBOL}\"]\nintervals = []",
        venue.rest_url, venue.stream_url
    );
    add("adapter-binance", "adapter", 10, "\"relay-market\"", &settings);
    text
}

/// Nothing stops an order, and entries wait for no others.
const PORTFOLIO: &str = "entry_notional = 500
selection_window_ms = 0
entries_per_bar = 1000
silence_ms = 3600000

[process.settings.risk]
rate_window_ms = 1000

[process.settings.risk.mesh]
position_notional = 1000000000000
total_notional = 1000000000000
entries_per_window = 1000000
entries_per_symbol = 1000000
book_max_age_ms = 60000
signal_max_age_ms = 60000";
