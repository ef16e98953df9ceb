//! The rules of supervision as a state machine: what happened goes in with its time, what to do comes out. No processes, no
//! clock, no files here.
//!
//! Invariants (each a test below): a process is started only while it is wanted, down, and all that it needs is ready;
//! never twice; it is asked to stop before it is killed; when all stop, each stops after those that need it.

use std::collections::VecDeque;

use mesh_topology::{Limits, Policy, Restart, Topology};

/// What to do with a process, by its index in the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start it.
    Start(usize),
    /// Ask it to stop.
    Terminate(usize),
    /// End it.
    Kill(usize),
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With exit code 0.
    Clean,
    /// Its configuration is refused (exit code 2): starting it again would not help.
    Refused,
    /// Otherwise.
    Failed(String),
}

/// Where a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not running, and not to be started.
    Down,
    /// To be started once what it needs is ready.
    Waiting,
    /// Running, not ready.
    Starting,
    /// Running and ready.
    Ready,
    /// Ended; it is started again at this time.
    Backoff { until_ms: u64 },
    /// Ended for good, until a person starts it.
    Failed,
    /// Asked to stop; killed at this time.
    Stopping { kill_at_ms: u64, killed: bool, start_again: bool },
}

impl Phase {
    /// Whether a process of the system belongs to it.
    pub(crate) const fn runs(&self) -> bool {
        matches!(self, Self::Starting | Self::Ready | Self::Stopping { .. })
    }
}

/// One supervised process.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    name: String,
    needs: Vec<usize>,
    needed_by: Vec<usize>,
    restart: Restart,
    limits: Limits,
    /// Whether it should run.
    pub(crate) wanted: bool,
    /// Where it is.
    pub(crate) phase: Phase,
    /// How often it was started again.
    pub(crate) restarts: u64,
    /// Why it is where it is, for people.
    pub(crate) reason: Option<String>,
    /// When it ended by itself, within the window.
    ends_ms: VecDeque<u64>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Machine {
    units: Vec<Unit>,
    /// In order of start.
    order: Vec<usize>,
    stopping_all: bool,
}

impl Machine {
    /// Everything down and not wanted.
    pub(crate) fn new(topology: &Topology) -> Self {
        let needs = topology.needs();
        let needed_by = |index: usize| -> Vec<usize> {
            needs.iter().enumerate().filter(|(_, needs)| needs.contains(&index)).map(|(other, _)| other).collect()
        };
        let units = topology.processes.iter().zip(&needs).enumerate().map(|(index, (process, own))| Unit {
            name: process.name.clone(),
            needs: own.clone(),
            needed_by: needed_by(index),
            restart: process.restart,
            limits: process.limits,
            wanted: false,
            phase: Phase::Down,
            restarts: 0,
            reason: None,
            ends_ms: VecDeque::new(),
        });
        Self { units: units.collect(), order: topology.start_order(), stopping_all: false }
    }

    /// The processes, in the order of the topology.
    pub(crate) fn units(&self) -> &[Unit] {
        &self.units
    }

    /// True once all were asked to stop: nothing is started any more.
    pub(crate) const fn is_stopping(&self) -> bool {
        self.stopping_all
    }

    /// True once all were asked to stop and have.
    pub(crate) fn all_stopped(&self) -> bool {
        self.stopping_all && self.units.iter().all(|unit| !unit.phase.runs())
    }

