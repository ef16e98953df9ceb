//! Kill switches: one for all, and one for each strategy, venue and instrument that is named. The highest that applies holds.

use std::collections::BTreeMap;

use mesh_types::signal::StrategyName;
use mesh_types::system::KillSwitch;
use mesh_types::{InstrumentId, KillLevel};

/// What is switched, by name; the empty name is all.
#[derive(Clone, Debug, Default)]
pub struct KillSwitches {
    by_scope: BTreeMap<StrategyName, (u64, KillLevel)>,
}

/// Whether a name is that of an instrument's venue, its symbol, or it as a whole.
pub(crate) fn names(name: &StrategyName, instrument: &InstrumentId) -> bool {
    let Some(name) = name.as_str().filter(|name| !name.is_empty()) else { return false };
    instrument.venue().is_some_and(|venue| venue.name() == name)
        || instrument.symbol().is_some_and(|symbol| symbol.as_str() == name)
        || instrument.to_string() == name
}

impl KillSwitches {
    /// Takes a message. An older one than the last of its scope is ignored, of two with one time the higher level holds, and
    /// a level that this build does not know stops everything.
    pub fn apply(&mut self, switch: &KillSwitch) {
        let level = switch.level.get().unwrap_or(KillLevel::Hard);
        let next = (switch.set_ns.get(), level);
        let known = self.by_scope.entry(switch.scope).or_insert(next);
        *known = (*known).max(next);
    }

    /// What holds for a strategy in an instrument.
    pub fn level(&self, strategy: &StrategyName, instrument: &InstrumentId) -> KillLevel {
        let applies =
            |name: &StrategyName| *name == StrategyName::default() || name == strategy || names(name, instrument);
        let levels = self.by_scope.iter().filter(|(name, (_, level))| *level > KillLevel::None && applies(name));
        levels.map(|(_, (_, level))| *level).max().unwrap_or(KillLevel::None)
    }

    /// Every scope with time and level, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&StrategyName, u64, KillLevel)> + '_ {
        self.by_scope.iter().map(|(scope, (set_ns, level))| (scope, *set_ns, *level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_types::wire::Coded;

    fn switch(scope: &str, level: KillLevel, set_ns: u64) -> KillSwitch {
        KillSwitch {
            scope: StrategyName::truncated(scope),
            level: level.into(),
            set_ns: set_ns.into(),
            ..KillSwitch::default()
        }
    }

    #[test]
    fn the_newest_holds_and_the_highest_of_the_scopes_that_apply() {
        let mut switches = KillSwitches::default();
        let btc: InstrumentId = "binance:spot:BTCUSDT".parse().expect("an id");
        let level = |switches: &KillSwitches, strategy: &str| switches.level(&StrategyName::truncated(strategy), &btc);
        switches.apply(&switch("", KillLevel::CloseOnly, 5));
        switches.apply(&switch("momentum", KillLevel::HaltAll, 6));
        assert_eq!(level(&switches, "momentum"), KillLevel::HaltAll);
        assert_eq!(level(&switches, "other"), KillLevel::CloseOnly);
        switches.apply(&switch("momentum", KillLevel::None, 7));
        switches.apply(&switch("momentum", KillLevel::Hard, 6));
        assert_eq!(level(&switches, "momentum"), KillLevel::CloseOnly);
        for name in ["okx", "ETHUSDT", "binance:spot:ETHUSDT"] {
            switches.apply(&switch(name, KillLevel::Hard, 8));
        }
        assert_eq!(level(&switches, "momentum"), KillLevel::CloseOnly, "of others");
        for name in ["binance", "BTCUSDT", "binance:spot:BTCUSDT"] {
            switches.apply(&switch(name, KillLevel::HaltAll, 9));
            assert_eq!(level(&switches, "momentum"), KillLevel::HaltAll, "{name}");
            switches.apply(&switch(name, KillLevel::None, 10));
        }
        switches.apply(&KillSwitch { level: Coded::from_raw(77), ..switch("", KillLevel::None, 8) });
        assert_eq!(level(&switches, "momentum"), KillLevel::Hard);
    }
}
