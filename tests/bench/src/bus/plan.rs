//! Which processes run for which figure, in turn.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::subscriber::Latency;
use super::wires::System;
use super::{Load, Options, Outcome, Task};
use crate::figure::{Figure, Sense};

const RATES: [u64; 2] = [10_000, 100_000];
const FIRST_SUBSCRIBER: u16 = 20;

/// A process of a measurement; it ends with this.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut command: Command) -> Outcome<Self> {
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("its output is piped")?);
        Ok(Self { child, lines })
    }

    fn task(task: &Task) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("child").arg(serde_json::to_string(task)?);
        let mut running = Self::start(command)?;
        running.line()?;
        Ok(running)
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Err("a process of the measurement ended early".into());
        }
        Ok(line.trim().to_owned())
    }

    fn signal(&self, signal: Signal) -> Outcome<()> {
        let pid = Pid::from_child(&self.child);
        Ok(kill_process(pid, signal)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is measured, against whom.
pub(super) struct Plan<'o> {
    options: &'o Options,
    peers: Vec<System>,
    zmq_proxy: Option<PathBuf>,
    dir: tempfile::TempDir,
}

impl<'o> Plan<'o> {
    pub(super) fn new(options: &'o Options) -> Outcome<Self> {
        let dir = tempfile::tempdir()?;
        let mut plan = Self { options, peers: Vec::new(), zmq_proxy: None, dir };
        if options.no_peers {
            return Ok(plan);
        }
        for (system, program) in [(System::Redis, "redis-server"), (System::Nats, "nats-server")] {
            if Command::new(program).arg("--version").output().is_ok() {
                plan.peers.push(system);
            } else {
                eprintln!("skipped: {} ({program} is not installed)", system.name());
            }
        }
        plan.zmq_proxy = build_zmq_proxy(plan.dir.path());
        if plan.zmq_proxy.is_some() {
            plan.peers.push(System::Zeromq);
        } else {
            eprintln!("skipped: {} (zmq.h or a C compiler is not installed)", System::Zeromq.name());
        }
        Ok(plan)
    }

    /// Ours and the forwarder, then the peers.
    fn systems(&self) -> Vec<System> {
        [System::Relay, System::Forwarder].into_iter().chain(self.peers.iter().copied()).collect()
    }

    /// Delivered messages a second, to all subscribers together.
    pub(super) fn throughput(&self) -> Outcome<()> {
        let unit = ("M msg/s", Sense::More);
        for subscribers in [1, 4, 16] {
            let rates = self.in_turn(&self.systems(), |system| {
                let load = Load::Full { run_ms: self.options.run_ms };
                let mut scene = Scene::new(self, system, subscribers, load)?;
                let rate: f64 = scene.publisher.line()?.parse()?;
                Ok(rate * subscribers as f64 / 1e6)
            })?;
            let name = format!("bus.throughput.{subscribers}_subscribers");
            self.print(&name, unit, &rates, System::Forwarder, Some(1.0 / 0.7));
            for peer in &self.peers {
                self.print(&format!("{name}.vs_{}", peer.word()), unit, &rates, *peer, Some(0.25));
            }
        }
        Ok(())
    }

    /// How old messages are when one subscriber has them.
    pub(super) fn latency(&self) -> Outcome<()> {
        let unit = ("us", Sense::Less);
        for rate in RATES {
            let latencies = self.in_turn(&self.systems(), |system| {
                let mut scene = Scene::new(self, system, 1, self.paced(rate))?;
                scene.latencies()?.first().copied().ok_or_else(|| "one subscriber".into())
            })?;
            let of = |pick: fn(&Latency) -> f64| -> BTreeMap<System, Vec<f64>> {
                latencies.iter().map(|(system, runs)| (*system, runs.iter().map(pick).collect())).collect()
            };
            for (share, values, target) in [("p50", of(|l| l.p50_us), 1.2), ("p99", of(|l| l.p99_us), 1.5)] {
                let name = format!("bus.latency.{rate}_per_s.{share}");
                self.print(&name, unit, &values, System::Forwarder, Some(target));
                for peer in &self.peers {
                    self.print(&format!("{name}.vs_{}", peer.word()), unit, &values, *peer, Some(1.0));
                }
            }
        }
        Ok(())
    }

    /// What a stopped subscriber costs the others: the 99th percentile of three, with the fourth running and stopped.
    pub(super) fn stopped(&self) -> Outcome<()> {
        let rate = 100_000;
        let (mut running, mut stopped) = (Vec::new(), Vec::new());
        for _ in 0..self.options.output.runs {
            for (stop, results) in [(false, &mut running), (true, &mut stopped)] {
                let mut scene = Scene::idle(self, System::Relay, 4, self.paced(rate))?;
                if stop && let Some(last) = scene.subscribers.last() {
                    last.signal(Signal::STOP)?;
                }
                scene.go()?;
                let last = scene.subscribers.pop();
                let latencies = scene.latencies()?;
                drop(last);
                results.push(latencies.iter().map(|latency| latency.p99_us).sum::<f64>() / latencies.len() as f64);
            }
        }
        let name = "bus.stopped_subscriber.others_p99";
        Figure::new(name, ("us", Sense::Less), &stopped, "none stopped", &running, Some(1.2))
            .print(&self.options.output);
        Ok(())
    }

    fn paced(&self, rate: u64) -> Load {
        Load::Paced { rate, messages: rate * self.options.run_ms / 1000 }
    }

    /// Measures each system once, then each again.
    fn in_turn<T>(
        &self,
        systems: &[System],
        mut measure: impl FnMut(System) -> Outcome<T>,
    ) -> Outcome<BTreeMap<System, Vec<T>>> {
        let mut results: BTreeMap<System, Vec<T>> = BTreeMap::new();
        for _ in 0..self.options.output.runs {
            for system in systems {
                results.entry(*system).or_default().push(measure(*system)?);
            }
        }
        Ok(results)
    }

    fn print(
        &self,
        name: &str,
        unit: (&'static str, Sense),
        results: &BTreeMap<System, Vec<f64>>,
        reference: System,
        target: Option<f64>,
    ) {
        let of = |system| results.get(&system).map_or(&[][..], Vec::as_slice);
        Figure::new(name, unit, of(System::Relay), reference.name(), of(reference), target).print(&self.options.output);
    }
}

/// One server, its subscribers, and a publisher.
struct Scene {
    _server: Running,
    subscribers: Vec<Running>,
    publisher: Running,
    _dir: tempfile::TempDir,
}

impl Scene {
    fn new(plan: &Plan<'_>, system: System, subscribers: usize, load: Load) -> Outcome<Self> {
        let mut scene = Self::idle(plan, system, subscribers, load)?;
        scene.go()?;
        Ok(scene)
    }

    /// Everybody is there; the publisher waits for [`Scene::go`].
    fn idle(plan: &Plan<'_>, system: System, subscribers: usize, load: Load) -> Outcome<Self> {
        let dir = tempfile::tempdir_in(plan.dir.path())?;
        let (server, address) = start_server(plan, system, dir.path(), subscribers)?;
        let acks = dir.path().join("acks");
        let task = Task::Publisher { system, address: address.clone(), acks: acks.clone(), subscribers, load };
        let publisher = Running::task(&task)?;
        let mut running = Vec::new();
        for source in (FIRST_SUBSCRIBER..).take(subscribers) {
            let (address, acks) = (address.clone(), acks.clone());
            running.push(Running::task(&Task::Subscriber { system, address, acks, source, load })?);
        }
        Ok(Self { _server: server, subscribers: running, publisher, _dir: dir })
    }

    fn go(&mut self) -> Outcome<()> {
        let input = self.publisher.child.stdin.as_mut().ok_or("its input is piped")?;
        Ok(input.write_all(b"go\n")?)
    }

    fn latencies(&mut self) -> Outcome<Vec<Latency>> {
        let mut latencies = Vec::new();
        for subscriber in &mut self.subscribers {
            latencies.push(serde_json::from_str(&subscriber.line()?)?);
        }
        Ok(latencies)
    }
}

/// Starts what carries messages and waits until it can be reached.
fn start_server(plan: &Plan<'_>, system: System, dir: &Path, subscribers: usize) -> Outcome<(Running, PathBuf)> {
    let address = dir.join("run").join("bus");
    if matches!(system, System::Relay | System::Forwarder) {
        let server = Running::task(&Task::Server { system, address: address.clone(), subscribers })?;
        return Ok((server, address));
    }
    std::fs::create_dir_all(dir.join("run"))?;
    let (mut command, address) = match (system, &plan.zmq_proxy) {
        (System::Redis, _) => {
            let mut command = Command::new("redis-server");
            command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(&address);
            (command, address)
        }
        (System::Nats, _) => {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut command = Command::new("nats-server");
            command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
            (command, PathBuf::from(format!("nats.{port}")))
        }
        (_, Some(proxy)) => {
            let mut command = Command::new(proxy);
            command.arg(format!("ipc://{}", address.display()));
            command.arg(format!("ipc://{}", address.with_extension("out").display()));
            (command, address)
        }
        (_, None) => return Err("there is no proxy".into()),
    };
    command.stderr(Stdio::null());
    let server = Running::start(command)?;
    let begun = Instant::now();
    while !super::wires::is_there(system, &address) {
        if begun.elapsed() > Duration::from_secs(5) {
            return Err(format!("{} does not answer", system.name()).into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok((server, address))
}

/// Compiles the proxy that carries ZeroMQ's messages; `None` where its header or a compiler is missing.
fn build_zmq_proxy(dir: &Path) -> Option<PathBuf> {
    let (source, program) = (dir.join("zmq_proxy.c"), dir.join("zmq_proxy"));
    std::fs::write(&source, include_str!("zmq_proxy.c")).ok()?;
    let mut command = Command::new("cc");
    command.arg("-O2").arg(&source).arg("-o").arg(&program).arg("-lzmq").stderr(Stdio::null());
    command.status().ok().filter(|status| status.success()).map(|_| program)
}
