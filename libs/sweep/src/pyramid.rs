//! Extremes of stretches of bars, in levels of ever longer ones, shared by all configurations: what lets a run pass
//! over bars in which nothing happens without looking at each.

use core::ops::Range;

use mesh_kernel::Bar;
use mesh_kernel::stretch::{Closes, Watch};

/// Bars in a stretch of each level.
const LENGTHS: [usize; 3] = [8, 64, 512];

#[derive(Clone, Copy, Debug)]
struct Extremes {
    high: f64,
    low: f64,
}

/// Stretches begin at multiples of their length; those that the end would cut are left out.
#[derive(Clone, Debug)]
pub(crate) struct Pyramid {
    extremes: [Vec<Extremes>; 3],
    closes: [Vec<Closes>; 3],
    /// Closes in ticks, a bar each.
    ticks: Vec<i64>,
}

/// Joins what lies in each stretch.
fn levels<T: Copy>(of: &[T], join: impl Fn(T, T) -> T) -> [Vec<T>; 3] {
    let joined = |of: &[T], length: usize| -> Vec<T> {
        of.chunks_exact(length).filter_map(|stretch| stretch.iter().copied().reduce(&join)).collect()
    };
    let first = joined(of, LENGTHS[0]);
    let second = joined(&first, LENGTHS[1] / LENGTHS[0]);
    let third = joined(&second, LENGTHS[2] / LENGTHS[1]);
    [first, second, third]
}

impl Pyramid {
    pub(crate) fn new(bars: &[Bar], ticks: Vec<i64>) -> Self {
        let extremes: Vec<_> = bars.iter().map(|bar| Extremes { high: bar.high, low: bar.low }).collect();
        let ones: Vec<_> = ticks.iter().map(|ticks| Closes::one(*ticks)).collect();
        let join = |a: Extremes, b: Extremes| Extremes { high: a.high.max(b.high), low: a.low.min(b.low) };
        Self { extremes: levels(&extremes, join), closes: levels(&ones, |a, b| a.then(&b)), ticks }
    }

    pub(crate) fn bytes(&self) -> usize {
        let extremes: usize = self.extremes.iter().map(|level| size_of_val(level.as_slice())).sum();
        let closes: usize = self.closes.iter().map(|level| size_of_val(level.as_slice())).sum();
        extremes + closes + size_of_val(self.ticks.as_slice())
    }

    /// The close of a bar, in ticks.
    #[inline]
    pub(crate) fn close(&self, bar: usize) -> i64 {
        self.ticks.get(bar).copied().unwrap_or(0)
    }

    /// Brings a watch on to the first bar that may hold an event, or to the end; where it stands.
    #[inline]
    pub(crate) fn walk(&self, watch: &mut Watch, bars: &[Bar], range: Range<usize>) -> usize {
        let mut at = range.start;
        'bars: while at < range.end {
            for (length, level) in LENGTHS.into_iter().zip(&self.extremes).rev() {
                if at.is_multiple_of(length)
                    && at + length <= range.end
                    && let Some(stretch) = level.get(at / length)
                    && watch.pass(length as u32, stretch.high, stretch.low)
                {
                    at += length;
                    continue 'bars;
                }
            }
            match bars.get(at) {
                Some(bar) if watch.pass(1, bar.high, bar.low) => at += 1,
                _ => return at,
            }
        }
        range.end
    }

    /// The closes of some bars, at least one.
    #[inline]
    pub(crate) fn closes(&self, range: Range<usize>) -> Closes {
        let mut all = Closes::one(self.close(range.start));
        let mut at = range.start + 1;
        'bars: while at < range.end {
            for (length, level) in LENGTHS.into_iter().zip(&self.closes).rev() {
                if at.is_multiple_of(length)
                    && at + length <= range.end
                    && let Some(stretch) = level.get(at / length)
                {
                    all = all.then(stretch);
                    at += length;
                    continue 'bars;
                }
            }
            all = all.then(&Closes::one(self.close(at)));
            at += 1;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_of_any_range_are_those_of_its_bars() {
        let ticks: Vec<i64> = (0..1200).map(|i: i64| (i * 7919) % 613 - 300 + i / 9).collect();
        let bar = |t: &i64| Bar { open: 1.0, high: *t as f64, low: *t as f64, close: 1.0, volume: 0.0 };
        let bars: Vec<_> = ticks.iter().map(bar).collect();
        let pyramid = Pyramid::new(&bars, ticks.clone());
        for (from, to) in [(0, 1200), (0, 1), (3, 9), (8, 16), (5, 600), (511, 1030), (1190, 1200)] {
            let plain = ticks[from..to].iter().map(|t| Closes::one(*t)).reduce(|a, b| a.then(&b));
            assert_eq!(Some(pyramid.closes(from..to)), plain);
        }
    }
}
