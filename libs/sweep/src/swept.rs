//! What a strategy must say, 64 bars at a time, so that a sweep need not ask it about every bar.
//!
//! Words may hold bits too many: those bars are taken one by one. Of those asked about, the first that belongs there is
//! never missing; only it is looked at.

use mesh_kernel::strategy::series::FromSeries;
use mesh_kernel::{Bar, Side};

use crate::past::Past;
use crate::vectors::bits_where;

/// Most series that a configuration reads.
pub const MAX_SLOTS: usize = 8;

/// A strategy that can be swept.
pub trait Swept: FromSeries {
    /// Two slots whose order is a signal: it is computed once for each pair of series.
    const ORDER: Option<(usize, usize)> = None;

    /// Bars of a word, those of `asked`, in which a flat one may enter.
    fn enter(view: &View<'_>, params: &Self::Params, word: usize, asked: u64) -> u64;

    /// Bars of a word, those of `asked`, in which the signal may end a position of a side.
    fn leave(view: &View<'_>, params: &Self::Params, side: Side, word: usize, asked: u64) -> u64;

    /// The features at a bar, warm-up over, as far as what is done depends on them.
    #[inline]
    fn features_to_act_on(view: &View<'_>, bar: &Bar, at: usize) -> Self::Features {
        Self::features(bar, at, |slot, at| view.value(slot, at))
    }

    /// What `Strategy::rests` says of a bar, the memory that counts taken along.
    fn passes(&mut self, _: &View<'_>, _: &Self::Params, _bar: usize, _held: Side, _adds: bool) -> bool {
        false
    }

    /// True where the signal has a memory that counts.
    fn remembers(params: &Self::Params) -> bool {
        let _ = params;
        false
    }

    /// Where it `remembers`: brings the signal's memory, that before bar `since`, to that before bar `at`.
    fn remember(&mut self, view: &View<'_>, params: &Self::Params, since: usize, at: usize) {
        let _ = (view, params, since, at);
    }
}

/// Which of two series stands above the other, a bit a bar, 64 bars to a word: where the first is above the second, and
/// where below.
pub type Order = [u64; 2];

/// The series of one configuration, and the history.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The history.
    pub past: &'a Past<'a>,
    /// Its series, by slot.
    pub columns: [&'a [f64]; MAX_SLOTS],
    /// That of its two series of `ORDER`.
    pub order: &'a [Order],
}

impl View<'_> {
    /// A value of a slot's series.
    #[must_use]
    #[inline]
    pub fn value(&self, slot: usize, bar: usize) -> f64 {
        self.columns.get(slot).and_then(|column| column.get(bar)).copied().unwrap_or(0.0)
    }

    /// Bars of a word where the first series of `ORDER` stands above the second, and below it.
    #[must_use]
    #[inline]
    pub fn order(&self, word: usize) -> Order {
        self.order.get(word).copied().unwrap_or([0; 2])
    }

    /// Bars of a word where it has just come to stand above, and below.
    #[must_use]
    #[inline]
    pub fn crossings(&self, word: usize) -> Order {
        let [above, below] = self.order(word);
        let [was_above, was_below] = word.checked_sub(1).map_or([0; 2], |before| self.order(before));
        [above & !(above << 1 | was_above >> 63), below & !(below << 1 | was_below >> 63)]
    }

    /// Bars of a word that pass a test of a slot's value.
    #[inline]
    pub fn where_slot(&self, slot: usize, word: usize, test: impl Fn(f64) -> bool) -> u64 {
        where_value(self.columns.get(slot).copied().unwrap_or(&[]), word, test)
    }
}

/// Bars of a word whose values pass a test; none beyond the end.
#[inline]
pub fn where_value(values: &[f64], word: usize, test: impl Fn(f64) -> bool) -> u64 {
    bits_where([values.get(word * 64..).unwrap_or(&[])], |[value]| test(value))
}

/// Whether a word's 64 bars are tested at once for the price of some: in vectors. A GPU's thread has none.
pub(crate) const HAS_VECTORS: bool = !cfg!(target_arch = "nvptx64");

/// The first bit of a word that passes a test of its bar; none where none does.
#[inline]
pub(crate) fn first_bar(bits: u64, word: usize, test: impl Fn(usize) -> bool) -> u64 {
    let mut left = bits;
    while left != 0 {
        let bit = left & left.wrapping_neg();
        if test(word * 64 + left.trailing_zeros() as usize) {
            return bit;
        }
        left ^= bit;
    }
    0
}
