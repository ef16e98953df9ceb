//! Kill switches: one for all, and one for each strategy. The higher of the two holds.

use std::collections::BTreeMap;

use mesh_types::KillLevel;
use mesh_types::signal::StrategyName;
use mesh_types::system::KillSwitch;

/// What is switched, by scope; the empty scope is all.
#[derive(Clone, Debug, Default)]
pub struct KillSwitches {
    by_scope: BTreeMap<StrategyName, (u64, KillLevel)>,
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

    /// What holds for a strategy.
    pub fn level(&self, strategy: &StrategyName) -> KillLevel {
        let of = |scope: &StrategyName| self.by_scope.get(scope).map_or(KillLevel::None, |(_, level)| *level);
        of(strategy).max(of(&StrategyName::default()))
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
    fn the_newest_holds_and_the_higher_of_two_scopes() {
        let mut switches = KillSwitches::default();
        let momentum = StrategyName::truncated("momentum");
        switches.apply(&switch("", KillLevel::CloseOnly, 5));
        switches.apply(&switch("momentum", KillLevel::HaltAll, 6));
        assert_eq!(switches.level(&momentum), KillLevel::HaltAll);
        assert_eq!(switches.level(&StrategyName::truncated("other")), KillLevel::CloseOnly);
        switches.apply(&switch("momentum", KillLevel::None, 7));
        switches.apply(&switch("momentum", KillLevel::Hard, 6));
        assert_eq!(switches.level(&momentum), KillLevel::CloseOnly);
        switches.apply(&KillSwitch { level: Coded::from_raw(77), ..switch("", KillLevel::None, 8) });
        assert_eq!(switches.level(&momentum), KillLevel::Hard);
    }
}
