//! What `status` shows: the same whether the supervisor tells it or, when that is dead, the processes themselves do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::console::{self, Tone};
use crate::probe::Said;
use crate::switches::Switched;

/// Where a process is, in the words of commands.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Waiting for what it needs, or running and not ready.
    Starting,
    /// Ready.
    Ready,
    /// Ended; it will be started again.
    Backoff,
    /// Ended for good.
    Failed,
    /// Down because nobody wants it to run, or on its way there.
    Stopped,
}

impl State {
    /// Its word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    /// How it is shown.
    pub(crate) const fn tone(self) -> Tone {
        match self {
            Self::Ready => Tone::Good,
            Self::Starting | Self::Backoff => Tone::Warn,
            Self::Failed => Tone::Bad,
            Self::Stopped => Tone::Dim,
        }
    }
}

/// A mesh and its processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MeshReport {
    /// Its id; `None` where nothing was ever started in this home.
    pub(crate) id: Option<u64>,
    /// What it does with money.
    pub(crate) mode: Option<String>,
    /// Its topology's name.
    pub(crate) profile: Option<String>,
    /// The supervisor's process id; `None` where it does not run.
    pub(crate) supervisor: Option<u32>,
    /// Its processes, in the order of the topology.
    pub(crate) processes: Vec<ProcessReport>,
    /// The kill switches that are on; read beside the supervisor.
    #[serde(default)]
    pub(crate) kill_switches: Vec<Switched>,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProcessReport {
    /// Its name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: String,
    /// Where it is.
    pub(crate) state: State,
    /// Whether it should run.
    pub(crate) wanted: bool,
    /// Its process id, while it runs.
    pub(crate) pid: Option<u32>,
    /// How long it has run.
    pub(crate) uptime_s: u64,
    /// How often it was started again.
    pub(crate) restarts: u64,
    /// Resident memory.
    pub(crate) rss_bytes: u64,
    /// What it said last.
    pub(crate) said: Said,
    /// Messages a second that come in.
    pub(crate) rate_in: f64,
    /// Messages a second that go out.
    pub(crate) rate_out: f64,
    /// Why it is where it is.
    pub(crate) reason: Option<String>,
}

impl MeshReport {
    /// Whether all that should run is ready, and something should.
    pub(crate) fn is_ready(&self) -> bool {
        let mut wanted = self.processes.iter().filter(|process| process.wanted).peekable();
        wanted.peek().is_some() && wanted.all(|process| process.state == State::Ready)
    }

    /// Whether any of its processes runs.
    pub(crate) fn runs(&self) -> bool {
        self.processes.iter().any(|process| process.pid.is_some())
    }

    /// The process of this name.
    pub(crate) fn process(&self, name: &str) -> Option<&ProcessReport> {
        self.processes.iter().find(|process| process.name == name)
    }

    /// `status --json`: a contract, pinned by a snapshot.
    pub(crate) fn to_json(&self) -> Value {
        let processes: Vec<Value> = self.processes.iter().map(ProcessReport::to_json).collect();
        let mut value = json!({
            "mesh": {"id": self.id, "mode": self.mode, "profile": self.profile, "ready": self.is_ready()},
            "processes": processes,
        });
        if !self.kill_switches.is_empty()
            && let Some(object) = value.as_object_mut()
        {
            object.insert("kill_switches".to_owned(), json!(self.kill_switches));
        }
        value
    }

    /// The table for people.
    pub(crate) fn rows(&self) -> Vec<Vec<(Tone, String)>> {
        let heading =
            ["process", "state", "pid", "uptime", "restarts", "in/s", "out/s", "dropped", "lag", "memory", ""];
        let mut rows = vec![heading.map(|title| (Tone::Dim, title.to_owned())).to_vec()];
        rows.extend(self.processes.iter().map(ProcessReport::row));
        rows
    }
}

impl ProcessReport {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "pid": self.pid,
            "uptime_s": self.uptime_s,
            "restarts": self.restarts,
            "rss_bytes": self.rss_bytes,
            "messages_in": self.said.messages_in,
            "messages_out": self.said.messages_out,
            "dropped": self.said.dropped,
            "lag_ns": self.said.lag_ns,
        })
    }

    fn row(&self) -> Vec<(Tone, String)> {
        let runs = self.pid.is_some();
        let when_it_runs = |text: String| (Tone::Plain, if runs { text } else { "-".to_owned() });
        let dropped = if self.said.dropped > 0 { Tone::Warn } else { Tone::Plain };
        vec![
            (Tone::Bold, self.name.clone()),
            (self.state.tone(), self.state.name().to_owned()),
            (Tone::Plain, self.pid.map_or("-".to_owned(), |pid| pid.to_string())),
            when_it_runs(console::duration(self.uptime_s)),
            (if self.restarts > 0 { Tone::Warn } else { Tone::Plain }, self.restarts.to_string()),
            when_it_runs(console::rate(self.rate_in)),
            when_it_runs(console::rate(self.rate_out)),
            (dropped, if runs { self.said.dropped.to_string() } else { "-".to_owned() }),
            when_it_runs(console::nanoseconds(self.said.lag_ns)),
            when_it_runs(console::bytes(self.rss_bytes)),
            (Tone::Dim, self.remark()),
        ]
    }

    fn remark(&self) -> String {
        let bad: u64 = self.said.bad_input.values().sum();
        let counted = (bad > 0).then(|| format!("bad input: {}", listed(&self.said.bad_input)));
        self.reason.iter().cloned().chain(counted).collect::<Vec<_>>().join("; ")
    }
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, state: State, wanted: bool) -> ProcessReport {
        ProcessReport {
            name: name.to_owned(),
            kind: "relay".to_owned(),
            state,
            wanted,
            pid: (state == State::Ready).then_some(42),
            uptime_s: 61,
            restarts: 1,
            rss_bytes: 5 << 20,
            said: Said { messages_in: 10, messages_out: 20, dropped: 1, lag_ns: 1500, ..Said::default() },
            rate_in: 1.5,
            rate_out: 20_000.0,
            reason: None,
        }
    }

    fn report(processes: Vec<ProcessReport>) -> MeshReport {
        let text = |text: &str| Some(text.to_owned());
        MeshReport {
            id: Some(7),
            mode: text("paper"),
            profile: text("test"),
            supervisor: Some(1),
            processes,
            kill_switches: Vec::new(),
        }
    }

    #[test]
    fn kill_switches_stand_there_only_while_they_are_on() {
        let mut report = report(vec![process("a", State::Ready, true)]);
        assert_eq!(report.to_json().get("kill_switches"), None);
        report.kill_switches.push(Switched {
            scope: String::new(),
            level: "halt_all".to_owned(),
            set_ns: 7,
            reason: "drill".to_owned(),
        });
        let found = report.to_json()["kill_switches"].to_string();
        assert_eq!(found, r#"[{"level":"halt_all","reason":"drill","scope":"","set_ns":7}]"#);
    }

    #[test]
    fn the_contract_of_status_as_json() {
        let report = report(vec![process("a", State::Ready, true), process("b", State::Stopped, false)]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&report.to_json()).expect("JSON"));
    }

    #[test]
    fn ready_means_that_all_that_is_wanted_is() {
        assert!(report(vec![process("a", State::Ready, true), process("b", State::Stopped, false)]).is_ready());
        assert!(!report(vec![process("a", State::Ready, true), process("b", State::Starting, true)]).is_ready());
        assert!(!report(vec![process("a", State::Stopped, false)]).is_ready());
        assert!(!report(vec![]).is_ready());
    }
}
