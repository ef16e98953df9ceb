//! A relay as a process of the mesh.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mesh_runtime::latency::Profile;
use mesh_runtime::{About, BoxError, Process, Settings, Status};
use mesh_types::{Domain, FixedStr, SourceId};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use serde::{Deserialize, Deserializer};

use crate::counters::{Counters, Totals};
use crate::engine::{Relay, RelayConfig};
use crate::settings::{Changes, RelaySettings};

/// Counts are reported this often.
const REPORT_INTERVAL: Duration = Duration::from_millis(250);

/// One of the relays: what a binary states.
pub trait RelayKind {
    /// The binary.
    const ABOUT: About;
    /// What it carries.
    const DOMAIN: Domain;
    /// Its settings, where the configuration does not change them.
    const DEFAULTS: RelaySettings;
}

#[derive(Debug)]
struct SettingsOf<K> {
    settings: RelaySettings,
    kind: core::marker::PhantomData<K>,
}

impl<'de, K: RelayKind> Deserialize<'de> for SettingsOf<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let settings = Changes::deserialize(deserializer)?.over(K::DEFAULTS);
        Ok(Self { settings, kind: core::marker::PhantomData })
    }
}

impl<K: RelayKind> Settings for SettingsOf<K> {
    fn validate(&self) -> Result<(), String> {
        self.settings.validate()
    }
}

/// Runs a relay until it is asked to stop.
pub fn run<K: RelayKind>() -> ExitCode {
    mesh_runtime::run(&K::ABOUT, serve::<K>)
}

fn serve<K: RelayKind>(process: Process<SettingsOf<K>>) -> Result<(), BoxError> {
    let Process { config, settings, status, shutdown, .. } = &process;
    let path = config.relays.of(K::DOMAIN).ok_or("the configuration names no socket for this relay's domain")?;
    tracing::info!(settings = ?settings.settings, "as configured");
    let mut relay = Relay::open(RelayConfig {
        path: path.clone(),
        domain: K::DOMAIN,
        name: FixedStr::truncated(&config.process.name),
        source: SourceId::new(config.process.source.get()),
        mesh_id: config.mesh.id,
        mode: config.mesh.mode,
        started_ns: status.started_ns(),
        settings: settings.settings.clone(),
    })?;
    relay.watch(shutdown.fd())?;
    let profile = Profile::apply(&config.runtime.low_latency);
    let mut reporter = Reporter::new(&process, relay.counters());
    status.set_ready(true);
    while !shutdown.is_requested() {
        turn(&mut relay, profile.spin)?;
        reporter.report();
    }
    relay.shut_down();
    Ok(())
}

/// Looks for work for a while before it sleeps, where the low-latency profile asks for that.
fn turn(relay: &mut Relay, spin: Duration) -> std::io::Result<()> {
    if !spin.is_zero() {
        let until = Instant::now() + spin;
        while Instant::now() < until {
            if relay.turn(Duration::ZERO)? {
                return Ok(());
            }
        }
    }
    relay.turn(REPORT_INTERVAL).map(|_| ())
}

/// Brings the relay's counts into the process's status and metrics.
struct Reporter<'p> {
    status: &'p Status,
    counters: Arc<Counters>,
    conflated: Counter,
    missing: Counter,
    last_values_refused: Counter,
    connections: Gauge,
    told: Totals,
    next: Instant,
}

impl<'p> Reporter<'p> {
    fn new<K>(process: &'p Process<SettingsOf<K>>, counters: Arc<Counters>) -> Self {
        let metrics = &process.metrics;
        Self {
            status: &process.status,
            counters,
            conflated: metrics.counter("alphamesh_relay_conflated", "Messages replaced by a later one of their state"),
            missing: metrics
                .counter("alphamesh_relay_missing", "Messages that a publisher numbered and that never came"),
            last_values_refused: metrics
                .counter("alphamesh_relay_last_values_refused", "Values not kept because max_last_values are"),
            connections: metrics.gauge("alphamesh_relay_connections", "Connected processes"),
            told: Totals::default(),
            next: Instant::now(),
        }
    }

    fn report(&mut self) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + REPORT_INTERVAL;
        let totals = self.counters.totals();
        self.status.messages_in.store(totals.messages_in, Ordering::Relaxed);
        self.status.messages_out.store(totals.messages_out, Ordering::Relaxed);
        self.status.dropped.store(totals.dropped, Ordering::Relaxed);
        self.status.lag_ns.store(self.counters.lag_ns.load(Ordering::Relaxed), Ordering::Relaxed);
        self.conflated.inc_by(totals.conflated - self.told.conflated);
        self.missing.inc_by(totals.missing - self.told.missing);
        self.last_values_refused.inc_by(totals.last_values_refused - self.told.last_values_refused);
        self.connections.set(i64::try_from(totals.connections).unwrap_or(i64::MAX));
        for (kind, count) in &totals.bad_input {
            let told = self.told.bad_input.get(kind).copied().unwrap_or_default();
            if *count > told {
                self.status.bad_input(kind, count - told);
            }
        }
        self.told = totals;
    }
}
