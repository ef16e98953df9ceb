//! A relay's settings. Each binary names its domain's policy with the defaults that go with it; a configuration changes single ones.

use serde::Deserialize;

/// What happens to a subscriber whose backlog is past its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlowPolicy {
    /// State-bearing messages are reduced to the last of each key, the others are dropped, and a gap notice says exactly
    /// which before it goes on. Memory stays within twice the bound.
    Conflate,
    /// It is disconnected with a reason; when it returns, it is given what it missed.
    Disconnect,
}

/// How a relay behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// What happens to slow subscribers.
    pub policy: SlowPolicy,
    /// Bytes that may wait for one subscriber.
    pub backlog_bytes: usize,
    /// Bytes of the latest messages that are kept for subscribers that return; 0 keeps none.
    pub retain_bytes: usize,
    /// Connections at a time.
    pub max_connections: usize,
    /// State-bearing keys whose last value is kept. Past it, values of new keys are passed on but not kept, and counted.
    pub max_last_values: usize,
    /// Room in the kernel for bytes on their way to one process.
    pub send_buffer_bytes: usize,
    /// From accepting a connection to its hello, at most.
    pub handshake_timeout_ms: u64,
    /// A connection that nothing was sent to for so long is sent a heartbeat.
    pub heartbeat_ms: u64,
    /// A connection that nothing came from for so long is ended.
    pub idle_timeout_ms: u64,
    /// How long a connection that is being ended is given to read why: it may be stopped, and costs little meanwhile.
    pub linger_ms: u64,
    /// Publishers are asked for fresh snapshots at most this often.
    pub snapshot_interval_ms: u64,
}

/// What a configuration file says: whatever is missing is the binary's default.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Changes {
    policy: Option<SlowPolicy>,
    backlog_bytes: Option<usize>,
    retain_bytes: Option<usize>,
    max_connections: Option<usize>,
    max_last_values: Option<usize>,
    send_buffer_bytes: Option<usize>,
    handshake_timeout_ms: Option<u64>,
    heartbeat_ms: Option<u64>,
    idle_timeout_ms: Option<u64>,
    linger_ms: Option<u64>,
    snapshot_interval_ms: Option<u64>,
}

impl Changes {
    pub(crate) fn over(self, defaults: RelaySettings) -> RelaySettings {
        RelaySettings {
            policy: self.policy.unwrap_or(defaults.policy),
            backlog_bytes: self.backlog_bytes.unwrap_or(defaults.backlog_bytes),
            retain_bytes: self.retain_bytes.unwrap_or(defaults.retain_bytes),
            max_connections: self.max_connections.unwrap_or(defaults.max_connections),
            max_last_values: self.max_last_values.unwrap_or(defaults.max_last_values),
            send_buffer_bytes: self.send_buffer_bytes.unwrap_or(defaults.send_buffer_bytes),
            handshake_timeout_ms: self.handshake_timeout_ms.unwrap_or(defaults.handshake_timeout_ms),
            heartbeat_ms: self.heartbeat_ms.unwrap_or(defaults.heartbeat_ms),
            idle_timeout_ms: self.idle_timeout_ms.unwrap_or(defaults.idle_timeout_ms),
            linger_ms: self.linger_ms.unwrap_or(defaults.linger_ms),
            snapshot_interval_ms: self.snapshot_interval_ms.unwrap_or(defaults.snapshot_interval_ms),
        }
    }
}

/// Clients end a connection after 30 s without a byte.
const MAX_HEARTBEAT_MS: u64 = 10_000;
/// A backlog must hold a few of the largest messages.
const MIN_BACKLOG_BYTES: usize = 4 * mesh_codec::MAX_FRAME_BYTES;

impl RelaySettings {
    /// Defaults where nothing may be dropped: a subscriber past its bound is disconnected, and what was sent lately is kept
    /// for its return.
    pub const DROP_NOTHING: Self = Self {
        policy: SlowPolicy::Disconnect,
        backlog_bytes: 8 << 20,
        retain_bytes: 16 << 20,
        max_connections: 256,
        max_last_values: 16_384,
        send_buffer_bytes: 1 << 20,
        handshake_timeout_ms: 2_000,
        heartbeat_ms: 5_000,
        idle_timeout_ms: 60_000,
        linger_ms: 60_000,
        snapshot_interval_ms: 250,
    };

    /// Defaults where what is old is worth nothing: a slow subscriber is given the last of each state, and nothing is kept
    /// for a return.
    pub const CONFLATE: Self =
        Self { policy: SlowPolicy::Conflate, retain_bytes: 0, max_last_values: 65_536, ..Self::DROP_NOTHING };

    /// Whether the settings go together.
    ///
    /// # Errors
    /// The first that does not, and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        let checks = [
            (
                self.backlog_bytes >= MIN_BACKLOG_BYTES,
                format!("backlog_bytes: expected at least {MIN_BACKLOG_BYTES}, found {}", self.backlog_bytes),
            ),
            (
                (1..=MAX_HEARTBEAT_MS).contains(&self.heartbeat_ms),
                format!("heartbeat_ms: expected 1 to {MAX_HEARTBEAT_MS}, found {}", self.heartbeat_ms),
            ),
            (
                self.idle_timeout_ms > 2 * self.heartbeat_ms,
                format!(
                    "idle_timeout_ms: expected more than twice heartbeat_ms ({}), found {}",
                    self.heartbeat_ms, self.idle_timeout_ms
                ),
            ),
            (
                // What waited when it was disconnected, and what comes until it is back.
                self.policy == SlowPolicy::Conflate || self.retain_bytes >= 2 * self.backlog_bytes,
                format!(
                    "retain_bytes: expected at least twice backlog_bytes ({}) where slow subscribers are disconnected, \
                     found {}",
                    self.backlog_bytes, self.retain_bytes
                ),
            ),
            (self.max_connections > 0, "max_connections: expected at least 1, found 0".to_owned()),
            (self.handshake_timeout_ms > 0, "handshake_timeout_ms: expected at least 1, found 0".to_owned()),
        ];
        checks.into_iter().find(|(good, _)| !good).map_or(Ok(()), |(_, text)| Err(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_go_together_are_refused_with_what_was_expected() {
        let good = RelaySettings::DROP_NOTHING;
        let least = RelaySettings {
            max_connections: 1,
            max_last_values: 0,
            send_buffer_bytes: 0,
            handshake_timeout_ms: 1,
            heartbeat_ms: 1,
            idle_timeout_ms: 3,
            linger_ms: 0,
            snapshot_interval_ms: 0,
            ..RelaySettings::DROP_NOTHING
        };
        for settings in [&good, &RelaySettings::CONFLATE, &least] {
            assert_eq!(settings.validate(), Ok(()));
        }
        let bad = [
            ("backlog_bytes", RelaySettings { backlog_bytes: 1000, ..good.clone() }),
            ("retain_bytes", RelaySettings { retain_bytes: 9 << 20, ..good.clone() }),
            ("heartbeat_ms", RelaySettings { heartbeat_ms: 30_000, ..good.clone() }),
            ("idle_timeout_ms", RelaySettings { idle_timeout_ms: 2, ..good.clone() }),
            ("max_connections", RelaySettings { max_connections: 0, ..good }),
        ];
        for (name, settings) in bad {
            let text = settings.validate().expect_err(name);
            assert!(text.starts_with(name) && text.contains("expected") && text.contains("found"), "{text}");
        }
    }
}
