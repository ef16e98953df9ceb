//! Messages counted by kind. The kinds come from outside, so their number is bounded.

use std::collections::BTreeMap;

/// Kinds that are told apart; more are counted together.
const MAX_KINDS: usize = 64;
/// Where those beyond are counted.
const OTHERS: &str = "others";
/// Characters of a kind that are kept.
const MAX_KIND_CHARACTERS: usize = 64;

/// How many of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    counts: BTreeMap<String, u64>,
}

impl Counts {
    /// None yet.
    pub const fn new() -> Self {
        Self { counts: BTreeMap::new() }
    }

    /// Counts one. True the first time that this kind comes: the time to show it.
    pub fn add(&mut self, kind: &str) -> bool {
        if let Some(count) = self.counts.get_mut(kind) {
            *count += 1;
            return false;
        }
        let room = self.counts.len() < MAX_KINDS;
        let name: String = if room { kind } else { OTHERS }.chars().take(MAX_KIND_CHARACTERS).collect();
        let count = self.counts.entry(name).or_default();
        *count += 1;
        *count == 1
    }

    /// Adds those of another.
    pub fn add_all(&mut self, others: &Self) {
        for (kind, count) in others.iter() {
            let room = self.counts.contains_key(kind) || self.counts.len() < MAX_KINDS;
            *self.counts.entry(if room { kind } else { OTHERS }.to_owned()).or_default() += count;
        }
    }

    /// Each kind and how many of it, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(kind, count)| (kind.as_str(), *count))
    }

    /// How many of a kind.
    pub fn of(&self, kind: &str) -> u64 {
        self.counts.get(kind).copied().unwrap_or(0)
    }

    /// How many of all kinds.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_new_once_and_kinds_are_bounded() {
        let mut counts = Counts::new();
        assert!(counts.add("a") && !counts.add("a"));
        for kind in 0..1_000 {
            counts.add(&format!("{kind}{}", "é".repeat(100)));
        }
        assert_eq!((counts.of("a"), counts.total(), counts.iter().count()), (2, 1_002, MAX_KINDS + 1));
        assert_eq!(counts.of(OTHERS), 1_000 - 63);
        assert!(!counts.add("yet another"), "those beyond are shown once, together");
    }
}
