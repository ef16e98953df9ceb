//! Extremes of stretches of bars, in levels of ever longer ones, shared by all configurations: what lets a run pass
//! over bars in which nothing happens without looking at each.

use core::ops::Range;

use mesh_kernel::Bar;
use mesh_kernel::stretch::Watch;

/// Bars in a stretch of the lowest level.
pub const SHORT_LENGTH: usize = 8;
/// Bars in a stretch of the level above.
pub const LONG_LENGTH: usize = 64;

/// Extremes of some bars.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Extremes {
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Highest close.
    pub top: f64,
    /// Lowest close.
    pub bottom: f64,
}

impl Extremes {
    /// Of no bars.
    pub(crate) const NONE: Self =
        Self { high: f64::NEG_INFINITY, low: f64::INFINITY, top: f64::NEG_INFINITY, bottom: f64::INFINITY };

    #[inline]
    fn of(bar: &Bar) -> Self {
        Self { high: bar.high, low: bar.low, top: bar.close, bottom: bar.close }
    }

    #[inline]
    fn join(self, other: &Self) -> Self {
        Self { high: larger(self.high, other.high), low: smaller(self.low, other.low), ..self.with_closes(other) }
    }

    #[inline]
    fn with_closes(self, other: &Self) -> Self {
        Self { top: larger(self.top, other.top), bottom: smaller(self.bottom, other.bottom), ..self }
    }
}

/// One instruction each; no NaN comes here.
#[inline]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Extremes of the stretches of some bars. They begin at multiples of their length; those that the end would cut are
/// left out.
#[derive(Clone, Copy, Debug)]
pub struct Pyramid<'a> {
    /// Of stretches of [`SHORT_LENGTH`] bars.
    pub short: &'a [Extremes],
    /// Of stretches of [`LONG_LENGTH`] bars.
    pub long: &'a [Extremes],
}

/// What a pyramid is made of.
#[cfg(not(target_arch = "nvptx64"))]
#[derive(Clone, Debug)]
pub(crate) struct Stretches {
    short: Vec<Extremes>,
    long: Vec<Extremes>,
}

#[cfg(not(target_arch = "nvptx64"))]
impl Stretches {
    pub(crate) fn new(bars: &[Bar]) -> Self {
        let all = |of: &[Extremes]| of.iter().fold(Extremes::NONE, |a, b| a.join(b));
        let of_bars = |bars: &[Bar]| bars.iter().fold(Extremes::NONE, |a, bar| a.join(&Extremes::of(bar)));
        let short: Vec<_> = bars.chunks_exact(SHORT_LENGTH).map(of_bars).collect();
        let long = short.chunks_exact(LONG_LENGTH / SHORT_LENGTH).map(all).collect();
        Self { short, long }
    }

    pub(crate) const fn bytes(&self) -> usize {
        size_of_val(self.short.as_slice()) + size_of_val(self.long.as_slice())
    }

    pub(crate) fn pyramid(&self) -> Pyramid<'_> {
        Pyramid { short: &self.short, long: &self.long }
    }
}

/// A watch on its way, and the closes that it has passed.
struct Way<const SHORT: bool, const FOLLOWS: bool> {
    watch: Watch,
    closes: Extremes,
}

impl<const SHORT: bool, const FOLLOWS: bool> Way<SHORT, FOLLOWS> {
    /// Along some of the bars or stretches, to the first that may hold an event; which that is.
    #[inline]
    fn along<T>(&mut self, of: &[T], range: Range<usize>, extremes: impl Fn(&T) -> Extremes) -> usize {
        let mut at = range.start;
        for one in of.get(range).unwrap_or(&[]) {
            let one = extremes(one);
            if !self.watch.pass::<SHORT, FOLLOWS>(one.high, one.low) {
                break;
            }
            self.closes = self.closes.with_closes(&one);
            at += 1;
        }
        at
    }
}