    /// When [`Machine::advance`] has something to do again though nothing happens.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.units
            .iter()
            .filter_map(|unit| match unit.phase {
                Phase::Backoff { until_ms } => Some(until_ms),
                Phase::Stopping { kill_at_ms, killed: false, .. } => Some(kill_at_ms),
                _ => None,
            })
            .min()
    }

    /// A process of an earlier supervisor goes on under this one.
    pub(crate) fn adopt(&mut self, index: usize) {
        if let Some(unit) = self.units.get_mut(index) {
            unit.phase = Phase::Starting;
            unit.reason = None;
        }
    }

    /// What an earlier supervisor knew of a process.
    pub(crate) fn remember(&mut self, index: usize, wanted: bool, restarts: u64) {
        if let Some(unit) = self.units.get_mut(index) {
            unit.wanted = wanted;
            unit.restarts = restarts;
        }
    }

    /// A person wants it to run: what it did before is forgotten.
    pub(crate) fn start(&mut self, index: usize) {
        let Some(unit) = self.units.get_mut(index) else { return };
        unit.wanted = true;
        unit.ends_ms.clear();
        match &mut unit.phase {
            Phase::Down | Phase::Failed | Phase::Backoff { .. } => {
                unit.phase = Phase::Waiting;
                unit.reason = None;
            }
            Phase::Stopping { start_again, .. } => *start_again = true,
            Phase::Waiting | Phase::Starting | Phase::Ready => {}
        }
    }

    /// A person wants it down.
    pub(crate) fn stop(&mut self, index: usize, now_ms: u64, actions: &mut Vec<Action>) {
        let Some(unit) = self.units.get_mut(index) else { return };
        unit.wanted = false;
        match &mut unit.phase {
            Phase::Starting | Phase::Ready => unit.terminate(index, now_ms, false, actions),
            Phase::Stopping { start_again, .. } => *start_again = false,
            Phase::Waiting | Phase::Backoff { .. } | Phase::Failed => unit.phase = Phase::Down,
            Phase::Down => {}
        }
        if let Some(unit) = self.units.get_mut(index) {
            unit.reason = None;
        }
    }

    /// A person wants it fresh.
    pub(crate) fn restart(&mut self, index: usize, now_ms: u64, actions: &mut Vec<Action>) {
        match self.units.get_mut(index) {
            Some(unit) if matches!(unit.phase, Phase::Starting | Phase::Ready) => {
                unit.wanted = true;
                unit.ends_ms.clear();
                unit.terminate(index, now_ms, true, actions);
            }
            _ => self.start(index),
        }
    }

    /// All are to stop, each after those that need it.
    pub(crate) fn stop_all(&mut self) {
        self.stopping_all = true;
        for unit in &mut self.units {
            unit.wanted = false;
        }
    }

    /// It uses more memory than it may: it is stopped, and started again as after a failure.
    pub(crate) fn too_large(&mut self, index: usize, now_ms: u64, actions: &mut Vec<Action>) {
        if let Some(unit) =
            self.units.get_mut(index).filter(|unit| matches!(unit.phase, Phase::Starting | Phase::Ready))
        {
            unit.terminate(index, now_ms, unit.restart.policy != Policy::Never, actions);
            unit.reason = Some("it used more memory than limits.rss_kill_bytes".to_owned());
        }
    }

    /// It said whether it is ready, or did not answer.
    pub(crate) fn probed(&mut self, index: usize, ready: bool) {
        if let Some(unit) = self.units.get_mut(index) {
            match (&unit.phase, ready) {
                (Phase::Starting, true) => {
                    unit.phase = Phase::Ready;
                    unit.reason = None;
                }
                (Phase::Ready, false) => unit.phase = Phase::Starting,
                _ => {}
            }
        }
    }

    /// It ended, or could not be started.
    pub(crate) fn ended(&mut self, index: usize, now_ms: u64, end: End) {
        let Some(unit) = self.units.get_mut(index) else { return };
        unit.phase = match unit.phase {
            Phase::Stopping { start_again: true, .. } if unit.wanted => {
                unit.restarts += 1;
                Phase::Waiting
            }
            Phase::Stopping { .. } => Phase::Down,
            _ if !unit.wanted => Phase::Down,
            _ => unit.after_end(now_ms, end),
        };
    }

    /// Does what the time and the others' phases call for. To be called after everything that happened.
    pub(crate) fn advance(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        for position in 0..self.order.len() {
            let Some(index) = self.order.get(position).copied() else { continue };
            let missing = self.missing_need(index);
            let needed = self.is_needed_by_running(index);
            let stopping_all = self.stopping_all;
            let Some(unit) = self.units.get_mut(index) else { continue };
            if let Phase::Backoff { until_ms } = unit.phase
                && until_ms <= now_ms
            {
                unit.restarts += 1;
                unit.phase = Phase::Waiting;
            }
            match &mut unit.phase {
                Phase::Waiting if !unit.wanted => unit.phase = Phase::Down,
                Phase::Waiting => match missing {
                    Some(need) => unit.reason = Some(format!("waits for {need}")),
                    None => {
                        // What it waited for is there; why it ended before is still of interest.
                        unit.reason = unit.reason.take().filter(|reason| !reason.starts_with("waits for"));
                        unit.phase = Phase::Starting;
                        actions.push(Action::Start(index));
                    }
                },
                Phase::Backoff { .. } | Phase::Failed if stopping_all => unit.phase = Phase::Down,
                Phase::Starting | Phase::Ready if stopping_all && !needed => {
                    unit.terminate(index, now_ms, false, actions);
                }
                Phase::Stopping { kill_at_ms, killed, .. } if !*killed && *kill_at_ms <= now_ms => {
                    *killed = true;
                    actions.push(Action::Kill(index));
                }
                _ => {}
            }
        }
    }

    /// The first of its needs that is wanted and not ready; what a person has stopped is not waited for.
    fn missing_need(&self, index: usize) -> Option<String> {
        let needs = &self.units.get(index)?.needs;
        let mut units = needs.iter().filter_map(|need| self.units.get(*need));
        units.find(|unit| unit.wanted && unit.phase != Phase::Ready).map(|unit| unit.name.clone())
    }

    fn is_needed_by_running(&self, index: usize) -> bool {
        let runs = |other: &usize| self.units.get(*other).is_some_and(|unit| unit.phase.runs());
        self.units.get(index).is_some_and(|unit| unit.needed_by.iter().any(runs))
    }
}

