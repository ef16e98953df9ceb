//! What a launch reads, laid out by the host in the order and the types that [`Job`] says.

use core::ops::Range;

use mesh_kernel::strategy::StrategyParams;
use mesh_sweep::pyramid::{Extremes, LONG_LENGTH, SHORT_LENGTH};
use mesh_sweep::{Shared, Swept};

use crate::layout::Job;

/// Bars of a word of bits: parts begin at multiples of it.
const WORD: usize = 64;
/// Words before the first section, so that no offset is 0.
const AHEAD: usize = 2;

/// A part of a history with the series of some configurations, as one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Part {
    words: Vec<u64>,
}

/// Most memory of a part: `a_word` for each 64 bars, `always` on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartBytes {
    /// For each 64 bars, or the rest of them.
    pub a_word: u64,
    /// On top.
    pub always: u64,
}

impl Part {
    /// What parts with so many series and orders need at most.
    #[must_use]
    pub const fn bytes(series: usize, orders: usize) -> PartBytes {
        // Bars, inputs and funding, of 8 bytes; ends of periods of 4; two levels of stretches; a pair of bits an order.
        let a_word = WORD * ((5 + 6 + 3 + series) * 8 + 4) + (WORD / SHORT_LENGTH + 1) * 32 + 2 * orders * 8;
        PartBytes { a_word: a_word as u64, always: ((AHEAD + 1) * 8) as u64 }
    }

    /// Lays out the bars of a range, which begins at a multiple of 64, and what comes before it that is looked back to. The
    /// job's addresses are offsets into `words`; see [`Job::based`].
    pub fn pack<S: Swept>(&mut self, shared: &Shared<'_, S>, bars: Range<usize>) -> Job {
        let past = shared.history().past();
        let base = bars.start.saturating_sub(crate::LOOK_BACK) / WORD * WORD;
        let (all, words) = (base..bars.end, base / WORD..bars.end.div_ceil(WORD));
        self.words.clear();
        self.words.resize(AHEAD, 0);
        let due = past.due.iter().filter(|due| all.contains(&(due.bar as usize)));
        let due = due.flat_map(|d| [d.bar - base as u64, d.settlement.rate as u64, d.settlement.mark_price.to_bits()]);
        let ends = past.period_ends.iter().filter(|end| all.contains(&(**end as usize)));
        let ends: Vec<u64> = ends.map(|end| u64::from(*end) - base as u64).collect();
        let numbers = |bar: &mesh_kernel::Bar| [bar.open, bar.high, bar.low, bar.close, bar.volume].map(f64::to_bits);
        let mut job = Job {
            bars: self.put(part(past.bars, all.clone()).iter().flat_map(numbers)),
            inputs: past.inputs.map(|column| {
                if column.is_empty() { 0 } else { self.put(part(column, all.clone()).iter().map(|x| x.to_bits())) }
            }),
            due: self.put(due),
            period_ends: self.put(ends.chunks(2).map(|pair| pair[0] | pair.get(1).map_or(0, |second| second << 32))),
            period_count: ends.len() as u64,
            count: all.len() as u64,
            first: (bars.start - base) as u64,
            before: base as u64,
            fits: u64::from(past.fits),
            ..Job::default()
        };
        job.due_count = (job.period_ends - job.due) / 24;
        (job.short, job.short_count) = self.stretches(past.pyramid.short, &all, SHORT_LENGTH);
        (job.long, job.long_count) = self.stretches(past.pyramid.long, &all, LONG_LENGTH);
        job.series = self.next();
        for (_, values) in shared.series() {
            self.put(part(values, all.clone()).iter().map(|x| x.to_bits()));
        }
        job.orders = self.next();
        for order in shared.orders() {
            self.put(part(order, words.clone()).iter().flatten().copied());
        }
        job
    }

    /// What was laid out.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    const fn next(&self) -> u64 {
        (self.words.len() * 8) as u64
    }

    fn put(&mut self, words: impl Iterator<Item = u64>) -> u64 {
        let at = self.next();
        self.words.extend(words);
        at
    }

    fn stretches(&mut self, all: &[Extremes], bars: &Range<usize>, length: usize) -> (u64, u64) {
        let stretches = part(all, bars.start / length..bars.end / length);
        let numbers = |e: &Extremes| [e.high, e.low, e.top, e.bottom].map(f64::to_bits);
        (self.put(stretches.iter().flat_map(numbers)), stretches.len() as u64)
    }
}

/// A part of a slice; as much of it as there is.
fn part<T>(of: &[T], range: Range<usize>) -> &[T] {
    of.get(range.start.min(of.len())..range.end.min(of.len())).unwrap_or(&[])
}

impl Job {
    /// With offsets turned into addresses.
    #[must_use]
    pub fn based(&self, base: u64) -> Self {
        let at = |offset: u64| if offset == 0 { 0 } else { base + offset };
        Self {
            bars: at(self.bars),
            inputs: self.inputs.map(at),
            due: at(self.due),
            period_ends: at(self.period_ends),
            short: at(self.short),
            long: at(self.long),
            series: at(self.series),
            orders: at(self.orders),
            ..*self
        }
    }
}

/// The parameters of configurations, by parameter.
#[must_use]
pub fn params<S: Swept>(shared: &Shared<'_, S>, order: &[usize]) -> Vec<f64> {
    let count = <S::Params as StrategyParams>::SPEC.len();
    let mut packed = vec![0.0; count * order.len()];
    for (at, params) in order.iter().filter_map(|number| shared.params().get(*number)).enumerate() {
        let mut cells = packed.iter_mut().skip(at).step_by(order.len());
        params.for_each_value(|value| {
            if let Some(cell) = cells.next() {
                *cell = value;
            }
        });
    }
    packed
}

/// Which series they read, by slot, and which order.
#[must_use]
pub fn columns<S: Swept>(shared: &Shared<'_, S>, order: &[usize]) -> Vec<u32> {
    let mut packed = vec![0; (S::SLOTS + 1) * order.len()];
    for (at, number) in order.iter().enumerate() {
        let cells = packed.iter_mut().skip(at).step_by(order.len());
        let columns = shared.slots(*number).iter().copied().chain([shared.order(*number)]);
        cells.zip(columns).for_each(|(cell, column)| *cell = column);
    }
    packed
}