impl Pyramid<'_> {
    /// Brings a watch on to the first bar that may hold an event, or to the end; where it stands. The closes on the
    /// way are joined to `closes`.
    #[inline]
    pub(crate) fn walk(&self, watch: &mut Watch, bars: &[Bar], range: Range<usize>, closes: &mut Extremes) -> usize {
        match (watch.is_short(), watch.follows()) {
            (false, false) => self.walk_as::<false, false>(watch, bars, range, closes),
            (false, true) => self.walk_as::<false, true>(watch, bars, range, closes),
            (true, false) => self.walk_as::<true, false>(watch, bars, range, closes),
            (true, true) => self.walk_as::<true, true>(watch, bars, range, closes),
        }
    }

    fn walk_as<const SHORT: bool, const FOLLOWS: bool>(
        &self,
        watch: &mut Watch,
        bars: &[Bar],
        range: Range<usize>,
        closes: &mut Extremes,
    ) -> usize {
        const SHORTS: usize = LONG_LENGTH / SHORT_LENGTH;
        let (mut at, end) = (range.start, range.end);
        let mut way = Way::<SHORT, FOLLOWS> { watch: *watch, closes: *closes };
        while at < end {
            // Up: to where a short stretch begins, to where a long one does, along those.
            let bar = way.along(bars, at..end.min(at.next_multiple_of(SHORT_LENGTH)), Extremes::of);
            let short = bar.div_ceil(SHORT_LENGTH)..end.min(bar.next_multiple_of(LONG_LENGTH)) / SHORT_LENGTH;
            let is_aligned = bar.is_multiple_of(SHORT_LENGTH);
            if !is_aligned {
                at = bar;
                break;
            }
            let mut short = way.along(self.short, short, |stretch| *stretch);
            if short.is_multiple_of(SHORTS) {
                let long = way.along(self.long, short / SHORTS..end / LONG_LENGTH, |stretch| *stretch);
                // And down: into the one that may hold an event.
                let ends = end.min((long + 1) * LONG_LENGTH) / SHORT_LENGTH;
                short = way.along(self.short, long * SHORTS..ends, |stretch| *stretch);
            }
            let single_end = end.min((short + 1) * SHORT_LENGTH);
            at = way.along(bars, short * SHORT_LENGTH..single_end, Extremes::of);
            if at < single_end {
                break;
            }
        }
        (*watch, *closes) = (way.watch, way.closes);
        at
    }

    /// A bar in the middle of more than one, at the begin of a stretch where they are many.
    pub(crate) const fn middle(range: Range<usize>) -> usize {
        let middle = range.start + (range.end - range.start) / 2;
        let begin = middle - middle % SHORT_LENGTH;
        if begin > range.start { begin } else { middle }
    }

    /// Extremes of some bars.
    pub(crate) fn extremes(&self, bars: &[Bar], range: Range<usize>) -> Extremes {
        let (mut at, mut all) = (range.start, Extremes::NONE);
        while at < range.end {
            let starts = |length: usize| at.is_multiple_of(length) && at + length <= range.end;
            let long = self.long.get(at / LONG_LENGTH).filter(|_| starts(LONG_LENGTH));
            let short = self.short.get(at / SHORT_LENGTH).filter(|_| starts(SHORT_LENGTH));
            let (length, next) = match (long, short, bars.get(at)) {
                (Some(long), ..) => (LONG_LENGTH, *long),
                (_, Some(short), _) => (SHORT_LENGTH, *short),
                (_, _, bar) => (1, bar.map_or(Extremes::NONE, Extremes::of)),
            };
            all = all.join(&next);
            at += length;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_of_any_range_are_those_of_its_bars() {
        let bar = |i: u32| {
            let close = f64::from(i * 7919 % 613 + i / 9);
            Bar { open: close, high: close + 2.0, low: close - 1.0, close, volume: 0.0 }
        };
        let bars: Vec<_> = (0..1200).map(bar).collect();
        let stretches = Stretches::new(&bars);
        let pyramid = stretches.pyramid();
        for (from, to) in [(0, 1200), (0, 1), (3, 9), (8, 16), (5, 600), (511, 1030), (1190, 1200)] {
            let found = pyramid.extremes(&bars, from..to);
            let top = bars[from..to].iter().map(|bar| bar.close).fold(f64::MIN, f64::max);
            let bottom = bars[from..to].iter().map(|bar| bar.close).fold(f64::MAX, f64::min);
            let expected = Extremes { high: top + 2.0, low: bottom - 1.0, top, bottom };
            assert_eq!(found, expected);
        }
    }
}