impl Unit {
    fn terminate(&mut self, index: usize, now_ms: u64, start_again: bool, actions: &mut Vec<Action>) {
        let kill_at_ms = now_ms.saturating_add(self.limits.stop_timeout_ms);
        self.phase = Phase::Stopping { kill_at_ms, killed: false, start_again };
        actions.push(Action::Terminate(index));
    }

    fn after_end(&mut self, now_ms: u64, end: End) -> Phase {
        let said = match &end {
            End::Clean => "it ended by itself".to_owned(),
            End::Refused => "its configuration is refused".to_owned(),
            End::Failed(how) => how.clone(),
        };
        let again = match (self.restart.policy, &end) {
            (_, End::Refused) | (Policy::Never, _) => false,
            (Policy::OnFailure, end) => *end != End::Clean,
            (Policy::Always, _) => true,
        };
        if !again {
            self.reason = Some(said);
            if end != End::Clean {
                return Phase::Failed;
            }
            self.wanted = false;
            return Phase::Down;
        }
        self.ends_ms.push_back(now_ms);
        while self.ends_ms.front().is_some_and(|at| at.saturating_add(self.restart.window_ms) < now_ms) {
            self.ends_ms.pop_front();
        }
        let ends = u32::try_from(self.ends_ms.len()).unwrap_or(u32::MAX);
        if ends >= self.restart.give_up_after {
            let window_s = self.restart.window_ms / 1000;
            self.reason = Some(format!("{said}; it ended {ends} times within {window_s} s, so it stays down"));
            return Phase::Failed;
        }
        let doubled = self.restart.backoff_min_ms.saturating_mul(1 << (ends - 1).min(32));
        let delay_ms = doubled.min(self.restart.backoff_max_ms);
        self.reason = Some(format!("{said}; it is started again after {delay_ms} ms"));
        Phase::Backoff { until_ms: now_ms.saturating_add(delay_ms) }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
