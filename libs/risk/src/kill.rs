//! Kill switches: one for all, and one for each strategy, venue and instrument that is named. The highest that applies holds.
//!
//! They come from four places: a message, which the command `mesh kill` sends or writes into the ledger; the process's
//! environment; and a file that the process looks at. What the last two say is for everything, lasts as long as they say so,
//! and is never written down. A reset by message does not end it.

use std::collections::BTreeMap;

use mesh_types::signal::StrategyName;
use mesh_types::system::KillSwitch;
use mesh_types::{InstrumentId, KillLevel};

/// What is switched, by name; the empty name is all.
#[derive(Clone, Debug, Default)]
pub struct KillSwitches {
    by_scope: BTreeMap<StrategyName, (u64, KillLevel)>,
    by_source: BTreeMap<KillSource, KillLevel>,
}

/// Where a switch comes from that is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KillSource {
    /// The process's environment.
    Environment = 1,
    /// A file.
    File = 2,
}

impl KillSource {
    /// The source with this number.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Environment),
            2 => Some(Self::File),
            _ => None,
        }
    }
}

/// The level that a text names, from the environment or a file that is there: `close_only`, `halt_all`, `hard`, or `none` for
/// off. Nothing written means no entries, as `mesh kill` without a level does; what is not understood stops all but what a
/// person asks for: whoever wrote it wanted something to stop.
pub fn parse_level(text: &str) -> KillLevel {
    match text.trim().to_ascii_lowercase().as_str() {
        "" => KillLevel::CloseOnly,
        "none" | "off" => KillLevel::None,
        word => word.parse().unwrap_or(KillLevel::HaltAll),
    }
}

/// Whether a name is that of an instrument's venue, its symbol, or it as a whole.
pub(crate) fn names(name: &StrategyName, instrument: &InstrumentId) -> bool {
    let Some(name) = name.as_str().filter(|name| !name.is_empty()) else { return false };
    instrument.venue().is_some_and(|venue| venue.name() == name)
        || instrument.symbol().is_some_and(|symbol| symbol.as_str() == name)
        || instrument.to_string() == name
}

/// What the environment says: the first of these variables that is set and not empty. `HARD` ones are for any value but `0`.
pub fn environment(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let hard = ["ALPHAMESH_HARD_KILL_SWITCH", "AI_QUANT_HARD_KILL_SWITCH"];
    if hard.iter().any(|name| set(name).is_some_and(|value| value.trim() != "0")) {
        return Some(KillLevel::Hard.name().to_owned());
    }
    ["ALPHAMESH_KILL_SWITCH", "AI_QUANT_KILL_SWITCH"].iter().find_map(|name| set(name))
}

/// The file that the environment names as a kill switch.
pub fn file_of_environment(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let names = ["ALPHAMESH_KILL_SWITCH_FILE", "AI_QUANT_KILL_SWITCH_FILE"];
    names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()))
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

    /// What a source says now.
    pub fn set_source(&mut self, source: KillSource, level: KillLevel) {
        self.by_source.insert(source, level);
    }

    /// What the sources say, in order.
    pub fn sources(&self) -> impl Iterator<Item = (KillSource, KillLevel)> + '_ {
        self.by_source.iter().map(|(source, level)| (*source, *level))
    }

    /// What holds for a strategy in an instrument.
    pub fn level(&self, strategy: &StrategyName, instrument: &InstrumentId) -> KillLevel {
        let applies =
            |name: &StrategyName| *name == StrategyName::default() || name == strategy || names(name, instrument);
        let levels = self.by_scope.iter().filter(|(name, (_, level))| *level > KillLevel::None && applies(name));
        let levels = levels.map(|(_, (_, level))| *level).chain(self.by_source.values().copied());
        levels.max().unwrap_or(KillLevel::None)
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
    #[test]
    fn environment_and_file_hold_as_long_as_they_say_so() {
        let mut switches = KillSwitches::default();
        let btc: InstrumentId = "binance:spot:BTCUSDT".parse().expect("an id");
        let level = |switches: &KillSwitches| switches.level(&StrategyName::truncated("a"), &btc);
        switches.apply(&switch("", KillLevel::CloseOnly, 5));
        switches.set_source(KillSource::File, KillLevel::HaltAll);
        switches.set_source(KillSource::Environment, KillLevel::Hard);
        assert_eq!(level(&switches), KillLevel::Hard);
        switches.set_source(KillSource::Environment, KillLevel::None);
        switches.apply(&switch("", KillLevel::None, 6));
        assert_eq!(level(&switches), KillLevel::HaltAll, "a reset by message is not one of the file");
        switches.set_source(KillSource::File, KillLevel::None);
        assert_eq!(level(&switches), KillLevel::None);
    }

    #[test]
    fn the_environment_is_read_by_its_names() {
        let says = |set: &'static [(&str, &str)]| {
            let variable =
                |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            (environment(variable), file_of_environment(variable))
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(says(&[("ALPHAMESH_KILL_SWITCH", "")]), (None, None));
        assert_eq!(says(&[("AI_QUANT_KILL_SWITCH", "close_only")]), (text("close_only"), None));
        assert_eq!(
            says(&[("ALPHAMESH_KILL_SWITCH", "halt_all"), ("AI_QUANT_HARD_KILL_SWITCH", "0")]).0,
            text("halt_all")
        );
        assert_eq!(says(&[("ALPHAMESH_KILL_SWITCH", "halt_all"), ("AI_QUANT_HARD_KILL_SWITCH", "1")]).0, text("hard"));
        assert_eq!(says(&[("AI_QUANT_KILL_SWITCH_FILE", "/tmp/kill")]).1, text("/tmp/kill"));
    }

    #[test]
    fn what_is_not_understood_stops() {
        let words = ["close_only", " HALT_ALL\n", "hard", "none", "off", "", "\n", "stop!!", "\u{fffd}"];
        let expected = [
            KillLevel::CloseOnly,
            KillLevel::HaltAll,
            KillLevel::Hard,
            KillLevel::None,
            KillLevel::None,
            KillLevel::CloseOnly,
            KillLevel::CloseOnly,
            KillLevel::HaltAll,
            KillLevel::HaltAll,
        ];
        assert_eq!(words.map(parse_level), expected);
    }
}
