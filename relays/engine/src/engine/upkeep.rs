//! The connections' upkeep: what the relay says to one, timeouts, heartbeats, and how one ends.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mesh_transport::control;
use mesh_types::LogoutReason;

use super::{LISTENER, Relay, settle};
use crate::connection::Phase;
use crate::counters::Counters;
use crate::handshake::Refusal;

impl Relay {
    /// Gives a connection what stands in `control`.
    pub(super) fn say(&mut self, slot: usize) {
        let said = match self.members.get_mut(slot) {
            Some(connection) => connection.backlog.push(&self.control),
            None => Ok(()),
        };
        self.control.clear();
        match said {
            Ok(()) => self.flush(slot),
            Err(_) => self.end(slot, Refusal::new(LogoutReason::TooSlow, "it does not read what the relay says")),
        }
    }

    pub(super) fn flush(&mut self, slot: usize) {
        let Some(connection) = self.members.get_mut(slot) else { return };
        match connection.flush() {
            Ok(messages) => {
                connection.told = self.now;
                Counters::add(&self.counters.messages_out, messages);
                settle(connection, &mut self.poller, &self.counters);
                if matches!(connection.phase, Phase::Closing { .. }) && connection.backlog.is_empty() {
                    self.remove(slot, "it was told why");
                }
            }
            Err(_) => self.remove(slot, "it is gone"),
        }
    }

    /// Ends a connection: it is told why, if it reads that in time.
    pub(super) fn end(&mut self, slot: usize, refusal: Refusal) {
        let Some(connection) = self.members.get_mut(slot) else { return };
        if matches!(connection.phase, Phase::Closing { .. }) {
            return;
        }
        let source = connection.member().map_or(0, |member| member.source.get());
        if refusal.reason != LogoutReason::Shutdown {
            self.counters.bad_input(refusal.kind);
            tracing::warn!(source, reason = %refusal.reason, text = refusal.text, "a connection is ended");
        }
        control::put_logout(&mut self.control, self.config.source, refusal.reason, &refusal.text);
        connection.backlog.end_with(&self.control);
        connection.filter = None;
        connection.phase = Phase::Closing { until: self.now + Duration::from_millis(self.config.settings.linger_ms) };
        self.control.clear();
        self.flush(slot);
    }

    pub(super) fn remove(&mut self, slot: usize, why: &'static str) {
        if let Some(connection) = self.members.remove(slot) {
            let source = connection.member().map_or(0, |member| member.source.get());
            tracing::debug!(source, why, "a connection is closed");
            self.count_connections();
        }
    }

    pub(super) fn count_connections(&self) {
        self.counters.connections.store(self.members.count() as u64, Ordering::Relaxed);
    }

    pub(super) fn on_tick(&mut self) {
        self.next_tick = self.now + self.tick;
        self.sample_lag = true;
        if !self.accepting {
            self.accepting = self.poller.add(self.listener.as_fd(), LISTENER, false).is_ok();
        }
        for slot in self.members.slots() {
            self.look_after(slot);
        }
        self.ask_for_snapshots();
    }

    /// Timeouts and heartbeats of one connection.
    fn look_after(&mut self, slot: usize) {
        let Some(connection) = self.members.get_mut(slot) else { return };
        let settings = &self.config.settings;
        let now = self.now;
        let silent_for = |since: Instant, limit_ms: u64| now.duration_since(since) >= Duration::from_millis(limit_ms);
        match connection.phase {
            Phase::Closing { until } if now >= until => self.remove(slot, "it did not read why it was ended"),
            Phase::Closing { .. } => {}
            Phase::Greeting if silent_for(connection.since, settings.handshake_timeout_ms) => {
                let text = format!("no hello within {} ms", settings.handshake_timeout_ms);
                self.end(slot, Refusal::new(LogoutReason::Timeout, text));
            }
            Phase::Greeting => {}
            Phase::Live(_) if silent_for(connection.heard, settings.idle_timeout_ms) => {
                let text = format!("nothing was heard for {} ms", settings.idle_timeout_ms);
                self.end(slot, Refusal::new(LogoutReason::Timeout, text));
            }
            Phase::Live(_) => {
                let unheard = silent_for(connection.heard, settings.heartbeat_ms)
                    && silent_for(connection.heartbeat, settings.heartbeat_ms);
                if unheard || silent_for(connection.told, settings.heartbeat_ms) {
                    connection.heartbeat = now;
                    control::put_heartbeat(&mut self.control, self.config.source, 0);
                    self.say(slot);
                }
            }
        }
    }
}
