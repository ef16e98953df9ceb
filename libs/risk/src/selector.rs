//! Which entries are taken: collected for a short window, ranked, taken in order, so many of a bar.
//!
//! Exits never come here: they go at once. Nor does an entry that adds to a position: it has been chosen before. What is
//! refused by risk leaves its place in the bar's budget to the next in rank.

use std::collections::BTreeMap;

use mesh_oms::PositionKey;
use mesh_types::signal::Signal;
use mesh_types::{MessageId, SignalAction};

/// Bars whose budgets are remembered; older ones take no more entries.
const BARS_KEPT: usize = 1_024;

/// A signal with its identity.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// What was proposed.
    pub signal: Signal,
    /// Its action.
    pub action: SignalAction,
    /// The message.
    pub id: MessageId,
}

/// Length and start of a bar, ns.
pub type Bar = (u64, u64);

impl Candidate {
    /// Whose position it is about.
    pub const fn owner(&self) -> PositionKey {
        (self.signal.instrument, self.signal.strategy)
    }

    /// When it was made, ns since the Unix epoch.
    pub fn made_ns(&self) -> u64 {
        self.id.timestamp_ns.get()
    }

    /// Start of the bar that it was decided on, ns since the Unix epoch.
    pub fn bar_ns(&self) -> u64 {
        self.signal.bar_ns.get()
    }

    /// The bar that it was decided on.
    pub fn bar(&self) -> Bar {
        (self.signal.interval_ns.get(), self.bar_ns())
    }

    /// The kernel's rule over score and the instrument's text, then strategy and action.
    fn rank(&self, other: &Self) -> core::cmp::Ordering {
        let text = |candidate: &Self| candidate.signal.instrument.to_string();
        let score = |candidate: &Self| candidate.signal.score.get();
        mesh_kernel::rank::compare((score(self), &text(self)), (score(other), &text(other)))
            .then_with(|| (self.signal.strategy, self.action).cmp(&(other.signal.strategy, other.action)))
    }
}

/// No entry of the bar is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoneLeft {
    /// Taken of the bar before.
    pub taken: usize,
    /// As many as may be.
    pub budget: usize,
}

/// Entries that wait, and what was taken of each bar.
#[derive(Clone, Debug)]
pub struct Selector {
    budget: usize,
    waiting: Vec<Candidate>,
    taken: BTreeMap<Bar, usize>,
}

impl Selector {
    /// Takes so many entries of each bar.
    pub const fn new(budget: usize) -> Self {
        Self { budget, waiting: Vec::new(), taken: BTreeMap::new() }
    }

    /// An entry waits for the end of the window; answers whether it is the first, so that the window begins.
    pub fn wait(&mut self, candidate: Candidate) -> bool {
        self.waiting.push(candidate);
        self.waiting.len() == 1
    }

    /// Entries that wait.
    pub fn waiting(&self) -> &[Candidate] {
        &self.waiting
    }

    /// A waiting entry is taken out.
    pub fn remove(&mut self, id: MessageId) -> Option<Candidate> {
        let at = self.waiting.iter().position(|candidate| candidate.id == id)?;
        Some(self.waiting.swap_remove(at))
    }

    /// Waiting entries of an owner from before a bar are void: the strategy has thought on.
    pub fn void_before(&mut self, owner: &PositionKey, bar_ns: u64) {
        self.waiting.retain(|candidate| candidate.owner() != *owner || candidate.bar_ns() >= bar_ns);
    }

    /// The window ends: the best comes first, ties in order of the instrument's text. What `stays` waits on.
    pub fn ranked(&mut self, stays: impl Fn(&Candidate) -> bool) -> Vec<Candidate> {
        let (staying, mut ranked): (Vec<_>, Vec<_>) = core::mem::take(&mut self.waiting).into_iter().partition(stays);
        self.waiting = staying;
        ranked.sort_by(Candidate::rank);
        ranked
    }

    /// Whether one more entry of the bar may be taken.
    ///
    /// # Errors
    /// When its budget is used up.
    pub fn room(&self, bar: Bar) -> Result<(), NoneLeft> {
        let taken = self.taken.get(&bar).copied().unwrap_or_default();
        if taken < self.budget { Ok(()) } else { Err(NoneLeft { taken, budget: self.budget }) }
    }

    /// An entry of the bar was taken, in this run or an earlier one.
    pub fn take(&mut self, bar: Bar) {
        *self.taken.entry(bar).or_default() += 1;
        while self.taken.len() > BARS_KEPT {
            self.taken.pop_first();
        }
    }

    /// What was taken of each bar, as numbers: equal ones, equal answers.
    pub fn fingerprint(&self) -> impl Iterator<Item = u64> + '_ {
        self.taken.iter().flat_map(|((interval_ns, bar_ns), taken)| [*interval_ns, *bar_ns, *taken as u64])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_types::{Domain, SourceId};

    fn candidate(symbol: &str, score: f64, bar_ns: u64) -> Candidate {
        let instrument = format!("binance:spot:{symbol}").parse().expect("an id");
        let signal = Signal {
            instrument,
            score: score.into(),
            bar_ns: bar_ns.into(),
            interval_ns: 60.into(),
            ..Signal::default()
        };
        let id = MessageId::new(Domain::Signal, SourceId::new(20), bar_ns, 1);
        Candidate { signal, action: SignalAction::EnterLong, id }
    }

    #[test]
    fn the_best_score_is_first_and_ties_go_by_the_instruments_text() {
        let mut selector = Selector::new(9);
        let offered = [("BTCUSDT", f64::NAN), ("ETHUSDT", 120.0), ("ADAUSDT", 120.0), ("XRPUSDT", 310.5)];
        let first = offered.map(|(symbol, score)| selector.wait(candidate(symbol, score, 1)));
        assert_eq!(first, [true, false, false, false], "the first begins the window");
        selector.wait(candidate("LATER", 999.0, 2));
        let ranked = selector.ranked(|candidate| candidate.bar_ns() == 2);
        let order: Vec<_> =
            ranked.iter().map(|c| c.signal.instrument.symbol().expect("one").as_str().to_owned()).collect();
        assert_eq!(order, ["XRPUSDT", "ADAUSDT", "ETHUSDT", "BTCUSDT"]);
        assert_eq!(selector.waiting().len(), 1, "what stays waits on");
    }

    #[test]
    fn each_bar_has_its_budget() {
        let mut selector = Selector::new(2);
        let (bar, next) = ((60, 1), (60, 2));
        for _ in 0..2 {
            assert_eq!(selector.room(bar), Ok(()));
            selector.take(bar);
        }
        assert_eq!(selector.room(bar), Err(NoneLeft { taken: 2, budget: 2 }));
        assert_eq!(selector.room(next), Ok(()));
        (2..=BARS_KEPT as u64 + 1).for_each(|bar_ns| selector.take((60, bar_ns)));
        assert_eq!(selector.taken.len(), BARS_KEPT);
    }

    #[test]
    fn an_exit_voids_older_entries_of_its_owner() {
        let mut selector = Selector::new(2);
        let (old, new, other) = (candidate("A", 1.0, 1), candidate("A", 1.0, 2), candidate("B", 1.0, 1));
        for candidate in [old, new, other] {
            selector.wait(candidate);
        }
        selector.void_before(&old.owner(), 2);
        assert_eq!(selector.waiting().iter().map(Candidate::bar_ns).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(selector.remove(new.id).map(|candidate| candidate.bar_ns()), Some(2));
        assert!(selector.remove(new.id).is_none());
    }
}
