//! Many configurations side by side over series that are computed once.

use core::ops::Range;
use std::collections::BTreeSet;

use mesh_kernel::Bar;
use mesh_kernel::run::{Fill, Run, RunRules, Summary};
use mesh_kernel::strategy::Strategy;
use mesh_kernel::strategy::series::{FromSeries, SeriesKey, SeriesState};

use crate::history::History;
use crate::past::Past;
use crate::skip::Skip;
pub use crate::swept::MAX_SLOTS;
use crate::swept::{Order, Swept, View};
use crate::vectors::bits_where;

/// Bars that all configurations take before the next ones: their series stay in the processor's cache.
const BLOCK: usize = 1024;

/// The indicator series of some configurations, each computed once. It is shared between threads, each of which
/// advances lanes of its own.
#[derive(Clone, Debug)]
pub struct Shared<'h, S: Strategy> {
    history: &'h History,
    keys: Vec<SeriesKey>,
    series: Vec<Vec<f64>>,
    orders: Vec<Vec<Order>>,
    params: Vec<S::Params>,
    slots: Vec<Slots>,
    /// The slot with the most different series, of those that are read.
    varied: usize,
}

/// The orders of pairs of series, block by block, so that a series that stands in several pairs is still near.
fn compare(pairs: &[[&[f64]; 2]], bars: usize) -> Vec<Vec<Order>> {
    let word = |(a, b)| [bits_where([a, b], |[a, b]| a > b), bits_where([a, b], |[a, b]| a < b)];
    let mut orders: Vec<_> = pairs.iter().map(|_| Vec::with_capacity(bars.div_ceil(64))).collect();
    for block in (0..bars).step_by(BLOCK) {
        for (pair, order) in pairs.iter().zip(&mut orders) {
            let [a, b] = pair.map(|series| &series[block..(block + BLOCK).min(bars)]);
            order.extend(a.chunks(64).zip(b.chunks(64)).map(word));
        }
    }
    orders
}

/// What a configuration reads: numbers of series, by slot, and of their order.
#[derive(Clone, Copy, Debug)]
struct Slots {
    series: [u32; MAX_SLOTS],
    order: u32,
}

/// A configuration under way.
#[derive(Clone, Copy, Debug)]
pub struct Lane<S: Strategy> {
    /// Its number among those that `Shared` was made of.
    pub configuration: u32,
    /// The next bar.
    next: u32,
    run: Run<S>,
}

impl<S: Strategy> Lane<S> {
    /// What came of it so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.run.summary()
    }

    /// Bars that it has taken.
    #[must_use]
    pub const fn bars(&self) -> usize {
        self.next as usize
    }
}

