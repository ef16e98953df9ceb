//! What a process tells about itself: readiness, counts, metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use crate::clock;

/// A process's state and counts; shared by its threads.
#[derive(Debug)]
pub struct Status {
    name: String,
    kind: String,
    started_ns: u64,
    ready: AtomicBool,
    /// Messages that came in.
    pub messages_in: AtomicU64,
    /// Messages that went out.
    pub messages_out: AtomicU64,
    /// Messages that were dropped, by a declared policy.
    pub dropped: AtomicU64,
    /// Time from the building of the last message to its handling here, ns.
    pub lag_ns: AtomicU64,
    bad_input: Mutex<BTreeMap<String, u64>>,
    details: Mutex<BTreeMap<String, Value>>,
}

impl Status {
    /// A process that is starting.
    pub fn new(name: &str, kind: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            started_ns: clock::now_ns(),
            ready: AtomicBool::new(false),
            messages_in: AtomicU64::new(0),
            messages_out: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            lag_ns: AtomicU64::new(0),
            bad_input: Mutex::default(),
            details: Mutex::default(),
        }
    }

    /// When the process started, ns since the Unix epoch.
    pub const fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// Says that the process can do its work, or can't.
    pub fn set_ready(&self, ready: bool) {
        if self.ready.swap(ready, Ordering::AcqRel) != ready {
            tracing::info!(ready, "readiness changed");
        }
    }

    /// Whether the process can do its work.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Counts input that could not be used.
    pub fn bad_input(&self, kind: &str, n: u64) {
        let mut counts = self.bad_input.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(kind) {
            Some(count) => *count += n,
            None => {
                counts.insert(kind.to_owned(), n);
            }
        }
    }

    /// Says something more, for `/status`: `connected_relays`, `book_health`.
    pub fn set_detail(&self, key: &str, value: Value) {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), value);
    }

    /// The whole as `/status` shows it.
    pub fn to_json(&self) -> Value {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        json!({
            "name": self.name,
            "kind": self.kind,
            "state": if self.is_ready() { "ready" } else { "starting" },
            "pid": std::process::id(),
            "started_ns": self.started_ns,
            "uptime_s": clock::now_ns().saturating_sub(self.started_ns) / 1_000_000_000,
            "rss_bytes": resident_bytes(),
            "messages_in": load(&self.messages_in),
            "messages_out": load(&self.messages_out),
            "dropped": load(&self.dropped),
            "lag_ns": load(&self.lag_ns),
            "bad_input": *self.bad_input.lock().unwrap_or_else(PoisonError::into_inner),
            "details": *self.details.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }
}

/// Resident memory of this process.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok()));
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// The process's own metrics, beside those that every process has.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

impl Metrics {
    /// A new counter; `name` without the suffix `_total`.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, counter.clone());
        counter
    }

    /// A new gauge.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, gauge.clone());
        gauge
    }

    /// Everything in the text form of OpenMetrics, which Prometheus reads.
    pub fn render(&self, status: &Status) -> String {
        let mut text = String::new();
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let mut common = Registry::default();
        let gauges = [
            ("alphamesh_ready", "1 when the process can do its work", u64::from(status.is_ready())),
            ("alphamesh_lag_ns", "Age of the last message when it was handled", load(&status.lag_ns)),
            ("alphamesh_resident_bytes", "Resident memory", resident_bytes()),
        ];
        for (name, help, value) in gauges {
            let gauge: Gauge = Gauge::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            common.register(name, help, gauge);
        }
        let counters = [
            ("alphamesh_messages_in", "Messages that came in", load(&status.messages_in)),
            ("alphamesh_messages_out", "Messages that went out", load(&status.messages_out)),
            ("alphamesh_dropped", "Messages dropped by a declared policy", load(&status.dropped)),
        ];
        for (name, help, value) in counters {
            let counter: Counter = Counter::default();
            counter.inc_by(value);
            common.register(name, help, counter);
        }
        for (kind, count) in status.bad_input.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let counter: Counter = Counter::default();
            counter.inc_by(*count);
            common.sub_registry_with_label(("kind".into(), kind.clone().into())).register(
                "alphamesh_bad_input",
                "Input that could not be used",
                counter,
            );
        }
        // Writing to a String can't fail; each part ends with its own end mark, of which one stays.
        let _ = encode(&mut text, &common);
        let mut own = String::new();
        let _ = encode(&mut own, &self.registry.lock().unwrap_or_else(PoisonError::into_inner));
        text.replace("# EOF\n", "") + &own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_metrics_show_what_was_counted() {
        let status = Status::new("x", "strategy");
        status.messages_in.fetch_add(3, Ordering::Relaxed);
        status.bad_input("magic", 2);
        status.set_ready(true);
        let json = status.to_json();
        assert_eq!((json["state"].as_str(), json["messages_in"].as_u64()), (Some("ready"), Some(3)));
        assert!(json["rss_bytes"].as_u64() > Some(0));
        let metrics = Metrics::default();
        metrics.counter("fills", "Fills").inc_by(5);
        let text = metrics.render(&status);
        for line in [
            "alphamesh_ready 1",
            "alphamesh_messages_in_total 3",
            "alphamesh_bad_input_total{kind=\"magic\"} 2",
            "fills_total 5",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert_eq!(text.matches("# EOF").count(), 1);
    }
}
