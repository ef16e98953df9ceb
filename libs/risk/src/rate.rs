//! How many orders within a sliding window, of each kind and scope.

use std::collections::VecDeque;

use mesh_oms::PositionKey;
use mesh_types::Scope;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Orders that take new risk.
    Entry,
    /// Orders that close.
    Exit,
    /// Orders taken back.
    Cancel,
}

/// The last orders of each kind. Each kind has its own room: entries never use up that of exits.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    entries: VecDeque<(u64, PositionKey)>,
    exits: VecDeque<(u64, PositionKey)>,
    cancels: VecDeque<(u64, PositionKey)>,
}

/// Whether what `other` does counts within the scope of `owner`.
pub(crate) fn is_within(scope: Scope, owner: &PositionKey, other: &PositionKey) -> bool {
    match scope {
        Scope::Mesh => true,
        Scope::Venue => owner.0.venue() == other.0.venue(),
        Scope::Strategy => owner.1 == other.1,
        Scope::Symbol => owner.0 == other.0,
    }
}

impl Rates {
    /// Of a kind in the last `window_ns`, within the owner's scope. What lies in the future counts too: the clock went back.
    pub fn count(&self, counted: Counted, now_ns: u64, window_ns: u64, scope: Scope, owner: &PositionKey) -> u64 {
        let since_ns = now_ns.saturating_sub(window_ns);
        let recent = self.of(counted).iter().filter(|(at_ns, _)| *at_ns > since_ns);
        recent.filter(|(_, other)| is_within(scope, owner, other)).count() as u64
    }

    /// One more, at `at_ns`; forgets those that no window reaches.
    pub fn record(&mut self, counted: Counted, at_ns: u64, window_ns: u64, owner: PositionKey) {
        let since_ns = at_ns.saturating_sub(window_ns);
        let window = match counted {
            Counted::Entry => &mut self.entries,
            Counted::Exit => &mut self.exits,
            Counted::Cancel => &mut self.cancels,
        };
        window.retain(|(at_ns, _)| *at_ns > since_ns);
        window.push_back((at_ns, owner));
    }

    const fn of(&self, counted: Counted) -> &VecDeque<(u64, PositionKey)> {
        match counted {
            Counted::Entry => &self.entries,
            Counted::Exit => &self.exits,
            Counted::Cancel => &self.cancels,
        }
    }

    /// The times, oldest first of each kind.
    pub fn times(&self) -> impl Iterator<Item = u64> + '_ {
        [&self.entries, &self.exits, &self.cancels].into_iter().flatten().map(|(at_ns, _)| *at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_types::signal::StrategyName;

    fn owner(instrument: &str, strategy: &str) -> PositionKey {
        (instrument.parse().expect("an id"), StrategyName::truncated(strategy))
    }

    #[test]
    fn the_window_slides_and_each_scope_and_kind_counts_its_own() {
        let mut rates = Rates::default();
        let (btc, eth, okx) =
            (owner("binance:spot:BTCUSDT", "a"), owner("binance:spot:ETHUSDT", "b"), owner("okx:spot:BTC-USDT", "a"));
        for (at_ns, who) in [(100, btc), (110, eth), (119, okx)] {
            rates.record(Counted::Entry, at_ns, 20, who);
        }
        let count = |now_ns, scope| rates.count(Counted::Entry, now_ns, 20, scope, &btc);
        assert_eq!([119, 120, 131].map(|now_ns| count(now_ns, Scope::Mesh)), [3, 2, 1]);
        assert_eq!([Scope::Venue, Scope::Strategy, Scope::Symbol].map(|scope| count(119, scope)), [2, 2, 1]);
        assert_eq!(rates.count(Counted::Exit, 119, 20, Scope::Mesh, &btc), 0);
        rates.record(Counted::Entry, 200, 20, btc);
        assert_eq!(rates.times().collect::<Vec<_>>(), [200]);
    }
}