/// The distinct series of some configurations, in order.
fn keys<S: FromSeries>(params: &[S::Params]) -> Vec<SeriesKey> {
    let all = params.iter().flat_map(|params| (0..S::SLOTS).map(move |slot| S::series(params, slot)));
    let mut keys: Vec<SeriesKey> = all.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The distinct pairs of series whose order some configurations ask for.
fn pairs<S: Swept>(params: &[S::Params]) -> Vec<(SeriesKey, SeriesKey)> {
    let Some((a, b)) = S::ORDER else { return Vec::new() };
    let mut pairs: Vec<_> = params.iter().map(|params| (S::series(params, a), S::series(params, b))).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Values of series, those of some beside each other: a value waits for the one before it, other series need not.
fn compute(keys: &[SeriesKey], bars: &[Bar]) -> Vec<Vec<f64>> {
    const ABREAST: usize = 8;
    let some = |keys: &[SeriesKey]| {
        let mut states: Vec<SeriesState> = keys.iter().map(|key| SeriesState::new(*key)).collect();
        let mut series: Vec<_> = keys.iter().map(|_| Vec::with_capacity(bars.len())).collect();
        for bar in bars {
            for (state, values) in states.iter_mut().zip(&mut series) {
                values.push(state.update(bar));
            }
        }
        series
    };
    keys.chunks(ABREAST).flat_map(some).collect()
}

impl<'h, S: Swept> Shared<'h, S> {
    /// What `new` would hold for these configurations.
    #[must_use]
    pub fn bytes_needed(history: &History, params: &[S::Params]) -> u64 {
        bytes::<S>(history, keys::<S>(params).len(), pairs::<S>(params).len(), params.len())
    }

    /// Computes what the configurations share.
    #[must_use]
    pub fn new(history: &'h History, params: &[S::Params]) -> Self {
        let (keys, pairs) = (keys::<S>(params), pairs::<S>(params));
        let at = |key: SeriesKey| keys.binary_search(&key).unwrap_or(usize::MAX);
        let series = compute(&keys, history.bars());
        let values = |key: SeriesKey| series.get(at(key)).map_or(&[][..], Vec::as_slice);
        let compared: Vec<_> = pairs.iter().map(|(a, b)| [values(*a), values(*b)]).collect();
        let orders = compare(&compared, history.len());
        let slots = |params: &S::Params| {
            let mut slots = Slots { series: [0; MAX_SLOTS], order: 0 };
            let series = slots.series.iter_mut().take(S::SLOTS).enumerate();
            series.for_each(|(slot, to)| *to = at(S::series(params, slot)) as u32);
            if let Some((a, b)) = S::ORDER {
                let pair = (S::series(params, a), S::series(params, b));
                slots.order = pairs.binary_search(&pair).unwrap_or(usize::MAX) as u32;
            }
            slots
        };
        let slots: Vec<Slots> = params.iter().map(slots).collect();
        let different = |slot: &usize| {
            let column = slots.iter().filter_map(|slots| slots.series.get(*slot));
            column.collect::<BTreeSet<_>>().len()
        };
        // Those of `ORDER` are read as bits.
        let is_read = |slot: &usize| S::ORDER.is_none_or(|(a, b)| *slot != a && *slot != b);
        let varied = (0..S::SLOTS).filter(is_read).max_by_key(different).unwrap_or(0);
        Self { history, keys, series, orders, params: params.to_vec(), slots, varied }
    }

    /// Memory that it holds, the history's apart.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        bytes::<S>(self.history, self.keys.len(), self.orders.len(), self.params.len())
    }

    /// The history.
    #[must_use]
    pub const fn history(&self) -> &'h History {
        self.history
    }

    /// The configurations, in the order of their numbers.
    #[must_use]
    pub fn params(&self) -> &[S::Params] {
        &self.params
    }

    /// The distinct series: keys and values, a value a bar.
    pub fn series(&self) -> impl ExactSizeIterator<Item = (SeriesKey, &[f64])> {
        self.keys.iter().zip(&self.series).map(|(key, values)| (*key, values.as_slice()))
    }

    /// The distinct pairs of series that stand in an order.
    pub fn orders(&self) -> impl ExactSizeIterator<Item = &[Order]> {
        self.orders.iter().map(Vec::as_slice)
    }

    /// Which of `orders` a configuration reads; where there are none, 0.
    #[must_use]
    pub fn order(&self, configuration: usize) -> u32 {
        self.slots.get(configuration).map_or(0, |slots| slots.order)
    }

    /// Which of `series` a configuration reads, by slot.
    #[must_use]
    pub fn slots(&self, configuration: usize) -> &[u32] {
        self.slots.get(configuration).and_then(|slots| slots.series.get(..S::SLOTS)).unwrap_or(&[])
    }

    /// The features of a configuration at a bar, warm-up over.
    #[must_use]
    pub fn features(&self, configuration: usize, bar: usize) -> Option<S::Features> {
        let past = self.history.past();
        let view = self.view(&past, self.slots.get(configuration)?);
        let at = self.history.bars().get(bar)?;
        Some(S::features(at, bar, |slot, bar| view.value(slot, bar)))
    }

    fn view<'a>(&'a self, past: &'a Past<'a>, slots: &Slots) -> View<'a> {
        let columns = slots.series.map(|at| self.series.get(at as usize).map_or(&[][..], Vec::as_slice));
        let order = self.orders.get(slots.order as usize).map_or(&[][..], Vec::as_slice);
        View { past, columns, order }
    }

    /// Lanes of some configurations, before the first bar: what bounds the memory in flight.
    #[must_use]
    pub fn begin(&self, rules: &RunRules, configurations: Range<usize>) -> Vec<Lane<S>> {
        let to = configurations.end.min(self.params.len());
        let lane = |i| Lane { configuration: i as u32, next: 0, run: Run::new(rules) };
        (configurations.start..to).map(lane).collect()
    }

    /// Takes lanes on to a bar, the history's end at most. Where it is cut into steps makes no difference.
    pub fn advance(&self, lanes: &mut [Lane<S>], rules: &RunRules, to: usize) {
        self.advance_with(lanes, rules, to, |_, _| ());
    }

    /// The same, with each fill and its configuration.
    pub fn advance_with(
        &self,
        lanes: &mut [Lane<S>],
        rules: &RunRules,
        to: usize,
        mut on_fill: impl FnMut(u32, &Fill),
    ) {
        let to = to.min(self.history.len());
        let from = lanes.iter().map(Lane::bars).min().unwrap_or(to);
        let past = self.history.past();
        // Those that read the same series follow each other, so that a series is still near when it is read again.
        let mut turns: Vec<usize> = (0..lanes.len()).collect();
        turns.sort_by_key(|at| lanes.get(*at).and_then(|lane| self.column(lane.configuration as usize)));
        for block in (from..to).step_by(BLOCK) {
            for turn in &turns {
                if let Some(lane) = lanes.get_mut(*turn) {
                    self.advance_lane(&past, lane, rules, (block + BLOCK).min(to), &mut on_fill);
                }
            }
        }
    }

    /// Of the series that a configuration reads, that of the slot with the most different ones.
    fn column(&self, configuration: usize) -> Option<u32> {
        self.slots(configuration).get(self.varied).copied()
    }

    fn advance_lane(
        &self,
        past: &Past<'_>,
        lane: &mut Lane<S>,
        rules: &RunRules,
        to: usize,
        on_fill: &mut impl FnMut(u32, &Fill),
    ) {
        let number = lane.configuration;
        let (Some(params), Some(slots)) = (self.params.get(number as usize), self.slots.get(number as usize)) else {
            return;
        };
        let from = lane.bars();
        if from < to {
            let on_fill = &mut |fill: &Fill| on_fill(number, fill);
            Skip::new(self.view(past, slots), params, rules).advance(&mut lane.run, from..to, on_fill);
            lane.next = to as u32;
        }
    }

    /// Runs some configurations over the whole history.
    #[must_use]
    pub fn run(&self, rules: &RunRules, configurations: Range<usize>) -> Vec<Summary> {
        let mut lanes = self.begin(rules, configurations);
        self.advance(&mut lanes, rules, self.history.len());
        lanes.iter().map(Lane::summary).collect()
    }
}

fn bytes<S: Strategy>(history: &History, series: usize, orders: usize, configurations: usize) -> u64 {
    let a_series = history.len() * size_of::<f64>() + size_of::<SeriesKey>();
    let a_configuration = size_of::<S::Params>() + size_of::<Slots>();
    let an_order = history.len().div_ceil(64) * size_of::<Order>();
    (series * a_series + orders * an_order + configurations * a_configuration) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_kernel::strategy::momentum::Momentum;

    #[test]
    fn a_lane_is_small() {
        assert!(size_of::<Lane<Momentum>>() <= 1024, "{} bytes", size_of::<Lane<Momentum>>());
    }
}
