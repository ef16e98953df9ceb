//! Which processes run for which figure, in turn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::scene::Scene;
use super::wires::System;
use super::{Load, Options, Outcome};
use crate::figure::{Figure, Sense};

const RATES: [u64; 2] = [10_000, 100_000];
/// So many messages a second fill a stopped subscriber's backlog within two seconds.
const STOPPED_RATE: u64 = 50_000;

/// What is measured, against whom.
pub(super) struct Plan<'o> {
    options: &'o Options,
    peers: Vec<System>,
    pub(super) zmq_proxy: Option<PathBuf>,
    pub(super) dir: tempfile::TempDir,
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

    /// Delivered messages a second, to all subscribers together; and the processor time that each costs all processes
    /// together. Other work on the machine costs time in the second only by switches and colder caches.
    pub(super) fn throughput(&self) -> Outcome<()> {
        for subscribers in [1, 4, 16] {
            let results = self.in_turn(&self.systems(), |system| {
                let load = Load::Full { run_ms: self.options.run_ms };
                let mut scene = Scene::idle(self, system, subscribers, load)?;
                let before_ns = scene.cpu_ns()?;
                scene.go()?;
                let line = scene.publisher.line()?;
                let cpu_ns = scene.cpu_ns()? - before_ns;
                let (rate, messages) = line.split_once(' ').ok_or("a rate and a count")?;
                let (rate, messages): (f64, f64) = (rate.parse()?, messages.parse()?);
                Ok((rate * subscribers as f64 / 1e6, cpu_ns / (messages * subscribers as f64)))
            })?;
            let rates = each(&results, |(rate, _)| *rate);
            let costs = each(&results, |(_, cost)| *cost);
            for (kind, unit, values) in
                [("throughput", ("M msg/s", Sense::More), &rates), ("processor_time", ("ns/msg", Sense::Less), &costs)]
            {
                let name = format!("bus.{kind}.{subscribers}_subscribers");
                self.print(&name, unit, values, System::Forwarder, Some(1.0 / 0.7));
                for peer in &self.peers {
                    self.print(&format!("{name}.vs_{}", peer.word()), unit, values, *peer, Some(0.25));
                }
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
            let (p50, p99) = (each(&latencies, |of| of.p50_us), each(&latencies, |of| of.p99_us));
            for (share, values, target) in [("p50", p50, 1.2), ("p99", p99, 1.5)] {
                let name = format!("bus.latency.{rate}_per_s.{share}");
                self.print(&name, unit, &values, System::Forwarder, Some(target));
                for peer in &self.peers {
                    self.print(&format!("{name}.vs_{}", peer.word()), unit, &values, *peer, Some(1.0));
                }
            }
        }
        Ok(())
    }

    /// What a stopped subscriber costs the others, and the relay in memory: two scenes at the same time, of which one has
    /// a subscriber that is stopped, so that whatever else the machine does meets both.
    pub(super) fn stopped(&self) -> Outcome<()> {
        let stop = Duration::from_secs(self.options.stopped_s);
        let messages = STOPPED_RATE * self.options.stopped_s;
        let load = Load::Paced { rate: STOPPED_RATE, messages };
        let (mut running, mut stopped) = (Vec::new(), Vec::new());
        for _ in 0..self.options.output.runs {
            let mut scenes = [Scene::idle(self, System::Relay, 4, load)?, Scene::idle(self, System::Relay, 4, load)?];
            let [_, other] = &scenes;
            other.subscribers.last().ok_or("there are four")?.signal(Signal::STOP)?;
            for scene in &mut scenes {
                scene.go()?;
            }
            std::thread::sleep(stop);
            for (scene, results) in scenes.iter_mut().zip([&mut running, &mut stopped]) {
                let last = scene.subscribers.pop();
                let latencies = scene.latencies()?;
                let p99_us = latencies.iter().map(|latency| latency.p99_us).sum::<f64>() / latencies.len() as f64;
                results.push((p99_us, scene.server_peak_mib()?));
                drop(last);
            }
        }
        let pick =
            |of: fn(&(f64, f64)) -> f64| [&stopped, &running].map(|runs| runs.iter().map(of).collect::<Vec<_>>());
        let [with, without] = pick(|(p99_us, _)| *p99_us);
        Figure::paired(
            "bus.stopped_subscriber.others_p99",
            ("us", Sense::Less),
            &with,
            "none stopped",
            &without,
            Some(1.2),
        )
        .print(&self.options.output);
        let [with, without] = pick(|(_, peak_mib)| *peak_mib);
        Figure::paired(
            "bus.stopped_subscriber.relay_memory",
            ("MiB", Sense::Less),
            &with,
            "none stopped",
            &without,
            None,
        )
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

/// One figure of each run.
fn each<T>(results: &BTreeMap<System, Vec<T>>, pick: fn(&T) -> f64) -> BTreeMap<System, Vec<f64>> {
    results.iter().map(|(system, runs)| (*system, runs.iter().map(pick).collect())).collect()
}

/// Compiles the proxy that carries ZeroMQ's messages; `None` where its header or a compiler is missing.
fn build_zmq_proxy(dir: &Path) -> Option<PathBuf> {
    let (source, program) = (dir.join("zmq_proxy.c"), dir.join("zmq_proxy"));
    std::fs::write(&source, include_str!("zmq_proxy.c")).ok()?;
    let mut command = Command::new("cc");
    command.arg("-O2").arg(&source).arg("-o").arg(&program).arg("-lzmq").stderr(Stdio::null());
    command.status().ok().filter(|status| status.success()).map(|_| program)
}
