//! The last values of a series.

use crate::digest::Digest;

/// A ring of the last `period` values, `period` at most `N`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window<const N: usize> {
    values: [f64; N],
    period: u32,
    count: u32,
    /// Where the next value goes; the oldest one stands there once the ring is full.
    next: u32,
}

impl<const N: usize> Window<N> {
    /// Of `period` values, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        let capacity = u32::try_from(N).unwrap_or(u32::MAX).max(1);
        Self { values: [0.0; N], period: period.clamp(1, capacity), count: 0, next: 0 }
    }

    /// Values that it holds when full.
    #[must_use]
    pub const fn period(&self) -> u32 {
        self.period
    }

    /// True once `period` values came.
    #[must_use]
    #[inline]
    pub const fn is_full(&self) -> bool {
        self.count == self.period
    }

    /// Takes the next value; the one that leaves for it, once full.
    #[inline]
    pub fn push(&mut self, x: f64) -> Option<f64> {
        let at = self.next as usize;
        self.next = if self.next + 1 >= self.period { 0 } else { self.next + 1 };
        let left = core::mem::replace(self.values.get_mut(at)?, x);
        if self.count == self.period {
            return Some(left);
        }
        self.count += 1;
        None
    }

    /// The values, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        let (newer, older) = self.values.split_at((self.next as usize).min(N));
        // Before the ring is full, nothing has been written at `next` and after.
        let older = if self.is_full() { older.get(..(self.period - self.next) as usize).unwrap_or(&[]) } else { &[] };
        older.iter().chain(newer).copied()
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.iter().fold(digest.u64(u64::from(self.period) << 32 | u64::from(self.count)), Digest::f64)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn keeps_the_last_in_order() {
        for period in 1..=5 {
            let mut window = Window::<5>::new(period);
            for i in 0..20u32 {
                let left = window.push(f64::from(i));
                assert_eq!(left, (i >= period).then(|| f64::from(i - period)));
                let from = (i + 1).saturating_sub(period);
                let expected: Vec<f64> = (from..=i).map(f64::from).collect();
                assert_eq!(window.iter().collect::<Vec<_>>(), expected);
                assert_eq!(window.is_full(), i + 1 >= period);
            }
        }
    }

    #[test]
    fn period_is_held_within_the_capacity() {
        assert_eq!(Window::<5>::new(0).period(), 1);
        assert_eq!(Window::<5>::new(9).period(), 5);
    }
}
