//! Faults that can be switched on: every so many events, or the next so many. Deterministic, and counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What can go wrong, and the events it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A depth event is not sent. Counts depth events.
    Gap,
    /// A depth event is sent twice. Counts depth events.
    Duplicate,
    /// A depth event is sent after the one that follows it. Counts depth events.
    Reorder,
    /// A book's checksum is another one. Counts depth events that have one.
    Checksum,
    /// A frame is cut in half. Counts frames of streams.
    Malformed,
    /// A connection stays open and is told nothing more. Counts deliveries to connections.
    Mute,
    /// A stream of a book says nothing more on a connection until it is subscribed there again. Counts deliveries of depth
    /// events to connections.
    MuteStream,
    /// A connection is closed without a word. Counts deliveries to connections.
    Disconnect,
    /// All connections are told that the venue shuts down, and closed. Counts frames of streams.
    ServerShutdown,
    /// A subscription is acknowledged and nothing is sent for it. Counts subscriptions.
    SilentSubscription,
    /// A depth snapshot is older than what the streams said since. Counts depth requests.
    LateSnapshot,
    /// An order is placed, and answered with status 503 and code -1007. Counts orders.
    ErrorAfterAccept,
    /// An order is placed, and never answered. Counts orders.
    TimeoutAfterAccept,
    /// A report of an order is not sent to its owner. Counts reports.
    LostReport,
    /// A report of an order is sent twice. Counts reports.
    DuplicateReport,
    /// A report of an order is sent after the one that follows it. Counts reports.
    LateReport,
    /// The accounts' streams stay open and say nothing more, until one follows anew. Counts reports.
    MuteReports,
    /// Status 503: the venue is under maintenance, and nothing is executed. Counts requests.
    Maintenance,
    /// A proxy's HTML with status 502 in place of an answer; nothing is executed. Counts requests.
    BadGateway,
    /// Status 429 with `Retry-After`; nothing is executed. Counts requests.
    TooManyRequests,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// At every so many events; 0 for never.
    pub every: u64,
    /// At the next so many events.
    pub next: u64,
}

/// A rule and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// The rule; `next` counts down.
    #[serde(flatten)]
    pub rule: Rule,
    /// Events that were counted.
    pub seen: u64,
    /// Faults that were made.
    pub made: u64,
}

/// All faults of a venue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(BTreeMap<Fault, State>);

impl Faults {
    /// Faults with rules from the start.
    pub fn new(rules: &BTreeMap<Fault, Rule>) -> Self {
        let mut faults = Self::default();
        faults.set(rules);
        faults
    }

    /// Changes rules; faults that are not named keep theirs, and all keep their counts.
    pub fn set(&mut self, rules: &BTreeMap<Fault, Rule>) {
        for (fault, rule) in rules {
            self.0.entry(*fault).or_default().rule = *rule;
        }
    }

    /// How often a fault was made.
    pub fn made(&self, fault: Fault) -> u64 {
        self.0.get(&fault).map_or(0, |state| state.made)
    }

    /// Counts an event of `fault`, and says whether it goes wrong.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        let state = self.0.entry(fault).or_default();
        state.seen += 1;
        let commanded = state.rule.next > 0;
        state.rule.next -= u64::from(commanded);
        let due = state.rule.every > 0 && state.seen.is_multiple_of(state.rule.every);
        state.made += u64::from(commanded || due);
        commanded || due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_on_command_and_by_count() {
        let mut faults = Faults::new(&BTreeMap::from([(Fault::Gap, Rule { every: 3, next: 1 })]));
        let struck: Vec<bool> = (0..7).map(|_| faults.strikes(Fault::Gap)).collect();
        assert_eq!(struck, [true, false, true, false, false, true, false]);
        assert!(!faults.strikes(Fault::Mute));
        faults.set(&BTreeMap::from([(Fault::Mute, Rule { every: 0, next: 2 })]));
        assert!(faults.strikes(Fault::Mute) && faults.strikes(Fault::Mute) && !faults.strikes(Fault::Mute));
        let json = serde_json::to_value(&faults).expect("JSON");
        assert_eq!(json["gap"], serde_json::json!({"every": 3, "next": 0, "seen": 7, "made": 3}));
    }
}
