//! The processes of one measurement: what carries the messages, a publisher, and subscribers.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::plan::Plan;
use super::subscriber::Latency;
use super::wires::System;
use super::{Load, Outcome, Task};
use crate::child::Running;

/// The word that starts a process of this measurement.
const CHILD: &str = "child";
const FIRST_SUBSCRIBER: u16 = 20;

/// One server, its subscribers, and a publisher.
pub(super) struct Scene {
    server: Running,
    pub(super) subscribers: Vec<Running>,
    pub(super) publisher: Running,
    _dir: tempfile::TempDir,
}

impl Scene {
    pub(super) fn new(plan: &Plan<'_>, system: System, subscribers: usize, load: Load) -> Outcome<Self> {
        let mut scene = Self::idle(plan, system, subscribers, load)?;
        scene.go()?;
        Ok(scene)
    }

    /// Everybody is there; the publisher waits for [`Scene::go`].
    pub(super) fn idle(plan: &Plan<'_>, system: System, subscribers: usize, load: Load) -> Outcome<Self> {
        let dir = tempfile::tempdir_in(plan.dir.path())?;
        let (server, address) = start_server(plan, system, dir.path(), subscribers)?;
        let acks = dir.path().join("acks");
        let task = Task::Publisher { system, address: address.clone(), acks: acks.clone(), subscribers, load };
        let publisher = Running::task(CHILD, &task)?;
        let mut running = Vec::new();
        for source in (FIRST_SUBSCRIBER..).take(subscribers) {
            let (address, acks) = (address.clone(), acks.clone());
            running.push(Running::task(CHILD, &Task::Subscriber { system, address, acks, source, load })?);
        }
        Ok(Self { server, subscribers: running, publisher, _dir: dir })
    }

    pub(super) fn go(&mut self) -> Outcome<()> {
        self.publisher.go()
    }

    /// Processor time so far of all its processes together, ns.
    pub(super) fn cpu_ns(&self) -> Outcome<f64> {
        let others = [&self.server, &self.publisher];
        others.into_iter().chain(&self.subscribers).map(Running::cpu_ns).sum()
    }

    /// The most memory that what carries the messages ever had, MiB.
    pub(super) fn server_peak_mib(&self) -> Outcome<f64> {
        self.server.peak_mib()
    }

    pub(super) fn latencies(&mut self) -> Outcome<Vec<Latency>> {
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
        let server = Running::task(CHILD, &Task::Server { system, address: address.clone(), subscribers })?;
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
